"""The entries in ``leaderboard/``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.leaderboard.board import find_submissions
from benchmarks.verify import verify

FOLDER = Path(__file__).parents[3] / "leaderboard"
ENTRIES = find_submissions(FOLDER)
NAMES = [str(path.relative_to(FOLDER)) for path in ENTRIES]


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_entries_are_whole_and_where_they_belong(entry):
    report = verify(entry, level=1)
    assert report.holds, report.text()
    assert report.manifest.suite["id"] == entry.parent.name and report.manifest.name == entry.name
    assert report.totals["done"] == report.totals["tasks"]


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_entries_can_be_replayed(entry):
    report = verify(entry)
    assert report.holds, report.text()


def test_the_anchors_are_there():
    assert {"adverts-lite-v1/no-op", "adverts-lite-v1/oracle", "adverts-lite-v1/text-overlay"} <= set(NAMES)
