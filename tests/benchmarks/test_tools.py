from __future__ import annotations

import json

import pytest

from benchmarks import tools
from imgedit_gym.engine import Engine

ARGUMENTS = {"tasks": "adverts", "split": "test", "image_size": 64}
TASKS = 8


@pytest.fixture(scope="module")
def results() -> dict:
    return tools.measure(range(TASKS), ARGUMENTS)


def trial(tool: str, worth: float, key: str = "remove", index: int = 1, seed: int = 0) -> tools.Trial:
    return tools.Trial(seed, key, tool, index, worth, worth, worth, {"background": "flat"})


def test_the_best_table_takes_the_best_mean():
    trials = [trial("a", 0.2), trial("b", 0.9), trial("a", 1.0), trial("b", 0.4), trial("c", 0.1, "add")]
    assert tools.best_table(trials) == {"add": "c", "remove": "b"}


def test_a_table_falls_back_to_skip():
    choose = tools.by_table({"remove": "b"})
    assert choose(0, [trial("skip", 0, index=0), trial("b", 1, index=4)]) == 4
    assert choose(0, [trial("skip", 0, index=0), trial("a", 1, index=3)]) == 0
    assert choose(0, [trial("skip", 0, "add", 0), trial("b", 1, "add", 4)]) == 0


def test_earnings_are_means_by_circumstance():
    rows = tools.earnings([trial("a", 0.2), trial("a", 0.4), trial("b", 1.0)])
    assert [(row["tool"], row["steps"]) for row in rows] == [("a", 2), ("b", 1)]
    assert rows[0]["earned"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("kind", "ground", "light"),
    [
        ("plain", "flat", "day"),
        ("gradient", "graded", "day"),
        ("checks", "texture", "day"),
        ("desert", "scenery", "warm"),
        ("night sky", "scenery", "night"),
        ("underwater", "scenery", "water"),
    ],
)
def test_classes_of_backgrounds(kind, ground, light):
    assert tools.ground_class(kind) == ground
    assert tools.light_class(kind) == light


def test_a_background_that_was_set_counts():
    engine = Engine(40, **ARGUMENTS)
    engine.reset(range(40), list(range(40)))
    for row in range(40):
        plan = engine.plan(row)
        for index, step in enumerate(plan):
            seen = tools.circumstances(engine, row, plan, index)
            assert seen
            before = [earlier for earlier in plan[:index] if earlier.verb == "set"]
            if before and step.verb == "remove":
                assert seen["background"] == tools.ground_class(before[-1].value)


def test_choosing_per_step_is_worth_at_least_the_table(results):
    episodes = results["episodes"]
    assert set(episodes) == {"best fixed table", "baselines/agents/tables.py", "best tool per step"}
    assert episodes["best tool per step"]["mean"] >= episodes["best fixed table"]["mean"] - 0.02
    assert episodes["best tool per step"]["mean"] > 0.7
    assert results["measured_on"] == TASKS - TASKS // 2


def test_doing_nothing_gains_nothing(results):
    for row in results["earnings"]:
        assert 0.0 <= row["earned"] <= 1.0 + 1e-6
        if row["tool"] == "skip":
            assert row["gain"] == pytest.approx(0.0, abs=1e-5)


def test_tables_have_a_cell_for_everything(results):
    grids = tools.grids(results)
    assert grids[-2][0] == "best fixed table"
    for title, headers, rows in grids:
        assert rows, title
        assert all(len(row) == len(headers) for row in rows), title


def test_command_writes(tmp_path, capsys):
    words = ["--episodes", "2", "--image-size", "64", "--markdown", "--out", str(tmp_path)]
    assert tools.main(words) == 0
    assert "**best fixed table**" in capsys.readouterr().out
    assert json.loads((tmp_path / "tools.json").read_text())["measured_on"] == 1


@pytest.mark.parametrize("words", [["--episodes", "1"], ["--split", "nowhere"], ["--image-size", "1000"]])
def test_bad_input_is_one_line(words, tmp_path, capsys):
    assert tools.main(["--out", str(tmp_path), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
