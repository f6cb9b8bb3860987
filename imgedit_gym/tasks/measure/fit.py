# mypy: ignore-errors
"""Which plate the background shows, and which tone and colour the whole picture was given."""

import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, distance, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, ground_color, is_ground, plate_cell, ramp, wanted


@wp.func
def _plate_gap(known: Known, found: Found, n: int, b: int, plate: int) -> float:
    """Mean capped distance of the visible background to a stock plate (-1 the task's own), brightness set aside."""
    ours = float(0.0)
    theirs = float(0.0)
    for i in range(const.CELLS / 2):
        cell = 2 * i + (i / (const.GRID / 2)) % 2
        if is_ground(known, b, cell):
            ours += luma(found.cells[n, cell])
            expected = known.plate[b, cell]
            if plate >= 0:
                expected = known.stock_cells[plate, cell]
            theirs += luma(expected)
    level = wp.clamp(ours / wp.max(theirs, 1.0), 0.4, 1.8)
    total = float(0.0)
    count = float(0.0)
    for i in range(const.CELLS / 2):
        cell = 2 * i + (i / (const.GRID / 2)) % 2
        if is_ground(known, b, cell):
            expected = known.plate[b, cell]
            if plate >= 0:
                expected = known.stock_cells[plate, cell]
            total += wp.min(distance(found.cells[n, cell], level * expected), 60.0)
            count += 1.0
    return total / wp.max(count, 1.0)


@wp.func
def _reference(known: Known, found: Found, n: int, b: int, cell: int, recolored: int) -> int:
    """Whether a cell tells the tone: 1 visible background, 2 an object to keep, 0 neither."""
    if is_ground(known, b, cell):
        return 1 - recolored
    label = int(known.labels[b, cell])
    if label >= 1 and label <= const.SLOTS and known.purity[b, cell] > 0.7:
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
    for i in range(const.CELLS / 2):
        cell = 2 * i + (i / (const.GRID / 2)) % 2
        what = _reference(known, found, n, b, cell, recolored)
        if what > 0:
            e = known.source[b, cell]
            if what == 1:
                e = plate_cell(known, found, n, b, cell)
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
    kinds = wanted(known, b, 4)
    recolor = wanted(known, b, 5)
    tone = wanted(known, b, 7)

    # the plate
    found.plate[n] = -1
    gap = _plate_gap(known, found, n, b, -1)
    foreign = recolor < 0 and tone < 0 and gap > const.FOREIGN
    own_gap = float(gap)
    if kinds > 0 or foreign:
        n_kinds = known.stock_cells.shape[0] / known.variants
        for kind in range(1, n_kinds):
            # a background that nobody asked for is looked up too, so that what stands on it can be judged
            asked = kinds > 0 and ((kinds >> kind) & 1) == 1
            if asked or foreign:
                for v in range(known.variants):
                    other = _plate_gap(known, found, n, b, kind * known.variants + v)
                    if other < gap and (asked or other < 0.6 * own_gap):
                        gap = other
                        found.plate[n] = kind * known.variants + v
        if kinds > 0 and (kinds & 1) == 1:
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
            spread = float(0.0)
            for cell in range(const.CELLS):
                if is_ground(known, b, cell):
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
    chroma_c = float(0.0)
    chroma_e = float(0.0)
    detail_c = float(0.0)
    detail_e = float(0.0)
    if tone == const.CONTRASTY or tone == const.VINTAGE:
        # clipping and casts mislead a straight fit: the likeliest of a few settings is taken
        best = float(1.0e9)
        for i in range(18):
            slope = float(1.0)
            pivot = float(0.0)
            tried = wp.vec3(1.0, 1.0, 1.0)
            colour = float(1.0)
            if tone == const.CONTRASTY:
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
            chroma_c = float(0.0)
            chroma_e = float(0.0)
            detail_c = float(0.0)
            detail_e = float(0.0)
            for cell in range(const.CELLS):
                what = _reference(known, found, n, b, cell, recolored)
                if what == 0:
                    continue
                c = found.cells[n, cell]
                e = known.source[b, cell]
                fine = known.source_detail[b, cell]
                if what == 1:
                    e = plate_cell(known, found, n, b, cell)
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
                if chroma(e) > 12.0 or tone == const.MONOCHROME:
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
            if tone == const.VIVID or tone == const.MUTED or tone == const.MONOCHROME:
                if hue_bottom / weight > 60.0:
                    saturation = wp.clamp(hue_top / hue_bottom, 0.0, 2.5)
            if tone == const.BRIGHTER or tone == const.DARKER:
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
            if tone == const.WARMER or tone == const.COOLER:
                for k in range(3):
                    gain[k] = wp.clamp(sums[k] / wp.max(squares[k], 1.0), 0.4, 1.8)
    found.gain[n] = gain
    found.offset[n] = wp.vec3(offset, offset, offset)
    found.saturation[n] = saturation

    # is the tone the one that was asked for, and is the picture still itself
    value = float(0.0)
    if tone >= 0:
        ratio = level_c / wp.max(level_e, 1.0)
        if tone == const.BRIGHTER:
            headroom = (255.0 - level_c) / wp.max(255.0 - level_e, 1.0)
            value = wp.max(ramp(ratio, 1.04, 1.12), ramp(headroom, 0.82, 0.72))
            value = value * ramp(level_c - level_e, 1.5, 5.0)
        if tone == const.DARKER:
            value = ramp(ratio, 0.9, 0.8)
        if tone == const.WARMER:
            value = ramp(gain[0] / gain[2], 1.1, 1.22)
        if tone == const.COOLER:
            value = ramp(gain[2] / gain[0], 1.1, 1.22)
        if tone == const.VIVID:
            value = ramp(chroma_c / wp.max(chroma_e, 1.0), 1.06, 1.14)
        if tone == const.MUTED:
            value = ramp(chroma_c / wp.max(chroma_e, 1.0), 0.85, 0.72) * ramp(
                chroma_c / wp.max(chroma_e, 1.0), 0.1, 0.25
            )
        if tone == const.MONOCHROME:
            value = ramp(chroma_c / weight, 20.0, 12.0)
        if tone == const.VINTAGE:
            value = ramp(gain[0] - gain[2], 0.08, 0.15) * ramp(saturation, 0.8, 0.6)
        if tone == const.CONTRASTY:
            value = ramp(gain[0], 1.1, 1.25)
        if tone == const.SOFT:
            value = ramp(detail_c / wp.max(detail_e, 1.0e-3), 0.94, 0.84)
        if tone == const.CRISP:
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

    # how the visible background looks now
    count = float(0.0)
    mean = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            expected = ground_color(found, n, plate_cell(known, found, n, b, cell))
            if distance(found.cells[n, cell], expected) < 30.0:
                mean += found.cells[n, cell]
                count += 1.0
    total = wp.max(count, 1.0)
    mean = mean / total
    me = wp.vec3(0.0, 0.0, 0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            expected = ground_color(found, n, plate_cell(known, found, n, b, cell))
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
            expected = ground_color(found, n, plate)
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
