"""Many more words for the same questions; and some that no stage of the training sees.

``[a|b]`` stands for either, see :func:`spelled`; the blanks are those of :mod:`baselines.training.judge.wording`.
"""

from __future__ import annotations

import re
from itertools import product

from baselines.training.judge.wording import Pair

_SEEN = "[there|shown|visible|on view|to be seen]"
_ADVERT = "[picture|image|advert|edit|result]"
_SOMEBODY = "[somebody|someone|the editor|anybody]"
_LOOKER = "[you|one|we|I|anyone|a viewer]"
_LEAST = "[at least {n}|{n} or more|no fewer than {n}|not less than {n}|a minimum of {n}]"
_MOST = "[at most {n}|{n} or fewer|no more than {n}|not more than {n}|a maximum of {n}|up to {n}]"
_RANGE = "[at least {m} and at most {n}|between {m} and {n}|no fewer than {m} and no more than {n}|{m} to {n}]"
_GROUND = "[background|backdrop|ground|scenery]"
_FRONT = "[before|in front of|against]"
_TEXT = "[text|title|lettering|writing|slogan|caption|headline]"

WIDER: dict[str, Pair] = {
    "absent": (
        (
            f"[Has|Have|Did] {_SOMEBODY} [removed|deleted|erased|taken out|cut out|wiped out|thrown out] the {{x}}?",
            "[Was|Is] the {x} [deleted|erased|taken out|cut out|wiped out|thrown out|gone for good]?",
            "Has the {x} [vanished|disappeared|left|been deleted|been erased|been got rid of] [now|after the edit]?",
            "Did the {x} [vanish|go away|get lost]?",
            "[Have they|Did they|Did you] [got|get] rid of the {x}?",
            "Is the {x} no longer [there|visible|on view|in the picture]?",
            "Is no {x} [shown|visible|on view|left|to be found]?",
            "Is there [no longer a|not a single|nothing left of the] {x}?",
            f"Does the {_ADVERT} [lack|do without|no longer show] the {{x}}?",
            "Would you [agree|think] that there is no {x} any longer?",
            "Is it right that the {x} is not there [any longer|now]?",
            "Would one look for the {x} in vain?",
            "Is the place of the {x} empty or taken by something else?",
        ),
        (
            f"[Can|Could] {_LOOKER} [spot|notice|find|make out|point at] the {{x}}?",
            f"Is the {{x}} [still|yet] {_SEEN}?",
            f"Does the {_ADVERT} [contain|include|have|hold] a {{x}}?",
            "Is a {x} [shown|on view|to be found] [anywhere|somewhere]?",
            "Did they forget to remove the {x}?",
            "Would you say that a {x} is there?",
        ),
    ),
    "banned": (
        (
            "Is the {x} gone from the edited picture, and is no new {l} in it?",
            "Is the {x} gone from the edited picture, and is no new {l} in it?",
            "Is this true of the edited picture: no {x} and no new {l}?",
            "no {x} and no new {l}",
            "[Was|Has] the {x} [removed|taken away|been removed] without [any|a] new {l} being [put in|added]?",
            "Is the {x} [gone|not there any more], and is [nothing new|no new thing] [of|one of] these: {l}?",
            "Did the {x} disappear, and did no new {l} [appear|come]?",
            "Is there no {x} any more, and no {l} that was not there before?",
            "Was the {x} [removed|deleted|erased], and was no {l} [added|inserted|put in its place]?",
            f"Does the {_ADVERT} no longer show the {{x}}, nor any new {{l}}?",
        ),
        (
            "Is the {x} still there, or is there any new {l}?",
            "Was the {x} left in, or was {l} [added|put in its place]?",
            f"[Can|Could] {_LOOKER} see the {{x}}, or any {{l}} that was not there before?",
            "Is there still a {x}, or has any new {l} [come|appeared]?",
        ),
    ),
    "present": (
        (
            f"Are {_LEAST} of [the following|these] {_SEEN}: {{l}}?",
            f"Are {_LEAST} of {{l}} [there|shown|visible|on view]?",
            f"Does the {_ADVERT} [hold|contain|include|show|have] {_LEAST} of [the following|these]: {{l}}?",
            f"[Can|Could] {_LOOKER} [count|find|spot|see|make out] {_LEAST} of {{l}}?",
            f"Would you say that {_LEAST} of {{l}} are there?",
            f"Do [they|we] [get|have|see] {_LEAST} of {{l}} [here|now]?",
            "Is the number of {l} {n} or [more|higher|greater]?",
            "Is {n} or more the number of {l}?",
            "{n} or more of {l}",
        ),
        (
            "Are there less than {n} of {l}?",
            "Do fewer than {n} of {l} [appear|show up]?",
            f"Does the {_ADVERT} [fall short of|have less than|lack] {{n}} of {{l}}?",
            "Is the number of {l} [lower|smaller|less] than {n}?",
            "Are there not even {n} of {l}?",
        ),
    ),
    "any": (
        (
            f"[Can|Could] {_LOOKER} [see|find|spot|notice] {{l}} [anywhere|here|in the advert]?",
            f"Does the {_ADVERT} [include|contain|have|hold] {{l}}?",
            "[Is|Are] {l} [shown|included|visible|on view|to be seen] [here|now]?",
            f"Did {_SOMEBODY} [add|insert|put in|place|include] {{l}}?",
            "Were any {l} [included|added|inserted]?",
        ),
        (
            "[Is|Are] {l} [missing|absent|left out|nowhere to be found]?",
            f"Does the {_ADVERT} [lack|do without] {{l}}?",
            "Is no {l} [shown|there|to be found]?",
        ),
    ),
    "count": (
        (
            f"Are {_MOST} of [the following|these] {_SEEN}: {{l}}?",
            f"Are {_MOST} of {{l}} [there|shown|visible|left over|on view]?",
            f"Does the {_ADVERT} [hold|contain|include|show|have] {_MOST} of [the following|these]: {{l}}?",
            f"[Can|Could] {_LOOKER} [count|find|spot|see|make out] {_MOST} of {{l}}?",
            "Is the number of {l} {n} or [less|fewer|lower|smaller]?",
            "Is the number of {l} limited to {n}?",
            "Is {n} the [largest number|maximum] of {l} here?",
            "{n} or fewer of {l}",
        ),
        (
            "Does the number of {l} [exceed|go beyond] {n}?",
            "Are there over {n} of {l}?",
            "Is the number of {l} [greater|larger|higher] than {n}?",
            f"[Can|Could] {_LOOKER} [count|find|spot|see] more than {{n}} of {{l}}?",
        ),
    ),
    "span": (
        (
            f"Are {_RANGE} of {{l}} [there|shown|visible|left over|on view]?",
            f"Are {_RANGE} of [the following|these] {_SEEN}: {{l}}?",
            f"Does the {_ADVERT} [hold|contain|include|show|have] {_RANGE} of [the following|these]: {{l}}?",
            "Is the number of {l} [from {m} to {n}|at least {m} but no more than {n}|from {m} up to {n}]?",
        ),
        (
            "Is the number of {l} [below {m} or above {n}|not between {m} and {n}|outside {m} to {n}]?",
            "Are there less than {m} or over {n} of {l}?",
        ),
    ),
    "color": (
        (
            "Is the [colour|color] of the {x} [now|] {c}?",
            "[Was|Has] the {x} [painted|dyed|made|turned|recoloured|given the colour] {c}?",
            "Has the {x} been [painted|dyed|made|turned|recoloured] {c}?",
            f"Did {_SOMEBODY} [dye|colour|make|turn|recolour] the {{x}} {{c}}?",
            f"[Can|Do] {_LOOKER} see [a {{c}} {{x}}|the {{x}} in {{c}}]?",
            "Would you describe the {x} as {c}?",
            "Is it right to say that the {x} is {c}?",
            "Is [{c}|{c} now] the [colour|color] of the {x}?",
            "Does the {x} [look|appear|seem] {c}?",
            "Should one call {c} the colour of the {x}?",
            "Was {c} paint put on the {x}?",
        ),
        (
            "Is the {x} [not|anything but|far from] {c}?",
            "Is the [colour|color] of the {x} [different from|other than|not] {c}?",
            "Would it be wrong to say that the {x} is {c}?",
            "Did the {x} not [turn|become] {c}?",
        ),
    ),
    "background": (
        (
            f"Is [the scene|the advert|everything] set {_FRONT} {{l}}?",
            f"[Are|Do] the things [placed|shown|standing|stand] {_FRONT} {{l}}?",
            f"Does the {_GROUND} [show|look like|consist of|have] {{l}}?",
            f"Is the {_GROUND} [now|] {{l}}?",
            f"[Do|Can] {_LOOKER} see {{l}} [behind the things|behind the objects|at the back|in the background]?",
            f"[Was|Has] the {_GROUND} [changed|swapped|replaced|turned] [to|into|with|for] {{l}}?",
            "Are you looking at {l} in the background?",
            "Does everything take place [before|in front of] {l}?",
        ),
        (
            f"Is the {_GROUND} [not|none of|anything but] {{l}}?",
            "Does something other than {l} [form|make] the background?",
            "Is anything but {l} behind the things?",
        ),
    ),
    "background_color": (
        (
            f"Is the {_GROUND} [now|] {{c}}?",
            f"Is the [colour|color] of the {_GROUND} {{c}}?",
            f"[Was|Has] the {_GROUND} [painted|made|turned|dyed|recoloured] {{c}}?",
            f"Does the {_ADVERT} have a {{c}} {_GROUND}?",
            f"[Are|Do] the things [shown|set|placed|stand] [on|against|before] a {{c}} {_GROUND}?",
            "Do you see {c} behind the things?",
            f"Would you describe the {_GROUND} as {{c}}?",
            "Should one call {c} the colour at the back?",
        ),
        (
            f"Is the {_GROUND} [not|anything but] {{c}}?",
            f"Is the [colour|color] of the {_GROUND} [different from|other than|not] {{c}}?",
        ),
    ),
    "headline": (
        (
            "Is {q} [printed|to be read] [there|in the picture|at the top|here]?",
            "Is {q} written [there|in the picture|as the headline|here]?",
            "Do the [letters|words] [say|read] {q}?",
            f"Does the {_TEXT} [say|read|spell|state|show] {{q}}?",
            f"Is the {_TEXT} [now|] {{q}}?",
            f"[Can|Could] {_LOOKER} read {{q}} [there|on the advert|in the picture]?",
            f"[Was|Has] the {_TEXT} [changed|rewritten|set|turned] [to|into] {{q}}?",
            "Has {q} been written [there|on it]?",
            "Is {l} the [headline|title|text]?",
            "Do large words say {l}?",
        ),
        (
            "Is [something|anything] other than {q} [written|printed] there?",
            f"Does the {_TEXT} [not say|differ from] {{q}}?",
            f"Is the {_TEXT} [different from|not|anything but] {{q}}?",
        ),
    ),
    "tone": (
        (
            "Is the [overall|general] [look|style|feel|appearance|mood] {t}?",
            "Did the [edit|editor|change] make the [whole|entire] [picture|image|advert] {t}?",
            "Is everything [more {t}|{t}] [now|than before]?",
            "Has the [look|style|mood|appearance|impression] become {t}?",
            "Was [everything|the image|the photo|the advert] made {t}?",
            "Does the [image|whole|advert|picture] [appear|seem|look] {t} [now|compared with before]?",
            "Would you describe the [look|style|whole] as {t}?",
            "Does the edit give a {t} impression?",
        ),
        (
            "Is the [look|style|whole picture] [not|anything but] {t}?",
            "Did the edit [fail to|not] make the picture {t}?",
            "Does the [picture|image|whole] not look {t}?",
        ),
    ),
    "kept": (
        (
            "Was the {x} [kept|preserved|spared|left alone|left in peace|not touched]?",
            "Is the {x} [untouched|intact|preserved|identical|as it was|exactly as before]?",
            "Did the {x} [stay|remain] [the same|as it was|unchanged|intact|in peace]?",
            "Does the {x} look [identical|exactly the same|as before] in both [pictures|images]?",
            f"Did {_SOMEBODY} leave the {{x}} alone?",
            "Did the {x} survive?",
            "Has nothing happened to the {x}?",
            "Did nobody change the {x}?",
        ),
        (
            "[Was|Has] the {x} [modified|edited|touched|moved|damaged|altered]?",
            f"Did {_SOMEBODY} [touch|change|alter|modify|edit|move] the {{x}}?",
            "Does the {x} look different [now|from before]?",
            "Has something happened to the {x}?",
        ),
    ),
    "quality": (
        (
            f"Is the {_ADVERT} [free of|without] [damage|smears|seams|artefacts|traces|leftovers|flaws]?",
            f"Does the {_ADVERT} look [clean|neat|tidy|flawless|natural|whole]?",
            "Is there no [damage|smear|seam|trace|artefact|flaw]?",
            "Was the edit done [cleanly|neatly|well]?",
        ),
        (
            "Is there [any|some] [damage|smear|seam|artefact|trace|flaw]?",
            f"Does the {_ADVERT} show [damage|smears|seams|artefacts|traces|flaws]?",
            f"Is the {_ADVERT} [messy|damaged|spoiled|broken]?",
            "Are [parts|things] [smeared|half removed|broken]?",
        ),
    ),
}
"""Questions beside those of :data:`baselines.training.judge.wording.TAUGHT`."""

