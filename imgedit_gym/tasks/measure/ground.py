# mypy: ignore-errors
"""The background's own change of colour, and how its visible part looks."""

import warp as wp

from imgedit_gym.kernels.lanes import LANES_CODE
from imgedit_gym.kernels.reduce import GRID as _GRID
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, ramp, show_ground, wanted

_CELLS = _GRID * _GRID
_NEAR = "30.0f"
"""Distance up to which a cell shows the background."""


@wp.func_native(
    LANES_CODE
    + f"""
    const float *seen = (const float*)cells.data, *plain = (const float*)plate.data;
    float gain[3] = {{1.0f, 1.0f, 1.0f}}, offset[3] = {{0.0f, 0.0f, 0.0f}};
    for (int turn = 0; turn < 4; ++turn) {{
        // cells that are far from the fit so far, as things stand there, weigh less
        auto look = [&](int i, lanes* c, lanes* e) {{
            read_colors(seen + 3 * i, c);
            read_colors(plain + 3 * i, e);
            lanes apart = (lanes)0.0f;
            for (int k = 0; k < 3; ++k) apart += magnitude(c[k] - (gain[k] * e[k] + offset[k]));
            const lanes far = turn > 0 ? apart / 30.0f : (lanes)0.0f;
            return read_bytes(ground.data + i) / (1.0f + far * far);
        }};
        lanes weight = (lanes)0.0f, ours[3], theirs[3], top[3], bottom[3];
        for (int k = 0; k < 3; ++k) ours[k] = theirs[k] = top[k] = bottom[k] = (lanes)0.0f;
        for (int i = 0; i < {_CELLS}; i += width) {{
            lanes c[3], e[3];
            const lanes w = look(i, c, e);
            weight += w;
            for (int k = 0; k < 3; ++k) ours[k] += w * c[k], theirs[k] += w * e[k];
        }}
        const float all = sum(weight);
        float own[3], others[3];
        for (int k = 0; k < 3; ++k) {{
            own[k] = sum(ours[k]) / wp::max(all, 1.0e-3f);
            others[k] = sum(theirs[k]) / wp::max(all, 1.0e-3f);
        }}
        for (int i = 0; i < {_CELLS}; i += width) {{
            lanes c[3], e[3];
            const lanes w = look(i, c, e);
            for (int k = 0; k < 3; ++k) {{
                const lanes off = e[k] - others[k];
                top[k] += w * off * (c[k] - own[k]);
                bottom[k] += w * off * off;
            }}
        }}
        for (int k = 0; k < 3; ++k) {{
            const float ridge = 4.0f * all;
            gain[k] = wp::min(wp::max((sum(top[k]) + ridge) / (sum(bottom[k]) + ridge), -2.0f), 3.0f);
            offset[k] = own[k] - gain[k] * others[k];
        }}
    }}
    for (int k = 0; k < 3; ++k) {{
        gains.data[n][k] = gain[k];
        offsets.data[n][k] = offset[k];
    }}
"""
)
def _fit_recolor(
    cells: wp.array(dtype=wp.vec3),
    plate: wp.array(dtype=wp.vec3),
    ground: wp.array(dtype=wp.uint8),
    n: int,
    gains: wp.array(dtype=wp.vec3),
    offsets: wp.array(dtype=wp.vec3),
):
    """Gain and offset of each channel, those of picture n, by which its background differs from its own plate."""
    ...


