# mypy: ignore-errors
"""Which plate the background shows."""

import warp as wp

from imgedit_gym.kernels.color import distance, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, is_ground, sample_cell, wanted

_SAMPLED = wp.constant(2)
_NEAR = wp.constant(25.0)
"""Levels from a plate within which a cell is taken for it."""

_SCREENED = wp.constant(28)
"""Every how manieth cell is looked at to rule plates out."""

_HOPELESS = wp.constant(18.0)
"""Levels by which a plate that is ruled out is worse than the best so far."""


@wp.func
def _shown(known: Known, b: int, plate: int, cell: int, colorless: bool) -> wp.vec3:
    color = known.plate[b, cell]
    if plate >= 0:
        color = known.stock_cells[plate, cell]
    if colorless:
        color = luma(color) * wp.vec3(1.0, 1.0, 1.0)
    return color


@wp.func
def _plate_gap(known: Known, found: Found, n: int, b: int, plate: int, tone: int) -> float:
    """Mean capped distance of the visible background to a stock plate (-1 the task's own).

    Brightness is set aside; where a tone was asked for, so are gain and offset of each channel.
    """
    colorless = tone == const.MONOCHROME or tone == const.VINTAGE
    gain = wp.vec3(1.0, 1.0, 1.0)
    offset = wp.vec3(0.0, 0.0, 0.0)
    count = float(1.0e-3)
    for turn in range(2):
        near = float(0.0)
        ours = wp.vec3(0.0, 0.0, 0.0)
        theirs = wp.vec3(0.0, 0.0, 0.0)
        square = wp.vec3(0.0, 0.0, 0.0)
        cross = wp.vec3(0.0, 0.0, 0.0)
        count = float(1.0e-3)
        for i in range(const.CELLS / _SAMPLED):
            cell = sample_cell(i, _SAMPLED)
            if is_ground(known, b, cell):
                c = found.cells[n, cell]
                e = _shown(known, b, plate, cell, colorless)
                count += 1.0
                # the second time without what stands on the background
                if turn == 0 or distance(c, wp.cw_mul(gain, e) + offset) < _NEAR:
                    near += 1.0
                    ours += c
                    theirs += e
                    square += wp.cw_mul(e, e)
                    cross += wp.cw_mul(e, c)
        if near > 0.3 * count:
            ours = ours / near
            theirs = theirs / near
            level = wp.clamp(luma(ours) / wp.max(luma(theirs), 1.0), 0.4, 1.8)
            gain = wp.vec3(level, level, level)
            if tone >= 0:
                for k in range(3):
                    variance = wp.max(square[k] / near - theirs[k] * theirs[k], 0.0) + 20.0
                    slope = (cross[k] / near - ours[k] * theirs[k] + 20.0 * level) / variance
                    gain[k] = wp.clamp(slope, 0.35, 2.5)
                offset = ours - wp.cw_mul(gain, theirs)
    total = float(0.0)
    for i in range(const.CELLS / _SAMPLED):
        cell = sample_cell(i, _SAMPLED)
        if is_ground(known, b, cell):
            seen = wp.cw_mul(gain, _shown(known, b, plate, cell, colorless)) + offset
            fine = known.plate_detail[b, cell]
            if plate >= 0:
                fine = known.stock_detail[plate, cell]
            rough = wp.abs(found.detail[n, cell] - luma(gain) * fine)
            total += wp.min(distance(found.cells[n, cell], seen) + 0.3 * rough, 60.0)
    return total / count


@wp.func
def _is_flat(known: Known, found: Found, n: int, b: int) -> bool:
    """Whether the visible background is all of one colour."""
    total = float(0.0)
    squares = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        cell = _SCREENED * i + 3
        if is_ground(known, b, cell):
            level = luma(found.cells[n, cell])
            total += level
            squares += level * level
            count += 1.0
    total = total / count
    return squares / count - total * total < 4.0


@wp.func
def _is_hopeless(known: Known, found: Found, n: int, b: int, plate: int, gap: float, level: float) -> bool:
    """Whether a few cells show that a stock plate is much further off than ``gap``."""
    share = wp.clamp(level / wp.max(known.stock_levels[plate], 1.0), 0.4, 1.8)
    total = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        cell = _SCREENED * i + 3
        if is_ground(known, b, cell):
            # capped low, as things that stand on the right plate must not rule it out
            total += wp.min(distance(found.cells[n, cell], share * known.stock_cells[plate, cell]), 32.0)
            count += 1.0
    return total / count > gap + _HOPELESS


@wp.func
def _own_gap(known: Known, found: Found, n: int, b: int) -> float:
    """Mean capped distance of the visible background to the task's own plate."""
    total = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SAMPLED):
        cell = sample_cell(i, _SAMPLED)
        if is_ground(known, b, cell):
            total += wp.min(distance(found.cells[n, cell], known.plate[b, cell]), 60.0)
            count += 1.0
    return total / count


@wp.kernel
def fit_plate(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Which plate the background shows: -1 the task's own, -2 none but one colour, else one of the stock's."""
    n = first + wp.tid()
    b = int(rows[n])
    found.plate[n] = -1
    own_gap = _own_gap(known, found, n, b)
    if own_gap < 3.0:
        return
    kinds = wp.max(wanted(known, b, 4), 0)
    recolor = wanted(known, b, 5)
    tone = wanted(known, b, 7)
    gap = own_gap
    if kinds > 0 or tone >= 0:
        gap = _plate_gap(known, found, n, b, -1, tone)
    own_gap = wp.min(own_gap, gap)
    foreign = recolor < 0 and tone < 0 and gap > const.FOREIGN and not _is_flat(known, found, n, b)
    if kinds == 0 and not foreign:
        return
    level = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        cell = _SCREENED * i + 3
        if is_ground(known, b, cell):
            level += luma(found.cells[n, cell])
            count += 1.0
    level = level / count
    for kind in range(1, known.stock_cells.shape[0] / known.variants):
        # a background that nobody asked for is looked up too, so that what stands on it can be judged
        asked = ((kinds >> kind) & 1) == 1
        if asked or foreign:
            for v in range(known.variants):
                plate = kind * known.variants + v
                if tone < 0 and _is_hopeless(known, found, n, b, plate, gap, level):
                    continue
                other = _plate_gap(known, found, n, b, plate, tone)
                if other < gap and (asked or other < 0.6 * own_gap):
                    gap = other
                    found.plate[n] = plate
    if (kinds & 1) == 1:
        mean = wp.vec3(0.0, 0.0, 0.0)
        count = float(0.0)
        for cell in range(const.CELLS):
            if is_ground(known, b, cell):
                mean += found.cells[n, cell]
                count += 1.0
        mean = mean / wp.max(count, 1.0)
        # once more around the mean, so that things standing on the background do not pull it
        inner = wp.vec3(0.0, 0.0, 0.0)
        inner_count = float(0.0)
        for cell in range(const.CELLS):
            if is_ground(known, b, cell) and distance(found.cells[n, cell], mean) < 30.0:
                inner += found.cells[n, cell]
                inner_count += 1.0
        if inner_count > 0.5 * count:
            inner = inner / inner_count
            spread = float(0.0)
            for cell in range(const.CELLS):
                if is_ground(known, b, cell):
                    off = distance(found.cells[n, cell], inner)
                    spread += wp.min(off + 0.3 * found.detail[n, cell], 60.0)
            if spread / count + 1.5 < gap:
                found.plate[n] = -2
                mean = inner
        found.ground_mean[n] = mean
