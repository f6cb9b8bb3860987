# mypy: ignore-errors
"""How much of each object of the source is still there, and in what colour."""

import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, distance, hue_gap, hue_of, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    cell_at,
    cells_of,
    ground_cell,
    is_itself,
    ramp,
    untoned,
)


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
    found.boxes[n, const.FREE + slot] = wp.vec4i(0, 0, 0, 0)
    found.bounds[n, const.FREE + slot] = wp.vec4i(0, 0, const.GRID, const.GRID)
    found.sprite[n, const.FREE + slot] = -1
    found.find_quality[n, const.FREE + slot] = 0.0
    if known.slots[b, slot] == -1 or found.slot_source[n, slot] >= 0.6 or is_itself(found, n, slot):
        return
    if found.ground_seen[n] < const.LOST:
        return
    place = known.places[b, slot]
    if place[2] == 0:
        return
    side = wp.max(place[2] - place[0], place[3] - place[1])
    y = (place[0] + place[2] - side) / 2 - 1
    x = (place[1] + place[3] - side) / 2 - 1
    y0 = wp.max(y, 0)
    x0 = wp.max(x, 0)
    y1 = wp.min(y + side + 3, const.GRID)
    x1 = wp.min(x + side + 3, const.GRID)
    fresh = int(0)
    for v in range(y0, y1):
        for u in range(x0, x1):
            if (found.flags[n, v * const.GRID + u] & (const.AS_BACKGROUND | const.AS_SOURCE)) == 0:
                fresh += 1
    if fresh >= 6:
        found.boxes[n, const.FREE + slot] = wp.vec4i(y0, x0, y1, x1)


@wp.func
def _is_asked(known: Known, b: int, slot: int) -> bool:
    """Whether a requirement asks for an object's colour."""
    for r in range(const.ROWS):
        if known.requirements[b, r, 0] == const.KIND_COLOR and known.requirements[b, r, 2] == slot:
            return True
    return False


@wp.kernel
def survey_slots(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """How much of each object is still there, what colour it shows and whether its form is its own."""
    i, slot = wp.tid()
    n = first + i
    b = int(rows[n])
    label = wp.uint8(slot + 1)
    place = known.places[b, slot]
    telling = float(0.0)
    still = float(0.0)
    cells = float(0.0)
    gap = float(0.0)
    mean_c = float(0.0)
    mean_e = float(0.0)
    for i in range(cells_of(place)):
        cell = cell_at(place, i)
        if known.labels[b, cell] == label and known.purity[b, cell] > 0.6:
            cells += 1.0
            flags = found.flags[n, cell]
            if (flags & const.TELLING) != 0:
                telling += 1.0
                if (flags & const.AS_SOURCE) != 0:
                    still += 1.0
            expected = found.expected[n, cell]
            gap += wp.min(distance(found.cells[n, cell], expected), 80.0)
            mean_c += luma(found.cells[n, cell])
            mean_e += luma(expected)
    total = wp.max(cells, 1.0)
    mean_c = mean_c / total
    mean_e = mean_e / total
    # what is as it was to the last digit has its own colours, and a colour is looked at where it was asked for
    untouched = gap == 0.0 and found.plate[n] == -1 and found.ground_own[n] == 0 and found.plain[n] == 1
    asked = _is_asked(known, b, slot)
    cov = float(0.0)
    vc = float(0.0)
    ve = float(0.0)
    color = wp.vec3(0.0, 0.0, 0.0)
    shaded = wp.vec3(0.0, 0.0, 0.0)
    n_shaded = float(0.0)
    chroma_gap = float(0.0)
    chroma_all = float(0.0)
    # soft edges may still show the ground as it was, if its colour changed
    clearest = float(0.35)
    if asked and (found.ground_own[n] == 1 or found.plate[n] != -1):
        inside = float(0.0)
        for i in range(cells_of(place)):
            cell = cell_at(place, i)
            if known.labels[b, cell] == label and known.purity[b, cell] > 0.6 and known.matte[b, cell] < 0.05:
                inside += 1.0
        if inside > 0.3 * total:
            clearest = float(0.05)
    for i in range(cells_of(place)):
        cell = cell_at(place, i)
        if known.labels[b, cell] == label and known.purity[b, cell] > 0.6:
            lc = luma(found.cells[n, cell]) - mean_c
            le = luma(found.expected[n, cell]) - mean_e
            cov += lc * le
            vc += lc * lc
            ve += le * le
            through = known.matte[b, cell]
            if through > clearest or (untouched and not asked):
                continue
            plain = untoned(found, n, found.cells[n, cell])
            # the object's own colour, without what shows through of the ground
            ground = untoned(found, n, ground_cell(found, n, cell))
            plain = clamp_color((plain - through * ground) / (1.0 - through))
            was = clamp_color((known.source[b, cell] - through * known.plate[b, cell]) / (1.0 - through))
            chroma_gap += wp.abs(chroma(plain) - chroma(was))
            chroma_all += chroma(was)
            if not asked:
                continue
            if _is_shadow(known, b, cell):
                shaded += chroma(plain) * plain
                n_shaded += 1.0
                continue
            color += chroma(plain) * plain
    form = float(0.0)
    found.slot_likeness[n, slot] = 0.0
    if cells > 0.0:
        found.slot_likeness[n, slot] = cov / wp.sqrt(wp.max(vc * ve, 1.0e-3))
        form = ramp(found.slot_likeness[n, slot], 0.3, 0.55)
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
    if asked:
        in_white = wp.cw_div(color, known.light[b])
        found.slot_color[n, slot] = _name_hue(known, color) + 16 * _name_hue(known, in_white)
    _mark_place(known, found, n, b, slot)
