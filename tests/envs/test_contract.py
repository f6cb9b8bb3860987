"""ImageEdit-v0 keeps Gymnasium's contract, and Stable-Baselines3's."""

import copy
import hashlib
import itertools
import math
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence

import imgedit_gym  # noqa: F401
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.verdict import Verdict, minimum
from imgedit_gym.envs.image_edit import ImageEditEnv
from imgedit_gym.trajectory import Trajectory, trajectory_of

SIZE = 64
INFO_KEYS = {
    "task_id",
    "instruction",
    "plan",
    "plan_step",
    "plan_index",
    "requirements",
    "preserved",
    "scores",
    "is_success",
    "success",
    "action_mask",
    "action_error",
    "changed_pixels",
    "lineage",
    "judge",
}


@pytest.fixture(scope="module")
def env():
    return gym.make("ImageEdit-v0", image_size=SIZE)


def rollout(env, seed, steps=12):
    """Everything an agent sees over some steps of seeded random actions."""
    rng = np.random.default_rng(seed)
    seen = [env.reset(seed=seed)]
    for _ in range(steps):
        found = env.step(rng.integers(env.action_space.nvec))
        seen.append(found)
        if found[2] or found[3]:
            seen.append(env.reset())
    return seen


def digest(seen):
    """A hash of the observations and rewards of a rollout."""
    total = hashlib.sha256()
    for item in seen:
        for key in sorted(item[0]):
            total.update(item[0][key].tobytes())
        total.update(repr(item[1] if len(item) == 5 else 0.0).encode())
    return total.hexdigest()


def unfinished_seed(env, steps=2):
    """A seed whose first task has at least so many plan steps."""
    return next(seed for seed in range(50) if len(env.reset(seed=seed)[1]["plan"]) >= steps)


# ---------------------------------------------------------------------- checkers


@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_gymnasium_check_env_has_nothing_to_say(render_mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("ImageEdit-v0", image_size=SIZE, render_mode=render_mode).unwrapped)


def test_passive_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make("ImageEdit-v0", image_size=SIZE, render_mode="rgb_array", disable_env_checker=False)
        rollout(env, 0, 6)
        env.render()
        env.close()


def test_stable_baselines3_check_env_has_nothing_to_say(env):
    from stable_baselines3.common.env_checker import check_env as check_env_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_sb3(env, warn=True, skip_render_check=False)


