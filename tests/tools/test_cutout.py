"""Cutting out what stands in front, by the real GrabCut."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import COLOR_RGB
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.tools import confine
from imgedit_gym.tools.cutout import in_front, unmixed
from tests.tools.scenes import PART, SIZE, WHOLE, batch_of, boxed, build, check_batches, check_missing, steps_of

pytest.importorskip("cv2", reason="the extra 'cutout' is not installed")

ROOT = Path(__file__).parents[2]
DISC = (36, 44, 92, 100)
TO_BLUE = PlanStep.parse("set the background to blue")


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


@pytest.fixture(scope="module")
def tool(source):
    return build(source, id="cutout")


def ground() -> Image.Image:
    """A smooth ground with a little grain."""
    ramp = np.linspace(90, 150, SIZE)[:, None, None] + np.array([0, 20, 40])
    grain = np.random.default_rng(0).normal(0, 1.5, (SIZE, SIZE, 3))
    return Image.fromarray((np.broadcast_to(ramp, grain.shape) + grain).astype(np.uint8))


def disc(at=DISC, color=(214, 40, 40)) -> tuple[Image.Image, np.ndarray]:
    """A disc before a ground, with an edge of mixed pixels, and how much of each pixel it covers."""
    cover = Image.new("L", (4 * SIZE, 4 * SIZE))
    ImageDraw.Draw(cover).ellipse([4 * edge for edge in at], fill=255)
    cover = cover.resize((SIZE, SIZE), Image.Resampling.BOX)
    picture = ground()
    picture.paste(color, (0, 0), cover)
    return picture, np.asarray(cover, np.float32) / 255


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    return (found & truth).sum() / (found | truth).sum()


def test_a_disc_is_found_with_soft_edges():
    picture, cover = disc()
    front = in_front(np.asarray(picture))
    assert overlap(front, cover > 0.5) > 0.97
    share, colors = unmixed(np.asarray(picture), front)
    assert np.abs(share - cover).max() < 0.25 and np.abs(share - cover).mean() < 0.005
    rim = (cover > 0.3) & (cover < 0.9)
    assert np.abs(colors[rim] - (214, 40, 40)).mean() < 12
    assert np.abs(np.asarray(picture, np.float32)[rim] - (214, 40, 40)).mean() > 25


def test_things_may_stand_on_the_lower_edge():
    picture, cover = disc((30, 70, 100, 140))
    front = in_front(np.asarray(picture))
    assert overlap(front, cover > 0.5) > 0.95 and front[-1].sum() > 40


def test_large_pictures_are_cut_small():
    picture, cover = disc()
    large = picture.resize((3 * SIZE, 3 * SIZE), Image.Resampling.BICUBIC)
    truth = np.kron(cover > 0.5, np.ones((3, 3))) > 0
    assert overlap(in_front(np.asarray(large)), truth) > 0.95


@pytest.mark.parametrize(
    ("step", "color"),
    [
        (TO_BLUE, "blue"),
        (PlanStep.parse("recolor the background to green"), "green"),
        (PlanStep.parse("remove the background"), "white"),
        (PlanStep.parse("replace the background with a plain black one"), "black"),
        (PlanStep.parse("cut the disc out"), "white"),
        (PlanStep.parse("make the backdrop Pink, please"), "pink"),
    ],
)
def test_the_step_says_what_comes_behind(tool, step, color):
    picture, cover = disc()
    images = batch_of(picture)
    made = tool.apply(images, boxed(WHOLE), steps_of(step))
    assert tool.problems[int(made.problems[0])] == ""
    far, inside = torch.from_numpy(cover == 0), torch.from_numpy(cover == 1)
    apart = (made.images[0].float() - torch.tensor(COLOR_RGB[color]).float()).abs().amax(-1)
    assert (apart[far] < 2).float().mean() > 0.97
    assert (made.images[0] == images[0]).all(-1)[inside].float().mean() > 0.97


def test_a_background_of_the_stock(source, tool):
    picture, cover = disc()
    step = PlanStep.parse("set the background to beach")
    made = tool.apply(batch_of(picture), boxed(WHOLE), steps_of(step)).images[0]
    plate = source.stock.plates[int(tool.lookup.plate[source.vocabulary.value_code("beach")])]
    plate = confine.resize(plate, SIZE, SIZE)
    assert (made == plate).all(-1)[torch.from_numpy(cover == 0)].float().mean() > 0.97


def test_any_batch_and_only_the_region(tool):
    images = batch_of(disc()[0], disc((50, 50, 110, 110))[0], disc()[0])
    made = check_batches(tool, images, boxed(WHOLE, PART, WHOLE), steps_of(TO_BLUE, TO_BLUE, TO_BLUE))
    assert torch.equal(made[0], made[2])
    assert not torch.equal(made[1], images[1])


def test_the_same_in_another_process():
    # opencv's random numbers have been used here, and not there
    code = """
