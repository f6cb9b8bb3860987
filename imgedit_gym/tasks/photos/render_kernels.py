# mypy: ignore-errors
"""Kernels that cut the originals out of the photographs and put the faults in."""

import warp as wp

from imgedit_gym.core.retouching import AIRLIGHT, PAPER
from imgedit_gym.kernels.random import random_bits
from imgedit_gym.tasks.photos.recipe import CAST, CONTRAST, EXPOSURE, FADING, HAZE, MAX_FAULTS, SHADOW
from imgedit_gym.tasks.photos.recipe_arrays import RecipeArrays

_HAZE, _SHADOW, _EXPOSURE, _CAST, _CONTRAST, _FADING = (
    wp.constant(aspect) for aspect in (HAZE, SHADOW, EXPOSURE, CAST, CONTRAST, FADING)
)
_AIR = wp.constant(wp.vec3(*AIRLIGHT))
_PAPER = wp.constant(wp.vec3(*PAPER))
_F = wp.constant(MAX_FAULTS)
_TURN = wp.constant(6.283185307)
_MASK = wp.constant(wp.uint64(0xFFFF))


@wp.func
def _level(value: float) -> wp.uint8:
    return wp.uint8(int(wp.clamp(value + 0.5, 0.0, 255.0)))


@wp.kernel
def cut_out(
    first: int,
    rows: wp.array(dtype=wp.int64),
    pixels: wp.array(dtype=wp.uint8),
    starts: wp.array(dtype=wp.int64),
    sizes: wp.array2d(dtype=wp.int32),
    recipes: RecipeArrays,
    lanes: int,
    originals: wp.array4d(dtype=wp.uint8),
):
    """Cut squares out of photographs and bring them to size: each pixel is a weighted mean of those it covers.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        pixels: All photographs' pixels in one line.
        starts: Where each begins.
        sizes: Height and width of each.
        recipes: Where to cut.
        lanes: Threads that share a picture.
        originals: ``[B, S, S, 3]``, written.
    """
    i, lane = wp.tid()
    b = int(rows[first + i])
    size = originals.shape[1]
    photograph = recipes.crop[b, 0]
    top = recipes.crop[b, 1]
    left = recipes.crop[b, 2]
    edge = recipes.crop[b, 3]
    start = int(starts[photograph])
    width = sizes[photograph, 1]
    scale = float(edge) / float(size)
    reach = wp.max(scale, 1.0)
    for y in range(lane, size, lanes):
        middle_y = (float(y) + 0.5) * scale - 0.5
        first_y = wp.max(int(wp.ceil(middle_y - reach)), 0)
        last_y = wp.min(int(wp.floor(middle_y + reach)), edge - 1)
        for x in range(size):
            middle_x = (float(x) + 0.5) * scale - 0.5
            first_x = wp.max(int(wp.ceil(middle_x - reach)), 0)
            last_x = wp.min(int(wp.floor(middle_x + reach)), edge - 1)
            total = wp.vec3(0.0, 0.0, 0.0)
            weights = float(0.0)
            for yy in range(first_y, last_y + 1):
                down = 1.0 - wp.abs(float(yy) - middle_y) / reach
                for xx in range(first_x, last_x + 1):
                    weight = down * (1.0 - wp.abs(float(xx) - middle_x) / reach)
                    at = start + 3 * ((top + yy) * width + left + xx)
                    total += weight * wp.vec3(float(pixels[at]), float(pixels[at + 1]), float(pixels[at + 2]))
                    weights += weight
            to = x
            if recipes.crop[b, 4] == 1:
                to = size - 1 - x
            for c in range(3):
                originals[b, y, to, c] = _level(total[c] / weights)


@wp.func
def _bell(bits: wp.uint64, more: wp.uint64) -> float:
    """A sum of eight uniform numbers, of mean 0 and variance 1: nearly normal, and equal on every device."""
    total = float(0.0)
    for part in range(4):
        total += float(int((bits >> wp.uint64(16 * part)) & _MASK)) + float(int((more >> wp.uint64(16 * part)) & _MASK))
    return (total / 65535.0 - 4.0) * 1.2247449


@wp.kernel
def add_noise(
    first: int,
    rows: wp.array(dtype=wp.int64),
    originals: wp.array4d(dtype=wp.uint8),
    recipes: RecipeArrays,
    lanes: int,
    noisy: wp.array4d(dtype=wp.uint8),
):
    """Put grain or specks, which are the first fault of these recipes, into the originals.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        originals: ``[B, S, S, 3]``.
        recipes: How much.
        lanes: Threads that share a picture.
        noisy: ``[B, S, S, 3]``, written.
    """
    i, lane = wp.tid()
    b = int(rows[first + i])
    size = originals.shape[1]
    key = recipes.noise_key[b]
    amount = recipes.amounts[b, 0, 0]
    for y in range(lane, size, lanes):
        for x in range(size):
            at = 8 * (y * size + x)
            if recipes.faults[b, 0, 1] == 0:
                for c in range(3):
                    grain = _bell(random_bits(key, at + 2 * c), random_bits(key, at + 2 * c + 1))
                    noisy[b, y, x, c] = _level(float(originals[b, y, x, c]) + amount * grain)
            else:
                bits = random_bits(key, at)
                share = float(int(bits & _MASK)) / 65536.0
                speck = wp.uint8(0)
                if (bits >> wp.uint64(40)) & wp.uint64(1) == wp.uint64(1):
                    speck = wp.uint8(255)
                for c in range(3):
                    if share < amount:
                        noisy[b, y, x, c] = speck
                    else:
                        noisy[b, y, x, c] = originals[b, y, x, c]


