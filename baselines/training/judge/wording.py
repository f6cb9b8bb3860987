"""In which words the judge is asked while it learns, and others that it never sees before it is measured.

In a question, ``{x}`` is a thing, ``{l}`` a list of things, kinds or texts, ``{n}`` and ``{m}`` are numbers, ``{c}`` a
colour, ``{t}`` a look. The answer to a question of the second list of each pair is the other way round.
"""

from __future__ import annotations

Pair = tuple[tuple[str, ...], tuple[str, ...]]

TAUGHT: dict[str, Pair] = {
    "absent": (
        (
            "Is the {x} gone from the edited picture?",
            "Is the {x} gone from the edited picture?",
            "Is this true of the edited picture: no {x}?",
            "no {x}",
            "Is there no {x} any more?",
            "Has the {x} been removed?",
            "Has the {x} been taken away?",
            "Did the {x} disappear?",
            "Is the picture free of the {x}?",
            "Is the {x} missing now?",
            "Was the {x} removed or replaced by something else?",
            "Is it true that the picture does not show a {x}?",
        ),
        (
            "Is the {x} still there?",
            "Is there a {x} in the picture?",
            "Does the edited picture show a {x}?",
            "Can you see the {x}?",
            "Does the {x} remain in the second picture?",
            "Is a {x} visible?",
            "Was the {x} left in?",
        ),
    ),
    "present": (
        (
            "Does the edited picture show at least {n} of these: {l}?",
            "Does the edited picture show at least {n} of these: {l}?",
            "Is this true of the edited picture: at least {n} of {l}?",
            "at least {n} of {l}",
            "Are there at least {n} of {l}?",
            "Can you see {n} or more of {l}?",
            "Does the picture contain {n} or more things that are {l}?",
            "Do {n} or more of these appear: {l}?",
            "Is it true that at least {n} of {l} can be seen?",
        ),
        (
            "Are there fewer than {n} of {l}?",
            "Does the edited picture show fewer than {n} of these: {l}?",
            "Is the number of {l} below {n}?",
        ),
    ),
    "any": (
        (
            "Is there any {l} in the edited picture?",
            "Does the picture show {l}?",
            "Has {l} been put in?",
            "Was {l} added?",
            "Can you see any {l}?",
            "Does {l} appear in the second picture?",
        ),
        (
            "Is there no {l} at all?",
            "Is the picture without {l}?",
            "Does the edited picture show none of these: {l}?",
        ),
    ),
    "count": (
        (
            "Does the edited picture show at most {n} of these: {l}?",
            "Does the edited picture show at most {n} of these: {l}?",
            "Is this true of the edited picture: at most {n} of {l}?",
            "at most {n} of {l}",
            "Are there no more than {n} of {l}?",
            "Can you see {n} or fewer of {l}?",
            "Is the number of {l} at most {n}?",
        ),
        (
            "Are there more than {n} of {l}?",
            "Does the edited picture show more than {n} of these: {l}?",
            "Is the number of {l} above {n}?",
        ),
    ),
    "span": (
        (
            "Does the edited picture show at least {m} and at most {n} of these: {l}?",
            "Does the edited picture show at least {m} and at most {n} of these: {l}?",
            "at least {m} and at most {n} of {l}",
            "Does the edited picture show {m} to {n} of these: {l}?",
            "Is the number of {l} between {m} and {n}?",
        ),
        ("Are there fewer than {m} or more than {n} of {l}?",),
    ),
    "color": (
        (
            "Is the {x} {c} in the edited picture?",
            "Is the {x} {c} in the edited picture?",
            "Is this true of the edited picture: the {x} is {c}?",
            "the {x} is {c}",
            "Has the {x} become {c}?",
            "Did the {x} turn {c}?",
            "Is there a {c} {x}?",
            "Does the picture show the {x} in {c}?",
            "Was the {x} coloured {c}?",
        ),
        (
            "Is the {x} of another colour than {c}?",
            "Does the {x} have a colour other than {c}?",
        ),
    ),
    "background": (
        (
            "Is the background of the edited picture now one of these: {l}?",
            "Is the background of the edited picture now one of these: {l}?",
            "Is this true of the edited picture: background: {l}?",
            "background: {l}",
            "Does the background show {l}?",
            "Is {l} the background?",
            "Has the background become {l}?",
            "Is {l} behind the things now?",
        ),
        (
            "Is the background something other than {l}?",
            "Is the background none of these: {l}?",
        ),
    ),
    "background_color": (
        (
            "Is the background of the edited picture {c}?",
            "Is the background of the edited picture {c}?",
            "Is this true of the edited picture: the background is {c}?",
            "the background is {c}",
            "Has the background become {c}?",
            "Does the picture have a {c} background?",
            "Was the background coloured {c}?",
        ),
        (
            "Is the background of another colour than {c}?",
            "Does the background have a colour other than {c}?",
        ),
    ),
    "headline": (
        (
            "Does the headline of the edited picture read {q}?",
            "Does the headline of the edited picture read {q}?",
            "Is this true of the edited picture: headline: {l}?",
            "headline: {l}",
            "Does the headline say {q}?",
            "Is the text {q}?",
            "Has the headline been changed to {q}?",
            "Does it read {l}?",
        ),
        (
            "Does the headline say something other than {q}?",
            "Is the headline none of these: {q}?",
        ),
    ),
    "tone": (
        (
            "Has the picture as a whole become {t}?",
            "Has the picture as a whole become {t}?",
            "Is this true of the edited picture: the picture is {t}?",
            "the picture is {t}",
            "Was the whole picture made {t}?",
            "Does the edited picture look {t}?",
            "Is the second picture {t} compared with the first?",
            "Did the look become {t}?",
        ),
        (
            "Is the look of the picture other than {t}?",
            "Was the picture not made {t}?",
        ),
    ),
    "kept": (
        (
            "Is the {x} the same in both pictures?",
            "Is the {x} the same in both pictures?",
            "Is the {x} unchanged?",
            "Was the {x} left as it was?",
            "Is the {x} just as before?",
            "Does the {x} look the same as in the first picture?",
        ),
        (
            "Has the {x} been changed?",
            "Is the {x} different now?",
            "Was the {x} altered or removed?",
        ),
    ),
    "quality": (
        (
            "Is the edited picture free of damage, such as smears, seams and half-removed things?",
            "Is the edited picture free of damage, such as smears, seams and half-removed things?",
            "Is the picture clean?",
            "Is the edit free of leftovers?",
            "Does everything in the edited picture look whole?",
        ),
        (
            "Are there smears or leftovers?",
            "Is something in the edited picture damaged or half removed?",
        ),
    ),
}
"""Questions of the training, by what they ask for."""

