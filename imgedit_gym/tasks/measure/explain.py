# mypy: ignore-errors
"""Each cell explained as background or as source."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, distance, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_cell,
    is_ground,
    plate_fine,
    tone_scale,
    toned_freely,
    unclipped_share,
)

_SAME = wp.constant(0.75)
"""Distance up to which a cell is as it was."""


@wp.func
def _source_here(known: Known, found: Found, n: int, b: int, cell: int, share: float) -> wp.vec3:
    """What a cell of the untouched objects would show now, a share of it the background as it is."""
    source = toned_freely(found, n, known.source[b, cell])
    if found.plate[n] != -1 or found.ground_own[n] == 1:
        ground = ground_cell(known, found, n, b, cell)
        source += share * (ground - toned_freely(found, n, known.plate[b, cell]))
    return clamp_color(source)


@wp.func
def _explain(known: Known, found: Found, n: int, b: int, cell: int, plain: bool):
    """Flag one cell; ``plain`` where the picture has its own background, colour and tone."""
    c = found.cells[n, cell]
    found.find_of[n, cell] = -1
    if plain and distance(c, known.source[b, cell]) < _SAME:
        # as it was: nothing needs to be guessed
        source = known.source[b, cell]
        ground = known.plate[b, cell]
        fine = known.plate_detail[b, cell]
        guess = float(0.0)
        if known.labels[b, cell] > wp.uint8(0):
            guess = known.busyness[b, cell]
        flags = int(const.AS_SOURCE)
        if (
            distance(c, ground) < 13.0 + guess
            and wp.abs(found.detail[n, cell] - fine) < 3.0 + 0.35 * fine + 0.5 * guess
        ):
            flags = flags | const.AS_BACKGROUND
        if distance(source, ground) > 20.0 + guess:
            flags = flags | const.TELLING
        found.expected[n, cell] = source
        found.flags[n, cell] = flags
        return
    bare = ground_cell(known, found, n, b, cell)
    meant = _source_here(known, found, n, b, cell, known.matte[b, cell])
    # a background may have been changed through shadows and soft edges, or around them
    cut_out = _source_here(known, found, n, b, cell, known.background[b, cell])
    if distance(c, cut_out) < distance(c, meant):
        meant = cut_out
    blend = found.blend[n]
    slack = float(0.0)
    if blend != 0.0:
        slack = float(4.0)
        ground_around = wp.vec3(0.0, 0.0, 0.0)
        source_around = wp.vec3(0.0, 0.0, 0.0)
        for i in range(9):
            y = wp.clamp(cell / const.GRID + i / 3 - 1, 0, const.GRID - 1)
            x = wp.clamp(cell % const.GRID + i % 3 - 1, 0, const.GRID - 1)
            around = y * const.GRID + x
            ground_around += ground_cell(known, found, n, b, around)
            source_around += _source_here(known, found, n, b, around, known.matte[b, around])
        bare = clamp_color(bare + blend * (ground_around / 9.0 - bare))
        meant = clamp_color(meant + blend * (source_around / 9.0 - meant))
    found.expected[n, cell] = meant
    strength = luma(found.tone[n] * wp.vec3(1.0, 1.0, 1.0))
    if found.ground_own[n] == 1 and found.plate[n] != -2:
        g = found.ground_gain[n]
        strength = luma(wp.vec3(wp.abs(g[0]), wp.abs(g[1]), wp.abs(g[2])))
    rough = plate_fine(known, found, n, b, cell) * strength * found.sharpness[n]
    left = rough * unclipped_share(known, found, n, b, cell)
    detail_gap = wp.abs(found.detail[n, cell] - left)
    # behind an object, a busy background need only be guessed as well as its surroundings vary
    room = float(0.0)
    if known.labels[b, cell] > wp.uint8(0):
        room = known.busyness[b, cell]
        if found.plate[n] >= 0:
            room = known.stock_busyness[found.plate[n], cell]
        if found.plate[n] == -2:
            room = float(0.0)
    marks = int(0)
    scale = tone_scale(found, n)
    near = 13.0 * scale
    room = room * scale
    if distance(c, bare) < near + slack + room and detail_gap < 3.0 + 0.35 * rough + slack + 0.5 * room:
        marks = marks | const.AS_BACKGROUND
    elif room > 2.0:
        # or it continues what is seen beside it
        y = cell / const.GRID
        x = cell % const.GRID
        for yy in range(wp.max(y - 3, 0), wp.min(y + 4, const.GRID)):
            for xx in range(wp.max(x - 3, 0), wp.min(x + 4, const.GRID)):
                other = yy * const.GRID + xx
                if marks == 0 and is_ground(known, b, other):
                    beside = found.cells[n, other]
                    if distance(c, beside) < 10.0 * scale + slack:
                        alike = wp.abs(found.detail[n, cell] - found.detail[n, other]) < 5.0 + slack
                        if alike and distance(beside, ground_cell(known, found, n, b, other)) < near + slack:
                            marks = int(const.AS_BACKGROUND)
    if distance(c, meant) < near + slack:
        marks = marks | const.AS_SOURCE
    if distance(meant, bare) > 20.0 * scale + room:
        marks = marks | const.TELLING
    found.flags[n, cell] = marks


@wp.kernel
def rate_ground(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Share of the bare background that is still seen, whatever colour or plate it has now."""
    n = first + wp.tid()
    b = int(rows[n])
    visible = float(1.0e-3)
    explained = float(0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            visible += 1.0
            if (found.flags[n, cell] & const.AS_BACKGROUND) != 0:
                explained += 1.0
    found.ground_seen[n] = explained / visible


@wp.kernel
def explain_cells(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Flag each cell as background, as source, and as one where the two can be told apart; a line a thread."""
    i, y = wp.tid()
    n = first + i
    b = int(rows[n])
    plain = found.plate[n] == -1 and found.ground_own[n] == 0 and found.plain[n] == 1
    for x in range(const.GRID):
        _explain(known, found, n, b, y * const.GRID + x, plain)
