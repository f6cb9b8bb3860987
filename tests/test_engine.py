"""Tests of the engine: batched episodes that are the same alone and in company."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.registry import PIXEL_TOOLS
from imgedit_gym.core.verdict import COMBINATIONS
from imgedit_gym.engine import LONGEST_PLAN, REWARD_MODES, Engine, oracle_regions
from imgedit_gym.judges.weighing import execution_of
from imgedit_gym.tools.base import Tool

N_TOOLS = len(PIXEL_TOOLS)


def random_actions(n: int, steps: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    tools = torch.randint(0, N_TOOLS, (steps, n), generator=generator)
    regions = torch.randint(0, N_REGIONS, (steps, n), generator=generator)
    return torch.stack([tools, regions], -1)


def oracle_actions(engine: Engine) -> list[torch.Tensor]:
    """A fitting tool at the oracle's region, step by step."""
    choice = {
        "remove": "fill_clone",
        "replace": "paste_over",
        "add": "paste",
        "recolor": "color_shift",
        "set": "swap_background",
        "rewrite": "rewrite_panel",
        "adjust": "exposure",
    }
    out = torch.zeros(engine.max_plan_steps, engine.num_envs, 2, dtype=torch.int64)
    for row in range(engine.num_envs):
        for index, (step, region) in enumerate(zip(engine.plan(row), oracle_regions(engine, row), strict=True)):
            out[index, row] = torch.tensor([engine.tool_ids.index(choice[step.verb]), region])
    return list(out)


def snapshot(engine: Engine) -> dict[str, torch.Tensor]:
    names = ("canvas", "plan_codes", "plan_length", "step_index", "score", "by_oracle", "judged", "episodes")
    return {name: getattr(engine, name).clone() for name in names}


def same(first: dict, second: dict) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


# ------------------------------------------------------------------ starting


def test_a_reset_shows_the_source_and_the_oracle_plan(started):
    engine = started(6)
    assert torch.equal(engine.canvas, engine.batch.images)
    assert torch.equal(engine.plan_codes, engine.batch.plan)
    assert torch.equal(engine.plan_length, engine.batch.plan_length)
    assert not engine.step_index.any() and not engine.score.any()
    for row in range(6):
        assert engine.current_step(row) == engine.plan(row)[0]
        assert engine.vocabulary.encode(engine.plan(row)[0]) == tuple(engine.current_codes()[row].tolist())


def test_seeds_start_sequences_of_episodes(make_engine):
    engine, other = make_engine(2), make_engine(1)
    keys = []
    engine.reset([0, 1], [5, 6])
    for _ in range(3):
        keys.append(engine.batch.keys.tolist())
        engine.reset([0, 1], [None, None])
    assert len({key for pair in keys for key in pair}) == 6
    other.reset([0], [5])
    assert other.batch.keys.tolist() == [keys[0][0]]
    other.reset([0], [None])
    assert other.batch.keys.tolist() == [keys[1][0]]
    other.reset([0], [5])
    assert other.batch.keys.tolist() == [keys[0][0]]


def test_resetting_some_rows_leaves_the_others(started):
    engine = started(4)
    engine.step(oracle_actions(engine)[0])
    before = snapshot(engine)
    engine.reset([2], [50])
    after = snapshot(engine)
    for name in before:
        for row in (0, 1, 3):
            assert torch.equal(before[name][row], after[name][row])
    assert not torch.equal(before["canvas"][2], after["canvas"][2])
    assert engine.step_index.tolist() == [1, 1, 0, 1]


# ------------------------------------------------------------------ one environment and many


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(REWARD_MODES))
def test_an_episode_is_the_same_alone_and_in_a_batch(started, first, seed, mode):
    n = 5
    batch = started(n, first=first, reward_mode=mode)
    alone = [started(1, first=first + row, reward_mode=mode) for row in range(n)]
    actions = random_actions(n, LONGEST_PLAN, seed)
    for step in range(3):
        together = batch.step(actions[step])
        for row, single in enumerate(alone):
            result = single.step(actions[step, row : row + 1])
            assert torch.equal(single.canvas[0], batch.canvas[row])
            for name in ("reward", "terminated", "problems", "changed"):
                assert torch.equal(getattr(result, name)[0], getattr(together, name)[row]), name
            for name in ("execution", "preservation", "quality", "score", "requirements", "success"):
                assert torch.equal(getattr(result.verdict, name)[0], getattr(together.verdict, name)[row]), name
            assert same(
                {name: value[0] for name, value in snapshot(single).items()},
                {name: value[row] for name, value in snapshot(batch).items()},
            )


