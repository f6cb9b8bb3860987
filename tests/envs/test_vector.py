"""The batched environment is the single one, many times over."""

import copy
import itertools
import pickle
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers.vector import DictInfoToList, NormalizeReward, RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

import imgedit_gym  # noqa: F401
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.envs.image_edit import ImageEditEnv, ImageEditVectorEnv
from imgedit_gym.kernels.runtime import get_num_threads, set_num_threads
from imgedit_gym.trajectory import Trajectory, replay

SIZE = 64
MODES = [mode.value for mode in AutoresetMode]
HELD = {}


def make(num_envs=3, **arguments):
    return gym.make_vec("ImageEdit-v0", num_envs=num_envs, **{"image_size": SIZE} | arguments)


def make_sync(num_envs=3, autoreset_mode="NextStep", **arguments):
    return gym.make_vec(
        "ImageEdit-v0",
        num_envs=num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(autoreset_mode)},
        **{"image_size": SIZE} | arguments,
    )


def shared(maker, **arguments):
    """One environment for each set of arguments: building one for each example would take long."""
    key = (maker, *sorted(arguments.items()))
    if key not in HELD:
        HELD[key] = maker(**arguments)
    return HELD[key]


def choose(env, rng):
    """Actions of which most do something: a tool that fits the plan step, and any region."""
    tools = env.action_masks()[:, : env.single_action_space.nvec[0]]
    tools = np.where(rng.random((env.num_envs, 1)) < 0.2, True, tools)
    chosen = [rng.choice(np.flatnonzero(row)) for row in np.asarray(tools)]
    return np.stack([chosen, rng.integers(env.single_action_space.nvec[1], size=env.num_envs)], 1)


def rollout(env, steps, seed=0):
    """What is handed out over some steps, each as a tuple that ends with the infos."""
    rng = np.random.default_rng(seed)
    seen = [env.reset(seed=seed)]
    for _ in range(steps):
        seen.append(env.step(choose(env, rng)))
    return seen


def same_observation(batched, row, single):
    return all(np.array_equal(batched[name][row], value) for name, value in single.items())


def assert_same_numbers(infos, row, info):
    """The arrays of a vector info tell what the single environment tells."""
    assert infos["plan_index"][row] == info["plan_index"]
    assert infos["plan_length"][row] == len(info["plan"])
    values = [entry["value"] for entry in info["requirements"]]
    assert infos["n_requirements"][row] == len(values)
    assert infos["requirements"][row, : len(values)].tolist() == values
    assert not infos["requirements"][row, len(values) :].any()
    assert {name: float(infos["scores"][name][row]) for name in info["scores"]} == info["scores"]
    assert infos["success"][row] == infos["is_success"][row] == info["success"]
    assert np.array_equal(infos["action_mask"][row], np.concatenate(info["action_mask"]))
    assert bool(infos["action_problem"][row]) == bool(info["action_error"])
    assert infos["changed_pixels"][row] == info["changed_pixels"]
    assert infos["judge"]["valid"][row] == info["judge"]["valid"]
    assert infos["judge"]["calls"][row] == info["judge"]["calls"]


# ---------------------------------------------------------------------- single and vector are the same


def assert_equal_to_sync(env, sync, first, steps, seed):
    """Both are played alike, and hand out the same to the last bit, words included."""
    mode = env.autoreset_mode
    rng = np.random.default_rng(seed)
    found, expected = env.reset(seed=first), sync.reset(seed=first)
    done = np.zeros(env.num_envs, dtype=bool)
    ended = 0
    for step in range(steps + 1):
        assert data_equivalence(found[0], expected[0])
        for row, single in enumerate(sync.envs):
            info = single.unwrapped._info()
            assert data_equivalence(env.info(row), info)
            assert_same_numbers(found[-1], row, info)
        if step:
            for ours, theirs in zip(found[1:4], expected[1:4], strict=True):
                assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
            done = found[2] | found[3]
            ended += int(done.sum())
        if mode is AutoresetMode.SAME_STEP and done.any():
            assert np.array_equal(found[-1]["_final_obs"], done) and np.array_equal(found[-1]["_final_info"], done)
            for row in np.flatnonzero(done):
                assert same_observation(found[-1]["final_obs"], row, expected[-1]["final_obs"][row])
                assert found[-1]["final_info"]["_plan_index"][row]
                assert_same_numbers(found[-1]["final_info"], row, of_one(expected[-1]["final_info"], row))
        if step == steps:
            break
        if mode is AutoresetMode.DISABLED and done.any():
            found = env.reset(options={"reset_mask": done.copy()})
            expected = sync.reset(options={"reset_mask": done.copy()})
            done[:] = False
            assert data_equivalence(found[0], expected[0])
        actions = choose(env, rng)
        found, expected = env.step(actions), sync.step(actions)
    return ended


