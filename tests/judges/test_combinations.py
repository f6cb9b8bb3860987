"""Trees of judges: which part says what, and what comes of it."""

import json

import gymnasium as gym
import pytest
import torch

import imgedit_gym  # noqa: F401
from baselines.cli import describe_judge
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, PIXEL_TOOLS
from imgedit_gym.core.verdict import COMBINATIONS, Verdict, Weighted
from imgedit_gym.judges.base import Judge, JudgeError
from imgedit_gym.judges.weighing import weigh

N = 6


class Fixed(Judge):
    """Finds the same in every picture; it counts how often it is asked."""

    id = "fixed"

    def __init__(self, e=0.5, p=0.5, q=0.5, fails=(), waits=False):
        self.e, self.p, self.q, self.fails, self.waits = e, p, q, fails, waits
        self.asked = 0
        self.closed = False

    def judge(self, cases):
        self.asked += 1
        n = len(cases)
        full = torch.ones(n)
        asked = (cases.wanted[..., 0] > 0).float()
        verdict = Verdict(
            execution=full * self.e,
            preservation=full * self.p,
            quality=full * self.q,
            score=full,
            requirements=asked * self.e,
            success=full > 0,
            valid=full > 0,
            calls=full.clone(),
            parts={"own": full * 0.125},
        )
        for at in self.fails:
            verdict.valid[at] = False
            verdict.requirements[at] = float("nan")
            verdict.reasons[at] = "fell over"
        return verdict

    def close(self):
        self.closed = True


@pytest.fixture(scope="module")
def cases(started, cases_of):
    return cases_of(started(N, first=70))


def build(id, **arguments):
    return JUDGES.build({"id": id} | arguments)


@pytest.mark.parametrize("id", ["product", "sum", "geometric", "minimum", "gate"])
def test_each_channel_comes_from_its_part(cases, id):
    judge = build(id, execution=Fixed(0.75), preservation=Fixed(p=0.875), quality=Fixed(q=0.625))
    verdict = judge.judge(cases)
    e, p, q = (torch.full((N,), value) for value in (0.75, 0.875, 0.625))
    assert torch.equal(verdict.execution, e)
    assert torch.equal(verdict.preservation, p) and torch.equal(verdict.quality, q)
    assert torch.equal(verdict.score, COMBINATIONS[id](e, p, q))
    assert torch.equal(verdict.calls, torch.full((N,), 3.0))
    assert torch.equal(verdict.parts["preservation"], p) and torch.equal(verdict.parts["quality"], q)
    assert torch.equal(verdict.parts["execution"], verdict.requirements)
    assert {"execution/own", "preservation/own", "quality/own"} < set(verdict.parts)


@pytest.mark.parametrize("waits", [False, True])
def test_parts_written_alike_are_one_and_asked_once(cases, waits):
    one = Fixed(waits=waits)
    judge = build("product", execution=one)
    judge.judge(cases)
    assert one.asked == 1 and judge.waits == waits
    same = build("product", execution={"id": "pixels"}, preservation={"id": "pixels"}, quality="checklist")
    parts = same.parts()
    assert parts["execution"] is parts["preservation"] is not parts["quality"]


def test_arguments_of_combinations(cases):
    judge = build("sum", execution=Fixed(0.25), weights={"execution": 1.0, "preservation": 0.0, "quality": 0.0})
    assert torch.equal(judge.judge(cases).score, torch.full((N,), 0.25))
    assert not build("gate", execution=Fixed(p=0.7)).judge(cases).score.any()
    assert (build("gate", execution=Fixed(p=0.7), least_preservation=0.6).judge(cases).score == 0.5).all()
    for id, arguments, message in (
        ("sum", {"weights": {"execution": 2.0}}, "weights: expected"),
        ("gate", {"least_quality": 2}, "least_quality must be in"),
        ("product", {"execution": "no such"}, "unknown judge"),
        ("ensemble", {"members": {}}, "members: expected"),
        ("ensemble", {"members": ["checklist"], "pool": "max"}, "pool must be one of"),
        ("ensemble", {"members": ["checklist"], "least_valid": 2}, "least_valid must be"),
        ("ensemble", {"members": {"a": "pixels"}, "weights": {"b": 1}}, "weights: expected one above 0"),
        ("average", {"judge": "checklist", "k": 2}, "gives the same answer each time"),
        ("average", {"judge": "checklist", "k": 0}, "k must be"),
    ):
        with pytest.raises(ImgEditError, match=message):
            build(id, **arguments)


