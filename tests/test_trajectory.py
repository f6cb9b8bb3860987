"""Recorded episodes: there and back, what is refused, and every picture made again."""

import base64
import io
import json
from dataclasses import asdict, replace

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import imgedit_gym  # noqa: F401
from imgedit_gym import trajectory as module
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.trajectory import (
    Trajectory,
    pack_user_task,
    read_trajectories,
    record_episode,
    replay,
    unpack_user_task,
    write_trajectories,
)

SIZE = 64


def example(**changes):
    return Trajectory(
        **{
            "env_id": "ImageEdit-v0",
            "env_kwargs": {"image_size": SIZE, "tools": ["skip", {"id": "fill_flat"}]},
            "versions": {"imgedit-gym": "0.1.0"},
            "agent": "random",
            "seed": 3,
            "task_id": "adverts/train/00000000002a",
            "instruction": "Für alle: “fröhlich” 🎈",
            "plan": ["remove the dog", "add the star"],
            "plan_given": False,
            "steps": [
                {"tool": "fill_flat", "region": 20, "reward": 0.25, "problem": ""},
                {"tool": "skip", "region": 0, "reward": -0.125, "problem": ""},
            ],
            "scores": {"E": 0.5, "P": 1.0, "Q": 1.0, "score": 0.5},
            "requirements": [{"text": "no dog", "value": 1.0}],
            "success": False,
            "return_": 0.125,
            **changes,
        }
    )


class RandomPolicy:
    """Any action that the masks allow, and the pictures it was shown."""

    def __init__(self, space, seed):
        self.space = space
        self.space.seed(seed)
        self.seen = []

    def __call__(self, observation, info):
        self.seen.append(observation["image"])
        return self.space.sample(mask=info["action_mask"])


def recorded(seed=0, options=None, **arguments):
    """A recording of a random episode, and the pictures that were seen: all but the last."""
    env = gym.make("ImageEdit-v0", image_size=SIZE, **arguments)
    policy = RandomPolicy(env.action_space, seed)
    trajectory = record_episode(env, policy, agent="random", seed=seed, options=options)
    return trajectory, [*policy.seen, env.unwrapped.engine.canvas[0].numpy().copy()]


def assert_same_pictures(found, expected):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.uint8
        assert (ours == theirs).all()


# ---------------------------------------------------------------------- JSON


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
numbers = st.floats(-10, 10, allow_nan=False)


@settings(max_examples=100, deadline=None, database=None)
@given(
    texts=st.lists(texts, max_size=8),
    text=texts,
    number=numbers,
    seed=st.none() | st.integers(0, 2**64),
    steps=st.lists(
        st.fixed_dictionaries({"tool": texts, "region": st.integers(0, 64), "reward": numbers, "problem": texts}),
        max_size=10,
    ),
    truth=st.booleans(),
)
def test_there_and_back(texts, text, number, seed, steps, truth):
    trajectory = example(
        plan=texts,
        agent=text,
        instruction=text,
        return_=number,
        seed=seed,
        steps=steps,
        success=truth,
        plan_given=truth,
    )
    line = trajectory.to_json()
    assert "\n" not in line
    assert Trajectory.from_json(line) == trajectory


def test_the_keys_of_the_file_are_as_documented():
    record = json.loads(example().to_json())
    assert record["schema"] == 1
    assert record["return"] == 0.125
    assert set(record) == {"schema", "return", *asdict(example())} - {"return_"}


