from __future__ import annotations

import numpy as np

from benchmarks.throughput.script import FEWEST_SEGMENTS, SHORTEST_SEGMENT, WARM_UP, Script, write_script
from benchmarks.throughput.worlds import make_single


def test_actions_fit_the_plan_and_tasks_start_when_plans_end(setting, script):
    for row in range(setting.num_envs):
        env = make_single(setting)
        _, info = env.reset(seed=setting.seed + row)
        ended = False
        for action, acts in zip(script.actions[:, row], script.acts[:, row], strict=True):
            assert acts == (not ended)
            if ended:
                _, info = env.reset()
                ended = False
                continue
            assert info["action_mask"][0][action[0]]
            _, _, terminated, truncated, info = env.step(action.astype(np.int64))
            ended = terminated or truncated


def test_segments_follow_the_warm_up(script):
    assert script.segment == SHORTEST_SEGMENT and script.segments == FEWEST_SEGMENTS
    calls = [call for segment in range(-1, script.segments) for call in range(1000)[script.calls(segment)]]
    assert calls == list(range(len(script.actions)))
    assert script.calls(-1).stop == WARM_UP
    assert sum(script.steps(segment) for segment in range(-1, script.segments)) == script.acts.sum()


def test_every_environment_starts_a_task_in_the_warm_up(script):
    assert (~script.acts[:WARM_UP]).any(0).all()


def test_the_seed_decides(setting, script):
    again = write_script(setting, 0.0)
    assert np.array_equal(again.actions, script.actions) and np.array_equal(again.acts, script.acts)


def test_files(script, tmp_path):
    script.save(tmp_path / "script.npz")
    read = Script.load(tmp_path / "script.npz")
    assert np.array_equal(read.actions, script.actions) and np.array_equal(read.acts, script.acts)
    assert read.segment == script.segment


def test_longer_measurements_have_longer_segments(setting):
    longer = write_script(setting, 0.5)
    assert longer.segment > SHORTEST_SEGMENT
    assert longer.segments >= FEWEST_SEGMENTS
