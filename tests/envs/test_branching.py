"""States branch an episode exactly."""

import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.envs.image_edit import ImageEditEnv

SIZE = 64
ENV = {}

actions = st.tuples(st.integers(0, 15), st.integers(0, 64))
own_plans = st.sampled_from([None, "remove the dog\nset the background to beach\nadd the star"])


def shared(name, **arguments):
    """One environment per name for the whole file: building one for each example would take long."""
    if name not in ENV:
        ENV[name] = ImageEditEnv(image_size=SIZE, **arguments)
    return ENV[name]


def play(env, chosen):
    """Steps until the actions or the plan are used up."""
    seen = []
    for action in chosen:
        seen.append(env.step(action))
        if seen[-1][2]:
            break
    return seen


@settings(max_examples=25, deadline=None, database=None)
@given(
    seed=st.integers(0, 2**63),
    plan=own_plans,
    before=st.lists(actions, max_size=3),
    after=st.lists(actions, min_size=1, max_size=5),
    detour=st.lists(actions, max_size=3),
    mode=st.sampled_from(["delta", "additive"]),
)
def test_a_state_goes_on_exactly(seed, plan, before, after, detour, mode):
    env, other = shared(mode, reward_mode=mode), shared(mode + " other", reward_mode=mode)
    start = env.reset(seed=seed, options={"plan": plan})
    for action in before[: len(start[1]["plan"]) - 1]:
        env.step(action)
    state = env.get_state()
    frozen = pickle.dumps(state)
    expected = play(env, after)
    expected.append(env.reset())

    env.reset(seed=1)
    play(env, detour)
    env.set_state(state)
    assert data_equivalence([*play(env, after), env.reset()], expected)

    other.set_state(pickle.loads(frozen))
    assert data_equivalence([*play(other, after), other.reset()], expected)

    assert data_equivalence([*play(pickle.loads(pickle.dumps(restored(other, frozen))), after)], expected[:-1])


def restored(env, frozen):
    env.set_state(pickle.loads(frozen))
    return env


def test_set_state_shows_what_the_state_showed():
    env, other = shared("delta"), shared("delta other")
    env.reset(seed=4)
    env.step([3, 20])
    observation, info = other.set_state(env.get_state())
    assert data_equivalence(observation, env._observation())
    assert data_equivalence(info, env._info())


def test_a_state_of_a_finished_episode_is_finished():
    env, other = shared("delta"), shared("delta other")
    env.reset(seed=4)
    while not env.step([0, 0])[2]:
        pass
    other.reset(seed=5)
    other.set_state(env.get_state())
    with pytest.raises(gym.error.ResetNeeded):
        other.step([0, 0])


@pytest.mark.parametrize(
    ("state", "found"), [(None, "NoneType"), ({}, "dict"), ({"version": 99}, "version 99"), ([], "list")]
)
def test_what_is_no_state_is_refused(state, found):
    env = shared("delta")
    env.reset(seed=0)
    with pytest.raises(ImgEditError, match=f"set_state takes .* found {found}"):
        env.set_state(state)


def test_a_state_of_another_size_is_refused():
    env = shared("delta")
    env.reset(seed=0)
    other = ImageEditEnv(image_size=SIZE, max_plan_steps=5)
    with pytest.raises(ImgEditError, match=f"image_size {SIZE} and max_plan_steps 5; found one with {SIZE} and 8"):
        other.set_state(env.get_state())


def test_a_state_leaves_the_time_limit_alone():
    env = gym.make("ImageEdit-v0", image_size=SIZE, max_episode_steps=3)
    env.reset(seed=0, options={"plan": ["remove the dog"] * 5})
    state = env.unwrapped.get_state()
    env.step([0, 0])
    env.unwrapped.set_state(state)
    assert not env.step([0, 0])[3]
    assert env.step([0, 0])[3]


def test_an_own_headline_survives_the_way_into_another_process(tmp_path):
    """Texts of users' own stand in rows of the process's stock, which differ between processes."""
    env = ImageEditEnv(image_size=SIZE)
    options = {
        "image": np.full((SIZE, SIZE, 3), 200, np.uint8),
        "instruction": "Say hello.",
        "headline_box": [4, 4, 14, 60],
        "plan": ["rewrite the headline as HELLO THERE"],
        "checklist": [{"kind": "headline", "text": "HELLO THERE"}],
    }
    env.reset(options=options)
    path = tmp_path / "env.pickle"
    path.write_bytes(pickle.dumps(env))
    code = (
        "import pickle, sys, imgedit_gym\n"
        "from imgedit_gym.envs.image_edit import ImageEditEnv\n"
        f"ImageEditEnv(image_size={SIZE}).engine.tasks.stock.text_row('ANOTHER TEXT OF MINE')\n"
        f"env = pickle.loads(open({str(path)!r}, 'rb').read())\n"
        "info = env.step(env.action('rewrite_fill', 2))[-1]\n"
        "print('found', info['requirements'], info['changed_pixels'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    info = env.step(env.action("rewrite_fill", 2))[-1]
    assert info["changed_pixels"] > 0
    assert f"found {info['requirements']} {info['changed_pixels']}" in done.stdout
