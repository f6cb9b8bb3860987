"""Questions about pairs of adverts, with exact answers, as tokens."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from baselines.training.judge.pairs import Pairs
from baselines.training.judge.vocabulary import _PARTS, ANSWER, ASK, UNKNOWN, Words
from baselines.training.judge.wider import DISPENSABLE, FRAMES, spelled
from baselines.training.judge.wording import NUMBERS, SMALL_WORDS, TAUGHT, Pair
from imgedit_gym.art.goals import COLORLESS_TONES
from imgedit_gym.core.checklist import MAX_OBJECTS
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, TONES

SHARES: dict[str, float] = {
    "absent": 1.4,
    "banned": 2.2,
    "present": 2.6,
    "any": 0.7,
    "count": 1.2,
    "span": 1.4,
    "color": 1.1,
    "background": 0.7,
    "background_color": 0.7,
    "headline": 0.8,
    "tone": 1.1,
    "kept": 1.1,
    "quality": 0.8,
}
"""How often each kind of question is asked: tasks ban things in the place of what must go, and counting is hardest."""

COLORLESS = tuple(TONES.index(tone) for tone in COLORLESS_TONES)
"""Looks after which colours cannot be told."""

NEAR_LOOKS: dict[str, tuple[str, ...]] = {
    "brighter": ("contrasty", "warmer", "vivid"),
    "darker": ("contrasty", "cooler", "vivid"),
    "warmer": ("vintage", "brighter", "vivid"),
    "cooler": ("darker",),
    "vivid": ("contrasty", "warmer", "crisp"),
    "muted": ("monochrome", "vintage", "soft"),
    "monochrome": ("muted", "vintage"),
    "vintage": ("warmer", "muted", "monochrome"),
    "contrasty": ("vivid", "crisp", "brighter", "darker"),
    "soft": ("muted",),
    "crisp": ("contrasty", "vivid"),
}
"""Looks that some would take for one another: not asked about."""

Slots = dict[str, list[int]]
Found = tuple[str, Slots, bool] | None


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes:
        kind: A key of :data:`baselines.training.judge.wording.TAUGHT`.
        ids: Its tokens.
        answer: Whether the answer is yes.
    """

    kind: str
    ids: list[int]
    answer: bool


@dataclass(frozen=True)
class Shown:
    """Objects in a picture.

    Attributes:
        sure: Those that are there.
        unclear: Those of which nobody can say.
    """

    sure: list[int]
    unclear: set[int]

    @classmethod
    def of(cls, things: Sequence[int], amounts: Sequence[float], least: float, most: float) -> Shown:
        """What is there of things, from how much of each is.

        Args:
            things: Indices; negative ones are none.
            amounts: How much of each is there, in [0, 1].
            least: What is there no more than this is not there.
            most: What is there at least as much as this is.
        """
        pairs = [(thing, amount) for thing, amount in zip(things, amounts, strict=True) if thing >= 0]
        sure = [thing for thing, amount in pairs if amount >= most]
        return cls(sure, {thing for thing, amount in pairs if least < amount < most})


@dataclass
class Packed:
    """Questions about N pairs side by side in one sequence for each pair.

    Attributes:
        ids: ``int64 [N, L]``, padded with 0.
        segment: Which question a token belongs to, ``int64 [N, L]``; -1 for padding.
        position: Place of a token in its question, ``int64 [N, L]``.
        row: Pair of each question, ``int64 [Q]``.
        at: Where its answer is read, ``int64 [Q]``.
        answer: ``bool [Q]``.
        kind: Names by question.
    """

    ids: torch.Tensor
    segment: torch.Tensor
    position: torch.Tensor
    row: torch.Tensor
    at: torch.Tensor
    answer: torch.Tensor
    kind: list[str]


def pack(asked: Sequence[Sequence[Asked]]) -> Packed:
    """Put the questions of each pair side by side."""
    n, length = len(asked), max(sum(len(one.ids) for one in row) for row in asked)
    ids = torch.zeros(n, length, dtype=torch.long)
    segment = torch.full((n, length), -1)
    position = torch.zeros(n, length, dtype=torch.long)
    rows, at, answers, kinds = [], [], [], []
    for i, row in enumerate(asked):
        start = 0
        for j, one in enumerate(row):
            end = start + len(one.ids)
            ids[i, start:end] = torch.tensor(one.ids)
            segment[i, start:end] = j
            position[i, start:end] = torch.arange(len(one.ids))
            rows.append(i)
            at.append(end - 1)
            answers.append(one.answer)
            kinds.append(one.kind)
            start = end
    return Packed(ids, segment, position, torch.tensor(rows), torch.tensor(at), torch.tensor(answers), kinds)


