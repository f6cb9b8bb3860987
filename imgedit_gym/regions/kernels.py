# mypy: ignore-errors
"""Kernels that find where each segment label lies."""

import warp as wp

from imgedit_gym.core.region import LATTICE

_LATTICE = wp.constant(LATTICE)
_CELLS = wp.constant(LATTICE * LATTICE)
_LABELS = wp.constant(14)
_OWNS = wp.constant(0.12)


@wp.kernel
def survey_labels(
    segments: wp.array3d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    headline: wp.array2d(dtype=wp.int32),
    counts: wp.array3d(dtype=wp.int32),
    owners: wp.array2d(dtype=wp.int32),
    boxes: wp.array3d(dtype=wp.int32),
):
    """Which label owns each cell, and the tight box of each label.

    An object or the headline owns a cell when it covers a fair part of it; where several do, the largest. A label
    that owns none takes the cell it covers most.

    Args:
        segments: ``[B, S, S]``.
        rows: Which environments, ``[n]``.
        headline: Box of each headline, ``[B, 4]``; what it encloses counts as headline.
        counts: Room for ``[n, LATTICE**2, 14]``.
        owners: ``[B, LATTICE**2]``, written.
        boxes: ``[B, 14, 4]``, written: top, left, bottom, right.
    """
    n = wp.tid()
    b = int(rows[n])
    size = segments.shape[1]
    for cell in range(_CELLS):
        for label in range(_LABELS):
            counts[n, cell, label] = 0
    for label in range(_LABELS):
        boxes[b, label, 0] = size
        boxes[b, label, 1] = size
        boxes[b, label, 2] = 0
        boxes[b, label, 3] = 0
    for y in range(size):
        for x in range(size):
            label = wp.min(int(segments[b, y, x]), _LABELS - 1)
            in_line = y >= headline[b, 0] and y < headline[b, 2] and x >= headline[b, 1] and x < headline[b, 3]
            if label == 0 and in_line:
                label = int(_LABELS - 1)
            cell = wp.min(y * _LATTICE / size, _LATTICE - 1) * _LATTICE + wp.min(x * _LATTICE / size, _LATTICE - 1)
            counts[n, cell, label] = counts[n, cell, label] + 1
            boxes[b, label, 0] = wp.min(boxes[b, label, 0], y)
            boxes[b, label, 1] = wp.min(boxes[b, label, 1], x)
            boxes[b, label, 2] = wp.max(boxes[b, label, 2], y + 1)
            boxes[b, label, 3] = wp.max(boxes[b, label, 3], x + 1)
    area = float(size * size) / float(_CELLS)
    for cell in range(_CELLS):
        best = int(0)
        best_count = int(_OWNS * area)
        for label in range(1, _LABELS):
            if counts[n, cell, label] > best_count:
                best = label
                best_count = counts[n, cell, label]
        owners[b, cell] = best
    for label in range(1, _LABELS):
        if boxes[b, label, 2] > 0:
            best_cell = int(-1)
            best_count = int(0)
            owned = int(0)
            for cell in range(_CELLS):
                if owners[b, cell] == label:
                    owned += 1
                if counts[n, cell, label] > best_count:
                    best_count = counts[n, cell, label]
                    best_cell = cell
            if owned == 0 and best_cell >= 0:
                owners[b, best_cell] = label
        else:
            boxes[b, label, 0] = 0
            boxes[b, label, 1] = 0
