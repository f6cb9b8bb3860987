# mypy: ignore-errors
"""Which tone the whole picture was given: an affine change of colour, and how soft or crisp it became."""

import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, distance, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_under,
    is_ground,
    plate_cell,
    plate_fine,
    ramp,
    sample_cell,
    toned,
    toned_freely,
    wanted,
)
from imgedit_gym.tasks.measure.looks import look_gap, sum_up

_TRIED_LOOKS: tuple[tuple[int, tuple[float, float, float], float, float], ...] = (
    # tone; gain of red, green and blue; pivot of the gain; saturation
    (-1, (1.0, 1.0, 1.0), 0.0, 1.0),
    (const.BRIGHTER, (1.22, 1.22, 1.22), -64.0, 1.0),
    (const.BRIGHTER, (1.35, 1.35, 1.35), 0.0, 1.0),
    (const.BRIGHTER, (0.66, 0.66, 0.66), 255.0, 1.0),
    (const.BRIGHTER, (1.15, 1.15, 1.15), 0.0, 1.0),
    (const.DARKER, (0.62, 0.62, 0.62), 0.0, 1.0),
    (const.DARKER, (0.78, 0.78, 0.78), 0.0, 1.0),
    (const.WARMER, (1.13, 1.0, 0.79), 0.0, 1.0),
    (const.WARMER, (1.2, 1.0, 0.65), 0.0, 1.0),
    (const.COOLER, (0.8, 0.99, 1.16), 0.0, 1.0),
    (const.COOLER, (0.65, 1.0, 1.25), 0.0, 1.0),
    (const.VIVID, (1.0, 1.0, 1.0), 0.0, 1.3),
    (const.VIVID, (1.0, 1.0, 1.0), 0.0, 1.6),
    (const.VIVID, (1.0, 1.0, 1.0), 0.0, 2.0),
    (const.MUTED, (1.0, 1.0, 1.0), 0.0, 0.5),
    (const.MUTED, (1.0, 1.0, 1.0), 0.0, 0.25),
    (const.MUTED, (1.0, 1.0, 1.0), 0.0, 0.75),
    (const.MONOCHROME, (1.0, 1.0, 1.0), 0.0, 0.0),
    (const.VINTAGE, (1.08, 0.95, 0.74), 0.0, 0.25),
    (const.VINTAGE, (1.35, 1.2, 0.93), 0.0, 0.1),
    (const.VINTAGE, (1.22, 1.12, 0.95), 0.0, 0.4),
    (const.CONTRASTY, (1.25, 1.25, 1.25), 120.0, 1.0),
    (const.CONTRASTY, (1.5, 1.5, 1.5), 120.0, 1.0),
    (const.CONTRASTY, (1.8, 1.8, 1.8), 120.0, 1.0),
    (-1, (0.75, 0.75, 0.75), 125.0, 1.0),
    (const.MONOCHROME, (1.2, 1.2, 1.2), 0.0, 0.0),
    (const.MONOCHROME, (0.8, 0.8, 0.8), 0.0, 0.0),
)
"""Looks that a picture may have been given; the first is none."""

_TRIED = wp.constant(len(_TRIED_LOOKS))

_LOOKS = wp.constant(
    wp.types.matrix(shape=(len(_TRIED_LOOKS), 5), dtype=wp.float32)(
        *(value for _, gain, pivot, saturation in _TRIED_LOOKS for value in (*gain, pivot, saturation))
    )
)

_LOOK_TONES = wp.constant(
    wp.types.vector(length=len(_TRIED_LOOKS), dtype=wp.int32)(*(int(tone) for tone, _, _, _ in _TRIED_LOOKS))
)

_SAMPLED = wp.constant(8)
"""Every how manieth cell they are tried on."""

_FEW = wp.constant(40.0)
"""Weight of the objects' cells below which they are tried on more."""

_TURNS = wp.constant(3)
"""Times that a look is fitted closer."""


@wp.func
def _graded(gain: wp.vec3, pivot: float, saturation: float) -> wp.mat44:
    """Saturation about luma, then gain by channel about a pivot, as rows of an affine map."""
    m = wp.mat44()
    for k in range(3):
        for j in range(3):
            own = float(0.0)
            if j == k:
                own = saturation
            weight = float(0.114)
            if j == 0:
                weight = float(0.299)
            if j == 1:
                weight = float(0.587)
            m[k, j] = gain[k] * (own + (1.0 - saturation) * weight)
        m[k, 3] = pivot * (1.0 - gain[k])
    return m