FRAMES = (
    "after the edit:",
    "look closely.",
    "look at both pictures.",
    "compare the two pictures.",
    "please say yes or no:",
    "please answer:",
    "tell me:",
    "in the second picture:",
    "once more:",
    "question:",
    "what do you think?",
    "be honest.",
)
"""What may come before a question."""

DISPENSABLE = frozenset(
    [
        "advert",
        "agree",
        "agreed",
        "anyone",
        "edit",
        "editor",
        "following",
        "get",
        "here",
        "image",
        "its",
        "just",
        "on",
        "one",
        "original",
        "result",
        "right",
        "say",
        "shown",
        "somebody",
        "someone",
        "still",
        "that",
        "then",
        "they",
        "think",
        "us",
        "view",
        "viewer",
        "we",
        "would",
        "could",
        "should",
    ]
)
"""Further words without which a question can still be understood."""

STRANGELY: dict[str, str] = {
    "absent": "Have we seen off the {x} altogether?",
    "banned": "Have we seen off the {x} altogether, sans freshly arrived {l}?",
    "present": "Does the artwork display {n} plus examples from: {l}?",
    "color": "Is {c} the hue that the {x} sports?",
    "background": "Do objects float over some kind of {l}?",
    "background_color": "Does {c} dominate the canvas underneath?",
    "headline": "Does the banner proclaim {q}?",
    "tone": "Has a {t} filter been applied throughout?",
    "count": "Will {n} suffice to tally every one of {l}?",
    "kept": "Is the {x} pristine, that is, unaffected?",
}
"""Free wordings with words that the vocabulary does not have, for the measurement alone."""

