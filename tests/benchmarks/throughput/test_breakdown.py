from __future__ import annotations

import contextlib
import itertools

from benchmarks.throughput import breakdown
from benchmarks.throughput.breakdown import PARTS, Clock, take_apart
from benchmarks.throughput.worlds import Batched


def test_an_inner_part_does_not_count_for_the_outer_one(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 7.0, 100.0, 101.0])
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: next(now))
    clock = Clock("cpu")
    with clock.part("reset"), clock.part("judge"):
        pass
    with clock.part("tools"):
        pass
    assert {part: value for part, value in clock.seconds.items() if value} == {"reset": 5.0, "judge": 2.0, "tools": 1.0}


def test_a_part_that_fails_is_closed():
    clock = Clock("cpu")

    def fail() -> None:
        raise ValueError

    for _ in range(2):
        with contextlib.suppress(ValueError):
            clock.wrap(fail, "tools")()
    assert clock._open == []


def test_every_part_takes_time_and_they_make_the_whole(setting, script, monkeypatch):
    world = Batched(setting, script)
    engine, env = world.env.unwrapped.engine, world.env.unwrapped
    looks = itertools.count()  # a clock that goes on by one whenever somebody looks at it
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: float(next(looks)))
    seconds = take_apart(world, list(range(script.segments)))
    whole = next(looks)
    monkeypatch.undo()
    assert set(seconds) == set(PARTS)
    assert all(value > 0 for value in seconds.values()), seconds
    assert sum(seconds.values()) < whole
    for owner in (engine, engine.tasks, engine.regions, env, *engine.tools):
        assert not any(getattr(value, "__name__", "") == "timed" for value in vars(owner).values())
    world.close()
