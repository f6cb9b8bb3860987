from __future__ import annotations

import pytest

from benchmarks.throughput.soak import MIB, growth, soak
from benchmarks.throughput.tables import soak_grid
from benchmarks.throughput.worlds import make_batched


def test_steps_are_counted_without_those_that_start_a_task(setting):
    env = make_batched(setting)
    told = []
    found = soak(env, 60, setting, told.append)
    env.close()
    assert 60 <= found["steps"] < 60 + setting.num_envs
    assert found["calls"] * setting.num_envs > found["steps"]
    assert told[-1] == 60 and told == sorted(told)
    assert found["looks"][-1][0] == found["steps"]
    title, headers, rows = soak_grid(found)
    assert all(len(row) == len(headers) for row in rows)


def test_memory_that_stays_does_not_grow():
    found = growth([(at, 300 * MIB) for at in range(0, 1000, 10)])
    assert found == {"settled": 300.0, "final": 300.0, "growth": 0.0, "per_million_steps": pytest.approx(0.0, abs=1e-6)}


def test_a_leak_is_seen():
    found = growth([(at, 300 * MIB + at * MIB // 100) for at in range(0, 100_000, 1000)])
    assert found["per_million_steps"] == pytest.approx(10_000, rel=1e-3)
    assert found["growth"] == pytest.approx(720, rel=0.02)


def test_what_happens_while_settling_does_not_count():
    found = growth([(at, (100 if at < 15 else 400) * MIB) for at in range(101)])
    assert found["growth"] == 0.0


def test_no_memory_no_growth():
    assert growth([(0, None), (10, None)]) is None
    assert growth([(0, MIB)]) is None