def test_a_part_that_fails_makes_the_judgement_fail(cases):
    verdict = build("product", execution=Fixed(), quality=Fixed(fails=(2,))).judge(cases)
    assert verdict.valid.tolist() == [i != 2 for i in range(N)] and verdict.reasons == {2: "fell over"}
    assert not verdict.success[2]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("wrong", [{"e": 1.6}, {"p": float("nan")}, {"q": -0.5}])
def test_numbers_out_of_range_are_a_members_failure(cases, wrong, waits):
    members = [Fixed(0.25), Fixed(**wrong, waits=waits)]
    with pytest.raises(JudgeError, match=r"expected finite numbers in \[0, 1\]"):
        build("ensemble", members=members).judge(cases)
    verdict = build("ensemble", members=members, least_valid=1).judge(cases)
    assert verdict.valid.all() and torch.equal(verdict.execution, torch.full((N,), 0.25))
    assert not build("ensemble", members=members, on_error="invalid").judge(cases).valid.any()


def test_what_becomes_of_failures_is_taken_from_the_parts(scripted):
    raising, lenient = scripted(), scripted(on_error="invalid")
    assert build("product", execution=lenient).on_error == "invalid"
    assert build("product", execution=lenient, quality=raising).on_error == "raise"
    assert build("cache", judge=raising).on_error == "raise"
    assert build("cache", judge="checklist").on_error == "invalid"


def test_judges_that_say_other_things_are_described_otherwise():
    kept = {"execution": 0.5, "preservation": 0.25, "quality": 0.25}
    specs = [
        {"id": "pixels"},
        {"id": "pixels", "region": "step"},
        {"id": "pixels", "combine": "minimum"},
        {"id": "sum"},
        {"id": "sum", "weights": kept},
        {"id": "gate"},
        {"id": "gate", "least_quality": 0.25},
        {"id": "ensemble", "members": ["checklist", "pixels"]},
        {"id": "ensemble", "members": ["checklist", "pixels"], "pool": "minimum"},
        {"id": "ensemble", "members": ["checklist", "pixels"], "least_valid": 1},
        {"id": "ensemble", "members": {"0": "checklist", "1": "pixels"}, "weights": {"0": 1, "1": 2}},
        {"id": "ensemble", "members": {"0": "checklist", "1": "pixels"}, "weights": {"1": 1, "0": 2}},
        {"id": "ensemble", "members": ["checklist", {"id": "pixels", "region": "step"}]},
        {"id": "ensemble", "members": ["checklist", {"id": "pixels", "combine": "sum"}]},
    ]
    told = [json.dumps(describe_judge(JUDGES.build(spec)), sort_keys=True) for spec in specs]
    assert len(set(told)) == len(specs)
    for spec in specs[:2]:
        assert describe_judge(build("cache", judge=spec)) == describe_judge(JUDGES.build(spec))


def test_the_identity_names_the_parts():
    judge = build("product", execution="checklist", preservation="pixels")
    assert judge.version == "1(execution=checklist:1,preservation=pixels:1,quality=checklist:1)"
    assert judge.prompt_hash == "" and judge.deterministic
    judge.close()


# ------------------------------------------------------------------ why the product is the default


@pytest.mark.parametrize("execution", ["checklist", "pixels"])
def test_copying_the_input_earns_nothing_but_under_the_plain_sum(started, cases_of, execution):
    cases = cases_of(started(20, first=200))
    for id in ("product", "geometric", "minimum", "gate"):
        assert build(id, execution=execution, preservation="pixels").judge(cases).score.mean() < 0.05
    assert build("sum", execution=execution, preservation="pixels").judge(cases).score.mean() > 0.4
    assert build("checklist").judge(cases).score.mean() < 0.05, "what an environment has by default"


# ------------------------------------------------------------------ ensembles


def test_an_ensemble_pools_its_members(cases):
    members = {"a": Fixed(0.25, 1.0, 0.5), "b": Fixed(0.5, 1.0, 0.5), "c": Fixed(1.0, 0.25, 0.5)}
    for pool, e, p in (("mean", 1.75 / 3, 0.75), ("median", 0.5, 1.0), ("minimum", 0.25, 0.25)):
        verdict = build("ensemble", members=members, pool=pool).judge(cases)
        assert torch.allclose(verdict.execution, torch.full((N,), e))
        assert torch.allclose(verdict.preservation, torch.full((N,), p))
    spread = torch.tensor([0.25, 0.5, 1.0]).std()
    asked = cases.wanted[..., 0] > 0
    assert torch.allclose(verdict.parts["spread/E"][asked], spread)
    assert torch.allclose(verdict.parts["spread/P"], torch.tensor([1.0, 1.0, 0.25]).std())
    assert not verdict.parts["spread/Q"].any()
    assert torch.equal(verdict.parts["c/P"], torch.full((N,), 0.25))
    weighted = build("ensemble", members=members, weights={"a": 2.0, "b": 1.0, "c": 1.0}).judge(cases)
    assert torch.allclose(weighted.execution, torch.full((N,), 0.5))


