"""Gymnasium's own vector wrappers do on the batched environment what they do on SyncVectorEnv of the single one."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import NormalizeReward, RecordEpisodeStatistics

import imgedit_gym  # noqa: F401
from imgedit_gym.wrappers import VectorActionMaskObservation, VectorJointDiscreteAction

SIZE = 64


def make_both(num_envs, mode):
    shared = {"num_envs": num_envs, "image_size": SIZE, "max_episode_steps": 3}
    kwargs = {"autoreset_mode": AutoresetMode(mode)}
    sync = gym.make_vec("ImageEdit-v0", vectorization_mode="sync", vector_kwargs=kwargs, **shared)
    return gym.make_vec("ImageEdit-v0", autoreset_mode=mode, **shared), sync


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_statistics_and_normalised_rewards_are_those_of_sync_vector_env(mode):
    if mode == "SameStep" and tuple(map(int, gym.__version__.split(".")[:2])) < (1, 4):
        pytest.skip("Gymnasium counted every step after an end as a reset")
    one, other = (NormalizeReward(RecordEpisodeStatistics(envs)) for envs in make_both(4, mode))
    one.reset(seed=2), other.reset(seed=2)
    one.action_space.seed(0)
    ended, rewarded = 0, False
    for _ in range(14):
        actions = one.action_space.sample()
        found, wanted = one.step(actions), other.step(actions)
        for mine, theirs in zip(found[1:4], wanted[1:4], strict=True):
            np.testing.assert_array_equal(mine, theirs)
        rewarded |= bool(found[1].any())
        assert ("episode" in found[4]) == ("episode" in wanted[4])
        if "episode" in found[4]:
            np.testing.assert_array_equal(found[4]["_episode"], wanted[4]["_episode"])
            for name in ("r", "l"):
                np.testing.assert_array_equal(found[4]["episode"][name], wanted[4]["episode"][name])
            ended += int(found[4]["_episode"].sum())
    assert ended >= 8 and rewarded


def test_they_go_around_the_wrappers_of_this_package():
    envs = gym.make_vec("ImageEdit-v0", num_envs=3, image_size=SIZE)
    envs = RecordEpisodeStatistics(VectorActionMaskObservation(VectorJointDiscreteAction(envs)))
    observations, _ = envs.reset(seed=0)
    for _ in range(9):
        observations, *_ = envs.step(observations["action_mask"].argmax(1))  # the first that is allowed: skip
    assert envs.episode_count >= 3
    assert set(envs.return_queue) == {0.0}


def test_a_video_shows_every_frame(tmp_path):
    pytest.importorskip("moviepy", reason="RecordVideo needs moviepy, which is in none of the extras")
    from gymnasium.wrappers.vector import RecordVideo
    from moviepy import VideoFileClip

    envs = gym.make_vec("ImageEdit-v0", num_envs=2, image_size=SIZE, render_mode="rgb_array")
    envs = RecordVideo(envs, str(tmp_path / "videos"), video_length=4, step_trigger=lambda step: step == 0, fps=2)
    envs.reset(seed=0)
    frame = envs.render()[0]
    for _ in range(6):
        envs.step(np.zeros((2, 2), dtype=int))
    envs.close()
    (video,) = (tmp_path / "videos").glob("*.mp4")
    with VideoFileClip(str(video)) as clip:
        assert clip.size[0] * clip.size[1] == 2 * frame.shape[0] * frame.shape[1]
        assert clip.duration == pytest.approx(2.0, abs=0.51)
