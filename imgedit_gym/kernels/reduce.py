"""Reductions of pictures to a lattice of cells: mean colour and local detail."""

import warp as wp

from imgedit_gym.kernels.color import luma, read_color

GRID = 32
"""Cells along each side of the lattice on which pictures are measured."""

_GRID = wp.constant(GRID)


@wp.kernel
def reduce_cells(
    images: wp.array4d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    means: wp.array2d(dtype=wp.vec3),
    detail: wp.array2d(dtype=wp.float32),
):
    """Mean colour of each cell, and the mean absolute step of luma to the right and lower neighbour.

    Args:
        images: ``[B, S, S, 3]``.
        rows: Which pictures, ``[N]``; results go to the same rows.
        means: ``[B, GRID * GRID]``.
        detail: ``[B, GRID * GRID]``.
    """
    n, gy, gx = wp.tid()
    b = int(rows[n])
    size = images.shape[1]
    y0 = gy * size / _GRID
    y1 = (gy + 1) * size / _GRID
    x0 = gx * size / _GRID
    x1 = (gx + 1) * size / _GRID
    total = wp.vec3(0.0, 0.0, 0.0)
    steps = float(0.0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            color = read_color(images, b, y, x)
            total += color
            here = luma(color)
            right = luma(read_color(images, b, y, wp.min(x + 1, size - 1)))
            below = luma(read_color(images, b, wp.min(y + 1, size - 1), x))
            steps += wp.abs(right - here) + wp.abs(below - here)
    area = float((y1 - y0) * (x1 - x0))
    means[b, gy * _GRID + gx] = total / area
    detail[b, gy * _GRID + gx] = 0.5 * steps / area


@wp.kernel
def reduce_labels(
    segments: wp.array3d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    boxes: wp.array2d(dtype=wp.int32),
    box_label: int,
    labels: wp.array2d(dtype=wp.uint8),
    purity: wp.array2d(dtype=wp.float32),
    background: wp.array2d(dtype=wp.float32),
):
    """The commonest label of each cell, its share, and the share of label 0.

    Args:
        segments: ``[B, S, S]``, labels below 16.
        rows: Which pictures, ``[N]``.
        boxes: A box of each picture in pixels, ``[B, 4]``; cells that touch it get ``box_label``.
        box_label: That label.
        labels: ``[B, GRID * GRID]``.
        purity: ``[B, GRID * GRID]``, in [0, 1].
        background: ``[B, GRID * GRID]``, in [0, 1].
    """
    n, gy, gx = wp.tid()
    b = int(rows[n])
    size = segments.shape[1]
    y0 = gy * size / _GRID
    y1 = (gy + 1) * size / _GRID
    x0 = gx * size / _GRID
    x1 = (gx + 1) * size / _GRID
    best = int(0)
    best_count = int(-1)
    plain = int(0)
    for label in range(16):
        count = int(0)
        for y in range(y0, y1):
            for x in range(x0, x1):
                if int(segments[b, y, x]) == label:
                    count += 1
        if label == 0:
            plain = count
        if count > best_count:
            best = label
            best_count = count
    if (
        y1 > boxes[b, 0] and y0 < boxes[b, 2] and x1 > boxes[b, 1] and x0 < boxes[b, 3] and best == 0
    ) or best == box_label:
        best = int(box_label)
        best_count = (y1 - y0) * (x1 - x0)
        plain = int(0)
    area = float((y1 - y0) * (x1 - x0))
    labels[b, gy * _GRID + gx] = wp.uint8(best)
    purity[b, gy * _GRID + gx] = float(best_count) / area
    background[b, gy * _GRID + gx] = float(plain) / area
