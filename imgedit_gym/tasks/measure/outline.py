# mypy: disable-error-code="empty-body"
"""The box of what is new in an area of cells, to the pixel."""

import warp as wp

from imgedit_gym.kernels.reduce import GRID
from imgedit_gym.tasks.measure import constants as const

_REMEMBERED = 4096
"""Pixels."""


@wp.func_native(
    f"""
    const int grid = {GRID}, stride = wp::max(1, size / 64), margin = size / 32 + 2;
    const bool free = f < {const.FREE_FINDS};
    auto apart = [](const float* a, const float* b) {{
        return (fabsf(a[0] - b[0]) + fabsf(a[1] - b[1]) + fabsf(a[2] - b[2])) / 3.0f;
    }};
    auto luma = [](const float* a) {{ return 0.299f * a[0] + 0.587f * a[1] + 0.114f * a[2]; }};
    auto color_at = [&](const unsigned char* image, int pixel, float* color) {{
        for (int c = 0; c < 3; ++c) color[c] = (float)image[3 * pixel + c];
    }};
    auto map = [](const wp::mat_t<3, 3, wp::float32>& m, const float* color, const wp::vec_t<3, wp::float32>& offset,
                  float* to) {{
        for (int k = 0; k < 3; ++k)
            to[k] = m.data[k][0] * color[0] + m.data[k][1] * color[1] + m.data[k][2] * color[2] + offset[k];
    }};
    auto limit = [](float* color) {{
        for (int k = 0; k < 3; ++k) color[k] = wp::min(wp::max(color[k], 0.0f), 255.0f);
    }};
    // of each cell once: whether pixels of it may belong to this find
    unsigned char open[{GRID * GRID}];
    auto is_open = [&](int cell) {{
        const int owner = find_of.data[cell];
        if (owner == -3) return false;
        if (!free || owner == f) return true;
        if (owner >= 0) return false;
        for (int i = 0; i < 9; ++i) {{
            const int y = wp::min(wp::max(cell / grid + i / 3 - 1, 0), grid - 1);
            const int x = wp::min(wp::max(cell % grid + i % 3 - 1, 0), grid - 1);
            if (find_of.data[y * grid + x] == f) return true;
        }}
        return false;
    }};
    auto look = [&](int y, int x) {{
        const int cell = (y * grid / size) * grid + x * grid / size, pixel = y * size + x;
        const int label = segments.data[pixel];
        if (!open[cell] || label == {const.LABEL_HEADLINE}) return false;
        const bool owned = label >= 1 && label <= {const.MAX_OBJECTS};
        const bool there = owned && slot_source.data[label - 1] >= 0.6f;
        if (owned && !there && (flags.data[cell] & {const.AS_BACKGROUND_FLAG})) return false;
        float c[3], plate[3], ground[3];
        color_at(image.data, pixel, c);
        color_at(ground_image.data, pixel, plate);
        if (blank)
            for (int k = 0; k < 3; ++k) plate[k] = mean[k];
        map(ground_tone, plate, ground_offset, ground);
        limit(ground);
        if (apart(c, ground) < far) return false;
        if (!shade) {{
            const float share = luma(c) / wp::max(luma(ground), 1.0f);
            const float dimmed[3] = {{share * ground[0], share * ground[1], share * ground[2]}};
            if (share > 0.45f && share < 1.02f && apart(c, dimmed) < 9.0f) return false;
        }}
        if (!there) return true;
        float was[3], source[3], held[3];
        color_at(source_image.data, pixel, was);
        map(tone, was, offset, source);
        for (int k = 0; k < 3; ++k) held[k] = source[k];
        limit(held);
        if (apart(c, held) < far) return false;
        if (!changed) return true;
        // with the background that shows through it changed along
        const float through = (float)mattes.data[pixel] / 255.0f;
        color_at(own_plate.data, pixel, was);
        map(tone, was, offset, held);
        for (int k = 0; k < 3; ++k) held[k] = source[k] + through * (ground[k] - held[k]);
        limit(held);
        return apart(c, held) >= far;
    }};
    const int top = wp::max(cells[0] * size / grid - margin, bounds[0] * size / grid);
    const int left = wp::max(cells[1] * size / grid - margin, bounds[1] * size / grid);
    const int bottom = wp::min(cells[2] * size / grid + margin, bounds[2] * size / grid);
    const int right = wp::min(cells[3] * size / grid + margin, bounds[3] * size / grid);
    for (int y = wp::max(top, 0) * grid / size; y <= wp::min(wp::max(bottom, 1) - 1, size - 1) * grid / size; ++y)
        for (int x = wp::max(left, 0) * grid / size; x <= wp::min(wp::max(right, 1) - 1, size - 1) * grid / size; ++x)
            open[y * grid + x] = is_open(y * grid + x);
    // lines are looked at twice, a box narrower the second time; small areas are remembered
    const int wide = right - left;
    const bool small = wide > 0 && bottom > top && wide * (bottom - top) <= {_REMEMBERED};
    unsigned char known[{_REMEMBERED}];
    if (small)
        for (int i = 0; i < wide * (bottom - top); ++i) known[i] = 2;
    auto is_new = [&](int y, int x) {{
        if (!small) return look(y, x);
        unsigned char& here = known[(y - top) * wide + x - left];
        if (here == 2) here = look(y, x);
        return here == 1;
    }};
    // the last line, going one way, that shows a new pixel, before a gap or the end
    const int allowed = free ? wp::max(size / 20, 2) : wp::max(size / 96, 1);
    auto reach = [&](int start, int end, int way, int low, int high, bool columns) {{
        int last = start, empty = 0;
        bool seen = false;
        for (int line = start; line != end && empty <= allowed + (seen ? 0 : size); ) {{
            const int at = way < 0 ? line - 1 : line;
            bool fresh = false;
            for (int across = low; across < high && !fresh; across += stride)
                fresh = columns ? is_new(across, at) : is_new(at, across);
            line += way;
            if (fresh) {{
                last = line;
                empty = 0;
                seen = true;
            }} else {{
                ++empty;
            }}
        }}
        return last;
    }};
    // from the middle outwards, as far as new pixels go on without a gap: neighbours stay out
    const int middle_y = (top + bottom) / 2, middle_x = (left + right) / 2;
    int y0 = top, y1 = bottom, x0 = left, x1 = right;
    for (int turn = 0; turn < 2; ++turn) {{
        x0 = reach(middle_x, left, -1, y0, y1, true);
        x1 = reach(middle_x, right, 1, y0, y1, true);
        y0 = reach(middle_y, top, -1, x0, x1, false);
        y1 = reach(middle_y, bottom, 1, x0, x1, false);
    }}
    if (y1 - y0 < 3 || x1 - x0 < 3) {{
        if (free || !shade) return wp::vec_t<4, wp::int32>(0, 0, 0, 0);
        return wp::vec_t<4, wp::int32>(top, left, bottom, right);
    }}
    return wp::vec_t<4, wp::int32>(y0, x0, y1, x1);
"""
)
def tight_box(
    image: wp.array3d(dtype=wp.uint8),
    source_image: wp.array3d(dtype=wp.uint8),
    own_plate: wp.array3d(dtype=wp.uint8),
    segments: wp.array2d(dtype=wp.uint8),
    mattes: wp.array2d(dtype=wp.uint8),
    find_of: wp.array(dtype=wp.int32),
    flags: wp.array(dtype=wp.int32),
    slot_source: wp.array(dtype=wp.float32),
    ground_image: wp.array3d(dtype=wp.uint8),
    blank: bool,
    mean: wp.vec3,
    ground_tone: wp.mat33,
    ground_offset: wp.vec3,
    tone: wp.mat33,
    offset: wp.vec3,
    changed: bool,
    far: float,
    size: int,
    f: int,
    shade: bool,
    cells: wp.vec4i,
    bounds: wp.vec4i,
) -> wp.vec4i:
    """Top, left, bottom and right in pixels of what is new in an area of cells; zeros where there is nothing.

    A pixel is new if it shows neither background (in shade, unless ``shade`` counts) nor source, nor another find.

    Args:
        image: The picture.
        source_image: What it was.
        own_plate: The clean background it was drawn on.
        segments: Labels of its objects.
        mattes: Share of the background that shows through them.
        find_of: Find of each cell.
        flags: Flags of each cell.
        slot_source: How much of each object is still there.
        ground_image: The plate that the background shows now.
        blank: Whether it shows one colour instead, ``mean``.
        mean: That colour.
        ground_tone: How the ground's colours have changed: matrix,
        ground_offset: and offset.
        tone: How the source's colours have changed: matrix,
        offset: and offset.
        changed: Whether the background shows another plate, or has a colour of its own.
        far: Distance from which on a pixel differs.
        size: Edge of the picture.
        f: The find.
        shade: Whether what may be shade counts as new.
        cells: Top, left, bottom and right of the area in cells.
        bounds: Cells that must not be left.
    """
    ...
