"""The judge is asked for what changed, and for nothing else."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.registry import PIXEL_TOOLS
from imgedit_gym.core.verdict import minimum
from imgedit_gym.engine import REWARD_MODES
from imgedit_gym.judges.base import Cases, JudgeError
from imgedit_gym.judges.checklist import ChecklistJudge

NUMBERS = ("execution", "preservation", "quality", "score", "requirements", "success", "preserved")


class Witness(ChecklistJudge):
    """The exact judge; it writes down whom it was asked for."""

    def __init__(self, deterministic=True, tells_preserved=True):
        super().__init__()
        self.deterministic = deterministic
        self.tells_preserved = tells_preserved
        self.asked = []
        self.failing = set()

    def judge(self, cases):
        rows = cases.index
        self.asked.append(rows.tolist())
        verdict = super().judge(cases)
        for at, row in enumerate(rows.tolist()):
            if row in self.failing:
                verdict.valid[at] = False
                verdict.requirements[at] = float("nan")
                verdict.reasons[at] = f"no answer for {row}"
        if not self.tells_preserved:
            verdict.preserved = None
        return verdict


@pytest.fixture
def watched(started):
    """Makes a started engine and its judge, what it was asked for so far forgotten."""

    def make(n, witness=None, **arguments):
        judge = witness or Witness()
        engine = started(n, judge=judge, **arguments)
        judge.asked.clear()
        return engine, judge

    return make


def blur(n):
    return torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * n)


SKIP = torch.zeros(4, 2, dtype=torch.int64)


def test_a_picture_that_did_not_change_is_not_judged(watched):
    engine, judge = watched(4)
    engine.step(SKIP)
    assert judge.asked == []
    actions = SKIP.clone()
    actions[1], actions[3] = blur(1)[0], blur(1)[0]
    result = engine.step(actions)
    assert (result.changed > 0).tolist() == [False, True, False, True]
    assert judge.asked == [[1, 3]]
    assert engine.judged.tolist() == [0, 1, 0, 1]
    engine.set_state(2, engine.get_state(1))
    engine.step(SKIP)
    assert judge.asked == [[1, 3]]


def test_a_partial_reset_judges_these_alone(watched):
    engine, judge = watched(4)
    engine.step(blur(4))
    engine.reset([2, 0], [None, None])
    assert judge.asked == [[0, 1, 2, 3], [0, 2]]
    assert engine.judged.tolist() == [0, 1, 0, 1]


def test_a_step_and_the_resets_beside_it_are_one_call(watched):
    engine, judge = watched(4)
    engine.step(blur(4), torch.tensor([0, 1]), torch.tensor([3]))
    assert judge.asked == [[0, 1, 3]]


def test_a_plan_is_weighed_without_the_judge(watched):
    engine, judge = watched(3)
    before = engine.verdict.requirements.clone()
    engine.set_plans([0, 2], ["add the pumpkin"] * 2)
    assert judge.asked == []
    assert torch.equal(engine.verdict.requirements, before)


def test_evaluate_asks_for_all(watched):
    engine, judge = watched(3)
    engine.canvas[1] = 7
    assert torch.equal(engine.evaluate().requirements, engine.verdict.requirements)
    assert judge.asked == [[0, 1, 2]]
    assert engine.verdict.quality[1] < 0.5


@settings(max_examples=12)
@given(
    st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(REWARD_MODES), st.sampled_from(["oracle", "agent"])
)
def test_judging_what_changed_equals_judging_all(started, first, seed, mode, planner):
    n = 6
    engine = started(n, first=first, reward_mode=mode, planner=planner)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(4):
        tools = torch.multinomial(engine.tool_mask().float(), 1, generator=generator)
        regions = torch.randint(0, N_REGIONS, (n, 1), generator=generator)
        verdict = engine.step(torch.cat([tools, regions], 1)).verdict
        afresh = engine.judge.judge(Cases(engine.batch, engine.checklist, engine.canvas, engine._due()))
        for name in NUMBERS:
            assert torch.equal(getattr(verdict, name), getattr(afresh, name)), name


def test_later_requirements_come_to_count_in_the_same_picture(started):
    engine = started(60)
    seen = engine.verdict.requirements.clone()
    rises = torch.zeros(60)
    for _ in range(4):
        before = engine.verdict.execution.clone()
        verdict = engine.step(torch.zeros(60, 2, dtype=torch.int64)).verdict
        rises += verdict.execution - before
        assert torch.equal(verdict.requirements, seen)
    # some plans contain what the untouched picture already satisfies in part
    assert (rises >= 0).all() and torch.allclose(rises, engine.verdict.execution)


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_failed_judgement_stays_until_the_picture_changes(watched, deterministic):
    engine, judge = watched(4, Witness(deterministic))
    held = {name: getattr(engine.verdict, name)[1].clone() for name in ("execution", "score", "requirements")}
    judge.failing = {1}
    result = engine.step(blur(4))
    assert result.verdict.valid.tolist() == [True, False, True, True]
    assert result.verdict.reasons == {1: "no answer for 1"}
    assert result.reward[1] == 0 and not result.verdict.success[1]
    for name, value in held.items():
        assert torch.equal(getattr(result.verdict, name)[1], value), name
    judge.failing = set()
    judge.asked.clear()
    result = engine.step(SKIP)
    if deterministic:
        assert judge.asked == [] and result.verdict.valid.tolist() == [True, False, True, True]
        assert result.verdict.reasons == {1: "no answer for 1"}
        result = engine.step(blur(4))
    else:
        assert judge.asked == [[1]]
    assert result.verdict.valid.all() and result.verdict.reasons == {}
    assert torch.isfinite(result.verdict.requirements).all()


def test_others_failures_are_left_alone_by_a_reset(watched):
    engine, judge = watched(3, Witness(deterministic=False))
    judge.failing = {0, 2}
    engine.step(blur(3))
    judge.failing, judge.asked = set(), []
    engine.reset([2], [None])
    assert judge.asked == [[2]]
    assert engine.verdict.valid.tolist() == [False, True, True]
    assert engine.verdict.reasons == {0: "no answer for 0"}


def test_after_a_failure_the_rewards_still_sum_up(watched, started):
    engine, judge = watched(4)
    plain = started(4)
    total = torch.zeros(4)
    start = engine.score.clone()
    for failing in ({0, 2}, {0}, set()):
        judge.failing = failing
        total += engine.step(blur(4)).reward
        plain.step(blur(4))
    assert torch.equal(engine.verdict.score, plain.verdict.score)
    assert torch.allclose(total, engine.score - start, atol=1e-6)


def test_where_the_start_could_not_be_judged_the_first_reward_is_unknown(watched):
    engine, judge = watched(3)
    plain, _ = watched(3)
    judge.failing = {1}
    engine.reset([0, 1, 2], [5, 6, 7])
    plain.reset([0, 1, 2], [5, 6, 7])
    assert engine.verdict.valid.tolist() == [True, False, True]
    judge.failing = set()
    other = watched(1)[0]
    for step in range(2):
        if step:
            other.set_state(0, engine.get_state(1))
        result, expected = engine.step(blur(3)), plain.step(blur(3))
        assert result.verdict.valid.all() and torch.equal(result.verdict.score, expected.verdict.score)
        assert result.valid.tolist() == [True, bool(step), True]
        reward = expected.reward.clone()
        reward[1] = reward[1] if step else 0.0
        assert torch.equal(result.reward, reward)
    assert torch.equal(other.step(blur(1)).reward, result.reward[1:2])


def test_failed_numbers_survive_a_branch(watched, started):
    engine, judge = watched(2)
    judge.failing = {1}
    engine.step(blur(2))
    other = started(3)
    other.set_state(2, engine.get_state(1))
    assert other.verdict.valid.tolist() == [True, True, False]
    assert other.verdict.reasons == {2: "no answer for 1"}
    assert other.verdict.score[2] == engine.verdict.score[1]
    other.set_state(2, engine.get_state(0))
    assert other.verdict.valid.all() and other.verdict.reasons == {}


# ------------------------------------------------------------------ other judges


def test_what_is_preserved_is_measured_where_the_judge_does_not_say(watched, started):
    engine, plain = watched(4, Witness(tells_preserved=False))[0], started(4)
    for actions in (blur(4), SKIP):
        assert torch.equal(engine.step(actions).verdict.preserved, plain.step(actions).verdict.preserved)


def test_the_judges_own_combination_is_used(watched):
    judge = Witness()
    judge.combine = minimum
    engine, _ = watched(4, judge)
    for actions in (blur(4), SKIP):
        verdict = engine.step(actions).verdict
        assert torch.equal(verdict.score, minimum(verdict.execution, verdict.preservation, verdict.quality))


def test_additive_rewards_judge_a_source_once(watched):
    engine, judge = watched(4, reward_mode="additive")
    engine.step(SKIP)
    assert judge.asked == []
    engine.step(blur(4))
    # the step alone from the source, and the picture itself
    assert judge.asked == [[0, 1, 2, 3]] * 2


def test_verdicts_are_copies(started):
    engine = started(2)
    verdict = engine.step(blur(2)).verdict
    before = verdict.score.clone()
    engine.step(torch.tensor([[PIXEL_TOOLS.index("swap_background"), 0]] * 2))
    assert torch.equal(verdict.score, before)
    verdict.score[:] = 9.0
    assert engine.verdict.score.max() <= 1.0


# ------------------------------------------------------------------ numbers that are none


class Numberless(Witness):
    """Says that it could judge, but not in numbers."""

    def __init__(self, spoil, **attributes):
        super().__init__()
        self.spoil = spoil
        self.__dict__.update(attributes)

    def judge(self, cases):
        verdict = super().judge(cases)
        for at, row in enumerate(cases.index.tolist()):
            if row in self.failing:
                verdict.valid[at] = True
                verdict.requirements[at] = 0.5
                self.spoil(verdict, at)
        verdict.reasons = {}
        return verdict


def all_values(verdict, at):
    verdict.requirements[at] = float("nan")


def one_value(verdict, at):
    verdict.requirements[at, 0] = float("inf")


def preservation(verdict, at):
    verdict.preservation[at] = float("nan")


def quality(verdict, at):
    verdict.quality[at] = float("-inf")


def preserved(verdict, at):
    verdict.preserved[at, 3] = float("nan")


def above_one(verdict, at):
    verdict.quality[at] = 7.0


def below_nothing(verdict, at):
    verdict.requirements[at, 0] = -0.5


@pytest.mark.parametrize("spoil", [all_values, one_value, preservation, quality, preserved, above_one, below_nothing])
def test_numbers_that_are_none_are_a_failure(watched, spoil):
    engine, judge = watched(3, Numberless(spoil))
    before = engine.verdict.score[1].clone()
    judge.failing = {1}
    result = engine.step(blur(3))
    assert result.verdict.valid.tolist() == [True, False, True] and result.valid.tolist() == [True, False, True]
    assert result.reward[1] == 0 and result.verdict.score[1] == before
    assert "expected finite numbers" in result.verdict.reasons[1]
    assert engine.failed.tolist() == [0, 1, 0]


def test_numbers_that_are_none_raise_where_failures_do(watched):
    engine, judge = watched(3, Numberless(quality, on_error="raise"))
    judge.failing = {0, 2}
    with pytest.raises(JudgeError, match="expected finite numbers.* in 2 of 3 judgements"):
        engine.step(blur(3))


def test_a_requirement_without_a_value_is_none_of_it(watched):
    def some(verdict, at):
        verdict.requirements[at, 1:] = float("nan")

    engine, judge = watched(2, Numberless(some))
    judge.failing = {0, 1}
    assert engine.step(blur(2)).verdict.valid.all()


# ------------------------------------------------------------------ counting failures


def test_failures_of_steps_judged_alone_are_counted(watched):
    engine, judge = watched(3, reward_mode="additive")
    judge.failing = {1}
    result = engine.step(blur(3))
    # the step alone from the source, and the picture itself
    assert engine.judged.tolist() == [2, 2, 2] and engine.failed.tolist() == [0, 2, 0]
    assert result.valid.tolist() == [True, False, True]


def test_failures_of_what_is_tried_are_counted(watched):
    engine, judge = watched(2)
    judge.failing = {1}
    verdict = engine.try_actions(torch.cat([blur(3), SKIP[:1]]), torch.tensor([0, 1, 1, 1]))
    assert verdict.valid.tolist() == [True, False, False, True]
    assert engine.judged.tolist() == [1, 2] and engine.failed.tolist() == [0, 2]


def test_nothing_is_known_where_nothing_could_be_judged(watched):
    engine, judge = watched(3, reward_mode="delta")
    judge.failing = {1}
    verdict = engine.reset([0, 1, 2], [None] * 3)
    for name in ("execution", "preservation", "quality", "score"):
        assert getattr(verdict, name).isnan().tolist() == [False, True, False], name
    assert verdict.requirements[1].isnan().all() and not verdict.success[1]
    judge.failing = set()
    verdict = engine.step(blur(3)).verdict
    assert verdict.valid.all() and verdict.score.isfinite().all() and verdict.requirements.isfinite().all()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda verdict: {"score": 1.0}, "judge must return a Verdict; found dict"),
        (lambda verdict: 0.5, "judge must return a Verdict; found float"),
        (
            lambda verdict: replace(verdict, requirements=verdict.requirements[:, 0]),
            r"requirements of a verdict must be a tensor torch.float32 \[2, \d+\]; found torch.float32 \[2\]",
        ),
        (lambda verdict: replace(verdict, quality=0.5), "quality of a verdict .* found 0.5"),
        (lambda verdict: replace(verdict, valid=verdict.valid.float()), "valid of a verdict .* found torch.float32"),
        (lambda verdict: replace(verdict, preserved=verdict.preserved[:, :2]), "preserved of a verdict"),
    ],
)
def test_a_verdict_that_cannot_be_read_is_told(make_engine, change, found):
    class Odd(ChecklistJudge):
        id = "odd"

        def judge(self, cases):
            return change(super().judge(cases))

    with pytest.raises(ImgEditError, match=f"judge 'odd': {found}"):
        make_engine(2, judge=Odd()).reset([0, 1], [0, 1])