def of_one(infos, row):
    """The info of one environment out of the one of ``SyncVectorEnv``."""
    names = [name for name in infos if not name.startswith("_")]
    return {name: of_one(infos[name], row) if isinstance(infos[name], dict) else infos[name][row] for name in names}


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=5)
@given(
    first=st.one_of(st.integers(0, 10_000), st.just(2**63 - 2), st.integers(0, 2**80)),
    n=st.sampled_from([1, 3, 17]),
    size=st.sampled_from([64, 97]),
    limit=st.sampled_from([10, 10, 2]),
    seed=st.integers(0, 1000),
)
def test_a_batch_is_its_environments(mode, first, n, size, limit, seed):
    arguments = {"num_envs": n, "image_size": size, "max_episode_steps": limit, "autoreset_mode": mode}
    env, sync = shared(make, **arguments), shared(make_sync, **arguments)
    assert_equal_to_sync(env, sync, first, 6, seed)


@pytest.mark.parametrize(
    "arguments",
    [
        {"reward_mode": "additive"},
        {"reward_mode": "outcome", "regions": "cells"},
        {"planner": "rules"},
        {"planner": "none", "split": "test-compose"},
        {"judge": {"id": "checklist", "combine": "geometric"}, "max_plan_steps": 3},
        {"tools": ["paste", "fill_clone", "swap_background"]},
    ],
)
def test_so_it_is_with_other_arguments(arguments):
    env, sync = make(5, **arguments), make_sync(5, **arguments)
    assert assert_equal_to_sync(env, sync, 40, 7, 0) > 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_so_it_is_over_a_thousand_episodes(mode):
    arguments = {"num_envs": 50, "autoreset_mode": mode}
    env, sync = make(**arguments), make_sync(**arguments)
    ended = 0
    for first in itertools.count(step=100_000):
        ended += assert_equal_to_sync(env, sync, first, 30, first)
        if ended >= 1000:
            break


def test_neighbours_do_not_matter():
    small, large = make(2), make(9)
    seeds = [41, 7]
    rng = np.random.default_rng(0)
    first = small.reset(seed=seeds)
    second = large.reset(seed=[1, 2, 3, 7, 5, 41, 8, 9, 10])
    places = [5, 3]
    for _ in range(8):
        assert data_equivalence(first[0], {name: value[places] for name, value in second[0].items()})
        for row, place in enumerate(places):
            assert data_equivalence(small.info(row), large.info(place))
        actions = rng.integers(large.single_action_space.nvec, size=(9, 2))
        actions[places] = choose(small, rng)
        first, second = small.step(actions[places]), large.step(actions)
        for ours, theirs in zip(first[1:4], second[1:4], strict=True):
            assert np.array_equal(ours, theirs[places])


def test_autoreset_goes_on_with_each_sequence():
    env, single = make(3), ImageEditEnv(image_size=SIZE)
    env.reset(seed=20)
    names = [[env.task_id(row)] for row in range(3)]
    for _ in range(20):
        _, _, terminated, truncated, _ = env.step(np.zeros((3, 2), dtype=int))
        for row in np.flatnonzero(~(terminated | truncated)):
            if env.task_id(row) != names[row][-1]:
                names[row].append(env.task_id(row))
    for row in range(3):
        expected = [single.reset(seed=20 + row)[1]["task_id"]]
        expected += [single.reset()[1]["task_id"] for _ in names[row][1:]]
        assert names[row] == expected and len(expected) > 2


# ---------------------------------------------------------------------- Gymnasium


def test_make_vec_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make_vec("ImageEdit-v0", num_envs=2, image_size=SIZE)
        assert type(env) is ImageEditVectorEnv
        rollout(env, 4)
        env.close()
        for mode in ("sync", "vector_entry_point"):
            env = gym.make_vec("ImageEdit-v0", num_envs=2, vectorization_mode=mode, image_size=SIZE)
            assert env.reset(seed=0)[0]["image"].shape == (2, SIZE, SIZE, 3)
            env.close()


