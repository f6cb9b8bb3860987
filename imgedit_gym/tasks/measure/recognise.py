# mypy: ignore-errors
"""New things compared with the stock of sprites."""

import warp as wp

from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, ramp, tone_scale
from imgedit_gym.tasks.measure.matching import (
    Shortlist,
    gap_to,
    light_on,
    likeness_to,
    pick,
    settle_box,
    spread_of,
    take_view,
)
from imgedit_gym.tasks.measure.outline import tight_box

_Gaps = wp.types.vector(length=const.SHORTLIST_LENGTH, dtype=wp.float32)

_HELD = wp.constant(0.1)
_BLURRED = wp.constant(0.08)
"""Share of its surroundings in a cell from which on things are compared with blurred sprites."""


@wp.func
def _ground_tone(found: Found, n: int) -> wp.mat33:
    """How the ground's colours have changed, as a matrix."""
    if found.ground_own[n] == 1:
        return wp.diag(found.ground_gain[n])
    return found.tone[n]


@wp.func
def _ground_offset(found: Found, n: int) -> wp.vec3:
    """And as an offset."""
    if found.ground_own[n] == 1:
        return found.ground_offset[n]
    return found.offset[n]


@wp.func
def _table(found: Found, n: int) -> int:
    """Which sprites a picture's things are compared with: sharp ones or blurred ones."""
    if found.blend[n] > _BLURRED:
        return 1
    return 0


@wp.func
def _take(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    found: Found,
    n: int,
    b: int,
    box: wp.vec4,
    step: int,
    view: wp.array2d(dtype=wp.float32),
):
    """Write what a box shows, and what the bare ground would show there."""
    plate = known.plates[b]
    if found.plate[n] >= 0:
        plate = known.stock_plates[found.plate[n]]
    take_view(
        canvas[n],
        plate,
        found.plate[n] == -2,
        found.ground_mean[n],
        _ground_tone(found, n),
        _ground_offset(found, n),
        canvas.shape[1],
        box,
        step,
        view,
    )


@wp.func
def _light_gap(known: Known, found: Found, n: int, b: int, light: wp.vec3) -> float:
    """Mean difference of a light from the one that the picture's objects stand in, or its new background's."""
    gap = light - known.light[b]
    off = (wp.abs(gap[0]) + wp.abs(gap[1]) + wp.abs(gap[2])) / 3.0
    if found.plate[n] >= 0:
        gap = light - known.lights[found.plate[n] / known.variants]
        off = wp.min(off, (wp.abs(gap[0]) + wp.abs(gap[1]) + wp.abs(gap[2])) / 3.0)
    return off


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


@wp.func
def _aspect(box: wp.vec4) -> float:
    return (box[3] - box[1]) / (box[2] - box[0])


@wp.func
def _match_gap(
    known: Known,
    found: Found,
    n: int,
    b: int,
    sprite: int,
    aspect: float,
    limit: float,
    view: wp.array2d(dtype=wp.float32),
    templates: wp.array2d(dtype=wp.float32),
    samples: float,
) -> float:
    """Mean distance between a view and a sprite in its likeliest light; huge where the samples alone pass a limit."""
    tone = found.tone[n]
    offset = found.offset[n]
    light = light_on(view, templates, tone, offset, known.light[b], _HELD)
    off = gap_to(view, templates, tone, offset, light)
    scale = tone_scale(found, n)
    total = off[0] / scale
    if total > limit * samples:
        return 1.0e9
    shape = wp.abs(wp.log(aspect / known.aspects[sprite]))
    gap = total / samples + 0.6 * wp.max(off[1] / scale - 4.0, 0.0) + 14.0 * wp.max(shape - 0.08, 0.0)
    return gap + 10.0 * _light_gap(known, found, n, b, light)


@wp.func
def _fine_gap(
    known: Known,
    found: Found,
    n: int,
    b: int,
    sprite: int,
    box: wp.vec4,
    limit: float,
    view: wp.array2d(dtype=wp.float32),
) -> float:
    """How far a sprite is from all samples of a box."""
    templates = known.sprites[_table(found, n), sprite]
    samples = float(const.CROP * const.CROP)
    return _match_gap(known, found, n, b, sprite, _aspect(box), limit, view, templates, samples)