def changed(**changes):
    return json.dumps({**json.loads(example().to_json()), **changes})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "schema"),
        ("[" * 100_000, "JSON"),
        ("3", "schema"),
        (changed(schema=2), "schema"),
        (changed(extra=1), "unknown keys.*extra"),
        ('{"schema": 1}', "missing keys"),
        (changed(seed=-1), "seed"),
        (changed(seed=True), "seed"),
        (changed(plan="remove the dog"), "plan"),
        (changed(plan=[1]), "plan"),
        (changed(plan=["x"] * 100), "plan"),
        (changed(plan_given=1), "plan_given"),
        (changed(steps=[{"tool": "skip"}]), "steps, item 0"),
        (changed(steps=[{"tool": "skip", "region": -1, "reward": 0, "problem": ""}]), "region"),
        (changed(steps=[{"tool": "skip", "region": 1.5, "reward": 0, "problem": ""}]), "region"),
        (changed(steps=[{"tool": "skip", "region": 1, "reward": "0", "problem": ""}]), "reward"),
        (changed(steps=[0] * 10_001), "steps"),
        (changed(scores={"E": 1}), "scores"),
        (changed(scores={"E": 1, "P": 1, "Q": 1, "score": None}), "scores, score"),
        (changed(requirements=[{"text": "x"}]), "requirements"),
        (changed(requirements=[{"text": "x", "value": "1"}]), "null or a number"),
        (changed(valid=0), "valid"),
        (changed(success="yes"), "success"),
        (changed(instruction="x" * 5000), "instruction"),
        (changed(versions=[]), "versions"),
        (changed(user_task=3), "user_task"),
        (changed(**{"return": 0.5}).replace('"return": 0.5', '"return": NaN'), "JSON"),
        (changed(**{"return": 0.5}).replace('"return": 0.5', '"return": Infinity'), "JSON"),
        (changed(**{"return": 0.5}).replace('"return": 0.5', '"return": 1e999'), "return"),
    ],
)
def test_a_malformed_line_is_refused(line, message):
    with pytest.raises(ImgEditError, match=message):
        Trajectory.from_json(line)


@pytest.mark.parametrize(
    "changes", [{"return_": float("nan")}, {"env_kwargs": {"judge": object()}}, {"agent": None}, {"steps": [{}]}]
)
def test_a_malformed_trajectory_is_not_written(tmp_path, changes):
    path = tmp_path / "runs.jsonl"
    write_trajectories(path, [example()])
    with pytest.raises(ImgEditError):
        write_trajectories(path, [example(), example(**changes)])
    assert read_trajectories(path) == [example()]
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.jsonl"]


def test_an_overlong_line_is_refused(monkeypatch):
    line = example().to_json()
    monkeypatch.setattr(module, "MAX_LINE", len(line) - 1)
    for call in (lambda: Trajectory.from_json(line), example().to_json):
        with pytest.raises(ImgEditError, match="at most"):
            call()


# ---------------------------------------------------------------------- files


def test_files(tmp_path):
    path = tmp_path / "new" / "runs.jsonl"
    wanted = [example(), example(agent="another", seed=None), example(instruction="line\u2028separator\u0085\r\n\v")]
    write_trajectories(path, iter(wanted))
    assert read_trajectories(path) == wanted
    assert read_trajectories(str(path)) == wanted
    assert len(path.read_bytes().split(b"\n")) == 4
    write_trajectories(path, [])
    assert read_trajectories(path) == []


def test_the_message_names_the_line(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{example().to_json()}\n\n{{broken\n", encoding="utf-8")
    with pytest.raises(ImgEditError, match=r"runs\.jsonl, line 3: .*JSON"):
        read_trajectories(path)


def test_what_is_no_trajectory_is_told(tmp_path):
    with pytest.raises(ImgEditError, match=r"expected several, in a list; found one Trajectory: write \[trajectory\]"):
        write_trajectories(tmp_path / "one.jsonl", example())
    with pytest.raises(ImgEditError, match="expected a Trajectory; found str .read_trajectories"):
        replay("one.jsonl")
    assert not list(tmp_path.iterdir())


def test_what_is_no_file_of_text_is_named(tmp_path):
    with pytest.raises(ImgEditError, match="No such file"):
        read_trajectories(tmp_path / "nothing.jsonl")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImgEditError, match="UTF-8"):
        read_trajectories(tmp_path / "bytes")


# ---------------------------------------------------------------------- recording and replaying


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"split": "test", "regions": "cells", "reward_mode": "outcome"},
        {"planner": "none"},
        {"tools": ["skip", "paint", "blur"], "tasks": {"id": "adverts", "objects": [3, 3]}},
    ],
)
def test_every_picture_is_made_again(tmp_path, arguments):
    kept = [recorded(seed, **arguments) for seed in range(3)]
    write_trajectories(tmp_path / "runs.jsonl", [trajectory for trajectory, _ in kept])
    for trajectory, (_, pictures) in zip(read_trajectories(tmp_path / "runs.jsonl"), kept, strict=True):
        assert_same_pictures(replay(trajectory), pictures)


