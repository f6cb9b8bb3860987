"""Pictures as files in memory, for servers that are sent them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png_of(pixels: np.ndarray) -> bytes:
    """A picture as a PNG file.

    Args:
        pixels: ``uint8 [H, W]``, ``[H, W, 3]`` or, with opacity, ``[H, W, 4]``.
    """
    file = io.BytesIO()
    # what is sent once is packed fast, not small
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
