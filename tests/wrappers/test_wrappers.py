"""The wrappers: what they add, the same for single and batched environments, and their specs."""

import json
import string
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence

import imgedit_gym  # noqa: F401
from imgedit_gym import wrappers
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.wrappers import (
    ActionMaskObservation,
    JointDiscreteAction,
    NumberedRegions,
    TextObservation,
    VectorActionMaskObservation,
    VectorJointDiscreteAction,
    VectorNumberedRegions,
    VectorTextObservation,
)
from imgedit_gym.wrappers.joint_action import joint_masks
from imgedit_gym.wrappers.numbered_regions import draw_marks, marks_of
from imgedit_gym.wrappers.text import CHARSET, plain

SIZE = 64
PAIRS = {
    "joint": ((JointDiscreteAction,), (VectorJointDiscreteAction,)),
    "mask": ((ActionMaskObservation,), (VectorActionMaskObservation,)),
    "joint mask": (
        (JointDiscreteAction, ActionMaskObservation),
        (VectorJointDiscreteAction, VectorActionMaskObservation),
    ),
    "text": ((TextObservation,), (VectorTextObservation,)),
    "numbers": ((NumberedRegions,), (VectorNumberedRegions,)),
    "all": (
        (JointDiscreteAction, TextObservation, ActionMaskObservation, NumberedRegions),
        (VectorJointDiscreteAction, VectorTextObservation, VectorActionMaskObservation, VectorNumberedRegions),
    ),
}


def make(which=(), **arguments):
    env = gym.make("ImageEdit-v0", **{"image_size": SIZE} | arguments)
    for wrapper in which:
        env = wrapper(env)
    return env


def make_vec(which=(), num_envs=3, **arguments):
    envs = gym.make_vec("ImageEdit-v0", num_envs=num_envs, **{"image_size": SIZE} | arguments)
    for wrapper in which:
        envs = wrapper(envs)
    return envs


def one(value, row):
    """One environment's share of batched observations."""
    return {name: values[row] for name, values in value.items()}


# ---------------------------------------------------------------------- conventions


