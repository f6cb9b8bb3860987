"""Verification beside tampering: tolerances, levels, exit status, what is not done."""

from __future__ import annotations

import json

import pytest

from benchmarks import submit
from benchmarks.submission.folder import Fault
from benchmarks.submit import prepare
from benchmarks.verify import __main__ as command
from benchmarks.verify import levels, verify
from benchmarks.verify.report import Report
from benchmarks.verify.tolerance import EXACT, PORTABLE, choose
from imgedit_gym.core.errors import ImgEditError

from .conftest import WORDS


def test_each_level_holds_and_names_itself(pristine, suite):
    for level in range(4):
        report = verify(pristine, level, suite)
        assert report.holds and report.level == level and report.faults == {}
        assert f"level {level} holds" in report.text()
    assert report.tolerance is EXACT
    assert report.notes["pictures equal bit by bit"] == "6 of 6"
    assert set(report.notes["judge gap"]) == {"held-out judge", "episodes", "E", "P", "Q", "score"}
    with pytest.raises(ImgEditError, match="--level"):
        verify(pristine, 4, suite)


def test_a_level_is_reached_only_through_those_below():
    report = Report("x", 3)
    assert report.add(0, []) and not report.add(1, [Fault("a", "b", "c")]) and report.add(2, [])
    assert report.level == 0 and not report.holds and report.checks == {"a"}


def test_pictures_may_be_left_out(runs, suite, tmp_path):
    report = prepare(runs("rule-based"), tmp_path / "small", WORDS, suite, pictures=False)
    assert report.holds and {path.name for path in (tmp_path / "small").iterdir()} == {
        "manifest.json",
        "episodes.jsonl",
    }
    assert verify(tmp_path / "small", suite=suite).holds


def test_what_was_not_done_counts_as_zero(submission, suite):
    one = next(one for one in submission.episodes if one["scores"]["score"] > 0.3)
    lost = one["scores"]["score"] / len(submission.episodes)
    before = verify(submission.folder, 1, suite).totals
    one.update(status="failed", plan=None, actions=[], scores=None, requirements=[], success=False, picture=None)
    one.update(error="the server refused", costs={"tool_calls": 0, "judge_calls": 0, "seconds": 0})
    submission.manifest["claims"] = {}
    kept = {one["picture"]["sha256"] for one in submission.episodes if one["picture"]}
    for path in submission.pictures():
        if path.stem not in kept:
            path.unlink()
    submission.seal()
    report = verify(submission.folder, suite=suite)
    assert report.holds
    assert report.totals["score"] == pytest.approx(before["score"] - lost, abs=1e-5)
    assert (report.totals["failed"], report.totals["done"]) == (1, 5)


def test_a_run_that_is_not_finished_has_missing_tasks(runs, suite, tmp_path):
    import shutil

    from benchmarks.evaluate import Run

    shutil.copytree(runs("rule-based").folder, tmp_path / "run")
    (tmp_path / "run" / "episodes" / "test-long-00000.jsonl").unlink()
    report = prepare(Run(tmp_path / "run"), tmp_path / "sub", WORDS, suite)
    assert report.holds and report.totals["missing"] == 2
    assert verify(tmp_path / "sub", suite=suite).holds


def test_another_machine_is_met_with_a_tolerance(submission, suite):
    submission.manifest["machine"]["processor"] = "another"
    one = next(one for one in submission.episodes if one["scores"]["score"] > 0.3)
    submission.seal()
    report = verify(submission.folder, suite=suite)
    assert report.holds and report.tolerance is PORTABLE and "portable" in report.text()
    assert not verify(submission.folder, suite=suite, tolerance="exact").faults
    # a picture that is not equal bit by bit, as another processor may leave it
    name = one["picture"]["sha256"]
    for picture in submission.pictures():
        picture.unlink()
    (submission.folder / "pictures").rmdir()
    for other in submission.episodes:
        if other["picture"]["sha256"] == name:
            other["picture"]["sha256"] = "0" * 64
    submission.seal()
    assert verify(submission.folder, suite=suite).holds
    assert "replay.picture" in verify(submission.folder, suite=suite, tolerance="exact").checks
    # but not one that anybody can see
    one["picture"]["thumbnail"] = "A" * 64
    submission.seal()
    assert "replay.picture" in verify(submission.folder, suite=suite).checks


