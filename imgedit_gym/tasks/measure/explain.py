# mypy: ignore-errors
"""Each cell explained as background or as source."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, distance, luma
from imgedit_gym.kernels.lanes import LANES_CODE
from imgedit_gym.kernels.reduce import GRID as _GRID
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import (
    Found,
    Known,
    ground_cell,
    is_ground,
    tone_scale,
    toned_freely,
)

_SAME = "0.75f"
"""Distance up to which a cell is as it was."""


@wp.func
def _source_here(known: Known, found: Found, n: int, b: int, cell: int, share: float) -> wp.vec3:
    """What a cell of the untouched objects would show now, a share of it the background as it is."""
    source = toned_freely(found, n, known.source[b, cell])
    if found.plate[n] != -1 or found.ground_own[n] == 1:
        ground = ground_cell(found, n, cell)
        source += share * (ground - toned_freely(found, n, known.plate[b, cell]))
    return clamp_color(source)


_LINE = f"""
    const int first = y * {_GRID}, end = first + {_GRID};
    auto apart = [&](const lanes* a, const lanes* b) {{
        return (magnitude(a[0] - b[0]) + magnitude(a[1] - b[1]) + magnitude(a[2] - b[2])) / 3.0f;
    }};
"""


@wp.func_native(
    LANES_CODE
    + _LINE
    + """
    auto mapped = [&](int k, const lanes* color) {
        return tone.data[k][0] * color[0] + tone.data[k][1] * color[1] + tone.data[k][2] * color[2] + offset[k];
    };
    for (int cell = first; cell < end; cell += width) {
        lanes was[3], meant[3];
        read_colors((const float*)source.data + 3 * cell, was);
        for (int k = 0; k < 3; ++k) meant[k] = limited(mapped(k, was));
        if (changed) {
            // a background may have been changed through shadows and soft edges, or around them
            lanes c[3], own[3], ground[3], around[3];
            read_colors((const float*)cells.data + 3 * cell, c);
            read_colors((const float*)plate.data + 3 * cell, own);
            read_colors((const float*)bare.data + 3 * cell, ground);
            const lanes through = read(mattes.data + cell), share = read(background.data + cell);
            for (int k = 0; k < 3; ++k) {
                const lanes as_source = mapped(k, was), change = ground[k] - mapped(k, own);
                meant[k] = limited(as_source + through * change);
                around[k] = limited(as_source + share * change);
            }
            const lanes gap = apart(c, around), other = apart(c, meant);
            for (int k = 0; k < 3; ++k) meant[k] = gap < other ? around[k] : meant[k];
        }
        write_colors((float*)expected.data + 3 * cell, meant);
    }
