"""Playing in a terminal, and the command line."""

from __future__ import annotations

import io
import re
import sys

import numpy as np
import pytest

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.play.__main__ import main
from imgedit_gym.play.session import Session
from imgedit_gym.play.terminal import blocks, play, region_of
from imgedit_gym.trajectory import read_trajectories


def typed(session: Session, *lines: str) -> str:
    out = io.StringIO()
    play(session, (line + "\n" for line in lines), out)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


@pytest.fixture
def session(tmp_path):
    found = Session(tmp_path / "kept.jsonl", seed=6, image_size=64)
    yield found
    found.close()


def test_an_episode_is_played_and_kept(session):
    steps = len(session.state()["plan"])
    said = typed(session, "fill_flat c4", *["skip"] * (steps - 1), "save", "quit", "skip")
    assert "> 1. " in said and "x 1. " in said and "The plan is done" in said
    assert "1 demonstrations in" in said
    (kept,) = read_trajectories(session.path)
    assert kept.steps[0]["tool"] == "fill_flat" and kept.steps[0]["region"] == 3 * 8 + 3


def test_mistakes_are_told_and_nothing_is_lost(session):
    said = typed(session, "fill_flat z9", "nothing all", "what is this now", "undo", "tools", "help", "")
    for expected in ("a1 to h8", "unknown tool 'nothing'", "found 'what is this now'", "taken back", "* skip"):
        assert expected in said
    assert session.state()["step"] == 0


def test_other_tasks_are_begun(session):
    typed(session, "new", "new 11")
    assert session.seed == 11


@pytest.mark.parametrize(("where", "region"), [("all", 0), ("a1", 1), ("h1", 8), ("a2", 9), ("h8", 64), ("17", 17)])
def test_cells_have_names(where, region):
    assert region_of(where) == region


@pytest.mark.parametrize("where", ["", "i1", "a0", "a9", "a", "1a", "a-1", "²"])
def test_other_names_are_refused(where):
    with pytest.raises(ImgEditError, match="a1 to h8"):
        region_of(where)


def test_blocks_show_the_picture():
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[64:] = 255
    lines = blocks(picture)
    assert len(lines) == 32 and all(line.count("\u2580") == 64 for line in lines)
    assert "38;2;0;0;0" in lines[0] and "38;2;255;255;255" in lines[-1]


def test_the_command_in_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("skip\nquit\n"))
    words = ["--terminal", "--image-size", "64", "--seed", "6", "--out", str(tmp_path / "kept.jsonl")]
    assert main(words) == 0
    assert "x 1. " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--terminal", "--split", "nowhere"], "nowhere"),
        (["--terminal", "--tools", "nothing"], "unknown tool 'nothing'"),
        (["--terminal", "--image-size", "7"], "7"),
        (["--port", "70000"], "0 to 65535; found 70000"),
    ],
)
def test_bad_words_are_told_in_one_line(tmp_path, capsys, words, expected):
    assert main([*words, "--out", str(tmp_path / "kept.jsonl")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and expected in told


def test_json_that_is_none_ends_the_program(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--terminal", "--tools", "[broken"])
    assert ended.value.code == 2 and "JSON" in capsys.readouterr().err
