# mypy: ignore-errors
"""What the renderer knows, what is found, and how colours change under a tone: shared by the measuring kernels."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, distance, luma, read_color
from imgedit_gym.kernels.lanes import LANES_CODE
from imgedit_gym.kernels.reduce import GRID as _GRID
from imgedit_gym.tasks.measure import constants as const


@wp.struct
class Known:
    """What the renderer knows of the tasks, and the stock that things are recognised against."""

    images: wp.array4d(dtype=wp.uint8)
    plates: wp.array4d(dtype=wp.uint8)
    segments: wp.array3d(dtype=wp.uint8)
    mattes: wp.array3d(dtype=wp.uint8)
    requirements: wp.array3d(dtype=wp.int32)
    slots: wp.array2d(dtype=wp.int32)
    keep: wp.array2d(dtype=wp.uint8)
    light: wp.array(dtype=wp.vec3)
    headline: wp.array(dtype=wp.int32)
    headline_panel: wp.array(dtype=wp.int32)
    headline_box: wp.array2d(dtype=wp.int32)
    places: wp.array2d(dtype=wp.vec4i)
    source: wp.array2d(dtype=wp.vec3)
    source_detail: wp.array2d(dtype=wp.float32)
    plate: wp.array2d(dtype=wp.vec3)
    plate_detail: wp.array2d(dtype=wp.float32)
    plate_low: wp.array2d(dtype=wp.vec3)
    plate_high: wp.array2d(dtype=wp.vec3)
    labels: wp.array2d(dtype=wp.uint8)
    purity: wp.array2d(dtype=wp.float32)
    background: wp.array2d(dtype=wp.float32)
    ground: wp.array2d(dtype=wp.uint8)
    ground_sampled: wp.array2d(dtype=wp.float32)
    plate_sampled: wp.array3d(dtype=wp.float32)
    matte: wp.array2d(dtype=wp.float32)
    busyness: wp.array2d(dtype=wp.float32)
    stock_plates: wp.array4d(dtype=wp.uint8)
    stock_cells: wp.array2d(dtype=wp.vec3)
    stock_sampled: wp.array3d(dtype=wp.float32)
    stock_screened: wp.array3d(dtype=wp.float32)
    stock_levels: wp.array(dtype=wp.float32)
    stock_detail: wp.array2d(dtype=wp.float32)
    stock_low: wp.array2d(dtype=wp.vec3)
    stock_high: wp.array2d(dtype=wp.vec3)
    stock_busyness: wp.array2d(dtype=wp.float32)
    lights: wp.array(dtype=wp.vec3)
    variants: int
    colors: wp.array(dtype=wp.vec3)
    color_hues: wp.array(dtype=wp.float32)
    texts: wp.array3d(dtype=wp.uint8)
    sprites: wp.array4d(dtype=wp.float32)
    half_sprites: wp.array4d(dtype=wp.float32)
    coarse_sprites: wp.array4d(dtype=wp.float32)
    shapes: wp.array(dtype=wp.float32)
    aspects: wp.array(dtype=wp.float32)
    sprite_boxes: wp.array2d(dtype=wp.float32)
    sets: wp.array2d(dtype=wp.int32)


@wp.struct
class Found:
    """What is found in the canvases, one row each."""

    cells: wp.array2d(dtype=wp.vec3)
    detail: wp.array2d(dtype=wp.float32)
    sampled: wp.array3d(dtype=wp.float32)
    screened: wp.array3d(dtype=wp.float32)
    bare: wp.array2d(dtype=wp.vec3)
    soft_bare: wp.array2d(dtype=wp.vec3)
    unclipped: wp.array2d(dtype=wp.float32)
    expected: wp.array2d(dtype=wp.vec3)
    flags: wp.array2d(dtype=wp.int32)
    find_of: wp.array2d(dtype=wp.int32)
    ground_seen: wp.array(dtype=wp.float32)
    stack: wp.array2d(dtype=wp.int32)
    plate: wp.array(dtype=wp.int32)
    plain: wp.array(dtype=wp.int32)
    look_gaps: wp.array(dtype=wp.vec2)
    trust: wp.array2d(dtype=wp.float32)
    laid_out: wp.array3d(dtype=wp.float32)
    laid_out_few: wp.array3d(dtype=wp.float32)
    sums: wp.array2d(dtype=wp.float32)
    tone: wp.array(dtype=wp.mat33)
    untone: wp.array(dtype=wp.mat33)
    offset: wp.array(dtype=wp.vec3)
    blend: wp.array(dtype=wp.float32)
    sharpness: wp.array(dtype=wp.float32)
    ground_gain: wp.array(dtype=wp.vec3)
    ground_offset: wp.array(dtype=wp.vec3)
    ground_own: wp.array(dtype=wp.int32)
    ground_mean: wp.array(dtype=wp.vec3)
    ground_match: wp.array(dtype=wp.float32)
    ground_spread: wp.array(dtype=wp.float32)
    ground_detail: wp.array(dtype=wp.vec2)
    tone_value: wp.array(dtype=wp.float32)
    boxes: wp.array2d(dtype=wp.vec4i)
    bounds: wp.array2d(dtype=wp.vec4i)
    sprite: wp.array2d(dtype=wp.int32)
    find_quality: wp.array2d(dtype=wp.float32)
    find_gap: wp.array2d(dtype=wp.float32)
    named: wp.array2d(dtype=wp.int32)
    residual: wp.array3d(dtype=wp.float32)
    slot_source: wp.array2d(dtype=wp.float32)
    slot_clean: wp.array2d(dtype=wp.float32)
    slot_bare: wp.array2d(dtype=wp.float32)
    slot_kept: wp.array2d(dtype=wp.float32)
    slot_color: wp.array2d(dtype=wp.int32)
    slot_form: wp.array2d(dtype=wp.float32)
    slot_likeness: wp.array2d(dtype=wp.float32)
    headline_kept: wp.array(dtype=wp.float32)
    headline_new: wp.array(dtype=wp.float32)
    values: wp.array2d(dtype=wp.float32)
    preserved: wp.array2d(dtype=wp.float32)
    preservation: wp.array(dtype=wp.float32)
    quality: wp.array(dtype=wp.float32)


@wp.func
def ramp(value: float, none: float, full: float) -> float:
    """0 at ``none`` and before, 1 at ``full`` and beyond, straight between; the order of the two may be either."""
    return wp.clamp((value - none) / (full - none), 0.0, 1.0)


@wp.func
def wanted(known: Known, b: int, kind: int) -> int:
    """Argument of the first requirement of a kind; -1 if there is none."""
    for r in range(const.ROWS):
        if known.requirements[b, r, 0] == kind:
            return known.requirements[b, r, 3]
    return -1


@wp.func
def tone_scale(found: Found, n: int) -> float:
    """How far apart colours are under the picture's tone, against how far they were."""
    m = found.tone[n]
    total = float(0.0)
    for i in range(3):
        for j in range(3):
            total += m[i, j] * m[i, j]
    return wp.clamp(wp.sqrt(total / 3.0), 0.6, 1.6)


