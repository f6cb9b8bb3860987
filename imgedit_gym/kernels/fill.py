# mypy: disable-error-code="empty-body"
"""Filling a masked area from what surrounds it.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
"""

from functools import lru_cache

import torch
import warp as wp

from imgedit_gym.kernels.lines import edit_lines
from imgedit_gym.kernels.runtime import lanes_of, launch

OFFSET_STEPS = 6
"""A clone is looked for up to this many sixteenths of the picture away, in each direction."""

FAR = 1.0e6
"""Cost of an offset at which there is nothing to copy."""

BLOCK = 16
"""Columns that are filled together."""

_BLOCK = wp.constant(BLOCK)


@wp.func_native(f"""
    const int block = {BLOCK}, right = wp::min(left + block, box[3]), width = right - left;
    struct Border {{ float color[3], count; }};
    // sum of up to three pixels from (y, x) outwards that are not masked
    auto border = [&](int y, int x, int dy, int dx) {{
        Border found = {{{{0.0f, 0.0f, 0.0f}}, 0.0f}};
        for (int i = 0; i < 3; ++i, y += dy, x += dx)
            if (y >= 0 && y < size && x >= 0 && x < size && !mask.data[y * size + x]) {{
                for (int c = 0; c < 3; ++c) found.color[c] += (float)image.data[(y * size + x) * 3 + c];
                found.count += 1.0f;
            }}
        return found;
    }};
    // a border is the mean of several pixels, so it lies half their number further away than its first
    auto weigh = [](float count, float away) __attribute__((always_inline)) {{
        const float extra = 0.5f * (count - 1.0f);
        return count > 0.0f ? 1.0f / (away + extra) : 0.0f;
    }};
    float above[4][block], below[4][block], start[block], end[block];
    for (int i = 0; i < block; ++i) {{
        for (int c = 0; c < 4; ++c) above[c][i] = below[c][i] = 0.0f;
        start[i] = end[i] = 0.0f;
    }}
    for (int y = box[0]; y < box[2]; ++y) {{
        const unsigned char* line = mask.data + y * size;
        // weighted colours and weights along the line
        float sums[4][block];
        int masked = 0;
        for (int c = 0; c < 4; ++c)
            for (int i = 0; i < block; ++i) sums[c][i] = 0.0f;
        for (int x = left; x < right;) {{
            if (!line[x]) {{
                ++x;
                continue;
            }}
            masked = 1;
            if (!rows) break;
            int first = x, last = x + 1;
            while (x == left && first > box[1] && line[first - 1]) --first;
            while (last < box[3] && line[last]) ++last;
            const Border before = border(y, first - 1, 0, -1), after = border(y, last, 0, 1);
            for (int j = x; j < wp::min(last, right); ++j) {{
                const float w0 = weigh(before.count, (float)(j - first + 1));
                const float w1 = weigh(after.count, (float)(last - j));
                const float k0 = w0 / wp::max(before.count, 1.0f), k1 = w1 / wp::max(after.count, 1.0f);
                for (int c = 0; c < 3; ++c) {{
                    const float one = k0 * before.color[c], other = k1 * after.color[c];
                    sums[c][j - left] = one + other;
                }}
                sums[3][j - left] = w0 + w1;
            }}
            x = last;
        }}
        if (!masked) continue;
        if (columns)
            for (int x = left; x < right; ++x)
                if (line[x] && (y == box[0] || !line[x - size])) {{
                    // a run down the column begins
                    int last = y + 1;
                    while (last < box[2] && mask.data[last * size + x]) ++last;
                    const Border before = border(y - 1, x, -1, 0), after = border(last, x, 1, 0);
                    const int i = x - left;
                    for (int c = 0; c < 3; ++c) {{
                        above[c][i] = before.color[c];
                        below[c][i] = after.color[c];
                    }}
                    above[3][i] = before.count;
                    below[3][i] = after.count;
                    start[i] = (float)y;
                    end[i] = (float)last;
                }}
        int levels[3][block];
        for (int i = 0; i < block; ++i) {{
            const float w0 = weigh(above[3][i], (float)y - start[i] + 1.0f);
            const float w1 = weigh(below[3][i], end[i] - (float)y);
            const float k0 = w0 / wp::max(above[3][i], 1.0f), k1 = w1 / wp::max(below[3][i], 1.0f);
            const float own = w0 + w1;
            const float weight = sums[3][i] + own;
            sums[3][i] = weight;
            for (int c = 0; c < 3; ++c) {{
                const float one = k0 * above[c][i], other = k1 * below[c][i];
                const float both = one + other;
                const float total = sums[c][i] + both;
                const float level = total / weight;
                levels[c][i] = (int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
            }}
        }}
        for (int i = 0; i < width; ++i)
            if (line[left + i] && sums[3][i] > 0.0f)
                for (int c = 0; c < 3; ++c) out.data[(y * size + left + i) * 3 + c] = (unsigned char)levels[c][i];
    }}
""")
def _fill_block(
    image: wp.array3d(dtype=wp.uint8),
    mask: wp.array2d(dtype=wp.uint8),
    size: int,
    box: wp.vec4i,
    left: int,
    rows: bool,
    columns: bool,
    out: wp.array3d(dtype=wp.uint8),
):
    """Fill the mask in up to :data:`BLOCK` columns of its box.

    Args:
        image: ``[S, S, 3]``.
        mask: ``[S, S]``.
        size: S.
        box: Holds the mask.
        left: First of the columns.
        rows: Whether to interpolate along rows.
        columns: Whether to interpolate along columns.
        out: ``[S, S, 3]``.
    """
    ...


