from __future__ import annotations

from benchmarks.checklist.tables import grids
from benchmarks.checklist.tally import Tally, rate
from benchmarks.tables import markdown, percent


def test_tables_have_a_row_for_everything(results):
    tables = grids(results)
    assert [grid[0] for grid in tables][:3] == ["oracle", "attacks", "requirements"]
    for title, headers, rows in tables:
        assert all(len(row) == len(headers) for row in rows), title
    text = markdown(tables[1])
    assert text.count("\n|") == len(results["attacks"]) + 2


def test_rates():
    assert rate(0, 0)["rate"] is None
    none = rate(0, 400)
    assert none["rate"] == 0.0 and 0.0 < none["ci95"][1] < 0.01
    assert percent(rate(1, 2)).startswith("50.00 [")


def test_tallies_add_up():
    tally = Tally([0.5], [True])
    tally.add(Tally([0.0, 1.0], [False, False]))
    summary = tally.summary(0)
    assert summary["tasks"] == 3
    assert summary["score"]["mean"] == 0.5
    assert summary["success"]["count"] == 1