@wp.func
def _tried(i: int) -> wp.mat44:
    """Looks that a picture may have been given, by number; 0 is none."""
    look = _LOOKS[i]
    return _graded(wp.vec3(look[0], look[1], look[2]), look[3], look[4])


@wp.func
def _look_of(i: int) -> int:
    """The tone that a tried look is one of; -1 for none."""
    return _LOOK_TONES[i]


@wp.func
def _rated(known: Known, found: Found, n: int, b: int, cell: int, ground_weight: float) -> float:
    """How much a cell tells of the tone."""
    if is_ground(known, b, cell):
        return ground_weight
    purest = float(0.7)
    if ground_weight == 0.0:
        if distance(found.cells[n, cell], found.ground_mean[n]) < 15.0:
            # an object that is gone
            return 0.0
        # beside another ground than before
        purest = float(0.9)
    label = int(known.labels[b, cell])
    if label >= 1 and label <= const.SLOTS and known.purity[b, cell] > purest:
        # where colours are mixed within a cell, clipping is not seen in their mean
        fine = known.source_detail[b, cell] / 8.0
        even = 1.0 / (1.0 + fine * fine)
        if known.keep[b, label] > wp.uint8(0):
            return even
        return 0.3 * even
    return 0.0


@wp.func
def _before(known: Known, found: Found, n: int, b: int, cell: int) -> wp.vec3:
    """What a cell showed before the tone: the source, or the other plate that the background shows."""
    if is_ground(known, b, cell):
        return plate_cell(known, found, n, b, cell)
    return known.source[b, cell]


@wp.func
def _lay_out(known: Known, found: Found, n: int, b: int, cells: wp.array2d(dtype=wp.float32), step: int):
    """Every ``step``-th cell, as :mod:`imgedit_gym.tasks.measure.looks` takes them."""
    plate = found.plate[n]
    for j in range(cells.shape[1]):
        cell = sample_cell(j, step)
        before = _before(known, found, n, b, cell)
        low = before
        high = before
        if is_ground(known, b, cell) and plate != -2:
            low = known.plate_low[b, cell]
            high = known.plate_high[b, cell]
            if plate >= 0:
                low = known.stock_low[plate, cell]
                high = known.stock_high[plate, cell]
        seen = found.cells[n, cell]
        for k in range(3):
            cells[k, j] = before[k]
            cells[3 + k, j] = low[k]
            cells[6 + k, j] = high[k]
            cells[9 + k, j] = 0.5
            if high[k] > low[k] + 0.01:
                cells[9 + k, j] = (before[k] - low[k]) / (high[k] - low[k])
            cells[12 + k, j] = seen[k]
        cells[15, j] = found.trust[n, cell]


@wp.func
def _refined(found: Found, n: int, start: wp.mat44) -> wp.mat44:
    """The affine map near ``start`` that explains most of the picture, fitted where nothing is clipped."""
    m = wp.mat44(start)
    for turn in range(_TURNS):
        sum_up(found.laid_out[n], m, start, 24.0 / float(1 + turn), found.sums[n])
        # what the picture cannot tell stays as in the look it came from
        ridge = 0.02 * found.sums[n, 42] + 0.2
        for k in range(3):
            held = wp.mat44()
            at = 14 * k
            for i in range(4):
                for j in range(i, 4):
                    held[i, j] = found.sums[n, at]
                    held[j, i] = found.sums[n, at]
                    at += 1
            for i in range(3):
                held[i, i] += ridge
            held[3, 3] += 0.2 * ridge
            right = wp.vec4(found.sums[n, at], found.sums[n, at + 1], found.sums[n, at + 2], found.sums[n, at + 3])
            change = wp.inverse(held) * right
            shift = float(0.0)
            for j in range(3):
                m[k, j] = start[k, j] + change[j] / 64.0
                shift += change[j] * 2.0
            m[k, 3] = start[k, 3] + change[3] - shift
    return m


