"""Writing text and taking it away."""

import torch
import warp as wp

from imgedit_gym.kernels.color import luma, read_color, write_color
from imgedit_gym.kernels.reduce import LARGEST
from imgedit_gym.kernels.runtime import lanes_of, launch


@wp.kernel
def _write(
    first: int,
    coverage: wp.array3d(dtype=wp.uint8),
    corners: wp.array2d(dtype=wp.int32),
    out: wp.array4d(dtype=wp.uint8),
):
    n = first + wp.tid()
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


@wp.func_native(f"""
    // pixels of three lines that stand out, with a margin on both sides
    unsigned char strong[{LARGEST} + 2];
    for (int x = 0; x < size + 2; ++x) strong[x] = 0;
    for (int yy = wp::max(y - 1, 0); yy <= wp::min(y + 1, size - 1); ++yy) {{
        const unsigned char* inside = mask.data + yy * size;
        const unsigned char* line = image.data + yy * size * 3;
        for (int x = left; x < right; ++x) {{
            const float r = fabsf((float)line[3 * x] - ground[0]), g = fabsf((float)line[3 * x + 1] - ground[1]);
            const float b = fabsf((float)line[3 * x + 2] - ground[2]);
            const float rg = r + g;
            const float apart = (rg + b) / 3.0f;
            strong[x + 1] |= inside[x] && apart > 36.0f;
        }}
    }}
    for (int x = left; x < right; ++x)
        letters.data[x] = mask.data[y * size + x] && (strong[x] | strong[x + 1] | strong[x + 2]);
""")
def _mark_line(
    image: wp.array3d(dtype=wp.uint8),
    mask: wp.array2d(dtype=wp.uint8),
    size: int,
    y: int,
    left: int,
    right: int,
    ground: wp.vec3,
    letters: wp.array(dtype=wp.uint8),
): ...


@wp.kernel
def _mark_letters(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    ground: wp.array(dtype=wp.vec3),
    lanes: int,
    letters: wp.array3d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _mark_line(images[n], masks[n], images.shape[1], y, box[1], box[3], ground[n], letters[n, y])


def letter_masks(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """Pixels of each region that stand out from its ground colour, and their neighbours.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        ground: ``float32 [n, 3]``.

    Returns:
        ``bool [n, S, S]``.
    """
    letters = torch.zeros(masks.shape, dtype=torch.bool, device=images.device)
    lanes = lanes_of(images.device, images.shape[1])
    inputs = [images.contiguous(), masks.contiguous(), boxes, ground.contiguous(), lanes, letters]
    launch(_mark_letters, (len(images), lanes), inputs, images.device)
    return letters
