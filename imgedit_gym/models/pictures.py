"""Pictures as files in memory."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png_of(pixels: np.ndarray, level: int = 1) -> bytes:
    """A picture as a PNG file.

    Args:
        pixels: ``uint8 [H, W]``, ``[H, W, 3]`` or, with opacity, ``[H, W, 4]``.
        level: How hard to pack, 0 to 9; what is sent once is packed fast, not small.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=level)
    return file.getvalue()