def test_sync_vector_env_of_single_envs_runs():
    envs = gym.make_vec("ImageEdit-v0", num_envs=2, vectorization_mode="sync", image_size=SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        observations, infos = envs.reset(seed=3)
        for _ in range(4):
            observations, rewards, *_, infos = envs.step(envs.action_space.sample())
    assert observations["image"].shape == (2, SIZE, SIZE, 3)
    assert np.isfinite(rewards).all()
    envs.close()


def test_maskable_ppo_finds_the_masks(env):
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

    env.reset(seed=0)
    assert is_masking_supported(env)
    assert get_action_masks(env).shape == (sum(env.action_space.nvec),)


# ---------------------------------------------------------------------- spaces and types


def test_spaces(env):
    n_tools = len(env.unwrapped.engine.tool_ids)
    assert env.action_space == gym.spaces.MultiDiscrete([n_tools, 65])
    assert list(env.observation_space.keys()) == ["image", "plan_step", "progress"]
    assert env.observation_space["image"] == gym.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
    assert env.observation_space["plan_step"].nvec.tolist() == [12, 272, 528]
    assert env.observation_space["progress"] == gym.spaces.Box(0, 1, (2,), np.float32)


JUDGE_KEYS = {
    *("id", "version", "prompt_hash", "model", "valid", "reason", "reward_valid", "failed"),
    *("calls", "tokens", "seconds"),
}


def test_every_observation_info_and_flag_is_of_the_right_type(env):
    for item in rollout(env, 1, 20):
        observation, info = item[0], item[-1]
        assert env.observation_space.contains(observation)
        assert set(info) == INFO_KEYS
        assert set(info["scores"]) == {"E", "P", "Q", "score"}
        assert all(type(value) is float and 0 <= value <= 1 for value in info["scores"].values())
        assert all(type(value) is float and 0 <= value <= 1 for value in info["preserved"].values())
        assert {type(info["success"]), type(info["is_success"])} == {bool}
        assert {type(info["plan_index"]), type(info["changed_pixels"])} == {int}
        assert set(info["judge"]) == JUDGE_KEYS
        assert (info["judge"]["valid"], info["judge"]["reward_valid"], info["judge"]["failed"]) == (True, True, 0)
        assert info["requirements"]
        for entry in info["requirements"]:
            assert set(entry) == {"text", "kind", "value", "met", "step"}
            assert entry["met"] == (entry["value"] >= 0.5)
        exhausted = info["plan_index"] == len(info["plan"])
        assert info["plan_step"] == ("" if exhausted else info["plan"][info["plan_index"]])
        pickle.dumps(info)
        if len(item) == 5:
            assert (type(item[1]), type(item[2]), type(item[3])) == (float, bool, bool)
            assert item[2] == exhausted
            assert not item[3]


def test_nothing_that_is_handed_out_shares_memory(env):
    seen = rollout(env, 2, 8)
    for before, after in itertools.pairwise(seen):
        for key in before[0]:
            assert not np.shares_memory(before[0][key], after[0][key])
        for first, second in zip(before[-1]["action_mask"], after[-1]["action_mask"], strict=True):
            assert not np.shares_memory(first, second)
    observation, info = env.reset(seed=2)
    image = observation["image"].copy()
    observation["image"][:] = 0
    info["plan"].clear()
    info["requirements"].clear()
    assert (env.unwrapped.engine.canvas[0].numpy() == image).all()
    assert env.unwrapped.engine.plan(0)


def test_progress_counts_plan_and_budget(env):
    seed = unfinished_seed(env, 3)
    observation, info = env.reset(seed=seed)
    steps = len(info["plan"])
    assert observation["progress"].tolist() == [0, 0]
    observation = env.step([0, 0])[0]
    assert observation["progress"] == pytest.approx([1 / steps, 1 / 10])
    bare = ImageEditEnv(image_size=SIZE, max_plan_steps=8)
    bare.reset(seed=seed)
    assert bare.step([0, 0])[0]["progress"] == pytest.approx([1 / steps, 1 / 8])


def registered_twice():
    """A spec with another budget, as one who registers a variant has it."""
    spec = copy.deepcopy(gym.spec("ImageEdit-v0"))
    spec.max_episode_steps = 4
    return spec


@pytest.mark.parametrize(
    ("made", "budget"),
    [
        (lambda: gym.make("ImageEdit-v0", image_size=SIZE, max_episode_steps=5), 5),
        (lambda: gym.make("ImageEdit-v0", image_size=SIZE, max_episode_steps=-1), 8),
        (lambda: gym.make(registered_twice(), image_size=SIZE), 4),
        (lambda: gym.make(gym.make("ImageEdit-v0", image_size=SIZE, max_episode_steps=6).spec), 6),
        (lambda: pickle.loads(pickle.dumps(gym.make("ImageEdit-v0", image_size=SIZE, max_episode_steps=7))), 7),
    ],
)
def test_the_budget_is_the_one_that_make_was_given(made, budget):
    env = made()
    env.reset(seed=0)
    assert env.step([0, 0])[0]["progress"][1] == pytest.approx(1 / budget)


def test_the_plan_step_is_zero_once_exhausted(env):
    env.reset(seed=0)
    terminated = False
    while not terminated:
        observation, _, terminated, _, _ = env.step([0, 0])
    assert observation["plan_step"].tolist() == [0, 0, 0]
    assert observation["progress"][0] == 1


# ---------------------------------------------------------------------- determinism, copies, specs


def test_same_seed_same_rollout(env):
    first, second = rollout(env, 5, 25), rollout(gym.make("ImageEdit-v0", image_size=SIZE), 5, 25)
    assert data_equivalence(first, second)
    assert digest(first) == digest(second)
    assert digest(rollout(env, 6, 25)) != digest(first)


def test_same_seed_same_rollout_in_another_process(env):
    code = (
        "import sys, gymnasium as gym, imgedit_gym\n"
        f"sys.path.insert(0, {str(__file__.rpartition('/')[0])!r})\n"
        "from test_contract import rollout, digest\n"
        f"print('digest', digest(rollout(gym.make('ImageEdit-v0', image_size={SIZE}), 7, 15)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert f"digest {digest(rollout(env, 7, 15))}" in done.stdout


def test_resets_without_a_seed_take_different_tasks_and_are_reproducible():
    env = ImageEditEnv(image_size=SIZE)
    env.reset(seed=9)
    later = [env.reset()[1]["task_id"] for _ in range(4)]
    assert len(set(later)) == 4
    env.reset(seed=9)
    assert [env.reset()[1]["task_id"] for _ in range(4)] == later


def test_an_unseeded_env_draws_a_seed_from_np_random_once():
    first, second = (ImageEditEnv(image_size=SIZE) for _ in range(2))
    for env in (first, second):
        env.np_random = np.random.default_rng(4)
    assert first.reset()[1]["task_id"] == second.reset()[1]["task_id"]
    assert first.reset()[1]["task_id"] == second.reset()[1]["task_id"]
    third = ImageEditEnv(image_size=SIZE)
    assert third.reset()[1]["task_id"] != ImageEditEnv(image_size=SIZE).reset()[1]["task_id"]


@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on_exactly(env, copied):
    env.reset(seed=unfinished_seed(env, 3))
    env.step([1, 20])
    twin = copied(env)
    rng = np.random.default_rng(0)
    for _ in range(8):
        action = rng.integers(env.action_space.nvec)
        found, expected = twin.step(action), env.step(action)
        assert data_equivalence(found, expected)
        if expected[2]:
            assert data_equivalence(twin.reset(), env.reset())


def test_an_env_that_was_never_reset_can_be_copied():
    twin = pickle.loads(pickle.dumps(ImageEditEnv(image_size=SIZE)))
    assert data_equivalence(twin.reset(seed=1), ImageEditEnv(image_size=SIZE).reset(seed=1))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"tools": ["skip", "fill_flat", {"id": "paste"}], "judge": {"id": "checklist", "combine": "minimum"}},
        {"tasks": {"id": "adverts", "objects": [3, 4]}, "regions": {"id": "cells"}, "split": "val"},
    ],
)
def test_specs_go_through_json(arguments):
    env = gym.make("ImageEdit-v0", image_size=SIZE, **arguments)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    assert data_equivalence(rollout(again, 3, 4), rollout(env, 3, 4))