FREELY: dict[str, Pair] = {
    "absent": (
        ("Has somebody got rid of the {x}?", "Would you say that the {x} has vanished?", "Is the {x} no longer shown?"),
        ("Could a viewer spot a {x} anywhere in this picture?",),
    ),
    "banned": (
        (
            "Has somebody got rid of the {x} without bringing in any {l}?",
            "Is the {x} no longer shown, and has no {l} come in exchange?",
        ),
        ("Could a viewer spot the {x}, or else some newly added {l}?",),
    ),
    "present": (
        ("Would you find no fewer than {n} of the following here: {l}?", "Do I get to see {n} or more of {l}?"),
        ("Does it fall short of {n} of {l}?",),
    ),
    "any": (("Could one find {l} somewhere in this advert?", "Did they include {l}?"), ("Is {l} nowhere to be seen?",)),
    "count": (
        ("Is {n} the most of {l} that one can find?", "Are {n} of {l} or fewer left?"),
        ("Do they exceed {n} of {l}?",),
    ),
    "color": (("Would you call the {x} {c}?", "Did someone paint the {x} {c}?"), ("Is it wrong to call the {x} {c}?",)),
    "background": (("Are we looking at {l} behind everything?", "Does the scene take place before {l}?"), ()),
    "background_color": (("Would you call the backdrop of this advert {c}?", "Is everything set on a {c} ground?"), ()),
    "headline": (("Do the large letters spell {q}?", "Is {q} what is written on the advert?"), ()),
    "tone": (("Would you say the edit made everything {t}?", "Is the overall impression {t} now?"), ()),
    "kept": (
        ("Did the {x} survive the edit untouched?", "Has nobody touched the {x}?"),
        ("Did anything happen to the {x}?",),
    ),
}
"""Free wordings, for the measurement alone."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "hamburger": ("burger",),
    "french fries": ("fries", "chips"),
    "slice of pizza": ("pizza",),
    "slice of watermelon": ("watermelon",),
    "bunch of grapes": ("grapes",),
    "ear of corn": ("corn",),
    "aubergine": ("eggplant",),
    "loaf of bread": ("bread",),
    "rasher of bacon": ("bacon",),
    "chicken leg": ("drumstick",),
    "fried prawn": ("shrimp",),
    "wedge of cheese": ("cheese",),
    "birthday cake": ("cake",),
    "doughnut": ("donut",),
    "pot of honey": ("honey",),
    "glass of wine": ("wine",),
    "mug of beer": ("beer",),
    "bottle of champagne": ("champagne",),
    "fizzy drink": ("soda",),
    "glass of milk": ("milk",),
    "cup of coffee": ("coffee",),
    "gourd of mate": ("mate",),
    "lorry": ("truck",),
    "motorcycle": ("motorbike",),
    "bicycle": ("bike",),
    "locomotive": ("steam train",),
    "aeroplane": ("airplane", "plane"),
    "sailing boat": ("sailboat",),
    "football": ("soccer ball",),
    "trainer": ("sneaker",),
    "t-shirt": ("shirt",),
    "television": ("tv",),
    "school bag": ("backpack",),
    "pile of books": ("books",),
    "christmas tree": ("fir tree",),
    "mantel clock": ("clock",),
    "bar of soap": ("soap",),
    "bottle of lotion": ("lotion",),
    "pumpkin": ("jack-o'-lantern",),
    "gift": ("present",),
    "red heart": ("heart",),
    "diamond ring": ("ring",),
    "crescent moon": ("moon",),
    "ringed planet": ("planet", "saturn"),
    "game controller": ("gamepad",),
    "toy robot": ("robot",),
    "tortoise": ("turtle",),
}
"""Other names of objects."""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

SMALL_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "is",
        "are",
        "of",
        "in",
        "it",
        "this",
        "that",
        "has",
        "have",
        "been",
        "does",
        "do",
        "did",
        "was",
        "were",
        "now",
        "to",
        "be",
        "can",
        "you",
        "with",
        "as",
        "by",
        "picture",
        "edited",
        "true",
        "second",
        "these",
        "things",
        "there",
    ]
)
"""Words without which a question can still be understood; some are made unknown while the judge learns."""
