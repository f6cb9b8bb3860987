"""What judges are told: the request in words, the plan step and the region, on request."""

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import PIXEL_TOOLS
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.judges.base import Cases, JudgeError
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.models.store import Store

BLUR = PIXEL_TOOLS.index("blur")


class Listener(ChecklistJudge):
    """The exact judge; it writes down the steps and regions of what it judges."""

    def __init__(self):
        super().__init__()
        self.heard = []
        self.fails = False

    def judge(self, cases):
        if self.fails:
            raise JudgeError("judge 'listener': not now")
        regions = cases.regions()
        for i in range(len(cases)):
            step = cases.step(i)
            area = None if regions is None else int(regions.areas[i])
            self.heard.append((int(cases.index[i]), None if step is None else step.text, area))
        return super().judge(cases)


def test_the_words_of_a_case_are_those_of_its_task(started, cases_of):
    engine = started(4, first=20)
    cases = cases_of(engine, engine.canvas[[2, 1]], torch.tensor([2, 1])).take(torch.tensor([1, 0]))
    for i, row in enumerate((1, 2)):
        assert cases.instruction(i) == engine.tasks.instruction(engine.batch, row)
        assert cases.requirements(i) == engine.tasks.requirements(engine.batch, row)
        assert set(cases.kept(i)) == set(engine.batch.keep[row].nonzero().flatten().tolist())
        assert torch.equal(cases.source[i], engine.batch.images[row])
        assert torch.equal(cases.wanted[i], engine.batch.requirements[row])
    assert cases.step(0) is None and cases.regions() is None


def test_a_batch_that_nobody_can_read():
    cases = Cases(TaskBatch.empty(1, 64, 2, torch.device("cpu")), None, torch.zeros(1, 64, 64, 3), torch.zeros(1))
    with pytest.raises(ImgEditError, match="TaskBatch.reader: expected the task source"):
        cases.instruction(0)


@pytest.mark.parametrize("mode", ["delta", "additive"])
def test_the_judge_is_told_what_was_just_done(started, mode):
    judge = Listener()
    engine = started(3, judge=judge, reward_mode=mode)
    assert judge.heard == [(0, None, None), (1, None, None), (2, None, None)]
    judge.heard.clear()
    texts = [engine.plan(row)[0].text for row in range(3)]
    cell = 1 + 8 * 4 + 4
    expected = engine.regions.regions(torch.tensor([0, 1]), torch.tensor([0, cell])).areas.tolist()
    # the third starts its next episode meanwhile
    engine.step(torch.tensor([[BLUR, 0], [BLUR, cell], [0, 0]]), torch.tensor([0, 1]), torch.tensor([2]))
    told = [(0, texts[0], expected[0]), (1, texts[1], expected[1])]
    fresh = [(2, None, 64 * 64)]
    assert judge.heard == (told + told + fresh if mode == "additive" else told + fresh)


def test_the_look_ahead_tells_it_too(started):
    judge = Listener()
    engine = started(2, judge=judge)
    judge.heard.clear()
    rows = torch.tensor([1, 0, 1])
    engine.try_actions(torch.tensor([[BLUR, 0], [0, 0], [BLUR, 1]]), rows)
    area = int(engine.regions.regions(torch.tensor([1]), torch.tensor([1])).areas[0])
    first = engine.plan(1)[0].text
    assert judge.heard == [(1, first, 64 * 64), (1, first, area)]


def test_what_a_raised_error_leaves_is_judged_with_the_next_step(started):
    judge = Listener()
    engine, plain = started(4, judge=judge), started(4)
    start = engine.score.clone()
    blur = torch.tensor([[BLUR, 0]] * 4)
    judge.fails = True
    with pytest.raises(JudgeError, match="not now"):
        engine.step(blur)
    judge.fails = False
    reward = engine.step(torch.zeros(4, 2, dtype=torch.int64)).reward
    plain.step(blur)
    plain.step(torch.zeros(4, 2, dtype=torch.int64))
    assert torch.equal(engine.verdict.score, plain.verdict.score)
    assert torch.allclose(reward, plain.score - start)


def test_the_exact_judge_keeps_nothing():
    judge = ChecklistJudge()
    assert judge.cached(Store()) is judge and judge.parts() == {} and judge.statistics() == {}
