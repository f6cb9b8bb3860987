"""Writing text and taking it away."""

import torch
import warp as wp

from imgedit_gym.kernels.color import distance, luma, read_color, write_color
from imgedit_gym.kernels.runtime import launch


@wp.kernel
def _write(
    coverage: wp.array3d(dtype=wp.uint8),
    corners: wp.array2d(dtype=wp.int32),
    out: wp.array4d(dtype=wp.uint8),
):
    n = wp.tid()
    size = out.shape[1]
    top = corners[n, 0]
    left = corners[n, 1]
    level = float(0.0)
    count = float(0.0)
    for y in range(coverage.shape[1]):
        for x in range(coverage.shape[2]):
            if top + y < size and left + x < size:
                level += luma(read_color(out, n, top + y, left + x))
                count += 1.0
    ink = wp.vec3(250.0, 250.0, 246.0)
    if level / wp.max(count, 1.0) > 140.0:
        ink = wp.vec3(28.0, 30.0, 46.0)
    for y in range(coverage.shape[1]):
        for x in range(coverage.shape[2]):
            cover = float(coverage[n, y, x]) / 255.0
            if cover > 0.0 and top + y < size and left + x < size:
                below = read_color(out, n, top + y, left + x)
                write_color(out, n, top + y, left + x, below + cover * (ink - below))


def write_text(images: torch.Tensor, coverage: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Write a line of text into each picture, light on dark or dark on light.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        coverage: ``uint8 [n, h, w]``.
        corners: Top and left in pixels, ``int32 [n, 2]``, not negative.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = images.clone()
    launch(_write, len(images), [coverage.contiguous(), corners.contiguous(), out], images.device)
    return out


@wp.kernel
def _mark_letters(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    ground: wp.array2d(dtype=wp.float32),
    letters: wp.array3d(dtype=wp.uint8),
):
    n, y, x = wp.tid()
    letters[n, y, x] = wp.uint8(0)
    if mask[n, y, x] == wp.uint8(0):
        return
    size = image.shape[1]
    paper = wp.vec3(ground[n, 0], ground[n, 1], ground[n, 2])
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            yy = wp.clamp(y + dy, 0, size - 1)
            xx = wp.clamp(x + dx, 0, size - 1)
            if mask[n, yy, xx] != wp.uint8(0) and distance(read_color(image, n, yy, xx), paper) > 36.0:
                letters[n, y, x] = wp.uint8(1)


def letter_masks(images: torch.Tensor, masks: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """Pixels of each region that stand out from its ground colour, and their neighbours.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        ground: ``float32 [n, 3]``.

    Returns:
        ``bool [n, S, S]``.
    """
    letters = torch.empty(masks.shape, dtype=torch.uint8, device=images.device)
    launch(_mark_letters, masks.shape, [images, masks.view(torch.uint8), ground.contiguous(), letters], images.device)
    return letters.view(torch.bool)