Form = list[int | str]
"""A question as tokens and blanks."""

FRAMED = 0.12
"""Share of roughly put questions that something comes before."""


class Wordings:
    """Questions in words as tokens with blanks.

    Args:
        words: The vocabulary.
        table: The questions; one with choices in it is put in each of its spellings as often.
        rough: Share of questions from which small words are missing, and in which there are words nobody knows.
    """

    def __init__(self, words: Words, table: Mapping[str, Pair], rough: float = 0.0) -> None:
        self.words, self.rough = words, rough
        self._forms: dict[str, tuple[list[list[Form]], list[list[Form]]]] = {
            kind: (self._spelled(straight), self._spelled(turned)) for kind, (straight, turned) in table.items()
        }
        self._small = {words.ids[word] for word in SMALL_WORDS if word in words.ids}
        self._dispensable = self._small | {words.ids[word] for word in DISPENSABLE if word in words.ids}
        self._frames = [[token for token in self._cut(text) if isinstance(token, int)] for text in FRAMES]
        self._unknown = words.ids[UNKNOWN]

    def _spelled(self, texts: Sequence[str]) -> list[list[Form]]:
        return [[self._cut(text) for text in spelled(choices)] for choices in texts]

    def __contains__(self, kind: str) -> bool:
        return kind in self._forms

    def _cut(self, text: str) -> Form:
        found: Form = []
        for piece in re.split(r"(\{\w\})", text):
            if piece.startswith("{"):
                found.append(piece[1])
            else:
                found += [self.words.ids.get(part, self.words.ids[UNKNOWN]) for part in _PARTS.findall(piece.lower())]
        return found

    def put(self, kind: str, slots: Slots, answer: bool, dice: random.Random, drop: float = 0.0) -> Asked:
        """Put a question into words; in some wordings the answer turns round."""
        straight, turned = self._forms[kind]
        turn = bool(turned) and dice.random() < 0.3
        form = dice.choice(dice.choice(turned if turn else straight))
        ids = [self.words.ids[ASK]]
        if self.rough and dice.random() < self.rough:
            form = self._roughened(form, dice)
        for part in form:
            if isinstance(part, str):
                ids += slots[part]
            elif drop and part in self._small and dice.random() < drop:
                ids.append(self._unknown)
            else:
                ids.append(part)
        ids.append(self.words.ids[ANSWER])
        return Asked(kind, ids, answer != turn)

    def _roughened(self, form: Form, dice: random.Random) -> Form:
        """A question without some of its small words, and with words that are not known."""
        found: Form = list(dice.choice(self._frames)) if dice.random() < FRAMED else []
        gone, lost = dice.choice(((0.0, 0.25), (0.3, 0.0), (0.15, 0.15), (0.3, 0.5)))
        for part in form:
            luck = dice.random() if part in self._dispensable else 1.0
            if luck >= gone:
                found.append(self._unknown if luck < gone + lost else part)
        for _ in range(dice.choice((0, 0, 0, 1, 1, 2))):
            found.insert(dice.randrange(len(found) + 1), self._unknown)
        return found


