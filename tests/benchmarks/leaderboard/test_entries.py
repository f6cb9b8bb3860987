"""The entries in ``leaderboard/``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.leaderboard.board import find_submissions
from benchmarks.suites import load_suite
from benchmarks.suites.digest import sha256
from benchmarks.verify import verify

FOLDER = Path(__file__).parents[3] / "leaderboard"
ENTRIES = find_submissions(FOLDER)
SHORT = [entry for entry in ENTRIES if len(load_suite(entry.parent.name).tasks) <= 100]
LONG = [entry for entry in ENTRIES if entry not in SHORT]
REPLAYED = [*SHORT, *(entry for entry in LONG if entry.name == "rule-based")]
"""The workflow replays all of them, which takes a test too long."""

ANCHORS = {"no-op", "oracle", "random", "text-overlay", "single-step", "rule-based"}


def name_of(entry: Path) -> str:
    return f"{entry.parent.name}/{entry.name}"


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_entries_are_where_they_belong(entry):
    manifest = json.loads((entry / "manifest.json").read_text(encoding="utf-8"))
    suite = load_suite(entry.parent.name)
    assert manifest["suite"] == {"id": suite.id, "sha256": suite.sha256} and manifest["name"] == entry.name
    content = (entry / "episodes.jsonl").read_bytes()
    assert manifest["files"] == {"episodes.jsonl": sha256(content)}
    assert {path.name for path in entry.iterdir()} == {"manifest.json", "episodes.jsonl"}
    assert [json.loads(line)["task"] for line in content.splitlines()] == [task.id for task in suite.tasks]
    assert len(content) < 1_000 * len(suite.tasks), "expected entries small enough to live in the repository"


@pytest.mark.parametrize("entry", SHORT, ids=name_of)
def test_entries_are_whole(entry):
    report = verify(entry, level=1)
    assert report.holds, report.text()
    assert report.totals["done"] == report.totals["tasks"]


@pytest.mark.slow
@pytest.mark.parametrize("entry", REPLAYED, ids=name_of)
def test_entries_can_be_replayed(entry):
    report = verify(entry)
    assert report.holds, report.text()


@pytest.mark.parametrize("suite", sorted({entry.parent.name for entry in ENTRIES}))
def test_the_anchors_are_there(suite):
    assert {entry.name for entry in ENTRIES if entry.parent.name == suite} >= ANCHORS
