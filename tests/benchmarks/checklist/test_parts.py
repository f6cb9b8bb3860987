"""What is known by construction of pictures that show a part of an edit."""

from __future__ import annotations

import pytest
import torch

from baselines.agents.oracle import OracleAgent
from baselines.rollout import run_episodes
from benchmarks.checklist.parts import blended, known_of_blends, known_of_parts
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


def asked(engine: Engine, *kinds: Kind) -> torch.Tensor:
    return torch.isin(engine.batch.requirements[..., COLUMNS.index("kind")], torch.tensor(kinds))


def test_all_and_nothing_of_an_edit_are_as_measured(engine, edits):
    shown = torch.ones(edits.shape[:3], dtype=torch.bool)
    source, done = measured(engine, engine.batch.images), measured(engine, edits)
    for part, exact in ((shown, done), (~shown, source)):
        known = known_of_parts(engine, edits, part)
        told = ~known.isnan()
        assert int(told.sum()) > 40 and torch.equal(known[told] == 1, exact[told])
    # what was not carried out is not there
    known = known_of_parts(engine, engine.batch.images.clone(), shown)
    assert int((known == 0).sum()) > 40 and not bool((known == 1).any())


def test_things_on_either_side_of_a_cut_are_known(engine, edits):
    """An object all of which lies on one side is as in the edit or as in the source, half of anything is none."""
    shown = torch.zeros(edits.shape[:3], dtype=torch.bool)
    shown[:, :, :64] = True
    known, exact = known_of_parts(engine, edits, shown), measured(engine, mixed(engine, edits, shown))
    source, done = measured(engine, engine.batch.images), measured(engine, edits)
    slots = engine.batch.requirements[..., COLUMNS.index("slot")]
    changed = (edits != engine.batch.images).any(-1)
    for row, at in asked(engine, Kind.ABSENT).nonzero().tolist():
        place = (engine.batch.segments[row] == slots[row, at] + 1) & changed[row]
        if not bool(place[:, :64].any()):
            assert known[row, at] == 0 or source[row, at]
        if known[row, at] == 1:
            assert done[row, at] and not bool(place[:, 64:].any())
    for kind in (Kind.ABSENT, Kind.PRESENT):
        mine = known[asked(engine, kind)]
        assert int((mine == 1).sum()) > 5 and int((mine == 0).sum()) > 5, kind
    whole = known[asked(engine, Kind.BACKGROUND, Kind.BACKGROUND_COLOR, Kind.TONE)]
    assert int((whole == 0).sum()) > 5 and not bool((whole == 1).any())
    told = ~known.isnan()
    assert float(((known == 1) == exact)[told].float().mean()) > 0.8


def test_of_cut_and_whole_things_only_whole_ones_are_there(engine, edits):
    """A new object's box is shown by half, or whole while all else is not."""
    found = engine.checklist.measure(edits, torch.arange(TASKS))
    source, done = measured(engine, engine.batch.images), found.requirements >= 0.5
    requirements, sets = engine.batch.requirements, engine.tasks.tables.sets.members
    values = {True: 0, False: 0}
    for row, at in (asked(engine, Kind.PRESENT) & done & ~source).nonzero().tolist():
        arg, count = (int(requirements[row, at, COLUMNS.index(name)]) for name in ("arg", "count"))
        things = [f for f in range(found.finds.shape[1]) if int(found.finds[row, f]) in sets[arg]]
        if count != 1 or len(things) != 1:
            continue
        top, left, bottom, right = found.find_boxes[row, things[0]].tolist()
        for whole in (True, False):
            shown = torch.zeros(1, *edits.shape[1:3], dtype=torch.bool)
            shown[:, max(top, 0) : bottom, max(left, 0) : right if whole else (left + right) // 2] = True
            known = known_of_parts(engine, edits[row : row + 1], shown, torch.tensor([row]))[0, at]
            assert known == float(whole)
            values[whole] += 1
    assert min(values.values()) > 3


def test_a_removed_object_of_which_half_is_left_is_not_gone(engine, edits):
    slots = engine.batch.requirements[..., COLUMNS.index("slot")]
    done, cut = measured(engine, edits), 0
    for row, at in asked(engine, Kind.ABSENT).nonzero().tolist():
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


def test_a_headline_is_cut_where_its_letters_are(engine, edits):
    """What is known hangs on the letters, not on the ground beside them."""
    done, cut = measured(engine, edits), 0
    for row, at in (asked(engine, Kind.HEADLINE) & done).nonzero().tolist():
        top, left, bottom, right = engine.batch.headline_box[row].tolist()
        for column, value in ((left, 0.0), ((left + right) // 2, 0.0), (right, torch.nan)):
            shown = torch.zeros(1, *edits.shape[1:3], dtype=torch.bool)
            shown[:, top:bottom, left:column] = True
            known = float(known_of_parts(engine, edits[row : row + 1], shown, torch.tensor([row]))[0, at])
            assert known != known if value != value else known == value
            cut += known == 0.0
    assert cut >= 4


def test_less_than_half_of_a_blend_is_none(engine, edits):
    shares = torch.linspace(0.3, 0.7, TASKS)
    known = known_of_blends(engine, shares)
    assert not bool((known == 1).any()) and known[shares >= 0.5].isnan().all()
    # half a look may be one
    assert known[asked(engine, Kind.TONE, Kind.COLOR, Kind.BACKGROUND_COLOR)].isnan().all()
    things = asked(engine, Kind.ABSENT, Kind.PRESENT, Kind.COUNT, Kind.HEADLINE, Kind.BACKGROUND)
    faint = known[things & (shares < 0.5)[:, None]]
    assert len(faint) > 40 and float((faint == 0).float().mean()) > 0.9
    some = torch.tensor([3, 30, 5])
    assert torch.equal(known_of_blends(engine, shares[some], some).isnan(), known[some].isnan())
    # most of what is known the exact judge measures, too
    exact = measured(engine, blended(engine.batch.images, edits, shares))
    assert float(exact[known == 0].float().mean()) < 0.2


def test_blended_is_between():
    before, after = torch.full((3, 2, 2, 3), 10, dtype=torch.uint8), torch.full((3, 2, 2, 3), 110, dtype=torch.uint8)
    found = blended(before, after, torch.tensor([0.0, 0.3, 1.0]))
    assert found.dtype == torch.uint8 and found[:, 0, 0, 0].tolist() == [10, 40, 110]