def test_an_ensemble_can_do_without_some(cases):
    members = [Fixed(0.25), Fixed(0.75, fails=(0, 1)), Fixed(0.75, fails=(1,))]
    few = build("ensemble", members=members, least_valid=2, on_error="invalid").judge(cases)
    assert few.valid.tolist() == [i != 1 for i in range(N)] and few.reasons == {1: "fell over"}
    assert few.execution[0] == 0.5 and torch.isfinite(few.score).all()
    assert all(torch.isfinite(value).all() for value in few.parts.values())
    every = build("ensemble", members=members, on_error="invalid").judge(cases)
    assert every.valid.tolist() == [i > 1 for i in range(N)]
    with pytest.raises(JudgeError, match="2 of 6 judgements failed; the first: fell over"):
        build("ensemble", members=members).judge(cases)


def test_a_member_that_does_not_judge_a_kind_leaves_it_to_the_others(cases):
    class Partial(Fixed):
        def judge(self, cases):
            verdict = super().judge(cases)
            verdict.requirements[:, 0] = float("nan")
            return verdict

    alone = build("product", execution=Partial(0.25)).judge(cases)
    several = cases.wanted[:, 1, 0] > 0
    assert several.any() and (alone.execution[several] == 0.25).all() and not alone.success.any()
    for pool in ("mean", "median", "minimum"):
        both = build("ensemble", members=[Partial(0.25), Fixed(0.75)], pool=pool).judge(cases)
        assert (both.requirements[:, 0] == 0.75).all() and torch.isfinite(both.score).all()
        assert not both.parts["spread/E"][:, 0].any()
        none = build("ensemble", members=[Partial(0.25), Partial(0.75)], pool=pool).judge(cases)
        assert none.requirements[:, 0].isnan().all() and torch.isfinite(none.score).all()


def test_an_average_asks_again(cases, scripted):
    answers = iter([0.25, 0.75] * 1000)
    judge = scripted(lambda question: next(answers), preservation=Fixed(), quality=Fixed())
    verdict = build("average", judge=judge, k=2, pool="minimum").judge(cases)
    asked = cases.wanted[..., 0] > 0
    assert verdict.valid.all() and len(judge.asked) == 2 * int(asked.sum())
    said = torch.stack([verdict.parts["0/E"], verdict.parts["1/E"]])
    assert torch.equal(verdict.requirements, said.amin(0)) and (verdict.requirements[asked] < 0.75).any()
    assert verdict.parts["spread/E"][asked].any()
    assert verdict.parts["0/P"].tolist() == [0.5] * N


@pytest.mark.parametrize("waits", [False, True])
def test_trees_of_trees(cases, waits):
    spec = {
        "id": "product",
        "execution": {"id": "ensemble", "members": {"x": Fixed(0.25, waits=waits), "y": Fixed(0.75)}},
        "preservation": {"id": "ensemble", "members": ["pixels", "checklist"]},
        "quality": "pixels",
    }
    verdict = JUDGES.build(spec).judge(cases)
    assert torch.allclose(verdict.execution, torch.full((N,), 0.5))
    assert {"execution/x/E", "execution/spread/E", "preservation/0/ssim", "quality/drift"} < set(verdict.parts)


def test_an_ensemble_raises_without_a_reason_too(cases):
    silent = Fixed(0.25, fails=(1,))
    judge_of = silent.judge

    def judge(cases):
        verdict = judge_of(cases)
        verdict.reasons = {}
        return verdict

    silent.judge = judge
    with pytest.raises(JudgeError, match="1 of 6 judgements failed; the first: no reason given"):
        build("ensemble", members=[silent]).judge(cases)


@pytest.mark.parametrize(
    "spec",
    [
        {"id": "sum", "weights": [0.5, 0.3, 0.2]},
        {"id": "sum", "weights": {"execution": "1", "preservation": 0, "quality": 0}},
        {"id": "gate", "least_quality": "high"},
        {"id": "ensemble", "members": ["checklist"], "weights": {"0": "1"}},
        {"id": "ensemble", "members": ["checklist"], "weights": [1]},
        {"id": "checklist", "combine": ["sum"]},
    ],
)
def test_arguments_of_the_wrong_type_are_told(spec):
    with pytest.raises(ImgEditError, match="expected|must be"):
        JUDGES.build(spec)