import hashlib
import numpy as np
from imgedit_gym.tools.cutout import in_front
from tests.tools.test_cutout import disc
print(hashlib.sha256(in_front(np.asarray(disc()[0])).tobytes()).hexdigest())
"""
    import cv2

    cv2.setRNGSeed(5)
    here = hashlib.sha256(in_front(np.asarray(disc()[0])).tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert there.stdout.split() == [here]


def test_boxes_around_a_thing(source):
    images = batch_of(disc((20, 20, 60, 60))[0])
    second = Image.fromarray(images[0].numpy())
    ImageDraw.Draw(second).rectangle((84, 84, 116, 116), fill=(40, 40, 210))
    images, box = batch_of(second), boxed((72, 72, SIZE, SIZE))
    made = build(source, id="cutout", front="region").apply(images, box, steps_of(TO_BLUE))
    assert not made.problems.any()
    blue = (made.images[0].float() - torch.tensor(COLOR_RGB["blue"]).float()).abs().amax(-1) < 2
    assert blue[74:126, 74:82].all() and not blue[86:114, 86:114].any() and not blue[:70].any()


@pytest.mark.parametrize(
    ("picture", "box", "step", "reason"),
    [
        (Image.new("RGB", (SIZE, SIZE), (90, 120, 90)), WHOLE, TO_BLUE, "nothing was found that stands in front"),
        (disc()[0], (60, 55, 84, 76), TO_BLUE, "all of the region stands in front"),
        (disc()[0], WHOLE, PlanStep("set", "background", "a fairground"), "names no colour and no background"),
        (disc()[0], WHOLE, PlanStep("edit", "picture", "make it blue"), "does not speak of the background"),
    ],
)
def test_where_it_cannot_be_done_nothing_happens(tool, picture, box, step, reason):
    images = batch_of(picture)
    made = tool.apply(images, boxed(box), steps_of(step))
    assert reason in tool.problems[int(made.problems[0])]
    assert torch.equal(made.images, images)


def test_what_it_is_for(tool):
    texts = ("remove the background", "set the background to beach", "make it nice", "remove the car", "add the carrot")
    steps = steps_of(*(PlanStep.parse(text) for text in texts))
    assert tool.accepts(steps).tolist() == [True, True, True, False, False]
    empty = boxed((0, 0, 0, 0), WHOLE, WHOLE, WHOLE, WHOLE)
    assert tool.check(empty, steps).tolist() == [2, 0, 0, 1, 1]


def test_real_photographs():
    pytest.importorskip("skimage", reason="the extra 'photos' is not installed")
    from benchmarks.cutout import overlap as measured
    from benchmarks.cutout import photograph

    for name, least in (("astronaut", 0.6), ("coffee", 0.75)):
        picture, truth = photograph(name)
        assert measured(in_front(picture), truth) > least, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"color": "beige"}, "color must be one of"),
        ({"front": "middle"}, "front must be one of"),
        ({"verbs": ["add"]}, "verbs must be some of"),
        ({"verbs": None}, "verbs must be some of"),
    ],
)
def test_arguments_are_checked(source, arguments, message):
    with pytest.raises(ImgEditError, match=message):
        build(source, id="cutout", **arguments)


def test_it_says_which_extra_is_missing(source, monkeypatch):
    check_missing(source, "cutout", ["cv2"], monkeypatch)
