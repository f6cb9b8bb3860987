"""What becomes of tools whose authors made a mistake."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.tools.base import Edited, Tool, by_value

SIZE, B = 64, 3


class Own(Tool):
    """A tool that is right unless told otherwise."""

    id = "own"

    def __init__(self, stock, vocabulary, accepts=None, check=None, apply=None) -> None:
        super().__init__(stock, vocabulary)
        self._answers = {"accepts": accepts, "check": check, "apply": apply}

    def _say(self, method, right):
        answer = self._answers[method]
        return right if answer is None else answer(right)

    def accepts(self, steps):
        return self._say("accepts", torch.ones(len(steps), dtype=torch.bool))

    def check(self, regions, steps):
        return self._say("check", torch.zeros(len(steps), dtype=torch.int64))

    def apply(self, images, regions, steps):
        return self._say("apply", 255 - images)


@pytest.fixture(scope="module")
def engine_with(make_source):
    tasks = make_source(image_size=SIZE)

    def make(n: int = B, tool: type[Tool] = Own, **answers) -> Engine:
        built = tool(tasks.stock, tasks.vocabulary, **answers)
        engine = Engine(n, tasks=tasks, tools=["skip", built], image_size=SIZE)
        engine.reset(range(n), range(n))
        return engine

    return make


def invert(engine: Engine):
    return engine.step(torch.tensor([[1, 0]] * engine.num_envs))


@pytest.mark.parametrize(
    ("method", "answer", "found"),
    [
        ("check", lambda right: right.int(), "int32"),
        ("check", lambda right: right[:2], r"int64 \[2\]"),
        ("check", lambda right: 0, "found int 0"),
        ("apply", lambda right: right.float(), "float32"),
        ("apply", lambda right: right[:, :32], r"uint8 \[3, 32, 64, 3\]"),
        ("apply", lambda right: right.numpy(), "found ndarray"),
        ("apply", lambda right: None, "NoneType"),
        ("apply", lambda right: Edited(right, torch.zeros(2, dtype=torch.int64)), "apply, problems"),
        ("apply", lambda right: Edited(right, torch.zeros(3, dtype=torch.int64), right.float()), "apply, raw"),
    ],
)
def test_a_wrong_answer_is_told_by_tool_and_method(engine_with, method, answer, found) -> None:
    engine = engine_with(**{method: answer})
    before = engine.canvas.clone()
    with pytest.raises(ImgEditError, match=f"tool 'own': {method}") as told:
        invert(engine)
    assert told.match(found)
    assert torch.equal(engine.canvas, before) and int(engine.step_index.max()) == 0


@pytest.mark.parametrize("answer", [lambda right: True, lambda right: right.int(), lambda right: right[:1]])
def test_accepts_must_be_a_mask(engine_with, answer) -> None:
    engine = engine_with(accepts=answer)
    with pytest.raises(ImgEditError, match="tool 'own': accepts must return a tensor torch.bool"):
        engine.tool_mask()


def test_accepts_by_value_is_looked_at_when_the_engine_is_built(engine_with) -> None:
    class ByValue(Own):
        @by_value
        def accepts(self, steps):
            return np.ones(len(steps), dtype=bool)

    with pytest.raises(ImgEditError, match="tool 'own': accepts.*found ndarray"):
        engine_with(tool=ByValue)


@pytest.mark.parametrize("n", [1, B])
def test_writing_into_the_pictures_does_no_harm(engine_with, n) -> None:
    class Hasty(Own):
        def apply(self, images, regions, steps):
            images[:] = 0
            return images

    engine = engine_with(n, Hasty)
    cells = engine.regions.regions(torch.arange(n), torch.ones(n, dtype=torch.int64), engine.current_steps())
    before = engine.canvas.clone()
    result = engine.step(torch.tensor([[1, 1]] * n))
    assert bool((result.changed > 0).all())
    assert bool((engine.canvas[cells.masks] == 0).all())
    assert torch.equal(engine.canvas[~cells.masks], before[~cells.masks])


def test_a_tool_that_only_says_what_it_accepts_refuses_the_rest(engine_with) -> None:
    class Choosy(Tool):
        id = "choosy"

        def accepts(self, steps):
            return torch.zeros(len(steps), dtype=torch.bool)

    engine = engine_with(tool=Choosy)
    result = invert(engine)
    assert engine.problem_text(1, int(result.problems[0])) == "choosy: not meant for this plan step"


def test_a_problem_without_a_message(engine_with) -> None:
    engine = engine_with(check=lambda right: right + 7)
    problem = int(invert(engine).problems[0])
    with pytest.raises(ImgEditError, match="tool 'own': check must return indices of its problems, below 2; found 7"):
        engine.problem_text(1, problem)
