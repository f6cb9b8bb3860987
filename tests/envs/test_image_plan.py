"""ImagePlan-v0: plans in, what an orchestrator makes of them out; single and vector alike."""

import copy
import itertools
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode

import imgedit_gym  # noqa: F401
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan_report import PlanReport
from imgedit_gym.core.verdict import Verdict

SIZE = 64
MODES = [mode.value for mode in AutoresetMode]
INFO_KEYS = {
    "task_id",
    "instruction",
    "plan",
    "plan_error",
    "plan_error_line",
    "plan_report",
    "tools",
    "regions",
    "action_errors",
    "requirements",
    "preserved",
    "scores",
    "is_success",
    "success",
    "judge",
}


@pytest.fixture(scope="module")
def env():
    return gym.make("ImagePlan-v0", image_size=SIZE)


def make_vec(num_envs=3, **arguments):
    return gym.make_vec("ImagePlan-v0", num_envs=num_envs, **{"image_size": SIZE} | arguments)


def oracle_text(env, row=0):
    """The plan of the task that an environment is at."""
    engine = env.unwrapped.engine
    return "\n".join(step.text for step in engine.tasks.oracle_plan(engine.batch, row))


def answers(env):
    """Plans of several sorts, for each environment one."""
    sorts = [lambda row: oracle_text(env, row), lambda row: "make it nice", lambda row: "remove the unicorn"]
    return [sorts[row % 3](row) for row in range(env.num_envs)]


# ---------------------------------------------------------------------- contract


@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_gymnasium_check_env_has_nothing_to_say(render_mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("ImagePlan-v0", image_size=SIZE, render_mode=render_mode).unwrapped)


def test_passive_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make("ImagePlan-v0", image_size=SIZE, render_mode="rgb_array", disable_env_checker=False)
        for seed in range(2):
            env.reset(seed=seed)
            env.step(oracle_text(env))
            assert env.render().dtype == np.uint8
        env.reset()
        env.step("nonsense")
        env.close()


def test_specs_serialise():
    arguments = {"orchestrator": {"id": "oracle", "width": 2}, "image_size": SIZE, "split": "test"}
    spec = gym.make("ImagePlan-v0", **arguments).spec
    again = EnvSpec.from_json(spec.to_json())
    env = gym.make(again)
    env.reset(seed=1)
    assert env.unwrapped.orchestrator._width == 2
    assert env.step(oracle_text(env))[1] > 0.5


def test_spaces(env):
    observation, info = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert observation["image"].shape == (SIZE, SIZE, 3)
    assert observation["instruction"] == info["instruction"]
    assert env.action_space.contains(oracle_text(env)) and env.action_space.contains("")
    headlines = env.unwrapped.engine.tasks.stock.headlines
    assert all(env.action_space.contains(f"rewrite the headline as {text}") for text in headlines)


def test_no_instruction_is_cut(make_source):
    book = make_source().book
    longest = max(sum(len(max(book.goals[i].phrasings, key=len)) for i in pair) for pair in book.compatible_pairs())
    assert longest + len(" Also: ") <= 256


def test_ending(env):
    env.reset(seed=0)
    *_, terminated, truncated, _ = env.step("remove the unicorn")
    assert terminated is True and truncated is False
    with pytest.raises(ResetNeeded, match="terminated"):
        env.unwrapped.step("remove the unicorn")
    env.reset()
    with pytest.raises(ResetNeeded, match=r"before step\(\)"):
        gym.make("ImagePlan-v0", image_size=SIZE).unwrapped.step("")


# ---------------------------------------------------------------------- what comes of a plan


