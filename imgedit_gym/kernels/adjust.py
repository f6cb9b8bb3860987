"""Pixel-wise colour changes and small filters."""

import torch
import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, luma, multiply, read_color, rotate_hue, write_color
from imgedit_gym.kernels.runtime import launch


@wp.kernel
def _grade(
    image: wp.array4d(dtype=wp.uint8),
    gain: wp.array2d(dtype=wp.float32),
    offset: wp.array(dtype=wp.float32),
    saturation: wp.array(dtype=wp.float32),
    out: wp.array4d(dtype=wp.uint8),
):
    n, y, x = wp.tid()
    color = read_color(image, n, y, x)
    grey = luma(color)
    base = wp.vec3(grey, grey, grey)
    bent = base + saturation[n] * (color - base)
    o = offset[n]
    write_color(out, n, y, x, wp.vec3(bent[0] * gain[n, 0] + o, bent[1] * gain[n, 1] + o, bent[2] * gain[n, 2] + o))


def grade(images: torch.Tensor, gain: torch.Tensor, offset: torch.Tensor, saturation: torch.Tensor) -> torch.Tensor:
    """Saturation about luma, then gain by channel, then offset.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        gain: ``float32 [n, 3]``.
        offset: ``float32 [n]``, in levels of 255.
        saturation: ``float32 [n]``; 1 leaves it, 0 is grey.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = torch.empty_like(images)
    inputs = [images, gain.contiguous(), offset.contiguous(), saturation.contiguous(), out]
    launch(_grade, images.shape[:3], inputs, images.device)
    return out


@wp.func
def _is_ground(color: wp.vec3, ground: wp.vec3) -> bool:
    """Whether a colour is the ground's own, in light or shade."""
    return wp.dot(color, ground) > 0.992 * wp.length(color) * wp.length(ground)


@wp.kernel
def _turn_hue(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    boxes: wp.array2d(dtype=wp.int32),
    ground: wp.array2d(dtype=wp.float32),
    hue: wp.array(dtype=wp.float32),
    out: wp.array4d(dtype=wp.uint8),
):
    n = wp.tid()
    around = wp.vec3(ground[n, 0], ground[n, 1], ground[n, 2])
    # the dominant hue of the region: direction of the summed chroma, shadows on the ground apart
    own = wp.vec2(0.0, 0.0)
    shade = wp.vec2(0.0, 0.0)
    n_own = float(0.0)
    n_shade = float(0.0)
    for y in range(boxes[n, 0], boxes[n, 2]):
        for x in range(boxes[n, 1], boxes[n, 3]):
            if mask[n, y, x] != wp.uint8(0):
                color = read_color(image, n, y, x)
                part = wp.vec2(color[0] - 0.5 * (color[1] + color[2]), 0.8660254 * (color[1] - color[2]))
                if _is_ground(color, around):
                    shade += part
                    n_shade += 1.0
                else:
                    own += part
                    n_own += 1.0
    mixed = n_own < 0.3 * (n_own + n_shade)
    if mixed:
        own += shade
    turn = hue[n] - wp.atan2(own[1], own[0]) / 1.0471975512
    turn = turn - 6.0 * wp.floor(turn / 6.0)
    for y in range(boxes[n, 0], boxes[n, 2]):
        for x in range(boxes[n, 1], boxes[n, 3]):
            if mask[n, y, x] != wp.uint8(0):
                color = read_color(image, n, y, x)
                if chroma(color) > 12.0 and (mixed or not _is_ground(color, around)):
                    write_color(out, n, y, x, clamp_color(rotate_hue(color, turn)))


def turn_hue(
    images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, ground: torch.Tensor, hue: torch.Tensor
) -> torch.Tensor:
    """Turn the colours of each region until its dominant hue is the one given; greys and shadows stay.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        ground: Colour around each region, ``float32 [n, 3]``.
        hue: ``float32 [n]`` in [0, 6).

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = images.clone()
    inputs = [images, masks.view(torch.uint8), boxes, ground, hue.contiguous(), out]
    launch(_turn_hue, len(images), inputs, images.device)
    return out


@wp.kernel
def _tint(image: wp.array4d(dtype=wp.uint8), ink: wp.array2d(dtype=wp.float32), out: wp.array4d(dtype=wp.uint8)):
    n, y, x = wp.tid()
    write_color(out, n, y, x, multiply(read_color(image, n, y, x), wp.vec3(ink[n, 0], ink[n, 1], ink[n, 2])))


def tint(images: torch.Tensor, ink: torch.Tensor) -> torch.Tensor:
    """Multiply each picture by a colour, as a transparent ink would.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        ink: ``float32 [n, 3]`` in [0, 255].

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = torch.empty_like(images)
    launch(_tint, images.shape[:3], [images, ink.contiguous(), out], images.device)
    return out


@wp.kernel
def _detail(image: wp.array4d(dtype=wp.uint8), reach: int, amount: float, out: wp.array4d(dtype=wp.uint8)):
    n, y, x = wp.tid()
    size = image.shape[1]
    total = wp.vec3(0.0, 0.0, 0.0)
    count = float(0.0)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            total += read_color(image, n, wp.clamp(y + dy, 0, size - 1), wp.clamp(x + dx, 0, size - 1))
            count += 1.0
    own = read_color(image, n, y, x)
    write_color(out, n, y, x, own + amount * (own - total / count))


def change_detail(images: torch.Tensor, amount: float) -> torch.Tensor:
    """Blur or sharpen by unsharp masking with a box about one 128th of the picture wide.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        amount: -1 blurs fully, 0 leaves the picture, above 0 sharpens.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = torch.empty_like(images)
    reach = max(1, images.shape[1] // 128)
    launch(_detail, images.shape[:3], [images, reach, amount, out], images.device)
    return out
