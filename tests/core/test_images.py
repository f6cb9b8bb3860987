"""Tests of reading images that others made."""

import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from imgedit_gym.core import images
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import (
    BAR,
    MAX_BYTES,
    MAX_SIDE,
    Placement,
    fit_image,
    image_size,
    read_image,
    rgb_pixels,
)


def scene(height=20, width=30) -> np.ndarray:
    """Four flat quarters."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (30, 30, 200)
    pixels[height // 2 :, width // 2 :] = (220, 220, 220)
    return pixels


def packed(image: Image.Image, format="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, color=2, depth=8, data=b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def close(found, expected, most=0):
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= most


# ------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "WEBP", "JPEG"])
def test_formats(tmp_path, format):
    lossy = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    file = tmp_path / "named.anyhow"
    file.write_bytes(packed(Image.fromarray(scene(16, 32)), format, **lossy))
    for source in (file, str(file), file.read_bytes()):
        found = read_image(source)
        close(found, scene(16, 32), 8 if format == "JPEG" else 0)
        found[:] = 0  # it can be written to
    assert image_size(file) == (16, 32)


def test_cmyk():
    found = read_image(packed(Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=95))
    close(found, scene(), 60)
    assert found[2, 2, 0] > 180 > 80 > found[2, 2, 1]


@pytest.mark.parametrize("mode", ["L", "P", "1", "YCbCr", "HSV"])
def test_modes(mode):
    image = Image.fromarray(scene()).convert(mode)
    close(rgb_pixels(image), np.asarray(image.convert("RGB")))


def test_sixteen_bits():
    deep = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
    for format in ("PNG", "TIFF"):
        found = read_image(packed(Image.fromarray(deep), format))
        close(found, np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, 2))
    close(rgb_pixels(Image.fromarray(deep.astype(np.int32))), np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, 2))
    row = b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 2
    assert read_image(png_of(2, 2, depth=16, data=row * 2)).tolist() == [[[255, 128, 0]] * 2] * 2


@pytest.mark.parametrize("tag", range(1, 9))
def test_turned_by_exif(tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    upright = scene()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[tag]
    for format in ("PNG", "TIFF"):
        file = packed(Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif)
        close(read_image(file), upright)
        assert image_size(file) == upright.shape[:2]


def test_exif_that_cannot_be_read_turns_nothing():
    close(read_image(packed(Image.fromarray(scene()), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)), scene())


def test_transparent_images_lie_on_white():
    pixels = np.dstack([scene(), np.full((20, 30), 255, np.uint8)])
    pixels[:10, :, 3] = 0
    pixels[10:, 15:, 3] = 128
    expected = scene()
    expected[:10] = 255
    expected[10:, 15:] = 237
    close(read_image(packed(Image.fromarray(pixels))), expected, 1)
    grey = Image.fromarray(pixels).convert("LA")
    assert (rgb_pixels(grey)[:10] == 255).all()
    palette = Image.fromarray(scene()).convert("P")
    background = palette.getpixel((0, 0))
    found = read_image(packed(palette, transparency=background))
    assert found[0, 0].tolist() == [255, 255, 255] and found[19, 0].tolist() != [255, 255, 255]
    keyed = read_image(packed(Image.fromarray(scene()), transparency=(200, 30, 30)))
    assert keyed[0, 0].tolist() == [255, 255, 255] and keyed[19, 0].tolist() == [30, 30, 200]


def test_one_pixel():
    close(read_image(packed(Image.new("RGB", (1, 1), (1, 2, 3)))), np.full((1, 1, 3), (1, 2, 3), np.uint8))


def test_still_gifs_and_multi_picture_jpegs():
    still = Image.fromarray(scene()).convert("P")
    close(read_image(packed(still, "GIF")), np.asarray(still.convert("RGB")))
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    camera = packed(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(read_image(camera).astype(int) - scene()).mean() < 10


# ------------------------------------------------------------------ what is refused


def animation(format):
    frames = [Image.fromarray(scene()), Image.fromarray(255 - scene())]
    return packed(frames[0], format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_several_pages(format):
    with pytest.raises(ImgEditError, match="photo.x: expected a single picture; found an animation or several pages"):
        read_image(animation(format), "photo.x")
    with pytest.raises(ImgEditError, match="expected a single picture"):
        rgb_pixels(Image.open(io.BytesIO(animation(format))))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_cut_off(format, share):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    whole = packed(Image.fromarray(noise), format)
    with pytest.raises(ImgEditError, match="tasks.jsonl line 3: expected (a whole image|an image)") as caught:
        read_image(whole[: int(share * len(whole))], "tasks.jsonl line 3")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "size", [(MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (10_000, 10_000), (30_000, 30_000), (2**31 - 1,) * 2]
)
def test_bombs_are_refused_by_their_header(size):
    bomb = png_of(*size, data=bytes(1000))
    for read in (read_image, image_size):
        with pytest.raises(ImgEditError, match=f"bomb.png: expected 1 to {MAX_SIDE} pixels a side; found"):
            read(bomb, "bomb.png")


def test_bombs_of_text():
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2 << 20)))
    content = png_of(1, 1, data=b"\0\1\2\3")
    with pytest.raises(ImgEditError, match="expected a whole image"):
        read_image(content[:33] + text + content[33:])


def test_too_many_bytes(tmp_path):
    file = tmp_path / "big.png"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_BYTES + 1)
    with pytest.raises(ImgEditError, match="big.png: expected an image of at most 64 MiB; found 67108865 bytes"):
        read_image(file)
    with pytest.raises(ImgEditError, match="image: expected an image of at most 64 MiB"):
        read_image(bytes(MAX_BYTES + 1))


def test_what_is_no_image(tmp_path):
    (tmp_path / "words.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name in ("words.png", "empty.png", "page.png"):
        with pytest.raises(ImgEditError, match=rf"{name}: expected an image \(PNG, JPEG, .*\); found none"):
            read_image(tmp_path / name)
    with pytest.raises(ImgEditError, match=r"absent.png: expected an image file; No such file or directory"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ImgEditError, match="expected an image file; found something else"):
        read_image(tmp_path)
    with pytest.raises(ImgEditError, match="expected an image file; embedded null"):
        read_image("a\0b")


def test_other_formats_than_asked_for():
    with pytest.raises(ImgEditError, match=r"x: expected an image \(PNG\); found none"):
        read_image(packed(Image.fromarray(scene()), "JPEG"), "x", ("PNG",))


def test_depths_that_are_not_read():
    with pytest.raises(ImgEditError, match="expected 8 or 16 bits a channel in RGB, grey or CMYK; found mode F"):
        read_image(packed(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))
    with pytest.raises(ImgEditError, match="at most 16 bits a channel; found values from 0 to 70000"):
        rgb_pixels(Image.fromarray(np.array([[0, 70000]], np.int32)))


def test_damage_is_refused_even_where_pillow_is_told_to_let_it_pass(monkeypatch):
    whole = packed(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)), "JPEG")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImgEditError, match="expected a whole image"):
        read_image(whole[: len(whole) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_threads_do_not_undo_each_others_strictness(monkeypatch):
    image, order, both = Image.new("RGB", (8, 8)), [], threading.Event()

    def convert(*_):
        order.append("in")
        if order.count("in") == 2:
            both.set()
        both.wait(0.2)  # in vain, as no other thread gets here meanwhile
        assert not ImageFile.LOAD_TRUNCATED_IMAGES
        order.append("out")
        return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr(images, "_converted", convert)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    filters = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(rgb_pixels, [image, image]))) == 2
    assert order == ["in", "out", "in", "out"]
    assert ImageFile.LOAD_TRUNCATED_IMAGES and warnings.filters == filters


# ------------------------------------------------------------------ fitting


@pytest.mark.parametrize("fit", ["letterbox", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (1, 8192), (500, 2), (97, 301), (64, 33)])
def test_any_shape_fits(fit, shape):
    pixels = np.full((*shape, 3), 200, np.uint8)
    square, place = fit_image(pixels, 64, fit)
    top, left, bottom, right = place.inner
    assert square.shape == (64, 64, 3) and square.flags.writeable
    assert (square[top:bottom, left:right] == 200).all()
    bars = np.ones((64, 64), bool)
    bars[top:bottom, left:right] = False
    assert (square[bars] == BAR).all()
    assert bars.any() == (fit == "letterbox" and shape[0] != shape[1])


def test_letterbox_keeps_proportions_and_crop_the_middle():
    wide = scene(100, 200)
    square, place = fit_image(wide, 64, "letterbox")
    assert place.inner == (16, 0, 48, 64)
    close(square[16:48], np.asarray(Image.fromarray(wide).resize((64, 32), Image.Resampling.LANCZOS)))
    square, place = fit_image(wide, 64, "crop")
    assert place.inner == (0, 0, 64, 64)
    close(square, np.asarray(Image.fromarray(wide[:, 50:150]).resize((64, 64), Image.Resampling.LANCZOS)))
    same, _ = fit_image(wide[:, :100], 100, "letterbox")
    close(same, wide[:, :100])


def test_boxes_go_with_the_image():
    assert Placement.of(100, 200, 64, "letterbox").box((0, 0, 100, 200)) == (16, 0, 48, 64)
    assert Placement.of(100, 200, 64, "letterbox").box((50, 100, 100, 200)) == (32, 32, 48, 64)
    assert Placement.of(100, 200, 64, "crop").box((0, 50, 100, 150)) == (0, 0, 64, 64)
    assert Placement.of(100, 200, 64, "crop").box((0, 0, 100, 40)) == (0, 0, 64, 0)
    assert Placement.of(100, 200, 50, "stretch").box((10, 20, 30, 40)) == (5, 5, 15, 10)


def test_masks_fit_without_bars():
    mask = np.zeros((100, 200), np.uint8)
    mask[:, 100:] = 255
    square, _ = fit_image(mask, 64, "letterbox")
    assert square.shape == (64, 64) and square.sum() == 32 * 32 * 255


def test_unknown_fit():
    with pytest.raises(ImgEditError, match="fit must be one of letterbox, crop, stretch; found 'squash'"):
        fit_image(scene(), 64, "squash")
