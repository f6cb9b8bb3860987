# mypy: ignore-errors
"""New things compared with the stock of sprites."""

import warp as wp

from imgedit_gym.kernels.color import distance, luma, read_color
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_color,
    plate_pixel,
    ramp,
    tone_scale,
    toned,
    untoned,
    wanted,
)


@wp.func
def _is_new_pixel(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, y: int, x: int
) -> bool:
    c = read_color(canvas, n, y, x)
    far = 24.0 * tone_scale(found, n)
    if distance(c, ground_color(found, n, plate_pixel(known, found, n, b, y, x))) < far:
        return False
    label = int(known.segments[b, y, x])
    at = (y * const.GRID / canvas.shape[1]) * const.GRID + x * const.GRID / canvas.shape[1]
    if label == const.HEADLINE or found.find_of[n, at] == -3:
        return False
    if label >= 1 and label <= const.SLOTS:
        cell = (y * const.GRID / canvas.shape[1]) * const.GRID + x * const.GRID / canvas.shape[1]
        if (found.flags[n, cell] & const.AS_BACKGROUND) != 0 and found.slot_source[n, label - 1] < 0.6:
            return False
        if found.slot_source[n, label - 1] >= 0.6:
            return distance(c, toned(found, n, read_color(known.images, b, y, x))) >= far
    return True


@wp.func
def _reach(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    found: Found,
    n: int,
    b: int,
    start: int,
    end: int,
    way: int,
    low: int,
    high: int,
    columns: int,
    stride: int,
    allowed: int,
) -> int:
    """The last line, going one way from ``start``, that shows a new pixel, before a gap or the end."""
    size = canvas.shape[1]
    last = int(start)
    empty = int(0)
    line = int(start)
    seen = int(0)
    while line != end and empty <= allowed + (1 - seen) * size:
        at = line
        if way < 0:
            at = line - 1
        new = int(0)
        across = int(low)
        while across < high and new == 0:
            if columns == 1:
                if _is_new_pixel(canvas, known, found, n, b, across, at):
                    new = int(1)
            elif _is_new_pixel(canvas, known, found, n, b, at, across):
                new = int(1)
            across += stride
        line += way
        if new == 1:
            last = line
            empty = int(0)
            seen = int(1)
        else:
            empty += 1
    return last


@wp.func
def _template(
    known: Known, table: wp.array2d(dtype=wp.vec4), s: int, i: int, light: wp.vec3, ground: wp.vec3
) -> wp.vec3:
    rgba = table[s, i]
    over = wp.cw_mul(wp.vec3(rgba[0], rgba[1], rgba[2]), light)
    return over + (1.0 - rgba[3]) * ground


@wp.func
def _crop_color(
    canvas: wp.array4d(dtype=wp.uint8), n: int, y: float, x: float, reach_y: float, reach_x: float
) -> wp.vec3:
    """Mean of the pixels in a window around (y, x)."""
    size = canvas.shape[1]
    y0 = wp.clamp(int(wp.floor(y - reach_y + 0.5)), 0, size - 1)
    y1 = wp.clamp(int(wp.floor(y + reach_y + 0.5)), y0 + 1, size)
    x0 = wp.clamp(int(wp.floor(x - reach_x + 0.5)), 0, size - 1)
    x1 = wp.clamp(int(wp.floor(x + reach_x + 0.5)), x0 + 1, size)
    total = wp.vec3(0.0, 0.0, 0.0)
    for yy in range(y0, y1):
        for xx in range(x0, x1):
            total += read_color(canvas, n, yy, xx)
    return total / float((y1 - y0) * (x1 - x0))


