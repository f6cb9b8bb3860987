# mypy: ignore-errors
"""The kernel that draws recipes, one thread a task. Everything follows from the task's key and the attempt."""

import warp as wp

from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.retouching import ASPECTS
from imgedit_gym.kernels.random import random_below, random_between, random_bits, random_unit
from imgedit_gym.tasks.photos.recipe import BLUR_FAULT, CAST, CONTRAST, EXPOSURE, HAZE, JITTER, NOISE_FAULT, SHADOW
from imgedit_gym.tasks.photos.recipe_arrays import RecipeArrays

BLOCK = LATTICE // 2
"""Edge of a shadow in cells of the lattice."""

DEPTH_OF_BLUR = 3
"""Most faults of a blurred picture: under more of them too little of its detail is left to bring back."""

_DEPTH_OF_BLUR = wp.constant(DEPTH_OF_BLUR)
_ASPECTS = wp.constant(len(ASPECTS))
_NOISE, _BLUR, _HAZE, _SHADOW, _EXPOSURE, _CAST, _CONTRAST = (
    wp.constant(aspect) for aspect in (NOISE_FAULT, BLUR_FAULT, HAZE, SHADOW, EXPOSURE, CAST, CONTRAST)
)
_JITTER = wp.constant(JITTER)
_CELLS = wp.constant(LATTICE)
_BLOCK = wp.constant(BLOCK)
_DRAWS = wp.constant(64)
"""Random numbers of one attempt."""


@wp.func
def _edge(cell: int, size: int) -> int:
    return int(wp.rint(float(cell * size) / float(_CELLS)))


@wp.kernel
def draw_recipes(
    first: int,
    rows: wp.array(dtype=wp.int64),
    keys: wp.array(dtype=wp.int64),
    attempt: int,
    photographs: wp.array(dtype=wp.int32),
    sizes: wp.array2d(dtype=wp.int32),
    strengths: wp.array4d(dtype=wp.float32),
    fewest: int,
    most: int,
    size: int,
    recipes: RecipeArrays,
):
    """Draw the recipes of some tasks.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        keys: Their keys, ``[n]``.
        attempt: Number of the attempt, from 0: an earlier recipe of the key was no good.
        photographs: Photographs of the split.
        sizes: Height and width of each photograph.
        strengths: See :func:`imgedit_gym.tasks.photos.recipe.strengths`.
        fewest: Fewest faults.
        most: Most faults.
        size: Edge of the pictures.
        recipes: Written.
    """
    i = first + wp.tid()
    b = int(rows[i])
    key = keys[i]
    at = attempt * _DRAWS
    # how deep is drawn from the key alone, so that an attempt that fails does not favour shallow tasks
    wanted = fewest + random_below(key, -1, most - fewest + 1)
    photograph = photographs[random_below(key, at, photographs.shape[0])]
    height = sizes[photograph, 0]
    width = sizes[photograph, 1]
    longest = wp.min(height, width)
    shortest = wp.min(wp.max(int(0.6 * float(longest)), size), longest)
    edge = shortest + random_below(key, at + 1, longest - shortest + 1)
    recipes.crop[b, 0] = photograph
    recipes.crop[b, 1] = random_below(key, at + 2, height - edge + 1)
    recipes.crop[b, 2] = random_below(key, at + 3, width - edge + 1)
    recipes.crop[b, 3] = edge
    recipes.crop[b, 4] = random_below(key, at + 4, 2)
    recipes.noise_key[b] = wp.int64(random_bits(key, at + 5))
    for side in range(4):
        recipes.box[b, side] = 0
    # aspects in random order until there are enough; some pairs cannot be told apart or undone together
    chosen = int(0)
    count = int(0)
    for turn in range(_ASPECTS):
        best = int(-1)
        least = float(2.0)
        for aspect in range(_ASPECTS):
            order = random_unit(key, at + 8 + aspect)
            taken = (chosen >> (aspect + 8)) & 1
            if taken == 0 and order < least:
                best = aspect
                least = order
        chosen = chosen | (1 << (best + 8))
        clash = False
        if best == _NOISE:
            clash = (chosen >> _BLUR) & 1 == 1
        if best == _BLUR:
            clash = (chosen >> _NOISE) & 1 == 1 or wanted > _DEPTH_OF_BLUR
        if best == _HAZE:
            clash = (chosen >> _CONTRAST) & 1 == 1
        if best == _CONTRAST:
            clash = (chosen >> _HAZE) & 1 == 1
        if count < wanted and not clash:
            chosen = chosen | (1 << best)
            count += 1
    recipes.count[b] = count
    fault = int(0)
    for aspect in range(_ASPECTS):
        if (chosen >> aspect) & 1 == 1:
            kind = random_below(key, at + 16 + aspect, 2)
            degree = random_below(key, at + 24 + aspect, 3)
            direction = int(0)
            if aspect == _EXPOSURE and kind == 1:
                direction = random_below(key, at + 32, 2)
            if aspect == _CAST:
                direction = random_below(key, at + 33, 4)
            if aspect == _SHADOW:
                top = random_below(key, at + 34, _CELLS - _BLOCK + 1)
                left = random_below(key, at + 35, _CELLS - _BLOCK + 1)
                recipes.box[b, 0] = _edge(top, size)
                recipes.box[b, 1] = _edge(left, size)
                recipes.box[b, 2] = _edge(top + _BLOCK, size)
                recipes.box[b, 3] = _edge(left + _BLOCK, size)
            recipes.faults[b, fault, 0] = aspect
            recipes.faults[b, fault, 1] = kind
            recipes.faults[b, fault, 2] = direction
            recipes.faults[b, fault, 3] = degree
            more = 1.0 + random_between(key, at + 40 + aspect, -_JITTER, _JITTER)
            for number in range(3):
                value = strengths[2 * aspect + kind, direction, degree, number]
                if strengths[2 * aspect + kind, direction, degree, 3] > 0.5:
                    value = wp.pow(value, more)
                else:
                    value = value * more
                recipes.amounts[b, fault, number] = value
            fault += 1
    for rest in range(fault, recipes.faults.shape[1]):
        recipes.faults[b, rest, 0] = -1
