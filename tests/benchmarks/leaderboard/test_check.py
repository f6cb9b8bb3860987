"""The folder of the public board: what may be there, and the workflow that looks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.leaderboard import __main__ as command
from benchmarks.leaderboard import check as checking
from benchmarks.verify import levels

from .conftest import Submission

WORKFLOW = Path(__file__).parents[3] / ".github" / "workflows" / "leaderboard.yml"


@pytest.fixture
def folder(pristine, suite, tmp_path, monkeypatch):
    """A board of one entry, with the tiny suite as if it were packaged."""
    monkeypatch.setattr(checking, "suite_ids", lambda: (suite.id,))
    monkeypatch.setattr(checking, "verify", lambda entry, level: levels.verify(entry, level, suite))
    shutil.copytree(pristine, tmp_path / "leaderboard" / suite.id / "rules-1.0")
    return tmp_path / "leaderboard"


def test_an_entry_in_its_place_holds(folder, capsys):
    assert command.main(["check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "level 3 holds" in told and "1 of 1 entries hold" in told


def test_what_was_there_before_is_not_verified_again(folder, suite, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "before")
    shutil.copytree(folder / suite.id / "rules-1.0", folder / suite.id / "more")
    entry = Submission(folder / suite.id / "more")
    entry.manifest["name"] = "more"
    entry.seal()
    words = ["check", str(folder), "--before", str(tmp_path / "before"), "--level", "1"]
    assert command.main(words) == 0
    assert "1 of 1 entries hold; 1 more are as they were" in capsys.readouterr().out
    # a changed one is verified, and one that has gone is told
    changed = Submission(folder / suite.id / "rules-1.0")
    changed.manifest["claims"]["score"] = 1.0
    changed.seal()
    assert command.main(words) == 1
    assert "claims.differ" in capsys.readouterr().out
    shutil.rmtree(changed.folder)
    assert command.main(words) == 1
    assert f"entry.removed: {suite.id}/rules-1.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda board, entry: (board / "conftest.py").write_text("raise SystemExit"), "entry.stray"),
        (lambda board, entry: (board / "other-v1").mkdir(), "entry.stray"),
        (lambda board, entry: (entry.parent / "notes.txt").write_text("x"), "entry.stray"),
        (lambda board, entry: (entry.parent / "link").symlink_to(entry), "entry.stray"),
        (lambda board, entry: entry.rename(entry.parent / "another"), "entry.place"),
        (lambda board, entry: (entry.parent / "empty").mkdir(), "file.missing"),
        (lambda board, entry: (entry / "setup.py").write_text("x"), "folder.unexpected"),
    ],
)
def test_what_does_not_belong_there_is_told(change, expected, folder, suite, capsys):
    change(folder, folder / suite.id / "rules-1.0")
    assert command.main(["check", str(folder), "--level", "1"]) == 1
    assert expected in capsys.readouterr().out


def test_no_folder_is_bad_input(tmp_path, capsys):
    assert command.main(["check", str(tmp_path / "nowhere")]) == 2
    assert "expected a folder" in capsys.readouterr().err


def test_the_workflow_runs_commands_that_there_are():
    text = re.sub(r"\$\{\{.*?\}\}", "--before leaderboard", WORKFLOW.read_text(encoding="utf-8"))
    found = re.findall(r"python -m benchmarks\.leaderboard ((?:.+?)(?=\n +- |\Z))", text, re.DOTALL)
    parsed = [command.parse_arguments(words.split()) for words in found]
    assert [one.action for one in parsed] == ["check", "build"]
    assert parsed[0].before == Path("leaderboard") and parsed[0].level == parsed[1].level == 3
    # the verifying code is the base's, and the proposal brings nothing but entries
    assert "ref: ${{ github.event.pull_request.base.sha" in WORKFLOW.read_text(encoding="utf-8")
    assert "sparse-checkout: leaderboard" in text and "pull_request_target" not in text
