# mypy: ignore-errors
"""The background's own change of colour, and how its visible part looks."""

import warp as wp

from imgedit_gym.kernels.color import distance
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_cell,
    is_ground,
    plate_cell,
    plate_fine,
    ramp,
    show_ground,
    wanted,
)


@wp.kernel
def fit_ground(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """The background's own change of colour, and how its visible part looks."""
    n = first + wp.tid()
    b = int(rows[n])
    recolor = wanted(known, b, const.KIND_BACKGROUND_COLOR)
    found.ground_own[n] = 0
    found.ground_match[n] = 0.0
    if recolor < 0 and wanted(known, b, const.KIND_BACKGROUND) < 0 and found.plate[n] != -2:
        # nobody asks
        show_ground(known, found, n, b)
        return
    if found.plate[n] == -2:
        found.ground_own[n] = 1
        found.ground_gain[n] = wp.vec3(1.0, 1.0, 1.0)
        found.ground_offset[n] = wp.vec3(0.0, 0.0, 0.0)
    if recolor >= 0 and found.plate[n] != -2:
        g = wp.vec3(1.0, 1.0, 1.0)
        o = wp.vec3(0.0, 0.0, 0.0)
        for turn in range(4):
            w_sum = float(0.0)
            me = wp.vec3(0.0, 0.0, 0.0)
            mc = wp.vec3(0.0, 0.0, 0.0)
            for cell in range(const.CELLS):
                if is_ground(known, b, cell):
                    e = known.plate[b, cell]
                    c = found.cells[n, cell]
                    w = float(1.0)
                    if turn > 0:
                        far = distance(c, wp.cw_mul(g, e) + o) / 10.0
                        w = 1.0 / (1.0 + far * far)
                    w_sum += w
                    me += w * e
                    mc += w * c
            me = me / wp.max(w_sum, 1.0e-3)
            mc = mc / wp.max(w_sum, 1.0e-3)
            top = wp.vec3(0.0, 0.0, 0.0)
            bottom = wp.vec3(0.0, 0.0, 0.0)
            for cell in range(const.CELLS):
                if is_ground(known, b, cell):
                    e = known.plate[b, cell]
                    c = found.cells[n, cell]
                    w = float(1.0)
                    if turn > 0:
                        far = distance(c, wp.cw_mul(g, e) + o) / 10.0
                        w = 1.0 / (1.0 + far * far)
                    top += w * wp.cw_mul(e - me, c - mc)
                    bottom += w * wp.cw_mul(e - me, e - me)
            for k in range(3):
                ridge = 4.0 * w_sum
                g[k] = wp.clamp((top[k] + ridge) / (bottom[k] + ridge), -2.0, 3.0)
            o = mc - wp.cw_mul(g, me)
        found.ground_own[n] = 1
        found.ground_gain[n] = g
        found.ground_offset[n] = o
    show_ground(known, found, n, b)

    # how the visible background looks now
    count = float(0.0)
    mean = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            expected = ground_cell(found, n, cell)
            if distance(found.cells[n, cell], expected) < 30.0:
                mean += found.cells[n, cell]
                count += 1.0
    total = wp.max(count, 1.0)
    mean = mean / total
    me = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            expected = ground_cell(found, n, cell)
            if distance(found.cells[n, cell], expected) < 30.0:
                me += plate_cell(known, found, n, b, cell) / total
    cov = float(0.0)
    vc = float(0.0)
    ve = float(0.0)
    dc = float(0.0)
    de = float(0.0)
    visible = float(0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            visible += 1.0
            plate = plate_cell(known, found, n, b, cell)
            expected = ground_cell(found, n, cell)
            if distance(found.cells[n, cell], expected) < 30.0:
                cov += wp.dot(found.cells[n, cell] - mean, plate - me)
                vc += wp.dot(found.cells[n, cell] - mean, found.cells[n, cell] - mean)
                ve += wp.dot(plate - me, plate - me)
                dc += found.detail[n, cell]
                de += plate_fine(known, found, n, b, cell)
    if found.plate[n] != -2:
        found.ground_mean[n] = mean
    found.ground_spread[n] = wp.sqrt(vc / (3.0 * total))
    match = float(0.0)
    if ve / total > 12.0:
        match = cov / wp.sqrt(wp.max(vc * ve, 1.0e-3))
    else:
        match = ramp(vc / total, 220.0, 120.0)
    # a background that only a part of the picture shows is not there
    found.ground_match[n] = match * ramp(count / wp.max(visible, 1.0), 0.45, 0.7)
    found.ground_detail[n] = wp.vec2(dc / total, de / total)
