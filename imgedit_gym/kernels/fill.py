"""Filling a masked area from what surrounds it."""

from typing import Any

import torch
import warp as wp

from imgedit_gym.kernels.color import distance, read_color, write_color
from imgedit_gym.kernels.runtime import launch

OFFSET_STEPS = 6
"""A clone is looked for up to this many sixteenths of the picture away, in each direction."""

_FAR = wp.constant(1.0e6)


@wp.func
def _border(
    image: wp.array4d(dtype=wp.uint8), mask: wp.array3d(dtype=wp.uint8), n: int, y: int, x: int, dy: int, dx: int
) -> wp.vec4:
    """Mean of up to three unmasked pixels from (y, x) outwards; the last component counts them."""
    size = image.shape[1]
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for i in range(3):
        yy = y + i * dy
        xx = x + i * dx
        if yy >= 0 and yy < size and xx >= 0 and xx < size:
            if mask[n, yy, xx] == wp.uint8(0):
                c = read_color(image, n, yy, xx)
                total += wp.vec4(c[0], c[1], c[2], 1.0)
    return total


@wp.func
def _between(first: wp.vec4, last: wp.vec4, before: float, after: float) -> wp.vec4:
    """Straight interpolation of two borders, weighted by nearness; the last component is the weight.

    A border is the mean of several pixels, so it lies half their number further away than its first pixel.
    """
    color = wp.vec3(0.0, 0.0, 0.0)
    weight = float(0.0)
    if first[3] > 0.0:
        w = 1.0 / (before + 0.5 * (first[3] - 1.0))
        color += (w / first[3]) * wp.vec3(first[0], first[1], first[2])
        weight += w
    if last[3] > 0.0:
        w = 1.0 / (after + 0.5 * (last[3] - 1.0))
        color += (w / last[3]) * wp.vec3(last[0], last[1], last[2])
        weight += w
    return wp.vec4(color[0], color[1], color[2], weight)


@wp.kernel
def _fill_lines(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    vertical: int,
    total: wp.array3d(dtype=wp.vec4),
):
    """Add, for each masked pixel, the interpolation along its row or column."""
    n, line = wp.tid()
    size = image.shape[1]
    start = int(-1)
    for i in range(size + 1):
        inside = int(0)
        if i < size:
            y = line
            x = i
            if vertical == 1:
                y = i
                x = line
            if mask[n, y, x] != wp.uint8(0):
                inside = int(1)
        if inside == 1 and start < 0:
            start = i
        if inside == 0 and start >= 0:
            first = wp.vec4(0.0, 0.0, 0.0, 0.0)
            last = wp.vec4(0.0, 0.0, 0.0, 0.0)
            if vertical == 1:
                first = _border(image, mask, n, start - 1, line, -1, 0)
                last = _border(image, mask, n, i, line, 1, 0)
            else:
                first = _border(image, mask, n, line, start - 1, 0, -1)
                last = _border(image, mask, n, line, i, 0, 1)
            for j in range(start, i):
                value = _between(first, last, float(j - start + 1), float(i - j))
                if vertical == 1:
                    total[n, j, line] = total[n, j, line] + value
                else:
                    total[n, line, j] = total[n, line, j] + value
            start = int(-1)


@wp.kernel
def _write_mean(total: wp.array3d(dtype=wp.vec4), mask: wp.array3d(dtype=wp.uint8), out: wp.array4d(dtype=wp.uint8)):
    n, y, x = wp.tid()
    if mask[n, y, x] != wp.uint8(0):
        sums = total[n, y, x]
        if sums[3] > 0.0:
            write_color(out, n, y, x, wp.vec3(sums[0], sums[1], sums[2]) / sums[3])


def fill_from_borders(images: torch.Tensor, masks: torch.Tensor, along: str = "both") -> torch.Tensor:
    """Fill masks by interpolating between the borders of each row and column.

    Exact for any background that is a linear gradient; along rows alone, for one that is constant along rows.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        along: ``"rows"``, ``"columns"`` or ``"both"``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh; pixels without any border stay as they were.
    """
    n, size = images.shape[:2]
    out = images.clone()
    mask = masks.view(torch.uint8)
    total = wp.from_torch(torch.zeros(n, size, size, 4, device=images.device), dtype=wp.vec4)
    if along != "columns":
        launch(_fill_lines, (n, size), [images, mask, 0, total], images.device)
    if along != "rows":
        launch(_fill_lines, (n, size), [images, mask, 1, total], images.device)
    launch(_write_mean, (n, size, size), [total, mask, out], images.device)
    return out