@wp.func
def toned_freely(found: Found, n: int, color: wp.vec3) -> wp.vec3:
    """A colour under the tone that the whole picture was given, beyond what can be shown."""
    return found.tone[n] * color + found.offset[n]


@wp.func
def toned(found: Found, n: int, color: wp.vec3) -> wp.vec3:
    """A colour under the tone that the whole picture was given."""
    return clamp_color(toned_freely(found, n, color))


@wp.func
def untoned(found: Found, n: int, color: wp.vec3) -> wp.vec3:
    """The inverse of :func:`toned`, where it has one."""
    return clamp_color(found.untone[n] * (color - found.offset[n]))


@wp.func
def ground_color(found: Found, n: int, plate: wp.vec3) -> wp.vec3:
    """What the background shows now where its plate had this colour."""
    if found.ground_own[n] == 1:
        return clamp_color(wp.cw_mul(found.ground_gain[n], plate) + found.ground_offset[n])
    return toned(found, n, plate)


@wp.func
def plate_cell(known: Known, found: Found, n: int, b: int, cell: int) -> wp.vec3:
    """The plate's colour in a cell, whichever plate the background shows."""
    plate = found.plate[n]
    if plate >= 0:
        return known.stock_cells[plate, cell]
    if plate == -2:
        return found.ground_mean[n]
    return known.plate[b, cell]


