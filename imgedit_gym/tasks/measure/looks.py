# mypy: disable-error-code="empty-body"
"""How far a picture is from what a change of colour would make of it, and sums from which a better one follows.

Both go over cells that are laid out channel by channel, :data:`LAID_OUT` numbers of each: what it showed before the
change, the dark and the light value that stand for its pixels, the light one's share, what it shows now, and how much
it tells. The last row is room for a weight.
"""

import warp as wp

from imgedit_gym.kernels.lanes import LANES_CODE

LAID_OUT = 17
"""Numbers of each cell."""

SUMS = 43
"""By channel the upper half of a symmetric matrix of four lines and the right side; then the sum of the weights."""

_UNDER = """
    const int n = cells.shape[1];
    const float* held = cells.data;
    auto mapped = [&](const wp::mat_t<4, 4, wp::float32>& m, int k, const lanes* color) {
        return m.data[k][0] * color[0] + m.data[k][1] * color[1] + m.data[k][2] * color[2] + m.data[k][3];
    };
    auto colors = [&](int row, int i, lanes* to) {
        for (int k = 0; k < 3; ++k) to[k] = read(held + (row + k) * n + i);
    };
    // distance of what some cells show from what they would show under a map, their pixels limited one by one
    auto apart = [&](const wp::mat_t<4, 4, wp::float32>& m, int i) {
        lanes mean[3], low[3], high[3], share[3], seen[3], total = (lanes)0.0f;
        colors(0, i, mean);
        colors(3, i, low);
        colors(6, i, high);
        colors(9, i, share);
        colors(12, i, seen);
        for (int k = 0; k < 3; ++k) {
            const lanes dark = mapped(m, k, low), light = mapped(m, k, high);
            const lanes beyond = (1.0f - share[k]) * (limited(dark) - dark) + share[k] * (limited(light) - light);
            total += magnitude(seen[k] - limited(mapped(m, k, mean) + beyond));
        }
        return total / 3.0f;
    };
"""


@wp.func_native(
    LANES_CODE
    + _UNDER
    + """
    lanes total = (lanes)0.0f, weight = (lanes)0.0f;
    for (int i = 0; i < n; i += width) {
        const lanes w = read(held + 15 * n + i);
        total += w * smaller(apart(map, i), (lanes)40.0f);
        weight += w;
    }
    return sum(total) / (sum(weight) + 1.0e-3f);
"""
)
def look_gap(cells: wp.array2d(dtype=wp.float32), map: wp.mat44) -> float:
    """Mean capped distance between what cells show and what a map would make of them.

    Args:
        cells: ``[LAID_OUT, n]``, n in whole lanes.
        map: Rows of an affine map of colours.
    """
    ...


@wp.func_native(
    LANES_CODE
    + _UNDER
    + """
    lanes weight = (lanes)0.0f;
    for (int i = 0; i < n; i += width) {
        const lanes far = apart(map, i) / scale, root = 1.0f + far * far;
        const lanes w = read(held + 15 * n + i) / (root * root);
        write(cells.data + 16 * n + i, w);
        weight += w;
    }
    for (int k = 0; k < 3; ++k) {
        lanes square[10], right[4];
        for (int j = 0; j < 10; ++j) square[j] = (lanes)0.0f;
        for (int j = 0; j < 4; ++j) right[j] = (lanes)0.0f;
        for (int i = 0; i < n; i += width) {
            lanes mean[3], x[4];
            colors(0, i, mean);
            for (int j = 0; j < 3; ++j) x[j] = (mean[j] - 128.0f) / 64.0f;
            x[3] = (lanes)1.0f;
            const lanes seen = mapped(map, k, mean), base = mapped(start, k, mean);
            // where the map would leave the range of colours, the picture tells nothing
            lanes w = read(held + 16 * n + i);
            w = seen < 254.0f ? w : (lanes)0.0f;
            w = seen > 1.0f ? w : (lanes)0.0f;
            const lanes rest = read(held + (12 + k) * n + i) - base;
            int at = 0;
            for (int a = 0; a < 4; ++a) {
                const lanes wx = w * x[a];
                for (int b = a; b < 4; ++b) square[at++] += wx * x[b];
                right[a] += wx * rest;
            }
        }
        for (int j = 0; j < 10; ++j) sums.data[14 * k + j] = sum(square[j]);
        for (int j = 0; j < 4; ++j) sums.data[14 * k + 10 + j] = sum(right[j]);
    }
    sums.data[42] = sum(weight);
"""
)
def sum_up(
    cells: wp.array2d(dtype=wp.float32),
    map: wp.mat44,
    start: wp.mat44,
    scale: float,
    sums: wp.array(dtype=wp.float32),
):
    """Sums of the normal equations for the change of a map that explains the cells better.

    Args:
        cells: ``[LAID_OUT, n]``, n in whole lanes.
        map: The map so far, by which cells are weighed and clipped ones left out.
        start: The map that the change is from.
        scale: Distance at which a cell weighs a quarter.
        sums: ``[SUMS]``, written.
    """
    ...
