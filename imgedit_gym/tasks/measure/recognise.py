# mypy: ignore-errors
"""New things compared with the stock of sprites."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, distance, read_color
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_color,
    is_shade,
    plate_pixel,
    ramp,
    tone_scale,
    toned_freely,
)

_Names = wp.types.vector(length=const.SHORTLIST_LENGTH, dtype=wp.int32)
_Gaps = wp.types.vector(length=const.SHORTLIST_LENGTH, dtype=wp.float32)

_MOVES = wp.constant(14)
_WHOLE_MOVES = wp.constant(6)
_HELD = wp.constant(0.1)
_BLURRED = wp.constant(0.08)
"""Share of its surroundings in a cell from which on things are compared with blurred sprites."""


@wp.func
def _cell_of(canvas: wp.array4d(dtype=wp.uint8), y: int, x: int) -> int:
    return (y * const.GRID / canvas.shape[1]) * const.GRID + x * const.GRID / canvas.shape[1]


@wp.func
def _touches(found: Found, n: int, f: int, cell: int) -> bool:
    """Whether a neighbour of a cell belongs to a find."""
    for i in range(9):
        y = wp.clamp(cell / const.GRID + i / 3 - 1, 0, const.GRID - 1)
        x = wp.clamp(cell % const.GRID + i % 3 - 1, 0, const.GRID - 1)
        if found.find_of[n, y * const.GRID + x] == f:
            return True
    return False


@wp.func
def _is_new_pixel(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, f: int, shade: int, y: int, x: int
) -> bool:
    """Whether a pixel shows neither background (in shade, unless ``shade`` counts) nor source, nor another find."""
    cell = _cell_of(canvas, y, x)
    owner = found.find_of[n, cell]
    if owner == -3 or (f < const.FREE and owner >= 0 and owner != f):
        return False
    label = int(known.segments[b, y, x])
    if label == const.HEADLINE:
        return False
    if f < const.FREE and owner != f and not _touches(found, n, f, cell):
        return False
    c = read_color(canvas, n, y, x)
    # a blurred edge reaches further than the thing
    far = (24.0 + 60.0 * wp.max(found.blend[n] - _BLURRED, 0.0)) * tone_scale(found, n)
    ground = ground_color(found, n, plate_pixel(known, found, n, b, y, x))
    if distance(c, ground) < far or (shade == 0 and is_shade(c, ground)):
        return False
    if label >= 1 and label <= const.SLOTS:
        if (found.flags[n, cell] & const.AS_BACKGROUND) != 0 and found.slot_source[n, label - 1] < 0.6:
            return False
        if found.slot_source[n, label - 1] >= 0.6:
            source = toned_freely(found, n, read_color(known.images, b, y, x))
            if distance(c, clamp_color(source)) < far:
                return False
            if found.plate[n] == -1 and found.ground_own[n] == 0:
                return True
            # with the background that shows through it changed along
            through = float(known.mattes[b, y, x]) / 255.0
            source += through * (ground - toned_freely(found, n, read_color(known.plates, b, y, x)))
            return distance(c, clamp_color(source)) >= far
    return True


@wp.func
def _reach(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    found: Found,
    n: int,
    b: int,
    f: int,
    shade: int,
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
                if _is_new_pixel(canvas, known, found, n, b, f, shade, across, at):
                    new = int(1)
            elif _is_new_pixel(canvas, known, found, n, b, f, shade, at, across):
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
def _tight_box(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, f: int, shade: int, cells: wp.vec4i
) -> wp.vec4i:
    """Top, left, bottom, right in pixels of what is new in an area of cells."""
    size = canvas.shape[1]
    stride = wp.max(1, size / 64)
    margin = int(size / 32 + 2)
    bounds = found.bounds[n, f]
    top = wp.max(cells[0] * size / const.GRID - margin, bounds[0] * size / const.GRID)
    left = wp.max(cells[1] * size / const.GRID - margin, bounds[1] * size / const.GRID)
    bottom = wp.min(cells[2] * size / const.GRID + margin, bounds[2] * size / const.GRID)
    right = wp.min(cells[3] * size / const.GRID + margin, bounds[3] * size / const.GRID)
    # from the middle outwards, as far as new pixels go on without a gap: neighbours stay out
    middle = wp.vec2i((top + bottom) / 2, (left + right) / 2)
    allowed = wp.max(size / 96, 1)
    if f < const.FREE:
        allowed = wp.max(size / 20, 2)
    y0 = top
    y1 = bottom
    x0 = left
    x1 = right
    for turn in range(2):
        x0 = _reach(canvas, known, found, n, b, f, shade, middle[1], left, -1, y0, y1, 1, stride, allowed)
        x1 = _reach(canvas, known, found, n, b, f, shade, middle[1], right, 1, y0, y1, 1, stride, allowed)
        y0 = _reach(canvas, known, found, n, b, f, shade, middle[0], top, -1, x0, x1, 0, stride, allowed)
        y1 = _reach(canvas, known, found, n, b, f, shade, middle[0], bottom, 1, x0, x1, 0, stride, allowed)
    if y1 - y0 < 3 or x1 - x0 < 3:
        if f < const.FREE or shade == 0:
            return wp.vec4i(0, 0, 0, 0)
        return wp.vec4i(top, left, bottom, right)
    return wp.vec4i(y0, x0, y1, x1)


@wp.func
def _take_crop(
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    found: Found,
    n: int,
    b: int,
    f: int,
    box: wp.vec4,
    step: int,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
):
    """Write what a box shows, and what the bare ground would show there, every ``step``-th of CROP x CROP samples."""
    size = canvas.shape[1]
    height = (box[2] - box[0]) / float(const.CROP)
    width = (box[3] - box[1]) / float(const.CROP)
    for i in range(0, const.CROP, step):
        y0 = wp.clamp(int(wp.floor(box[0] + height * float(i) + 0.5)), 0, size - 1)
        y1 = wp.clamp(int(wp.floor(box[0] + height * float(i + 1) + 0.5)), y0 + 1, size)
        for j in range(0, const.CROP, step):
            x0 = wp.clamp(int(wp.floor(box[1] + width * float(j) + 0.5)), 0, size - 1)
            x1 = wp.clamp(int(wp.floor(box[1] + width * float(j + 1) + 0.5)), x0 + 1, size)
            color = wp.vec3(0.0, 0.0, 0.0)
            ground = wp.vec3(0.0, 0.0, 0.0)
            for y in range(y0, y1):
                for x in range(x0, x1):
                    color += read_color(canvas, n, y, x)
                    ground += plate_pixel(known, found, n, b, y, x)
            area = float((y1 - y0) * (x1 - x0))
            crops[n, f, i * const.CROP + j] = color / area
            grounds[n, f, i * const.CROP + j] = ground_color(found, n, ground / area)


@wp.func
def _is_flat(
    found: Found, n: int, f: int, crops: wp.array3d(dtype=wp.vec3), grounds: wp.array3d(dtype=wp.vec3)
) -> bool:
    """Whether what sets a crop apart from the ground is all of one colour: no sprite is."""
    total = wp.vec3(0.0, 0.0, 0.0)
    squares = wp.vec3(0.0, 0.0, 0.0)
    count = float(1.0e-3)
    for i in range(const.CROP * const.CROP):
        color = crops[n, f, i]
        if distance(color, grounds[n, f, i]) > 16.0:
            total += color
            squares += wp.cw_mul(color, color)
            count += 1.0
    total = total / count
    spread = squares / count - wp.cw_mul(total, total)
    scale = tone_scale(found, n)
    return spread[0] + spread[1] + spread[2] < 200.0 * scale * scale and found.blend[n] <= 0.0


@wp.func
def _shown(found: Found, n: int, rgba: wp.vec4, light: wp.vec3, ground: wp.vec3) -> wp.vec3:
    """A sprite's sample (premultiplied) in some light on some ground, under the picture's tone."""
    own = wp.cw_mul(wp.vec3(rgba[0], rgba[1], rgba[2]), light)
    return clamp_color(found.tone[n] * own + rgba[3] * found.offset[n] + (1.0 - rgba[3]) * ground)


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
def _light_on(
    known: Known,
    found: Found,
    n: int,
    b: int,
    f: int,
    sprite: int,
    step: int,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
) -> wp.vec3:
    """The light in which a sprite comes closest to a crop, held to the picture's own where the crop tells little."""
    table = int(0)
    if found.blend[n] > _BLURRED:
        table = int(1)
    top = wp.vec3(0.0, 0.0, 0.0)
    bottom = wp.vec3(1.0, 1.0, 1.0)
    for i in range(0, const.CROP, step):
        for j in range(0, const.CROP, step):
            at = i * const.CROP + j
            rgba = known.crops[table, sprite, at]
            if rgba[3] > 0.1:
                own = found.tone[n] * wp.vec3(rgba[0], rgba[1], rgba[2])
                rest = crops[n, f, at] - rgba[3] * found.offset[n] - (1.0 - rgba[3]) * grounds[n, f, at]
                top += wp.cw_mul(own, rest)
                bottom += wp.cw_mul(own, own)
    light = wp.cw_div(top + _HELD * wp.cw_mul(bottom, known.light[b]), (1.0 + _HELD) * bottom)
    for k in range(3):
        light[k] = wp.clamp(light[k], 0.3, 1.15)
    return light