def test_a_spec_goes_through_json():
    env = make(2, autoreset_mode="SameStep", max_episode_steps=4, output="torch")
    again = gym.make_vec(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert (again.num_envs, again.autoreset_mode, again.max_episode_steps) == (2, AutoresetMode.SAME_STEP, 4)
    assert again.output == "torch"


@pytest.mark.parametrize("mode", [*AutoresetMode, *MODES])
def test_the_autoreset_mode_is_told(mode):
    env = ImageEditVectorEnv(1, autoreset_mode=mode, image_size=SIZE)
    assert env.autoreset_mode is env.metadata["autoreset_mode"] is AutoresetMode(mode)
    assert "autoreset_mode" not in ImageEditVectorEnv.metadata
    assert ImageEditVectorEnv(1, image_size=SIZE).autoreset_mode is AutoresetMode.NEXT_STEP


def test_spaces():
    env, single = make(4), ImageEditEnv(image_size=SIZE)
    assert env.single_observation_space == single.observation_space
    assert env.single_action_space == single.action_space
    assert env.observation_space == batch_space(single.observation_space, 4)
    assert env.action_space == batch_space(single.action_space, 4)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(4):
        observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
        assert env.observation_space.contains(observations)
        assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)
        assert rewards.shape == terminated.shape == truncated.shape == (4,)


def leaves(infos, where=""):
    for name, value in infos.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{where}{name}/")
        else:
            yield f"{where}{name}", value


@pytest.mark.parametrize("mode", MODES[:2])
def test_infos_are_arrays_with_masks_and_always_the_same_keys(mode):
    keys = None
    for item in rollout(make(5, autoreset_mode=mode), 8):
        infos = dict(item[-1])
        if "final_obs" in infos:
            final = infos.pop("final_info")
            assert set(infos.pop("final_obs")) == {"image", "plan_step", "progress"}
            assert np.array_equal(infos.pop("_final_obs"), infos.pop("_final_info"))
            assert {name for name, _ in leaves(final)} == keys
        found = dict(leaves(infos))
        assert all(isinstance(value, np.ndarray) and len(value) == 5 for value in found.values())
        assert all(value.dtype != object for value in found.values())
        keys = keys or set(found)
        assert set(found) == keys
        for name in infos:
            if not name.startswith("_"):
                assert infos[f"_{name}"].dtype == bool and infos[f"_{name}"].all()
        pickle.dumps(item)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("output", ["numpy", "torch"])
def test_nothing_that_is_handed_out_shares_memory(mode, output):
    env = make(3, autoreset_mode=mode, output=output)
    engine = env.engine

    def handed(item):
        arrays = [value for part in item if isinstance(part, dict) for _, value in leaves(part)]
        return [np.asarray(value) for value in [*arrays, *(part for part in item if not isinstance(part, dict))]]

    held = [value for value in vars(engine).values() if isinstance(value, torch.Tensor)]
    held += [value for value in vars(engine.verdict).values() if isinstance(value, torch.Tensor)]
    held += list(engine.batch.tensors().values())
    kept = []
    for item in rollout(env, 5):
        new = handed(item)
        for array in new:
            assert not any(np.shares_memory(array, other) for other in kept)
            assert not any(np.shares_memory(array, tensor.numpy()) for tensor in held)
        assert not any(np.shares_memory(one, two) for one, two in itertools.combinations(new, 2))
        kept = new


def test_torch_output_is_the_numpy_output():
    for ours, theirs in zip(
        rollout(make(4, output="torch", autoreset_mode="SameStep"), 6),
        rollout(make(4, autoreset_mode="SameStep"), 6),
        strict=True,
    ):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            pairs = [(mine, other)]
            if isinstance(mine, dict):
                pairs = [(value, dict(leaves(other))[name]) for name, value in leaves(mine)]
                assert {name for name, _ in leaves(mine)} == {name for name, _ in leaves(other)}
            for tensor, array in pairs:
                assert isinstance(tensor, torch.Tensor)
                assert np.array_equal(tensor.numpy(), array)
                assert tensor.dtype == torch.float32 or tensor.numpy().dtype == array.dtype


@pytest.mark.gpu
@pytest.mark.parametrize("mode", MODES[:2])
def test_on_a_gpu_everything_stays_there_and_tasks_are_the_same(mode):
    env = make(16, device="cuda", output="torch", autoreset_mode=mode)
    other = make(16, autoreset_mode=mode)
    for ours, theirs in zip(rollout_skips(env), rollout_skips(other), strict=True):
        for part in ours:
            values = [value for _, value in leaves(part)] if isinstance(part, dict) else [part]
            assert all(value.device.type == "cuda" for value in values)
        assert np.array_equal(ours[-1]["plan_length"].cpu(), theirs[-1]["plan_length"])
        assert np.array_equal(ours[0]["plan_step"].cpu(), theirs[0]["plan_step"])
        apart = ours[0]["image"].cpu().int() - torch.from_numpy(theirs[0]["image"]).int()
        assert apart.abs().max() <= 1


