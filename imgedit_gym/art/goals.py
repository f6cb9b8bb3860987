"""The goals of the advert world: what an abstract request asks for, clause by clause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from imgedit_gym.art.catalogue import (
    Catalogue,
    check_keys,
    check_tables,
    check_text,
    check_texts,
    entry_label,
    load_catalogue,
    read_toml,
    unknown,
)
from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, TONES

GOALS_PATH = Path(__file__).parent / "data" / "goals.toml"
MAX_HEADLINE = 15
MAX_BADGE = 5
MAX_PHRASES = 170
N_BADGES = 8
MIN_NEUTRAL = 24
MIN_OBJECTS = 2
"""Fewest objects a forbid or want clause, or a forbid clause's replacements, may resolve to."""

COLORLESS_TONES = ("monochrome", "vintage")
"""Tones after which the colour of an object or background can no longer be told."""

FILE_KEYS = ("neutral_headlines", "badges", "goal")
GOAL_KEYS = ("name", "seen", "phrasings", "keywords", "headlines")
GOAL_OPTIONS = ("forbid", "want", "recolor", "limit", "background", "background_color", "tone")
HEADLINE_CHARACTERS = re.compile(r"[A-Z0-9 &!'%,-]*")

Indices = tuple[int, ...]
Terms = tuple[str, ...]
Clause = TypeVar("Clause")
Parser = Callable[[dict[str, Any], Catalogue, str], Clause]


@dataclass(frozen=True)
class Rule:
    """A forbid clause: every object of ``any`` in the source must be replaced, or removed.

    Attributes:
        any: Indices of the forbidden objects.
        instead: Indices of the objects that may replace them; empty: remove them.
        any_terms: The terms ``any`` was resolved from.
        instead_terms: The terms ``instead`` was resolved from.
    """

    any: tuple[int, ...]
    instead: tuple[int, ...]
    any_terms: tuple[str, ...]
    instead_terms: tuple[str, ...]


@dataclass(frozen=True)
class Want:
    """A want clause: at least one object of ``any`` must be in the picture.

    Attributes:
        any: Indices of the wanted objects.
        any_terms: The terms ``any`` was resolved from.
    """

    any: tuple[int, ...]
    any_terms: tuple[str, ...]


@dataclass(frozen=True)
class Recolor:
    """A recolour clause: every object of ``any`` in the picture must have the colour.

    Attributes:
        any: Indices of the objects to recolour.
        color: One of ``OBJECT_COLORS``.
        any_terms: The terms ``any`` was resolved from.
    """

    any: tuple[int, ...]
    color: str
    any_terms: tuple[str, ...]


@dataclass(frozen=True)
class Limit:
    """A limit clause: no more than ``at_most`` objects of ``any`` may be in the picture.

    Attributes:
        any: Indices of the limited objects.
        at_most: The largest number allowed, at least 1.
        any_terms: The terms ``any`` was resolved from.
    """

    any: tuple[int, ...]
    at_most: int
    any_terms: tuple[str, ...]


@dataclass(frozen=True)
class Goal:
    """One abstract goal and what it means for an advert.

    Attributes:
        name: Unique name.
        seen: Whether training tasks may use the goal; unseen goals are for evaluation.
        phrasings: Requests a person could make, with and without the goal's key words.
        keywords: Lower-case words or phrases by which a rule could recognise the goal.
        headlines: Headlines that suit the goal, unique over the whole file.
        forbid: Up to 3 clauses.
        want: Up to 2 clauses.
        recolor: Up to 1 clause.
        limit: Up to 1 clause.
        background: Background kinds that suit the goal; empty: any.
        background_color: Colour the background must have; never together with ``background``.
        tone: Look the whole picture must have.
    """

    name: str
    seen: bool
    phrasings: tuple[str, ...]
    keywords: tuple[str, ...]
    headlines: tuple[str, ...]
    forbid: tuple[Rule, ...] = ()
    want: tuple[Want, ...] = ()
    recolor: tuple[Recolor, ...] = ()
    limit: tuple[Limit, ...] = ()
    background: tuple[str, ...] = ()
    background_color: str | None = None
    tone: str | None = None

    @property
    def forbidden(self) -> frozenset[int]:
        """Objects that any forbid clause names."""
        return frozenset(i for rule in self.forbid for i in rule.any)

    @property
    def limited(self) -> frozenset[int]:
        """Objects that the limit clause counts."""
        return frozenset(i for limit in self.limit for i in limit.any)

    @property
    def welcome(self) -> frozenset[int]:
        """Objects that the goal may bring into the picture: wanted ones and replacements."""
        replacements = {i for rule in self.forbid for i in rule.instead}
        return frozenset(replacements | {i for want in self.want for i in want.any})

    @property
    def recolored(self) -> frozenset[int]:
        """Objects that the recolour clause names."""
        return frozenset(i for recolor in self.recolor for i in recolor.any)

    @property
    def sets_background(self) -> bool:
        """Whether the goal asks for a background kind or colour."""
        return bool(self.background or self.background_color)

    @property
    def sets_color(self) -> bool:
        """Whether the goal asks for a colour, of objects or of the background."""
        return bool(self.recolor or self.background_color)


