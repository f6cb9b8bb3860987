"""The additive reward against the trajectory's."""

import json

import numpy as np
import pytest

from benchmarks.additive.__main__ import main
from benchmarks.additive.measure import Level
from benchmarks.additive.report import grids, summarise


def level(additive, true, overlap=0.5):
    chosen = {"additive": np.array([0.5, 0.7]), "trajectory": np.array([0.9, 0.7])}
    return Level(overlap, np.array(additive), np.array(true), chosen, {"additive": 20, "trajectory": 30}, {})


def test_rewards_that_order_tries_alike_have_no_regret():
    row = summarise(level([[1.0, 2.0, 3.0]] * 2, [[0.1, 0.2, 0.3], [0.0, 0.5, 0.6]]), 0)
    assert row["correlation"]["mean"] == pytest.approx(1.0) and row["best_of_n_regret"]["mean"] == pytest.approx(0.0)
    assert row["regret"]["mean"] == pytest.approx(0.2) and row["calls_trajectory"] == 15.0


def test_rewards_that_order_tries_the_other_way_lose_all():
    row = summarise(level([[3.0, 2.0, 1.0], [1.0, 1.0, 1.0]], [[0.1, 0.2, 0.3], [0.0, 0.3, 0.6]]), 0)
    assert row["correlation"]["mean"] == pytest.approx(-1.0), "tasks whose tries are all alike do not count"
    assert row["best_of_n"]["mean"] == pytest.approx((0.1 + 0.3) / 2), "of equally liked tries the mean counts"
    assert len(grids([row])) == 2


def test_the_command(tmp_path, capsys):
    words = ["--overlaps", "0,1", "--episodes", "2", "--samples", "3", "--out", str(tmp_path), "--markdown"]
    assert main(words) == 0
    first = capsys.readouterr().out
    rows = json.loads((tmp_path / "additive.json").read_text())["levels"]
    assert [row["overlap"] for row in rows] == [0.0, 1.0] and "random tries" in first
    assert all(0 <= row["score_trajectory"]["mean"] <= 1 and row["calls_additive"] > 50 for row in rows)
    assert (tmp_path / "additive.png").stat().st_size > 1000
    assert main(words) == 0 and capsys.readouterr().out == first, "what was measured is not measured again"
    assert main([*words, "--seed", "1"]) == 2 and "choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--overlaps", "0,2"], ["--overlaps", "a"], ["--policies", "nowhere", "nowhere"]])
def test_bad_input_is_refused(words, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err
