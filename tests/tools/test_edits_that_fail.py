"""Tools that fail while they work: the canvas stays, the reason is told, the others' edits are made."""

from __future__ import annotations

import pytest
import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import Engine
from imgedit_gym.tools.base import Edited, Tool

B, SIZE = 4, 64


class Broken(Tool):
    """Inverts every picture, and says of every second edit, or of all, that it failed."""

    id = "broken"
    problems = ("", "not for this step", "no answer within 60 s")
    every = 2

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> Edited:
        failed = torch.arange(len(images)) % self.every == 0
        return Edited(255 - images, torch.where(failed, 2, 0))


def broken(every: int) -> Engine:
    plain = Engine(1, image_size=SIZE)
    tool = Broken(stock=plain.tasks.stock, vocabulary=plain.vocabulary)
    tool.every = every
    engine = Engine(B, tools=["skip", tool], image_size=SIZE)
    engine.reset(range(B), list(range(B)))
    return engine


ACTIONS = torch.tensor([[1, 0]] * B)


def test_failed_edits_leave_their_canvas_and_others_are_made() -> None:
    engine = broken(every=2)
    before = engine.canvas.clone()
    result = engine.step(ACTIONS)
    assert result.problems.tolist() == [2, 0, 2, 0]
    assert result.changed.tolist() == [0, SIZE * SIZE, 0, SIZE * SIZE]
    assert torch.equal(engine.canvas[::2], before[::2])
    assert torch.equal(engine.canvas[1::2], 255 - before[1::2])
    assert engine.problem_text(1, 2) == "broken: no answer within 60 s"
    assert engine.step_index.tolist() == [1] * B


def test_where_all_fail_nothing_changes() -> None:
    engine = broken(every=1)
    before = engine.canvas.clone()
    result = engine.step(ACTIONS)
    assert result.problems.tolist() == [2] * B and not result.changed.any()
    assert torch.equal(engine.canvas, before)


@pytest.mark.parametrize("every", [1, 2])
def test_looking_ahead_shows_what_a_step_does(every: int) -> None:
    engine = broken(every)
    rows = torch.arange(B)
    ahead, verdict = engine.imagine(engine.canvas, engine.step_index, ACTIONS, rows)
    result = engine.step(ACTIONS)
    assert torch.equal(ahead, engine.canvas)
    torch.testing.assert_close(verdict.score, result.verdict.score)


def test_some_environments_act_alone() -> None:
    engine = broken(every=2)
    before = engine.canvas.clone()
    result = engine.step(ACTIONS, rows=torch.tensor([1, 3]))
    assert result.problems.tolist() == [0, 2, 0, 0]
    assert torch.equal(engine.canvas[:3], before[:3]) and torch.equal(engine.canvas[3], 255 - before[3])