def rollout_skips(env):
    seen = [env.reset(seed=5)]
    for _ in range(6):
        seen.append(env.step(np.zeros((env.num_envs, 2), dtype=int)))
    return seen


# ---------------------------------------------------------------------- stepping


@pytest.mark.parametrize(
    "actions",
    [
        [[99, 0], [0, 0]],
        [[0, 0], [0, 65]],
        [[-1, 0], [0, 0]],
        [[0, 0]],
        [0, 0],
        [[0, 0, 0]] * 2,
        [[0.0, 1.0]] * 2,
        [[True, False]] * 2,
        None,
        "ab",
        [[0, 0], [0]],
        np.zeros((2, 2)),
        np.array([[2**63, 0], [0, 0]], dtype=np.uint64),
        torch.zeros(2, 2),
        torch.zeros(3, 2, dtype=torch.int64),
        torch.zeros(2, 2, dtype=torch.bool),
    ],
)
def test_actions_outside_the_space_raise_and_change_nothing(actions):
    env = shared(make, num_envs=2)
    env.reset(seed=0)
    before = env.engine.canvas.clone(), env.engine.step_index.clone(), env.engine.judged.clone()
    with pytest.raises(ImgEditError, match="actions: expected a tool below [0-9]+ and a region below 65") as caught:
        env.step(actions)
    assert "\n" not in str(caught.value)
    for old, new in zip(before, (env.engine.canvas, env.engine.step_index, env.engine.judged), strict=True):
        assert torch.equal(old, new)


def test_the_message_names_the_environment():
    env = shared(make, num_envs=2)
    env.reset(seed=0)
    with pytest.raises(ImgEditError, match=r"found \[3, 70\] for environment 1"):
        env.step([[0, 0], [3, 70]])


@pytest.mark.parametrize("kind", [list, np.asarray, lambda a: np.asarray(a, np.uint8), torch.tensor])
def test_actions_of_every_integer_kind_are_taken(kind):
    env = shared(make, num_envs=2)
    env.reset(seed=0)
    assert env.step(kind([[1, 30], [0, 64]]))[-1]["plan_index"].tolist() == [1, 1]


def waiting(env):
    """Steps until some episodes, but not all, have ended; returns which."""
    for seed in range(50):
        env.reset(seed=seed)
        for _ in range(3):
            _, _, terminated, truncated, _ = env.step(np.zeros((env.num_envs, 2), dtype=int))
            done = terminated | truncated
            if done.any():
                break
        if 0 < done.sum() < len(done):
            return done
    raise AssertionError("no such seed")


def test_next_step_ignores_the_action_of_a_finished_episode():
    env, other = make(4), make(4)
    done = waiting(env)
    waiting(other)
    actions = np.zeros((4, 2), dtype=int)
    wild = actions.copy()
    wild[done] = [-5, 1000]
    found, expected = env.step(wild), other.step(actions)
    assert data_equivalence(found[0], expected[0])
    observations, rewards, terminated, truncated, infos = found
    assert not rewards[done].any() and not terminated[done].any() and not truncated[done].any()
    assert not infos["plan_index"][done].any() and (infos["plan_index"][~done] > 0).all()
    assert not observations["progress"][done].any()
    wild[~done] = 99
    with pytest.raises(ImgEditError, match="for environment"):
        env.step(wild)


def test_disabled_asks_for_the_reset():
    env = make(4, autoreset_mode="Disabled")
    done = waiting(env)
    index = int(np.flatnonzero(done)[0])
    with pytest.raises(ResetNeeded, match=rf"environment {index} has ended.*reset_mask"):
        env.step(np.zeros((4, 2), dtype=int))
    env.reset(options={"reset_mask": done})
    env.step(np.zeros((4, 2), dtype=int))


