# mypy: ignore-errors
"""Each cell explained as background or as source."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, distance
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_color,
    is_ground,
    plate_cell,
    tone_scale,
    toned,
    wanted,
)


@wp.kernel
def rate_busyness(
    means: wp.array2d(dtype=wp.vec3), rows: wp.array(dtype=wp.int64), busyness: wp.array2d(dtype=wp.float32)
):
    """How much a plate varies around each cell beyond its texture, as a slack in levels of 255, at most 20.

    Textures are averaged away first: what is left is where one thing behind the objects ends and another begins.
    """
    n, cell = wp.tid()
    b = int(rows[n])
    y = cell / const.GRID
    x = cell % const.GRID
    total = wp.vec3(0.0, 0.0, 0.0)
    squares = wp.vec3(0.0, 0.0, 0.0)
    for i in range(25):
        yy = y + 2 * (i / 5 - 2)
        xx = x + 2 * (i % 5 - 2)
        local = wp.vec3(0.0, 0.0, 0.0)
        for j in range(16):
            at_y = wp.clamp(yy + j / 4 - 1, 0, const.GRID - 1)
            at_x = wp.clamp(xx + j % 4 - 1, 0, const.GRID - 1)
            local += means[b, at_y * const.GRID + at_x]
        local = local / 16.0
        total += local
        squares += wp.cw_mul(local, local)
    total = total / 25.0
    spread = squares / 25.0 - wp.cw_mul(total, total)
    mean = (wp.max(spread[0], 0.0) + wp.max(spread[1], 0.0) + wp.max(spread[2], 0.0)) / 3.0
    busyness[b, cell] = wp.min(0.7 * wp.sqrt(mean), 20.0)


@wp.kernel
def explain_cells(known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Flag each cell as background, as source, and as one where the two can be told apart."""
    n, cell = wp.tid()
    b = int(rows[n])
    tone = wanted(known, b, 7)
    slack = float(0.0)
    if tone == const.SOFT or tone == const.CRISP:
        slack = float(16.0)
    c = found.cells[n, cell]
    share = known.background[b, cell]
    own_plate = known.plate[b, cell]
    ground = ground_color(found, n, plate_cell(known, found, n, b, cell))
    source = toned(found, n, known.source[b, cell])
    if found.plate[n] != -1 or found.ground_own[n] == 1:
        source = clamp_color(source - share * toned(found, n, own_plate) + share * ground)
    fine = known.plate_detail[b, cell]
    if found.plate[n] >= 0:
        fine = known.stock_detail[found.plate[n], cell]
    if found.plate[n] == -2:
        fine = float(0.0)
    strength = 0.333 * (found.gain[n][0] + found.gain[n][1] + found.gain[n][2])
    if found.ground_own[n] == 1 and found.plate[n] != -2:
        g = found.ground_gain[n]
        strength = 0.299 * wp.abs(g[0]) + 0.587 * wp.abs(g[1]) + 0.114 * wp.abs(g[2])
    fine = fine * strength
    detail_gap = wp.abs(found.detail[n, cell] - fine)
    # behind an object, a busy background need only be guessed as well as its surroundings vary
    guess = float(0.0)
    if known.labels[b, cell] > wp.uint8(0):
        guess = known.busyness[b, cell]
        if found.plate[n] >= 0:
            guess = known.stock_busyness[found.plate[n], cell]
        if found.plate[n] == -2:
            guess = float(0.0)
    flags = int(0)
    scale = tone_scale(found, n)
    near = 13.0 * scale
    guess = guess * scale
    if distance(c, ground) < near + slack + guess and detail_gap < 3.0 + 0.35 * fine + slack + 0.5 * guess:
        flags = flags | const.AS_BACKGROUND
    elif guess > 2.0:
        # or it continues what is seen beside it
        y = cell / const.GRID
        x = cell % const.GRID
        for i in range(49):
            yy = wp.clamp(y + i / 7 - 3, 0, const.GRID - 1)
            xx = wp.clamp(x + i % 7 - 3, 0, const.GRID - 1)
            other = yy * const.GRID + xx
            beside = ground_color(found, n, plate_cell(known, found, n, b, other))
            if is_ground(known, b, other) and distance(found.cells[n, other], beside) < near + slack:
                if distance(c, found.cells[n, other]) < 10.0 * scale + slack:
                    if wp.abs(found.detail[n, cell] - found.detail[n, other]) < 5.0 + slack:
                        flags = flags | const.AS_BACKGROUND
    if distance(c, source) < near + 0.4 * slack:
        flags = flags | const.AS_SOURCE
    if distance(source, ground) > 20.0 * scale + guess:
        flags = flags | const.TELLING
    found.flags[n, cell] = flags
    found.find_of[n, cell] = -1
