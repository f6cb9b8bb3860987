# mypy: ignore-errors
"""Kernels of the pixel checklist: what a canvas shows, against what the renderer knows.

A canvas is explained cell by cell: as the background (the clean plate, under the tone or colour the whole picture
was given), as the source (an object still there), or as something new, which is then recognised against the stock
of sprites. Nothing here knows what a tool claims to have done.
"""

import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, distance, hue_gap, hue_of, luma, read_color
from imgedit_gym.kernels.reduce import GRID

CROP = 12
COARSE = 4
FREE_FINDS = 10
"""Connected new areas looked at; behind them stands one candidate for each object slot that changed."""
MAX_FINDS = FREE_FINDS + 12
SHORTLIST = 6

_GRID = wp.constant(GRID)
_CELLS = wp.constant(GRID * GRID)
_CROP = wp.constant(CROP)
_COARSE = wp.constant(COARSE)
_FREE = wp.constant(FREE_FINDS)
_FINDS = wp.constant(MAX_FINDS)
_SHORTLIST = wp.constant(SHORTLIST)
_CLEAR = wp.constant(17.0)
_DIRTY = wp.constant(0.55)
_CLEAN = wp.constant(0.74)
_DOUBTFUL = wp.constant(22.0)
_SLOTS = wp.constant(12)
_HEADLINE = wp.constant(13)
_ROWS = wp.constant(18)

# flags of a cell
_AS_BACKGROUND = wp.constant(1)
_AS_SOURCE = wp.constant(2)
_TELLING = wp.constant(4)

# tones, in the order of imgedit_gym.core.names.TONES
_BRIGHTER = wp.constant(0)
_DARKER = wp.constant(1)
_WARMER = wp.constant(2)
_COOLER = wp.constant(3)
_VIVID = wp.constant(4)
_MUTED = wp.constant(5)
_MONOCHROME = wp.constant(6)
_VINTAGE = wp.constant(7)
_CONTRASTY = wp.constant(8)
_SOFT = wp.constant(9)
_CRISP = wp.constant(10)


@wp.struct
class Known:
    """What the renderer knows of the tasks, and the stock that things are recognised against."""

    images: wp.array4d(dtype=wp.uint8)
    plates: wp.array4d(dtype=wp.uint8)
    segments: wp.array3d(dtype=wp.uint8)
    requirements: wp.array3d(dtype=wp.int32)
    slots: wp.array2d(dtype=wp.int32)
    keep: wp.array2d(dtype=wp.uint8)
    light: wp.array(dtype=wp.vec3)
    headline: wp.array(dtype=wp.int32)
    headline_panel: wp.array(dtype=wp.int32)
    headline_box: wp.array2d(dtype=wp.int32)
    source: wp.array2d(dtype=wp.vec3)
    source_detail: wp.array2d(dtype=wp.float32)
    plate: wp.array2d(dtype=wp.vec3)
    plate_detail: wp.array2d(dtype=wp.float32)
    labels: wp.array2d(dtype=wp.uint8)
    purity: wp.array2d(dtype=wp.float32)
    background: wp.array2d(dtype=wp.float32)
    busyness: wp.array2d(dtype=wp.float32)
    stock_plates: wp.array4d(dtype=wp.uint8)
    stock_cells: wp.array2d(dtype=wp.vec3)
    stock_detail: wp.array2d(dtype=wp.float32)
    stock_busyness: wp.array2d(dtype=wp.float32)
    variants: int
    colors: wp.array(dtype=wp.vec3)
    color_hues: wp.array(dtype=wp.float32)
    texts: wp.array3d(dtype=wp.uint8)
    crops: wp.array2d(dtype=wp.vec4)
    coarse: wp.array2d(dtype=wp.vec4)
    aspects: wp.array(dtype=wp.float32)
    sprite_boxes: wp.array2d(dtype=wp.float32)
    sets: wp.array2d(dtype=wp.int32)


@wp.struct
class Found:
    """What is found in the canvases, one row each."""

    cells: wp.array2d(dtype=wp.vec3)
    detail: wp.array2d(dtype=wp.float32)
    flags: wp.array2d(dtype=wp.int32)
    find_of: wp.array2d(dtype=wp.int32)
    stack: wp.array2d(dtype=wp.int32)
    plate: wp.array(dtype=wp.int32)
    gain: wp.array(dtype=wp.vec3)
    offset: wp.array(dtype=wp.vec3)
    saturation: wp.array(dtype=wp.float32)
    ground_gain: wp.array(dtype=wp.vec3)
    ground_offset: wp.array(dtype=wp.vec3)
    ground_own: wp.array(dtype=wp.int32)
    ground_mean: wp.array(dtype=wp.vec3)
    ground_match: wp.array(dtype=wp.float32)
    ground_spread: wp.array(dtype=wp.float32)
    ground_detail: wp.array(dtype=wp.vec2)
    tone_value: wp.array(dtype=wp.float32)
    boxes: wp.array2d(dtype=wp.vec4i)
    sprite: wp.array2d(dtype=wp.int32)
    find_quality: wp.array2d(dtype=wp.float32)
    residual: wp.array3d(dtype=wp.float32)
    slot_source: wp.array2d(dtype=wp.float32)
    slot_clean: wp.array2d(dtype=wp.float32)
    slot_kept: wp.array2d(dtype=wp.float32)
    slot_color: wp.array2d(dtype=wp.int32)
    slot_form: wp.array2d(dtype=wp.float32)
    headline_kept: wp.array(dtype=wp.float32)
    headline_new: wp.array(dtype=wp.float32)
    values: wp.array2d(dtype=wp.float32)
    preserved: wp.array2d(dtype=wp.float32)
    execution: wp.array(dtype=wp.float32)
    preservation: wp.array(dtype=wp.float32)
    quality: wp.array(dtype=wp.float32)
    success: wp.array(dtype=wp.int32)


@wp.func
def ramp(value: float, none: float, full: float) -> float:
    """0 at ``none`` and before, 1 at ``full`` and beyond, straight between; the order of the two may be either."""
    return wp.clamp((value - none) / (full - none), 0.0, 1.0)


@wp.func
def _scale(found: Found, n: int) -> float:
    """How far apart colours are under the picture's tone, against how far they were."""
    gain = found.gain[n]
    return wp.clamp((gain[0] + gain[1] + gain[2]) / 3.0, 0.6, 1.6) * wp.clamp(found.saturation[n], 0.8, 1.3)


@wp.func
def _wanted(known: Known, b: int, kind: int) -> int:
    """Argument of the first requirement of a kind; -1 if there is none."""
    for r in range(_ROWS):
        if known.requirements[b, r, 0] == kind:
            return known.requirements[b, r, 3]
    return -1


@wp.func
def _toned(found: Found, n: int, color: wp.vec3) -> wp.vec3:
    """A colour under the tone that the whole picture was given."""
    grey = luma(color)
    base = wp.vec3(grey, grey, grey)
    return clamp_color(wp.cw_mul(found.gain[n], base + found.saturation[n] * (color - base)) + found.offset[n])


