from __future__ import annotations

import json

import pytest

from benchmarks.overoptimisation.__main__ import main

TINY = ["--steps", "64", "--num-envs", "2", "--episodes", "3", "--samples", "4"]


@pytest.mark.parametrize(
    "words",
    [
        ["--judge", "nobody"],
        ["--judge", "{not json"],
        ["--steps", "0"],
        ["--num-envs", "0"],
        ["--samples", "-1"],
        ["--episodes", "0"],
        ["--seed", "-1"],
        ["--split", "nowhere"],
        ["--image-size", "32"],
        ["--out", "/dev/null/here"],
    ],
)
def test_bad_input_is_one_line(words, tmp_path, capsys):
    start = ["--judge", "checklist"] if "--judge" not in words else []
    start += [] if "--out" in words else ["--out", str(tmp_path)]
    assert main([*start, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("more", [[], ["--samples", "0"]])
def test_command_writes_and_prints(more, tmp_path, capsys):
    judge = '{"id": "sum", "execution": "checklist"}'
    assert main(["--judge", judge, *TINY, *more, "--markdown", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "**an agent trained on the judge**" in printed and "| 64 |" in printed
    found = json.loads((tmp_path / "overoptimisation.json").read_text())
    assert found["arguments"]["judge"] == judge and found["judge"]["id"] == "sum"
    assert [row["n"] for row in found["best_of_n"]] == ([] if more else [1, 4])
    for row in found["training"]:
        # the plain sum pays for doing nothing
        assert row["gap"]["mean"] > 0 and set(row["gap"]) == {"mean", "ci95"}
    assert (tmp_path / "overoptimisation.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"overoptimisation.json", "overoptimisation.png"}


def test_the_same_seed_gives_the_same_report(tmp_path):
    reports = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        assert main(["--judge", "pixels", *TINY, "--out", str(folder)]) == 0
        report = json.loads((folder / "overoptimisation.json").read_text())
        report["arguments"].pop("out")
        reports.append(report)
    assert reports[0] == reports[1]