@wp.func
def _match_gap(
    known: Known,
    found: Found,
    n: int,
    b: int,
    f: int,
    sprite: int,
    aspect: float,
    step: int,
    limit: float,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
) -> float:
    """Mean distance between a crop and a sprite in its likeliest light.

    A match that is bound to be worse than ``limit`` is given up.
    """
    table = int(0)
    if found.blend[n] > _BLURRED:
        table = int(1)
    light = _light_on(known, found, n, b, f, sprite, step, crops, grounds)
    total = float(0.0)
    shown = wp.vec3(0.0, 0.0, 0.0)
    meant = wp.vec3(0.0, 0.0, 0.0)
    solid = float(0.0)
    samples = float((const.CROP / step) * (const.CROP / step))
    scale = tone_scale(found, n)
    for i in range(0, const.CROP, step):
        for j in range(0, const.CROP, step):
            at = i * const.CROP + j
            rgba = known.crops[table, sprite, at]
            guess = _shown(found, n, rgba, light, grounds[n, f, at])
            color = crops[n, f, at]
            total += distance(color, guess) / scale
            shown += rgba[3] * color
            meant += rgba[3] * guess
            solid += rgba[3]
        if total > limit * samples:
            return 1.0e9
    shape = wp.abs(wp.log(aspect / known.aspects[sprite]))
    tint = distance(shown, meant) / wp.max(solid, 1.0) / scale
    gap = total / samples + 0.6 * wp.max(tint - 4.0, 0.0) + 14.0 * wp.max(shape - 0.08, 0.0)
    return gap + 10.0 * _light_gap(known, found, n, b, light)


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
def _moved(box: wp.vec4, move: int, reach: float) -> wp.vec4:
    """A box moved as a whole, grown or shrunk about its middle, or with one side moved."""
    moved = wp.vec4(box)
    way = reach * (float(move % 2) * 2.0 - 1.0)
    what = move / 2
    if what < 2:
        moved[what] = moved[what] + way
        moved[what + 2] = moved[what + 2] + way
    elif what == 2:
        share = (box[3] - box[1]) / (box[2] - box[0])
        moved = moved + 0.5 * way * wp.vec4(-1.0, -share, 1.0, share)
    else:
        moved[what - 3] = moved[what - 3] + way
    return moved