"""
)
def _expect_line(
    y: int,
    cells: wp.array(dtype=wp.vec3),
    source: wp.array(dtype=wp.vec3),
    plate: wp.array(dtype=wp.vec3),
    bare: wp.array(dtype=wp.vec3),
    mattes: wp.array(dtype=wp.float32),
    background: wp.array(dtype=wp.float32),
    tone: wp.mat33,
    offset: wp.vec3,
    changed: bool,
    expected: wp.array(dtype=wp.vec3),
):
    """What a line of cells of the untouched objects would show now.

    Args:
        y: Which line.
        cells: What the cells show.
        source: What they showed.
        plate: The task's own plate.
        bare: What the bare background shows now.
        mattes: Share of the background that shows through.
        background: Share of the background.
        tone: Of the picture: matrix,
        offset: and offset.
        changed: Whether the background shows another plate, or has a colour of its own.
        expected: Written.
    """
    ...


@wp.func_native(
    LANES_CODE
    + _LINE
    + f"""
    const float none = 0.0f, near = 13.0f * scale;
    for (int cell = first; cell < end; cell += width) {{
        lanes c[3], was[3], own[3], ground[3], meant[3];
        read_colors((const float*)cells.data + 3 * cell, c);
        read_colors((const float*)source.data + 3 * cell, was);
        read_colors((const float*)plate.data + 3 * cell, own);
        read_colors((const float*)bare.data + 3 * cell, ground);
        read_colors((const float*)expected.data + 3 * cell, meant);
        const lanes fine = read(detail.data + cell), labelled = read_bytes(labels.data + cell);
        const lanes rough = read(shown_detail.data + cell) * strength;
        const lanes off = magnitude(fine - rough * read(unclipped.data + cell));
        // behind an object, a busy background need only be guessed as well as its surroundings vary
        const lanes guess = labelled > none ? read(busyness.data + cell) : (lanes)none;
        const lanes room = busy * scale * guess;
        // or it continues what is seen beside it
        lanes ground_flag = room > 2.0f ? (lanes){const.PERHAPS_FLAG}.0f : (lanes)none;
        const lanes as_ground = off < 3.0f + 0.35f * rough + slack + 0.5f * room ? (lanes)1.0f : ground_flag;
        ground_flag = apart(c, ground) < near + slack + room ? as_ground : ground_flag;
        const lanes as_source = apart(c, meant) < near + slack ? (lanes)2.0f : (lanes)none;
        const lanes telling = apart(meant, ground) > 20.0f * scale + room ? (lanes)4.0f : (lanes)none;
        lanes marks = ground_flag + as_source + telling;
        if (plain) {{
            // as it was: nothing needs to be guessed
            const lanes smooth = read(plate_detail.data + cell);
            const lanes rest = magnitude(fine - smooth);
            const lanes alike = rest < 3.0f + 0.35f * smooth + 0.5f * guess ? (lanes)3.0f : (lanes)2.0f;
            const lanes known = (apart(c, own) < 13.0f + guess ? alike : (lanes)2.0f)
                + (apart(was, own) > 20.0f + guess ? (lanes)4.0f : (lanes)none);
            const lanes gap = apart(c, was);
            marks = gap < {_SAME} ? known : marks;
            for (int k = 0; k < 3; ++k) meant[k] = gap < {_SAME} ? was[k] : meant[k];
            write_colors((float*)expected.data + 3 * cell, meant);
        }}
        write_whole(flags.data + cell, marks);
    }}
"""
)
def _flag_line(
    y: int,
    cells: wp.array(dtype=wp.vec3),
    detail: wp.array(dtype=wp.float32),
    source: wp.array(dtype=wp.vec3),
    plate: wp.array(dtype=wp.vec3),
    plate_detail: wp.array(dtype=wp.float32),
    bare: wp.array(dtype=wp.vec3),
    unclipped: wp.array(dtype=wp.float32),
    shown_detail: wp.array(dtype=wp.float32),
    strength: float,
    busyness: wp.array(dtype=wp.float32),
    busy: float,
    labels: wp.array(dtype=wp.uint8),
    scale: float,
    slack: float,
    plain: bool,
    expected: wp.array(dtype=wp.vec3),
    flags: wp.array(dtype=wp.int32),
):
    """Flag a line of cells; those that may continue what is beside them are marked to be looked at again.

    Args:
        y: Which line.
        cells: What the cells show.
        detail: Their detail.
        source: What they showed.
        plate: The task's own plate.
        plate_detail: Its detail.
        bare: What the bare background shows now.
        unclipped: How much of its detail is left.
        shown_detail: Detail of the plate that the background shows.
        strength: What is left of it under the picture's tone.
        busyness: How much that plate varies.
        busy: What that counts for, 0 or 1.
        labels: Objects of the source.
        scale: How far apart colours are under the tone.
        slack: Further room, for pictures that are soft or crisp.
        plain: Whether the picture has its own background, colour and tone.
        expected: What the untouched source would show; of cells that are as they were, that is written.
        flags: Written.
    """
    ...


@wp.func
def _soften(known: Known, found: Found, n: int, b: int, cell: int):
    """What a cell would show with a share of its surroundings mixed in or taken away."""
    ground_around = wp.vec3(0.0, 0.0, 0.0)
    source_around = wp.vec3(0.0, 0.0, 0.0)
    for i in range(9):
        y = wp.clamp(cell / const.GRID + i / 3 - 1, 0, const.GRID - 1)
        x = wp.clamp(cell % const.GRID + i % 3 - 1, 0, const.GRID - 1)
        around = y * const.GRID + x
        ground_around += ground_cell(found, n, around)
        source_around += _source_here(known, found, n, b, around, known.matte[b, around])
    blend = found.blend[n]
    bare = ground_cell(found, n, cell)
    meant = found.expected[n, cell]
    found.soft_bare[n, cell] = clamp_color(bare + blend * (ground_around / 9.0 - bare))
    found.expected[n, cell] = clamp_color(meant + blend * (source_around / 9.0 - meant))


@wp.func
def _continues(known: Known, found: Found, n: int, b: int, cell: int, scale: float, slack: float) -> bool:
    """Whether a cell shows what is seen of the background beside it."""
    c = found.cells[n, cell]
    y = cell / const.GRID
    x = cell % const.GRID
    for yy in range(wp.max(y - 3, 0), wp.min(y + 4, const.GRID)):
        for xx in range(wp.max(x - 3, 0), wp.min(x + 4, const.GRID)):
            other = yy * const.GRID + xx
            if is_ground(known, b, other):
                beside = found.cells[n, other]
                if distance(c, beside) < 10.0 * scale + slack:
                    alike = wp.abs(found.detail[n, cell] - found.detail[n, other]) < 5.0 + slack
                    if alike and distance(beside, ground_cell(found, n, other)) < 13.0 * scale + slack:
                        return True
    return False


@wp.func
def _strength(found: Found, n: int) -> float:
    """What a change of colour and sharpness leaves of the background's detail."""
    strength = luma(found.tone[n] * wp.vec3(1.0, 1.0, 1.0))
    if found.ground_own[n] == 1 and found.plate[n] != -2:
        g = found.ground_gain[n]
        strength = luma(wp.vec3(wp.abs(g[0]), wp.abs(g[1]), wp.abs(g[2])))
    return strength * found.sharpness[n]