def test_the_tasks_own_plan(env):
    for seed in range(3):
        first, before = env.reset(seed=seed)
        observation, reward, _, _, info = env.step(oracle_text(env))
        assert set(before) == set(info) == INFO_KEYS
        assert isinstance(reward, float) and reward > 0.7
        assert reward == pytest.approx(info["scores"]["score"] - before["scores"]["score"])
        assert info["plan"] == oracle_text(env).splitlines()
        assert info["plan_error"] == "" and info["plan_error_line"] == 0
        report = info["plan_report"]
        assert report.pop("coverage") == report.pop("preservation") == 1.0 and not any(report.values())
        assert len(info["tools"]) == len(info["regions"]) == len(info["plan"]) and "skip" not in info["tools"]
        assert info["judge"]["judgements"] > len(info["plan"])
        assert not np.array_equal(observation["image"], first["image"])
        assert observation["instruction"] == first["instruction"]


def test_before_the_plan(env):
    _, info = env.reset(seed=0)
    assert info["plan"] == info["tools"] == info["regions"] == info["action_errors"] == []
    faults = {"infeasible": [], "redundant": [], "harmful": [], "disordered": []}
    assert info["plan_report"] == {"coverage": 0.0, "preservation": 1.0} | faults


def test_plans_are_read_as_people_write_them(env):
    env.reset(seed=3)
    lines = [line for line in oracle_text(env).splitlines() if "headline" not in line]
    *_, info = env.step("\n".join(f" {i}.  {line.upper()}." for i, line in enumerate(lines, 1)))
    assert info["plan"] == lines


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("", 1, "at least one step; found ''"),
        (" \n\n", 1, "at least one step"),
        ("make it nice", 1, r"one of: remove the X.*found 'make it nice'"),
        ("remove the dog\n\n2. pet the dog\nremove the cat", 3, "found '2. pet the dog'"),
        ("remove the dog\n" * 9, 9, "no more than 8 steps; found 'remove the dog'"),
        ("remove the dog\n...", 2, r"found '\.\.\.'"),
    ],
)
def test_what_is_no_plan_is_told(env, text, line, found):
    first, before = env.reset(seed=0)
    observation, reward, terminated, _, info = env.step(text)
    assert reward == 0.0 and terminated
    assert info["plan_error_line"] == line
    with pytest.raises(ImgEditError, match=f"line {line}: expected .*{found}"):
        raise ImgEditError(info["plan_error"])
    assert info["plan"] == info["tools"] == []
    assert np.array_equal(observation["image"], first["image"]) and info["scores"] == before["scores"]


@pytest.mark.parametrize("action", [5, None, ["remove the dog"], b"remove", "remove the café", "x" * 1609])
def test_actions_outside_the_space_are_errors(env, action):
    env.reset(seed=0)
    with pytest.raises(ImgEditError, match="action: expected"):
        env.unwrapped.step(action)
    assert env.step(oracle_text(env))[1] > 0.0


def test_faults_are_named(env):
    env.reset(seed=0)
    *_, info = env.step("remove the unicorn\n" + oracle_text(env))
    assert info["plan_report"]["infeasible"] == [0] and info["plan_report"]["coverage"] == 1.0
    assert info["tools"][0] == "skip"


def test_another_orchestrator():
    agent = {"id": "agent", "agent": "baselines.agents.no_op:NoOpAgent"}
    env = gym.make("ImagePlan-v0", image_size=SIZE, orchestrator=agent)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(oracle_text(env))
    assert reward == 0.0 and set(info["tools"]) == {"skip"}
    assert info["plan_report"]["coverage"] == 1.0
    with pytest.raises(ImgEditError, match="unknown orchestrator 'orakel'"):
        gym.make("ImagePlan-v0", orchestrator="orakel")


def test_a_task_of_ones_own(env):
    image = np.full((90, 90, 3), 200, np.uint8)
    image[20:40, 20:40] = (200, 30, 30)
    own = {
        "image": image,
        "instruction": "No “red” box, s'il vous plaît…",
        "objects": [{"name": "box", "box": (20, 20, 40, 40)}],
        "checklist": [{"kind": "absent", "object": "box"}],
    }
    observation, info = env.reset(options=own)
    assert observation["instruction"] == 'No "red" box, s\'il vous plait...' and "“" in info["instruction"]
    assert env.observation_space.contains(observation)
    _, reward, _, _, info = env.step("remove the box")
    assert reward > 0.8 and info["is_success"]
    with pytest.raises(ImgEditError, match=r"unknown reset options \['plan'\]"):
        env.reset(options={"plan": "remove the box"})


