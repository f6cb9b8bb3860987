"""The goals: their loader, the rules a goals file must keep, and which goals can be combined."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from imgedit_gym.art.catalogue import Catalogue, CatalogueObject, load_catalogue
from imgedit_gym.art.goals import Goal, GoalBook, Limit, Recolor, Rule, Want, compatible, load_goals
from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES

NAMES = ("steak", "ham", "carrot", "pear", "car", "bus", "rose")
KINDS = ("meat", "meat", "plant", "plant", "vehicle", "vehicle", "flower")
SMALL = Catalogue(
    tuple(CatalogueObject(name, "x", kind, frozenset()) for name, kind in zip(NAMES, KINDS, strict=True)),
    ("meat", "plant", "vehicle", "flower"),
    (),
)
PHRASINGS = '["p1", "p2", "p3", "p4", "p5", "p6"]'
NEUTRAL = ", ".join(f'"NEUTRAL {i}"' for i in range(24))
HEAD = f"""
neutral_headlines = [{NEUTRAL}]
badges = ["NEW", "SALE", "-50%", "TOP", "HOT", "WOW", "DEAL", "BEST"]
"""
PLAIN_GOAL = f"""
[[goal]]
name = "vegan"
seen = true
phrasings = {PHRASINGS}
keywords = ["vegan"]
headlines = ["ONE", "TWO", "THREE & 4%"]
"""
CLAUSES = """
background = ["meadow", "dots"]
tone = "vivid"
[[goal.forbid]]
any = ["meat"]
instead = ["plant", "rose"]
[[goal.want]]
any = ["plant"]
[[goal.recolor]]
any = ["car"]
color = "green"
[[goal.limit]]
any = ["vehicle"]
at_most = 1
"""
GOOD = HEAD + PLAIN_GOAL + CLAUSES


def write(folder: Path, text: str) -> Path:
    path = folder / "goals.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_resolves_terms_and_keeps_their_text(tmp_path: Path) -> None:
    book = load_goals(write(tmp_path, GOOD), SMALL)
    goal = book.goals[0]
    assert goal.forbid == (Rule((0, 1), (2, 3, 6), ("meat",), ("plant", "rose")),)
    assert goal.want == (Want((2, 3), ("plant",)),)
    assert goal.recolor == (Recolor((4,), "green", ("car",)),)
    assert goal.limit == (Limit((4, 5), 1, ("vehicle",)),)
    assert (goal.background, goal.background_color, goal.tone) == (("meadow", "dots"), None, "vivid")
    assert goal.headlines == ("ONE", "TWO", "THREE & 4%")
    assert goal.seen and len(goal.phrasings) == 6


def test_every_clause_is_optional(tmp_path: Path) -> None:
    goal = load_goals(write(tmp_path, HEAD + PLAIN_GOAL), SMALL).goals[0]
    assert (goal.forbid, goal.want, goal.recolor, goal.limit) == ((), (), (), ())
    assert (goal.background, goal.background_color, goal.tone) == ((), None, None)


def test_forbid_without_instead_means_remove(tmp_path: Path) -> None:
    text = GOOD.replace('instead = ["plant", "rose"]\n', "")
    assert load_goals(write(tmp_path, text), SMALL).goals[0].forbid[0].instead == ()


def test_headlines_list_neutral_ones_first(tmp_path: Path) -> None:
    book = load_goals(write(tmp_path, GOOD), SMALL)
    assert book.headlines == (*book.neutral_headlines, "ONE", "TWO", "THREE & 4%")
    assert len(book.badges) == 8


def test_index_of_a_goal(tmp_path: Path) -> None:
    book = load_goals(write(tmp_path, GOOD), SMALL)
    assert book.index("vegan") == 0
    with pytest.raises(DataFileError, match="expected a goal name, found 'vegna'; did you mean 'vegan'"):
        book.index("vegna")


def swap(old: str, new: str) -> str:
    """The good file with one thing changed."""
    assert GOOD.count(old) == 1, f"{old!r} is in the good file {GOOD.count(old)} times"
    return GOOD.replace(old, new)


FORBID = '[[goal.forbid]]\nany = ["meat"]\n'
SECOND_GOAL = PLAIN_GOAL.replace('"p', '"q').replace('["vegan"]', '["other"]').replace("ONE", "FOUR")
SECOND_GOAL = SECOND_GOAL.replace("TWO", "FIVE").replace("THREE", "SIX")
OTHER_GOAL = SECOND_GOAL.replace('name = "vegan"', 'name = "other"')

BROKEN = {
    "not toml": ("[[", "expected TOML, found"),
    "extra top key": (
        "extra = 1\n" + GOOD,
        "unknown key 'extra', expected one of neutral_headlines, badges, goal",
    ),
    "no badges": (GOOD.replace("badges =", "neutral ="), "unknown key 'neutral'"),
    "no goals": (HEAD, "key 'goal' is missing"),
    "unknown key": (
        swap("tone =", "tune ="),
        "goal 'vegan': unknown key 'tune', expected one of name, seen,",
    ),
    "missing key": (swap('keywords = ["vegan"]\n', ""), "goal 'vegan': key 'keywords' is missing"),
    "missing name": (swap('name = "vegan"\n', ""), "goal number 1: key 'name' is missing"),
    "seen no bool": (swap("seen = true", "seen = 1"), "'vegan': seen: expected true or false, found 1"),
    "few phrasings": (swap('"p1", ', ""), "'vegan': phrasings: expected 6 to 9 texts, found 5"),
    "phrasing twice": (swap('"p1"', '"p2"'), "phrasings: 'p2' is listed 2 times"),
    "no keywords": (swap('["vegan"]', "[]"), "keywords: expected at least 1 texts, found 0"),
    "keyword case": (swap('["vegan"]', '["Vegan"]'), "keywords: expected lower case, found 'Vegan'"),
    "few headlines": (swap('"ONE", ', ""), "headlines: expected 3 to 4 texts, found 2"),
    "long headline": (
        swap('"ONE"', '"ONE TWO THREE FOUR5"'),
        "goal 'vegan': headline 'ONE TWO THREE FOUR5' has 19 characters, at most 15 are allowed",
    ),
    "headline characters": (
        swap('"ONE"', '"One?"'),
        r"headline 'One\?' has \? e n, allowed are A-Z 0-9 space",
    ),
    "headline is neutral": (
        swap('"ONE"', '"NEUTRAL 3"'),
        "headline 'NEUTRAL 3' is already used by neutral_headlines",
    ),
    "few neutral": (swap('"NEUTRAL 0", ', ""), "neutral_headlines: expected at least 24 texts, found 23"),
    "few badges": (swap('"NEW", ', ""), "badges: expected exactly 8 texts, found 7"),
    "long badge": (swap('"NEW"', '"BRAND NEW"'), "badge 'BRAND NEW' has 9 characters, at most 5"),
    "unknown term": (
        swap(FORBID, FORBID.replace("meat", "meet")),
        "forbid: any: .*found 'meet'; did you mean 'meat'",
    ),
    "few forbidden": (swap(FORBID, FORBID.replace("meat", "ham")), "at least 2 objects, found 1"),
    "few instead": (swap('["plant", "rose"]', '["rose"]'), "forbid: instead: .* at least 2 objects, found 1"),
    "four forbids": (
        swap("[[goal.want]]", 3 * FORBID + "[[goal.want]]"),
        "forbid: expected at most 3 tables, found 4",
    ),
    "forbid key": (
        swap("instead =", "insted ="),
        "forbid: unknown key 'insted', expected one of any, instead",
    ),
    "forbid no table": (
        HEAD + PLAIN_GOAL + "forbid = [1]\n",
        r"goal 'vegan': forbid: expected tables written as \[\[...\]\], found \[1\]",
    ),
    "instead forbidden": (
        swap('["plant", "rose"]', '["plant", "ham"]'),
        "expected forbid.any and instead and want to share no object, found 'ham' in both",
    ),
    "want forbidden": (
        swap('[[goal.want]]\nany = ["plant"]', '[[goal.want]]\nany = ["meat"]'),
        "expected forbid.any and instead and want to share no object, found 'steak', 'ham' in both",
    ),
    "recolor forbidden": (
        swap('any = ["car"]', 'any = ["ham"]'),
        "forbid.any and recolor to share no object",
    ),
    "forbidden twice": (
        swap("[[goal.want]]", FORBID + "[[goal.want]]"),
        "forbid.any and another forbid.any to share",
    ),
    "limit wanted": (
        swap('["vehicle"]', '["plant"]'),
        "limit and instead and want to share no object, found 'carrot'",
    ),
    "limit of zero": (
        swap("at_most = 1", "at_most = 0"),
        "at_most: expected a whole number of at least 1, found 0",
    ),
    "limit no number": (swap("at_most = 1", "at_most = true"), "at_most: .* found True"),
    "object colour": (swap('"green"', '"black"'), "recolor: color: expected one of red, .*; found 'black'"),
    "tone": (swap('"vivid"', '"loud"'), "goal 'vegan': tone: expected one of brighter, .*; found 'loud'"),
    "background": (
        swap('"dots"', '"moon"'),
        "goal 'vegan': background: expected one of plain, .*; found 'moon'",
    ),
    "background colour": (
        swap('background = ["meadow", "dots"]', 'background_color = "teal"'),
        "background_color: expected one of red, .*; found 'teal'",
    ),
    "both backgrounds": (
        swap("tone =", 'background_color = "red"\ntone ='),
        "goal 'vegan': expected background or background_color, found both",
    ),
    "colour without colour": (swap('"vivid"', '"monochrome"'), "expected no colour beside tone 'monochrome'"),
    "same name": (GOOD + SECOND_GOAL, "goal 'vegan': the name is used 2 times"),
    "same phrasing": (
        GOOD + OTHER_GOAL.replace("q1", "p1"),
        "goal 'other': phrasing 'p1' is already used by",
    ),
    "same keyword": (
        GOOD + OTHER_GOAL.replace('["other"]', '["vegan"]'),
        "keyword 'vegan' is already used by",
    ),
    "same headline": (
        GOOD + OTHER_GOAL.replace("FOUR", "ONE"),
        "goal 'other': headline 'ONE' is already used by",
    ),
    "too many phrases": (
        GOOD.replace(NEUTRAL, ", ".join(f'"NEUTRAL {i}"' for i in range(170))),
        "expected at most 170 headlines in all, found 173",
    ),
}


def test_the_broken_files_differ_from_files_that_load(tmp_path: Path) -> None:
    assert len(load_goals(write(tmp_path, GOOD + OTHER_GOAL), SMALL).goals) == 2


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataFileError, match=message) as caught:
        load_goals(path, SMALL)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def make(**clauses: object) -> Goal:
    """A goal with these clauses only."""
    return Goal("name", True, (), (), (), **clauses)  # type: ignore[arg-type]


def forbid(*indices: int, instead: tuple[int, ...] = ()) -> dict[str, object]:
    return {"forbid": (Rule(indices, instead, (), ()),)}


def want(*indices: int) -> dict[str, object]:
    return {"want": (Want(indices, ()),)}


def recolor(*indices: int, color: str = "red") -> dict[str, object]:
    return {"recolor": (Recolor(indices, color, ()),)}


def limit(*indices: int) -> dict[str, object]:
    return {"limit": (Limit(indices, 1, ()),)}


COMBINATIONS = [
    (make(**forbid(0, 1, instead=(2,))), make(**want(2, 3)), True),
    (make(**forbid(0, 1)), make(**forbid(2, 3)), True),
    (make(**forbid(0, 1)), make(**forbid(1, 2)), False),
    (make(**forbid(0, 1)), make(**want(1, 2)), False),
    (make(**forbid(0, 1)), make(**forbid(2, 3, instead=(1,))), False),
    (make(**forbid(0, 1)), make(**recolor(1)), False),
    (make(**limit(0, 1)), make(**want(1, 2)), False),
    (make(**limit(0, 1)), make(**recolor(1)), False),
    (make(**limit(0, 1)), make(**limit(2, 3)), False),
    (make(**limit(0, 1)), make(**forbid(0, 1)), True),
    (make(**recolor(0)), make(**recolor(1)), True),
    (make(**recolor(0)), make(**recolor(0, 1)), False),
    (make(background=("plain",)), make(background_color="red"), False),
    (make(background=("plain",)), make(tone="vivid"), True),
    (make(tone="vivid"), make(tone="soft"), False),
    (make(tone="monochrome"), make(background_color="red"), False),
    (make(tone="vintage"), make(**recolor(0)), False),
    (make(tone="monochrome"), make(background=("plain",)), True),
    (make(tone="vivid"), make(**recolor(0)), True),
]


@pytest.mark.parametrize(("first", "second", "expected"), COMBINATIONS)
def test_which_goals_can_be_combined(first: Goal, second: Goal, expected: bool) -> None:
    assert compatible(first, second) is expected
    assert compatible(second, first) is expected


@pytest.fixture(scope="module")
def book() -> GoalBook:
    return load_goals()


def test_default_book_is_cached_and_of_the_agreed_size(book: GoalBook) -> None:
    assert load_goals() is book
    assert len(book.seen) >= 26
    assert len(book.unseen) >= 8
    assert sorted(book.seen + book.unseen) == list(range(len(book.goals)))
    assert len(book.headlines) <= 170
    assert len(set(book.headlines)) == len(book.headlines)


def test_every_goal_asks_for_at_least_two_things(book: GoalBook) -> None:
    for goal in book.goals:
        clauses = len(goal.forbid) + len(goal.want) + len(goal.recolor) + len(goal.limit)
        assert clauses + goal.sets_background + bool(goal.tone) >= 2, goal.name


def test_most_clauses_leave_a_choice_of_three_objects(book: GoalBook) -> None:
    sizes = [len(rule.any) for goal in book.goals for rule in goal.forbid]
    sizes += [len(rule.instead) for goal in book.goals for rule in goal.forbid if rule.instead]
    sizes += [len(one.any) for goal in book.goals for one in goal.want]
    assert sum(size >= 3 for size in sizes) >= 0.8 * len(sizes)


def test_clauses_are_varied(book: GoalBook) -> None:
    share = {
        "background": sum(goal.sets_background for goal in book.goals) / len(book.goals),
        "forbid": sum(bool(goal.forbid) for goal in book.goals) / len(book.goals),
        "want": sum(bool(goal.want) for goal in book.goals) / len(book.goals),
    }
    assert 0.4 <= share["background"] <= 0.65
    assert share["forbid"] > 0.6 and share["want"] > 0.6
    assert {goal.tone for goal in book.goals if goal.tone} == set(TONES), "every tone is asked for by some goal"
    assert {kind for goal in book.goals for kind in goal.background} <= set(BACKGROUNDS)
    assert {goal.background_color for goal in book.goals} <= {*COLORS, None}


def test_a_keyword_rule_finds_each_goal_but_not_from_each_phrasing(book: GoalBook) -> None:
    for goal in book.goals:
        words = re.compile(r"\b(" + "|".join(map(re.escape, goal.keywords)) + r")\b")
        found = sum(bool(words.search(text.lower())) for text in goal.phrasings)
        assert 0 < found < len(goal.phrasings), f"{goal.name}: {found} of {len(goal.phrasings)} phrasings"


def test_compatible_pairs_are_seen_goals_that_do_not_undo_each_other(book: GoalBook) -> None:
    pairs = book.compatible_pairs()
    assert len(pairs) >= 50
    assert set(pairs) <= set(combinations(book.seen, 2))
    for i, j in pairs:
        one, two = book.goals[i], book.goals[j]
        assert not one.forbidden & (two.welcome | two.recolored | two.forbidden), (one.name, two.name)
        assert not two.forbidden & (one.welcome | one.recolored), (one.name, two.name)


def test_vegetarian_replaces_all_meat_and_fish_by_plants(book: GoalBook) -> None:
    catalogue = load_catalogue()
    rule = book.goals[book.index("vegetarian")].forbid[0]
    assert catalogue.index("hamburger") in rule.any and catalogue.index("sushi") in rule.any
    assert all("plant-based" in catalogue.objects[i].attributes for i in rule.instead)