@wp.func
def _aspect(box: wp.vec4) -> float:
    return (box[3] - box[1]) / (box[2] - box[0])


@wp.func
def _pick(
    known: Known,
    found: Found,
    n: int,
    b: int,
    f: int,
    aspect: float,
    light: wp.vec3,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
    coarse: wp.array3d(dtype=wp.vec3),
    coarse_grounds: wp.array3d(dtype=wp.vec3),
) -> _Names:
    """The sprites that are nearest to a crop when both are coarsely seen."""
    table = int(0)
    if found.blend[n] > _BLURRED:
        table = int(1)
    block = const.CROP / const.COARSE
    for i in range(const.COARSE * const.COARSE):
        color = wp.vec3(0.0, 0.0, 0.0)
        ground = wp.vec3(0.0, 0.0, 0.0)
        for j in range(block * block):
            at = ((i / const.COARSE) * block + j / block) * const.CROP + (i % const.COARSE) * block + j % block
            color += crops[n, f, at]
            ground += grounds[n, f, at]
        coarse[n, f, i] = color / float(block * block)
        coarse_grounds[n, f, i] = ground / float(block * block)
    shortlist = _Names()
    gaps = _Gaps()
    for k in range(const.SHORTLIST):
        shortlist[k] = -1
        gaps[k] = 1.0e9
    worst_kept = float(1.0e9)
    share = 1.0 / float(const.COARSE * const.COARSE) / tone_scale(found, n)
    for s in range(known.aspects.shape[0]):
        gap = 10.0 * wp.abs(wp.log(aspect / known.aspects[s]))
        i = int(0)
        while i < const.COARSE * const.COARSE and gap < worst_kept:
            # the middle tells sprites apart sooner than the corners
            at = (i + 2 * const.COARSE - 2) % (const.COARSE * const.COARSE)
            guess = _shown(found, n, known.coarse[table, s, at], light, coarse_grounds[n, f, at])
            gap += distance(coarse[n, f, at], guess) * share
            i += 1
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
    return shortlist


