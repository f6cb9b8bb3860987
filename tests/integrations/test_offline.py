"""Recorded episodes as data to learn from."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import imgedit_gym  # noqa: F401 - registers the environments
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.integrations.offline import to_datasets, to_minari, transitions
from imgedit_gym.trajectory import record_episode

ARGUMENTS = {"image_size": 64}


@pytest.fixture(scope="module")
def seen():
    """Episodes as they were lived through: recordings, and every observation, action and reward."""
    env = gym.make("ImageEdit-v0", **ARGUMENTS)
    dice = np.random.default_rng(0)
    recordings, lived = [], []
    for seed in (6, 9):
        observations, actions = [], []

        def act(observation, info, observations=observations, actions=actions):
            observations.append(observation)
            fitting = np.flatnonzero(info["action_mask"][0])
            actions.append(np.array([dice.choice(fitting), dice.integers(65)]))
            return actions[-1]

        recordings.append(record_episode(env, act, "chance", seed=seed))
        lived.append((observations, actions))
    env.close()
    return recordings, lived


def test_transitions_are_what_the_agent_saw(seen):
    recordings, lived = seen
    found = list(transitions(recordings))
    assert len(found) == 2
    for episode, recording, (observations, actions) in zip(found, recordings, lived, strict=True):
        steps = len(actions)
        assert np.array_equal(episode.actions, np.stack(actions))
        for name, values in episode.observations.items():
            assert len(values) == steps + 1
            assert np.array_equal(values[:-1], np.stack([one[name] for one in observations]))
        assert episode.rewards.tolist() == pytest.approx([step["reward"] for step in recording.steps])
        assert episode.terminations.tolist() == [False] * (steps - 1) + [True]
        assert not episode.truncations.any()


def test_an_episode_that_was_left_is_truncated(seen):
    (first, *_), _ = seen
    short = replace(first, steps=first.steps[:1])
    (found,) = transitions([short, replace(first, steps=[])])
    assert found.truncations.tolist() == [True] and found.terminations.tolist() == [False]


def test_unknown_tools_are_refused(seen):
    (first, *_), _ = seen
    strange = replace(first, steps=[first.steps[0] | {"tool": "nothing"}])
    with pytest.raises(ImgEditError, match="unknown tool 'nothing'"):
        list(transitions([strange]))


def test_minari_gives_back_what_was_written(seen, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    recordings, _ = seen
    about = {
        "author": "me",
        "author_email": "me@example.org",
        "code_permalink": "https://example.org",
        "description": "Two episodes.",
    }
    to_minari(recordings, "imgedit/adverts-chance-v0", **about)
    data = minari.load_dataset("imgedit/adverts-chance-v0")
    assert data.total_episodes == 2 and data.total_steps == sum(len(one.steps) for one in recordings)
    for kept, made in zip(data.iterate_episodes(), transitions(recordings), strict=True):
        for name, values in made.observations.items():
            assert np.array_equal(kept.observations[name], values), name
        assert np.array_equal(kept.actions, made.actions)
        assert kept.rewards.tolist() == pytest.approx(made.rewards.tolist())
        assert np.array_equal(kept.terminations, made.terminations)
    env = data.recover_environment()
    assert env.observation_space["image"].shape == (64, 64, 3)
    env.close()


def test_minari_takes_one_environment(seen):
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    (first, second), _ = seen
    other = replace(second, env_kwargs=second.env_kwargs | {"image_size": 128})
    for wrong, count in (([first, other], 2), ([], 0)):
        with pytest.raises(ImgEditError, match=f"found {count}"):
            to_minari(wrong, "imgedit/mixed-v0")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"env_id": "traps:ImageEdit-v0"}, "env_id: expected a registered environment"),
        ({"env_id": "CartPole-v1", "env_kwargs": {}}, "env_id: expected a registered environment"),
        ({"env_kwargs": {"additional_wrappers": []}}, "env_kwargs: expected some of .*; found additional_wrappers"),
        ({"env_kwargs": {"render_mode": "human"}}, "found render_mode"),
        ({"env_kwargs": {"tools": ["skip", {"id": "diffusers", "model": "x", "trust": True}]}}, "no 'trust'"),
        ({"env_kwargs": {"tools": [{"id": "weak", "tool": {"id": "x", "pipeline": "traps:A"}}]}}, "no 'pipeline'"),
    ],
)
def test_recordings_have_no_code_of_theirs_run(seen, tmp_path, monkeypatch, changes, said):
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    (first, _), _ = seen
    (tmp_path / "traps.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImgEditError, match=said):
        to_minari([replace(first, **changes)], "imgedit/strange-v0")
    if "'" in said:  # of plug-ins, which other ways out build too
        with pytest.raises(ImgEditError, match=said):
            next(transitions([replace(first, **changes)]))
    assert not (tmp_path / "sprung").exists()


def test_minari_of_an_environment_at_hand(seen, tmp_path, monkeypatch):
    pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    (first, _), _ = seen
    about = {"author": "me", "author_email": "me@example.org", "code_permalink": "x", "description": "One."}
    env = gym.make("ImageEdit-v0", **ARGUMENTS)
    strange = replace(first, env_id="traps:ImageEdit-v0")
    data = to_minari([strange], "imgedit/at-hand-v0", env=env, **about)
    assert data.total_steps == len(first.steps) and data.spec.env_spec.id == "ImageEdit-v0"
    assert env.reset(seed=0)[0]["image"].shape == (64, 64, 3), "it stays open"
    env.close()


def test_rows_of_datasets(seen):
    pytest.importorskip("datasets")
    recordings, lived = seen
    rows = to_datasets(recordings)
    assert len(rows) == sum(len(one.steps) for one in recordings)
    row = rows[len(recordings[0].steps)]  # the first of the second episode
    assert row["episode"] == 1 and row["step"] == 0 and row["seed"] == 9 and row["agent"] == "chance"
    assert row["plan"] == recordings[1].plan and row["plan_step"] == recordings[1].plan[0]
    assert np.array_equal(np.asarray(row["image"]), lived[1][0][0]["image"])
    assert row["tool"] == recordings[1].steps[0]["tool"]
    with pytest.raises(ImgEditError, match="found none"):
        to_datasets([])