def test_only_the_named_rows_act(started):
    engine, whole = started(4), started(4)
    actions = oracle_actions(engine)[0]
    before = snapshot(engine)
    whole.step(actions)
    result = engine.step(actions, torch.tensor([1, 3]))
    for row in range(4):
        acted = row in (1, 3)
        assert torch.equal(engine.canvas[row], (whole.canvas if acted else before["canvas"])[row])
        assert torch.equal(engine.score[row], (whole.score if acted else before["score"])[row])
        if not acted:
            assert (float(result.reward[row]), int(result.changed[row]), int(result.problems[row])) == (0, 0, 0)
    assert engine.step_index.tolist() == [0, 1, 0, 1]
    assert engine.judged.tolist() == [0, 1, 0, 1]


def test_acting_row_by_row_equals_acting_together(started):
    engine, whole = started(4, first=30), started(4, first=30)
    for actions in oracle_actions(engine)[:2]:
        whole.step(actions)
        for row in (2, 0, 3, 1):
            engine.step(actions, torch.tensor([row]))
        assert same(snapshot(engine), snapshot(whole))
    blur = torch.tensor([[PIXEL_TOOLS.index("blur"), 20 + row] for row in range(4)])
    whole.step(blur)
    engine.step(blur, torch.tensor([2, 0, 3, 1]))
    assert same(snapshot(engine), snapshot(whole)), "the order of the rows does not matter"


# ------------------------------------------------------------------ rewards


@pytest.mark.parametrize("mode", REWARD_MODES)
def test_no_reward_for_skipping(started, mode):
    engine = started(6, reward_mode=mode)
    total = torch.zeros(6)
    while bool((engine.step_index < engine.plan_length).any()):
        result = engine.step(torch.zeros(6, 2, dtype=torch.int64))
        total += result.reward
    assert total.abs().max() < 0.05
    assert torch.equal(result.terminated, torch.ones(6, dtype=torch.bool))
    assert torch.equal(engine.canvas, engine.batch.images)


@pytest.mark.parametrize("combine", COMBINATIONS)
@pytest.mark.parametrize("acting", ["oracle", "random"])
def test_deltas_sum_to_the_rise_of_the_score(started, combine, acting):
    engine = started(12, judge={"id": "checklist", "combine": combine})
    start, total = engine.score.clone(), torch.zeros(12)
    plan = oracle_actions(engine) if acting == "oracle" else random_actions(12, LONGEST_PLAN, 1)
    for actions in plan:
        active = (engine.step_index < engine.plan_length).nonzero().flatten()
        if len(active):
            result = engine.step(actions, active)
            total += result.reward
            assert torch.isfinite(result.reward).all()
    assert torch.allclose(total, engine.score - start, atol=1e-5)
    assert torch.allclose(engine.score, result.verdict.score)
    if acting == "oracle" and combine == "product":
        assert total.mean() > 0.3


def test_outcomes_are_paid_at_the_end(started):
    engine = started(8, reward_mode="outcome")
    delta = started(8, reward_mode="delta")
    for actions in oracle_actions(engine):
        active = (engine.step_index < engine.plan_length).nonzero().flatten()
        if not len(active):
            break
        result = engine.step(actions, active)
        delta.step(actions, active)
        ended = torch.zeros(8, dtype=torch.bool)
        ended[active] = result.terminated[active]
        assert not result.reward[~ended].any()
        assert torch.equal(result.reward[ended], result.verdict.score[ended])
        assert torch.equal(engine.canvas, delta.canvas)
        assert torch.equal(engine.score, delta.score)


def test_additive_rewards_judge_each_step_from_the_source(started):
    engine, fresh = started(6, first=40, reward_mode="additive"), started(6, first=40, reward_mode="additive")
    plan = oracle_actions(engine)
    first = engine.step(plan[0])
    assert torch.equal(first.reward, fresh.step(plan[0]).reward)
    # a canvas ruined before does not matter to a step judged by itself
    engine.canvas[:] = 7
    assert torch.equal(engine.step(plan[1]).reward, fresh.step(plan[1]).reward)


