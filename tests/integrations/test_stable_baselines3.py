"""The bridge to Stable-Baselines3 gives what its own DummyVecEnv of single environments gives, and faster."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest

import imgedit_gym  # noqa: F401
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.wrappers import (
    ActionMaskObservation,
    JointDiscreteAction,
    VectorActionMaskObservation,
    VectorJointDiscreteAction,
)

pytest.importorskip("stable_baselines3")
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecTransposeImage

from imgedit_gym.integrations.stable_baselines3 import ImageEditVecEnv, make_vec_env

SIZE = 64


def make_dummy(n_envs, wrap=lambda env: env, **arguments):
    arguments = {"image_size": SIZE} | arguments
    return DummyVecEnv([lambda: Monitor(wrap(gym.make("ImageEdit-v0", **arguments))) for _ in range(n_envs)])


def make_bridge(n_envs, **arguments):
    return make_vec_env(n_envs, **{"image_size": SIZE} | arguments)


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype, name
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def assert_same_episodes(bridge, dummy, steps, seed):
    """Both give the same for the same seeds and actions; returns how many episodes ended."""
    assert bridge.observation_space == dummy.observation_space
    assert bridge.action_space == dummy.action_space
    assert list(bridge.seed(seed)) == list(dummy.seed(seed))
    same(bridge.reset(), dummy.reset())
    bridge.action_space.seed(seed)
    ended = 0
    for _ in range(steps):
        masks = bridge.env_method("action_masks")
        for mine, theirs in zip(masks, dummy.env_method("action_masks"), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        actions = np.stack([bridge.action_space.sample() for _ in range(bridge.num_envs)])
        seen, expected = bridge.step(actions), dummy.step(actions)
        same(seen[0], expected[0])
        for found, wanted in zip(seen[1:3], expected[1:3], strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)
        for row, (info, wanted) in enumerate(zip(seen[3], expected[3], strict=True)):
            assert info["TimeLimit.truncated"] is wanted["TimeLimit.truncated"]
            for name in ("plan_index", "success", "is_success", "changed_pixels"):
                assert info[name] == wanted[name], name
            assert info["scores"] == wanted["scores"]
            assert ("terminal_observation" in info) == ("terminal_observation" in wanted) == expected[2][row]
            assert ("episode" in info) == ("episode" in wanted)
            if expected[2][row]:
                ended += 1
                same(info["terminal_observation"], wanted["terminal_observation"])
                assert info["episode"]["r"] == wanted["episode"]["r"]
                assert info["episode"]["l"] == wanted["episode"]["l"]
                assert info["episode"]["t"] >= 0
                assert bridge.reset_infos[row]["plan_index"] == dummy.reset_infos[row]["plan_index"] == 0
                assert bridge.reset_infos[row]["scores"] == dummy.reset_infos[row]["scores"]
    return ended


@pytest.mark.parametrize("arguments", [{}, {"max_episode_steps": 2}, {"reward_mode": "outcome", "regions": "cells"}])
def test_trajectories_are_those_of_dummy_vec_env(arguments):
    assert assert_same_episodes(make_bridge(5, **arguments), make_dummy(5, **arguments), 14, seed=11) >= 5


def test_truncation_is_told_apart_from_termination():
    bridge = make_bridge(6, max_episode_steps=1, seed=0)
    bridge.reset()
    long = np.array([len(plan) > 1 for plan in bridge.env_method("plan")])
    assert long.any()
    _, _, dones, infos = bridge.step(np.zeros((6, 2), dtype=np.int64))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == long.tolist()


def test_wrapped_environments_are_those_of_dummy_vec_env():
    bridge = make_bridge(4, wrappers=[VectorJointDiscreteAction, VectorActionMaskObservation], max_episode_steps=3)
    dummy = make_dummy(4, lambda env: ActionMaskObservation(JointDiscreteAction(env)), max_episode_steps=3)
    assert isinstance(bridge.action_space, gym.spaces.Discrete)
    assert assert_same_episodes(bridge, dummy, 10, seed=3) >= 4


def test_seeds_are_used_once_and_go_on():
    bridge = make_bridge(3, seed=5)
    first, second = bridge.reset(), bridge.reset()
    assert not np.array_equal(first["image"], second["image"])
    bridge.seed(5)
    same(bridge.reset(), first)
    same(bridge.reset(), second)


def test_attributes_and_methods():
    bridge = make_bridge(3, seed=0, wrappers=[VectorJointDiscreteAction], render_mode="rgb_array")
    bridge.reset()
    inner = bridge.env.unwrapped
    assert bridge.has_attr("action_masks") and bridge.has_attr("arguments") and not bridge.has_attr("nothing")
    assert bridge.get_attr("render_mode") == ["rgb_array"] * 3
    assert bridge.get_attr("action_space") == [bridge.action_space] * 3
    assert bridge.get_attr("max_episode_steps", 1) == [10]
    assert bridge.env_method("instruction", indices=[2, 0]) == [inner.instruction(2), inner.instruction(0)]
    assert bridge.get_attr("instruction", 1)[0]() == inner.instruction(1)
    masks = bridge.env.action_masks()
    assert masks.shape == (3, bridge.action_space.n)
    np.testing.assert_array_equal(np.stack(bridge.env_method("action_masks")), masks)
    np.testing.assert_array_equal(bridge.env_method("action_masks", indices=2)[0], masks[2])
    np.testing.assert_array_equal(bridge.get_attr("action_masks", 2)[0](), masks[2])
    for name in ("nothing", "step", "set_plans"):
        with pytest.raises(AttributeError):
            bridge.env_method(name)
    with pytest.raises(AttributeError, match="no method"):
        bridge.env_method("arguments")
    bridge.set_attr("note", [1, 2])
    assert bridge.get_attr("note") == [[1, 2]] * 3
    with pytest.raises(ImgEditError, match="share"):
        bridge.set_attr("note", 4, indices=[0])


def test_wrappers_are_found():
    bridge = make_bridge(2, wrappers=[VectorJointDiscreteAction])
    assert bridge.env_is_wrapped(Monitor) == [True, True]
    assert bridge.env_is_wrapped(VectorJointDiscreteAction, indices=[0]) == [True]
    assert bridge.env_is_wrapped(VectorActionMaskObservation) == [False, False]


def test_frames():
    bridge = make_bridge(2, seed=0, render_mode="rgb_array")
    bridge.reset()
    frames = bridge.get_images()
    assert len(frames) == 2 and frames[0].dtype == np.uint8 and frames[0].ndim == 3
    np.testing.assert_array_equal(frames[1], bridge.env_method("render", indices=1)[0])
    tiled = bridge.render("rgb_array")
    assert tiled.shape[0] * tiled.shape[1] >= 2 * frames[0].shape[0] * frames[0].shape[1]
    silent = make_bridge(2, seed=0)
    silent.reset()
    with pytest.warns(UserWarning, match="rgb_array"):
        assert silent.get_images() == [None, None]


def test_what_it_refuses():
    with pytest.raises(ImgEditError, match="SameStep"):
        ImageEditVecEnv(gym.make_vec("ImageEdit-v0", num_envs=2, image_size=SIZE))
    with pytest.raises(ImgEditError, match="numpy"):
        make_bridge(2, output="torch")
    with pytest.raises(ImgEditError, match="ImageEditVectorEnv"):
        ImageEditVecEnv(gym.make_vec("CartPole-v1", num_envs=2))
    bridge = make_bridge(2, seed=0)
    with pytest.raises(ImgEditError, match="options"):
        bridge.set_options({"task_id": "adverts/train/0"})
    bridge.set_options()
    bridge.close()
    bridge.close()


def test_the_environment_is_not_named():
    with pytest.raises(ImgEditError, match="expected the number of environments first; found 'ImageEdit-v0'"):
        make_vec_env("ImageEdit-v0", n_envs=4)


def test_one_wrapper_needs_no_list():
    envs = make_vec_env(2, image_size=64, wrappers=VectorJointDiscreteAction)
    assert envs.env_is_wrapped(VectorJointDiscreteAction) == [True, True]
    envs.close()


def test_without_the_library_an_error_names_the_extra():
    code = (
        "import sys\n"
        "sys.modules['stable_baselines3'] = None\n"
        "from imgedit_gym.core.errors import ImgEditError\n"
        "try:\n"
        "    import imgedit_gym.integrations.stable_baselines3\n"
        "except ImgEditError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True).stdout
    assert "imgedit-gym[baselines]" in said


def test_importing_the_packages_loads_no_engine():
    code = (
        "import sys, imgedit_gym, imgedit_gym.integrations, imgedit_gym.wrappers\n"
        "print([name for name in ('torch', 'warp', 'stable_baselines3') if name in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True).stdout
    assert said.strip() == "[]"


# ---------------------------------------------------------------------- training


def ppo(env, **arguments):
    defaults = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "seed": 7, "device": "cpu"}
    return PPO("MultiInputPolicy", env, **defaults | arguments)


def curve(model, timesteps):
    """Return and length of every episode, and the parameters that training ends with."""
    from stable_baselines3.common.callbacks import BaseCallback

    class Episodes(BaseCallback):
        def _on_training_start(self):
            self.seen = []

        def _on_step(self):
            self.seen += [(i["episode"]["r"], i["episode"]["l"]) for i in self.locals["infos"] if "episode" in i]
            return True

    episodes = Episodes()
    model.learn(timesteps, callback=episodes)
    return episodes.seen, {name: value.clone() for name, value in model.policy.state_dict().items()}


def assert_same_learning(make_model, bridge, dummy, timesteps):
    """A model learns the same in both; each is seeded, and done, before the other is made."""
    import torch

    one = make_model(bridge)
    mine, my_weights = curve(one, timesteps)
    other = make_model(dummy)
    theirs, their_weights = curve(other, timesteps)
    assert len(mine) > 10
    assert any(total != 0 for total, _ in mine)
    assert mine == theirs
    assert all(torch.equal(my_weights[name], their_weights[name]) for name in their_weights)
    assert list(one.ep_success_buffer) == list(other.ep_success_buffer)
    assert len(one.ep_success_buffer) == min(len(mine), 100)


@pytest.mark.slow
def test_ppo_learns_as_with_dummy_vec_env():
    assert_same_learning(ppo, make_bridge(8), make_dummy(8), 512)


@pytest.mark.slow
def test_ppo_learns_as_with_dummy_vec_env_where_episodes_are_truncated():
    short = {"max_episode_steps": 2}
    assert_same_learning(ppo, make_bridge(4, **short), make_dummy(4, **short), 192)


@pytest.mark.slow
@pytest.mark.parametrize("joint", [False, True])
def test_maskable_ppo_learns_as_with_dummy_vec_env(joint):
    contrib = pytest.importorskip("sb3_contrib")

    def model(env):
        return contrib.MaskablePPO("MultiInputPolicy", env, n_steps=16, batch_size=32, n_epochs=1, seed=3, device="cpu")

    bridge = make_bridge(4, wrappers=[VectorJointDiscreteAction] if joint else [])
    dummy = make_dummy(4, JointDiscreteAction if joint else lambda env: env)
    assert_same_learning(model, bridge, dummy, 192)


def test_ppo_trains_and_is_evaluated_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        model = ppo(make_bridge(4, seed=0), n_steps=4, batch_size=16)
        model.learn(16)
        assert isinstance(model.get_env(), VecTransposeImage)
        returns, lengths = evaluate_policy(
            model, make_bridge(2, seed=9), n_eval_episodes=4, return_episode_rewards=True
        )
    assert len(returns) == len(lengths) == 4
    assert all(1 <= length <= 8 for length in lengths)


def test_vec_monitor_says_that_it_is_not_needed():
    with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
        VecMonitor(make_bridge(2))
