"""Retouching: curves, mixes of channels, filters and local light, inside boxes; one thread a picture or line."""

import torch
import warp as wp

from imgedit_gym.kernels.lines import edit_lines
from imgedit_gym.kernels.runtime import launch

BINS = 256
_WINDOW = wp.constant(3)
"""Reach of the smoothing window in pixels."""

_OWN = wp.constant(0.75)
"""How much of a pixel's own colour is read from the pixel itself: a speck stays alone, grain does not."""


@wp.func
def _level(value: float) -> wp.uint8:
    return wp.uint8(int(wp.clamp(value + 0.5, 0.0, 255.0)))


@wp.func
def _pixel(images: wp.array4d(dtype=wp.uint8), n: int, y: int, x: int) -> wp.vec3:
    return wp.vec3(float(images[n, y, x, 0]), float(images[n, y, x, 1]), float(images[n, y, x, 2]))


@wp.kernel
def _curves(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    curves: wp.array3d(dtype=wp.uint8),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            for c in range(3):
                out[n, y, x, c] = curves[n, c, int(images[n, y, x, c])]


def apply_curves(images: torch.Tensor, boxes: torch.Tensor, curves: torch.Tensor) -> torch.Tensor:
    """Map the levels of each channel.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        curves: ``uint8 [n, 3, 256]``, new level by old one.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_curves, images, images, boxes, curves.contiguous())


@wp.kernel
def _mix(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    mixes: wp.array3d(dtype=wp.float32),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            color = _pixel(images, n, y, x)
            for c in range(3):
                value = (
                    mixes[n, c, 0] * color[0] + mixes[n, c, 1] * color[1] + mixes[n, c, 2] * color[2] + mixes[n, c, 3]
                )
                out[n, y, x, c] = _level(value)


def mix_channels(images: torch.Tensor, boxes: torch.Tensor, mixes: torch.Tensor) -> torch.Tensor:
    """Make each channel anew from a weighted sum of the three and a constant.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        mixes: ``float32 [n, 3, 4]``: weights of red, green and blue, and the constant in levels of 255.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_mix, images, images, boxes, mixes.contiguous())