def test_a_step_judged_by_itself_earns_what_its_own_requirements_do(started):
    """Rewards of steps done right add up to about the final score."""
    engine = started(40, first=0, reward_mode="additive")
    plan, total = oracle_actions(engine), torch.zeros(40)
    while len(rows := (engine.step_index < engine.plan_length).nonzero().flatten()):
        at = int(engine.step_index[rows[0]])
        total[rows] += engine.step(plan[at], rows).reward[rows]
    true = engine.verdict.score
    assert float((total - true).abs().median()) < 0.1 and float(true.mean()) > 0.6


def test_which_requirements_count():
    kinds = [Kind.ABSENT, Kind.PRESENT, Kind.ABSENT, Kind.PRESENT, Kind.TONE]
    rows = [[int(kind), step, 0, 0, 0] for kind, step in zip(kinds, (0, 0, 1, 1, 2), strict=True)]
    wanted = torch.tensor([rows], dtype=torch.int32)
    for due, expected in ((0, "00000"), (1, "11000"), (3, "11111"), (-1, "11000"), (-2, "01110"), (-3, "01011")):
        # each requirement met alone earns something if it counts
        found = execution_of(torch.eye(5), wanted.expand(5, -1, -1), torch.full((5,), due, dtype=torch.int32))
        assert "".join(str(int(one > 0)) for one in found) == expected, due


def test_doing_a_later_step_early_earns_nothing_yet(started):
    engine = started(60, first=0)
    rows = (engine.plan_length >= 2).nonzero().flatten()
    plan, actions = oracle_actions(engine), torch.zeros(60, 2, dtype=torch.int64)
    for row in rows.tolist():
        last = int(engine.plan_length[row]) - 1
        actions[row] = plan[last][row]
        # the tools follow the current step, so the later one is put first
        engine.plan_codes[row, 0] = engine.plan_codes[row, last]
    result = engine.step(actions)
    assert (result.changed[rows] > 0).float().mean() > 0.8
    due_now = engine.checklist.batch.requirements[..., 1] == 0
    real = engine.checklist.batch.requirements[..., 0] > 0
    earlier = (result.verdict.requirements * (due_now & real)).sum(1) / real.sum(1)
    assert torch.allclose(result.verdict.execution[rows], earlier[rows], atol=1e-5)
    later = (result.verdict.requirements * (~due_now & real)).sum(1)[rows]
    assert (later > 0.5).float().mean() > 0.3, "the later steps were not done at all"


def test_under_an_agents_plan_everything_is_due(started):
    engine = started(20, planner="agent")
    oracle = started(20)
    assert not engine.by_oracle.any() and oracle.by_oracle.all()
    assert (engine._due() > LONGEST_PLAN).all()
    assert torch.equal(oracle._due(), torch.zeros(20, dtype=torch.int32))
    actions = oracle_actions(oracle)
    for row in range(20):
        engine.set_plan(row, oracle.plan(row))
    engine.step(actions[0])
    oracle.step(actions[0])
    assert torch.equal(engine.canvas, oracle.canvas)
    mine, theirs = engine.evaluate(), oracle.evaluate()
    real = engine.batch.requirements[..., 0] > 0
    assert torch.allclose(mine.execution, (mine.requirements * real).sum(1) / real.sum(1), atol=1e-5)
    assert (mine.execution >= theirs.execution).all()


# ------------------------------------------------------------------ plans


def test_a_plan_is_set_before_the_first_action_only(started):
    engine = started(3)
    engine.set_plan(1, "remove the hamburger\nadd the pumpkin")
    assert [step.text for step in engine.plan(1)] == ["remove the hamburger", "add the pumpkin"]
    assert engine.plan_length.tolist()[1] == 2
    assert engine.by_oracle.tolist() == [True, False, True]
    assert tuple(engine.current_codes()[1].tolist()) == engine.vocabulary.encode(PlanStep("remove", "hamburger"))
    engine.step(torch.zeros(3, 2, dtype=torch.int64), torch.tensor([1]))
    assert engine.current_step(1) == PlanStep("add", "picture", "pumpkin")
    before = snapshot(engine)
    with pytest.raises(ImgEditError, match="before the first action of an episode; environment 1 has taken 1"):
        engine.set_plan(1, "add the carrot")
    with pytest.raises(ImgEditError, match="before the first action"):
        engine.set_plans([0, 1], ["add the carrot"] * 2)
    assert same(before, snapshot(engine))
    engine.set_plan(0, "add the carrot")
    engine.reset([1], [None])
    assert engine.by_oracle.tolist() == [False, True, True]
    assert engine.plan(1) == engine.tasks.oracle_plan(engine.batch, 1)


