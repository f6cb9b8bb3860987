"""What is known by construction of pictures that show a part of an edit."""

from __future__ import annotations

import pytest
import torch

from baselines.agents.oracle import OracleAgent
from baselines.rollout import run_episodes
from benchmarks.checklist.parts import known_of_blends, known_of_parts
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.engine import Engine

TASKS = 40
ARGUMENTS = {"tasks": "adverts", "split": "test", "image_size": 128}


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine(TASKS, **ARGUMENTS)
    engine.reset(range(TASKS), range(TASKS))
    return engine


@pytest.fixture(scope="module")
def edits() -> torch.Tensor:
    episodes = run_episodes("oracle", OracleAgent(width=2), list(range(TASKS)), ARGUMENTS, pictured=TASKS)
    return torch.stack([torch.from_numpy(episode.frames[-1].copy()) for episode in episodes])


def measured(engine: Engine, pictures: torch.Tensor) -> torch.Tensor:
    return engine.checklist.measure(pictures, torch.arange(len(pictures))).requirements >= 0.5


def mixed(engine: Engine, edits: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    return torch.where(shown[..., None], edits, engine.batch.images)


def test_all_and_nothing_of_an_edit_are_as_measured(engine, edits):
    shown = torch.ones(edits.shape[:3], dtype=torch.bool)
    source, done = measured(engine, engine.batch.images), measured(engine, edits)
    for part, exact in ((shown, done), (~shown, source)):
        known = known_of_parts(engine, edits, part)
        told = ~known.isnan()
        assert int(told.sum()) > 40 and torch.equal(known[told] == 1, exact[told])
    # where nothing was changed nothing is known to be half done
    known = known_of_parts(engine, engine.batch.images.clone(), shown)
    assert not (known == 1).any()


def test_things_on_either_side_of_a_cut_are_known(engine, edits):
    """An object all of which lies on one side is as in the edit or as in the source, half of anything is none."""
    shown = torch.zeros(edits.shape[:3], dtype=torch.bool)
    shown[:, :, :64] = True
    known, exact = known_of_parts(engine, edits, shown), measured(engine, mixed(engine, edits, shown))
    source, done = measured(engine, engine.batch.images), measured(engine, edits)
    kinds, slots = (engine.batch.requirements[..., COLUMNS.index(name)] for name in ("kind", "slot"))
    changed = (edits != engine.batch.images).any(-1)
    for row, at in (kinds == Kind.ABSENT).nonzero().tolist():
        place = (engine.batch.segments[row] == slots[row, at] + 1) & changed[row]
        if bool(place.any()) and not bool(place[:, :64].any()):
            assert known[row, at] == 0 or source[row, at]
        if known[row, at] == 1:
            assert done[row, at] and not bool(place[:, 64:].any())
    whole = torch.isin(kinds, torch.tensor([Kind.BACKGROUND, Kind.BACKGROUND_COLOR, Kind.TONE]))
    assert int(whole.sum()) > 5 and not (known[whole] == 1).any()
    for kind in (Kind.ABSENT, Kind.PRESENT):
        mine = known[kinds == kind]
        assert int((mine == 1).sum()) > 5 and int((mine == 0).sum()) > 5, kind
    told = ~known.isnan()
    assert float(((known == 1) == exact)[told].float().mean()) > 0.8


def test_a_thing_of_which_half_came_is_not_there(engine, edits):
    """A cut through a place where something new stands takes it from what is known to be there."""
    kinds, slots = (engine.batch.requirements[..., COLUMNS.index(name)] for name in ("kind", "slot"))
    done, cut = measured(engine, edits), 0
    for row, at in (kinds == Kind.ABSENT).nonzero().tolist():
        place = engine.batch.segments[row] == slots[row, at] + 1
        columns = place.any(0).nonzero().flatten()
        if not done[row, at] or not len(columns):
            continue
        shown = torch.zeros(1, *place.shape, dtype=torch.bool)
        shown[:, :, : int(columns.float().mean())] = True
        known = known_of_parts(engine, edits[row : row + 1], shown, torch.tensor([row]))[0, at]
        assert known == 0 or known.isnan()
        cut += int(known == 0)
    assert cut > 20


def test_less_than_half_of_a_blend_is_none(engine, edits):
    shares = torch.linspace(0.3, 0.7, TASKS)
    known, source = known_of_blends(engine, shares), measured(engine, engine.batch.images)
    asked = engine.batch.requirements[..., 0] > 0
    assert torch.equal(known == 0, asked & ~source & (shares < 0.5)[:, None]) and not (known == 1).any()
    some = torch.tensor([3, 30, 5])
    assert torch.equal(known_of_blends(engine, shares[some], some).isnan(), known[some].isnan())