@wp.kernel
def rate_ground(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Share of the bare background that is still seen, whatever colour or plate it has now."""
    n = first + wp.tid()
    b = int(rows[n])
    visible = float(1.0e-3)
    explained = float(0.0)
    for cell in range(const.CELLS):
        if is_ground(known, b, cell):
            visible += 1.0
            if (found.flags[n, cell] & const.AS_BACKGROUND) != 0:
                explained += 1.0
    found.ground_seen[n] = explained / visible


@wp.kernel
def explain_cells(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Flag each cell as background, as source, and as one where the two can be told apart; a line a thread."""
    i, y = wp.tid()
    n = first + i
    b = int(rows[n])
    plate = found.plate[n]
    changed = plate != -1 or found.ground_own[n] == 1
    plain = not changed and found.plain[n] == 1
    _expect_line(
        y,
        found.cells[n],
        known.source[b],
        known.plate[b],
        found.bare[n],
        known.matte[b],
        known.background[b],
        found.tone[n],
        found.offset[n],
        changed,
        found.expected[n],
    )
    bare = found.bare[n]
    slack = float(0.0)
    if found.blend[n] != 0.0:
        slack = float(4.0)
        bare = found.soft_bare[n]
        for x in range(const.GRID):
            _soften(known, found, n, b, y * const.GRID + x)
    detail = known.plate_detail[b]
    busyness = known.busyness[b]
    strength = _strength(found, n)
    busy = float(1.0)
    if plate >= 0:
        detail = known.stock_detail[plate]
        busyness = known.stock_busyness[plate]
    if plate == -2:
        strength = float(0.0)
        busy = float(0.0)
    scale = tone_scale(found, n)
    _flag_line(
        y,
        found.cells[n],
        found.detail[n],
        known.source[b],
        known.plate[b],
        known.plate_detail[b],
        bare,
        found.unclipped[n],
        detail,
        strength,
        busyness,
        busy,
        known.labels[b],
        scale,
        slack,
        plain,
        found.expected[n],
        found.flags[n],
    )
    for cell in range(y * const.GRID, (y + 1) * const.GRID):
        found.find_of[n, cell] = -1
        flags = found.flags[n, cell]
        if flags >= const.PERHAPS:
            flags -= const.PERHAPS
            if _continues(known, found, n, b, cell, scale, slack):
                flags += const.AS_BACKGROUND
            found.flags[n, cell] = flags