@pytest.mark.parametrize("name", PAIRS)
def test_check_env_has_nothing_to_say(name):
    env = make(PAIRS[name][0], render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version.*")
        check_env(env)


@pytest.mark.parametrize("name", PAIRS)
def test_specs_serialise(name):
    chosen = PAIRS[name][0]
    env = make(chosen)
    spec = EnvSpec.from_json(env.spec.to_json())
    assert [one.name for one in spec.additional_wrappers] == [wrapper.__name__ for wrapper in chosen]
    again = gym.make(spec)
    assert again.observation_space == env.observation_space
    assert again.action_space == env.action_space
    assert data_equivalence(again.reset(seed=4)[0], env.reset(seed=4)[0])


def test_arguments_are_in_the_spec():
    env = NumberedRegions(TextObservation(make(), max_length=40), edge=256)
    kept = json.loads(env.spec.to_json())["additional_wrappers"]
    assert [wrapper["kwargs"] for wrapper in kept] == [{"max_length": 40}, {"edge": 256}]
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space["numbered_regions"].shape == (256, 256, 3)
    assert again.observation_space["instruction"].max_length == 40


def test_stable_baselines3_check_env_has_nothing_to_say():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(make((JointDiscreteAction, ActionMaskObservation)), warn=True)


def test_the_package_names_its_wrappers():
    assert all(getattr(wrappers, name).__name__ == name for name in wrappers.__all__)
    assert all(wrapper in dir(wrappers) or hasattr(wrappers, wrapper) for wrapper in wrappers.__all__)
    with pytest.raises(AttributeError):
        wrappers.nothing


@pytest.mark.parametrize("name", PAIRS)
def test_others_environments_are_refused(name):
    single, batched = PAIRS[name]
    with pytest.raises(ImgEditError, match="ImageEditEnv"):
        single[0](gym.make("CartPole-v1"))
    with pytest.raises(ImgEditError, match="ImageEditVectorEnv"):
        batched[0](gym.make_vec("CartPole-v1", num_envs=2))


def test_what_cannot_be_wrapped_is_refused():
    with pytest.raises(ImgEditError, match="already"):
        TextObservation(TextObservation(make()))
    with pytest.raises(ImgEditError, match="tool and region"):
        JointDiscreteAction(JointDiscreteAction(make()))
    with pytest.raises(ImgEditError, match="max_length"):
        TextObservation(make(), max_length=0)
    with pytest.raises(ImgEditError, match="edge"):
        NumberedRegions(make(), edge=4000)


# ---------------------------------------------------------------------- single and vector alike


@pytest.mark.parametrize("limit", [10, 2])
@pytest.mark.parametrize("name", ["joint mask", "text", "numbers"])
def test_a_batch_is_the_single_environment_many_times(name, limit):
    single, batched = PAIRS[name]
    envs = make_vec(batched, autoreset_mode="SameStep", max_episode_steps=limit)
    singles = [make(single, max_episode_steps=limit) for _ in range(3)]
    assert envs.single_observation_space == singles[0].observation_space
    assert envs.single_action_space == singles[0].action_space
    observations, infos = envs.reset(seed=20)
    assert observations in envs.observation_space
    for row, env in enumerate(singles):
        assert data_equivalence(one(observations, row), env.reset(seed=20 + row)[0])
    envs.action_space.seed(1)
    ended = 0
    for _ in range(9):
        actions = envs.action_space.sample()
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        assert observations in envs.observation_space
        for row, env in enumerate(singles):
            seen, reward, over, cut, info = env.step(actions[row])
            assert (reward, over, cut) == (rewards[row], terminated[row], truncated[row])
            if over or cut:
                ended += 1
                assert infos["_final_obs"][row]
                assert data_equivalence(one(infos["final_obs"], row), seen)
                if "joint" in name:
                    assert np.array_equal(infos["final_info"]["action_mask"][row], info["action_mask"])
                seen, info = env.reset()
            elif "final_obs" in infos:
                assert not infos["_final_obs"][row]
                rest = one(infos["final_obs"], row)
                assert all(not value.any() if isinstance(value, np.ndarray) else value == "" for value in rest.values())
            assert data_equivalence(one(observations, row), seen)
            if "joint" in name:
                assert np.array_equal(infos["action_mask"][row], info["action_mask"])
    assert ended >= 3


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_other_autoreset_modes(mode):
    envs = make_vec(PAIRS["all"][1], autoreset_mode=mode)
    observations, infos = envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(9):
        allowed = np.where(infos["action_mask"] > 0, rng.random(infos["action_mask"].shape), 0.0)
        observations, _, terminated, truncated, infos = envs.step(allowed.argmax(1))
        done = terminated | truncated
        if mode == "Disabled" and done.any():
            assert all(text == "" for text, over in zip(observations["plan_step_text"], done, strict=True) if over)
            observations, infos = envs.reset(options={"reset_mask": done})
        assert observations in envs.observation_space
        assert np.array_equal(observations["action_mask"], infos["action_mask"])
        for row in range(3):
            assert observations["instruction"][row] == envs.unwrapped.instruction(row)
            assert observations["plan_step_text"][row] == envs.unwrapped.info(row)["plan_step"]


def test_torch_output_stays_torch():
    envs = make_vec(PAIRS["all"][1], autoreset_mode="SameStep", output="torch", max_episode_steps=1)
    like = make_vec(PAIRS["all"][1], autoreset_mode="SameStep", max_episode_steps=1)
    for found, expected in (
        (envs.reset(seed=2)[0], like.reset(seed=2)[0]),
        (envs.step(torch.arange(3))[4]["final_obs"], like.step(np.arange(3))[4]["final_obs"]),
    ):
        for key in ("action_mask", "numbered_regions"):
            assert isinstance(found[key], torch.Tensor)
            np.testing.assert_array_equal(found[key].numpy(), expected[key])
        assert found["instruction"] == expected["instruction"]
    assert isinstance(envs.action_masks(), torch.Tensor)


# ---------------------------------------------------------------------- joint action


def test_joint_actions_are_the_pairs():
    env, plain_env = make((JointDiscreteAction,)), make()
    n_tools, n_regions = plain_env.action_space.nvec
    assert env.action_space == gym.spaces.Discrete(int(n_tools * n_regions))
    env.reset(seed=1), plain_env.reset(seed=1)
    number = env.action("paste_over", 12)
    assert env.describe_action(number) == ("paste_over", 12)
    seen, *rest = env.step(np.int64(number))
    wanted, *others = plain_env.step(plain_env.unwrapped.action("paste_over", 12))
    assert data_equivalence(seen, wanted)
    assert rest[:3] == others[:3]
    assert rest[3]["changed_pixels"] == others[3]["changed_pixels"]


@pytest.mark.parametrize("regions", ["segments", "cells"])
def test_the_joint_mask_is_exact(regions):
    """An action is allowed if, and only if, the environment then says nothing but that no pixel changed."""
    env = make((JointDiscreteAction,), regions=regions)
    tried = refused = 0
    for seed in range(3):
        _, info = env.reset(seed=seed)
        state, accepts = env.unwrapped.get_state(), env.unwrapped.action_masks()
        mask = env.action_masks()
        assert np.array_equal(mask, info["action_mask"])
        chosen = np.random.default_rng(seed).choice(env.action_space.n, 60, replace=False)
        for action in [0, 1, 65, *chosen.tolist()]:
            tool, region = divmod(action, 65)
            env.unwrapped.set_state(state)
            error = env.unwrapped.step((tool, region))[4]["action_error"]
            fine = (error == "" or error.endswith("nothing in the region changed")) and accepts[tool]
            assert mask[action] == (region == 0 if tool == 0 else fine), (env.describe_action(action), error)
            tried, refused = tried + 1, refused + (not mask[action])
    assert 0 < refused < tried


def test_a_sample_under_the_mask_can_be_carried_out():
    env = make((JointDiscreteAction,))
    _, info = env.reset(seed=3)
    env.action_space.seed(0)
    for _ in range(12):
        *_, terminated, truncated, info = env.step(env.action_space.sample(mask=info["action_mask"]))
        assert info["action_error"] == "" or info["action_error"].endswith("nothing in the region changed")
        if terminated or truncated:
            _, info = env.reset()


def test_the_joint_mask_says_more_than_the_two():
    """A tool that fills from the surroundings does not go with the whole picture, which two masks cannot say."""
    env = make((JointDiscreteAction,))
    env.reset(seed=0)
    n_tools = env.unwrapped.action_space.nvec[0]
    marginal = env.unwrapped.action_masks()
    product = np.outer(marginal[:n_tools], marginal[n_tools:])
    joint = env.action_masks().reshape(n_tools, -1)
    assert not (joint & ~product).any()
    fill = env.unwrapped.engine.tool_ids.index("fill_smooth")
    assert product[fill, 0] and not joint[fill, 0] and joint[fill].any()


def test_large_batches_are_worked_out_in_parts(monkeypatch):
    envs = make_vec((VectorJointDiscreteAction,), num_envs=5)
    envs.reset(seed=0)
    whole = envs.action_masks()
    monkeypatch.setattr("imgedit_gym.wrappers.joint_action._CHUNK", 2)
    np.testing.assert_array_equal(envs.action_masks(), whole)
    np.testing.assert_array_equal(joint_masks(envs.unwrapped.engine, [4, 1]).numpy(), whole[[4, 1]])


@pytest.mark.parametrize("action", [-1, 10**6, 0.5, None, True, "skip"])
def test_joint_actions_outside_the_space_are_refused(action):
    env, envs = make((JointDiscreteAction,)), make_vec((VectorJointDiscreteAction,), num_envs=2)
    env.reset(seed=0), envs.reset(seed=0)
    with pytest.raises(ImgEditError, match="expected"):
        env.step(action)
    with pytest.raises(ImgEditError, match="expected"):
        envs.step([action, action])
    assert env.unwrapped.engine.step_index[0] == 0 and not envs.unwrapped.engine.step_index.any()


# ---------------------------------------------------------------------- text


def test_texts_are_those_of_the_info():
    env = make((TextObservation,))
    observation, info = env.reset(seed=0)
    over = False
    while not over:
        assert observation["instruction"] == info["instruction"]
        assert observation["plan_step_text"] == info["plan_step"] != ""
        observation, _, over, _, info = env.step((0, 0))
    assert observation["plan_step_text"] == ""


def test_a_text_of_ones_own_is_brought_into_the_charset():
    env = make((TextObservation,), planner="none")
    said = "Make the café’s sign “quieter” – or… 静か\n\tplease"
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    observation, info = env.reset(seed=0, options={"image": image, "instruction": said})
    assert observation["instruction"] == 'Make the cafe\'s sign "quieter" - or... ?? please'
    assert observation in env.observation_space
    assert info["instruction"] != observation["instruction"]


def test_plain_texts():
    assert plain("x" * 9, 4) == "xxxx"
    assert plain("", 4) == ""
    assert set(CHARSET) < set(string.printable)
    assert plain("a plan, 100%: red/blue!", 99) == "a plan, 100%: red/blue!"


def test_a_plan_handed_over_is_what_is_seen_next():
    envs = make_vec((VectorTextObservation,), num_envs=2, planner="agent", autoreset_mode="SameStep")
    envs.reset(seed=0)
    envs.unwrapped.set_plans([["remove the burger", "make it brighter"]] * 2)
    observations, *_ = envs.step(np.zeros((2, 2), dtype=np.int64))
    assert observations["plan_step_text"] == tuple(envs.unwrapped.plan(row)[1] for row in range(2))


# ---------------------------------------------------------------------- numbered regions


@pytest.mark.parametrize("regions", ["segments", "cells"])
def test_every_region_is_shown_by_a_number_that_names_it(regions):
    env = make(regions=regions)
    for seed in range(4):
        env.reset(seed=seed)
        engine = env.unwrapped.engine
        marks = marks_of(engine, 0)
        index = torch.arange(65)
        found = engine.regions.regions(torch.zeros_like(index), index)
        shown = {found.masks[number].numpy().tobytes() for number in marks.numbers}
        assert len(shown) == len(marks.numbers)
        assert shown == {found.masks[i].numpy().tobytes() for i in range(1, 65) if found.areas[i]}
        assert set(np.unique(marks.owner)) <= {0, *marks.numbers}
        if regions == "cells":
            assert marks.numbers == tuple(range(1, 65))


def test_numbers_stand_in_their_cells():
    env = make((NumberedRegions,), regions="cells")
    observation, _ = env.reset(seed=0)
    drawn = observation["numbered_regions"]
    large = np.kron(observation["image"], np.ones((6, 6, 1), np.uint8))
    differs = (drawn != large).any(-1)
    for number in range(1, 65):
        y, x = divmod(number - 1, 8)
        assert differs[48 * y + 8 : 48 * y + 40, 48 * x + 4 : 48 * x + 44].any(), number
    without = draw_marks(observation["image"], type(marks_of(env.unwrapped.engine, 0))(np.zeros((64, 64)), ()), 384)
    np.testing.assert_array_equal(without, large)


def test_the_drawing_follows_the_canvas():
    env = make((NumberedRegions,))
    first, _ = env.reset(seed=0)
    env.action_space.seed(0)
    info = {"changed_pixels": 0}
    while not info["changed_pixels"]:
        seen, _, over, _, info = env.step(env.action_space.sample())
        assert not over or info["changed_pixels"]
    assert not np.array_equal(seen["numbered_regions"], first["numbered_regions"])