@wp.func
def _match_gap(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    found: Found,
    n: int,
    b: int,
    sprite: int,
    box: wp.vec4,
    light: wp.vec3,
    grey: bool,
    limit: float,
    write: bool,
    f: int,
) -> float:
    """Mean distance between what a box shows and a sprite fitted to it, on a CROP x CROP lattice.

    A match that is bound to be worse than ``limit`` is given up.
    """
    size = canvas.shape[1]
    height = box[2] - box[0]
    width = box[3] - box[1]
    total = float(0.0)
    shown = wp.vec3(0.0, 0.0, 0.0)
    meant = wp.vec3(0.0, 0.0, 0.0)
    solid = float(0.0)
    for i in range(const.CROP * const.CROP):
        v = box[0] + height * (float(i / const.CROP) + 0.5) / float(const.CROP)
        u = box[1] + width * (float(i % const.CROP) + 0.5) / float(const.CROP)
        color = _crop_color(canvas, n, v, u, 0.5 * height / float(const.CROP), 0.5 * width / float(const.CROP))
        color = untoned(found, n, color)
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = untoned(found, n, ground_color(found, n, plate_pixel(known, found, n, b, y, x)))
        guess = _template(known, known.crops, sprite, i, light, ground)
        if grey:
            color = wp.vec3(luma(color), luma(color), luma(color))
            guess = wp.vec3(luma(guess), luma(guess), luma(guess))
        gap = distance(color, guess)
        total += gap
        weight = known.crops[sprite, i][3]
        shown += weight * color
        meant += weight * guess
        solid += weight
        if total > limit * float(const.CROP * const.CROP):
            return 1.0e9
        if write:
            found.residual[n, f, i] = gap
    shape = wp.abs(wp.log(width / height / known.aspects[sprite]))
    tint = distance(shown, meant) / wp.max(solid, 1.0)
    return total / float(const.CROP * const.CROP) + 0.6 * wp.max(tint - 4.0, 0.0) + 14.0 * wp.max(shape - 0.08, 0.0)


@wp.func
def _bare_gap(canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, box: wp.vec4) -> float:
    """Mean distance between what a box shows and the ground alone."""
    size = canvas.shape[1]
    height = box[2] - box[0]
    width = box[3] - box[1]
    total = float(0.0)
    for i in range(const.CROP * const.CROP):
        v = box[0] + height * (float(i / const.CROP) + 0.5) / float(const.CROP)
        u = box[1] + width * (float(i % const.CROP) + 0.5) / float(const.CROP)
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = ground_color(found, n, plate_pixel(known, found, n, b, y, x))
        total += distance(untoned(found, n, read_color(canvas, n, y, x)), untoned(found, n, ground))
    return total / float(const.CROP * const.CROP)


@wp.func
def _old_place(known: Known, b: int, label: int, cells: wp.vec4i, size: int) -> wp.vec3:
    """Top, left and edge in pixels of the square around an old object."""
    y0 = int(size)
    x0 = int(size)
    y1 = int(0)
    x1 = int(0)
    for y in range(cells[0] * size / const.GRID, cells[2] * size / const.GRID):
        for x in range(cells[1] * size / const.GRID, cells[3] * size / const.GRID):
            if int(known.segments[b, y, x]) == label:
                y0 = wp.min(y0, y)
                x0 = wp.min(x0, x)
                y1 = wp.max(y1, y + 1)
                x1 = wp.max(x1, x + 1)
    edge = float(wp.max(wp.max(y1 - y0, x1 - x0), 4))
    top = wp.clamp(0.5 * float(y0 + y1) - 0.5 * edge, 0.0, float(size) - edge)
    left = wp.clamp(0.5 * float(x0 + x1) - 0.5 * edge, 0.0, float(size) - edge)
    return wp.vec3(top, left, edge)


