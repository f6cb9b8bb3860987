"""Whether requirements hold by definition."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from benchmarks.checklist.definition import DOUBT, Drawn, Row, agrees
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import TONES

SETS = [{4, 5}, {7, 8, 9}]
BEFORE = Drawn(was=(3, 4, -1, -1), sprites=(3, 4, -1, -1), tints=(-1, -1, -1, -1), ground=2, text=6)


def wish(kind: Kind, slot: int = 0, arg: int = -1, count: int = 0) -> Row:
    return dict(zip(COLUMNS, (int(kind), 0, slot, arg, count), strict=True))


def test_a_thing_is_gone_once_it_is_nowhere():
    gone = wish(Kind.ABSENT)
    assert not BEFORE.holds(gone, SETS)
    assert replace(BEFORE, sprites=(-1, 4, -1, -1)).holds(gone, SETS)
    assert replace(BEFORE, sprites=(9, 4, -1, -1)).holds(gone, SETS)
    assert not replace(BEFORE, sprites=(-1, 4, 3, -1)).holds(gone, SETS)


def test_what_is_forbidden_may_not_come_but_may_stay():
    gone = wish(Kind.ABSENT, arg=0)
    assert replace(BEFORE, sprites=(-1, 4, -1, -1)).holds(gone, SETS)
    assert not replace(BEFORE, sprites=(5, 4, -1, -1)).holds(gone, SETS)
    assert not replace(BEFORE, sprites=(-1, 4, 5, -1)).holds(gone, SETS)


def test_things_are_counted():
    shown = replace(BEFORE, sprites=(3, 4, 7, 9))
    assert shown.holds(wish(Kind.PRESENT, arg=1, count=2), SETS)
    assert not shown.holds(wish(Kind.PRESENT, arg=1, count=3), SETS)
    assert shown.holds(wish(Kind.COUNT, slot=1, arg=1, count=2), SETS)
    assert not shown.holds(wish(Kind.COUNT, slot=0, arg=1, count=1), SETS)
    assert not shown.holds(wish(Kind.COUNT, slot=3, arg=1, count=4), SETS)


def test_a_colour_is_that_of_the_thing():
    asked = wish(Kind.COLOR, slot=1, arg=3)
    assert replace(BEFORE, tints=(-1, 3, -1, -1)).holds(asked, SETS)
    assert not replace(BEFORE, tints=(3, 2, -1, -1)).holds(asked, SETS)
    assert not replace(BEFORE, sprites=(3, 5, -1, -1), tints=(-1, 3, -1, -1)).holds(asked, SETS)


def test_what_concerns_the_whole():
    assert BEFORE.holds(wish(Kind.BACKGROUND, arg=0b110), SETS)
    assert not BEFORE.holds(wish(Kind.BACKGROUND, arg=0b011), SETS)
    assert BEFORE.holds(wish(Kind.HEADLINE, arg=5, count=2), SETS)
    assert not BEFORE.holds(wish(Kind.HEADLINE, arg=3, count=3), SETS)
    for kind, name in ((Kind.TONE, "tone"), (Kind.BACKGROUND_COLOR, "ground_color")):
        assert not BEFORE.holds(wish(kind, arg=1), SETS)
        assert replace(BEFORE, **{name: 1}).holds(wish(kind, arg=1), SETS)


def test_what_some_would_see_otherwise_is_not_known():
    toned = wish(Kind.TONE, arg=1)
    assert BEFORE.known(toned, SETS) == 0.0 and replace(BEFORE, tone=1, other_ground=True).known(toned, SETS) == 1.0
    assert math.isnan(replace(BEFORE, other_ground=True).known(toned, SETS))
    colored, red = wish(Kind.COLOR, slot=1, arg=3), replace(BEFORE, tints=(-1, 3, -1, -1))
    assert red.known(colored, SETS) == 1.0
    assert replace(red, tone=TONES.index("vintage")).known(colored, SETS) == DOUBT
    gone, left = wish(Kind.ABSENT, arg=0), replace(BEFORE, sprites=(-1, 4, -1, -1))
    assert left.known(gone, SETS) == 1.0
    assert replace(left, displaced=(1,)).known(gone, SETS) == DOUBT
    assert replace(left, displaced=(1,)).known(wish(Kind.ABSENT), SETS) == 1.0
    assert replace(left, displaced=(1,)).known(wish(Kind.ABSENT, arg=1), SETS) == 1.0


def test_the_exact_judge_must_say_what_is_known():
    exact = torch.tensor([0.9, 0.9, 0.9, 0.1, 0.1, 0.5, 0.5])
    known = torch.tensor([1.0, 0.0, DOUBT, torch.nan, 0.0, 1.0, DOUBT])
    assert agrees(exact, known).tolist() == [True, False, False, True, True, True, False]


def test_what_numbers_do_not_tell_is_refused():
    with pytest.raises(ImgEditError, match="expected a requirement that drawings can satisfy, got one of kind"):
        BEFORE.holds(wish(Kind.INSTRUCTION), SETS)