def test_same_step_tells_how_it_ended():
    env, other = make(4, autoreset_mode="SameStep"), make(4)
    for one in (env, other):
        one.reset(seed=3)
    rng = np.random.default_rng(0)
    while True:
        actions = choose(env, rng)
        found, expected = env.step(actions), other.step(actions)
        done = expected[2] | expected[3]
        if done.any():
            break
    infos = found[-1]
    assert np.array_equal(found[2] | found[3], done)
    for name, value in expected[0].items():
        assert np.array_equal(infos["final_obs"][name][done], value[done])
        assert not infos["final_obs"][name][~done].any()
        assert np.array_equal(found[0][name][~done], value[~done])
    assert np.array_equal(infos["final_info"]["scores"]["score"][done], expected[-1]["scores"]["score"][done])
    assert not infos["plan_index"][done].any()
    assert np.array_equal(infos["final_info"]["plan_index"], expected[-1]["plan_index"])


@pytest.mark.parametrize("limit", [1, 2, None, -1])
def test_the_time_limit_truncates(limit):
    env = make(4, max_episode_steps=limit) if limit else ImageEditVectorEnv(4, image_size=SIZE)
    env.reset(seed=3)
    budget = limit if limit and limit > 0 else 8
    for step in range(1, 4):
        observations, _, terminated, truncated, infos = env.step(np.zeros((4, 2), dtype=int))
        assert truncated.tolist() == [limit is not None and step == limit] * 4
        assert observations["progress"][:, 1] == pytest.approx([step / budget] * 4)
        assert np.array_equal(terminated, infos["plan_index"] >= infos["plan_length"])
        if (terminated | truncated).any():
            break


# ---------------------------------------------------------------------- resetting


def test_seeds_are_given_in_every_form():
    env = shared(make, num_envs=3)
    by_number = env.reset(seed=7)
    assert env.np_random_seed == 7
    names = [env.task_id(row) for row in range(3)]
    for seeds in ([7, 8, 9], (7, 8, 9), np.array([7, 8, 9]), np.int64(7)):
        assert data_equivalence(env.reset(seed=seeds), by_number)
    following = env.reset()
    env.reset(seed=7)
    env.reset(seed=[None, 30, None])
    assert env.task_id(0) != names[0]
    expected = ImageEditEnv(image_size=SIZE).reset(seed=30)[1]["task_id"]
    assert env.task_id(1) == expected
    for row in (0, 2):
        assert same_observation(following[0], row, env.observation(row))