@dataclass(frozen=True)
class GoalBook:
    """All goals, and the phrases that fit any advert.

    Attributes:
        goals: The goals; a goal's index is its position here.
        neutral_headlines: Headlines that fit any advert.
        badges: Short texts for badges.
    """

    goals: tuple[Goal, ...]
    neutral_headlines: tuple[str, ...]
    badges: tuple[str, ...]

    @property
    def headlines(self) -> tuple[str, ...]:
        """All headlines: the neutral ones first, then those of each goal in order."""
        return self.neutral_headlines + tuple(text for goal in self.goals for text in goal.headlines)

    @cached_property
    def seen(self) -> tuple[int, ...]:
        """Indices of the goals that training tasks may use."""
        return tuple(i for i, goal in enumerate(self.goals) if goal.seen)

    @cached_property
    def unseen(self) -> tuple[int, ...]:
        """Indices of the goals kept for evaluation."""
        return tuple(i for i, goal in enumerate(self.goals) if not goal.seen)

    def index(self, name: str) -> int:
        """Index of the goal of that name.

        Raises:
            DataFileError: If no goal has the name.
        """
        names = [goal.name for goal in self.goals]
        if name not in names:
            raise DataFileError(unknown(name, names, "goal name"))
        return names.index(name)

    def compatible_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs ``(i, j)``, ``i < j``, of indices of seen goals that one advert can meet together."""
        return self._compatible_pairs

    @cached_property
    def _compatible_pairs(self) -> tuple[tuple[int, int], ...]:
        return tuple((i, j) for i, j in combinations(self.seen, 2) if compatible(self.goals[i], self.goals[j]))


def compatible(first: Goal, second: Goal) -> bool:
    """Whether one advert can meet both goals, whatever objects it starts with.

    Two goals conflict if both set the background, the tone or a limit; if both forbid or both recolour an
    object, so that it would have to become two things; if one forbids or limits what the other brings in or
    recolours; or if one takes out the colour that the other asks for.
    """
    if first.sets_background and second.sets_background:
        return False
    if (first.tone and second.tone) or (first.limit and second.limit):
        return False
    if first.forbidden & second.forbidden or first.recolored & second.recolored:
        return False
    return not (_spoils(first, second) or _spoils(second, first))


def _spoils(first: Goal, second: Goal) -> bool:
    if first.tone in COLORLESS_TONES and second.sets_color:
        return True
    return bool((first.forbidden | first.limited) & (second.welcome | second.recolored))


def _resolve(value: object, catalogue: Catalogue, where: str, low: int = 1) -> tuple[Indices, Terms]:
    terms = check_texts(value, where)
    try:
        indices = catalogue.resolve(terms)
    except DataFileError as error:
        raise DataFileError(f"{where}: {error}") from None
    if len(indices) < low:
        raise DataFileError(f"{where}: expected terms that select at least {low} objects, found {len(indices)}")
    return indices, terms


def _parse_rule(table: dict[str, Any], catalogue: Catalogue, where: str) -> Rule:
    check_keys(table, ("any",), ("instead",), where)
    forbidden, terms = _resolve(table["any"], catalogue, f"{where}: any", MIN_OBJECTS)
    if "instead" not in table:
        return Rule(forbidden, (), terms, ())
    instead, instead_terms = _resolve(table["instead"], catalogue, f"{where}: instead", MIN_OBJECTS)
    return Rule(forbidden, instead, terms, instead_terms)


def _parse_want(table: dict[str, Any], catalogue: Catalogue, where: str) -> Want:
    check_keys(table, ("any",), (), where)
    return Want(*_resolve(table["any"], catalogue, f"{where}: any", MIN_OBJECTS))


def _parse_recolor(table: dict[str, Any], catalogue: Catalogue, where: str) -> Recolor:
    check_keys(table, ("any", "color"), (), where)
    indices, terms = _resolve(table["any"], catalogue, f"{where}: any")
    return Recolor(indices, _one_of(table["color"], OBJECT_COLORS, f"{where}: color"), terms)


def _parse_limit(table: dict[str, Any], catalogue: Catalogue, where: str) -> Limit:
    check_keys(table, ("any", "at_most"), (), where)
    indices, terms = _resolve(table["any"], catalogue, f"{where}: any", MIN_OBJECTS)
    at_most = table["at_most"]
    if type(at_most) is not int or at_most < 1:
        raise DataFileError(f"{where}: at_most: expected a whole number of at least 1, found {at_most!r}")
    return Limit(indices, at_most, terms)


def _parse_clauses(
    table: dict[str, Any], key: str, most: int, parse: Parser[Clause], catalogue: Catalogue, where: str
) -> tuple[Clause, ...]:
    clauses = check_tables(table.get(key, []), f"{where}: {key}")
    if len(clauses) > most:
        raise DataFileError(f"{where}: {key}: expected at most {most} tables, found {len(clauses)}")
    return tuple(parse(clause, catalogue, f"{where}: {key}") for clause in clauses)


def _one_of(value: object, allowed: tuple[str, ...], where: str) -> str:
    if value not in allowed:
        raise DataFileError(f"{where}: expected one of {', '.join(allowed)}; found {value!r}")
    return str(value)


def _parse_headlines(value: object, where: str, kind: str, low: int, high: int | None, longest: int) -> Terms:
    phrases = check_texts(value, f"{where}: {kind}s", low, high)
    for phrase in phrases:
        if len(phrase) > longest:
            raise DataFileError(
                f"{where}: {kind} {phrase!r} has {len(phrase)} characters, at most {longest} are allowed"
            )
        wrong = sorted({mark for mark in phrase if not HEADLINE_CHARACTERS.fullmatch(mark)})
        if wrong:
            allowed = "A-Z 0-9 space & ! ' - % ,"
            raise DataFileError(f"{where}: {kind} {phrase!r} has {' '.join(wrong)}, allowed are {allowed}")
    return phrases


def _parse_keywords(value: object, where: str) -> Terms:
    keywords = check_texts(value, where)
    for keyword in keywords:
        if keyword != keyword.lower():
            raise DataFileError(f"{where}: expected lower case, found {keyword!r}")
    return keywords


def _parse_background(table: dict[str, Any], where: str) -> tuple[Terms, str | None]:
    if "background" in table and "background_color" in table:
        raise DataFileError(f"{where}: expected background or background_color, found both")
    if "background_color" in table:
        return (), _one_of(table["background_color"], COLORS, f"{where}: background_color")
    if "background" not in table:
        return (), None
    kinds = check_texts(table["background"], f"{where}: background")
    return tuple(_one_of(kind, BACKGROUNDS, f"{where}: background") for kind in kinds), None


def _parse_goal(table: dict[str, Any], catalogue: Catalogue, where: str) -> Goal:
    check_keys(table, GOAL_KEYS, GOAL_OPTIONS, where)
    if type(table["seen"]) is not bool:
        raise DataFileError(f"{where}: seen: expected true or false, found {table['seen']!r}")
    background, background_color = _parse_background(table, where)
    goal = Goal(
        name=check_text(table["name"], f"{where}: name"),
        seen=table["seen"],
        phrasings=check_texts(table["phrasings"], f"{where}: phrasings", 6, 9),
        keywords=_parse_keywords(table["keywords"], f"{where}: keywords"),
        headlines=_parse_headlines(table["headlines"], where, "headline", 3, 4, MAX_HEADLINE),
        forbid=_parse_clauses(table, "forbid", 3, _parse_rule, catalogue, where),
        want=_parse_clauses(table, "want", 2, _parse_want, catalogue, where),
        recolor=_parse_clauses(table, "recolor", 1, _parse_recolor, catalogue, where),
        limit=_parse_clauses(table, "limit", 1, _parse_limit, catalogue, where),
        background=background,
        background_color=background_color,
        tone=_one_of(table["tone"], TONES, f"{where}: tone") if "tone" in table else None,
    )
    _check_consistent(goal, catalogue, where)
    return goal


def _check_consistent(goal: Goal, catalogue: Catalogue, where: str) -> None:
    pairs = [
        ("forbid.any", goal.forbidden, "instead and want", goal.welcome),
        ("forbid.any", goal.forbidden, "recolor", goal.recolored),
        ("forbid.any", goal.forbidden, "limit", goal.limited),
        ("limit", goal.limited, "instead and want", goal.welcome),
    ]
    pairs += [
        ("forbid.any", frozenset(one.any), "another forbid.any", frozenset(two.any))
        for one, two in combinations(goal.forbid, 2)
    ]
    for first, ours, second, theirs in pairs:
        if ours & theirs:
            names = ", ".join(repr(catalogue.objects[i].name) for i in sorted(ours & theirs)[:3])
            raise DataFileError(f"{where}: expected {first} and {second} to share no object, found {names} in both")
    if goal.tone in COLORLESS_TONES and goal.sets_color:
        raise DataFileError(f"{where}: expected no colour beside tone {goal.tone!r}, found one")


def _check_unique(items: Iterable[tuple[str, str]], kind: str, path: Path) -> None:
    owners: dict[str, str] = {}
    for owner, text in items:
        if text in owners:
            raise DataFileError(
                f"{path}: {owner}: {kind} {text!r} is already used by {owners[text]}, {kind}s are unique"
            )
        owners[text] = owner


def _check_book(book: GoalBook, path: Path) -> None:
    names = [goal.name for goal in book.goals]
    for name in names:
        if names.count(name) > 1:
            raise DataFileError(f"{path}: goal {name!r}: the name is used {names.count(name)} times, names are unique")
    labels = [(f"goal {goal.name!r}", goal) for goal in book.goals]
    _check_unique(((label, text) for label, goal in labels for text in goal.phrasings), "phrasing", path)
    _check_unique(((label, text) for label, goal in labels for text in goal.keywords), "keyword", path)
    neutral = [("neutral_headlines", text) for text in book.neutral_headlines]
    _check_unique(neutral + [(label, text) for label, goal in labels for text in goal.headlines], "headline", path)
    if len(book.headlines) > MAX_PHRASES:
        raise DataFileError(f"{path}: expected at most {MAX_PHRASES} headlines in all, found {len(book.headlines)}")


@lru_cache(maxsize=8)
def _load(path: Path, catalogue: Catalogue) -> GoalBook:
    data = read_toml(path)
    check_keys(data, FILE_KEYS, (), str(path))
    goals = tuple(
        _parse_goal(table, catalogue, f"{path}: {entry_label('goal', table, number)}")
        for number, table in enumerate(check_tables(data["goal"], f"{path}: goal"), start=1)
    )
    neutral = _parse_headlines(
        data["neutral_headlines"], str(path), "neutral_headline", MIN_NEUTRAL, None, MAX_HEADLINE
    )
    badges = _parse_headlines(data["badges"], str(path), "badge", N_BADGES, N_BADGES, MAX_BADGE)
    book = GoalBook(goals, neutral, badges)
    _check_book(book, path)
    return book


def load_goals(path: str | Path | None = None, catalogue: Catalogue | None = None) -> GoalBook:
    """Load a book of goals; a file is read once per process and catalogue.

    Args:
        path: A TOML file of ``[[goal]]`` tables. Default: the goals that come with the package.
        catalogue: The catalogue whose objects the goals speak of. Default: the one of the package.

    Returns:
        The goals, in file order.

    Raises:
        DataFileError: If the file is missing, is not TOML, or has a mistake in an entry.
    """
    return _load(GOALS_PATH if path is None else Path(path), load_catalogue() if catalogue is None else catalogue)