class Asker:
    """Asks about pairs.

    Args:
        words: The vocabulary.
        takes: Whether an object can be seen to have been given a colour, ``bool [sprites, colours]``.
        table: In which words.
        drop: Share of small words made unknown.
        rough: Share of questions that are put roughly, see :class:`Wordings`.
        shares: How often each kind of question is asked.
    """

    def __init__(
        self,
        words: Words,
        takes: torch.Tensor,
        table: Mapping[str, Pair] = TAUGHT,
        drop: float = 0.04,
        rough: float = 0.0,
        shares: Mapping[str, float] = SHARES,
    ) -> None:
        self.words, self.kinds, self.drop = words, words.kinds, drop
        self.wordings = Wordings(words, table, rough)
        self._takes = takes.tolist()
        book, catalogue = self.kinds.book, self.kinds.catalogue
        clauses = [terms for goal in book.goals if goal.seen for terms in self._sets_of(goal)]
        rules = (rule for goal in book.goals if goal.seen for rule in goal.forbid)
        self._bans = sorted({rule.any_terms for rule in rules})
        self._goal_sets = sorted({terms for terms in clauses if terms})
        self._grounds = sorted({goal.background for goal in book.goals if goal.seen and goal.background})
        first, self._headlines = len(book.neutral_headlines), []
        for goal in book.goals:
            self._headlines.append(list(range(first, first + len(goal.headlines))))
            first += len(goal.headlines)
        self._terms = list(self.kinds.terms)
        members = {term: frozenset(mask.nonzero().flatten().tolist()) for term, mask in self.kinds.terms.items()}
        for index, item in enumerate(catalogue.objects):
            members[item.name] = members.get(item.name, frozenset()) | {index}
        self._members = members
        self._names = [item.name for item in catalogue.objects] + ["badge"] * len(book.badges)
        self._terms_of = [[term for term in self._terms if index in members[term]] for index in range(len(catalogue))]
        names = {name: words.encode(name) for name in (*members, *COLORS, *TONES, *BACKGROUNDS, "badge")}
        self._ids = names
        self._texts = [words.encode(text) for text in book.headlines]
        self._aliases = {name: [names[name], *map(words.encode, self._others(name))] for name in self._names}
        self._ask: dict[str, Callable[[_Facts, bool, random.Random], Found]] = {
            "absent": self._absent,
            "banned": self._banned,
            "present": self._present,
            "any": self._any,
            "count": self._count,
            "span": self._span,
            "color": self._color,
            "background": self._background,
            "background_color": self._background_color,
            "headline": self._headline,
            "tone": self._tone,
            "kept": self._kept,
            "quality": self._quality,
        }
        counts = (("present", self._present), ("any", self._any), ("count", self._count), ("span", self._span))
        self._counts = [put for kind, put in counts for _ in range(1 + (kind == "present")) if kind in table]
        self._shares = {kind: share for kind, share in shares.items() if kind in self.wordings}

    @staticmethod
    def _sets_of(goal: object) -> list[tuple[str, ...]]:
        rules = [rule.instead_terms for rule in goal.forbid]  # type: ignore[attr-defined]
        clauses = (*goal.want, *goal.limit)  # type: ignore[attr-defined]
        return rules + [clause.any_terms for clause in clauses]

    def _others(self, name: str) -> tuple[str, ...]:
        from baselines.training.judge.wording import SYNONYMS

        return SYNONYMS.get(name, ())

    def ask(self, pairs: Pairs, count: int, dice: random.Random) -> list[list[Asked]]:
        """Questions about each pair, yes and no in equal parts where both can be asked."""
        kinds, weights = list(self._shares), list(self._shares.values())
        found = []
        for facts in _facts_of(pairs):
            row: list[Asked] = []
            for _ in range(12 * count):
                if len(row) == count:
                    break
                kind = dice.choices(kinds, weights)[0]
                put = self._ask[kind](facts, dice.random() < 0.5, dice)
                if put is not None:
                    row.append(self.wordings.put(*put, dice, self.drop))
            found.append(row)
        return found

    def count(self, shown: Shown, count: int, dice: random.Random) -> list[tuple[str, Slots, bool]]:
        """What else can be asked about a picture of which only the objects are known: how many there are of a list.

        Args:
            shown: Its objects.
            count: How many questions.
            dice: Random numbers.

        Returns:
            Kind of question, blanks and answer.
        """
        found: list[tuple[str, Slots, bool]] = []
        for _ in range(8 * count):
            if len(found) == count or not self._counts:
                break
            put = self._counts[dice.randrange(len(self._counts))](shown, dice.random() < 0.5, dice)
            found += [put] if put is not None else []
        return found

    # ------------------------------------------------------------------ what to ask

    def _name(self, sprite: int, dice: random.Random) -> list[int]:
        aliases = self._aliases[self._names[sprite]]
        return aliases[0] if len(aliases) == 1 or dice.random() < 0.75 else dice.choice(aliases[1:])

    def _absent(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if yes:
            pool = facts.gone
            if not pool or dice.random() < 0.45:
                pool = [j for j in range(len(self._names)) if j not in facts.now and j not in facts.unclear]
                beside = {term for j in facts.now for term in self._category(j)}
                alike = [j for j in pool if beside.intersection(self._category(j))]
                pool = alike if alike and dice.random() < 0.5 else pool
            if self._badge_shown(facts):
                pool = [j for j in pool if self._names[j] != "badge"]
        else:
            pool = self._still_there(facts, dice)
        if not pool:
            return None
        return "absent", {"x": self._name(dice.choice(pool), dice)}, yes

    @staticmethod
    def _still_there(facts: _Facts, dice: random.Random) -> list[int]:
        half = facts.messy and facts.halves and dice.random() < 0.4
        return facts.halves if half else facts.sure

    def _banned(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        """A thing that is gone, and a list of what may not have come; not so for either reason."""
        came = [j for j in facts.new if j in facts.sure and j < self.kinds.n_objects]
        instead = not yes and bool(facts.gone) and bool(came) and dice.random() < 0.65
        pool = facts.gone if yes or instead else self._still_there(facts, dice)
        pool = [j for j in pool if j < self.kinds.n_objects]
        if not pool:
            return None
        thing = dice.choice(pool)
        needed = [thing, *([dice.choice(came)] if instead else [])]
        fitting = [
            terms for terms in self._bans if all(any(j in self._members[term] for term in terms) for j in needed)
        ]
        if fitting and dice.random() < 0.7:
            named = list(dice.choice(fitting))
        else:
            named = [dice.choice([*self._terms_of[j], self._names[j]]) for j in needed]
            named += [dice.choice(self._terms)] if dice.random() < 0.5 else []
            dice.shuffle(named)
        members = frozenset().union(*(self._members[term] for term in named))
        if yes and members.intersection((*facts.new, *facts.shrunk, *facts.unclear)):
            return None
        ids = self._joined([self._plural(term, dice) for term in dict.fromkeys(named)], dice)
        return "banned", {"x": self._name(thing, dice), "l": ids}, yes

    def _badge_shown(self, facts: _Facts) -> bool:
        return any(self._names[j] == "badge" for j in (*facts.now, *facts.unclear))

    def _category(self, sprite: int) -> tuple[str, ...]:
        objects = self.kinds.catalogue.objects
        return (objects[sprite].category,) if sprite < len(objects) else ()

    def _listed(self, facts: _Facts | Shown, dice: random.Random) -> tuple[list[int], int] | None:
        """A list of things as tokens, and how many of them the picture shows."""
        best: tuple[str, ...] = ()
        if dice.random() < 0.6:
            # mostly one of which much is there
            some = dice.sample(self._goal_sets, dice.choice((1, 4, 12, 24)))
            best = max(some, key=lambda terms: sum(any(j in self._members[t] for t in terms) for j in facts.sure))
        else:
            chosen = []
            for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
                here = dice.choice(facts.sure) if facts.sure and dice.random() < 0.6 else -1
                if 0 <= here < len(self._terms_of) and dice.random() < 0.7:
                    chosen.append(dice.choice(self._terms_of[here]))
                elif 0 <= here < len(self._terms_of):
                    chosen.append(self._names[here])
                else:
                    chosen.append(dice.choice(self._terms) if dice.random() < 0.6 else dice.choice(self._names[:-8]))
            best = tuple(dict.fromkeys(chosen))
        members = frozenset().union(*(self._members[term] for term in best))
        if members.intersection(facts.unclear):
            return None
        ids: list[int] = []
        for index, term in enumerate(best):
            if index:
                ids += self._ids_of("or") if dice.random() < 0.8 or index == len(best) - 1 else self._ids_of(",")
            ids += self._plural(term, dice)
        have = sum(j in members for j in facts.sure)
        # none and one of a kind are easily told: to count is what must be learned
        return None if have <= 1 and dice.random() < (0.3, 0.6)[have] else (ids, have)

    def _plural(self, term: str, dice: random.Random) -> list[int]:
        plural = self.words.ids.get(term + "s")
        return [plural] if plural is not None and dice.random() < 0.3 else self._ids[term]

    def _ids_of(self, word: str) -> list[int]:
        return [self.words.ids[word]]

    def _number(self, number: int, dice: random.Random) -> list[int]:
        return self._ids_of(str(number) if dice.random() < 0.75 else NUMBERS[number - 1])

    def _present(self, facts: _Facts | Shown, yes: bool, dice: random.Random) -> Found:
        listed = self._listed(facts, dice)
        if listed is None or (yes and listed[1] == 0):
            return None
        ids, have = listed
        if yes:
            number = have if dice.random() < 0.65 else dice.randint(1, have)
        else:
            number = have + (1 if dice.random() < 0.75 else dice.randint(1, 3))
            if have == 0 and dice.random() < 0.35:
                return None
        if number > len(NUMBERS):
            return None
        return "present", {"n": self._number(number, dice), "l": ids}, yes

    def _any(self, facts: _Facts | Shown, yes: bool, dice: random.Random) -> Found:
        listed = self._listed(facts, dice)
        if listed is None or yes != (listed[1] > 0):
            return None
        return "any", {"l": listed[0]}, yes

    def _count(self, facts: _Facts | Shown, yes: bool, dice: random.Random) -> Found:
        listed = self._listed(facts, dice)
        if listed is None or (not yes and listed[1] < 2) or (yes and listed[1] == 0 and dice.random() < 0.6):
            return None
        ids, have = listed
        if yes:
            number = max(have, 1) if dice.random() < 0.65 else max(have, 1) + dice.randint(1, 2)
        else:
            number = have - 1 if dice.random() < 0.7 else dice.randint(1, have - 1)
        return ("count", {"n": self._number(number, dice), "l": ids}, yes) if number <= len(NUMBERS) else None

    def _span(self, facts: _Facts | Shown, yes: bool, dice: random.Random) -> Found:
        listed = self._listed(facts, dice)
        if listed is None:
            return None
        ids, have = listed
        low = dice.choice((1, 1, 2, 3))
        high = low + dice.randint(0, 2)
        if yes != (low <= have <= high):
            return None
        return "span", {"m": self._number(low, dice), "n": self._number(high, dice), "l": ids}, yes

    def _color(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if facts.tone in COLORLESS:
            return None
        dyed = [(j, dye) for j, dye in facts.dyed if dye >= 0 and self._names[j] != "badge"]
        if yes:
            if not dyed:
                return None
            sprite, color = dice.choice(dyed)
        elif dyed and dice.random() < 0.55:
            sprite, own = dice.choice(dyed)
            color = dice.choice([c for c in range(len(OBJECT_COLORS)) if c != own])
        else:
            plain = [(j, c) for j, dye in facts.dyed if dye < 0 for c, can in enumerate(self._takes[j]) if can]
            if not plain:
                return None
            sprite, color = dice.choice(plain)
        return "color", {"x": self._name(sprite, dice), "c": self._ids[COLORS[color]]}, yes

    def _background(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        kind, was = facts.ground[1], facts.ground[0]
        if dice.random() < 0.5:
            names = list(dice.choice(self._grounds))
            has = BACKGROUNDS[kind] in names
            if yes != has:
                if not yes or len(names) > 5:
                    return None
                names[dice.randrange(len(names))] = BACKGROUNDS[kind]
        else:
            names = dice.sample([b for b in BACKGROUNDS if b != BACKGROUNDS[kind]], dice.choice((1, 1, 2, 3)))
            if not yes and was != kind and dice.random() < 0.5:
                names[0] = BACKGROUNDS[was]
            if yes:
                names[dice.randrange(len(names))] = BACKGROUNDS[kind]
        return "background", {"l": self._joined([self._ids[name] for name in names], dice)}, yes

    def _joined(self, parts: Sequence[list[int]], dice: random.Random) -> list[int]:
        ids: list[int] = []
        for index, part in enumerate(parts):
            if index:
                ids += self._ids_of("or" if dice.random() < 0.85 or index == len(parts) - 1 else ",")
            ids += part
        return ids

    def _background_color(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if facts.color < 0 or facts.tone in COLORLESS:
            return None
        color = facts.color if yes else dice.choice([c for c in range(len(COLORS)) if c != facts.color])
        return "background_color", {"c": self._ids[COLORS[color]]}, yes

    def _headline(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        was, now = facts.text
        if now < 0:
            return None
        if dice.random() < 0.6:
            rows = list(dice.choice(self._headlines))
            rows = [row for row in rows if row != now]
        else:
            rows = dice.sample([row for row in range(len(self._texts)) if row != now], dice.choice((1, 1, 2, 3)))
        if yes:
            home = next((rows for rows in self._headlines if now in rows), None)
            if home is not None and dice.random() < 0.5:
                rows = list(home)
            else:
                rows[dice.randrange(len(rows))] = now
        elif was != now and dice.random() < 0.5:
            rows[dice.randrange(len(rows))] = was
        texts = [self._texts[row] for row in rows]
        quote = self._ids_of('"')
        return (
            "headline",
            {"l": self._joined(texts, dice), "q": self._joined([quote + t + quote for t in texts], dice)},
            yes,
        )

    def _tone(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if yes:
            if facts.tone < 0:
                return None
            tone = TONES[facts.tone]
        elif facts.tone < 0:
            if dice.random() < 0.5:
                return None
            tone = dice.choice(TONES)
        else:
            own = TONES[facts.tone]
            tone = dice.choice([t for t in TONES if t != own and t not in NEAR_LOOKS[own]])
        return "tone", {"t": self._ids[tone]}, yes

    def _kept(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if facts.mixed and not yes:
            return None
        part = dice.random()
        if part < 0.2:
            return ("kept", {"x": self._ids_of("background")}, yes) if yes != facts.ground_changed else None
        if part < 0.4:
            return ("kept", {"x": self._ids_of("headline")}, yes) if yes != facts.text_changed else None
        pool, others = (facts.kept, facts.not_kept) if yes else (facts.not_kept, facts.kept)
        names = {self._names[j] for j in others}  # all badges have the same
        pool = [j for j in pool if self._names[j] not in names]
        return ("kept", {"x": self._name(dice.choice(pool), dice)}, yes) if pool else None

    def _quality(self, facts: _Facts, yes: bool, dice: random.Random) -> Found:
        if facts.quality != yes:  # -1 is neither
            return None
        return ("quality", {}, yes) if not yes or dice.random() < 0.35 else None


@dataclass(frozen=True)
class _Facts:
    """What is known of one pair, as plain numbers."""

    now: list[int]
    sure: list[int]
    gone: list[int]
    new: list[int]
    shrunk: list[int]
    halves: list[int]
    messy: bool
    mixed: bool
    quality: int
    unclear: set[int]
    dyed: list[tuple[int, int]]
    kept: list[int]
    not_kept: list[int]
    tone: int
    color: int
    ground: list[int]
    text: list[int]
    ground_changed: bool
    text_changed: bool


def _facts_of(pairs: Pairs) -> list[_Facts]:
    table = zip(
        pairs.sprite.tolist(),
        pairs.dye.tolist(),
        pairs.kept.tolist(),
        pairs.came.tolist(),
        pairs.half.tolist(),
        pairs.hidden.tolist(),
        pairs.doubt.tolist(),
        pairs.others.tolist(),
        pairs.mess.any(1).tolist(),
        pairs.mixed.tolist(),
        pairs.quality.tolist(),
        pairs.tone.tolist(),
        pairs.color.tolist(),
        pairs.ground.tolist(),
        pairs.text.tolist(),
        pairs.ground_changed.tolist(),
        pairs.text_changed.tolist(),
        strict=True,
    )
    found = []
    slots = range(MAX_OBJECTS)
    for (was, now), dye, kept, came, half, hidden, doubt, others, *rest in table:
        messy, mixed, quality, tone, color, ground, text, ground_changed, text_changed = rest
        here = [now[s] for s in slots if now[s] >= 0]
        sure = [now[s] for s in slots if now[s] >= 0 and not hidden[s]]
        halves = [was[s] for s in slots if half[s] and not doubt[s] and was[s] not in here]
        found.append(
            _Facts(
                now=here,
                sure=sure,
                gone=[was[s] for s in slots if was[s] >= 0 and was[s] not in here and not half[s]],
                new=[now[s] for s in slots if now[s] >= 0 and came[s] == 1],
                shrunk=[now[s] for s in slots if came[s] == -1],
                halves=halves,
                messy=messy,
                mixed=mixed,
                quality=quality,
                unclear={now[s] for s in slots if hidden[s]} | {was[s] for s in slots if half[s]} | set(others),
                dyed=[(now[s], dye[s]) for s in slots if now[s] >= 0 and not hidden[s] and dye[s] >= -1],
                kept=[now[s] for s in slots if kept[s] and not hidden[s]],
                not_kept=[was[s] for s in slots if was[s] >= 0 and not kept[s]],
                tone=tone,
                color=color,
                ground=ground,
                text=text,
                ground_changed=ground_changed,
                text_changed=text_changed,
            )
        )
    return found
