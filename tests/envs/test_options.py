"""What ``reset(options=...)`` takes, and what it refuses."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from PIL import Image

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.envs.image_edit import ImageEditEnv

SIZE = 64


@pytest.fixture
def env():
    return ImageEditEnv(image_size=SIZE)


def own_task(**changes):
    """A user's own task: a red square on a blue ground, and the wish that it goes."""
    image = np.full((120, 160, 3), (60, 90, 200), np.uint8)
    image[40:80, 50:100] = (220, 40, 40)
    return {
        "image": image,
        "instruction": "Make it calmer.",
        "objects": [{"name": "red square", "box": [40, 50, 80, 100]}],
        "plan": ["remove the red square"],
        "checklist": [{"kind": "absent", "object": "red square"}],
        **changes,
    }


def test_a_task_id_makes_the_same_task(env):
    first = env.reset(seed=3)
    other = ImageEditEnv(image_size=SIZE)
    assert data_equivalence(other.reset(options={"task_id": first[1]["task_id"]}), first)


def test_a_task_by_id_does_not_use_the_sequence_up(env):
    env.reset(seed=3)
    expected = [env.reset()[1]["task_id"] for _ in range(2)]
    name = env.reset(seed=3)[1]["task_id"]
    for wanted in expected:
        assert env.reset(options={"task_id": name})[1]["task_id"] == name
        assert env.reset()[1]["task_id"] == wanted


def test_a_seed_beside_a_task_id_starts_the_sequence(env):
    first = env.reset(seed=3)[1]["task_id"]
    other = env.reset(seed=4)[1]["task_id"]
    assert env.reset(seed=3, options={"task_id": other})[1]["task_id"] == other
    assert env.reset()[1]["task_id"] == first


def test_a_plan_alone_and_with_a_task_id(env):
    name = env.reset(seed=3)[1]["task_id"]
    for options in ({"plan": "remove the dog"}, {"plan": [("remove", "dog", "")], "task_id": name}):
        observation, info = env.reset(seed=3, options=options)
        assert info["task_id"] == name
        assert info["plan"] == ["remove the dog"]
        assert env.observation_space.contains(observation)
        assert env.step([0, 0])[2]


def test_a_plan_holds_for_one_episode(env):
    plan = env.reset(seed=3)[1]["plan"]
    env.reset(seed=3, options={"plan": "remove the dog"})
    assert env.reset(seed=3)[1]["plan"] == plan


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "x"}, r"unknown reset options \['task'\].*task_id.*image"),
        ({"task_id": "adverts/test/00"}, "task_id"),
        ({"task_id": 3}, "task_id"),
        ({"task_id": "user/abc"}, "task_id"),
        ({"plan": []}, "plan"),
        ({"plan": ["remove the dog"] * 9}, "max_plan_steps"),
        ({"task_id": "adverts/train/00", "instruction": "x"}, "either"),
        ({"instruction": "no picture"}, "image"),
        (own_task(image=np.zeros((4, 4), np.uint8)), "image"),
        (own_task(instruction=""), "instruction"),
        (own_task(objects=[{"name": "red square"}]), "objects"),
        (own_task(checklist=[{"kind": "absent", "object": "moon"}]), "object"),
    ],
)
def test_wrong_options_are_named_and_change_nothing(env, options, message):
    env.reset(seed=3)
    env.step([0, 0])
    before = env.engine.canvas.clone(), env.engine.step_index.clone(), env.engine.episodes[0]
    with pytest.raises(ImgEditError, match=message):
        env.reset(options=options)
    assert (env.engine.canvas == before[0]).all()
    assert (env.engine.step_index == before[1]).all()
    assert env.engine.episodes[0] == before[2]


def test_unknown_options_leave_the_generator_alone(env):
    env.reset(seed=3)
    before = env.np_random.bit_generator.state
    with pytest.raises(ImgEditError):
        env.reset(seed=99, options={"colour": 1})
    assert env.np_random.bit_generator.state == before


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True])
def test_what_is_no_seed_is_refused(env, seed):
    task = env.reset(seed=3)[1]["task_id"]
    with pytest.raises(ImgEditError, match=f"a seed must be a whole number of at least 0; found {seed!r}"):
        env.reset(seed=seed)
    env.reset(seed=3)
    assert env.unwrapped.get_state()["engine"]["scalars"]["episodes"] == 0
    assert env.reset(seed=np.int64(3))[1]["task_id"] == task


@pytest.mark.parametrize("as_image", [np.asarray, Image.fromarray])
def test_a_users_own_task(env, as_image):
    options = own_task()
    options["image"] = as_image(options["image"])
    observation, info = env.reset(options=options)
    assert env.observation_space.contains(observation)
    assert info["instruction"] == "Make it calmer."
    assert info["plan"] == ["remove the red square"]
    assert info["task_id"].startswith("user/")
    assert [entry["text"] for entry in info["requirements"]] == ["no red square"]
    assert "background" in info["preserved"]
    assert not info["success"]
    region = 1 + 8 * (60 * 8 // 120) + 75 * 8 // 160
    observation, _, terminated, _, info = env.step(env.action("fill_flat", region))
    assert terminated
    assert info["action_error"] == ""
    assert info["changed_pixels"] > 0
    assert info["requirements"][0]["met"]


def test_an_own_task_without_plan_and_checklist(env):
    _, info = env.reset(options={"image": own_task()["image"], "instruction": "Make it nicer."})
    assert info["plan"] == ["Make it nicer."]
    # which only a judge that asks a model can tell to be met
    (only,) = info["requirements"]
    assert (only["kind"], only["text"], only["met"]) == ("instruction", "Make it nicer.", False)
    assert np.isnan(only["value"]) and not info["judge"]["valid"]
    assert env.step([0, 0])[2]


def test_after_an_own_task_the_sequence_goes_on(env):
    env.reset(seed=3)
    expected = env.reset()[1]["task_id"]
    env.reset(seed=3)
    env.reset(options=own_task())
    assert env.reset()[1]["task_id"] == expected


def test_options_go_through_gymnasium_make():
    env = gym.make("ImageEdit-v0", image_size=SIZE)
    assert env.reset(options=own_task())[1]["plan"] == ["remove the red square"]
