"""Reading images that others made: bounded before they are unpacked, and always 8-bit RGB the right way up.

What is done with images that are not plain:

============================ ==================================================================
image                        what becomes of it
============================ ==================================================================
turned by EXIF               turned upright
transparent                  laid on white
grey, palette, CMYK, YCbCr   converted to RGB; colour profiles are not applied
16 bits a channel            the upper 8 bits
one pixel                    taken
cut off or damaged           refused
animated, several pages      refused; of a camera's multi-picture JPEG the first is taken
more than the limits         refused before it is unpacked
floating point, Lab          refused
another format               refused, whatever the file is called
============================ ==================================================================
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imgedit_gym.core.errors import ImgEditError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
"""Formats that are read, by Pillow's names; AVIF where Pillow was built with it."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
"""How names of image files end, in lower case."""

MAX_SIDE = 8192
"""Most pixels a side."""

MAX_BYTES = 64 << 20
"""Most bytes of an image file."""

FITS = ("letterbox", "crop", "stretch")
"""How an image becomes square: with grey bars, by its middle, or out of proportion."""

BAR = 128
"""Level of the bars of ``letterbox``."""

_READING = threading.RLock()

_ORIENTATION = 0x0112
"""Tag of EXIF that tells how an image is turned."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Pillow's modes of grey images with 16 bits; ``I`` holds them in 32."""


def read_image(source: str | os.PathLike[str] | bytes, where: str = "", formats: Sequence[str] = FORMATS) -> np.ndarray:
    """Read an image file.

    Args:
        source: Path of the file, or its content.
        where: What the error message begins with, such as a file and a line; the path by default.
        formats: Formats that are taken, some of :data:`FORMATS`.

    Returns:
        Pixels, ``uint8 [H, W, 3]``, fresh.

    Raises:
        ImgEditError: If there is no such file, or the image is refused; see the module.
    """
    with _opened(source, where, formats) as (image, told, _):
        return _pixels(image, told)


def image_size(source: str | os.PathLike[str] | bytes, where: str = "") -> tuple[int, int]:
    """Height and width of an image file, upright, without unpacking it; all but its pixels is checked.

    Raises:
        ImgEditError: As :func:`read_image`, but for damage that only unpacking finds.
    """
    with _opened(source, where, FORMATS) as (image, _, content):
        turned = False
        told = image.format != "PNG" or b"eXIf" in content or b"exif" in content  # to look for it unpacks PNG files
        if told and image.format != "TIFF":  # which Pillow turns itself
            with suppress(Exception), _strictly():
                turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        return (image.width, image.height) if turned else (image.height, image.width)


def rgb_pixels(image: Image, where: str = "image") -> np.ndarray:
    """Pixels of a Pillow image, as :func:`read_image` gives them.

    Returns:
        ``uint8 [H, W, 3]``, fresh.

    Raises:
        ImgEditError: If the image is refused; see the module.
    """
    _check(image, where)
    return _pixels(image, where)


@contextmanager
def _opened(
    source: str | os.PathLike[str] | bytes, where: str, formats: Sequence[str]
) -> Iterator[tuple[Image, str, bytes]]:
    """An image whose header has been read and checked, what messages begin with, and the file's content."""
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    told = where or ("image" if isinstance(source, bytes) else os.fspath(source))
    content = source if isinstance(source, bytes) else _read_file(Path(source), told)
    if len(content) > MAX_BYTES:
        raise ImgEditError(f"{told}: expected an image of at most {MAX_BYTES >> 20} MiB; found {len(content)} bytes")
    pillow.init()
    known = [name for name in formats if name in pillow.OPEN]
    try:
        with _strictly():
            image = pillow.open(io.BytesIO(content), formats=known)
    except UnidentifiedImageError:
        raise ImgEditError(f"{told}: expected an image ({', '.join(known)}); found none") from None
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        raise ImgEditError(f"{told}: expected 1 to {MAX_SIDE} pixels a side; found many more") from None
    except Exception as error:  # what a damaged header makes Pillow raise is not documented
        raise ImgEditError(f"{told}: expected a whole image; {first_line(error)}") from None
    with image:
        _check(image, told)
        yield image, told, content


def _read_file(path: Path, told: str) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ImgEditError(f"{told}: expected an image file; found something else")
        if found.st_size > MAX_BYTES:
            raise ImgEditError(
                f"{told}: expected an image of at most {MAX_BYTES >> 20} MiB; found {found.st_size} bytes"
            )
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ImgEditError):
            raise
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ImgEditError(f"{told}: expected an image file; {reason}") from None


def _check(image: Image, told: str) -> None:
    width, height = image.size
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise ImgEditError(f"{told}: expected 1 to {MAX_SIDE} pixels a side; found {height} x {width}")
    try:
        moving = getattr(image, "is_animated", False) and image.format != "MPO"
    except Exception as error:  # looking for a second picture reads on in the file
        raise ImgEditError(f"{told}: expected a whole image; {first_line(error)}") from None
    if moving:
        raise ImgEditError(f"{told}: expected a single picture; found an animation or several pages")


