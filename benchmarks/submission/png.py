"""Final pictures as PNG files: written plainly, and read only where the header says what is expected."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from benchmarks.strict_json import StrictError
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import read_image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_SLACK = 64 << 10
"""Bytes a file may have beyond those of its pixels."""


def write_png(pixels: np.ndarray) -> bytes:
    """A picture ``uint8 [H, W, 3]`` as PNG without any further data."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def size_limit(side: int) -> int:
    """Bytes that the file of a picture may have."""
    return side * side * 3 + MAX_SLACK


def read_png(content: bytes, side: int) -> np.ndarray:
    """Pixels of a PNG file, ``uint8 [side, side, 3]``.

    The chunks are looked at before anything is decoded: the header must tell the expected size and plain 8-bit RGB, and
    nothing but pixels may follow, so that no file can unpack to more than the picture.

    Raises:
        StrictError: If the file is another.
    """
    _check_chunks(content, side)
    try:
        pixels = read_image(content, "picture", ("PNG",))
    except ImgEditError as error:
        raise StrictError("picture.damaged", str(error)) from None
    if pixels.shape != (side, side, 3):
        raise StrictError("picture.header", f"expected {side} x {side} pixels in RGB; found {pixels.shape}")
    return pixels


def _check_chunks(content: bytes, side: int) -> None:
    if not content.startswith(SIGNATURE):
        raise StrictError("picture.header", "expected a PNG file")
    at, kinds, packed = len(SIGNATURE), [], b""
    while at < len(content):
        if at + 12 > len(content):
            raise StrictError("picture.damaged", "expected a whole PNG; it is cut off")
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        check = content[at + 8 + length : at + 12 + length]
        if len(data) != length or len(check) != 4:
            raise StrictError("picture.damaged", "expected a whole PNG; it is cut off")
        if struct.unpack(">I", check)[0] != zlib.crc32(kind + data):
            raise StrictError("picture.damaged", f"expected the checksum of chunk {kind!r} to fit")
        if kind == b"IHDR":
            _check_header(data, side)
        elif kind == b"IDAT":
            packed += data
        kinds.append(kind)
        at += 12 + length
    order = [kinds[0], *sorted(set(kinds[1:-1])), kinds[-1]] if len(kinds) > 2 else kinds
    if order != [b"IHDR", b"IDAT", b"IEND"]:
        raise StrictError("picture.header", f"expected IHDR, IDAT and IEND alone; found {sorted(set(kinds))}")
    _check_length(packed, side * (side * 3 + 1))


def _check_header(data: bytes, side: int) -> None:
    if len(data) != 13:
        raise StrictError("picture.header", "expected a header of 13 bytes")
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", data)
    if (width, height) != (side, side):
        raise StrictError("picture.header", f"expected {side} x {side} pixels; found {width} x {height}")
    if (depth, color, interlaced) != (8, 2, 0):
        raise StrictError("picture.header", "expected RGB of 8 bits, not interlaced")


def _check_length(packed: bytes, expected: int) -> None:
    """Unpack no more than one byte beyond what there should be."""
    unpacker = zlib.decompressobj()
    try:
        found = len(unpacker.decompress(packed, expected + 1))
    except zlib.error as error:
        raise StrictError("picture.damaged", f"expected pixels; {error}") from None
    if found != expected or not unpacker.eof or unpacker.unused_data:
        raise StrictError("picture.damaged", f"expected {expected} bytes of pixels and no more")
