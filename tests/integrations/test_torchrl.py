"""TorchRL's GymWrapper takes the single and the batched environment; the latter with autoreset disabled."""

import warnings

import gymnasium as gym
import numpy as np
import pytest

import imgedit_gym  # noqa: F401

SIZE = 64

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    libs = pytest.importorskip("torchrl.envs.libs.gym", reason="TorchRL is in none of the extras", exc_type=ImportError)
    from torchrl.envs.utils import check_env_specs

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_single_environment():
    check_env_specs(libs.GymWrapper(gym.make("ImageEdit-v0", image_size=SIZE)))


def test_the_batched_environment():
    check_env_specs(
        libs.GymWrapper(gym.make_vec("ImageEdit-v0", num_envs=3, image_size=SIZE, autoreset_mode="Disabled"))
    )


def test_a_rollout_is_what_the_environment_gives():
    envs, like = (
        gym.make_vec("ImageEdit-v0", num_envs=3, image_size=SIZE, autoreset_mode="Disabled") for _ in range(2)
    )
    wrapped = libs.GymWrapper(envs)
    seen = wrapped.reset()
    like.reset(seed=0)
    for row in range(3):  # TorchRL resets with seeds of its own
        like.set_state(row, envs.get_state(row))
    ended = False
    while not ended:
        seen = wrapped.step(wrapped.rand_action(seen))
        observations, rewards, terminated, truncated, _ = like.step(seen["action"].numpy())
        after = seen["next"]
        np.testing.assert_array_equal(after["image"].numpy(), observations["image"])
        np.testing.assert_allclose(after["reward"].squeeze(-1).numpy(), rewards, atol=1e-7)
        np.testing.assert_array_equal(after["terminated"].squeeze(-1).numpy(), terminated)
        np.testing.assert_array_equal(after["truncated"].squeeze(-1).numpy(), truncated)
        ended = bool((terminated | truncated).any())
        seen = after.exclude("reward")


def test_finished_episodes_alone_are_reset():
    envs = gym.make_vec("ImageEdit-v0", num_envs=3, image_size=SIZE, autoreset_mode="Disabled")
    seen = libs.GymWrapper(envs).rollout(12, break_when_any_done=False)
    assert seen.batch_size == (3, 12)
    done = seen["next", "done"].squeeze(-1)
    assert done.sum() >= 3
    # the step after an end begins at the start of a plan
    after = seen["progress"][:, 1:][done[:, :-1]]
    assert len(after) and not after.any()
    assert (seen["progress"][:, 1:][~done[:, :-1]][:, 1] > 0).all()


def test_next_step_autoreset_is_refused_by_torchrl():
    with pytest.raises(RuntimeError, match="auto-reset"):
        libs.GymWrapper(gym.make_vec("ImageEdit-v0", num_envs=2, image_size=SIZE))