def test_async_is_the_same(cases):
    import asyncio

    judge = build("product", execution="checklist", preservation={"id": "ensemble", "members": ["pixels", "checklist"]})
    first, second = judge.judge(cases), asyncio.run(judge.judge_async(cases))
    for name in ("requirements", "preservation", "quality", "score", "success"):
        assert torch.equal(getattr(first, name), getattr(second, name))


# ------------------------------------------------------------------ in an environment

TREE = {
    "id": "sum",
    "weights": {"execution": 0.6, "preservation": 0.2, "quality": 0.2},
    "execution": "checklist",
    "preservation": {"id": "ensemble", "members": {"pixels": "pixels", "exact": "checklist"}},
    "quality": "checklist",
}


def test_parts_are_in_the_info_of_both_environments():
    spec = json.loads(json.dumps(TREE))
    env = gym.make("ImageEdit-v0", image_size=64, judge=spec)
    many = gym.make_vec("ImageEdit-v0", num_envs=2, vectorization_mode="vector_entry_point", image_size=64, judge=spec)
    env.reset(seed=3)
    many.reset(seed=3)
    action = [PIXEL_TOOLS.index("blur"), 0]
    for _ in range(min(2, len(env.unwrapped.engine.plan(0)))):
        one = env.step(action)[-1]["scores"]
        both = many.step([action, action])[-1]["scores"]
        names = {"execution", "preservation", "preservation/pixels/P", "preservation/spread/P", "quality"}
        assert names < set(one)
        assert {name for name in both if not name.startswith("_")} == set(one)
        for name, value in one.items():
            assert isinstance(value, float) and 0.0 <= value <= 1.0
            assert both[name].shape == (2,) and both[name][0] == pytest.approx(value, abs=1e-6)
        assert one["execution"] == one["E"] and one["preservation"] == one["P"]
        assert one["score"] == pytest.approx(0.6 * one["E"] + 0.2 * one["P"] + 0.2 * one["Q"], abs=1e-6)
    env.close()
    many.close()


def test_parts_by_requirement_follow_what_counts(started):
    engine = started(8, judge=TREE)
    for _ in range(3):
        verdict = engine.step(torch.zeros(8, 2, dtype=torch.int64)).verdict
        assert torch.equal(verdict.parts["execution"], verdict.execution)
    held = weigh(verdict, engine.batch.requirements, engine._due(), Weighted(0.6, 0.2, 0.2))
    assert torch.equal(held[1], verdict.score)


def test_parts_go_with_a_branch(started):
    engine, other = started(2, judge=TREE), started(3, judge=TREE)
    engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 2))
    other.set_state(2, engine.get_state(1))
    for name, value in engine.verdict.parts.items():
        assert other.verdict.parts[name][2] == value[1]
    skip = torch.zeros(3, 2, dtype=torch.int64)
    engine.step(skip[:2])
    other.step(skip, torch.tensor([2]))
    for name, value in engine.verdict.parts.items():
        assert other.verdict.parts[name][2] == value[1]
    fresh = started(1)
    fresh.set_state(0, engine.get_state(1))
    assert set(fresh.verdict.parts) == set(engine.verdict.parts)


def test_an_environment_closes_the_judge_it_has_built_and_no_other(started, monkeypatch):
    handed = Fixed()
    engine = started(1, judge=handed)
    engine.close()
    assert not handed.closed
    monkeypatch.setitem(JUDGES._entries, "fixed", Fixed)
    engine = started(1, judge="fixed")
    engine.close()
    assert engine.judge.closed


def test_additive_rewards_count_their_judgements(started):
    engine = started(3, judge=Fixed(), reward_mode="additive")
    result = engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 2 + [[0, 0]]))
    # the step alone and the picture itself; the source was judged at the reset
    assert engine.judged.tolist() == [2, 2, 0] and result.verdict.calls.tolist() == [2.0, 2.0, 0.0]
    result = engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 3))
    assert engine.judged.tolist() == [4, 4, 2] and result.verdict.calls.tolist() == [2.0] * 3


def test_an_additive_reward_of_a_failed_judgement_is_masked(started):
    judge = Fixed()
    engine = started(3, judge=judge, reward_mode="additive")
    judge.fails = (1,)
    result = engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 3))
    assert result.valid.tolist() == [True, False, True] and result.reward[1] == 0.0