@wp.kernel
def _fill(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    rows: bool,
    columns: bool,
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for left in range(box[1] + lane * _BLOCK, box[3], lanes * _BLOCK):
        _fill_block(images[n], masks[n], images.shape[1], box, left, rows, columns, out[n])


def fill_from_borders(
    images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, along: str = "both"
) -> torch.Tensor:
    """Fill masks by interpolating between the borders of each row and column.

    Exact for any background that is a linear gradient; along rows alone, for one that is constant along rows.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        along: ``"rows"``, ``"columns"`` or ``"both"``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh; pixels without any border stay as they were.
    """
    images = images.contiguous()
    out = images.clone()
    lanes = lanes_of(images.device, -(-images.shape[1] // BLOCK))
    inputs = [images, masks.contiguous(), boxes, along != "columns", along != "rows", lanes, out]
    launch(_fill, (len(images), lanes), inputs, images.device)
    return out


RING = 45 * 45
"""Most pixels that stand for what surrounds a mask: those of a box and three pixels around it, thinned out where the
box is larger than 39."""


@wp.func_native("""
    const int stride = wp::max(1, wp::max(box[2] - box[0], box[3] - box[1]) / 20);
    int count = 0, top = size, left = size, bottom = 0, right = 0;
    float mean[3] = {0.0f, 0.0f, 0.0f}, number = 0.0f, spread = 0.0f;
    for (int y = box[0] - 3; y <= box[2] + 2; y += stride)
        for (int x = box[1] - 3; x <= box[3] + 2; x += stride) {
            if (y < 0 || y >= size || x < 0 || x >= size || mask.data[y * size + x]) continue;
            const unsigned char* at = image.data + (y * size + x) * 3;
            ring.data[2 * count] = y * size + x;
            ring.data[2 * count + 1] = at[0] | at[1] << 8 | at[2] << 16;
            float away = 0.0f;
            number += 1.0f;
            for (int c = 0; c < 3; ++c) {
                const float level = (float)at[c];
                mean[c] += level;
                away += fabsf(level - mean[c] / number);
            }
            spread = wp::max(spread, wp::min(away / 3.0f, 60.0f));
            top = wp::min(top, y);
            left = wp::min(left, x);
            bottom = wp::max(bottom, y);
            right = wp::max(right, x);
            ++count;
        }
    for (int c = 0; c < 3; ++c) traits.data[c] = mean[c] / wp::max(number, 1.0f);
    traits.data[3] = spread;
    const int extent[5] = {count, top, left, bottom, right};
    for (int k = 0; k < 5; ++k) extents.data[k] = extent[k];
""")
def _list_ring(
    image: wp.array3d(dtype=wp.uint8),
    mask: wp.array2d(dtype=wp.uint8),
    size: int,
    box: wp.vec4i,
    ring: wp.array2d(dtype=wp.int32),
    traits: wp.array(dtype=wp.float32),
    extents: wp.array(dtype=wp.int32),
):
    """The unmasked pixels in and around a box.

    Args:
        image: ``[S, S, 3]``.
        mask: ``[S, S]``.
        size: S.
        box: Tight box of the mask.
        ring: Where each is in the picture, and its colour, a byte a channel, ``[RING, 2]``, written.
        traits: Their mean colour, and how far from it they get, ``[4]``, written.
        extents: Their number, first row and column, and last ones, ``[5]``, written.
    """
    ...


@wp.func_native(f"""
    const int dy = offset[0], dx = offset[1], shift = dy * size + dx;
    if (box[2] <= box[0] || (dy == 0 && dx == 0)) return {FAR}f;
    if (box[0] + dy < 0 || box[1] + dx < 0 || box[2] + dy > size || box[3] + dx > size) return {FAR}f;
    const float away = 0.002f * ((float)(wp::abs(dy) + wp::abs(dx)) / (float)size);
    if (away > limit) return {FAR}f;
    const int stride = wp::max(1, wp::max(box[2] - box[0], box[3] - box[1]) / 20);
    // nothing masked may be copied
    auto blocked = [&]() {{
        for (int y = box[0]; y < box[2]; y += stride)
            for (int x = box[1]; x < box[3]; x += stride)
                if (mask.data[y * size + x] && mask.data[y * size + x + shift]) return true;
        return false;
    }};
    auto distance = [&](const float* color, int place) __attribute__((always_inline)) {{
        const unsigned char* at = image.data + place * 3;
        const float r = fabsf(color[0] - (float)at[0]), g = fabsf(color[1] - (float)at[1]);
        const float b = fabsf(color[2] - (float)at[2]);
        const float rg = r + g;
        return (rg + b) / 3.0f;
    }};
    const int most = extents.data[0];
    const float all = (float)most;
    float mean[3], spread = traits.data[3], gap = 0.0f, count = all;
    for (int c = 0; c < 3; ++c) mean[c] = traits.data[c];
    const bool whole = extents.data[1] + dy >= 0 && extents.data[2] + dx >= 0 && extents.data[3] + dy < size
        && extents.data[4] + dx < size;
    if (!whole) {{
        for (int c = 0; c < 3; ++c) mean[c] = 0.0f;
        spread = count = 0.0f;
    }}
    // the ring, as far as its copy lies in the picture; given up as soon as the cost is above the limit
    for (int from = 0; from < most; from += 16) {{
        if (gap / all > limit || (from == 16 && blocked())) return {FAR}f;
        for (int i = from; i < wp::min(from + 16, most); ++i) {{
            const int place = ring.data[2 * i], packed = ring.data[2 * i + 1];
            const float color[3] = {{(float)(packed & 255), (float)(packed >> 8 & 255), (float)(packed >> 16)}};
            if (!whole) {{
                const int y = place / size + dy, x = place % size + dx;
                if (y < 0 || y >= size || x < 0 || x >= size) continue;
                float apart = 0.0f;
                count += 1.0f;
                for (int c = 0; c < 3; ++c) {{
                    mean[c] += color[c];
                    apart += fabsf(color[c] - mean[c] / count);
                }}
                spread = wp::max(spread, wp::min(apart / 3.0f, 60.0f));
            }}
            gap += wp::min(distance(color, place + shift), 60.0f);
        }}
    }}
    if (count < 4.0f || gap / all > limit || (most <= 16 && blocked())) return {FAR}f;
    if (!whole)
        for (int c = 0; c < 3; ++c) mean[c] = mean[c] / count;
    // what would be copied: nothing that the ring does not show
    float strange = 0.0f, inner = 0.0f;
    for (int y = box[0]; y < box[2]; y += stride)
        for (int x = box[1]; x < box[3]; x += stride)
            if (mask.data[y * size + x]) {{
                inner += 1.0f;
                const float beyond = distance(mean, y * size + x + shift) - spread;
                strange += wp::max(beyond - 6.0f, 0.0f);
            }}
    const float around = gap / count, inside = strange / wp::max(inner, 1.0f);
    const float cost = around + inside;
    return cost + away;
""")
def _rate_offset(
    image: wp.array3d(dtype=wp.uint8),
    mask: wp.array2d(dtype=wp.uint8),
    size: int,
    box: wp.vec4i,
    offset: wp.vec2i,
    ring: wp.array2d(dtype=wp.int32),
    traits: wp.array(dtype=wp.float32),
    extents: wp.array(dtype=wp.int32),
    limit: float,
) -> float:
    """How badly the surroundings of a mask fit those of the mask moved by an offset; FAR if above a limit."""
    ...


@wp.kernel
def _list_rings(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    rings: wp.array3d(dtype=wp.int32),
    traits: wp.array2d(dtype=wp.float32),
    extents: wp.array2d(dtype=wp.int32),
):
    n = first + wp.tid()
    _list_ring(images[n], masks[n], images.shape[1], boxes[n], rings[n], traits[n], extents[n])


@wp.kernel
def _rate_offsets(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    rings: wp.array3d(dtype=wp.int32),
    traits: wp.array2d(dtype=wp.float32),
    extents: wp.array2d(dtype=wp.int32),
    offsets: wp.array2d(dtype=wp.vec2i),
    limits: wp.array(dtype=wp.float32),
    lanes: int,
    costs: wp.array2d(dtype=wp.float32),
):
    """Cost of each offset; those that a lane sees to be above the best it has met are FAR."""
    i, lane = wp.tid()
    n = first + i
    limit = limits[n]
    for k in range(lane, offsets.shape[1], lanes):
        cost = _rate_offset(
            images[n],
            masks[n],
            images.shape[1],
            boxes[n],
            offsets[n, k],
            rings[n],
            traits[n],
            extents[n],
            limit,
        )
        costs[n, k] = cost
        limit = wp.min(limit, cost)


@wp.func_native("""
    for (int x = left; x < right; ++x) {
        if (!mask.data[x]) continue;
        const int from = yy * size + wp::min(wp::max(x + dx, 0), size - 1);
        for (int c = 0; c < 3; ++c) out.data[3 * x + c] = image.data[3 * from + c];
    }
""")
def _copy_line(
    image: wp.array3d(dtype=wp.uint8),
    mask: wp.array(dtype=wp.uint8),
    size: int,
    yy: int,
    dx: int,
    left: int,
    right: int,
    out: wp.array2d(dtype=wp.uint8),
): ...


@wp.kernel
def _copy_offset(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    offsets: wp.array(dtype=wp.vec2i),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    size = images.shape[1]
    for y in range(box[0] + lane, box[2], lanes):
        yy = wp.clamp(y + offsets[n][0], 0, size - 1)
        _copy_line(images[n], masks[n, y], size, yy, offsets[n][1], box[1], box[3], out[n, y])


@lru_cache(maxsize=16)
def _lattice(reach: int, unit: int, device: torch.device) -> torch.Tensor:
    """Offsets up to ``reach`` units in each direction, near ones first, ``int32 [(2 * reach + 1)**2, 2]``."""
    ticks = torch.arange(-reach, reach + 1, device=device, dtype=torch.int32) * unit
    offsets = torch.cartesian_prod(ticks, ticks)
    return offsets[offsets.abs().sum(1).argsort(stable=True)]


def fill_from_elsewhere(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Fill each mask with a copy of the place whose surroundings fit best.

    Offsets are first multiples of a sixteenth of the picture, on which the stock's textures line up, then of a
    sixty-fourth around the best.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, tight boxes of the masks.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh; a mask for which no place exists is filled from its borders.
    """
    n, size = images.shape[:2]
    device = images.device
    images, masks = images.contiguous(), masks.contiguous()
    rings = torch.empty(n, RING, 2, dtype=torch.int32, device=device)
    traits, extents = torch.empty(n, 4, device=device), torch.empty(n, 5, dtype=torch.int32, device=device)
    known = [images, masks, boxes, rings, traits, extents]
    launch(_list_rings, n, known, device)
    best = torch.zeros(n, 2, dtype=torch.int32, device=device)
    cost = torch.full((n,), FAR, device=device)
    for reach, unit in ((OFFSET_STEPS, size // 16), (2, max(1, size // 64))):
        lattice = _lattice(reach, unit, device)
        offsets = best[:, None] + lattice[None]
        costs = torch.empty(n, len(lattice), device=device)
        lanes = lanes_of(device, len(lattice))
        launch(_rate_offsets, (n, lanes), [*known, offsets, cost, lanes, costs], device)
        lowest = costs.min(1)
        better = lowest.values < cost - 1.0e-4
        chosen = offsets.gather(1, lowest.indices[:, None, None].expand(n, 1, 2))[:, 0]
        best = torch.where(better[:, None], chosen, best)
        cost = torch.where(better, lowest.values, cost)
    out = edit_lines(_copy_offset, images, images, masks, boxes, best)
    stuck = (cost >= FAR).nonzero().flatten()
    if len(stuck):
        index = (images.index_select(0, stuck), masks.index_select(0, stuck), boxes.index_select(0, stuck))
        out.index_copy_(0, stuck, fill_from_borders(*index))
    return out
