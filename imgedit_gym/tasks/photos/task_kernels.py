# mypy: ignore-errors
"""The kernel that makes tasks of recipes: request, plan and requirements as numbers, one thread a task."""

import warp as wp

from imgedit_gym.core.checklist import LABEL_PICTURE, MAX_REQUIREMENTS, N_LABELS, Kind
from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.region import LATTICE
from imgedit_gym.kernels.random import random_below
from imgedit_gym.tasks.photos.recipe import MAX_FAULTS, SHADOW
from imgedit_gym.tasks.photos.recipe_arrays import RecipeArrays
from imgedit_gym.tasks.task_arrays import TaskArrays

SHADOW_LABEL = 1
"""Segment label of a place that is darker than the rest; all else is background."""

_ADJUST = wp.constant(VERBS.index("adjust"))
_RESTORED = wp.constant(int(Kind.RESTORED))
_SHADOW, _SHADOW_LABEL, _WHOLE = wp.constant(SHADOW), wp.constant(SHADOW_LABEL), wp.constant(LABEL_PICTURE)
_ROWS, _LABELS, _F, _CELLS = (wp.constant(n) for n in (MAX_REQUIREMENTS, N_LABELS, MAX_FAULTS, LATTICE))


@wp.func
def _third(first: int, last: int, size: int) -> int:
    """Where a span lies: 0 before the middle, 1 in it, 2 behind it."""
    middle = int(wp.rint(float((first + last) * _CELLS) / float(2 * size)))
    if 2 * middle < _CELLS:
        return 0
    if 2 * middle > _CELLS:
        return 2
    return 1


@wp.kernel
def write_tasks(
    first: int,
    rows: wp.array(dtype=wp.int64),
    keys: wp.array(dtype=wp.int64),
    recipes: RecipeArrays,
    goal_of: wp.array2d(dtype=wp.int32),
    value_codes: wp.array3d(dtype=wp.int32),
    picture_code: int,
    place_codes: wp.array(dtype=wp.int32),
    phrasings: int,
    size: int,
    tasks: TaskArrays,
    fault_row: wp.array2d(dtype=wp.int32),
):
    """Write the tasks of recipes.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        keys: Their keys, ``[n]``.
        recipes: What was done to the pictures.
        goal_of: Goal by aspect and direction.
        value_codes: Code of the word that undoes a fault, by aspect, direction and degree.
        picture_code: Code of the target ``picture``.
        place_codes: Codes of the places.
        phrasings: Phrasings of each goal.
        size: Edge of the pictures.
        tasks: Written.
        fault_row: Which requirement each fault is, ``[B, MAX_FAULTS]``, written.
    """
    i = first + wp.tid()
    b = int(rows[i])
    key = keys[i]
    tasks.keys[b] = key
    tasks.background[b] = -1
    tasks.headline[b] = -1
    tasks.headline_panel[b] = 0
    for side in range(4):
        tasks.headline_box[b, side] = 0
    for slot in range(tasks.slots.shape[1]):
        tasks.slots[b, slot] = -1
    tasks.light[b] = wp.vec3(1.0, 1.0, 1.0)
    for label in range(_LABELS):
        tasks.keep[b, label] = wp.uint8(0)
    tasks.keep[b, 0] = wp.uint8(1)
    for row in range(_ROWS):
        for column in range(5):
            tasks.requirements[b, row, column] = 0
    for step in range(tasks.plan.shape[1]):
        for part in range(3):
            tasks.plan[b, step, part] = 0
        tasks.plan_labels[b, step] = _WHOLE
        tasks.plan_cells[b, step] = -1
    count = recipes.count[b]
    tasks.plan_length[b] = count
    for f in range(_F):
        fault_row[b, f] = 0
    for step in range(count):
        # what was done last is undone first
        f = count - 1 - step
        aspect = recipes.faults[b, f, 0]
        direction = recipes.faults[b, f, 2]
        degree = recipes.faults[b, f, 3]
        fault_row[b, f] = step
        tasks.plan[b, step, 0] = _ADJUST
        tasks.plan[b, step, 1] = picture_code
        tasks.plan[b, step, 2] = value_codes[aspect, direction, degree]
        slot = int(-1)
        if aspect == _SHADOW:
            down = _third(recipes.box[b, 0], recipes.box[b, 2], size)
            right = _third(recipes.box[b, 1], recipes.box[b, 3], size)
            tasks.plan[b, step, 1] = place_codes[3 * down + right]
            tasks.plan_labels[b, step] = _SHADOW_LABEL
            tasks.keep[b, _SHADOW_LABEL] = wp.uint8(1)
            slot = _SHADOW_LABEL - 1
        tasks.requirements[b, step, 0] = _RESTORED
        tasks.requirements[b, step, 1] = step
        tasks.requirements[b, step, 2] = slot
        tasks.requirements[b, step, 3] = goal_of[aspect, direction]
        tasks.requirements[b, step, 4] = degree
    # the request speaks of one or two of the faults
    spoken = random_below(key, -2, count)
    other = (spoken + 1 + random_below(key, -3, wp.max(count - 1, 1))) % wp.max(count, 1)
    for part in range(2):
        tasks.goals[b, part] = -1
        tasks.phrasings[b, part] = random_below(key, -4 - part, phrasings)
    tasks.goals[b, 0] = goal_of[recipes.faults[b, spoken, 0], recipes.faults[b, spoken, 2]]
    if count > 1:
        tasks.goals[b, 1] = goal_of[recipes.faults[b, other, 0], recipes.faults[b, other, 2]]