RELATED: dict[str, str] = {
    "new": "added",
    "come": "added",
    "appeared": "added",
    "nor": "no",
    "vanish": "disappear",
    "vanished": "disappear",
    "disappeared": "disappear",
    "deleted": "removed",
    "erased": "removed",
    "rid": "removed",
    "wiped": "removed",
    "thrown": "removed",
    "lost": "missing",
    "remove": "removed",
    "lack": "missing",
    "longer": "more",
    "spot": "see",
    "notice": "see",
    "find": "see",
    "found": "seen",
    "make": "see",
    "shown": "visible",
    "include": "contain",
    "included": "added",
    "inserted": "added",
    "insert": "put",
    "hold": "contain",
    "advert": "picture",
    "image": "picture",
    "images": "pictures",
    "result": "picture",
    "following": "these",
    "less": "fewer",
    "lower": "below",
    "smaller": "below",
    "minimum": "least",
    "maximum": "most",
    "exceed": "above",
    "over": "above",
    "greater": "above",
    "larger": "above",
    "higher": "above",
    "short": "below",
    "painted": "coloured",
    "dyed": "coloured",
    "recoloured": "coloured",
    "dye": "turn",
    "recolour": "turn",
    "color": "colour",
    "differ": "other",
    "backdrop": "background",
    "ground": "background",
    "scenery": "background",
    "title": "headline",
    "lettering": "headline",
    "slogan": "headline",
    "caption": "headline",
    "writing": "headline",
    "written": "read",
    "spell": "read",
    "state": "read",
    "printed": "read",
    "style": "look",
    "mood": "look",
    "impression": "look",
    "appearance": "look",
    "seem": "look",
    "entire": "whole",
    "overall": "whole",
    "general": "whole",
    "intact": "unchanged",
    "untouched": "unchanged",
    "preserved": "unchanged",
    "identical": "same",
    "exactly": "just",
    "spared": "unchanged",
    "survive": "remain",
    "stay": "remain",
    "touched": "altered",
    "modified": "altered",
    "change": "changed",
    "modify": "altered",
    "flaws": "damage",
    "flaw": "damage",
    "artefacts": "smears",
    "artefact": "smears",
    "traces": "leftovers",
    "trace": "leftovers",
    "smear": "smears",
    "seam": "seams",
    "smeared": "smears",
    "neat": "clean",
    "tidy": "clean",
    "flawless": "clean",
    "neatly": "clean",
    "cleanly": "clean",
    "messy": "damage",
    "broken": "damage",
    "somebody": "you",
    "someone": "you",
    "could": "can",
    "would": "can",
}
"""Words with whose embeddings others begin that a model did not know; the rest begin as the unknown word."""


def spelled(text: str) -> list[str]:
    """Every sentence that a text with choices stands for."""
    pieces = [piece.split("|") for piece in re.split(r"\[([^\]]*)\]", text)]
    return [re.sub(r" +", " ", "".join(chosen)).replace(" ?", "?") for chosen in product(*pieces)]
