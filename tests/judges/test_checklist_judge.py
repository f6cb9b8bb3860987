"""Tests of the exact judge."""

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import COMBINATIONS, combination
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.checklist import ChecklistJudge

N = 20


@pytest.fixture(scope="module")
def world(started):
    engine = started(N, first=200)
    canvas = engine.batch.images.clone()
    canvas[:, 30:50, 10:40] = engine.batch.plates[:, 30:50, 10:40]
    return engine, canvas, torch.full((N,), 99, dtype=torch.int32)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_score_is_the_combination(world, name):
    engine, canvas, due = world
    verdict = JUDGES.build({"id": "checklist", "combine": name}).judge(
        Cases(engine.batch, engine.checklist, canvas, due)
    )
    expected = combination(name)(verdict.execution, verdict.preservation, verdict.quality)
    assert torch.equal(verdict.score, expected)
    assert verdict.score.min() >= 0.0 and verdict.score.max() <= 1.0


def test_the_verdict_is_what_the_checklist_measures(world):
    engine, canvas, due = world
    judge = ChecklistJudge()
    verdict = judge.judge(Cases(engine.batch, engine.checklist, canvas, due))
    found = engine.checklist.measure(canvas)
    for name in ("preservation", "quality", "requirements", "preserved"):
        assert torch.equal(getattr(verdict, name), getattr(found, name))
    assert verdict.valid.all() and verdict.valid.dtype == torch.bool
    assert not verdict.calls.any() and verdict.reasons == {}
    assert (judge.id, judge.prompt_hash, judge.deterministic) == ("checklist", "", True)


def test_copying_the_source_earns_nothing_but_under_the_plain_sum(world):
    engine, _, due = world
    for name in COMBINATIONS:
        verdict = ChecklistJudge(name).judge(Cases(engine.batch, engine.checklist, engine.batch.images, due))
        assert (verdict.score.mean() > 0.4) == (name == "sum")
        assert (verdict.score.mean() < 0.1) == (name != "sum")


def test_rows_say_whose_pictures_they_are(world):
    engine, canvas, due = world
    judge, rows = ChecklistJudge(), torch.tensor([3, 17, 3])
    whole = judge.judge(Cases(engine.batch, engine.checklist, canvas, due))
    part = judge.judge(Cases(engine.batch, engine.checklist, canvas[rows], due[rows], rows))
    assert torch.equal(part.score, whole.score[rows])


def test_unknown_combination():
    with pytest.raises(ImgEditError, match="unknown score combination 'best'; expected one of"):
        JUDGES.build({"id": "checklist", "combine": "best"})
