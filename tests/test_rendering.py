"""Frames are of one size, show what happened, and survive any text."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imgedit_gym  # noqa: F401
from imgedit_gym.rendering import (
    COLUMN,
    HEADER,
    OUTLINE,
    Screen,
    _font,
    _wrapped,
    describe,
    draw_frame,
    frame_size,
    picture_edge,
    region_words,
)

SIZE = 64


def screen(**changes):
    source = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:30, 20:40] = True
    return Screen(
        **{
            "source": source,
            "canvas": 255 - source,
            "region": 20,
            "mask": mask,
            "instruction": "Make it vegetarian.",
            "plan": ("remove the hamburger", "add the carrot", "rewrite the headline as FRESH"),
            "plan_index": 1,
            "requirements": (("no hamburger", 0.98, True), ("at least 1 of vegetable", 0.0, False)),
            "scores": (0.5, 1.0, 0.9, 0.49),
            "success": False,
            "valid": True,
            "tool": "fill_flat",
            "error": "",
            "changed": 180,
            "reward": 0.49,
            **changes,
        }
    )


@pytest.mark.parametrize("size", [64, 100, 128, 256, 512])
def test_the_frame_size_depends_on_the_image_size_alone(size):
    picture = np.zeros((size, size, 3), np.uint8)
    shown = screen(source=picture, canvas=picture, mask=np.ones((size, size), bool))
    frames = [
        draw_frame(shown),
        draw_frame(replace(shown, mask=None, tool="", plan_index=0)),
        draw_frame(replace(shown, instruction="long " * 300, plan=("step " * 40,) * 8, plan_index=8)),
    ]
    assert {frame.shape for frame in frames} == {(*frame_size(size), 3)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}


def test_both_pictures_are_in_the_frame():
    shown = screen(mask=None)
    frame = draw_frame(shown)
    factor = picture_edge(SIZE) // SIZE
    for picture in (shown.source, shown.canvas):
        wanted = picture.repeat(factor, 0).repeat(factor, 1)
        height, width = wanted.shape[:2]
        places = np.argwhere((frame[: -height + 1 or None, : -width + 1 or None] == wanted[0, 0]).all(-1))
        assert any((frame[y : y + height, x : x + width] == wanted).all() for y, x in places)


def test_the_region_is_outlined_around_and_not_over_the_edit():
    plain, marked = draw_frame(screen(mask=None)), draw_frame(screen())
    outline = (marked == OUTLINE).all(-1)
    assert outline.sum() > 100
    changed = (plain != marked).any(-1)
    rows, columns = np.nonzero(changed)
    inside = changed[rows.min() + 20 : rows.max() - 20, columns.min() + 20 : columns.max() - 20]
    assert inside.size
    assert not inside.any()


def test_the_whole_picture_is_outlined_inside_its_border():
    frame = draw_frame(screen(region=0, mask=np.ones((SIZE, SIZE), bool)))
    assert (frame == OUTLINE).all(-1).sum() > 1000


def test_every_part_changes_the_frame():
    frame = draw_frame(screen())
    for changes in (
        {"instruction": "Something else."},
        {"plan_index": 2},
        {"plan": ("a", "b", "c")},
        {"requirements": (("no hamburger", 0.98, True), ("at least 1 of vegetable", 1.0, True))},
        {"scores": (0.5, 1.0, 0.9, 0.1)},
        {"success": True},
        {"valid": False},
        {"tool": "paste"},
        {"error": "the region is empty"},
        {"reward": -0.2},
        {"region": 21},
    ):
        assert (draw_frame(screen(**changes)) != frame).any(), changes


@settings(max_examples=30, deadline=None, database=None)
@given(
    instruction=st.text(max_size=400),
    plan=st.lists(st.text(max_size=120), max_size=8),
    requirements=st.lists(st.tuples(st.text(max_size=120), st.floats(0, 1), st.booleans()), max_size=18),
    index=st.integers(0, 8),
)
def test_any_text_can_be_drawn_and_told(instruction, plan, requirements, index):
    shown = screen(instruction=instruction, plan=tuple(plan), requirements=tuple(requirements), plan_index=index)
    assert draw_frame(shown).shape == (*frame_size(SIZE), 3)
    assert instruction in describe(shown)


@settings(max_examples=100, deadline=None, database=None)
@given(text=st.text(max_size=300), width=st.integers(30, 500), most=st.integers(1, 4))
def test_wrapped_text_keeps_within_width_and_lines(text, width, most):
    font = _font(15)
    lines = _wrapped(text, font, width, most)
    assert 1 <= len(lines) <= most
    for line in lines:
        assert font.getlength(line) <= width or len(line.removesuffix("...")) <= 1


def test_words_are_not_broken_where_there_are_spaces():
    lines = _wrapped("replace the american football with the saxophone", _font(15), 200, 4)
    assert " ".join(lines) == "replace the american football with the saxophone"


def test_lists_stay_inside_the_frame():
    many = tuple((f"requirement number {index} " * 4, 0.5, True) for index in range(18))
    frame = draw_frame(screen(plan=("a long step " * 9,) * 8, requirements=many))
    paper = frame[0, 0]
    assert (frame[:, -12:] == paper).all()
    assert (frame[-8:] == paper).all()
    assert (frame[HEADER:, -COLUMN:] != paper).any()


def test_region_words():
    assert region_words(0) == "the whole picture"
    assert region_words(1) == "region 1 (row 0, column 0)"
    assert region_words(20) == "region 20 (row 2, column 3)"
    assert region_words(64) == "region 64 (row 7, column 7)"


def test_the_text_says_what_the_frame_shows():
    assert describe(screen()).splitlines() == [
        "Instruction: Make it vegetarian.",
        "Plan:",
        "  [-] 1. remove the hamburger",
        "  [>] 2. add the carrot",
        "  [ ] 3. rewrite the headline as FRESH",
        "Requirements:",
        "  [x] 0.98 no hamburger",
        "  [ ] 0.00 at least 1 of vegetable",
        "Scores: E 0.50  P 1.00  Q 0.90  score 0.49  not yet a success",
        "Last action: fill_flat on region 20 (row 2, column 3) | changed 180 pixels | reward +0.49",
    ]
    assert describe(screen(tool="")).endswith("Last action: none yet")
    assert "the region is empty" in describe(screen(error="the region is empty"))
    assert "the judgement failed" in describe(screen(valid=False))
    assert "left as it was" in describe(screen(tool="skip"))


@pytest.mark.parametrize("mode", ["rgb_array", "ansi", "rgb_array_list", "ansi_list"])
def test_every_render_mode(mode):
    env = gym.make("ImageEdit-v0", image_size=SIZE, render_mode=mode)
    env.reset(seed=0, options={"plan": ["remove the dog", "blur the picture"]})
    frames = [env.render()]
    env.step([0, 0])
    frames.append(env.render())
    env.step([1, 30])
    frames.append(env.render())
    if mode.endswith("_list"):
        frames = [frame for listed in frames for frame in listed]
        assert len(frames) == 3
    if mode.startswith("rgb"):
        assert {frame.shape for frame in frames} == {(*frame_size(SIZE), 3)}
        assert (frames[0] != frames[2]).any()
    else:
        assert all(frame.startswith("Instruction: ") for frame in frames)
        assert "[>] 1. remove the dog" in frames[0]
        assert "[-] 1. remove the dog" in frames[1]


def test_render_changes_nothing():
    env = gym.make("ImageEdit-v0", image_size=SIZE, render_mode="rgb_array")
    env.reset(seed=0)
    env.step([1, 30])
    first = env.render()
    second = env.render()
    assert (first == second).all()
    assert not np.shares_memory(first, second)


def test_render_without_a_mode_warns():
    env = gym.make("ImageEdit-v0", image_size=SIZE)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render"):
        assert env.unwrapped.render() is None