def test_a_task_by_name(env):
    _, info = env.reset(seed=7)
    env.reset(seed=1)
    assert env.reset(options={"task_id": info["task_id"]})[1] == info


def test_seeds_tell_the_same_story(env):
    def story():
        env.reset(seed=11)
        found = []
        for text in (oracle_text(env), "oops"):
            found.append(env.step(text))
            found.append(env.reset())
        return found

    assert data_equivalence(story(), story())


def test_a_judge_that_fails_earns_nothing():
    class Broken:
        id, version, prompt_hash, deterministic = "broken", "1", "", True
        combine = staticmethod(lambda execution, preservation, quality: execution)

        def __init__(self):
            self.asked = 0

        def judge(self, cases):
            self.asked += 1
            n = len(cases)
            share, valid = torch.ones(n), torch.full((n,), self.asked == 1)
            values = torch.zeros(n, cases.wanted.shape[1])
            success = torch.zeros(n, dtype=torch.bool)
            reasons = {} if self.asked == 1 else dict.fromkeys(range(n), "out of order")
            return Verdict(share, share, share, share, values, success, valid, share, reasons=reasons)

    env = gym.make("ImagePlan-v0", image_size=SIZE, judge=Broken(), disable_env_checker=True)
    _, info = env.reset(seed=0)
    assert info["judge"]["valid"] and info["judge"]["reward_valid"]
    _, reward, _, _, info = env.step(oracle_text(env))
    assert reward == 0.0 and not info["judge"]["reward_valid"] and info["judge"]["reason"] == "out of order"


# ---------------------------------------------------------------------- copies


@pytest.mark.parametrize("text", [None, "make it nice", "remove the unicorn"])
@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
def test_copies_go_on_alike(how, text):
    env = gym.make("ImagePlan-v0", image_size=SIZE).unwrapped
    env.reset(seed=5)
    if text is not None:
        env.step(text)
    other = how(env)
    assert data_equivalence(env._info(), other._info())
    for one in (env, other):
        if text is not None:
            with pytest.raises(ResetNeeded):
                one.step("")
            one.reset()
    assert data_equivalence(env.step(oracle_text(env)), other.step(oracle_text(other)))


def test_vector_copies_go_on_alike():
    env = make_vec(2)
    env.reset(seed=5)
    env.step(answers(env))
    other = pickle.loads(pickle.dumps(env))
    assert data_equivalence(env.info(0), other.info(0)) and data_equivalence(env.info(1), other.info(1))
    assert data_equivalence(env.step(["", ""]), other.step(["", ""]))


def test_rendering():
    env = gym.make("ImagePlan-v0", image_size=SIZE, render_mode="ansi")
    env.reset(seed=0)
    env.step(oracle_text(env))
    assert oracle_text(env).splitlines()[0] in env.render()
    envs = make_vec(2, render_mode="rgb_array")
    envs.reset(seed=0)
    frames = envs.render()
    assert len(frames) == 2 and frames[0].ndim == 3


# ---------------------------------------------------------------------- single and vector are the same


def same_numbers(infos, row, info):
    report = info["plan_report"]
    for name, value in report.items():
        told = infos["plan_report"][name][row]
        assert told == (len(value) if isinstance(value, list) else np.float32(value))
    assert infos["plan_error_line"][row] == info["plan_error_line"]
    assert infos["plan_length"][row] == len(info["plan"])
    taken = [list(action) for action in infos["actions"][row] if action[0] >= 0]
    assert [region for _, region in taken] == info["regions"] and len(taken) == len(info["tools"])
    assert {name: float(infos["scores"][name][row]) for name in info["scores"]} == info["scores"]
    assert infos["success"][row] == info["success"]
    for name in ("valid", "reward_valid", "failed", "judgements"):
        assert infos["judge"][name][row] == info["judge"][name]


