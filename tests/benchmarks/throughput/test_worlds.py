from __future__ import annotations

import numpy as np
import pytest

from benchmarks.throughput.setting import Setting
from benchmarks.throughput.worlds import WORLDS, Copies, Sync, installed, make_ready
from imgedit_gym.envs.image_edit import ImageEditEnv


def rewards_of(name, setting, script) -> list[float]:
    world = WORLDS[name](setting, script)
    world.begin()
    found = [float(world.play(world.prepare(segment))) for segment in range(-1, script.segments)]
    world.close()
    return found


def test_all_do_the_same_work(setting, script):
    batched = rewards_of("vector", setting, script)
    assert any(abs(reward) > 0.01 for reward in batched)
    for name in ("loop", "sync"):
        assert rewards_of(name, setting, script) == pytest.approx(batched, abs=1e-6), name


@pytest.mark.slow
def test_async_does_the_same_work(setting, script):
    assert rewards_of("async", setting, script) == pytest.approx(rewards_of("sync", setting, script), abs=1e-6)


def test_tensors_in_and_out(setting, script):
    torch_setting = Setting(setting.num_envs, 64, setting.seed, output="torch")
    assert rewards_of("vector", torch_setting, script) == pytest.approx(rewards_of("vector", setting, script), abs=1e-6)


def test_environments_start_their_next_tasks_as_the_script_has_it(setting, script):
    world = Sync(setting, script)
    world.begin()
    ended = np.zeros(setting.num_envs, dtype=bool)
    for segment in range(-1, script.segments):
        for action, acts in zip(world.prepare(segment), script.acts[script.calls(segment)], strict=True):
            assert np.array_equal(acts, ~ended)
            _, _, terminated, truncated, _ = world.env.step(action)
            ended = terminated | truncated
    world.close()


@pytest.mark.parametrize("output", ["numpy", "torch"])
def test_copies_are_fresh_and_complete(setting, script, output, monkeypatch):
    world = Copies(Setting(setting.num_envs, 64, output=output), script)
    made = []
    copy = world._copy
    monkeypatch.setattr(world, "_copy", lambda tensor: made.append(copy(tensor)) or made[-1])
    world.begin()
    world.play(world.prepare(0))
    assert len(made) == 3 * script.segment
    images = [one for one in made if one.shape == (setting.num_envs, 64, 64, 3)]
    assert len(images) == script.segment
    images[0][:] = 0
    assert int(images[1].min()) == 7
    assert isinstance(made[0], np.ndarray) == (output == "numpy")


def test_getting_ready_uses_the_tools(setting, monkeypatch):
    used, step = set(), ImageEditEnv.step
    monkeypatch.setattr(ImageEditEnv, "step", lambda self, action: used.add(int(action[0])) or step(self, action))
    env = make_ready(setting)
    assert len(used) > 0.8 * int(env.action_space.nvec[0])
    env.close()


@pytest.mark.parametrize("name", ["minigrid", "envpool"])
def test_peers(setting, script, name):
    if name not in installed():
        pytest.skip(f"{name} is not installed")
    world = WORLDS[name](setting, script)
    world.begin()
    world.play(world.prepare(0))
    assert 0 < world.steps(0) <= script.segment * setting.num_envs
    world.close()


def test_the_reference_and_the_floor_need_nothing_else():
    assert {"vector", "loop", "sync", "async", "copy"} <= set(installed())