@wp.kernel
def name_things(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    rows: wp.array(dtype=wp.int64),
    first: int,
    found: Found,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
):
    """Recognise new things from find ``first`` on: tight box, small crop, nearest sprites, then a closer fit."""
    n, index = wp.tid()
    f = first + index
    b = int(rows[n])
    cells = found.boxes[n, f]
    if cells[2] == 0:
        return
    size = canvas.shape[1]
    stride = wp.max(1, size / 64)
    margin = int(size / 32 + 2)
    top = wp.max(cells[0] * size / const.GRID - margin, 0)
    left = wp.max(cells[1] * size / const.GRID - margin, 0)
    bottom = wp.min(cells[2] * size / const.GRID + margin, size)
    right = wp.min(cells[3] * size / const.GRID + margin, size)
    # from the middle outwards, as far as new pixels go on without a gap: neighbours stay out
    middle = wp.vec2i((top + bottom) / 2, (left + right) / 2)
    gap_allowed = wp.max(size / 96, 1)
    if f < const.FREE:
        gap_allowed = wp.max(size / 20, 2)
    y0 = top
    y1 = bottom
    x0 = left
    x1 = right
    for turn in range(2):
        x0 = _reach(canvas, known, found, n, b, middle[1], left, -1, y0, y1, 1, stride, gap_allowed)
        x1 = _reach(canvas, known, found, n, b, middle[1], right, 1, y0, y1, 1, stride, gap_allowed)
        y0 = _reach(canvas, known, found, n, b, middle[0], top, -1, x0, x1, 0, stride, gap_allowed)
        y1 = _reach(canvas, known, found, n, b, middle[0], bottom, 1, x0, x1, 0, stride, gap_allowed)
    if y1 - y0 < 3 or x1 - x0 < 3:
        if f < const.FREE:
            found.boxes[n, f] = wp.vec4i(0, 0, 0, 0)
            return
        y0 = top
        x0 = left
        y1 = bottom
        x1 = right
    box = wp.vec4(float(y0), float(x0), float(y1), float(x1))
    height = float(y1 - y0)
    width = float(x1 - x0)
    grey = found.saturation[n] < 0.35
    for i in range(const.COARSE * const.COARSE):
        v = box[0] + height * (float(i / const.COARSE) + 0.5) / float(const.COARSE)
        u = box[1] + width * (float(i % const.COARSE) + 0.5) / float(const.COARSE)
        reach_y = 0.5 * height / float(const.COARSE)
        reach_x = 0.5 * width / float(const.COARSE)
        color = untoned(found, n, _crop_color(canvas, n, v, u, reach_y, reach_x))
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = untoned(found, n, ground_color(found, n, plate_pixel(known, found, n, b, y, x)))
        if grey:
            color = wp.vec3(luma(color), luma(color), luma(color))
            ground = wp.vec3(luma(ground), luma(ground), luma(ground))
        crops[n, f, i] = color
        grounds[n, f, i] = ground
    light = known.light[b]
    n_sprites = known.crops.shape[0]
    worst_kept = float(1.0e9)
    shortlist = wp.vector(-1, -1, -1, -1, -1, -1, dtype=wp.int32)
    gaps = wp.vector(1.0e9, 1.0e9, 1.0e9, 1.0e9, 1.0e9, 1.0e9, dtype=wp.float32)
    for s in range(n_sprites):
        gap = 10.0 * wp.abs(wp.log(width / height / known.aspects[s]))
        for i in range(const.COARSE * const.COARSE):
            guess = _template(known, known.coarse, s, i, light, grounds[n, f, i])
            if grey:
                guess = wp.vec3(luma(guess), luma(guess), luma(guess))
            gap += distance(crops[n, f, i], guess) / float(const.COARSE * const.COARSE)
            if gap > worst_kept:
                break
        if gap < worst_kept:
            worst = int(0)
            for k in range(1, const.SHORTLIST):
                if gaps[k] > gaps[worst]:
                    worst = k
            gaps[worst] = gap
            shortlist[worst] = s
            worst_kept = float(0.0)
            for k in range(const.SHORTLIST):
                worst_kept = wp.max(worst_kept, gaps[k])
    best = int(-1)
    best_gap = float(1.0e9)
    for k in range(const.SHORTLIST):
        gaps[k] = 1.0e9
        if shortlist[k] >= 0:
            gaps[k] = _match_gap(
                canvas, known, found, n, b, shortlist[k], box, light, grey, 1.4 * best_gap + 8.0, False, f
            )
            if gaps[k] < best_gap:
                best_gap = gaps[k]
                best = shortlist[k]
    # smears and shadows around a thing widen its box: let the sides of the box settle for the likeliest sprites
    best_box = box
    if best_gap > const.CLEAR and best_gap < const.HOPELESS:
        for turn in range(3):
            at = int(0)
            for k in range(1, const.SHORTLIST):
                if gaps[k] < gaps[at]:
                    at = k
            s = shortlist[at]
            if s >= 0 and gaps[at] < const.HOPELESS:
                mine = box
                gap = gaps[at]
                reach = 0.12 * wp.max(height, width)
                for round in range(3):
                    for side in range(4):
                        for way in range(2):
                            moved = mine
                            moved[side] = moved[side] + reach * (float(way) * 2.0 - 1.0)
                            if moved[2] - moved[0] > 3.0 and moved[3] - moved[1] > 3.0:
                                other = _match_gap(canvas, known, found, n, b, s, moved, light, grey, gap, False, f)
                                if other < gap - 0.2:
                                    gap = other
                                    mine = moved
                    reach = 0.5 * reach
                if gap < best_gap:
                    best_gap = gap
                    best = s
                    best_box = mine
            gaps[at] = 1.0e9
    tone = wanted(known, b, 7)
    if tone == const.SOFT or tone == const.CRISP:
        best_gap = best_gap - 10.0
    # where the ground hides a thing's edges, try what the task asks for at the size and place of the old object
    if f >= const.FREE and best_gap > const.DOUBTFUL:
        place = _old_place(known, b, f - const.FREE + 1, cells, size)
        for r in range(const.ROWS):
            if known.requirements[b, r, 0] == 2:
                for s in range(n_sprites):
                    if known.sets[known.requirements[b, r, 3], s] > 0:
                        mine = wp.vec4(
                            place[0] + known.sprite_boxes[s, 0] * place[2],
                            place[1] + known.sprite_boxes[s, 1] * place[2],
                            place[0] + known.sprite_boxes[s, 2] * place[2],
                            place[1] + known.sprite_boxes[s, 3] * place[2],
                        )
                        gap = _match_gap(canvas, known, found, n, b, s, mine, light, grey, best_gap, False, f)
                        if gap < best_gap:
                            best_gap = gap
                            best = s
                            best_box = mine
    # on a background that was swapped, a thing may stand in the new light
    if found.plate[n] >= 0 and best >= 0 and best_gap > const.CLEAR:
        other_light = known.lights[found.plate[n] / known.variants]
        gap = _match_gap(canvas, known, found, n, b, best, best_box, other_light, grey, best_gap, False, f)
        if gap < best_gap:
            best_gap = gap
            light = other_light
    # a thing must explain most of what sets its place apart from the ground
    bare = _bare_gap(canvas, known, found, n, b, best_box)
    quality = ramp(best_gap, 47.0, 33.0) * ramp(best_gap / wp.max(bare, 1.0), 0.72, 0.55)
    found.find_quality[n, f] = quality
    if best >= 0 and quality > 0.0:
        found.sprite[n, f] = best
        _match_gap(canvas, known, found, n, b, best, best_box, light, grey, 1.0e9, True, f)
        found.boxes[n, f] = wp.vec4i(
            int(wp.round(best_box[0])),
            int(wp.round(best_box[1])),
            int(wp.round(best_box[2])),
            int(wp.round(best_box[3])),
        )