@pytest.mark.parametrize("mode", MODES)
def test_vector_environments_are_single_ones(mode):
    env = make_vec(autoreset_mode=mode, split="test")
    sync = gym.make_vec(
        "ImagePlan-v0",
        num_envs=3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(mode)},
        image_size=SIZE,
        split="test",
    )
    found, expected = env.reset(seed=40), sync.reset(seed=40)
    for step in range(4):
        assert data_equivalence(found[0], expected[0])
        for row, single in enumerate(sync.envs):
            info = single.unwrapped._info()
            assert data_equivalence(env.info(row), info)
            same_numbers(found[-1], row, info)
        if step:
            for ours, theirs in zip(found[1:4], expected[1:4], strict=True):
                assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
        if mode == "SameStep" and step:
            assert found[-1]["_final_obs"].all()
            for row in range(3):
                last = expected[-1]["final_obs"][row]
                assert np.array_equal(found[-1]["final_obs"]["image"][row], last["image"])
                assert found[-1]["final_obs"]["instruction"][row] == last["instruction"]
            assert found[-1]["final_info"]["plan_error_line"].tolist() == [0, 1, 0]
        if mode == "Disabled" and step:
            done = np.array([True, False, True]) if step == 1 else np.ones(3, bool)
            if step == 1:
                with pytest.raises(ResetNeeded, match="environment 0 has ended"):
                    env.step(answers(env))
            found, expected = (one.reset(options={"reset_mask": done.copy()}) for one in (env, sync))
            assert data_equivalence(found[0], expected[0])
            done = ~done
            if done.any():
                found, expected = (one.reset(options={"reset_mask": done.copy()}) for one in (env, sync))
        actions = answers(env)
        found, expected = env.step(actions), sync.step(actions)


def test_torch_outputs():
    env = make_vec(2, output="torch")
    observations, infos = env.reset(seed=0)
    assert isinstance(observations["image"], torch.Tensor) and isinstance(observations["instruction"], tuple)
    _, rewards, terminated, _, infos = env.step(answers(env))
    assert rewards.dtype == torch.float32 and terminated.dtype == torch.bool
    assert infos["actions"].shape == (2, 8, 2)


@pytest.mark.parametrize("actions", ["remove the dog", ["remove the dog"], ["a", 5, "b"], 7, ["é", "a", "b"]])
def test_vector_actions_are_checked(actions):
    env = make_vec()
    env.reset(seed=0)
    with pytest.raises(ImgEditError, match="expected"):
        env.step(actions)


def test_one_call_of_the_orchestrator_serves_all():
    class Counting:
        id, version, deterministic, privileged = "counting", "1", True, False

        def __init__(self):
            self.calls = []

        def begin(self, engine, rows):
            self.calls.append(("begin", rows.tolist()))

        def act(self, engine, rows):
            self.calls.append(("act", rows.tolist()))
            return torch.zeros(len(rows), 2, dtype=torch.int64)

    orchestrator = Counting()
    env = make_vec(3, orchestrator=orchestrator)
    env.reset(seed=0)
    env.step(["remove the dog", "nonsense", "remove the dog\nremove the cat"])
    assert orchestrator.calls == [("begin", [0, 2]), ("act", [0, 2]), ("act", [2])]


def test_call_reads_every_environment():
    env = make_vec(2)
    env.reset(seed=0)
    assert env.call("plan") == ([], [])
    env.step([oracle_text(env, 0), "no"])
    assert env.call("plan")[0] == oracle_text(env, 0).splitlines() and env.call("plan")[1] == []
    assert len(set(env.call("task_id"))) == 2
    assert list(itertools.chain(*env.call("requirements")))
    env.close()
    env.close()


def test_reports_are_those_of_the_task_source(env):
    env.reset(seed=2)
    engine = env.unwrapped.engine
    report = engine.tasks.check_plan(engine.batch, 0, engine.tasks.oracle_plan(engine.batch, 0))
    assert isinstance(report, PlanReport) and report.flawless