@wp.kernel
def blur_taps(
    rows: wp.array(dtype=wp.int64),
    recipes: RecipeArrays,
    scale: float,
    taps: wp.array3d(dtype=wp.float32),
):
    """Weights of the blur that is the first fault of these recipes.

    Args:
        rows: Which rows of the batch, ``[n]``.
        recipes: How much.
        scale: Edge of the pictures over 128.
        taps: ``[n, 2, T]``, written: along columns and along lines.
    """
    i = wp.tid()
    b = int(rows[i])
    reach = taps.shape[2] / 2
    amount = recipes.amounts[b, 0, 0] * scale
    for side in range(2):
        total = float(0.0)
        for k in range(-reach, reach + 1):
            weight = float(0.0)
            if side == 1 or recipes.faults[b, 0, 1] == 0:
                weight = wp.exp(-0.5 * float(k * k) / (amount * amount))
            elif k == 0:
                weight = 1.0
            taps[i, side, k + reach] = weight
            total += weight
        for k in range(-reach, reach + 1):
            taps[i, side, k + reach] = taps[i, side, k + reach] / total


@wp.func
def _near_edge(y: int, x: int, box: wp.vec4i, size: int) -> int:
    """Pixels from a pixel to the first outside a box; the border of the picture is no outside."""
    near = int(size)
    if box[0] > 0:
        near = wp.min(near, y - box[0] + 1)
    if box[1] > 0:
        near = wp.min(near, x - box[1] + 1)
    if box[2] < size:
        near = wp.min(near, box[2] - y)
    if box[3] < size:
        near = wp.min(near, box[3] - x)
    return near


@wp.func
def _spoil(
    color: wp.vec3, aspect: int, kind: int, amount: wp.vec3, y: int, x: int, box: wp.vec4i, size: int, feather: int
) -> wp.vec3:
    """One pixel after a fault of tone or colour; levels in [0, 1]."""
    one = wp.vec3(1.0, 1.0, 1.0)
    if aspect == _HAZE:
        through = amount[0]
        if kind == 1:
            through = amount[0] + (1.0 - amount[0]) * (float(y) + 0.5) / float(size)
        return through * color + (1.0 - through) * _AIR
    if aspect == _SHADOW:
        if y < box[0] or y >= box[2] or x < box[1] or x >= box[3]:
            return color
        weight = float(1.0)
        if kind == 1:
            weight = wp.min(float(_near_edge(y, x, box, size)) / float(feather), 1.0)
        return wp.pow(amount[0], weight) * color
    if aspect == _EXPOSURE:
        if kind == 0:
            return amount[0] * color
        return wp.vec3(wp.pow(color[0], amount[0]), wp.pow(color[1], amount[0]), wp.pow(color[2], amount[0]))
    if aspect == _CAST:
        if kind == 0:
            return wp.cw_mul(amount, color)
        return amount + wp.cw_mul(one - amount, color)
    if aspect == _CONTRAST:
        if kind == 0:
            return 0.5 * one + amount[0] * (color - 0.5 * one)
        bend = amount[0] / _TURN
        return color + bend * wp.vec3(wp.sin(_TURN * color[0]), wp.sin(_TURN * color[1]), wp.sin(_TURN * color[2]))
    gray = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    if kind == 0:
        return gray * one + amount[0] * (color - gray * one)
    return amount[0] * _PAPER + (1.0 - amount[0]) * (gray * one + amount[1] * (color - gray * one))


@wp.kernel
def spoil_pictures(
    first: int,
    rows: wp.array(dtype=wp.int64),
    originals: wp.array4d(dtype=wp.uint8),
    begun: wp.array4d(dtype=wp.uint8),
    detail: wp.array(dtype=wp.int32),
    recipes: RecipeArrays,
    feather: int,
    lanes: int,
    alone: wp.array4d(dtype=wp.uint8),
    spoilt: wp.array4d(dtype=wp.uint8),
):
    """Put all faults into the pictures, and each alone into the originals.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        originals: ``[B, S, S, 3]``.
        begun: The originals with noise or blur, where there is any, ``[B, S, S, 3]``.
        detail: 1 where there is any, ``[B]``.
        recipes: What to put in.
        feather: Width of a soft shadow's edge in pixels.
        lanes: Threads that share a picture.
        alone: ``[B * MAX_FAULTS, S, S, 3]``, written.
        spoilt: ``[B, S, S, 3]``, written.
    """
    i, lane = wp.tid()
    b = int(rows[first + i])
    size = originals.shape[1]
    box = wp.vec4i(recipes.box[b, 0], recipes.box[b, 1], recipes.box[b, 2], recipes.box[b, 3])
    for y in range(lane, size, lanes):
        for x in range(size):
            own = wp.vec3(float(originals[b, y, x, 0]), float(originals[b, y, x, 1]), float(originals[b, y, x, 2]))
            own = own / 255.0
            color = wp.vec3(float(begun[b, y, x, 0]), float(begun[b, y, x, 1]), float(begun[b, y, x, 2])) / 255.0
            for f in range(_F):
                single = own
                if f < recipes.count[b]:
                    if f == 0 and detail[b] == 1:
                        single = color
                    else:
                        aspect = recipes.faults[b, f, 0]
                        kind = recipes.faults[b, f, 1]
                        amount = wp.vec3(recipes.amounts[b, f, 0], recipes.amounts[b, f, 1], recipes.amounts[b, f, 2])
                        single = _spoil(own, aspect, kind, amount, y, x, box, size, feather)
                        color = _spoil(color, aspect, kind, amount, y, x, box, size, feather)
                for c in range(3):
                    alone[b * _F + f, y, x, c] = _level(255.0 * single[c])
            for c in range(3):
                spoilt[b, y, x, c] = _level(255.0 * color[c])
