"""A person's episodes: acting, taking back, keeping."""

from __future__ import annotations

import json

import numpy as np
import pytest

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.play.session import Session, overlay
from imgedit_gym.trajectory import read_trajectories, replay


@pytest.fixture
def session(tmp_path):
    found = Session(tmp_path / "kept" / "demonstrations.jsonl", seed=6, image_size=64)
    yield found
    found.close()


def finish(session: Session) -> None:
    while not session.over:
        session.act("fill_smooth", 28)


def test_state_is_json_and_tells_the_task(session):
    state = json.loads(json.dumps(session.state(), allow_nan=False))
    assert state["seed"] == 6 and state["step"] == 0 and not state["over"]
    assert state["plan"] and state["instruction"]
    assert {"skip", "paste_over"} <= {tool["id"] for tool in state["tools"]}
    assert all(tool["about"] for tool in state["tools"])
    assert state["reward"] is None and state["total"] == 0


def test_steps_are_taken_back_exactly(session):
    before, first = session.picture("canvas"), session.state()
    session.act("fill_flat", 28)
    between, second = session.picture("canvas"), session.state()
    assert second["step"] == 1 and len(second["done"]) == 1
    session.undo()
    assert np.array_equal(session.picture("canvas"), before) and session.state() == first
    session.act("fill_flat", 28)
    assert np.array_equal(session.picture("canvas"), between) and session.state() == second


def test_only_whole_episodes_are_kept_and_once(session):
    with pytest.raises(ImgEditError, match="whole episode"):
        session.keep()
    finish(session)
    with pytest.raises(ImgEditError, match="plan is done"):
        session.act("skip", 0)
    final = session.picture("canvas")
    assert session.keep() == 1
    with pytest.raises(ImgEditError, match="already"):
        session.keep()
    session.start()
    finish(session)
    assert session.keep() == 2
    first, second = read_trajectories(session.path)
    assert (first.seed, second.seed) == (6, 7) and first.agent == "human"
    assert np.array_equal(replay(first)[-1], final)


def test_what_was_taken_back_is_not_in_a_demonstration(session):
    session.act("fill_flat", 28)
    session.undo()
    finish(session)
    session.keep()
    (kept,) = read_trajectories(session.path)
    assert [step["tool"] for step in kept.steps] == ["fill_smooth"] * len(kept.plan)
    assert np.array_equal(replay(kept)[-1], session.picture("canvas"))


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (lambda session: session.act("nothing", 0), "unknown tool 'nothing'"),
        (lambda session: session.act("skip", 65), "region below 65"),
        (lambda session: session.undo(), "nothing has been done"),
        (lambda session: session.start(-1), "seed"),
        (lambda session: session.mask(65), "0 to 64; found 65"),
        (lambda session: session.picture("other"), "found 'other'"),
    ],
)
def test_wrong_wishes_change_nothing(session, wrong, expected):
    before = session.state()
    with pytest.raises(ImgEditError, match=expected):
        wrong(session)
    assert session.state() == before


def test_a_file_of_something_else_is_refused_and_left(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("milk, bread\n")
    with pytest.raises(ImgEditError, match="line 1"):
        Session(path, image_size=64)
    assert path.read_text() == "milk, bread\n"


def test_pictures_and_overlays(session):
    mask = session.mask(28)
    laid = overlay(mask)
    assert laid.shape == (64, 64, 4) and np.array_equal(laid[..., 3] > 0, mask) and mask.any()
    assert session.mask(0).all()