@wp.kernel
def settle_things(known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Where two finds overlap they are one thing, named by the better match; an old object found again is not new.

    A find that turns out to be the old object in its place is marked by ``-2 - sprite``.
    """
    n = wp.tid()
    b = int(rows[n])
    for f in range(const.FINDS):
        for g in range(const.FINDS):
            if g == f or found.sprite[n, f] < 0 or found.sprite[n, g] < 0:
                continue
            a = found.boxes[n, f]
            c = found.boxes[n, g]
            high = wp.min(a[2], c[2]) - wp.max(a[0], c[0])
            wide = wp.min(a[3], c[3]) - wp.max(a[1], c[1])
            if high > 0 and wide > 0:
                smaller = wp.min((a[2] - a[0]) * (a[3] - a[1]), (c[2] - c[0]) * (c[3] - c[1]))
                if 2 * high * wide > smaller:
                    if found.find_quality[n, g] > found.find_quality[n, f]:
                        found.sprite[n, f] = -1
                        found.find_quality[n, f] = 0.0
                    else:
                        found.sprite[n, g] = -1
                        found.find_quality[n, g] = 0.0
    for f in range(const.FINDS):
        sprite = found.sprite[n, f]
        if sprite >= 0:
            box = found.boxes[n, f]
            for slot in range(const.SLOTS):
                if known.slots[b, slot] == sprite:
                    label = wp.uint8(slot + 1)
                    cells = float(0.0)
                    inside = float(0.0)
                    for cell in range(const.CELLS):
                        if known.labels[b, cell] == label:
                            cells += 1.0
                            y = (cell / const.GRID) * size / const.GRID
                            x = (cell % const.GRID) * size / const.GRID
                            if y >= box[0] - 2 and y < box[2] and x >= box[1] - 2 and x < box[3]:
                                inside += 1.0
                    if cells > 0.0 and inside > 0.6 * cells:
                        found.sprite[n, f] = -2 - sprite
                        found.slot_source[n, slot] = 1.0