@wp.func
def plate_pixel(known: Known, found: Found, n: int, b: int, y: int, x: int) -> wp.vec3:
    """The plate's colour at a pixel, whichever plate the background shows."""
    plate = found.plate[n]
    if plate >= 0:
        return read_color(known.stock_plates, plate, y, x)
    if plate == -2:
        return found.ground_mean[n]
    return read_color(known.plates, b, y, x)


@wp.func
def plate_fine(known: Known, found: Found, n: int, b: int, cell: int) -> float:
    """The plate's detail in a cell, whichever plate the background shows."""
    plate = found.plate[n]
    if plate >= 0:
        return known.stock_detail[plate, cell]
    if plate == -2:
        return 0.0
    return known.plate_detail[b, cell]


@wp.func
def _beyond(value: float) -> float:
    """What the limits of colours take from a value."""
    return wp.clamp(value, 0.0, 255.0) - value


@wp.func
def ground_under(known: Known, found: Found, n: int, b: int, cell: int, linear: wp.mat33, offset: wp.vec3) -> wp.vec3:
    """What the bare background would show in a cell under a change of colour, its pixels limited one by one."""
    mean = plate_cell(known, found, n, b, cell)
    plate = found.plate[n]
    shown = linear * mean + offset
    if plate == -2:
        return clamp_color(shown)
    low = wp.vec3()
    high = wp.vec3()
    if plate >= 0:
        low = known.stock_low[plate, cell]
        high = known.stock_high[plate, cell]
    else:
        low = known.plate_low[b, cell]
        high = known.plate_high[b, cell]
    dark = linear * low + offset
    light = linear * high + offset
    for k in range(3):
        share = float(0.5)
        if high[k] > low[k] + 0.01:
            share = (mean[k] - low[k]) / (high[k] - low[k])
        shown[k] = shown[k] + (1.0 - share) * _beyond(dark[k]) + share * _beyond(light[k])
    return clamp_color(shown)


@wp.func_native(
    LANES_CODE
    + f"""
    const float *mean = (const float*)means.data, *low = (const float*)lows.data, *high = (const float*)highs.data;
    for (int cell = 0; cell < {_GRID * _GRID}; cell += width) {{
        lanes m[3], d[3], l[3], shown[3], apart = (lanes)0.0f, left = (lanes)0.0f;
        read_colors(mean + 3 * cell, m);
        read_colors(low + 3 * cell, d);
        read_colors(high + 3 * cell, l);
        for (int k = 0; k < 3; ++k) {{
            const float* row = linear.data[k];
            const lanes middle = row[0] * m[0] + row[1] * m[1] + row[2] * m[2] + offset[k];
            const lanes dark = row[0] * d[0] + row[1] * d[1] + row[2] * d[2] + offset[k];
            const lanes light = row[0] * l[0] + row[1] * l[1] + row[2] * l[2] + offset[k];
            const lanes gap = l[k] - d[k], part = (m[k] - d[k]) / (gap > 0.01f ? gap : (lanes)1.0f);
            const lanes share = gap > 0.01f ? part : (lanes)0.5f;
            const lanes beyond = (1.0f - share) * (limited(dark) - dark) + share * (limited(light) - light);
            shown[k] = limited(middle + beyond);
            apart += magnitude(light - dark);
            left += magnitude(limited(light) - limited(dark));
        }}
        write_colors((float*)bare.data + 3 * cell, shown);
        write(unclipped.data + cell, left / larger(apart, (lanes)3.0e-3f));
    }}
"""
)
def _show_plate(
    means: wp.array(dtype=wp.vec3),
    lows: wp.array(dtype=wp.vec3),
    highs: wp.array(dtype=wp.vec3),
    linear: wp.mat33,
    offset: wp.vec3,
    bare: wp.array(dtype=wp.vec3),
    unclipped: wp.array(dtype=wp.float32),
):
    """A plate under a change of colour, its pixels limited one by one, and the share of its detail that is left."""
    ...