@wp.func
def _fit_color(known: Known, found: Found, n: int, b: int, tone: int, few: bool) -> wp.mat44:
    """The affine change of colour that explains most of the picture, from the likeliest look and the one asked for."""
    asked = int(0)
    other = int(0)
    asked_gap = float(1.0e9)
    other_gap = float(1.0e9)
    _lay_out(known, found, n, b, found.laid_out[n], 2)
    _lay_out(known, found, n, b, found.laid_out_few[n], _SAMPLED)
    for i in range(_TRIED):
        gap = float(0.0)
        if few:
            gap = look_gap(found.laid_out[n], _tried(i))
        else:
            gap = look_gap(found.laid_out_few[n], _tried(i))
        if _look_of(i) == tone:
            if gap < asked_gap:
                asked_gap = gap
                asked = i
        elif gap < other_gap:
            other_gap = gap
            other = i
    found.look_gaps[n] = wp.vec2(asked_gap, other_gap)
    m = _refined(found, n, _tried(other))
    if asked_gap < other_gap + 12.0 and asked_gap < 1.0e8:
        wish = _refined(found, n, _tried(asked))
        gap = look_gap(found.laid_out[n], wish)
        # where the picture cannot tell the two apart, it is what was asked for
        if asked_gap < 9.0 and asked_gap + 1.0 < other_gap:
            return wish
        if gap < look_gap(found.laid_out[n], m) + 0.5:
            return wish
    return m


@wp.func
def _look_around(known: Known, found: Found, n: int, b: int):
    """Note the mean of each cell and its eight neighbours before the tone."""
    for cell in range(const.CELLS):
        found.expected[n, cell] = _before(known, found, n, b, cell)
    for cell in range(const.CELLS):
        if found.trust[n, cell] > 0.0:
            total = wp.vec3(0.0, 0.0, 0.0)
            for i in range(9):
                y = wp.clamp(cell / const.GRID + i / 3 - 1, 0, const.GRID - 1)
                x = wp.clamp(cell % const.GRID + i % 3 - 1, 0, const.GRID - 1)
                total += found.expected[n, y * const.GRID + x]
            found.soft_bare[n, cell] = total / 9.0


@wp.func
def _around(found: Found, n: int, cell: int) -> wp.vec3:
    """Mean of a cell and its neighbours before the tone, once they have been looked at."""
    return found.soft_bare[n, cell]


@wp.func
def _visible_ground(known: Known, found: Found, n: int, b: int) -> wp.vec3:
    """Mean colour of the background as it shows now."""
    total = wp.vec3(0.0, 0.0, 0.0)
    count = float(1.0e-3)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            total += found.cells[n, cell]
            count += 1.0
    return total / count


@wp.func
def _same_share(known: Known, found: Found, n: int, b: int, ground: bool) -> float:
    """How much of what shows colour, of the ground or of the objects, is as it was; 1 where there is none."""
    same = float(0.0)
    weight = float(0.0)
    for j in range(const.CELLS / 2):
        cell = sample_cell(j, 2)
        if is_ground(known, b, cell) == ground:
            e = _before(known, found, n, b, cell)
            w = found.trust[n, cell] * (0.1 + ramp(chroma(e), 8.0, 30.0))
            if not ground and distance(found.cells[n, cell], plate_cell(known, found, n, b, cell)) < 6.0:
                # an object that is gone
                w = float(0.0)
            weight += w
            if distance(found.cells[n, cell], e) < 1.5:
                same += w
    if weight < 1.0e-3:
        return 1.0
    return same / weight


@wp.func
def _fit_blend(known: Known, found: Found, n: int, b: int) -> wp.vec2:
    """Share of its surroundings that each cell shows, and the share of the picture that this explains."""
    blend = float(0.0)
    explained = float(0.0)
    weight = float(1.0e-3)
    for turn in range(3):
        top = float(0.0)
        bottom = float(1.0)
        explained = float(0.0)
        weight = float(1.0e-3)
        for cell in range(const.CELLS):
            w = found.trust[n, cell]
            if w > 0.0:
                p = toned(found, n, _before(known, found, n, b, cell))
                around = toned(found, n, _around(found, n, cell)) - p
                off = distance(found.cells[n, cell], p + blend * around)
                weight += w
                if off < 12.0:
                    explained += w
                if off < 40.0:
                    top += w * wp.dot(found.cells[n, cell] - p, around)
                    bottom += w * wp.dot(around, around)
        if turn < 2:
            blend = wp.clamp(top / bottom, -0.8, 1.0)
    return wp.vec2(blend, explained / weight)