def _pixels(image: Image, told: str) -> np.ndarray:
    """Unpack, turn upright and convert."""
    try:
        with _strictly():
            return _converted(image, told)
    except ImgEditError:
        raise
    except Exception as error:  # what damaged data makes Pillow raise is not documented
        raise ImgEditError(f"{told}: expected a whole image; {first_line(error)}") from None


def _converted(image: Image, told: str) -> np.ndarray:
    from PIL import Image as pillow
    from PIL import ImageOps

    image.load()
    with suppress(Exception):  # EXIF that cannot be read turns nothing
        image = ImageOps.exif_transpose(image)
    if image.mode in _DEEP:
        grey = np.asarray(image)
        low, high = int(grey.min()), int(grey.max())
        if low < 0 or high > 0xFFFF:
            raise ImgEditError(f"{told}: expected at most 16 bits a channel; found values from {low} to {high}")
        return np.repeat((grey.astype(np.uint16) >> 8).astype(np.uint8)[..., None], 3, 2)
    if image.mode in ("F", "LAB"):
        raise ImgEditError(f"{told}: expected 8 or 16 bits a channel in RGB, grey or CMYK; found mode {image.mode}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = pillow.new("RGBA", image.size, (255, 255, 255, 255))
        image = pillow.alpha_composite(ground, image)
    return np.array(image.convert("RGB"))


@contextmanager
def _strictly() -> Iterator[None]:
    """Pillow raises where an image is cut off or a decompression bomb, and warns of nothing.

    Both are settings of the process, so that one thread at a time reads; what other threads do with Pillow meanwhile is
    as strict.
    """
    from PIL import Image as pillow
    from PIL import ImageFile

    with _READING:
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", pillow.DecompressionBombWarning)
                yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


# ---------------------------------------------------------------------- fitting


@dataclass(frozen=True)
class Placement:
    """Where an image of ``height`` x ``width`` pixels lies in a square of ``size``; how :func:`fit_image` put it there.

    Attributes:
        size: Edge of the square in pixels.
        height: Rows of the image.
        width: Columns of the image.
        scale: Pixels of the square for one of the image's, by rows and by columns.
        offset: Where the image's first row and column lie in the square; negative where they are cut off.
    """

    size: int
    height: int
    width: int
    scale: tuple[float, float]
    offset: tuple[float, float]

    @classmethod
    def of(cls, height: int, width: int, size: int, fit: str = "letterbox") -> Placement:
        """The placement of an image.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            size: Edge of the square in pixels.
            fit: One of :data:`FITS`.

        Raises:
            ImgEditError: If the fit is unknown.
        """
        if fit not in FITS:
            raise ImgEditError(f"fit must be one of {', '.join(FITS)}; found {fit!r}")
        rows, columns = size / height, size / width
        if fit != "stretch":
            rows = columns = min(rows, columns) if fit == "letterbox" else max(rows, columns)
        offset = (size - rows * height) / 2, (size - columns * width) / 2
        return cls(size, height, width, (rows, columns), offset)

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what the square shows of the image, at least one pixel a side."""
        top, left, bottom, right = self.box((0, 0, self.height, self.width))
        top, left = min(top, self.size - 1), min(left, self.size - 1)
        return top, left, max(bottom, top + 1), max(right, left + 1)

    def box(self, box: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of a box of the image in the square, cut to it; may be empty."""
        edges = (round(self.offset[i % 2] + edge * self.scale[i % 2]) for i, edge in enumerate(box))
        top, left, bottom, right = (min(max(edge, 0), self.size) for edge in edges)
        return top, left, bottom, right


def fit_image(pixels: np.ndarray, size: int, fit: str = "letterbox") -> tuple[np.ndarray, Placement]:
    """Scale an image to a square.

    Args:
        pixels: ``uint8 [H, W, 3]``, or ``[H, W]`` for a mask, whose bars are 0.
        size: Edge of the square in pixels.
        fit: One of :data:`FITS`.

    Returns:
        ``uint8 [size, size, 3]`` or ``[size, size]``, fresh, and where the image lies in it.

    Raises:
        ImgEditError: If the fit is unknown.
    """
    from PIL import Image as pillow

    height, width = pixels.shape[:2]
    place = Placement.of(height, width, size, fit)
    whole = pillow.fromarray(np.ascontiguousarray(pixels))
    grain = pillow.Resampling.LANCZOS if pixels.ndim == 3 else pillow.Resampling.BOX
    part = None
    if fit == "crop":
        edge = min(height, width)
        top, left = (height - edge) / 2, (width - edge) / 2
        part = (left, top, left + edge, top + edge)
    top, left, bottom, right = place.inner
    square = np.full((size, size, *pixels.shape[2:]), BAR if pixels.ndim == 3 else 0, np.uint8)
    if (height, width) == (bottom - top, right - left):
        square[top:bottom, left:right] = pixels
    else:
        square[top:bottom, left:right] = np.asarray(whole.resize((right - left, bottom - top), grain, box=part))
    return square, place
