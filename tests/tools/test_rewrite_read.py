"""Rewriting text that was read, with the real recogniser."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.art.sprites import default_font
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.tools.rewrite_read import read, shared_out, written
from tests.tools import scenes
from tests.tools.scenes import batch_of, build, check_batches, check_missing, lettered, scene, steps_of

pytest.importorskip("rapidocr_onnxruntime", reason="the extra 'ocr' is not installed")

SIZE = 256
WHOLE, TOP, BOTTOM = (0, 0, SIZE, SIZE), (0, 0, 80, SIZE), (180, 0, SIZE, SIZE)


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


@pytest.fixture(scope="module")
def tool(source):
    return build(source, id="rewrite_read", verbs=["rewrite", "replace", "remove"])


def boxed(*boxes):
    return scenes.boxed(*boxes, size=SIZE)


def sign() -> Image.Image:
    """Two lines of text on a gradient."""
    picture = lettered(scene(0, SIZE), "FRESH COFFEE", (20, 14), 30, "#ffffff")
    return lettered(picture, "open daily", (20, 212), 28, "#101040")


def slanted() -> Image.Image:
    layer = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(layer).text((40, 100), "GOOD KITTY", font=ImageFont.load_default(32), fill=255)
    picture = scene(1, SIZE).resize((SIZE, SIZE))
    picture.paste((240, 240, 60), (0, 0), layer.rotate(12, Image.Resampling.BICUBIC))
    return picture


def texts(tool, picture: torch.Tensor) -> list[str]:
    return [line.text for line in read(tool._reader, picture)]


def test_texts_are_rewritten_and_the_rest_stays(tool):
    images = batch_of(sign(), sign(), slanted())
    steps = steps_of(
        PlanStep("rewrite", "open daily", "all night"),
        PlanStep("rewrite", "headline", "HOT SOUP"),
        PlanStep("rewrite", "headline", "BAD DOG"),
    )
    made = check_batches(tool, images, boxed(WHOLE, TOP, WHOLE), steps)
    assert texts(tool, made[0]) == ["FRESH COFFEE", "all night"]
    assert texts(tool, made[1]) == ["HOT SOUP", "open daily"]
    assert texts(tool, made[2]) == ["BAD DOG"]
    assert torch.equal(made[0][:180], images[0][:180])


def test_new_text_has_the_colour_and_slant_of_the_old(tool):
    images = batch_of(slanted())
    made = tool.apply(images, boxed(WHOLE), steps_of(PlanStep("rewrite", "headline", "BAD DOG"))).images
    before, after = (read(tool._reader, picture)[0].corners for picture in (images[0], made[0]))
    angles = [np.degrees(np.arctan2(*(corners[1] - corners[0])[::-1])) for corners in (before, after)]
    assert angles[0] == pytest.approx(-12, abs=3) and angles[1] == pytest.approx(angles[0], abs=4)
    yellow = (made[0].float() - torch.tensor([240.0, 240.0, 60.0])).abs().amax(-1) < 40
    assert yellow.sum() > 300


def test_text_is_taken_away(tool):
    images, plain = batch_of(sign()), batch_of(scene(0, SIZE))
    made = tool.apply(images, boxed(WHOLE), steps_of(PlanStep("remove", "fresh coffee"))).images
    assert texts(tool, made[0]) == ["open daily"]
    error = (made[0][:80].float() - plain[0][:80].float()).abs()
    assert error.mean() < 1.5 and error.max() < 120


@pytest.mark.parametrize(
    ("step", "box", "reason"),
    [
        (PlanStep("rewrite", "headline", "SOUP"), (90, 0, 170, SIZE), "no text was found in the region"),
        (PlanStep("replace", "hamburger", "SOUP"), WHOLE, "no text in the region reads like the plan step's target"),
        (PlanStep("remove", "fresh coffee"), BOTTOM, "no text in the region reads like the plan step's target"),
    ],
)
def test_where_there_is_no_such_text_nothing_happens(tool, step, box, reason):
    images = batch_of(sign())
    made = tool.apply(images, boxed(box), steps_of(step))
    assert tool.problems[int(made.problems[0])] == reason
    assert torch.equal(made.images, images)


def test_words_are_shared_out_by_length():
    wide, narrow = (np.float32([[0, 0], [w, 0], [w, 10], [0, 10]]) for w in (100, 50))
    assert shared_out("one two three", [wide]) == ["one two three"]
    assert shared_out("one two three four", [wide, narrow]) == ["one two three", "four"]
    assert shared_out("one", [narrow, wide]) in (["one", ""], ["", "one"])


def test_text_that_is_far_too_long_stays_in_its_place():
    place = np.float32([[100, 100], [160, 100], [160, 120], [100, 120]])
    plain = torch.zeros(SIZE, SIZE, 3, dtype=torch.uint8)
    rows, columns = written(plain, [place], "word " * 60, (255, 255, 255)).amax(-1).nonzero().T
    assert rows.min() >= 99 and rows.max() <= 120 and columns.min() >= 99 and columns.max() <= 160


def test_what_it_is_for(source, tool):
    steps = steps_of(PlanStep("rewrite", "headline", "HI"), PlanStep.parse("remove the car"), PlanStep("edit", "", "x"))
    assert build(source, id="rewrite_read").accepts(steps).tolist() == [True, False, False]
    assert tool.accepts(steps).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verbs": ["add"]}, "verbs must be some of 'rewrite', 'replace' and 'remove'"),
        ({"font": "/no/such/font.ttf"}, "font: expected a TrueType or OpenType file"),
        ({"threads": 0}, "threads must be"),
    ],
)
def test_arguments_are_checked(source, arguments, message):
    with pytest.raises(ImgEditError, match=message):
        build(source, id="rewrite_read", **arguments)


def test_it_says_which_extra_is_missing(source, monkeypatch):
    check_missing(source, "rewrite_read", ["rapidocr_onnxruntime"], monkeypatch)


def test_fonts_are_named_by_their_content(source, tmp_path):
    content = default_font().read_bytes()
    for name, more in (("one", b""), ("two", b""), ("three", b"\0")):
        (tmp_path / f"{name}.ttf").write_bytes(content + more)
    one, two, three = (
        build(source, id="rewrite_read", font=str(tmp_path / f"{name}.ttf")).identity()
        for name in ("one", "two", "three")
    )
    assert one == two != three != build(source, id="rewrite_read").identity()
