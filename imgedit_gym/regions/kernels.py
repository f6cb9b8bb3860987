# mypy: ignore-errors
"""Kernels that find where each segment label lies, and that draw the masks of regions.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
"""

import warp as wp

from imgedit_gym.core.checklist import LABEL_HEADLINE, N_LABELS
from imgedit_gym.core.region import LATTICE
from imgedit_gym.kernels.reduce import LARGEST

OWNS = 0.12
"""Share of a cell that an object or the headline covers to own it."""

_HEADLINE = wp.constant(LABEL_HEADLINE)


@wp.func_native(f"""
    const int lattice = {LATTICE}, cells = lattice * lattice, labels = {N_LABELS};
    int counts[cells * labels], box[labels][4];
    for (int i = 0; i < cells * labels; ++i) counts[i] = 0;
    for (int label = 0; label < labels; ++label) {{
        box[label][0] = box[label][1] = size;
        box[label][2] = box[label][3] = 0;
    }}
    for (int y = 0; y < size; ++y) {{
        const unsigned char* line = segment.data + (size_t)y * size;
        int* row = counts + y * lattice / size * lattice * labels;
        unsigned char titled[{LARGEST}];
        if (y >= headline[0] && y < headline[2]) {{
            for (int x = 0; x < size; ++x) titled[x] = line[x];
            for (int x = wp::max(headline[1], 0); x < wp::min(headline[3], size); ++x)
                titled[x] = line[x] ? line[x] : {LABEL_HEADLINE};
            line = titled;
        }}
        // runs of one label in one cell
        for (int cell = 0, x = 0; cell < lattice; ++cell) {{
            const int end = ((cell + 1) * size + lattice - 1) / lattice;
            while (x < end) {{
                const int start = x, label = wp::min((int)line[x], labels - 1);
                do ++x; while (x < end && line[x] == line[start]);
                row[cell * labels + label] += x - start;
                box[label][0] = wp::min(box[label][0], y);
                box[label][1] = wp::min(box[label][1], start);
                box[label][2] = y + 1;
                box[label][3] = wp::max(box[label][3], x);
            }}
        }}
    }}
    const int enough = (int)({OWNS}f * ((float)(size * size) / (float)cells));
    for (int cell = 0; cell < cells; ++cell) {{
        int best = 0, most = enough;
        for (int label = 1; label < labels; ++label)
            if (counts[cell * labels + label] > most) {{
                best = label;
                most = counts[cell * labels + label];
            }}
        owners.data[cell] = best;
    }}
    for (int label = 1; label < labels; ++label) {{
        if (box[label][2] == 0) {{
            box[label][0] = box[label][1] = 0;
            continue;
        }}
        int owned = 0, best = 0;
        for (int cell = 0; cell < cells; ++cell) {{
            owned += owners.data[cell] == label;
            best = counts[cell * labels + label] > counts[best * labels + label] ? cell : best;
        }}
        if (owned == 0) owners.data[best] = label;
    }}
    for (int label = 0; label < labels; ++label)
        for (int side = 0; side < 4; ++side) boxes.data[4 * label + side] = box[label][side];
""")
def _survey(
    segment: wp.array2d(dtype=wp.uint8),
    size: int,
    headline: wp.vec4i,
    owners: wp.array(dtype=wp.int32),
    boxes: wp.array2d(dtype=wp.int32),
):
    """Owners of the cells, and boxes of the labels, of one picture."""
    ...


@wp.kernel
def survey_labels(
    first: int,
    segments: wp.array3d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    headline: wp.array(dtype=wp.vec4i),
    owners: wp.array2d(dtype=wp.int32),
    boxes: wp.array3d(dtype=wp.int32),
):
    """Which label owns each cell, and the tight box of each label.

    An object or the headline owns a cell when it covers a fair part of it; where several do, the largest. A label
    that owns none takes the cell it covers most.

    Args:
        first: Where the part of the batch begins.
        segments: ``[B, S, S]``.
        rows: Which environments, ``[n]``.
        headline: Box of each headline, ``[B, 4]``; what it encloses counts as headline.
        owners: ``[B, LATTICE**2]``, written.
        boxes: ``[B, N_LABELS, 4]``, written: top, left, bottom, right.
    """
    b = int(rows[first + wp.tid()])
    _survey(segments[b], segments.shape[1], headline[b], owners[b], boxes[b])


@wp.func_native("""
    const unsigned char wanted = (unsigned char)label, always = any ? 1 : 0;
    int count = 0;
    for (int x = 0; x < left; ++x) mask.data[x] = 0;
    for (int x = left; x < right; ++x) {
        const unsigned char inside = (labels.data[x] == wanted) | always;
        mask.data[x] = inside;
        count += inside;
    }
    for (int x = right; x < size; ++x) mask.data[x] = 0;
    return count;
""")
def _draw_line(
    labels: wp.array(dtype=wp.uint8),
    size: int,
    label: int,
    any: bool,
    left: int,
    right: int,
    mask: wp.array(dtype=wp.uint8),
) -> int:
    """One line of a region's mask; returns its pixels."""
    ...


@wp.kernel
def draw_regions(
    first: int,
    rows: wp.array(dtype=wp.int64),
    index: wp.array(dtype=wp.int64),
    segments: wp.array3d(dtype=wp.uint8),
    owners: wp.array2d(dtype=wp.int32),
    label_boxes: wp.array2d(dtype=wp.vec4i),
    headline: wp.array(dtype=wp.vec4i),
    lanes: int,
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    areas: wp.array(dtype=wp.int32),
):
    """The segment that owns a cell: its mask, box and area; lines are shared out among ``lanes`` threads.

    Args:
        first: Where the part of the batch begins.
        rows: Environment of each region, ``[n]``.
        index: Region, ``[n]``; 0 is the whole picture, i is the segment that owns cell i - 1.
        segments: ``[B, S, S]``.
        owners: ``[B, LATTICE**2]``.
        label_boxes: ``[B, N_LABELS, 4]``.
        headline: Box of each headline, ``[B, 4]``; its region is the box, as without a panel its segment is the
            letters alone.
        lanes: Threads for each region.
        masks: ``[n, S, S]``, written.
        boxes: ``[n, 4]``, written.
        areas: ``[n]``, zero; pixels are added.
    """
    i, lane = wp.tid()
    n = first + i
    b = int(rows[n])
    size = segments.shape[1]
    label = int(0)
    box = wp.vec4i(0, 0, size, size)
    if index[n] > wp.int64(0):
        label = owners[b, int(index[n]) - 1]
        box = label_boxes[b, label]
        if label == _HEADLINE:
            box = headline[b]
    whole = index[n] == wp.int64(0) or label == _HEADLINE
    count = int(0)
    for y in range(lane, size, lanes):
        right = box[3]
        if y < box[0] or y >= box[2]:
            right = box[1]
        count += _draw_line(segments[b, y], size, label, whole, box[1], right, masks[n, y])
    wp.atomic_add(areas, n, count)
    if lane == 0:
        boxes[n] = box