@wp.func_native(
    LANES_CODE
    + f"""
    const float *seen = (const float*)cells.data, *below = (const float*)bare.data;
    // what the plate shows; all of one colour, it has no detail
    auto show = [&](int i, lanes* e) {{
        if (!blank) return read_colors((const float*)plate.data + 3 * i, e);
        for (int k = 0; k < 3; ++k) e[k] = (lanes)color[k];
    }};
    auto look = [&](int i, lanes* c) {{
        lanes ground_here[3], apart = (lanes)0.0f;
        read_colors(seen + 3 * i, c);
        read_colors(below + 3 * i, ground_here);
        for (int k = 0; k < 3; ++k) apart += magnitude(c[k] - ground_here[k]);
        return apart / 3.0f < {_NEAR} ? read_bytes(ground.data + i) : (lanes)0.0f;
    }};
    lanes visible = (lanes)0.0f, count = (lanes)0.0f, ours[3], theirs[3];
    for (int k = 0; k < 3; ++k) ours[k] = theirs[k] = (lanes)0.0f;
    for (int i = 0; i < {_CELLS}; i += width) {{
        lanes c[3], e[3];
        const lanes w = look(i, c);
        show(i, e);
        visible += read_bytes(ground.data + i);
        count += w;
        for (int k = 0; k < 3; ++k) ours[k] += w * c[k], theirs[k] += w * e[k];
    }}
    const float near = sum(count), total = wp::max(near, 1.0f);
    float own[3], others[3];
    for (int k = 0; k < 3; ++k) own[k] = sum(ours[k]) / total, others[k] = sum(theirs[k]) / total;
    lanes cov = (lanes)0.0f, vc = (lanes)0.0f, ve = (lanes)0.0f, dc = (lanes)0.0f, de = (lanes)0.0f;
    for (int i = 0; i < {_CELLS}; i += width) {{
        lanes c[3], e[3];
        const lanes w = look(i, c);
        show(i, e);
        for (int k = 0; k < 3; ++k) {{
            const lanes mine = c[k] - own[k], other = e[k] - others[k];
            cov += w * mine * other;
            vc += w * mine * mine;
            ve += w * other * other;
        }}
        dc += w * read(detail.data + i);
        if (!blank) de += w * read(plate_detail.data + i);
    }}
    const float found[] = {{near, sum(visible), own[0], own[1], own[2], sum(cov), sum(vc), sum(ve), sum(dc), sum(de)}};
    for (int i = 0; i < 10; ++i) sums.data[i] = found[i];
"""
)
def _survey_ground(
    cells: wp.array(dtype=wp.vec3),
    detail: wp.array(dtype=wp.float32),
    bare: wp.array(dtype=wp.vec3),
    ground: wp.array(dtype=wp.uint8),
    plate: wp.array(dtype=wp.vec3),
    plate_detail: wp.array(dtype=wp.float32),
    blank: bool,
    color: wp.vec3,
    sums: wp.array(dtype=wp.float32),
):
    """How the visible background and its plate look.

    Args:
        cells: What the cells show.
        detail: Their detail.
        bare: What the bare background shows.
        ground: Which cells the source left to the background.
        plate: The plate that it shows,
        plate_detail: and that plate's detail.
        blank: Whether it shows one colour instead, ``color``.
        color: That colour.
        sums: Written: how many cells show the background, of how many; its mean colour; and, summed over those cells,
            covariance with the plate, own variance, the plate's, own detail and the plate's.
    """
    ...


@wp.kernel
def fit_ground(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """The background's own change of colour, and how its visible part looks."""
    n = first + wp.tid()
    b = int(rows[n])
    recolor = wanted(known, b, const.KIND_BACKGROUND_COLOR)
    found.ground_own[n] = 0
    found.ground_match[n] = 0.0
    if recolor < 0 and wanted(known, b, const.KIND_BACKGROUND) < 0 and found.plate[n] != -2:
        # nobody asks
        show_ground(known, found, n, b)
        return
    if found.plate[n] == -2:
        found.ground_own[n] = 1
        found.ground_gain[n] = wp.vec3(1.0, 1.0, 1.0)
        found.ground_offset[n] = wp.vec3(0.0, 0.0, 0.0)
    plate = found.plate[n]
    if recolor >= 0 and plate != -2:
        found.ground_own[n] = 1
        _fit_recolor(found.cells[n], known.plate[b], known.ground[b], n, found.ground_gain, found.ground_offset)
    show_ground(known, found, n, b)

    # how the visible background looks now
    shown = known.plate[b]
    fine = known.plate_detail[b]
    if plate >= 0:
        shown = known.stock_cells[plate]
        fine = known.stock_detail[plate]
    sums = found.sums[n]
    _survey_ground(
        found.cells[n],
        found.detail[n],
        found.bare[n],
        known.ground[b],
        shown,
        fine,
        plate == -2,
        found.ground_mean[n],
        sums,
    )
    count = sums[0]
    cov = sums[5]
    vc = sums[6]
    ve = sums[7]
    total = wp.max(count, 1.0)
    if plate != -2:
        found.ground_mean[n] = wp.vec3(sums[2], sums[3], sums[4])
    found.ground_spread[n] = wp.sqrt(vc / (3.0 * total))
    match = float(0.0)
    if ve / total > 12.0:
        match = cov / wp.sqrt(wp.max(vc * ve, 1.0e-3))
    else:
        match = ramp(vc / total, 220.0, 120.0)
    # a background that only a part of the picture shows is not there
    found.ground_match[n] = match * ramp(count / wp.max(sums[1], 1.0), 0.45, 0.7)
    found.ground_detail[n] = wp.vec2(sums[8] / total, sums[9] / total)
