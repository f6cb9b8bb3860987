# mypy: ignore-errors
"""Which plate the background shows."""

import torch
import torch.nn.functional as F
import warp as wp

from imgedit_gym.kernels.color import distance, luma
from imgedit_gym.kernels.lanes import LANES, LANES_CODE
from imgedit_gym.kernels.reduce import GRID as _GRID
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, is_ground, sample_cell, wanted

_SAMPLED = wp.constant(2)
_NEAR = "25.0f"
"""Levels from a plate within which a cell is taken for it."""

_SCREENED_EVERY = 28
_SCREENED = wp.constant(_SCREENED_EVERY)
"""Every how manieth cell is looked at to rule plates out."""

_FEW = _GRID * _GRID // _SCREENED_EVERY
SCREENED = -(-_FEW // LANES) * LANES
"""Room for those cells, in whole lanes."""

_EVEN, _ODD = (", ".join(str(2 * lane + odd) for lane in range(LANES)) for odd in range(2))

_HOPELESS = wp.constant(18.0)
"""Levels by which a plate that is ruled out is worse than the best so far."""


@wp.func_native(
    LANES_CODE
    + f"""
    const int cells = {_GRID}, half = {_GRID} / 2, n = cells * half;
    const float *color = (const float*)colors.data, *fine = detail.data;
    float* to = sampled.data;
#if defined(__CUDA_ARCH__)
    for (int at = 0; at < n; ++at) {{
        const int cell = 2 * at + at / half % 2;
        for (int c = 0; c < 3; ++c) to[c * n + at] = color[3 * cell + c];
        to[3 * n + at] = fine[cell];
    }}
#else
    // of two runs of cells side by side, those in even or in odd places
    auto take = [&](lanes a, lanes b, bool odd) __attribute__((always_inline)) {{
        return odd ? __builtin_shufflevector(a, b, {_ODD}) : __builtin_shufflevector(a, b, {_EVEN});
    }};
    for (int cell = 0, at = 0; cell < cells * cells; cell += 2 * width, at += width) {{
        const bool odd = cell / cells % 2;
        lanes left[3], right[3];
        read_colors(color + 3 * cell, left);
        read_colors(color + 3 * (cell + width), right);
        for (int c = 0; c < 3; ++c) write(to + c * n + at, take(left[c], right[c], odd));
        write(to + 3 * n + at, take(read(fine + cell), read(fine + cell + width), odd));
    }}
#endif
"""
)
def _sample(colors: wp.array(dtype=wp.vec3), detail: wp.array(dtype=wp.float32), sampled: wp.array2d(dtype=wp.float32)):
    """Colour and detail of every second cell, in the order of :func:`sample_cell`, channel by channel."""
    ...


@wp.kernel
def sample_known(first: int, rows: wp.array(dtype=wp.int64), known: Known):
    """Where the source shows nothing but background, and every second cell of the plate."""
    b = int(rows[first + wp.tid()])
    for cell in range(const.CELLS):
        bare = known.labels[b, cell] == wp.uint8(0) and known.background[b, cell] > 0.97
        known.ground[b, cell] = wp.uint8(bare)
    for i in range(const.CELLS / _SAMPLED):
        known.ground_sampled[b, i] = float(known.ground[b, sample_cell(i, _SAMPLED)])
    _sample(known.plate[b], known.plate_detail[b], known.plate_sampled[b])


def sampled_plates(cells: torch.Tensor, detail: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The cells by which plates are compared, channel by channel.

    Args:
        cells: Mean colour of each plate's cells, ``float32 [plates, GRID**2, 3]``.
        detail: ``float32 [plates, GRID**2]``.

    Returns:
        Red, green, blue and detail of every second cell, ``float32 [plates, 4, GRID**2 / 2]``, and red, green and
        blue of the few by which plates are ruled out, zeros behind them, ``float32 [plates, 3, SCREENED]``.
    """
    i = torch.arange(cells.shape[1] // 2, device=cells.device)
    every = torch.cat([cells, detail[..., None]], 2).transpose(1, 2)
    few = _SCREENED_EVERY * torch.arange(_FEW, device=cells.device) + 3
    screened = F.pad(cells.transpose(1, 2)[:, :, few], (0, SCREENED - _FEW))
    return every[:, :, 2 * i + i // (_GRID // 2) % 2].contiguous(), screened.contiguous()


@wp.func_native(
    LANES_CODE
    + f"""
    const int n = {_GRID * _GRID // 2};
    const float *c = sampled.data, *e = plate.data;
    lanes total = (lanes)0.0f, count = (lanes)0.0f;
    for (int i = 0; i < n; i += width) {{
        const lanes w = read(weights.data + i);
        const lanes apart = magnitude(read(c + i) - read(e + i)) + magnitude(read(c + n + i) - read(e + n + i))
            + magnitude(read(c + 2 * n + i) - read(e + 2 * n + i));
        total += w * smaller(apart / 3.0f, (lanes)60.0f);
        count += w;
    }}
    return sum(total) / (sum(count) + 1.0e-3f);
"""
)
def _own_gap(
    sampled: wp.array2d(dtype=wp.float32), weights: wp.array(dtype=wp.float32), plate: wp.array2d(dtype=wp.float32)
) -> float:
    """Mean capped distance of the visible background to the task's own plate."""
    ...


@wp.func_native(
    LANES_CODE
    + f"""
    const int n = {_GRID * _GRID // 2};
    const float *c[3], *e[3];
    for (int k = 0; k < 3; ++k) c[k] = sampled.data + k * n, e[k] = plate.data + k * n;
    auto luma = [](lanes red, lanes green, lanes blue) {{ return 0.299f * red + 0.587f * green + 0.114f * blue; }};
    // what a plate shows in some cells
    auto shown = [&](int i, lanes* colors) {{
        for (int k = 0; k < 3; ++k) colors[k] = read(e[k] + i);
        if (colorless) colors[0] = colors[1] = colors[2] = luma(colors[0], colors[1], colors[2]);
    }};
    float gain[3] = {{1.0f, 1.0f, 1.0f}}, offset[3] = {{0.0f, 0.0f, 0.0f}}, all = 0.0f;
    for (int turn = 0; turn < 2; ++turn) {{
        lanes near = (lanes)0.0f, count = (lanes)0.0f, ours[3], theirs[3], square[3], cross[3];
        for (int k = 0; k < 3; ++k) ours[k] = theirs[k] = square[k] = cross[k] = (lanes)0.0f;
        for (int i = 0; i < n; i += width) {{
            lanes colors[3], w = read(weights.data + i);
            shown(i, colors);
            count += w;
            if (turn > 0) {{
                // without what stands on the background
                lanes apart = (lanes)0.0f;
                for (int k = 0; k < 3; ++k) apart += magnitude(read(c[k] + i) - (gain[k] * colors[k] + offset[k]));
                w = apart / 3.0f < {_NEAR} ? w : (lanes)0.0f;
            }}
            near += w;
            for (int k = 0; k < 3; ++k) {{
                ours[k] += w * read(c[k] + i);
                theirs[k] += w * colors[k];
                if (toned) {{
                    square[k] += w * colors[k] * colors[k];
                    cross[k] += w * colors[k] * read(c[k] + i);
                }}
            }}
        }}
        all = sum(count) + 1.0e-3f;
        const float found = sum(near);
        if (found <= 0.3f * all) continue;
        float own[3], others[3];
        for (int k = 0; k < 3; ++k) own[k] = sum(ours[k]) / found, others[k] = sum(theirs[k]) / found;
        const float ours_level = 0.299f * own[0] + 0.587f * own[1] + 0.114f * own[2];
        const float theirs_level = 0.299f * others[0] + 0.587f * others[1] + 0.114f * others[2];
        const float level = wp::min(wp::max(ours_level / wp::max(theirs_level, 1.0f), 0.4f), 1.8f);
        for (int k = 0; k < 3; ++k) {{
            gain[k] = level;
            if (!toned) continue;
            const float variance = wp::max(sum(square[k]) / found - others[k] * others[k], 0.0f) + 20.0f;
            const float slope = (sum(cross[k]) / found - own[k] * others[k] + 20.0f * level) / variance;
            gain[k] = wp::min(wp::max(slope, 0.35f), 2.5f);
            offset[k] = own[k] - gain[k] * others[k];
        }}
    }}
    const float strength = 0.299f * gain[0] + 0.587f * gain[1] + 0.114f * gain[2];
    lanes total = (lanes)0.0f;
    for (int i = 0; i < n; i += width) {{
        lanes colors[3], apart = (lanes)0.0f;
        shown(i, colors);
        for (int k = 0; k < 3; ++k) apart += magnitude(read(c[k] + i) - (gain[k] * colors[k] + offset[k]));
        const lanes rough = magnitude(read(sampled.data + 3 * n + i) - strength * read(plate.data + 3 * n + i));
        total += read(weights.data + i) * smaller(apart / 3.0f + 0.3f * rough, (lanes)60.0f);
    }}
    return sum(total) / all;
"""
)
def _plate_gap(
    sampled: wp.array2d(dtype=wp.float32),
    weights: wp.array(dtype=wp.float32),
    plate: wp.array2d(dtype=wp.float32),
    colorless: bool,
    toned: bool,
) -> float:
    """Mean capped distance of the visible background to a plate.

    Brightness is set aside; where a tone was asked for, so are gain and offset of each channel.
    """
    ...


@wp.func
def _is_flat(known: Known, found: Found, n: int, b: int) -> bool:
    """Whether the visible background is all of one colour."""
    total = float(0.0)
    squares = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        cell = _SCREENED * i + 3
        if is_ground(known, b, cell):
            level = luma(found.cells[n, cell])
            total += level
            squares += level * level
            count += 1.0
    total = total / count
    return squares / count - total * total < 4.0


@wp.func_native(
    LANES_CODE
    + f"""
    lanes total = (lanes)0.0f;
    for (int i = 0; i < {SCREENED}; i += width) {{
        lanes apart = (lanes)0.0f;
        for (int k = 0; k < 3; ++k)
            apart += magnitude(read(seen.data + k * {SCREENED} + i)
                - share * read(plate.data + k * {SCREENED} + i));
        // capped low, as things that stand on the right plate must not rule it out
        total += read(seen.data + 3 * {SCREENED} + i) * smaller(apart / 3.0f, (lanes)32.0f);
    }}
    return sum(total);
"""
)
def _screened_gap(seen: wp.array2d(dtype=wp.float32), plate: wp.array2d(dtype=wp.float32), share: float) -> float:
    """Sum of capped distances of a few cells of the visible background to a plate of the stock."""
    ...


@wp.func
def _screen(known: Known, found: Found, n: int, b: int) -> float:
    """Take the few cells by which plates are ruled out together; returns the mean level of the background there."""
    level = float(0.0)
    count = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        cell = _SCREENED * i + 3
        color = found.cells[n, cell]
        weight = float(known.ground[b, cell])
        level += weight * luma(color)
        count += weight
        for c in range(3):
            found.screened[n, c, i] = color[c]
        found.screened[n, 3, i] = weight
    return level / count


@wp.kernel
def fit_plate(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found):
    """Which plate the background shows: -1 the task's own, -2 none but one colour, else one of the stock's."""
    n = first + wp.tid()
    b = int(rows[n])
    found.plate[n] = -1
    _sample(found.cells[n], found.detail[n], found.sampled[n])
    own_gap = _own_gap(found.sampled[n], known.ground_sampled[b], known.plate_sampled[b])
    if own_gap < 3.0:
        return
    kinds = wp.max(wanted(known, b, const.KIND_BACKGROUND), 0)
    recolor = wanted(known, b, const.KIND_BACKGROUND_COLOR)
    tone = wanted(known, b, const.KIND_TONE)
    colorless = tone == const.MONOCHROME or tone == const.VINTAGE
    gap = own_gap
    if kinds > 0 or tone >= 0:
        gap = _plate_gap(found.sampled[n], known.ground_sampled[b], known.plate_sampled[b], colorless, tone >= 0)
    own_gap = wp.min(own_gap, gap)
    foreign = recolor < 0 and tone < 0 and gap > const.FOREIGN and not _is_flat(known, found, n, b)
    if kinds == 0 and not foreign:
        return
    level = _screen(known, found, n, b)
    screened = float(1.0e-3)
    for i in range(const.CELLS / _SCREENED):
        screened += found.screened[n, 3, i]
    for kind in range(1, known.stock_cells.shape[0] / known.variants):
        # a background that nobody asked for is looked up too, so that what stands on it can be judged
        asked = ((kinds >> kind) & 1) == 1
        if asked or foreign:
            for v in range(known.variants):
                plate = kind * known.variants + v
                if tone < 0:
                    # a few cells show which plates are much further off than the best so far
                    share = wp.clamp(level / wp.max(known.stock_levels[plate], 1.0), 0.4, 1.8)
                    apart = _screened_gap(found.screened[n], known.stock_screened[plate], share)
                    if apart > (gap + _HOPELESS) * screened:
                        continue
                other = _plate_gap(
                    found.sampled[n], known.ground_sampled[b], known.stock_sampled[plate], colorless, tone >= 0
                )
                if other < gap and (asked or other < 0.6 * own_gap):
                    gap = other
                    found.plate[n] = plate
    if (kinds & 1) == 1:
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
        for cell in range(const.CELLS):
            if is_ground(known, b, cell) and distance(found.cells[n, cell], mean) < 30.0:
                inner += found.cells[n, cell]
                inner_count += 1.0
        if inner_count > 0.5 * count:
            inner = inner / inner_count
            spread = float(0.0)
            for cell in range(const.CELLS):
                if is_ground(known, b, cell):
                    off = distance(found.cells[n, cell], inner)
                    spread += wp.min(off + 0.3 * found.detail[n, cell], 60.0)
            if spread / count + 1.5 < gap:
                found.plate[n] = -2
                mean = inner
        found.ground_mean[n] = mean