@wp.func
def show_ground(known: Known, found: Found, n: int, b: int):
    """Note what the bare background shows now in each cell, once its plate and its change of colour are known."""
    linear = found.tone[n]
    offset = found.offset[n]
    if found.ground_own[n] == 1:
        linear = wp.diag(found.ground_gain[n])
        offset = found.ground_offset[n]
    plate = found.plate[n]
    if plate == -2:
        color = clamp_color(linear * found.ground_mean[n] + offset)
        for cell in range(const.CELLS):
            found.bare[n, cell] = color
            found.unclipped[n, cell] = 1.0
    elif plate >= 0:
        _show_plate(
            known.stock_cells[plate],
            known.stock_low[plate],
            known.stock_high[plate],
            linear,
            offset,
            found.bare[n],
            found.unclipped[n],
        )
    else:
        _show_plate(
            known.plate[b],
            known.plate_low[b],
            known.plate_high[b],
            linear,
            offset,
            found.bare[n],
            found.unclipped[n],
        )


@wp.func
def ground_cell(found: Found, n: int, cell: int) -> wp.vec3:
    """What the bare background shows now in a cell; known from :func:`show_ground` on."""
    return found.bare[n, cell]


@wp.func
def cells_of(box: wp.vec4i) -> int:
    """How many cells a box holds."""
    return (box[2] - box[0]) * (box[3] - box[1])


@wp.func
def cell_at(box: wp.vec4i, i: int) -> int:
    """The i-th cell of a box, line by line."""
    width = box[3] - box[1]
    return (box[0] + i / width) * const.GRID + box[1] + i % width


@wp.func
def is_itself(found: Found, n: int, slot: int) -> bool:
    """Whether an object that changed kept its form: it stands there in another colour."""
    return found.slot_likeness[n, slot] > 0.95 and found.slot_form[n, slot] > 0.5


@wp.func
def sample_cell(i: int, step: int) -> int:
    """The i-th of every ``step``-th cells, spread evenly over lines and columns."""
    return step * i + (i / (const.GRID / step)) % step


@wp.func
def is_shade(color: wp.vec3, ground: wp.vec3) -> bool:
    """Whether a colour may be no more than the ground in shade."""
    share = luma(color) / wp.max(luma(ground), 1.0)
    return share > 0.45 and share < 1.02 and distance(color, share * ground) < 9.0


@wp.func
def is_ground(known: Known, b: int, cell: int) -> bool:
    """Whether a cell of the source showed nothing but background."""
    return known.ground[b, cell] != wp.uint8(0)


@wp.kernel
def find_places(
    first: int, rows: wp.array(dtype=wp.int64), labels: wp.array2d(dtype=wp.uint8), places: wp.array2d(dtype=wp.vec4i)
):
    """Bounds in cells of each object of the source: top, left, bottom, right; zeros for none."""
    b = int(rows[first + wp.tid()])
    for slot in range(const.SLOTS):
        places[b, slot] = wp.vec4i(const.GRID, const.GRID, 0, 0)
    for cell in range(const.CELLS):
        slot = int(labels[b, cell]) - 1
        if slot >= 0 and slot < const.SLOTS:
            y = cell / const.GRID
            x = cell % const.GRID
            box = places[b, slot]
            places[b, slot] = wp.vec4i(
                wp.min(box[0], y), wp.min(box[1], x), wp.max(box[2], y + 1), wp.max(box[3], x + 1)
            )
    for slot in range(const.SLOTS):
        if places[b, slot][2] == 0:
            places[b, slot] = wp.vec4i(0, 0, 0, 0)