@wp.kernel
def _lift_veil(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    through: wp.array(dtype=wp.float32),
    airs: wp.array(dtype=wp.vec3),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    size = images.shape[1]
    air = airs[n]
    for y in range(box[0] + lane, box[2], lanes):
        t = through[n] + (1.0 - through[n]) * (float(y) + 0.5) / float(size)
        for x in range(box[1], box[3]):
            color = _pixel(images, n, y, x)
            for c in range(3):
                out[n, y, x, c] = _level(air[c] + (color[c] - air[c]) / t)


def lift_veil(images: torch.Tensor, boxes: torch.Tensor, through: torch.Tensor, airs: torch.Tensor) -> torch.Tensor:
    """Take away a veil that is densest at the top of the picture and gone at its bottom.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        through: Share of light that comes through at the top, ``float32 [n]`` in (0, 1].
        airs: Colour of the veil in [0, 255], ``float32 [n, 3]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_lift_veil, images, images, boxes, through.contiguous(), airs.contiguous())


@wp.kernel
def _filter(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    taps: wp.array3d(dtype=wp.float32),
    lanes: int,
    between: wp.array4d(dtype=wp.float32),
    down: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    size = images.shape[1]
    reach = taps.shape[2] / 2
    top = wp.max(box[0] - reach, 0)
    bottom = wp.min(box[2] + reach, size)
    if down == 0:
        for y in range(top + lane, bottom, lanes):
            for x in range(box[1], box[3]):
                total = wp.vec3(0.0, 0.0, 0.0)
                for k in range(-reach, reach + 1):
                    total += taps[n, 1, k + reach] * _pixel(images, n, y, wp.clamp(x + k, 0, size - 1))
                for c in range(3):
                    between[n, y, x, c] = total[c]
        return
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            total = wp.vec3(0.0, 0.0, 0.0)
            for k in range(-reach, reach + 1):
                at = wp.clamp(y + k, 0, size - 1)
                total += taps[n, 0, k + reach] * wp.vec3(
                    between[n, at, x, 0], between[n, at, x, 1], between[n, at, x, 2]
                )
            for c in range(3):
                out[n, y, x, c] = _level(total[c])


def filter_apart(images: torch.Tensor, boxes: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Filter lines, then columns; beyond the border the picture goes on as its outermost pixels.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        taps: ``float32 [n, 2, T]``, T odd: weights along columns, and along lines.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    between = torch.empty(images.shape, device=images.device)
    out = images.clone()
    lanes = 1 if images.device.type == "cpu" else images.shape[1]
    for down in (0, 1):
        inputs = [images, boxes, taps.contiguous(), lanes, between, down, out]
        launch(_filter, (len(images), lanes), inputs, images.device)
    return out


@wp.kernel
def _smooth(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    spread: wp.array(dtype=wp.float32),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    size = images.shape[1]
    # colours of the three channels together, whose noise is independent
    sharp = -0.5 / (3.0 * spread[n] * spread[n])
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            # a small average helps to tell a noisy pixel's own colour
            own = wp.vec3(0.0, 0.0, 0.0)
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    own += _pixel(images, n, wp.clamp(y + dy, 0, size - 1), wp.clamp(x + dx, 0, size - 1)) / 9.0
            own = _OWN * _pixel(images, n, y, x) + (1.0 - _OWN) * own
            total = wp.vec3(0.0, 0.0, 0.0)
            weights = float(0.0)
            for dy in range(-_WINDOW, _WINDOW + 1):
                for dx in range(-_WINDOW, _WINDOW + 1):
                    color = _pixel(images, n, wp.clamp(y + dy, 0, size - 1), wp.clamp(x + dx, 0, size - 1))
                    apart = color - own
                    weight = wp.exp(sharp * wp.dot(apart, apart) - 0.08 * float(dy * dy + dx * dx))
                    total += weight * color
                    weights += weight
            for c in range(3):
                out[n, y, x, c] = _level(total[c] / weights)


def smooth_alike(images: torch.Tensor, boxes: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Average each pixel with those around it that are of its colour: a bilateral filter.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        spread: Levels of 255 by which the colours of alike pixels differ, ``float32 [n]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.

    Source: Tomasi and Manduchi, "Bilateral filtering for gray and color images" (1998); the pixel's own colour is
    read from a small average.
    """
    images = images.contiguous()
    return edit_lines(_smooth, images, images, boxes, spread.contiguous())


@wp.kernel
def _median(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    apart: wp.array(dtype=wp.float32),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    size = images.shape[1]
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            middle = wp.vec3(0.0, 0.0, 0.0)
            for c in range(3):
                # the smallest level that at least five of the nine do not exceed
                found = float(256.0)
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        level = float(images[n, wp.clamp(y + dy, 0, size - 1), wp.clamp(x + dx, 0, size - 1), c])
                        if level < found:
                            below = int(0)
                            for ey in range(-1, 2):
                                for ex in range(-1, 2):
                                    other = float(
                                        images[n, wp.clamp(y + ey, 0, size - 1), wp.clamp(x + ex, 0, size - 1), c]
                                    )
                                    if other <= level:
                                        below += 1
                            if below >= 5:
                                found = level
                middle[c] = found
            color = _pixel(images, n, y, x)
            gap = wp.abs(color - middle)
            if wp.min(gap[0], wp.min(gap[1], gap[2])) >= apart[n]:
                for c in range(3):
                    out[n, y, x, c] = wp.uint8(int(middle[c]))


def take_specks(images: torch.Tensor, boxes: torch.Tensor, apart: torch.Tensor) -> torch.Tensor:
    """Replace pixels that stand out in all channels by the median of the nine around them.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        apart: Levels of 255 by which a pixel stands out, ``float32 [n]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_median, images, images, boxes, apart.contiguous())


@wp.func
def _inside(masks: wp.array3d(dtype=wp.uint8), n: int, y: int, x: int, dy: int, dx: int, most: int) -> int:
    """Pixels from here to the first outside the mask in a direction, at most so many; the border is no outside."""
    size = masks.shape[1]
    for k in range(1, most):
        yy = y + k * dy
        xx = x + k * dx
        if yy < 0 or xx < 0 or yy >= size or xx >= size:
            return most
        if masks[n, yy, xx] == wp.uint8(0):
            return k
    return most


@wp.kernel
def _feather(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    stops: wp.array(dtype=wp.float32),
    width: int,
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        for x in range(box[1], box[3]):
            if masks[n, y, x] != wp.uint8(0):
                near = wp.min(_inside(masks, n, y, x, 0, -1, width), _inside(masks, n, y, x, 0, 1, width))
                near = wp.min(near, _inside(masks, n, y, x, -1, 0, width))
                near = wp.min(near, _inside(masks, n, y, x, 1, 0, width))
                gain = wp.exp(stops[n] * float(near) / float(width))
                for c in range(3):
                    out[n, y, x, c] = _level(gain * float(images[n, y, x, c]))


def light_softly(
    images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, stops: torch.Tensor, width: int
) -> torch.Tensor:
    """Multiply each region's light, less and less towards the region's edge.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        stops: Natural logarithm of the gain, ``float32 [n]``.
        width: Width of the edge in pixels, at least 1; the border of the picture is no edge.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_feather, images, images, masks.contiguous(), boxes, stops.contiguous(), width)


@wp.kernel
def _stretch(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    clip: float,
    counts: wp.array2d(dtype=wp.int32),
    curves: wp.array3d(dtype=wp.uint8),
):
    n = first + wp.tid()
    box = boxes[n]
    total = int(0)
    for y in range(box[0], box[2]):
        for x in range(box[1], box[3]):
            if masks[n, y, x] != wp.uint8(0):
                level = (
                    77 * int(images[n, y, x, 0]) + 150 * int(images[n, y, x, 1]) + 29 * int(images[n, y, x, 2])
                ) / 256
                counts[n, level] = counts[n, level] + 1
                total += 1
    few = int(clip * float(total))
    low = int(0)
    high = int(255)
    below = int(counts[n, 0])
    while below <= few and low < 254:
        low += 1
        below += counts[n, low]
    above = int(counts[n, 255])
    while above <= few and high > low + 1:
        high -= 1
        above += counts[n, high]
    for c in range(3):
        for level in range(256):
            curves[n, c, level] = _level(255.0 * (float(level) - float(low)) / float(high - low))


def stretching_curves(
    images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, clip: float = 0.01
) -> torch.Tensor:
    """Curves that spread each region's brightness over all levels.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        clip: Share of the pixels that may become black, and white.

    Returns:
        ``uint8 [n, 3, 256]``, the same for all channels.
    """
    images = images.contiguous()
    counts = torch.zeros(len(images), BINS, dtype=torch.int32, device=images.device)
    curves = torch.zeros(len(images), 3, BINS, dtype=torch.uint8, device=images.device)
    inputs = [images, masks.contiguous(), boxes, clip, counts, curves]
    launch(_stretch, len(images), inputs, images.device)
    return curves


@wp.kernel
def _balance(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    curves: wp.array3d(dtype=wp.uint8),
):
    n = first + wp.tid()
    box = boxes[n]
    red = wp.int64(0)
    green = wp.int64(0)
    blue = wp.int64(0)
    for y in range(box[0], box[2]):
        for x in range(box[1], box[3]):
            if masks[n, y, x] != wp.uint8(0):
                red += wp.int64(images[n, y, x, 0])
                green += wp.int64(images[n, y, x, 1])
                blue += wp.int64(images[n, y, x, 2])
    means = wp.vec3(float(red) + 1.0, float(green) + 1.0, float(blue) + 1.0)
    gray = wp.max(means[0], wp.max(means[1], means[2]))
    for c in range(3):
        for level in range(256):
            curves[n, c, level] = _level(float(level) * gray / means[c])


def balancing_curves(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Curves that give each region's channels the same mean, that of the brightest.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.

    Returns:
        ``uint8 [n, 3, 256]``.

    Source: the grey-world assumption of Buchsbaum, "A spatial processor model for object colour perception" (1980).
    """
    images = images.contiguous()
    curves = torch.zeros(len(images), 3, BINS, dtype=torch.uint8, device=images.device)
    launch(_balance, len(images), [images, masks.contiguous(), boxes, curves], images.device)
    return curves