@wp.kernel
def name_things(
    first: int,
    canvas: wp.array4d(dtype=wp.uint8),
    known: Known,
    rows: wp.array(dtype=wp.int64),
    begin: int,
    found: Found,
    crops: wp.array3d(dtype=wp.vec3),
    grounds: wp.array3d(dtype=wp.vec3),
    coarse: wp.array3d(dtype=wp.vec3),
    coarse_grounds: wp.array3d(dtype=wp.vec3),
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
    shortlist = _Names()
    gaps = _Gaps()
    # a shadow, a neighbour's too, may or may not belong to what sets a thing apart from the ground
    for shade in range(2):
        tight = _tight_box(canvas, known, found, n, b, f, shade, cells)
        tried = wp.vec4(float(tight[0]), float(tight[1]), float(tight[2]), float(tight[3]))
        if tight[2] == 0 or best_gap < 1.5 * const.EXACT or (shade == 1 and wp.length(tried - box) < 1.0):
            continue
        _take_crop(canvas, known, found, n, b, f, tried, 1, crops, grounds)
        if _is_flat(found, n, f, crops, grounds):
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
            names = _pick(known, found, n, b, f, _aspect(tried), light, crops, grounds, coarse, coarse_grounds)
            tried_gaps = _Gaps()
            tried_best = float(1.0e9)
            named = int(-1)
            for k in range(const.SHORTLIST):
                tried_gaps[k] = 1.0e9
                if names[k] >= 0:
                    limit = 1.4 * tried_best + 8.0
                    gap = _match_gap(known, found, n, b, f, names[k], _aspect(tried), 1, limit, crops, grounds)
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
                mine = wp.vec4(box)
                gap = float(1.0e9)
                reach = 0.12 * wp.max(box[2] - box[0], box[3] - box[1])
                _take_crop(canvas, known, found, n, b, f, mine, 2, crops, grounds)
                gap = _match_gap(known, found, n, b, f, s, _aspect(mine), 2, gap, crops, grounds)
                for round in range(3):
                    # as a whole first, side by side later
                    moves = int(_MOVES)
                    if round == 0:
                        moves = int(_WHOLE_MOVES)
                    for move in range(moves):
                        moved = _moved(mine, move, reach)
                        if moved[2] - moved[0] > 3.0 and moved[3] - moved[1] > 3.0:
                            _take_crop(canvas, known, found, n, b, f, moved, 2, crops, grounds)
                            other = _match_gap(known, found, n, b, f, s, _aspect(moved), 2, gap, crops, grounds)
                            if other < gap - 0.1:
                                gap = other
                                mine = wp.vec4(moved)
                    reach = 0.5 * reach
                    if gap > 50.0 - 8.0 * float(round):
                        # it will not come close enough any more
                        break
                _take_crop(canvas, known, found, n, b, f, mine, 1, crops, grounds)
                gap = _match_gap(known, found, n, b, f, s, _aspect(mine), 1, best_gap, crops, grounds)
                if gap < best_gap:
                    best_gap = gap
                    best = s
                    best_box = wp.vec4(mine)
            gaps[at] = 1.0e9
    # where the ground hides a thing's edges, try what the task asks for at the size and place of the old object
    if f >= const.FREE and best_gap > const.DOUBTFUL:
        place = _old_place(known, b, f - const.FREE + 1, cells, size)
        for r in range(const.ROWS):
            if known.requirements[b, r, 0] == 2:
                for s in range(known.aspects.shape[0]):
                    if known.sets[known.requirements[b, r, 3], s] > 0:
                        mine = wp.vec4(
                            place[0] + known.sprite_boxes[s, 0] * place[2],
                            place[1] + known.sprite_boxes[s, 1] * place[2],
                            place[0] + known.sprite_boxes[s, 2] * place[2],
                            place[1] + known.sprite_boxes[s, 3] * place[2],
                        )
                        _take_crop(canvas, known, found, n, b, f, mine, 2, crops, grounds)
                        gap = _match_gap(known, found, n, b, f, s, _aspect(mine), 2, best_gap + 2.0, crops, grounds)
                        if gap < best_gap + 2.0:
                            _take_crop(canvas, known, found, n, b, f, mine, 1, crops, grounds)
                            gap = _match_gap(known, found, n, b, f, s, _aspect(mine), 1, best_gap, crops, grounds)
                            if gap < best_gap:
                                best_gap = gap
                                best = s
                                best_box = wp.vec4(mine)
    if best < 0:
        return
    # a thing must explain most of what sets its place apart from the ground
    _take_crop(canvas, known, found, n, b, f, best_box, 1, crops, grounds)
    table = int(0)
    if found.blend[n] > _BLURRED:
        table = int(1)
    light_here = _light_on(known, found, n, b, f, best, 1, crops, grounds)
    bare = float(0.0)
    cross = float(0.0)
    seen = float(1.0e-3)
    meant = float(1.0e-3)
    for i in range(const.CROP * const.CROP):
        color = crops[n, f, i]
        ground = grounds[n, f, i]
        guess = _shown(found, n, known.crops[table, best, i], light_here, ground)
        bare += distance(color, ground)
        cross += wp.dot(color - ground, guess - ground)
        seen += wp.dot(color - ground, color - ground)
        meant += wp.dot(guess - ground, guess - ground)
        found.residual[n, f, i] = distance(color, guess)
    likeness = cross / wp.sqrt(seen * meant)
    bare = bare / float(const.CROP * const.CROP) / tone_scale(found, n)
    if found.blend[n] != 0.0:
        best_gap = best_gap - 6.0
    quality = ramp(best_gap, 47.0, 33.0) * wp.max(
        ramp(best_gap / wp.max(bare, 1.0), 0.72, 0.55), ramp(likeness, 0.7, 0.8)
    )
    # and stand in the light of the others
    quality = quality * ramp(_light_gap(known, found, n, b, light_here), 0.55, 0.3)
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