def test_close_may_be_called_again():
    env = gym.make("ImageEdit-v0", image_size=SIZE)
    env.close()
    env.close()


# ---------------------------------------------------------------------- stepping


def test_reset_is_needed_before_step_and_after_the_end():
    env = ImageEditEnv(image_size=SIZE, render_mode="rgb_array")
    for call in (lambda: env.step([0, 0]), env.render, env.get_state, lambda: env.set_plan("remove the dog")):
        with pytest.raises(ResetNeeded):
            call()
    env.reset(seed=0)
    while not env.step([0, 0])[2]:
        pass
    with pytest.raises(ResetNeeded, match="terminated"):
        env.step([0, 0])
    env.reset()
    env.step([0, 0])


def plain(state):
    """A state with lists for tensors, so that states can be compared."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, torch.Tensor) else state


@pytest.mark.parametrize(
    "action",
    [[99, 0], [0, 65], [-1, 0], [0, -1], [0], [0, 0, 0], [1.0, 2.0], [True, False], None, "ab", 3, np.zeros((2, 2))],
)
def test_an_action_outside_the_space_raises_and_changes_nothing(env, action):
    env.reset(seed=0)
    base = env.unwrapped
    before = plain(base.get_state())
    with pytest.raises(ImgEditError, match="expected a tool below"):
        base.step(action)
    assert plain(base.get_state()) == before
    assert base.engine.step_index[0] == 0


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda a: np.array(a, np.int8), lambda a: torch.tensor(a)])
def test_actions_of_every_integer_kind_are_taken(env, kind):
    env.reset(seed=0)
    assert env.unwrapped.step(kind([1, 30]))[-1]["plan_index"] == 1


def test_action_and_describe_action_are_inverse(env):
    base = env.unwrapped
    for tool, name in enumerate(base.engine.tool_ids):
        for region in (0, 1, 33, 64):
            action = base.action(name, region)
            assert action.tolist() == [tool, region]
            assert env.action_space.contains(action)
            assert base.describe_action(action) == (name, region)
            assert base.action(tool, region).tolist() == action.tolist()
    with pytest.raises(ImgEditError, match="unknown tool 'brush'"):
        base.action("brush", 0)
    with pytest.raises(ImgEditError, match="unknown tool 'fil_flat'; did you mean fill_flat"):
        base.action("fil_flat", 0)
    with pytest.raises(ImgEditError, match="a region below"):
        base.action("skip", 65)


def test_masks_fit_the_space_and_hold_something(env):
    for item in rollout(env, 8, 15):
        info = item[-1]
        for _ in range(5):
            assert env.action_space.contains(env.action_space.sample(mask=info["action_mask"]))
        assert [part.dtype for part in info["action_mask"]] == [np.int8, np.int8]
        assert all(part.any() for part in info["action_mask"])
        assert info["action_mask"][0][0] == 1
    env.reset(seed=8)
    masks = env.unwrapped.action_masks()
    assert masks.dtype == bool
    assert masks.shape == (sum(env.action_space.nvec),)
    assert masks[len(env.unwrapped.engine.tool_ids) :].all()


def test_a_masked_out_tool_does_nothing_and_says_why(env):
    base = env.unwrapped
    env.reset(seed=0)
    tool = int(np.flatnonzero(~base.action_masks())[0])
    image = base.engine.canvas[0].clone()
    _, reward, _, _, info = env.step([tool, 0])
    assert base.engine.tool_ids[tool] in info["action_error"]
    assert info["changed_pixels"] == 0
    assert (base.engine.canvas[0] == image).all()
    assert info["plan_index"] == 1


def test_changed_pixels_are_counted(env):
    before = env.reset(seed=0)[0]["image"]
    base = env.unwrapped
    after, *_, info = env.step(base.action("paint" if "paint" in base.engine.tool_ids else 1, 0))
    for tool in range(1, len(base.engine.tool_ids)):
        before = env.reset(seed=0)[0]["image"]
        after, *_, info = env.step([tool, 28])
        assert info["changed_pixels"] == int((before != after["image"]).any(-1).sum())
        assert bool(info["action_error"]) == (info["changed_pixels"] == 0)


# ---------------------------------------------------------------------- configurations


@pytest.mark.parametrize("reward_mode", ["delta", "outcome", "additive"])
def test_every_reward_mode_runs(reward_mode):
    env = ImageEditEnv(image_size=SIZE, reward_mode=reward_mode)
    start = None
    total = 0.0
    for item in rollout(env, 11, 25):
        if len(item) == 2:
            start, total = item[1]["scores"]["score"], 0.0
            continue
        assert np.isfinite(item[1])
        assert -1 <= item[1] <= 1
        total += item[1]
        if item[2] and reward_mode != "additive":
            base = start if reward_mode == "delta" else 0.0
            assert total == pytest.approx(item[-1]["scores"]["score"] - base, abs=1e-5)


@pytest.mark.parametrize("size", [64, 100, 512])
def test_sizes(size):
    env = gym.make("ImageEdit-v0", image_size=size, render_mode="rgb_array")
    for item in rollout(env, 0, 4):
        assert env.observation_space.contains(item[0])
    assert env.render().dtype == np.uint8


@pytest.mark.parametrize("planner", ["none", "agent"])
def test_other_planners_take_a_plan(planner):
    env = ImageEditEnv(image_size=SIZE, planner=planner)
    _, info = env.reset(seed=1)
    # a plan step carries no full stop
    assert info["plan"] == [info["instruction"]]
    observation, info = env.set_plan("1. Remove the dog.\n2. set the background to beach")
    assert env.observation_space.contains(observation)
    assert info["plan"] == ["remove the dog", "set the background to beach"]
    assert info["plan_step"] == "remove the dog"
    assert not env.step([0, 0])[2]
    assert env.step([0, 0])[2]


def test_set_plan_refuses_what_comes_too_late_or_is_no_plan(env):
    base = env.unwrapped
    seed = unfinished_seed(env, 2)
    _, info = env.reset(seed=seed)
    for plan in ("", [], ["remove the dog"] * 9, 5, [("fly", "a", "b")]):
        with pytest.raises(ImgEditError):
            base.set_plan(plan)
    assert [step.text for step in base.engine.plan(0)] == info["plan"]
    env.step([0, 0])
    with pytest.raises(ImgEditError, match="before the first action"):
        base.set_plan("remove the dog")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 63}, "image_size"),
        ({"reward_mode": "sparse"}, "reward_mode"),
        ({"planner": "orakle"}, "oracle"),
        ({"split": "exam"}, "split"),
        ({"max_plan_steps": 9}, "max_plan_steps"),
        ({"render_mode": "human3d"}, "render_mode"),
        ({"judge": {"version": 1}}, "'id'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ImgEditError, match=message):
        ImageEditEnv(**arguments)


# ---------------------------------------------------------------------- failed judgements


class FlakyJudge:
    """Gives half of everything, except in the calls whose number, from 0, it was told to fail."""

    id, version, prompt_hash = "flaky", "1", "abc"
    combine = staticmethod(minimum)

    def __init__(self, failures, deterministic=True):
        self.failures = failures
        self.deterministic = deterministic
        self.calls = 0

    def judge(self, cases):
        n = len(cases)
        failed = self.calls in self.failures
        self.calls += 1
        values = torch.full((n,), float("nan") if failed else 0.5)
        return Verdict(
            execution=values,
            preservation=values.clone(),
            quality=values.clone(),
            score=values.clone(),
            requirements=values[:, None].repeat(1, 18),
            success=torch.ones(n, dtype=torch.bool),
            valid=torch.full((n,), not failed),
            calls=torch.ones(n),
            reasons={0: "the server did not answer"} if failed else {},
        )


@pytest.mark.parametrize("reward_mode", ["delta", "outcome"])
def test_a_failed_judgement_is_no_score(reward_mode):
    judge = FlakyJudge(set())
    env = ImageEditEnv(image_size=SIZE, judge=judge, reward_mode=reward_mode)
    env.reset(seed=0, options={"plan": "remove the dog\nremove the cat"})
    judge.failures = {judge.calls}
    _, reward, _, _, info = env.step(env.action("blur"))
    assert reward == 0.0
    assert info["judge"] == {
        "id": "flaky",
        "version": "1",
        "prompt_hash": "abc",
        "model": "",
        "valid": False,
        "reward_valid": reward_mode == "outcome",  # a plan of two steps: before its end nothing rests on judgements
        "failed": 1,
        "calls": 1.0,
        "tokens": 0.0,
        "seconds": 0.0,
        "reason": "the server did not answer",
    }
    assert info["scores"] == {"E": 0.5, "P": 0.5, "Q": 0.5, "score": 0.5}
    assert not info["success"]
    _, _, _, _, info = env.step(env.action("blur"))
    assert info["judge"]["valid"]
    assert info["judge"]["reason"] == ""


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_failed_judgement_is_made_again_if_that_can_help(deterministic):
    judge = FlakyJudge({1}, deterministic)
    env = ImageEditEnv(image_size=SIZE, judge=judge)
    env.reset(seed=0, options={"plan": ["remove the dog"] * 4})
    assert not env.step(env.action("blur"))[-1]["judge"]["valid"]
    info = env.step(env.action("skip"))[-1]["judge"]
    # a deterministic judge would fail again
    assert (info["valid"], info["calls"], judge.calls) == ((False, 0.0, 2) if deterministic else (True, 1.0, 3))
    assert info["reason"] == ("the server did not answer" if deterministic else "")
    info = env.step(env.action("skip"))[-1]["judge"]
    assert (info["valid"], info["calls"], judge.calls) == ((False, 0.0, 2) if deterministic else (True, 0.0, 3))


def test_a_failed_first_judgement_gives_no_numbers():
    env = ImageEditEnv(image_size=SIZE, judge=FlakyJudge({0, 1}), render_mode="rgb_array")
    env.reset(seed=0, options={"plan": ["remove the dog"] * 4})
    _, reward, _, _, info = env.step(env.action("blur"))
    assert not info["judge"]["valid"] and reward == 0.0
    assert all(math.isnan(value) for value in info["scores"].values())
    assert all(math.isnan(entry["value"]) and not entry["met"] for entry in info["requirements"])
    assert env.render().dtype == np.uint8
    recorded = Trajectory.from_json(replace(trajectory_of(env), env_kwargs={}).to_json())
    assert set(recorded.scores.values()) == {None} and not recorded.valid
    info = env.step(env.action("blur"))[-1]
    assert info["judge"]["valid"] and all(math.isfinite(value) for value in info["scores"].values())
