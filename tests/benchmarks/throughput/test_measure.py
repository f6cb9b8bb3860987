from __future__ import annotations

import json

import pytest

from benchmarks.throughput import measure as module
from benchmarks.throughput.measure import Experience, Plan, compare, measure, spread
from benchmarks.throughput.setting import Setting
from benchmarks.throughput.tables import grids
from benchmarks.throughput.worker import Played, Worker
from benchmarks.throughput.worlds import WORLDS, Copies
from imgedit_gym.core.errors import ImgEditError

NAMES = ("vector", "loop", "copy")


class Told(Worker):
    """A worker of which only what it told is there."""

    def __post_init__(self) -> None:
        pass


def told(name: str, *played: tuple[float, int, float], num_envs: int = 4, **values) -> Worker:
    found = Told(name, Setting(num_envs, 64), None, [Played(s, s, steps, reward) for s, steps, reward in played])
    for key, value in values.items():
        setattr(found, key, value)
    return found


@pytest.fixture
def points(in_threads):
    plan = Plan(NAMES, seconds=0.01, limit=100)
    heard = []
    found = measure([Setting(2, 64), Setting(4, 64)], plan, lambda what, done: heard.append((what, done)))
    assert heard[-1] == ("64 px x 4", 2)
    assert [done for _, done in heard] == sorted(done for _, done in heard)
    return found


def test_every_world_at_every_point(points):
    assert [point["num_envs"] for point in points] == [2, 4]
    for point in points:
        assert set(point["worlds"]) == set(NAMES)
        for world in point["worlds"].values():
            rate = world["steps_per_second"]
            assert 0 < rate["min"] <= rate["q25"] <= rate["median"] <= rate["q75"] <= rate["max"]
            assert world["steps"] > 0 and world["seconds"] > 0 and world["segments"] >= 1
            assert world["steps"] / world["seconds"] == pytest.approx(rate["median"], rel=5)
        ratios = point["ratios"]
        assert set(ratios) == {"loop", "copy"}
        assert ratios["loop"]["same_work"] is True
        assert "same_work" not in ratios["copy"]
        assert ratios["copy"]["times_faster"]["median"] < 1
        assert all(value > 0 for value in point["breakdown"].values())
    assert json.loads(json.dumps(points, allow_nan=False)) == points


def test_tables_have_a_cell_for_everything(points):
    points[1]["worlds"]["loop"] = {"left_out": "too slow"}
    del points[1]["ratios"]["loop"]
    tables = grids(points)
    assert [title.split(":")[0] for title, _, _ in tables] == ["64 px"] * 4 + ["left out"]
    for title, headers, rows in tables:
        assert rows and all(len(row) == len(headers) for row in rows), title
    assert tables[-1][2] == [("64 px x 4", "loop", "too slow")]
    speed = tables[0]
    assert speed[2][1][speed[1].index("loop")] == "–"
    ratios = tables[1]
    assert ratios[2][1][ratios[1].index("loop")].endswith(" (its 2)")


def test_who_fails_is_left_out(in_threads, monkeypatch):
    def fail(self) -> None:
        raise ValueError("no\npaper left")

    monkeypatch.setattr(Copies, "begin", fail)
    (point,) = measure([Setting(2, 64)], Plan(("vector", "copy"), seconds=0.0, limit=100))
    why = point["worlds"]["copy"]["left_out"]
    assert why == "copies only with 2 environments: ValueError: no paper left"
    assert "steps_per_second" in point["worlds"]["vector"]


def test_who_fails_must_not_be_the_reference(in_threads, monkeypatch):
    def fail(self) -> None:
        raise ImgEditError("no vector environment")

    monkeypatch.setattr(WORLDS["vector"], "begin", fail)
    with pytest.raises(ImgEditError, match="vector env with 2 environments: no vector environment"):
        measure([Setting(2, 64)], Plan(("vector",), seconds=0.0, limit=100))


def test_ratios_are_of_the_same_segments():
    ours = told("vector", (1.0, 100, 0.5), (2.0, 100, 0.5), (9.0, 100, 0.5))
    theirs = told("sync", (10.0, 100, 0.5), (10.0, 100, 0.5))
    found = compare({"vector": ours, "sync": theirs})["sync"]
    assert found["segments"] == 2
    assert found["times_faster"]["min"] == 5.0 and found["times_faster"]["max"] == 10.0
    assert found["same_work"] is True and found["reward_gap_per_step"] == 0.0


def test_other_rewards_are_told():
    found = compare({"vector": told("vector", (1.0, 100, 0.5)), "loop": told("loop", (1.0, 100, 1.5))})["loop"]
    assert found["reward_gap_per_step"] == pytest.approx(0.01) and found["same_work"] is False
    assert compare({"loop": told("loop", (1.0, 1, 0.0))}) == {}


def test_what_a_larger_batch_needs_is_reckoned(script, monkeypatch):
    worker = told("sync", (2.0, 100, 0.0), build=4.0, base=2**30)
    known = Experience.of(worker, 3 * 2**30)
    assert known == Experience(build=1.0, step=0.02, base=2**30, each=2**29)
    plan = Plan(("sync",), 1.0, 1000.0, {("sync", 64): known})
    monkeypatch.setattr(module.memory, "available", lambda: 100 * 2**30)
    assert plan.objection("sync", Setting(4, 128), script) == ""
    assert plan.objection("sync", Setting(100, 64), script) == ""
    assert plan.objection("sync", Setting(1000, 64), script).startswith("would need about 1320 s")
    assert plan.objection("vector", Setting(1000, 64), script) == ""
    plan.limit = 1e9
    assert plan.objection("sync", Setting(1000, 64), script) == "would need about 501.0 GiB"


def test_spread():
    assert spread([3.0, 1.0, 2.0]) == {"min": 1.0, "q25": 1.5, "median": 2.0, "q75": 2.5, "max": 3.0}