@pytest.mark.parametrize("plan", ["", [], 5, ["add the carrot"] * 9, [("fry", "", "")]])
def test_a_wrong_plan_leaves_the_old_one(started, plan):
    engine = started(2)
    before, plans = snapshot(engine), [engine.plan(0), engine.plan(1)]
    with pytest.raises(ImgEditError):
        engine.set_plans([0, 1], ["add the carrot", plan])
    assert same(before, snapshot(engine))
    assert [engine.plan(0), engine.plan(1)] == plans


def test_an_exhausted_plan_has_an_empty_step(started):
    engine = started(1)
    engine.set_plan(0, "add the pumpkin")
    result = engine.step(torch.zeros(1, 2, dtype=torch.int64))
    assert result.terminated.tolist() == [True]
    assert engine.current_step(0) == PlanStep()
    assert engine.current_codes().tolist() == [[0, 0, 0]]
    assert engine.tool_mask()[0, 0]


@pytest.mark.parametrize("planner", ["oracle", "none", "rules", "agent"])
def test_planners_fill_the_plan(started, planner):
    engine = started(4, planner=planner)
    for row in range(4):
        plan = engine.plan(row)
        assert 1 <= len(plan) == int(engine.plan_length[row]) <= LONGEST_PLAN
        codes = [engine.vocabulary.encode(step) for step in plan]
        assert engine.plan_codes[row, : len(plan)].tolist() == [list(code) for code in codes]
        assert not engine.plan_codes[row, len(plan) :].any()


# ------------------------------------------------------------------ looking ahead and branching


def test_trying_actions_tells_what_acting_does(started):
    engine = started(4, first=20)
    actions = oracle_actions(engine)[0]
    before = snapshot(engine)
    rows = torch.tensor([2, 0, 1, 3, 0])
    tried = actions[rows].clone()
    tried[4] = 0
    verdict = engine.try_actions(tried, rows)
    after = snapshot(engine)
    assert torch.equal(after.pop("judged"), torch.tensor([1, 1, 1, 1])), "skip leaves the picture as it was judged"
    before.pop("judged")
    assert same(before, after)
    result = engine.step(actions)
    for at, row in enumerate(rows.tolist()[:4]):
        for name in ("execution", "preservation", "quality", "score", "requirements"):
            assert torch.equal(getattr(verdict, name)[at], getattr(result.verdict, name)[row])


@pytest.mark.parametrize("steps", [2, LONGEST_PLAN])
def test_nothing_can_be_tried_once_the_episode_is_over(started, steps):
    engine = started(2, planner="agent")
    engine.set_plans([0, 1], [["adjust the picture to vivid"] * n for n in (steps, LONGEST_PLAN)])
    skip = torch.zeros(2, 2, dtype=torch.int64)
    for _ in range(steps):
        engine.step(skip)
    before = snapshot(engine)
    rows, wrong = torch.tensor([1, 0]), rf"step {steps} of environment [01], counted from 0, whose plan has {steps}"
    with pytest.raises(ImgEditError, match=wrong):
        engine.try_actions(skip, rows)
    for index in (-1, steps):
        with pytest.raises(ImgEditError, match=rf"step {index} of environment 0"):
            engine.imagine(engine.canvas[:1], torch.tensor([index]), skip[:1], rows[1:])
    assert same(before, snapshot(engine))


@settings(max_examples=6)
@given(st.integers(0, 1000))
def test_branches_from_a_state_are_equal(started, seed):
    engine, other = started(3, first=60), started(2, first=900)
    actions = random_actions(3, 6, seed)
    engine.step(actions[0])
    engine.set_plan(0, "add the pumpkin\nremove the hamburger") if not engine.step_index[0] else None
    state = engine.get_state(1)
    held = state["canvas"].clone()

    def play(player, row):
        rewards = []
        for step in (1, 2):
            chosen = torch.zeros(player.num_envs, 2, dtype=torch.int64)
            chosen[row] = actions[step, 1]
            result = player.step(chosen, torch.tensor([row]))
            rewards.append((float(result.reward[row]), int(result.problems[row]), result.verdict.score[row].item()))
        return rewards, player.canvas[row].clone(), player.plan(row), int(player.step_index[row])

    first = play(engine, 1)
    assert torch.equal(state["canvas"], held), "the copy changed with the episode"
    engine.set_state(1, state)
    second = play(engine, 1)
    other.set_state(0, state)
    third = play(other, 0)
    for branch in (second, third):
        assert branch[0] == first[0] and branch[2:] == first[2:]
        assert torch.equal(branch[1], first[1])
    # the sequence of episodes goes on as well
    engine.reset([1], [None])
    other.reset([0], [None])
    assert engine.batch.keys[1] == other.batch.keys[0]
    assert torch.equal(engine.canvas[1], other.canvas[0])