@wp.func
def _quick_gap(
    known: Known,
    found: Found,
    n: int,
    b: int,
    sprite: int,
    box: wp.vec4,
    limit: float,
    half: wp.array2d(dtype=wp.float32),
) -> float:
    """How far a sprite is from a quarter of a box's samples."""
    templates = known.half_sprites[_table(found, n), sprite]
    samples = float((const.CROP / 2) * (const.CROP / 2))
    return _match_gap(known, found, n, b, sprite, _aspect(box), limit, half, templates, samples)


@wp.kernel
def name_things(
    first: int,
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    rows: wp.array(dtype=wp.int64),
    begin: int,
    found: Found,
    views: wp.array4d(dtype=wp.float32),
    halves: wp.array4d(dtype=wp.float32),
):
    """Recognise new things from find ``begin`` on: tight box, small crop, nearest sprites, then a closer fit."""
    i, index = wp.tid()
    n = first + i
    f = begin + index
    b = int(rows[n])
    cells = found.boxes[n, f]
    if cells[2] == 0:
        return
    size = canvas.shape[1]
    best = int(-1)
    best_gap = float(1.0e9)
    box = wp.vec4(0.0, 0.0, 0.0, 0.0)
    view = views[n, f]
    half = halves[n, f]
    tone = found.tone[n]
    offset = found.offset[n]
    scale = tone_scale(found, n)
    table = _table(found, n)
    plate = known.plates[b]
    new_light = known.light[b]
    if found.plate[n] >= 0:
        plate = known.stock_plates[found.plate[n]]
        new_light = known.lights[found.plate[n] / known.variants]
    # a blurred edge reaches further than the thing
    far = (24.0 + 60.0 * wp.max(found.blend[n] - _BLURRED, 0.0)) * scale
    share = 1.0 / float(const.COARSE * const.COARSE) / scale
    shortlist = Shortlist()
    gaps = _Gaps()
    # a shadow, a neighbour's too, may or may not belong to what sets a thing apart from the ground
    for shade in range(2):
        tight = tight_box(
            canvas[n],
            known.images[b],
            known.plates[b],
            known.segments[b],
            known.mattes[b],
            found.find_of[n],
            found.flags[n],
            found.slot_source[n],
            plate,
            found.plate[n] == -2,
            found.ground_mean[n],
            _ground_tone(found, n),
            _ground_offset(found, n),
            tone,
            offset,
            found.plate[n] != -1 or found.ground_own[n] == 1,
            far,
            size,
            f,
            shade == 1,
            cells,
            found.bounds[n, f],
        )
        tried = wp.vec4(float(tight[0]), float(tight[1]), float(tight[2]), float(tight[3]))
        if tight[2] == 0 or best_gap < 1.5 * const.EXACT or (shade == 1 and wp.length(tried - box) < 1.0):
            continue
        _take(canvas, known, found, n, b, tried, 1, view)
        # no sprite is all of one colour
        if found.blend[n] <= 0.0 and spread_of(view) < 200.0 * scale * scale:
            continue
        # a thing may stand in the picture's light, in none, or in that of a background that was swapped in
        for lit in range(3):
            light = known.light[b]
            if lit == 1:
                light = wp.vec3(1.0, 1.0, 1.0)
                if _light_gap(known, found, n, b, light) < 0.1:
                    continue
            if lit == 2:
                if found.plate[n] < 0:
                    continue
                light = known.lights[found.plate[n] / known.variants]
                if wp.length(light - known.light[b]) < 0.2:
                    continue
            names = pick(
                view,
                known.coarse_sprites[table],
                known.shapes,
                known.aspects.shape[0],
                wp.log(_aspect(tried)),
                tone,
                offset,
                light,
                share,
            )
            tried_gaps = _Gaps()
            tried_best = float(1.0e9)
            named = int(-1)
            for k in range(const.SHORTLIST):
                tried_gaps[k] = 1.0e9
                if names[k] >= 0:
                    limit = 1.4 * tried_best + 8.0
                    gap = _fine_gap(known, found, n, b, names[k], tried, limit, view)
                    tried_gaps[k] = gap
                    if gap < tried_best:
                        tried_best = gap
                        named = names[k]
            if tried_best < best_gap:
                best_gap = tried_best
                best = named
                box = wp.vec4(tried)
                shortlist = names
                gaps = tried_gaps
    if box[2] == 0.0:
        found.boxes[n, f] = wp.vec4i(0, 0, 0, 0)
        return
    best_box = wp.vec4(box)
    # smears and shadows around a thing widen its box: let the sides of the box settle for the likeliest sprites
    if best_gap > const.EXACT and best_gap < const.HOPELESS:
        turns = int(1)
        if best_gap > const.CLEAR:
            turns = int(3)
        for turn in range(turns):
            at = int(0)
            for k in range(1, const.SHORTLIST):
                if gaps[k] < gaps[at]:
                    at = k
            s = shortlist[at]
            if s >= 0 and gaps[at] < const.HOPELESS and (turn == 0 or gaps[at] < best_gap + 12.0):
                mine = settle_box(
                    canvas[n],
                    plate,
                    found.plate[n] == -2,
                    found.ground_mean[n],
                    _ground_tone(found, n),
                    _ground_offset(found, n),
                    size,
                    known.half_sprites[table, s],
                    known.aspects[s],
                    tone,
                    offset,
                    scale,
                    known.light[b],
                    found.plate[n] >= 0,
                    new_light,
                    _HELD,
                    box,
                )
                _take(canvas, known, found, n, b, mine, 1, view)
                gap = _fine_gap(known, found, n, b, s, mine, best_gap, view)
                if gap < best_gap:
                    best_gap = gap
                    best = s
                    best_box = wp.vec4(mine)
            gaps[at] = 1.0e9
    # where the ground hides a thing's edges, try what the task asks for at the size and place of the old object
    if f >= const.FREE and best_gap > const.DOUBTFUL:
        place = _old_place(known, b, f - const.FREE + 1, cells, size)
        for r in range(const.ROWS):
            if known.requirements[b, r, 0] == const.KIND_PRESENT:
                for s in range(known.aspects.shape[0]):
                    if known.sets[known.requirements[b, r, 3], s] > 0:
                        mine = wp.vec4(
                            place[0] + known.sprite_boxes[s, 0] * place[2],
                            place[1] + known.sprite_boxes[s, 1] * place[2],
                            place[0] + known.sprite_boxes[s, 2] * place[2],
                            place[1] + known.sprite_boxes[s, 3] * place[2],
                        )
                        _take(canvas, known, found, n, b, mine, 2, half)
                        gap = _quick_gap(known, found, n, b, s, mine, best_gap + 2.0, half)
                        if gap < best_gap + 2.0:
                            _take(canvas, known, found, n, b, mine, 1, view)
                            gap = _fine_gap(known, found, n, b, s, mine, best_gap, view)
                            if gap < best_gap:
                                best_gap = gap
                                best = s
                                best_box = wp.vec4(mine)
    if best < 0:
        return
    # a thing must explain most of what sets its place apart from the ground
    _take(canvas, known, found, n, b, best_box, 1, view)
    templates = known.sprites[table, best]
    light_here = light_on(view, templates, tone, offset, known.light[b], _HELD)
    alike = likeness_to(view, templates, tone, offset, light_here, found.residual[n, f])
    bare = alike[0] / float(const.CROP * const.CROP) / scale
    if found.blend[n] != 0.0:
        best_gap = best_gap - 6.0
    quality = ramp(best_gap, 47.0, 33.0) * wp.max(
        ramp(best_gap / wp.max(bare, 1.0), 0.72, 0.55), ramp(alike[1], 0.7, 0.8)
    )
    # and stand in the light of the others
    light_gap = _light_gap(known, found, n, b, light_here)
    if found.plain[n] == 1:
        quality = quality * ramp(light_gap, 0.2, 0.11)
    else:
        # under another tone the light is hard to tell
        quality = quality * ramp(light_gap, 0.4, 0.22)
    found.find_gap[n, f] = best_gap
    found.find_quality[n, f] = quality
    if quality > 0.0:
        found.sprite[n, f] = best
        found.boxes[n, f] = wp.vec4i(
            int(wp.round(best_box[0])),
            int(wp.round(best_box[1])),
            int(wp.round(best_box[2])),
            int(wp.round(best_box[3])),
        )


@wp.kernel
def settle_things(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Where two finds overlap they are one thing, named by the better match; an old object found again is not new.

    A find that turns out to be the old object in its place is marked by ``-2 - sprite``.
    """
    n = first + wp.tid()
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
                    if found.find_gap[n, g] < found.find_gap[n, f]:
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
    count = int(0)
    for f in range(const.FINDS):
        if found.sprite[n, f] != -1 and found.find_quality[n, f] > 0.0:
            found.named[n, count] = f
            count += 1
    found.named[n, const.FINDS] = count