def test_an_unseeded_env_draws_its_seeds_from_np_random_once():
    envs = [make(3), make(3)]
    for env in envs:
        env.np_random = np.random.default_rng(1)
    first, second = (env.reset()[0] for env in envs)
    assert data_equivalence(first, second)
    assert len({envs[0].task_id(row) for row in range(3)}) == 3
    third = make(3)
    assert not data_equivalence(third.reset()[0], first)
    assert data_equivalence(envs[0].reset()[0], envs[1].reset()[0])


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "whole number of at least 0; found -1"),
        ([1, 2], "one for each of the 3 environments; found 2"),
        ([1, -2, 3], "whole number of at least 0; found -2"),
        ([1, 2.5, 3], "whole number of at least 0; found 2.5"),
        (1.5, "whole number of at least 0; found 1.5"),
        (True, "whole number of at least 0; found True"),
        ("abc", "whole number of at least 0; found 'abc'"),
    ],
)
def test_wrong_seeds_change_nothing(seed, message):
    env = shared(make, num_envs=3)
    env.reset(seed=0)
    before = env.engine.canvas.clone(), env.engine.episodes.clone(), env.np_random.bit_generator.state
    with pytest.raises(ImgEditError, match=message):
        env.reset(seed=seed)
    assert torch.equal(env.engine.canvas, before[0]) and torch.equal(env.engine.episodes, before[1])
    assert env.np_random.bit_generator.state == before[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task_id": "x"}, r"unknown reset options \['task_id'\]; expected some of \['reset_mask'\]"),
        ({"reset_mask": [True, False, False]}, "boolean array of NumPy or torch; found list"),
        ({"reset_mask": np.array([1, 0, 0])}, "found dtype int64"),
        ({"reset_mask": np.array([True, False])}, r"the shape \(3,\); found \(2,\)"),
        ({"reset_mask": np.zeros(3, dtype=bool)}, "at least one environment to reset; found none"),
    ],
)
def test_wrong_options_change_nothing(options, message):
    env = shared(make, num_envs=3)
    env.reset(seed=0)
    before = env.engine.canvas.clone(), env.engine.episodes.clone()
    with pytest.raises(ImgEditError, match=message):
        env.reset(options=options)
    assert torch.equal(env.engine.canvas, before[0]) and torch.equal(env.engine.episodes, before[1])


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_a_mask_resets_these_alone(kind):
    env = make(4, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.step(np.zeros((4, 2), dtype=int))
    before = [env.get_state(row) for row in range(4)]
    options = {"reset_mask": kind([False, True, False, True])}
    observations, infos = env.reset(seed=50, options=options)
    assert list(options) == ["reset_mask"]
    expected = ImageEditEnv(image_size=SIZE)
    for row in range(4):
        if row % 2:
            assert same_observation(observations, row, expected.reset(seed=50 + row)[0])
        else:
            assert torch.equal(env.engine.canvas[row], before[row]["engine"]["canvas"])
    assert infos["plan_index"].tolist() == [1, 0, 1, 0]
    assert infos["_plan_index"].tolist() == infos["scores"]["_E"].tolist() == [False, True, False, True]


def test_reset_is_needed_first():
    env = make(2, render_mode="rgb_array")
    for call in (
        lambda: env.step([[0, 0]] * 2),
        env.render,
        env.action_masks,
        lambda: env.info(0),
        lambda: env.set_plans(["remove the dog"] * 2),
        lambda: env.reset(options={"reset_mask": np.array([True, False])}),
    ):
        with pytest.raises(ResetNeeded):
            call()


# ---------------------------------------------------------------------- plans, states, words


def test_plans_can_be_handed_over():
    env = make(3, planner="agent")
    _, infos = env.reset(seed=0)
    assert infos["plan_length"].tolist() == [1, 1, 1]
    observations, infos = env.set_plans(["remove the dog\nadd the star", ["remove the dog"]], [2, 0])
    assert infos["_plan_length"].tolist() == [True, False, True]
    assert infos["plan_length"].tolist() == [1, 1, 2]
    assert env.plan(2) == ["remove the dog", "add the star"]
    single = ImageEditEnv(image_size=SIZE, planner="agent")
    single.reset(seed=2)
    assert same_observation(observations, 2, single.set_plan("remove the dog\nadd the star")[0])
    assert data_equivalence(env.info(2), single._info())
    with pytest.raises(ImgEditError, match="expected a list of 3 plans"):
        env.set_plans(["remove the dog"])
    with pytest.raises(ImgEditError, match="expected an index from 0 to 2; found 3"):
        env.set_plans(["remove the dog"], [3])
    env.step(np.zeros((3, 2), dtype=int))
    with pytest.raises(ImgEditError, match="before the first action"):
        env.set_plans(["remove the dog"] * 3)


@settings(max_examples=6)
@given(first=st.integers(0, 1000), seed=st.integers(0, 1000), into=st.integers(0, 2))
def test_states_go_from_one_kind_to_the_other(first, seed, into):
    env = shared(make, num_envs=3)
    single = shared(lambda **kwargs: gym.make("ImageEdit-v0", image_size=SIZE, **kwargs).unwrapped)
    env.reset(seed=first)
    rng = np.random.default_rng(seed)
    env.step(choose(env, rng))
    state = env.get_state(into)
    found = single.set_state(state)
    assert same_observation(env._observation(), into, found[0])
    assert data_equivalence(found[1], env.info(into))
    other = shared(make, num_envs=3, autoreset_mode="NextStep")
    other.reset(seed=first + 77)
    neighbours = [other.get_state(row) for row in range(3) if row != into]
    assert data_equivalence(other.set_state(into, single.get_state()), found)
    for row, held in zip([row for row in range(3) if row != into], neighbours, strict=True):
        assert torch.equal(other.engine.canvas[row], held["engine"]["canvas"])
    ended = single._ended
    for _ in range(4):
        if ended:
            single.reset()
            other.step(np.zeros((3, 2), dtype=int))
            ended = False
            continue
        actions = choose(other, rng)
        expected = single.step(actions[into])
        got = other.step(actions)
        assert same_observation(got[0], into, expected[0])
        assert got[1][into] == expected[1] and got[2][into] == expected[2]
        assert data_equivalence(other.info(into), expected[-1])
        ended = expected[2]


def test_a_state_of_a_finished_episode_is_finished():
    env = make(2, max_episode_steps=1, autoreset_mode="Disabled")
    env.reset(seed=0)
    fresh = env.get_state(0)
    env.step(np.zeros((2, 2), dtype=int))
    ended = env.get_state(0)
    env.reset(seed=4)
    env.set_state(1, ended)
    with pytest.raises(ResetNeeded, match="environment 1"):
        env.step(np.zeros((2, 2), dtype=int))
    env.set_state(1, fresh)
    env.step(np.zeros((2, 2), dtype=int))
    with pytest.raises(ImgEditError, match="set_state takes"):
        env.set_state(0, {"version": 1})


@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_a_copy_goes_on_exactly(copied):
    env = make(3)
    assert data_equivalence(copied(env).reset(seed=1), env.reset(seed=1))
    rng = np.random.default_rng(0)
    env.step(choose(env, rng))
    twin = copied(env)
    for _ in range(6):
        actions = choose(env, rng)
        assert data_equivalence(twin.step(actions), env.step(actions))


def test_words_are_those_of_the_single_environment():
    env, single = shared(make, num_envs=3), ImageEditEnv(image_size=SIZE)
    env.reset(seed=10)
    actions = choose(env, np.random.default_rng(0))
    env.step(actions)
    for row in range(3):
        single.reset(seed=10 + row)
        info = single.step(actions[row])[-1]
        assert env.task_id(row) == info["task_id"]
        assert env.instruction(row) == info["instruction"]
        assert env.plan(row) == info["plan"]
        assert env.requirements(row) == info["requirements"]
        assert env.preserved(row) == info["preserved"]
        assert env.action_error(row) == info["action_error"]
    for index in (-1, 3, 1.0, True, "a"):
        with pytest.raises(ImgEditError, match="expected an index from 0 to 2"):
            env.instruction(index)


def test_a_trajectory_on_request_can_be_replayed():
    env = make(3, autoreset_mode="Disabled", reward_mode="outcome")
    env.reset(seed=60)
    rng = np.random.default_rng(1)
    total, done = np.zeros(3), np.zeros(3, dtype=bool)
    while not done.any():
        _, rewards, terminated, truncated, _ = env.step(choose(env, rng))
        total += rewards
        done = terminated | truncated
    for row in range(3):
        trajectory = Trajectory.from_json(env.trajectory(row, "random").to_json())
        assert (trajectory.seed, trajectory.agent, trajectory.env_id) == (60 + row, "random", "ImageEdit-v0")
        assert trajectory.task_id == env.task_id(row)
        assert trajectory.return_ == total[row] and not trajectory.plan_given
        assert len(trajectory.steps) == int(env.engine.step_index[row])
        assert trajectory.success == env.info(row)["success"]
        assert np.array_equal(replay(trajectory)[-1], env.engine.canvas[row].numpy())
    env.reset()
    assert env.trajectory(0).seed is None and env.trajectory(0).steps == []


# ---------------------------------------------------------------------- libraries


@pytest.mark.parametrize("mode", MODES[:2])
def test_episode_statistics(mode):
    env = RecordEpisodeStatistics(make(5, autoreset_mode=mode))
    if mode == "SameStep" and tuple(map(int, gym.__version__.split(".")[:2])) < (1, 4):
        pytest.skip("Gymnasium counted every step after an end as a reset")
    returns, lengths, skip = np.zeros(5), np.zeros(5, dtype=int), np.zeros(5, dtype=bool)
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    ended = 0
    for _ in range(15):
        _, rewards, terminated, truncated, infos = env.step(choose(env.unwrapped, rng))
        returns += rewards
        lengths += ~skip
        done = terminated | truncated
        if done.any():
            assert np.array_equal(infos["_episode"], done)
            assert infos["episode"]["r"][done] == pytest.approx(returns[done])
            assert np.array_equal(infos["episode"]["l"][done], lengths[done])
        ended += done.sum()
        returns[done], lengths[done] = 0, 0
        skip = done if mode == "NextStep" else skip
    assert ended > 5 and env.episode_count == ended


def test_episode_statistics_where_nobody_resets():
    env = RecordEpisodeStatistics(make(4, autoreset_mode="Disabled"))
    env.reset(seed=0)
    for _ in range(10):
        _, _, terminated, truncated, infos = env.step(np.zeros((4, 2), dtype=int))
        done = terminated | truncated
        if done.any():
            assert np.array_equal(infos["episode"]["l"][done], infos["plan_index"][done])
            env.reset(options={"reset_mask": done})


@pytest.mark.parametrize("mode", MODES[:2])
def test_other_vector_wrappers(mode):
    env = DictInfoToList(NormalizeReward(make(3, autoreset_mode=mode)))
    assert len(env.reset(seed=0)[1]) == 3
    rng = np.random.default_rng(0)
    for _ in range(6):
        _, rewards, terminated, truncated, infos = env.step(choose(env.unwrapped, rng))
        assert np.isfinite(rewards).all()
        for row, info in enumerate(infos):
            assert {"scores", "requirements", "judge"} <= set(info)
            assert ("final_obs" in info) == (mode == "SameStep" and bool(terminated[row] | truncated[row]))


def test_a_video_can_be_recorded(tmp_path):
    pytest.importorskip("moviepy")
    from gymnasium.wrappers.vector import RecordVideo

    env = RecordVideo(make(2, render_mode="rgb_array"), str(tmp_path / "videos"), video_aspect_ratio=(1, 2))
    env.reset(seed=0)
    for _ in range(6):
        env.step(np.zeros((2, 2), dtype=int))
    env.close()
    assert list(tmp_path.glob("videos/*.mp4"))


def test_frames():
    env, single = make(3, render_mode="rgb_array"), ImageEditEnv(image_size=SIZE, render_mode="rgb_array")
    env.reset(seed=0)
    actions = choose(env, np.random.default_rng(0))
    env.step(actions)
    frames = env.render()
    assert isinstance(frames, tuple) and len(frames) == 3
    for row, frame in enumerate(frames):
        single.reset(seed=row)
        single.step(actions[row])
        assert frame.dtype == np.uint8 and np.array_equal(frame, single.render())
    env.set_attr("render_mode", "ansi")
    assert all(env.instruction(row) in text.replace("\n", " ") for row, text in enumerate(env.render()))
    env.set_attr("render_mode", None)
    with pytest.warns(UserWarning, match="make_vec"):
        assert env.render() is None


def test_what_libraries_call():
    env = shared(make, num_envs=3)
    env.reset(seed=0)
    masks = env.action_masks()
    assert masks.dtype == bool and masks.shape == (3, sum(env.single_action_space.nvec))
    assert masks[:, 0].all() and masks[:, env.single_action_space.nvec[0] :].all()
    called = env.call("action_masks")
    assert isinstance(called, tuple) and all(np.array_equal(row, mask) for row, mask in zip(called, masks, strict=True))
    assert env.call("instruction") == tuple(env.instruction(row) for row in range(3))
    assert env.get_attr("render_mode") == (None, None, None)
    assert env.get_attr("num_envs") == (3, 3, 3)
    env.set_attr("note", ["a"] * 3)
    assert env.note == "a"
    for values in (["a", "b", "a"], ["a"]):
        with pytest.raises(ImgEditError, match="expected 3 equal values for 'note'"):
            env.set_attr("note", values)
    with pytest.raises(ImgEditError, match="call: expected one of"):
        env.call("step")
    with pytest.raises(ImgEditError, match="render_mode must be"):
        env.set_attr("render_mode", "human")


def test_closing():
    env = make(2)
    env.reset(seed=0)
    env.close()
    env.close()
    assert not hasattr(env, "engine")
    for call in (env.reset, lambda: env.step([[0, 0]] * 2), lambda: env.info(0)):
        with pytest.raises(ClosedEnvironmentError):
            call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be a whole number of at least 1"),
        (
            {"autoreset_mode": "later"},
            r"autoreset_mode must be .*\['NextStep', 'SameStep', 'Disabled'\]; found 'later'",
        ),
        ({"output": "jax"}, r"output must be one of \('numpy', 'torch'\); found 'jax'"),
        ({"max_episode_steps": 0}, "max_episode_steps must be None, -1 or a whole number of at least 1; found 0"),
        ({"max_episode_steps": 2.0}, "max_episode_steps must be"),
        ({"render_mode": "human"}, "render_mode must be"),
        ({"image_sise": 64}, r"unknown arguments \['image_sise'\]; expected some of .*'image_size'"),
        ({"planner": "orakle"}, "did you mean oracle"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ImgEditError, match=message):
        ImageEditVectorEnv(**{"num_envs": 2, "image_size": SIZE} | arguments)


# ---------------------------------------------------------------------- the hot loop


def python_calls(env, steps=6):
    """How many Python functions some steps, resets among them, call."""
    actions = np.zeros((env.num_envs, 2), dtype=int)
    actions[:, 0] = env.engine.tool_ids.index("blur")
    env.reset(seed=0)
    for _ in range(steps):
        env.step(actions)
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        for _ in range(steps):
            env.step(actions)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_step_does_no_work_in_python_for_each_environment(mode):
    threads = get_num_threads()
    set_num_threads(1)  # a kernel is launched in more parts over several threads, if it takes long
    try:
        few, many = (python_calls(make(n, autoreset_mode=mode)) for n in (16, 128))
    finally:
        set_num_threads(threads)
    assert many < 1.1 * few