def test_the_tolerance_is_no_way_to_a_better_place(submission, suite):
    """Every score a little too high passes one by one, but not all together."""
    submission.manifest["machine"]["processor"] = "another"
    for one in submission.episodes:
        values = [min(1.0, value + 0.015) for value in one["requirements"]]
        scores = one["scores"]
        scores["E"] = sum(values) / len(values)
        scores["score"] = scores["E"] * (0.6 + 0.4 * scores["P"]) * (0.8 + 0.2 * scores["Q"])
        one["requirements"] = values
    submission.manifest["claims"] = {}
    submission.seal()
    assert verify(submission.folder, suite=suite).checks == {"judge.mean"}


def test_from_level_3_on_numbers_are_those_found_here(submission, suite):
    submission.manifest["machine"]["processor"] = "another"
    one = next(one for one in submission.episodes if 0.3 < one["scores"]["P"] < 0.999)
    honest = one["scores"]["score"]
    one["scores"]["P"] += 0.0005
    scores = one["scores"]
    scores["score"] = scores["E"] * (0.6 + 0.4 * scores["P"]) * (0.8 + 0.2 * scores["Q"])
    submission.manifest["claims"] = {}
    submission.seal()
    report = verify(submission.folder, suite=suite)
    assert report.holds and report.records[one["task"]].scores.score == pytest.approx(honest, abs=1e-6)


def test_tolerances_by_name():
    assert choose("exact", {}) is EXACT and choose("auto", {"machine": "other"}) is PORTABLE
    with pytest.raises(ImgEditError, match="--tolerance"):
        choose("generous", {})


def test_tasks_that_are_drawn_differently_here_stop_a_replay(pristine, suite, monkeypatch):
    monkeypatch.setattr(levels, "NEAR", -1.0)
    with pytest.raises(ImgEditError, match="drawn differently"):
        verify(pristine, suite=suite)


def test_the_commands_and_their_exit_status(submission, suite_file, tmp_path, capsys):
    words = [str(submission.folder), "--suite", str(suite_file)]
    assert command.main([*words, "--report", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["holds"] and report["level"] == 3 and report["tolerance"]["name"] == "exact"
    assert "the suite's judge less the held-out one" in capsys.readouterr().out
    assert submit.main(["validate", *words]) == 0
    submission.manifest["claims"]["score"] = 1.0
    submission.seal()
    assert command.main([*words, "--report", str(tmp_path / "report.json")]) == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["level"] == 0 and report["faults"]["1"][0]["check"] == "claims.differ"
    assert submit.main(["validate", *words]) == 1
    assert "claims.differ" in capsys.readouterr().out
    assert command.main([str(submission.folder)]) == 1  # the suite is none of the packaged
    assert command.main([*words[:1], "--suite", "nowhere.json"]) == 2


def test_folders_that_are_no_submission_are_told(pristine, runs, tmp_path, capsys):
    missing, run, parent = tmp_path / "nowhere", runs("rule-based").folder, pristine.parent
    for main in (command.main, lambda words: submit.main(["validate", *words])):
        for folder, told in ((missing, "there is no"), (run, "submit prepare"), (parent, str(pristine))):
            assert main([str(folder)]) == 2
            assert told in capsys.readouterr().err


def test_pictures_that_have_been_looked_at_are_told(pristine, suite):
    looked = []
    assert verify(pristine, level=1, suite=suite, looked=lambda *numbers: looked.append(numbers)).holds
    pictures = len(list((pristine / "pictures").iterdir()))
    assert looked == [(at, pictures) for at in range(1, pictures + 1)]


def test_prepare_by_command(runs, suite_file, suite, tmp_path, capsys):
    run = runs("no-op").folder
    words = ["prepare", str(run), "--suite", str(suite_file), "--out", str(tmp_path / "sub"), "--contact", "a@b.org"]
    assert (
        submit.main(
            [*words, "--name", "nothing", "--training", "None.", "--usd", "1.5", "--author", "A", "--author", "B"]
        )
        == 0
    )
    manifest = json.loads((tmp_path / "sub" / "manifest.json").read_text())
    assert manifest["cost"] == {"usd": 1.5} and manifest["authors"] == ["A", "B"] and manifest["name"] == "nothing"
    assert submit.main([*words, "--name", "nothing", "--training", "None."]) == 2
    assert "does not exist" in capsys.readouterr().err
    other = [*words[:5], str(tmp_path / "other"), *words[6:]]
    assert submit.main([*other, "--name", "<b>", "--training", "None."]) == 2
    assert "manifest.schema" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sub"]
    assert (
        submit.main(
            ["prepare", str(tmp_path), *words[2:5], str(tmp_path / "x"), *words[6:], "--name", "n", "--training", "n"]
        )
        == 2
    )