def test_a_recording_says_what_happened():
    trajectory, pictures = recorded(4)
    assert trajectory.env_id == "ImageEdit-v0"
    assert trajectory.env_kwargs["image_size"] == SIZE
    assert set(trajectory.versions) == {"imgedit-gym", "gymnasium", "torch", "warp-lang"}
    assert len(trajectory.steps) == len(trajectory.plan) == len(pictures) - 1
    assert trajectory.return_ == pytest.approx(sum(step["reward"] for step in trajectory.steps))
    assert not trajectory.plan_given
    assert trajectory.user_task is None


def test_a_recording_of_a_judge_with_parts(tmp_path):
    trajectory, _ = recorded(2, judge="pixels")
    write_trajectories(tmp_path / "runs.jsonl", [trajectory])
    assert set(trajectory.scores) == {"E", "P", "Q", "score"} and trajectory.valid


def test_a_given_plan_is_replayed():
    plan = "remove the dog\nset the background to beach\nmake it glow, somehow\nrewrite the headline as MY WORDS"
    trajectory, pictures = recorded(1, {"plan": plan}, planner="agent")
    assert trajectory.plan_given
    assert trajectory.plan == plan.splitlines()
    assert_same_pictures(replay(Trajectory.from_json(trajectory.to_json())), pictures)


@pytest.mark.parametrize("size", [(90, 70), (SIZE, SIZE)])
def test_an_own_task_is_replayed(size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    options = {
        "image": Image.fromarray(image),
        "instruction": "Say hello.",
        "objects": [{"name": "thing", "box": np.array([40, 10, 60, 40])[[0, 1, 2, 3]].tolist()}],
        "headline_box": (2, 2, 12, 60),
        "plan": [("remove", "thing", ""), "rewrite the headline as HELLO"],
        "checklist": [{"kind": "absent", "object": "thing", "step": 0}, {"kind": "headline", "text": "HELLO"}],
    }
    trajectory, pictures = recorded(2, options)
    again = Trajectory.from_json(trajectory.to_json())
    assert_same_pictures(replay(again), pictures)
    assert (unpack_user_task(again.user_task)["image"] == image).all()


def test_packing_keeps_an_own_task():
    options = {"image": np.zeros((5, 7, 3), np.uint8), "instruction": "x", "headline_box": [np.int64(1), 2, 3, 4]}
    packed = pack_user_task(options)
    again = unpack_user_task(json.loads(json.dumps(packed)))
    assert again["headline_box"] == [1, 2, 3, 4]
    assert again["image"].shape == (5, 7, 3)


def _png(size):
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


LARGE = _png((9000, 2))


@pytest.mark.parametrize("image", [None, 3, "", "no base 64!", "größer", "aGVsbG8=", LARGE])
def test_an_own_task_with_a_broken_image_is_refused(image):
    with pytest.raises(ImgEditError, match="user_task"):
        replay(example(user_task={"image": image, "instruction": "x"}))


def test_an_engine_can_be_used_again():
    engine = Engine(3, image_size=SIZE)
    for seed in range(3):
        trajectory, pictures = recorded(seed)
        assert_same_pictures(replay(trajectory, engine), pictures)


def test_what_cannot_be_replayed_says_why():
    trajectory, _ = recorded(0)
    step = {"tool": "brush", "region": 0, "reward": 0.0, "problem": ""}
    with pytest.raises(ImgEditError, match="unknown tool 'brush'"):
        replay(replace(trajectory, steps=[step]))
    with pytest.raises(ImgEditError, match="region below"):
        replay(replace(trajectory, steps=[{**step, "tool": "skip", "region": 65}]))
    with pytest.raises(ImgEditError, match="recorded with the instruction"):
        replay(replace(trajectory, instruction="Something else."))
    with pytest.raises(ImgEditError, match="task_id"):
        replay(replace(trajectory, task_id="adverts/test/00"))
    with pytest.raises(ImgEditError, match="env_kwargs"):
        replay(replace(trajectory, env_kwargs={"colour": 1}))