@wp.kernel
def _count_ring(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    boxes: wp.array2d(dtype=wp.int32),
    counts: wp.array3d(dtype=wp.int32),
    median: wp.array(dtype=wp.vec3),
):
    """Median colour, channel by channel, of the pixels up to two away from the mask."""
    n = wp.tid()
    size = image.shape[1]
    reach = int(2)
    y0 = wp.max(boxes[n, 0] - reach, 0)
    x0 = wp.max(boxes[n, 1] - reach, 0)
    y1 = wp.min(boxes[n, 2] + reach, size)
    x1 = wp.min(boxes[n, 3] + reach, size)
    total = int(0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if mask[n, y, x] != wp.uint8(0):
                continue
            near = int(0)
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    yy = wp.clamp(y + dy, 0, size - 1)
                    xx = wp.clamp(x + dx, 0, size - 1)
                    if mask[n, yy, xx] != wp.uint8(0):
                        near = int(1)
            if near == 1:
                total += 1
                for c in range(3):
                    level = int(image[n, y, x, c])
                    counts[n, c, level] = counts[n, c, level] + 1
    result = wp.vec3(0.0, 0.0, 0.0)
    for c in range(3):
        passed = int(0)
        found = int(0)
        for level in range(256):
            if found == 0:
                passed += counts[n, c, level]
                if 2 * passed >= total and total > 0:
                    result[c] = float(level)
                    found = int(1)
    median[n] = result


def ring_median(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Median colour around each mask.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, tight boxes of the masks.

    Returns:
        ``float32 [n, 3]``; black where a mask has no surroundings.
    """
    n = len(images)
    counts = torch.zeros(n, 3, 256, dtype=torch.int32, device=images.device)
    median = torch.zeros(n, 3, device=images.device)
    inputs: list[Any] = [images, masks.view(torch.uint8), boxes, counts, wp.from_torch(median, dtype=wp.vec3)]
    launch(_count_ring, n, inputs, images.device)
    return median


def paint(images: torch.Tensor, masks: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Paint each mask in one colour.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        colors: ``float32 [n, 3]`` in [0, 255].

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    flat = colors.round().clamp(0, 255).to(torch.uint8)
    return torch.where(masks[..., None], flat[:, None, None], images)


@wp.kernel
def _rate_offsets(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    boxes: wp.array2d(dtype=wp.int32),
    offsets: wp.array3d(dtype=wp.int32),
    costs: wp.array2d(dtype=wp.float32),
):
    """How badly the surroundings of the mask fit those of the mask moved by an offset."""
    n, candidate = wp.tid()
    size = image.shape[1]
    dy = offsets[n, candidate, 0]
    dx = offsets[n, candidate, 1]
    costs[n, candidate] = _FAR
    y0 = boxes[n, 0]
    x0 = boxes[n, 1]
    y1 = boxes[n, 2]
    x1 = boxes[n, 3]
    if (dy == 0 and dx == 0) or y0 + dy < 0 or x0 + dx < 0 or y1 + dy > size or x1 + dx > size:
        return
    stride = wp.max(1, wp.max(y1 - y0, x1 - x0) / 20)
    rows = (y1 - y0 + 5) / stride + 1
    columns = (x1 - x0 + 5) / stride + 1
    # the ring: unmasked pixels in and just around the box
    gap = float(0.0)
    count = float(0.0)
    mean = wp.vec3(0.0, 0.0, 0.0)
    spread = float(0.0)
    for i in range(rows):
        for j in range(columns):
            y = y0 - 3 + i * stride
            x = x0 - 3 + j * stride
            yy = y + dy
            xx = x + dx
            inside = wp.min(wp.min(y, x), wp.min(yy, xx)) >= 0 and wp.max(wp.max(y, x), wp.max(yy, xx)) < size
            if inside:
                if mask[n, y, x] == wp.uint8(0):
                    c = read_color(image, n, y, x)
                    gap += wp.min(distance(c, read_color(image, n, yy, xx)), 60.0)
                    mean += c
                    count += 1.0
                    spread = wp.max(spread, wp.min(distance(c, mean / count), 60.0))
    if count < 4.0:
        return
    mean = mean / count
    # what would be copied: nothing masked, and nothing that the ring does not show
    strange = float(0.0)
    inner = float(0.0)
    for i in range((y1 - y0) / stride + 1):
        for j in range((x1 - x0) / stride + 1):
            y = y0 + i * stride
            x = x0 + j * stride
            if y < y1 and x < x1:
                if mask[n, y, x] != wp.uint8(0):
                    if mask[n, y + dy, x + dx] != wp.uint8(0):
                        return
                    inner += 1.0
                    far = distance(read_color(image, n, y + dy, x + dx), mean)
                    strange += wp.max(far - spread - 6.0, 0.0)
    away = float(wp.abs(dy) + wp.abs(dx)) / float(size)
    costs[n, candidate] = gap / count + strange / wp.max(inner, 1.0) + 0.002 * away


@wp.kernel
def _copy_offset(
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    offset: wp.array2d(dtype=wp.int32),
    out: wp.array4d(dtype=wp.uint8),
):
    n, y, x = wp.tid()
    if mask[n, y, x] == wp.uint8(0):
        return
    size = image.shape[1]
    yy = wp.clamp(y + offset[n, 0], 0, size - 1)
    xx = wp.clamp(x + offset[n, 1], 0, size - 1)
    for c in range(3):
        out[n, y, x, c] = image[n, yy, xx, c]


def _lattice(reach: int, unit: int, device: torch.device) -> torch.Tensor:
    """Offsets up to ``reach`` units in each direction, ``int32 [(2 * reach + 1)**2, 2]``."""
    ticks = torch.arange(-reach, reach + 1, device=device, dtype=torch.int32) * unit
    return torch.cartesian_prod(ticks, ticks)


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
    mask = masks.view(torch.uint8)
    best = torch.zeros(n, 2, dtype=torch.int32, device=images.device)
    cost = torch.full((n,), 1.0e6, device=images.device)
    for reach, unit in ((OFFSET_STEPS, size // 16), (2, max(1, size // 64))):
        offsets = (best[:, None] + _lattice(reach, unit, images.device)[None]).contiguous()
        costs = torch.empty(offsets.shape[:2], device=images.device)
        launch(_rate_offsets, costs.shape, [images, mask, boxes, offsets, costs], images.device)
        lowest = costs.min(1)
        better = lowest.values < cost - 1.0e-4
        chosen = offsets[torch.arange(n, device=images.device), lowest.indices]
        best = torch.where(better[:, None], chosen, best)
        cost = torch.where(better, lowest.values, cost)
    out = images.clone()
    launch(_copy_offset, (n, size, size), [images, mask, best.contiguous(), out], images.device)
    stuck = cost >= 1.0e6
    if bool(stuck.any()):
        out[stuck] = fill_from_borders(images[stuck], masks[stuck])
    return out