@wp.kernel
def fit_tone(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """The tone of each picture, and how well it is the one that was asked for."""
    n = first + wp.tid()
    b = int(rows[n])
    tone = wanted(known, b, const.KIND_TONE)
    found.tone[n] = wp.identity(n=3, dtype=wp.float32)
    found.untone[n] = wp.identity(n=3, dtype=wp.float32)
    found.offset[n] = wp.vec3(0.0, 0.0, 0.0)
    found.blend[n] = 0.0
    found.sharpness[n] = 1.0
    found.tone_value[n] = 0.0
    found.plain[n] = 1
    found.look_gaps[n] = wp.vec2(1.0e9, 1.0e9)
    if tone < 0:
        return
    # the ground tells no more than twice what the objects tell, and nothing where it has a colour of its own
    ground_weight = float(0.0)
    ground = float(1.0e-3)
    things = float(0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            ground += 1.0
        else:
            found.trust[n, cell] = _rated(known, found, n, b, cell, 1.0)
            things += found.trust[n, cell]
    if wanted(known, b, const.KIND_BACKGROUND_COLOR) < 0 and found.plate[n] != -2:
        ground_weight = wp.clamp(2.0 * things / ground, 0.05, 1.0)
        if (tone == const.SOFT or tone == const.CRISP) and things > 2.0:
            # a pattern of straight edges hardly shows how soft it is
            ground_weight = 0.25 * ground_weight

    if found.plate[n] != -2:
        found.ground_mean[n] = _visible_ground(known, found, n, b)
    for cell in range(const.CELLS):
        if ground_weight == 0.0:
            found.trust[n, cell] = _rated(known, found, n, b, cell, ground_weight)
        elif is_ground(known, b, cell):
            found.trust[n, cell] = ground_weight
    detailed = tone == const.SOFT or tone == const.CRISP
    as_before = _same_share(known, found, n, b, True) >= 0.5
    as_before = as_before and _same_share(known, found, n, b, False) >= 0.5
    if as_before and not detailed:
        return
    if detailed:
        _look_around(known, found, n, b)
        fit = _fit_blend(known, found, n, b)
        found.blend[n] = fit[0]
        as_before = as_before or fit[1] > 0.65
    if found.blend[n] != 0.0:
        found.plain[n] = 0
    if not as_before:
        found.plain[n] = 0
        m = _fit_color(known, found, n, b, tone, things < _FEW)
        linear = wp.mat33(m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2], m[2, 0], m[2, 1], m[2, 2])
        found.tone[n] = linear
        found.offset[n] = wp.vec3(m[0, 3], m[1, 3], m[2, 3])
        if wp.abs(wp.determinant(linear)) > 0.02:
            found.untone[n] = wp.inverse(linear)
        if detailed:
            fit = _fit_blend(known, found, n, b)
            found.blend[n] = fit[0]

    # what the change is like, over the colours that the picture has
    weight = float(1.0e-3)
    explained = float(0.0)
    level_e = float(0.0)
    level_p = float(0.0)
    spread_e = float(0.0)
    spread_p = float(0.0)
    hue_top = float(0.0)
    hue_bottom = float(0.0)
    detail_c = float(0.0)
    detail_e = float(0.0)
    # what tells the change from none, and what of it is as it was: in the left, right, upper and lower half
    told = wp.vec4(0.0, 0.0, 0.0, 0.0)
    left_out = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for cell in range(const.CELLS):
        w = found.trust[n, cell]
        if w > 0.0:
            e = _before(known, found, n, b, cell)
            c = found.cells[n, cell]
            p = toned(found, n, e)
            if is_ground(known, b, cell):
                p = ground_under(known, found, n, b, cell, found.tone[n], found.offset[n])
            if detailed:
                p = clamp_color(p + found.blend[n] * (toned(found, n, _around(found, n, cell)) - p))
            weight += w
            near = distance(c, p)
            if distance(e, p) > 6.0:
                as_it_was = w
                if distance(c, e) > 0.4 * near:
                    as_it_was = 0.0
                across = 0
                if cell % const.GRID >= const.GRID / 2:
                    across = 1
                down = 2 + cell / (const.CELLS / 2)
                told[across] = told[across] + w
                told[down] = told[down] + w
                left_out[across] = left_out[across] + as_it_was
                left_out[down] = left_out[down] + as_it_was
            if near < 15.0:
                explained += w
            level_e += w * luma(e)
            level_p += w * luma(p)
            spread_e += w * luma(e) * luma(e)
            spread_p += w * luma(p) * luma(p)
            grey = wp.vec3(luma(e), luma(e), luma(e))
            hue_top += w * wp.dot(found.tone[n] * (e - grey), e - grey)
            hue_bottom += w * wp.dot(e - grey, e - grey)
            if detailed and near < 40.0:
                fine = known.source_detail[b, cell]
                if is_ground(known, b, cell):
                    fine = plate_fine(known, found, n, b, cell)
                low = wp.min(p[0], wp.min(p[1], p[2]))
                high = wp.max(p[0], wp.max(p[1], p[2]))
                if fine > 2.5 and low > 15.0 and high < 240.0:
                    detail_c += w * found.detail[n, cell]
                    detail_e += w * fine
    one = wp.vec3(1.0, 1.0, 1.0)
    gain = luma(found.tone[n] * one)
    level_e = level_e / weight
    level_p = level_p / weight
    spread_e = wp.sqrt(wp.max(spread_e / weight - level_e * level_e, 0.0))
    spread_p = wp.sqrt(wp.max(spread_p / weight - level_p * level_p, 0.0))
    if explained < 0.35 * weight or gain < 0.25 or gain > 3.5 or spread_p < 0.25 * spread_e - 1.0:
        # a picture that is no longer itself, or blank, has no tone
        found.tone[n] = wp.identity(n=3, dtype=wp.float32)
        found.untone[n] = wp.identity(n=3, dtype=wp.float32)
        found.offset[n] = wp.vec3(0.0, 0.0, 0.0)
        found.blend[n] = 0.0
        found.plain[n] = 1
        return
    colorful = wp.sqrt(hue_bottom / weight)
    saturation = hue_top / wp.max(hue_bottom, 1.0) / wp.max(gain, 0.05)
    neutral = toned_freely(found, n, 128.0 * one)
    cast = neutral[0] - neutral[2]
    if detailed:
        found.sharpness[n] = wp.clamp(detail_c / wp.max(gain * detail_e, 1.0), 0.1, 4.0)
        if detail_e < 1.0:
            found.sharpness[n] = wp.clamp(1.0 - found.blend[n], 0.1, 4.0)
    value = float(0.0)
    if tone == const.BRIGHTER:
        ratio = level_p / wp.max(level_e, 1.0)
        headroom = (255.0 - level_p) / wp.max(255.0 - level_e, 1.0)
        value = wp.max(ramp(ratio, 1.04, 1.12), ramp(headroom, 0.82, 0.72)) * ramp(level_p - level_e, 1.5, 5.0)
    if tone == const.DARKER:
        value = ramp(level_p / wp.max(level_e, 1.0), 0.9, 0.8)
    if tone == const.WARMER:
        value = ramp(neutral[0] / wp.max(neutral[2], 1.0), 1.1, 1.22)
    if tone == const.COOLER:
        value = ramp(neutral[2] / wp.max(neutral[0], 1.0), 1.1, 1.22)
    if tone == const.VIVID:
        value = ramp(saturation, 1.1, 1.25)
    if tone == const.MUTED:
        value = ramp(saturation, 0.85, 0.72) * ramp(saturation, 0.05, 0.2) * ramp(wp.abs(cast), 24.0, 14.0)
    if tone == const.MONOCHROME:
        value = ramp(saturation * gain * colorful, 7.0, 3.5) * ramp(wp.abs(cast), 18.0, 9.0)
    if tone == const.VINTAGE:
        value = ramp(cast, 9.0, 18.0) * ramp(saturation, 0.8, 0.6)
    if tone == const.CONTRASTY:
        value = ramp(gain, 1.08, 1.18) * ramp(luma(found.offset[n]), -3.0, -10.0)
        # clipped, it shows in how far apart light and dark have come without all getting lighter or darker
        apart = spread_p / wp.max(spread_e, 1.0)
        shift = level_p - level_e - (apart - 1.0) * (level_e - 120.0)
        value = wp.max(value, ramp(apart, 1.08, 1.16) * ramp(wp.abs(shift), 24.0, 12.0))
    if tone == const.SOFT:
        value = wp.max(ramp(found.sharpness[n], 0.94, 0.84), ramp(found.blend[n], 0.06, 0.1))
        value = value * ramp(found.blend[n], 0.015, 0.035)
    if tone == const.CRISP:
        value = ramp(found.sharpness[n], 1.1, 1.2)
    # or the look itself, as it is usually given, explains the picture far better than any other
    looks = found.look_gaps[n]
    if not detailed and looks[0] < 9.0 and looks[0] + 1.0 < looks[1]:
        value = float(1.0)
    # a look that a half of the picture was spared is half done
    for half in range(4):
        if told[half] > 1.0:
            value = value * ramp(left_out[half] / told[half], 0.7, 0.4)
    if weight < 0.05:
        # nothing old is left that could tell
        value = float(0.0)
    found.tone_value[n] = value * ramp(explained / weight, 0.5, 0.7)