@wp.func
def _untoned(found: Found, n: int, color: wp.vec3) -> wp.vec3:
    """The inverse of :func:`_toned`, where it has one; colours are left grey where it has none."""
    gain = found.gain[n]
    base = wp.cw_div(color - found.offset[n], gain)
    grey = luma(base)
    mean = wp.vec3(grey, grey, grey)
    return clamp_color(mean + (base - mean) / wp.max(found.saturation[n], 0.35))


@wp.func
def _ground_color(found: Found, n: int, plate: wp.vec3) -> wp.vec3:
    """What the background shows now where its plate had this colour."""
    if found.ground_own[n] == 1:
        return clamp_color(wp.cw_mul(found.ground_gain[n], plate) + found.ground_offset[n])
    return _toned(found, n, plate)


@wp.func
def _plate_cell(known: Known, found: Found, n: int, b: int, cell: int) -> wp.vec3:
    plate = found.plate[n]
    if plate >= 0:
        return known.stock_cells[plate, cell]
    if plate == -2:
        return found.ground_mean[n]
    return known.plate[b, cell]


@wp.func
def _plate_pixel(known: Known, found: Found, n: int, b: int, y: int, x: int) -> wp.vec3:
    plate = found.plate[n]
    if plate >= 0:
        return read_color(known.stock_plates, plate, y, x)
    if plate == -2:
        return found.ground_mean[n]
    return read_color(known.plates, b, y, x)


@wp.func
def _is_ground(known: Known, b: int, cell: int) -> bool:
    return known.labels[b, cell] == wp.uint8(0) and known.background[b, cell] > 0.97


@wp.func
def _plate_gap(known: Known, found: Found, n: int, b: int, plate: int) -> float:
    """Mean capped distance of the visible background to a stock plate (-1 the task's own), brightness set aside."""
    ours = float(0.0)
    theirs = float(0.0)
    for i in range(_CELLS / 2):
        cell = 2 * i + (i / (_GRID / 2)) % 2
        if _is_ground(known, b, cell):
            ours += luma(found.cells[n, cell])
            expected = known.plate[b, cell]
            if plate >= 0:
                expected = known.stock_cells[plate, cell]
            theirs += luma(expected)
    level = wp.clamp(ours / wp.max(theirs, 1.0), 0.4, 1.8)
    total = float(0.0)
    count = float(0.0)
    for i in range(_CELLS / 2):
        cell = 2 * i + (i / (_GRID / 2)) % 2
        if _is_ground(known, b, cell):
            expected = known.plate[b, cell]
            if plate >= 0:
                expected = known.stock_cells[plate, cell]
            total += wp.min(distance(found.cells[n, cell], level * expected), 60.0)
            count += 1.0
    return total / wp.max(count, 1.0)


@wp.func
def _reference(known: Known, found: Found, n: int, b: int, cell: int, recolored: int) -> int:
    """Whether a cell tells the tone: 1 visible background, 2 an object to keep, 0 neither."""
    if _is_ground(known, b, cell):
        return 1 - recolored
    label = int(known.labels[b, cell])
    if label >= 1 and label <= _SLOTS and known.purity[b, cell] > 0.7:
        if known.keep[b, label] > wp.uint8(0):
            return 2
    return 0


@wp.func
def _tone_gap(
    known: Known, found: Found, n: int, b: int, recolored: int, gain: wp.vec3, offset: float, saturation: float
) -> float:
    """Mean capped distance between the reference cells and what a tone would make of them."""
    total = float(0.0)
    count = float(0.0)
    for i in range(_CELLS / 2):
        cell = 2 * i + (i / (_GRID / 2)) % 2
        what = _reference(known, found, n, b, cell, recolored)
        if what > 0:
            e = known.source[b, cell]
            if what == 1:
                e = _plate_cell(known, found, n, b, cell)
            grey = wp.vec3(luma(e), luma(e), luma(e))
            seen = wp.cw_mul(gain, grey + saturation * (e - grey)) + wp.vec3(offset, offset, offset)
            total += wp.min(distance(found.cells[n, cell], clamp_color(seen)), 40.0)
            count += 1.0
    return total / wp.max(count, 1.0)