def test_states_keep_plans_and_users_tasks(started):
    engine, other = started(2), started(2, first=7)
    image = np.full((64, 64, 3), 120, np.uint8)
    task = {"image": image, "instruction": "make it mine", "plan": ["add the pumpkin", "adjust the picture to darker"]}
    engine.reset_user_task(0, task)
    other.set_state(1, engine.get_state(0))
    assert other.plan(1) == engine.plan(0) and not other.by_oracle[1]
    assert other.tasks.instruction(other.batch, 1) == "make it mine"
    other.set_state(1, started(1, first=3).get_state(0))
    assert other.tasks.instruction(other.batch, 1) != "make it mine"
    assert other.by_oracle[1]


def test_states_of_other_sizes_are_refused(started):
    engine = started(1)
    for arguments in ({"image_size": 100}, {"max_plan_steps": 3}):
        other = started(1, **arguments)
        found = f"image_size {engine.image_size} .*; found one with {other.image_size} and {other.max_plan_steps}"
        with pytest.raises(ImgEditError, match=found):
            engine.set_state(0, other.get_state(0))


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be a whole number of at least 1; found 0"),
        ({"num_envs": True}, "num_envs must be a whole number of at least 1; found True"),
        ({"num_envs": 2.0}, "num_envs must be a whole number of at least 1; found 2.0"),
        ({"reward_mode": "sum"}, r"reward_mode must be one of \('delta', 'outcome', 'additive'\); found 'sum'"),
        ({"image_size": 63}, "image_size must be a whole number from 64 to 512; found 63"),
        ({"image_size": 513}, "image_size must be .* found 513"),
        ({"image_size": "64"}, "image_size must be .* found '64'"),
        ({"max_plan_steps": 0}, "max_plan_steps must be a whole number from 1 to 8; found 0"),
        ({"max_plan_steps": 9}, "max_plan_steps must be .* found 9"),
        ({"max_plan_steps": True}, "max_plan_steps must be .* found True"),
        ({"split": "tset"}, "unknown split 'tset'; expected one of: train"),
        ({"tasks": "advert"}, r"unknown task 'advert'; did you mean adverts\?"),
        ({"tasks": {"id": "adverts", "colour": 1}}, "task 'adverts' does not take these arguments"),
        ({"tasks": {"overlap": 1}}, "a task given as a mapping needs the key 'id'"),
        ({"planner": "oracel"}, r"unknown planner 'oracel'; did you mean oracle\?"),
        ({"regions": "cell"}, r"unknown region 'cell'; did you mean cells\?"),
        ({"judge": "checklists"}, r"unknown judge 'checklists'; did you mean checklist\?"),
        ({"judge": {"id": "checklist", "combine": "x"}}, "unknown score combination 'x'; expected one of"),
        ({"tools": ["past"]}, r"unknown tool 'past'; did you mean paste"),
        ({"tools": ["paste", "paste"]}, r"each tool once; found \['paste'\] several times"),
        ({"tools": ["pixel", "blur"]}, r"each tool once; found \['blur'\] several times"),
        ({"device": "abacus"}, "device must be a torch device such as .* found 'abacus'"),
        ({"device": "cuda:99"}, "device 'cuda:99' asks for CUDA"),
        ({"device": "meta"}, "device must be of type 'cpu' or 'cuda'; found 'meta'"),
        ({"device": None}, "device must be a torch device such as .* found None"),
    ],
)
def test_wrong_arguments(make_engine, arguments, message):
    arguments = dict(arguments)
    n = arguments.pop("num_envs", 1)
    with pytest.raises(ImgEditError, match=message) as caught:
        make_engine(n, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2,), (1, 2, 2)])
