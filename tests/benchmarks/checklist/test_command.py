from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.checklist.__main__ import main, write_lists
from benchmarks.checklist.audit import Audit
from benchmarks.checklist.tally import EXAMPLES


@pytest.mark.parametrize(
    "words",
    [
        ["--episodes", "0"],
        ["--seed", "-1"],
        ["--split", "nowhere"],
        ["--split", "test-art"],
        ["--image-size", "32"],
        ["--parts", "oracle,more"],
        ["--repeats", "0"],
        ["--jobs", "0"],
        ["--out", "/dev/null/here"],
    ],
)
def test_bad_input_is_one_line(words, tmp_path, capsys):
    start = [] if "--out" in words else ["--out", str(tmp_path)]
    assert main([*start, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_command_writes_and_prints(tmp_path, capsys):
    words = ["--episodes", "2", "--image-size", "64", "--parts", "attacks", "--markdown", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "| unchanged | 2 |" in capsys.readouterr().out
    written = json.loads((tmp_path / "checklist.json").read_text())
    assert written["arguments"]["episodes"] == 2
    assert "another task's result" not in written["attacks"]
    assert [path.name for path in tmp_path.iterdir()] == ["checklist.json"]


def test_every_mistake_is_listed(found, tmp_path):
    rights = [one for one in found.judgements if not one.wrong]
    wrongs = [replace(one, holds=not one.holds, seed=seed) for seed, one in enumerate(rights[:40])]
    short = [replace(episode, execution=0.5, score=0.1 * (5 - at)) for at, episode in enumerate(found.episodes[:5])]
    written = write_lists(Audit(short, {}, rights + wrongs), tmp_path)
    assert [path.name for path in written] == ["wrong_judgements.jsonl", "oracle_misses.jsonl"]
    wrong, missed = ([json.loads(line) for line in path.read_text().splitlines()] for path in written)
    assert len(wrongs) > EXAMPLES
    assert [one["seed"] for one in wrong] == list(range(len(wrongs)))
    assert all((one["value"] >= 0.5) != one["holds"] for one in wrong)
    assert [row["seed"] for row in missed] == [episode.seed for episode in reversed(short)]


def test_command_lists_when_asked(tmp_path):
    words = ["--episodes", "2", "--image-size", "64", "--parts", "oracle", "--list", "--out", str(tmp_path)]
    assert main(words) == 0
    written = json.loads((tmp_path / "checklist.json").read_text())
    missed = [json.loads(line) for line in (tmp_path / "oracle_misses.jsonl").read_text().splitlines()]
    assert missed == written["oracle"]["lowest"]
    assert (tmp_path / "wrong_judgements.jsonl").read_text() == ""
