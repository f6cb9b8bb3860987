"""Hidden seasons: opened, played, revealed, audited."""

from __future__ import annotations

import json
import stat

import pytest

from benchmarks import season, submit
from benchmarks.suites.recipe import RECIPES

from .conftest import RECIPE


@pytest.fixture
def opened(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, "tiny-v1", RECIPE)
    folder = tmp_path / "season"
    assert season.main(["open", "2027-spring", "--suite", "tiny-v1", "--tasks", "2", "--out", str(folder)]) == 0
    capsys.readouterr()
    return folder


def test_a_whole_season(opened, suite, tmp_path, capsys):
    public = json.loads((opened / "season.json").read_text())
    salt = (opened / "salt.secret").read_text().strip()
    assert salt not in (opened / "season.json").read_text()
    assert stat.S_IMODE((opened / "salt.secret").stat().st_mode) == 0o600
    assert public["id"] == "tiny-v1-season-2027-spring" and public["splits"] == {"test": 2, "test-long": 2}

    assert season.main(["evaluate", str(opened), "--agent", "text-overlay", "--out", str(tmp_path / "run")]) == 0
    assert season.main(["reveal", str(opened), "--out", str(tmp_path / "revealed")]) == 0
    revealed = json.loads((tmp_path / "revealed" / "suite.json").read_text())
    assert revealed["sha256"] == public["suite_sha256"]
    assert {task["id"] for task in revealed["tasks"]}.isdisjoint(suite.by_id)

    words = ["prepare", str(tmp_path / "run"), "--suite", str(tmp_path / "revealed" / "suite.json")]
    words += ["--out", str(tmp_path / "entry"), "--name", "overlay", "--contact", "a@b.org", "--training", "None."]
    assert submit.main(words) == 0
    audit = ["audit", str(tmp_path / "revealed"), "--promise", str(opened / "season.json")]
    assert season.main([*audit, "--submissions", str(tmp_path / "entry")]) == 0
    told = capsys.readouterr().out
    assert "are those that were promised" in told and "level 3 holds" in told
    lines = (tmp_path / "entry" / "episodes.jsonl").read_bytes()
    (tmp_path / "entry" / "episodes.jsonl").write_bytes(lines.replace(b'"success":false', b'"success": false'))
    assert season.main([*audit, "--submissions", str(tmp_path / "entry")]) == 1


def test_two_seasons_share_no_task(opened, tmp_path):
    assert season.main(["open", "2027-autumn", "--suite", "tiny-v1", "--out", str(tmp_path / "other")]) == 0
    first, second = (season.hidden_suite(folder)[2] for folder in (opened, tmp_path / "other"))
    assert set(first.by_id).isdisjoint(second.by_id)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("salt.secret", lambda text: "0" * 64, "expected the salt of hash"),
        ("salt.secret", lambda text: "zz", "hexadecimal"),
        ("salt.secret", lambda text: "00", "32 bytes"),
        ("season.json", lambda text: text.replace('"test": 2', '"test": 3'), "this installation draws"),
        ("season.json", lambda text: text.replace("2027-spring", "2028"), "this installation draws"),
        ("season.json", lambda text: text.replace("salt_sha256", "salt"), "expected a season"),
        ("season.json", lambda text: text.replace('"recipe": "tiny-v1"', '"recipe": "other"'), "expected a season"),
        ("season.json", lambda text: text.replace('"test": 2', '"train": 2'), "expected a season"),
    ],
)
def test_broken_promises_are_told(name, change, message, opened, capsys):
    path = opened / name
    text = change(path.read_text())
    path.unlink()
    path.write_text(text)
    assert season.main(["audit", str(opened)]) == 2
    assert message in capsys.readouterr().err


def test_another_promise_is_told(opened, tmp_path, capsys):
    assert season.main(["open", "2027-spring", "--suite", "tiny-v1", "--tasks", "1", "--out", str(tmp_path / "x")]) == 0
    assert season.main(["audit", str(opened), "--promise", str(tmp_path / "x" / "season.json")]) == 2
    assert "promised" in capsys.readouterr().err


def test_a_season_is_opened_once(opened, capsys):
    assert season.main(["open", "again", "--suite", "tiny-v1", "--out", str(opened)]) == 2
    assert season.main(["open", "../x", "--suite", "tiny-v1", "--out", str(opened / "y")]) == 2
    assert "letters" in capsys.readouterr().err