def test_actions_of_a_wrong_shape(started, shape):
    engine = started(2)
    before = snapshot(engine)
    with pytest.raises(ImgEditError, match=r"actions must have the shape \(2, 2\); found"):
        engine.step(torch.zeros(shape, dtype=torch.int64))
    assert same(before, snapshot(engine))


def test_tools_can_be_chosen(started):
    for tools, ids in (
        ("blur", ("skip", "blur")),
        (["blur", "paste"], ("skip", "blur", "paste")),
        (["skip", "blur"], ("skip", "blur")),
        ({"id": "tint"}, ("skip", "tint")),
        ("pixel", PIXEL_TOOLS),
    ):
        engine = started(1, tools=tools)
        assert engine.tool_ids == ids
        assert engine.nvec == (len(ids), N_REGIONS)


def test_a_tool_object_can_be_handed_over(started):
    class Negative:
        id, version, deterministic, reach, problems = "negative", "1", True, "mask", ("",)

        def accepts(self, steps):
            return torch.ones(len(steps), dtype=torch.bool)

        def check(self, regions, steps):
            return torch.zeros(len(steps), dtype=torch.int64)

        def apply(self, images, regions, steps):
            return 255 - images

    engine = started(2, tools=["pixel", Negative()])
    result = engine.step(torch.tensor([[len(PIXEL_TOOLS), 0], [0, 0]]))
    assert torch.equal(engine.canvas[0], 255 - engine.batch.images[0])
    assert torch.equal(engine.canvas[1], engine.batch.images[1])
    assert result.changed.tolist() == [64 * 64, 0]


def test_a_failed_judgement_is_no_reward_and_no_score(started):
    class Moody:
        id, version, prompt_hash, deterministic = "moody", "1", "", True

        def __init__(self, inner):
            self.inner, self.fails, self.combine = inner, False, inner.combine

        def judge(self, cases):
            verdict = self.inner.judge(cases)
            if self.fails:
                verdict.valid[:] = False
                verdict.score[:] = float("nan")
            return verdict

    inner = started(1).judge
    judge = Moody(inner)
    engine, plain = started(8, judge=judge), started(8)
    plan = oracle_actions(engine)
    engine.step(plan[0])
    plain.step(plan[0])
    held = engine.score.clone()
    judge.fails = True
    failed = engine.step(plan[1])
    plain.step(plan[1])
    assert not failed.reward.any() and torch.equal(engine.score, held)
    judge.fails = False
    after = engine.step(plan[2])
    plain.step(plan[2])
    # the next valid judgement makes up for it
    assert torch.allclose(engine.score, plain.score)
    assert torch.allclose(after.reward, plain.score - held, atol=1e-6)


def test_the_table_of_accepted_tools_is_what_they_say():
    engine = Engine(32, image_size=64)
    engine.reset(range(32), list(range(32)))
    steps = engine.current_steps()
    assert torch.equal(engine.tool_mask(), torch.stack([tool.accepts(steps) for tool in engine.tools], 1))


def test_a_tool_that_looks_at_more_than_verb_and_value_is_asked():
    class Choosy(Tool):
        id = "choosy"

        def accepts(self, steps):
            return steps.codes[:, 1] % 2 == 0

    engine = Engine(32, image_size=64)
    engine = Engine(32, image_size=64, tools=["pixel", Choosy(engine.tasks.stock, engine.vocabulary)])
    engine.reset(range(32), list(range(32)))
    told = engine.current_codes()[:, 1] % 2 == 0
    assert told.any() and not told.all()
    assert torch.equal(engine.tool_mask()[:, -1], told)


def test_stretches_of_any_length_give_the_same_edits(monkeypatch):
    found = []
    for stretch in (1, 3, 512):
        monkeypatch.setattr("imgedit_gym.engine.STRETCH", stretch)
        draw = np.random.default_rng(0)
        engine = Engine(24, image_size=64)
        engine.reset(range(24), range(24))
        for _ in range(2):
            # few tools, so that some are chosen by more than a stretch
            tools, regions = draw.choice([0, 3, 4, 9, 20], 24), draw.integers(0, 65, 24)
            result = engine.step(torch.from_numpy(np.stack([tools, regions], 1)))
        found.append((engine.canvas.clone(), result.problems, result.changed, result.reward))
    assert int((found[0][2] > 0).sum()) > 5
    for other in found[1:]:
        assert all(torch.equal(one, same) for one, same in zip(found[0], other, strict=True))