@wp.kernel
def fit_picture(known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Which plate the background shows, and which tone and colour the whole picture was given."""
    n = wp.tid()
    b = int(rows[n])
    kinds = _wanted(known, b, 4)
    recolor = _wanted(known, b, 5)
    tone = _wanted(known, b, 7)

    # the plate
    found.plate[n] = -1
    if kinds > 0:
        gap = _plate_gap(known, found, n, b, -1)
        n_kinds = known.stock_cells.shape[0] / known.variants
        for kind in range(1, n_kinds):
            if ((kinds >> kind) & 1) == 1:
                for v in range(known.variants):
                    other = _plate_gap(known, found, n, b, kind * known.variants + v)
                    if other < gap:
                        gap = other
                        found.plate[n] = kind * known.variants + v
        if (kinds & 1) == 1:
            mean = wp.vec3(0.0, 0.0, 0.0)
            count = float(0.0)
            for cell in range(_CELLS):
                if _is_ground(known, b, cell):
                    mean += found.cells[n, cell]
                    count += 1.0
            mean = mean / wp.max(count, 1.0)
            # once more around the mean, so that things standing on the background do not pull it
            inner = wp.vec3(0.0, 0.0, 0.0)
            inner_count = float(0.0)
            spread = float(0.0)
            for cell in range(_CELLS):
                if _is_ground(known, b, cell):
                    d = distance(found.cells[n, cell], mean)
                    spread += wp.min(d, 60.0)
                    if d < 30.0:
                        inner += found.cells[n, cell]
                        inner_count += 1.0
            if inner_count > 0.5 * count and spread / wp.max(count, 1.0) + 1.5 < gap:
                found.plate[n] = -2
                mean = inner / inner_count
            found.ground_mean[n] = mean

    # the tone
    gain = wp.vec3(1.0, 1.0, 1.0)
    offset = float(0.0)
    saturation = float(1.0)
    recolored = int(0)
    if recolor >= 0 or found.plate[n] == -2:
        recolored = int(1)
    level_c = float(0.0)
    level_e = float(0.0)
    weight = float(0.0)
    spread_c = float(0.0)
    spread_e = float(0.0)
    covariance = float(0.0)
    warmth = float(0.0)
    chroma_c = float(0.0)
    chroma_e = float(0.0)
    detail_c = float(0.0)
    detail_e = float(0.0)
    if tone == _CONTRASTY or tone == _VINTAGE:
        # clipping and casts mislead a straight fit: the likeliest of a few settings is taken
        best = float(1.0e9)
        for i in range(18):
            slope = float(1.0)
            pivot = float(0.0)
            tried = wp.vec3(1.0, 1.0, 1.0)
            colour = float(1.0)
            if tone == _CONTRASTY:
                slope = 1.0 + 0.15 * float(i / 3)
                pivot = 104.0 + 18.0 * float(i % 3)
                tried = wp.vec3(slope, slope, slope)
            elif i > 0:
                colour = 0.15 * float(i % 6)
                cast = 0.5 * float(i / 6 + 1)
                tried = wp.vec3(1.0 + 0.08 * cast, 1.0 - 0.05 * cast, 1.0 - 0.26 * cast)
            apart = _tone_gap(known, found, n, b, recolored, tried, pivot * (1.0 - slope), colour)
            if apart < best - 0.15:
                best = apart
                gain = tried
                offset = pivot * (1.0 - slope)
                saturation = colour
    if tone >= 0:
        for turn in range(3):
            sums = wp.vec3(0.0, 0.0, 0.0)
            squares = wp.vec3(0.0, 0.0, 0.0)
            see = float(0.0)
            sec = float(0.0)
            scc = float(0.0)
            hue_top = float(0.0)
            hue_bottom = float(0.0)
            free = float(0.0)
            free_e = float(0.0)
            free_c = float(0.0)
            free_ee = float(0.0)
            free_ec = float(0.0)
            level_c = float(0.0)
            level_e = float(0.0)
            weight = float(0.0)
            warmth = float(0.0)
            chroma_c = float(0.0)
            chroma_e = float(0.0)
            detail_c = float(0.0)
            detail_e = float(0.0)
            for cell in range(_CELLS):
                what = _reference(known, found, n, b, cell, recolored)
                if what == 0:
                    continue
                c = found.cells[n, cell]
                e = known.source[b, cell]
                fine = known.source_detail[b, cell]
                if what == 1:
                    e = _plate_cell(known, found, n, b, cell)
                    fine = known.plate_detail[b, cell]
                    if found.plate[n] >= 0:
                        fine = known.stock_detail[found.plate[n], cell]
                le = luma(e)
                lc = luma(c)
                grey_e = wp.vec3(le, le, le)
                grey_c = wp.vec3(lc, lc, lc)
                bent = grey_e + saturation * (e - grey_e)
                w = float(1.0)
                if turn > 0:
                    seen = clamp_color(wp.cw_mul(gain, bent) + wp.vec3(offset, offset, offset))
                    far = distance(c, seen) / 16.0
                    w = 1.0 / (1.0 + far * far)
                weight += w
                level_c += w * lc
                level_e += w * le
                see += w * le * le
                sec += w * le * lc
                scc += w * lc * lc
                warmth += w * ((c[0] - c[2]) - (e[0] - e[2]))
                if chroma(e) > 12.0 or tone == _MONOCHROME:
                    chroma_c += w * chroma(c)
                    chroma_e += w * chroma(e)
                if fine > 2.5:
                    detail_c += w * found.detail[n, cell]
                    detail_e += w * fine
                hue_top += w * wp.dot(c - grey_c, e - grey_e)
                hue_bottom += w * wp.dot(e - grey_e, e - grey_e)
                if wp.max(c[0], wp.max(c[1], c[2])) < 248.0 and wp.min(c[0], wp.min(c[1], c[2])) > 7.0:
                    free += w
                    free_e += w * le
                    free_c += w * lc
                    free_ee += w * le * le
                    free_ec += w * le * lc
                if wp.max(c[0], wp.max(c[1], c[2])) < 252.0:
                    sums += w * wp.cw_mul(bent, c)
                    squares += w * wp.cw_mul(bent, bent)
            weight = wp.max(weight, 1.0e-3)
            level_c = level_c / weight
            level_e = level_e / weight
            spread_c = wp.sqrt(wp.max(scc / weight - level_c * level_c, 0.0))
            spread_e = wp.sqrt(wp.max(see / weight - level_e * level_e, 0.0))
            covariance = sec / weight - level_c * level_e
            if tone == _VIVID or tone == _MUTED or tone == _MONOCHROME:
                if hue_bottom / weight > 60.0:
                    saturation = wp.clamp(hue_top / hue_bottom, 0.0, 2.5)
            if tone == _BRIGHTER or tone == _DARKER:
                # fitted where nothing is clipped
                slope = level_c / wp.max(level_e, 4.0)
                at_e = level_e
                at_c = level_c
                if free > 0.1 * weight:
                    at_e = free_e / free
                    at_c = free_c / free
                    variance = free_ee / free - at_e * at_e
                    if variance > 36.0:
                        slope = (free_ec / free - at_e * at_c) / variance
                slope = wp.clamp(slope, 0.25, 2.6)
                gain = wp.vec3(slope, slope, slope)
                offset = at_c - slope * at_e
            if tone == _WARMER or tone == _COOLER:
                for k in range(3):
                    gain[k] = wp.clamp(sums[k] / wp.max(squares[k], 1.0), 0.4, 1.8)
    found.gain[n] = gain
    found.offset[n] = wp.vec3(offset, offset, offset)
    found.saturation[n] = saturation

    # is the tone the one that was asked for, and is the picture still itself
    value = float(0.0)
    if tone >= 0:
        ratio = level_c / wp.max(level_e, 1.0)
        if tone == _BRIGHTER:
            headroom = (255.0 - level_c) / wp.max(255.0 - level_e, 1.0)
            value = wp.max(ramp(ratio, 1.04, 1.12), ramp(headroom, 0.82, 0.72))
            value = value * ramp(level_c - level_e, 1.5, 5.0)
        if tone == _DARKER:
            value = ramp(ratio, 0.9, 0.8)
        if tone == _WARMER:
            value = ramp(warmth / weight, 10.0, 18.0)
        if tone == _COOLER:
            value = ramp(-warmth / weight, 10.0, 18.0)
        if tone == _VIVID:
            value = ramp(chroma_c / wp.max(chroma_e, 1.0), 1.06, 1.14)
        if tone == _MUTED:
            value = ramp(chroma_c / wp.max(chroma_e, 1.0), 0.85, 0.72) * ramp(
                chroma_c / wp.max(chroma_e, 1.0), 0.1, 0.25
            )
        if tone == _MONOCHROME:
            value = ramp(chroma_c / weight, 20.0, 12.0)
        if tone == _VINTAGE:
            value = ramp(gain[0] - gain[2], 0.08, 0.15) * ramp(saturation, 0.8, 0.6)
        if tone == _CONTRASTY:
            value = ramp(gain[0], 1.1, 1.25)
        if tone == _SOFT:
            value = ramp(detail_c / wp.max(detail_e, 1.0e-3), 0.94, 0.84)
        if tone == _CRISP:
            value = ramp(detail_c / wp.max(detail_e, 1.0e-3), 1.06, 1.15)
        if spread_e > 5.0:
            value = value * ramp(covariance / wp.max(spread_c * spread_e, 1.0e-3), 0.6, 0.85)
    found.tone_value[n] = value

    # the background's own change of colour
    found.ground_own[n] = 0
    if found.plate[n] == -2:
        found.ground_own[n] = 1
        found.ground_gain[n] = wp.vec3(1.0, 1.0, 1.0)
        found.ground_offset[n] = wp.vec3(0.0, 0.0, 0.0)
    if recolor >= 0:
        g = wp.vec3(1.0, 1.0, 1.0)
        o = wp.vec3(0.0, 0.0, 0.0)
        for turn in range(4):
            w_sum = float(0.0)
            me = wp.vec3(0.0, 0.0, 0.0)
            mc = wp.vec3(0.0, 0.0, 0.0)
            for cell in range(_CELLS):
                if _is_ground(known, b, cell):
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
            for cell in range(_CELLS):
                if _is_ground(known, b, cell):
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

    # how the visible background looks now
    count = float(0.0)
    mean = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(_CELLS):
        if _is_ground(known, b, cell):
            expected = _ground_color(found, n, _plate_cell(known, found, n, b, cell))
            if distance(found.cells[n, cell], expected) < 30.0:
                mean += found.cells[n, cell]
                count += 1.0
    total = wp.max(count, 1.0)
    mean = mean / total
    me = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(_CELLS):
        if _is_ground(known, b, cell):
            expected = _ground_color(found, n, _plate_cell(known, found, n, b, cell))
            if distance(found.cells[n, cell], expected) < 30.0:
                me += _plate_cell(known, found, n, b, cell) / total
    cov = float(0.0)
    vc = float(0.0)
    ve = float(0.0)
    dc = float(0.0)
    de = float(0.0)
    visible = float(0.0)
    for cell in range(_CELLS):
        if _is_ground(known, b, cell):
            visible += 1.0
            plate = _plate_cell(known, found, n, b, cell)
            expected = _ground_color(found, n, plate)
            if distance(found.cells[n, cell], expected) < 30.0:
                cov += wp.dot(found.cells[n, cell] - mean, plate - me)
                vc += wp.dot(found.cells[n, cell] - mean, found.cells[n, cell] - mean)
                ve += wp.dot(plate - me, plate - me)
                dc += found.detail[n, cell]
                fine = known.plate_detail[b, cell]
                if found.plate[n] >= 0:
                    fine = known.stock_detail[found.plate[n], cell]
                de += fine
    if found.plate[n] != -2:
        found.ground_mean[n] = mean
    found.ground_spread[n] = wp.sqrt(vc / (3.0 * total))
    match = float(0.0)
    if ve / total > 12.0:
        match = cov / wp.sqrt(wp.max(vc * ve, 1.0e-3))
    elif vc / total < 60.0:
        match = float(1.0)
    # a background that only a part of the picture shows is not there
    found.ground_match[n] = match * ramp(count / wp.max(visible, 1.0), 0.45, 0.7)
    found.ground_detail[n] = wp.vec2(dc / total, de / total)


@wp.kernel
def rate_busyness(
    means: wp.array2d(dtype=wp.vec3), rows: wp.array(dtype=wp.int64), busyness: wp.array2d(dtype=wp.float32)
):
    """How much a plate varies around each cell beyond its texture, as a slack in levels of 255, at most 20.

    Textures are averaged away first: what is left is where one thing behind the objects ends and another begins.
    """
    n, cell = wp.tid()
    b = int(rows[n])
    y = cell / _GRID
    x = cell % _GRID
    total = wp.vec3(0.0, 0.0, 0.0)
    squares = wp.vec3(0.0, 0.0, 0.0)
    for i in range(25):
        yy = y + 2 * (i / 5 - 2)
        xx = x + 2 * (i % 5 - 2)
        local = wp.vec3(0.0, 0.0, 0.0)
        for j in range(16):
            at_y = wp.clamp(yy + j / 4 - 1, 0, _GRID - 1)
            at_x = wp.clamp(xx + j % 4 - 1, 0, _GRID - 1)
            local += means[b, at_y * _GRID + at_x]
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
    tone = _wanted(known, b, 7)
    slack = float(0.0)
    if tone == _SOFT or tone == _CRISP:
        slack = float(10.0)
    c = found.cells[n, cell]
    share = known.background[b, cell]
    own_plate = known.plate[b, cell]
    ground = _ground_color(found, n, _plate_cell(known, found, n, b, cell))
    source = _toned(found, n, known.source[b, cell])
    if found.plate[n] != -1 or found.ground_own[n] == 1:
        source = clamp_color(source - share * _toned(found, n, own_plate) + share * ground)
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
    scale = _scale(found, n)
    near = 13.0 * scale
    guess = guess * scale
    if distance(c, ground) < near + slack + guess and detail_gap < 3.0 + 0.35 * fine + slack + 0.5 * guess:
        flags = flags | _AS_BACKGROUND
    elif guess > 2.0:
        # or it continues what is seen beside it
        y = cell / _GRID
        x = cell % _GRID
        for i in range(49):
            yy = wp.clamp(y + i / 7 - 3, 0, _GRID - 1)
            xx = wp.clamp(x + i % 7 - 3, 0, _GRID - 1)
            other = yy * _GRID + xx
            if _is_ground(known, b, other):
                if distance(c, found.cells[n, other]) < 10.0 * scale + slack:
                    if wp.abs(found.detail[n, cell] - found.detail[n, other]) < 5.0 + slack:
                        flags = flags | _AS_BACKGROUND
    if distance(c, source) < near + slack:
        flags = flags | _AS_SOURCE
    if distance(source, ground) > 20.0 * scale + guess:
        flags = flags | _TELLING
    found.flags[n, cell] = flags
    found.find_of[n, cell] = -1


@wp.func
def _name_hue(known: Known, color: wp.vec3) -> int:
    """The colour with a hue that is nearest; 15 for a grey."""
    top = wp.max(color[0], wp.max(color[1], color[2]))
    named = int(15)
    if top > 0.0 and chroma(color) / top > 0.22:
        hue = hue_of(color)
        nearest = float(9.0)
        for c in range(7):
            apart = hue_gap(hue, known.color_hues[c])
            if apart < nearest:
                nearest = apart
                named = int(c)
    return named


@wp.func
def _is_shadow(known: Known, b: int, cell: int) -> bool:
    """Whether the source shows the plate's own colour, darker."""
    s = known.source[b, cell]
    p = known.plate[b, cell]
    return wp.dot(s, p) > 0.994 * wp.length(s) * wp.length(p) and luma(s) < luma(p)


@wp.func
def _mark_place(known: Known, found: Found, n: int, b: int, slot: int):
    """Where an object changed and something new stands, make the square around it a place to look at."""
    found.boxes[n, _FREE + slot] = wp.vec4i(0, 0, 0, 0)
    found.sprite[n, _FREE + slot] = -1
    found.find_quality[n, _FREE + slot] = 0.0
    if known.slots[b, slot] == -1 or found.slot_source[n, slot] >= 0.6:
        return
    y0 = int(_GRID)
    x0 = int(_GRID)
    y1 = int(0)
    x1 = int(0)
    for cell in range(_CELLS):
        if int(known.labels[b, cell]) == slot + 1:
            y0 = wp.min(y0, cell / _GRID)
            x0 = wp.min(x0, cell % _GRID)
            y1 = wp.max(y1, cell / _GRID + 1)
            x1 = wp.max(x1, cell % _GRID + 1)
    if y1 == 0:
        return
    side = wp.max(y1 - y0, x1 - x0)
    y = (y0 + y1 - side) / 2 - 1
    x = (x0 + x1 - side) / 2 - 1
    y0 = wp.max(y, 0)
    x0 = wp.max(x, 0)
    y1 = wp.min(y + side + 3, _GRID)
    x1 = wp.min(x + side + 3, _GRID)
    fresh = int(0)
    for v in range(y0, y1):
        for u in range(x0, x1):
            if (found.flags[n, v * _GRID + u] & (_AS_BACKGROUND | _AS_SOURCE)) == 0:
                fresh += 1
    if fresh >= 6:
        found.boxes[n, _FREE + slot] = wp.vec4i(y0, x0, y1, x1)


@wp.kernel
def survey_slots(known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """How much of each object is still there, what colour it shows and whether its form is its own."""
    n, slot = wp.tid()
    b = int(rows[n])
    label = wp.uint8(slot + 1)
    telling = float(0.0)
    still = float(0.0)
    cells = float(0.0)
    gap = float(0.0)
    mean_c = float(0.0)
    mean_e = float(0.0)
    for cell in range(_CELLS):
        if known.labels[b, cell] == label and known.purity[b, cell] > 0.6:
            cells += 1.0
            flags = found.flags[n, cell]
            if (flags & _TELLING) != 0:
                telling += 1.0
                if (flags & _AS_SOURCE) != 0:
                    still += 1.0
            expected = _toned(found, n, known.source[b, cell])
            gap += wp.min(distance(found.cells[n, cell], expected), 80.0)
            mean_c += luma(found.cells[n, cell])
            mean_e += luma(expected)
    total = wp.max(cells, 1.0)
    mean_c = mean_c / total
    mean_e = mean_e / total
    cov = float(0.0)
    vc = float(0.0)
    ve = float(0.0)
    color = wp.vec3(0.0, 0.0, 0.0)
    shaded = wp.vec3(0.0, 0.0, 0.0)
    n_shaded = float(0.0)
    chroma_gap = float(0.0)
    chroma_all = float(0.0)
    for cell in range(_CELLS):
        if known.labels[b, cell] == label and known.purity[b, cell] > 0.6:
            lc = luma(found.cells[n, cell]) - mean_c
            le = luma(_toned(found, n, known.source[b, cell])) - mean_e
            cov += lc * le
            vc += lc * lc
            ve += le * le
            plain = _untoned(found, n, found.cells[n, cell])
            chroma_gap += wp.abs(chroma(plain) - chroma(known.source[b, cell]))
            chroma_all += chroma(known.source[b, cell])
            if _is_shadow(known, b, cell):
                shaded += chroma(plain) * plain
                n_shaded += 1.0
                continue
            color += chroma(plain) * plain
    form = float(0.0)
    if cells > 0.0:
        form = ramp(cov / wp.sqrt(wp.max(vc * ve, 1.0e-3)), 0.3, 0.55)
        form = form * ramp(wp.sqrt(vc / wp.max(ve, 1.0)), 0.25, 0.45)
        # a saturated object keeps, part by part, how saturated it is
        if chroma_all / total > 55.0:
            form = form * ramp(chroma_gap / chroma_all, 0.65, 0.45)
    found.slot_source[n, slot] = still / wp.max(telling, 1.0)
    if telling < 1.0:
        found.slot_source[n, slot] = 0.0
    found.slot_kept[n, slot] = ramp(gap / total, 26.0, 12.0) * ramp(still / wp.max(telling, 1.0), 0.35, 0.7)
    if telling < 1.0:
        found.slot_kept[n, slot] = ramp(gap / total, 26.0, 12.0)
    found.slot_form[n, slot] = form
    if n_shaded > 0.7 * total:
        color += shaded
    # the colour as it shows, and as it would in white light: either may be the one that was meant
    found.slot_color[n, slot] = _name_hue(known, color) + 16 * _name_hue(known, wp.cw_div(color, known.light[b]))
    _mark_place(known, found, n, b, slot)


@wp.func
def _is_new(known: Known, found: Found, n: int, b: int, cell: int) -> bool:
    flags = found.flags[n, cell]
    if (flags & _AS_BACKGROUND) != 0:
        return False
    label = int(known.labels[b, cell])
    if label == _HEADLINE:
        return False
    if (flags & _AS_SOURCE) != 0:
        if label >= 1 and label <= _SLOTS:
            # parts of an object that is otherwise gone may look like it by chance
            return found.slot_source[n, label - 1] < 0.6
        return False
    return True


@wp.kernel
def find_things(known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Connected areas that neither background, nor source, nor a new thing in an old one's place explain."""
    n = wp.tid()
    b = int(rows[n])
    for f in range(_FREE):
        found.boxes[n, f] = wp.vec4i(0, 0, 0, 0)
        found.sprite[n, f] = -1
        found.find_quality[n, f] = 0.0
    # what was recognised in the place of an old object is accounted for
    for f in range(_FREE, _FINDS):
        if found.sprite[n, f] >= 0 and found.find_quality[n, f] > 0.0:
            box = found.boxes[n, f]
            for y in range(box[0] * _GRID / size, wp.min((box[2] - 1) * _GRID / size + 1, _GRID)):
                for x in range(box[1] * _GRID / size, wp.min((box[3] - 1) * _GRID / size + 1, _GRID)):
                    found.find_of[n, y * _GRID + x] = -3
    count = int(0)
    for start in range(_CELLS):
        if found.find_of[n, start] != -1 or count >= _FREE:
            continue
        if not _is_new(known, found, n, b, start):
            continue
        found.find_of[n, start] = count
        found.stack[n, 0] = start
        top = int(1)
        area = int(0)
        y0 = int(_GRID)
        x0 = int(_GRID)
        y1 = int(0)
        x1 = int(0)
        while top > 0:
            top -= 1
            cell = found.stack[n, top]
            y = cell / _GRID
            x = cell % _GRID
            area += 1
            y0 = wp.min(y0, y)
            x0 = wp.min(x0, x)
            y1 = wp.max(y1, y + 1)
            x1 = wp.max(x1, x + 1)
            for side in range(4):
                yy = y
                xx = x
                if side == 0:
                    yy = y - 1
                if side == 1:
                    yy = y + 1
                if side == 2:
                    xx = x - 1
                if side == 3:
                    xx = x + 1
                if yy >= 0 and yy < _GRID and xx >= 0 and xx < _GRID:
                    other = yy * _GRID + xx
                    if found.find_of[n, other] == -1 and _is_new(known, found, n, b, other):
                        found.find_of[n, other] = count
                        found.stack[n, top] = other
                        top += 1
        if area >= 5 and wp.max(y1 - y0, x1 - x0) >= 3 and area < _CELLS / 3:
            found.boxes[n, count] = wp.vec4i(y0, x0, y1, x1)
            count += 1
        else:
            # too small or too large to be an object: damage, as far as the judge is concerned
            for cell in range(_CELLS):
                if found.find_of[n, cell] == count:
                    found.find_of[n, cell] = -2


@wp.func
def _is_new_pixel(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, y: int, x: int
) -> bool:
    c = read_color(canvas, n, y, x)
    far = 24.0 * _scale(found, n)
    if distance(c, _ground_color(found, n, _plate_pixel(known, found, n, b, y, x))) < far:
        return False
    label = int(known.segments[b, y, x])
    if label == _HEADLINE:
        return False
    if label >= 1 and label <= _SLOTS:
        cell = (y * _GRID / canvas.shape[1]) * _GRID + x * _GRID / canvas.shape[1]
        if (found.flags[n, cell] & _AS_BACKGROUND) != 0 and found.slot_source[n, label - 1] < 0.6:
            return False
        if found.slot_source[n, label - 1] >= 0.6:
            return distance(c, _toned(found, n, read_color(known.images, b, y, x))) >= far
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
    grey: bool,
    write: bool,
    f: int,
) -> float:
    """Mean distance between what a box shows and a sprite fitted to it, on a CROP x CROP lattice."""
    size = canvas.shape[1]
    height = box[2] - box[0]
    width = box[3] - box[1]
    light = known.light[b]
    total = float(0.0)
    shown = wp.vec3(0.0, 0.0, 0.0)
    meant = wp.vec3(0.0, 0.0, 0.0)
    solid = float(0.0)
    for i in range(_CROP * _CROP):
        v = box[0] + height * (float(i / _CROP) + 0.5) / float(_CROP)
        u = box[1] + width * (float(i % _CROP) + 0.5) / float(_CROP)
        color = _crop_color(canvas, n, v, u, 0.5 * height / float(_CROP), 0.5 * width / float(_CROP))
        color = _untoned(found, n, color)
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = _untoned(found, n, _ground_color(found, n, _plate_pixel(known, found, n, b, y, x)))
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
        if write:
            found.residual[n, f, i] = gap
    shape = wp.abs(wp.log(width / height / known.aspects[sprite]))
    tint = distance(shown, meant) / wp.max(solid, 1.0)
    return total / float(_CROP * _CROP) + 0.6 * wp.max(tint - 4.0, 0.0) + 14.0 * wp.max(shape - 0.08, 0.0)


@wp.func
def _bare_gap(canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, box: wp.vec4) -> float:
    """Mean distance between what a box shows and the ground alone."""
    size = canvas.shape[1]
    height = box[2] - box[0]
    width = box[3] - box[1]
    total = float(0.0)
    for i in range(_CROP * _CROP):
        v = box[0] + height * (float(i / _CROP) + 0.5) / float(_CROP)
        u = box[1] + width * (float(i % _CROP) + 0.5) / float(_CROP)
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = _ground_color(found, n, _plate_pixel(known, found, n, b, y, x))
        total += distance(_untoned(found, n, read_color(canvas, n, y, x)), _untoned(found, n, ground))
    return total / float(_CROP * _CROP)


@wp.func
def _old_place(known: Known, b: int, label: int, cells: wp.vec4i, size: int) -> wp.vec3:
    """Top, left and edge in pixels of the square around an old object."""
    y0 = int(size)
    x0 = int(size)
    y1 = int(0)
    x1 = int(0)
    for y in range(cells[0] * size / _GRID, cells[2] * size / _GRID):
        for x in range(cells[1] * size / _GRID, cells[3] * size / _GRID):
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
    stride = wp.max(1, size / 128)
    margin = int(size / 32 + 2)
    top = wp.max(cells[0] * size / _GRID - margin, 0)
    left = wp.max(cells[1] * size / _GRID - margin, 0)
    bottom = wp.min(cells[2] * size / _GRID + margin, size)
    right = wp.min(cells[3] * size / _GRID + margin, size)
    # from the middle outwards, as far as new pixels go on without a gap: neighbours stay out
    middle = wp.vec2i((top + bottom) / 2, (left + right) / 2)
    gap_allowed = wp.max(size / 96, 1)
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
        if f < _FREE:
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
    for i in range(_COARSE * _COARSE):
        v = box[0] + height * (float(i / _COARSE) + 0.5) / float(_COARSE)
        u = box[1] + width * (float(i % _COARSE) + 0.5) / float(_COARSE)
        reach_y = 0.5 * height / float(_COARSE)
        reach_x = 0.5 * width / float(_COARSE)
        color = _untoned(found, n, _crop_color(canvas, n, v, u, reach_y, reach_x))
        y = wp.clamp(int(v), 0, size - 1)
        x = wp.clamp(int(u), 0, size - 1)
        ground = _untoned(found, n, _ground_color(found, n, _plate_pixel(known, found, n, b, y, x)))
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
        for i in range(_COARSE * _COARSE):
            guess = _template(known, known.coarse, s, i, light, grounds[n, f, i])
            if grey:
                guess = wp.vec3(luma(guess), luma(guess), luma(guess))
            gap += distance(crops[n, f, i], guess) / float(_COARSE * _COARSE)
            if gap > worst_kept:
                break
        if gap < worst_kept:
            worst = int(0)
            for k in range(1, _SHORTLIST):
                if gaps[k] > gaps[worst]:
                    worst = k
            gaps[worst] = gap
            shortlist[worst] = s
            worst_kept = float(0.0)
            for k in range(_SHORTLIST):
                worst_kept = wp.max(worst_kept, gaps[k])
    best = int(-1)
    best_gap = float(1.0e9)
    for k in range(_SHORTLIST):
        gaps[k] = 1.0e9
        if shortlist[k] >= 0:
            gaps[k] = _match_gap(canvas, known, found, n, b, shortlist[k], box, grey, False, f)
            if gaps[k] < best_gap:
                best_gap = gaps[k]
                best = shortlist[k]
    # smears and shadows around a thing widen its box: let the sides of the box settle for the likeliest sprites
    best_box = box
    if best_gap > _CLEAR:
        for turn in range(3):
            at = int(0)
            for k in range(1, _SHORTLIST):
                if gaps[k] < gaps[at]:
                    at = k
            s = shortlist[at]
            if s >= 0 and gaps[at] < 1.0e8:
                mine = box
                gap = gaps[at]
                reach = 0.12 * wp.max(height, width)
                for round in range(3):
                    for side in range(4):
                        for way in range(2):
                            moved = mine
                            moved[side] = moved[side] + reach * (float(way) * 2.0 - 1.0)
                            if moved[2] - moved[0] > 3.0 and moved[3] - moved[1] > 3.0:
                                other = _match_gap(canvas, known, found, n, b, s, moved, grey, False, f)
                                if other < gap - 0.2:
                                    gap = other
                                    mine = moved
                    reach = 0.5 * reach
                if gap < best_gap:
                    best_gap = gap
                    best = s
                    best_box = mine
            gaps[at] = 1.0e9
    tone = _wanted(known, b, 7)
    if tone == _SOFT or tone == _CRISP:
        best_gap = best_gap - 6.0
    # where the ground hides a thing's edges, try what the task asks for at the size and place of the old object
    if f >= _FREE and best_gap > _DOUBTFUL:
        place = _old_place(known, b, f - _FREE + 1, cells, size)
        for r in range(_ROWS):
            if known.requirements[b, r, 0] == 2:
                for s in range(n_sprites):
                    if known.sets[known.requirements[b, r, 3], s] > 0:
                        mine = wp.vec4(
                            place[0] + known.sprite_boxes[s, 0] * place[2],
                            place[1] + known.sprite_boxes[s, 1] * place[2],
                            place[0] + known.sprite_boxes[s, 2] * place[2],
                            place[1] + known.sprite_boxes[s, 3] * place[2],
                        )
                        gap = _match_gap(canvas, known, found, n, b, s, mine, grey, False, f)
                        if gap < best_gap:
                            best_gap = gap
                            best = s
                            best_box = mine
    # a thing must explain most of what sets its place apart from the ground
    bare = _bare_gap(canvas, known, found, n, b, best_box)
    quality = ramp(best_gap, 47.0, 33.0) * ramp(best_gap / wp.max(bare, 1.0), 0.72, 0.55)
    found.find_quality[n, f] = quality
    if best >= 0 and quality > 0.0:
        found.sprite[n, f] = best
        _match_gap(canvas, known, found, n, b, best, best_box, grey, True, f)
        found.boxes[n, f] = wp.vec4i(
            int(wp.round(best_box[0])),
            int(wp.round(best_box[1])),
            int(wp.round(best_box[2])),
            int(wp.round(best_box[3])),
        )


@wp.kernel
def settle_things(found: Found):
    """Where two finds overlap they are one thing, named by the better match."""
    n = wp.tid()
    for f in range(_FINDS):
        for g in range(_FINDS):
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


@wp.func
def _recognised(found: Found, n: int, cell: int, size: int) -> bool:
    """Whether a cell lies in a recognised new thing and looks as that thing does there."""
    y = (float(cell / _GRID) + 0.5) * float(size) / float(_GRID)
    x = (float(cell % _GRID) + 0.5) * float(size) / float(_GRID)
    margin = 1.2 * float(size) / float(_GRID)
    for f in range(_FINDS):
        if found.sprite[n, f] >= 0 and found.find_quality[n, f] > 0.0:
            box = found.boxes[n, f]
            inside = y > float(box[0]) - margin and y < float(box[2]) + margin
            if inside and x > float(box[1]) - margin and x < float(box[3]) + margin:
                v = int((y - float(box[0])) / float(box[2] - box[0]) * float(_CROP))
                u = int((x - float(box[1])) / float(box[3] - box[1]) * float(_CROP))
                v = wp.clamp(v, 0, _CROP - 1)
                u = wp.clamp(u, 0, _CROP - 1)
                if found.residual[n, f, v * _CROP + u] < 44.0:
                    return True
    return False


@wp.kernel
def check_places(known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Whether what lies where an object stood is clean: background again, or a new thing."""
    n, slot = wp.tid()
    b = int(rows[n])
    label = wp.uint8(slot + 1)
    cells = float(0.0)
    clean = float(0.0)
    bare = float(0.0)
    bare_clean = float(0.0)
    for cell in range(_CELLS):
        if known.labels[b, cell] == label:
            cells += 1.0
            if (found.flags[n, cell] & _AS_BACKGROUND) != 0:
                clean += 1.0
                bare += 1.0
                bare_clean += 1.0
            elif _recognised(found, n, cell, size):
                clean += 1.0
            else:
                bare += 1.0
    share = clean / wp.max(cells, 1.0)
    # what a new thing leaves uncovered must be background by itself
    if bare >= 4.0:
        share = 0.5 * (share + bare_clean / bare)
    found.slot_clean[n, slot] = share


@wp.func
def _text_match(canvas: wp.array4d(dtype=wp.uint8), known: Known, n: int, b: int, row: int, sy: int, sx: int) -> float:
    """Correlation of luma with a text's coverage over the headline's box, sign dropped; 0 without contrast."""
    top = known.headline_box[b, 0]
    left = known.headline_box[b, 1]
    height = known.headline_box[b, 2] - top
    width = known.headline_box[b, 3] - left
    count = float(0.0)
    ml = float(0.0)
    mt = float(0.0)
    for i in range((height + sy - 1) / sy):
        for j in range((width + sx - 1) / sx):
            ml += luma(read_color(canvas, n, top + i * sy, left + j * sx))
            mt += float(known.texts[row, i * sy, j * sx])
            count += 1.0
    ml = ml / wp.max(count, 1.0)
    mt = mt / wp.max(count, 1.0)
    cov = float(0.0)
    vl = float(0.0)
    vt = float(0.0)
    for i in range((height + sy - 1) / sy):
        for j in range((width + sx - 1) / sx):
            dl = luma(read_color(canvas, n, top + i * sy, left + j * sx)) - ml
            dt = float(known.texts[row, i * sy, j * sx]) - mt
            cov += dl * dt
            vl += dl * dl
            vt += dt * dt
    if vl / wp.max(count, 1.0) < 60.0 or vt <= 0.0:
        return 0.0
    return wp.abs(cov) / wp.sqrt(vl * vt)


@wp.func
def _text_ground(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, row: int, sy: int, sx: int
) -> float:
    """Mean distance, between the letters, of what the box shows to what stood behind the headline."""
    top = known.headline_box[b, 0]
    left = known.headline_box[b, 1]
    height = known.headline_box[b, 2] - top
    width = known.headline_box[b, 3] - left
    panel = wp.vec3(0.0, 0.0, 0.0)
    if known.headline_panel[b] == 1:
        # the corner of the box shows the panel alone
        panel = _toned(found, n, read_color(known.images, b, top, left))
    gap = float(0.0)
    count = float(0.0)
    for i in range((height + sy - 1) / sy):
        for j in range((width + sx - 1) / sx):
            y = top + i * sy
            x = left + j * sx
            if known.texts[row, i * sy, j * sx] < wp.uint8(12):
                expected = panel
                if known.headline_panel[b] != 1:
                    expected = _ground_color(found, n, _plate_pixel(known, found, n, b, y, x))
                off = distance(read_color(canvas, n, y, x), expected)
                if known.headline_panel[b] != 1:
                    cell = (y * _GRID / canvas.shape[1]) * _GRID + x * _GRID / canvas.shape[1]
                    slack = known.busyness[b, cell]
                    if found.plate[n] >= 0:
                        slack = known.stock_busyness[found.plate[n], cell]
                    off = wp.max(off - 1.2 * slack, 0.0)
                gap += wp.min(off, 100.0)
                count += 1.0
    return gap / wp.max(count, 1.0)


@wp.kernel
def read_headlines(canvas: wp.array4d(dtype=wp.uint8), known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Whether the headline is the old one, and whether it is one of those asked for."""
    n = wp.tid()
    b = int(rows[n])
    found.headline_kept[n] = 1.0
    found.headline_new[n] = 0.0
    row = known.headline[b]
    height = known.headline_box[b, 2] - known.headline_box[b, 0]
    width = known.headline_box[b, 3] - known.headline_box[b, 1]
    if height <= 0 or width <= 0:
        return
    sy = wp.max(1, height / 16)
    sx = wp.max(1, width / 108)
    if row >= 0 and known.keep[b, _HEADLINE] > wp.uint8(0):
        kept = ramp(_text_match(canvas, known, n, b, row, sy, sx), 0.5, 0.75)
        found.headline_kept[n] = kept * ramp(_text_ground(canvas, known, found, n, b, row, sy, sx), 40.0, 22.0)
    for r in range(_ROWS):
        if known.requirements[b, r, 0] == 6:
            best = float(0.0)
            best_row = int(-1)
            for t in range(known.requirements[b, r, 4]):
                match = _text_match(canvas, known, n, b, known.requirements[b, r, 3] + t, sy, sx)
                if match > best:
                    best = match
                    best_row = known.requirements[b, r, 3] + t
            if best_row >= 0:
                gap = _text_ground(canvas, known, found, n, b, best_row, sy, sx)
                found.headline_new[n] = ramp(best, 0.55, 0.72) * ramp(gap, 20.0, 12.0)


@wp.func
def _count_members(known: Known, found: Found, n: int, b: int, members: int, quality: float) -> int:
    """Objects of a set in the picture: old ones still there, and new ones at least this well made."""
    count = int(0)
    for slot in range(_SLOTS):
        sprite = known.slots[b, slot]
        if sprite >= 0:
            if known.sets[members, sprite] > 0 and found.slot_source[n, slot] > 0.5:
                count += 1
    for f in range(_FINDS):
        sprite = found.sprite[n, f]
        if sprite >= 0 and found.find_quality[n, f] >= quality and found.find_quality[n, f] > 0.0:
            if known.sets[members, sprite] > 0:
                count += 1
    return count


@wp.func
def _presence(known: Known, found: Found, n: int, b: int, members: int, count: int) -> float:
    """The quality that ``count`` members of a set reach together; 0 if there are fewer."""
    best = float(0.0)
    if _count_members(known, found, n, b, members, 1.0) >= count:
        return 1.0
    for f in range(_FINDS):
        quality = found.find_quality[n, f]
        if quality > best:
            if _count_members(known, found, n, b, members, quality) >= count:
                best = quality
    return best


@wp.func
def _covered(known: Known, found: Found, n: int, b: int, slot: int, size: int) -> bool:
    """Whether another object was recognised where this one stood."""
    label = wp.uint8(slot + 1)
    cells = float(0.0)
    y = float(0.0)
    x = float(0.0)
    for cell in range(_CELLS):
        if known.labels[b, cell] == label:
            cells += 1.0
            y += float(cell / _GRID) + 0.5
            x += float(cell % _GRID) + 0.5
    scale = float(size) / float(_GRID) / wp.max(cells, 1.0)
    y = y * scale
    x = x * scale
    for f in range(_FINDS):
        sprite = found.sprite[n, f]
        if sprite >= 0 and found.find_quality[n, f] > 0.3 and sprite != known.slots[b, slot]:
            box = found.boxes[n, f]
            if y > float(box[0]) and y < float(box[2]) and x > float(box[1]) and x < float(box[3]):
                return True
    return False


@wp.kernel
def reach_verdicts(
    known: Known, rows: wp.array(dtype=wp.int64), due: wp.array(dtype=wp.int32), found: Found, size: int
):
    """Value of each requirement and of each thing to preserve, and the three axes."""
    n = wp.tid()
    b = int(rows[n])
    total = float(0.0)
    earned = float(0.0)
    all_pass = int(1)
    for r in range(_ROWS):
        kind = known.requirements[b, r, 0]
        slot = known.requirements[b, r, 2]
        arg = known.requirements[b, r, 3]
        count = known.requirements[b, r, 4]
        value = float(0.0)
        if kind == 1:
            gone = ramp(found.slot_source[n, slot], 0.4, 0.2)
            if gone < 1.0 and found.slot_source[n, slot] < 0.7 and _covered(known, found, n, b, slot, size):
                gone = float(1.0)
            value = gone * ramp(found.slot_clean[n, slot], _DIRTY, _CLEAN)
            if arg >= 0:
                for f in range(_FINDS):
                    sprite = found.sprite[n, f]
                    if sprite >= 0 and found.find_quality[n, f] > 0.5:
                        if known.sets[arg, sprite] > 0:
                            value = float(0.0)
        if kind == 2:
            value = _presence(known, found, n, b, arg, count)
        if kind == 3:
            shown = found.slot_color[n, slot]
            if shown % 16 == arg or shown / 16 == arg:
                value = found.slot_form[n, slot]
        if kind == 4:
            plate = found.plate[n]
            if plate == -2:
                value = ramp(found.ground_spread[n], 9.0, 5.5) * ramp(found.ground_detail[n][0], 4.5, 3.0)
            elif plate >= 0:
                value = ramp(found.ground_match[n], 0.5, 0.75)
        if kind == 5:
            nearest = float(1.0e9)
            named = int(-1)
            for c in range(known.colors.shape[0]):
                apart = wp.length(found.ground_mean[n] - known.colors[c])
                if apart < nearest:
                    nearest = apart
                    named = c
            if named == arg:
                detail = found.ground_detail[n]
                # a texture must still be there; a smooth ground may be kept or painted over
                value = ramp(detail[0], 0.25 * detail[1] - 2.0, 0.45 * detail[1] - 2.0)
                value = value * ramp(found.ground_match[n], 0.4, 0.7)
                if detail[1] < 3.5:
                    value = ramp(detail[0], 10.0, 6.0)
        if kind == 6:
            value = found.headline_new[n]
        if kind == 7:
            value = found.tone_value[n]
        if kind == 8:
            have = _count_members(known, found, n, b, arg, 0.5)
            if have <= count and have >= slot:
                value = float(1.0)
        # what counts is decided by the plan; what is measured is reported for all
        found.values[n, r] = value
        if kind > 0:
            total += 1.0
            if known.requirements[b, r, 1] < due[n]:
                earned += value
            if value < 0.5 or known.requirements[b, r, 1] >= due[n]:
                all_pass = int(0)
    found.execution[n] = earned / wp.max(total, 1.0)

    # preservation
    votes = float(0.0)
    kept = float(0.0)
    for slot in range(_SLOTS):
        found.preserved[n, slot + 1] = 1.0
        if known.keep[b, slot + 1] > wp.uint8(0):
            votes += 1.0
            kept += found.slot_kept[n, slot]
            found.preserved[n, slot + 1] = found.slot_kept[n, slot]
    seen = float(0.0)
    damaged = float(0.0)
    ground = float(0.0)
    as_ground = float(0.0)
    for cell in range(_CELLS):
        label = int(known.labels[b, cell])
        if label != _HEADLINE:
            seen += 1.0
            flags = found.flags[n, cell]
            fine = (flags & (_AS_BACKGROUND | _AS_SOURCE)) != 0
            if not fine:
                fine = _recognised(found, n, cell, size)
            if not fine and label >= 1 and label <= _SLOTS:
                # an object that was asked to change colour is not damage
                fine = found.slot_form[n, label - 1] > 0.5 and known.keep[b, label] == wp.uint8(0)
            if not fine:
                damaged += 1.0
            if _is_ground(known, b, cell):
                ground += 1.0
                if fine:
                    as_ground += 1.0
    found.preserved[n, 0] = 1.0
    if known.keep[b, 0] > wp.uint8(0):
        value = ramp(as_ground / wp.max(ground, 1.0), 0.6, 0.97)
        votes += 2.0
        kept += 2.0 * value
        found.preserved[n, 0] = value
    found.preserved[n, _HEADLINE] = 1.0
    if known.keep[b, _HEADLINE] > wp.uint8(0) and known.headline[b] >= 0:
        votes += 1.0
        kept += found.headline_kept[n]
        found.preserved[n, _HEADLINE] = found.headline_kept[n]
    found.preservation[n] = kept / wp.max(votes, 1.0)
    if votes == 0.0:
        found.preservation[n] = 1.0
    found.quality[n] = ramp(damaged / wp.max(seen, 1.0), 0.3, 0.02)
    found.success[n] = 0
    if all_pass == 1 and total > 0.0 and found.preservation[n] >= 0.8 and found.quality[n] >= 0.5:
        found.success[n] = 1
