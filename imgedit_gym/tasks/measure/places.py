# mypy: ignore-errors
"""Whether the places of old objects are clean."""

import warp as wp

from imgedit_gym.kernels.color import distance, luma
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, cell_at, cells_of, ground_cell


@wp.func
def recognised(found: Found, n: int, cell: int, size: int) -> bool:
    """Whether a cell lies in a recognised new thing and looks as that thing does there."""
    y = (float(cell / const.GRID) + 0.5) * float(size) / float(const.GRID)
    x = (float(cell % const.GRID) + 0.5) * float(size) / float(const.GRID)
    margin = 1.2 * float(size) / float(const.GRID)
    for k in range(found.named[n, const.FINDS]):
        f = found.named[n, k]
        box = found.boxes[n, f]
        inside = y > float(box[0]) - margin and y < float(box[2]) + margin
        if inside and x > float(box[1]) - margin and x < float(box[3]) + margin:
            v = int((y - float(box[0])) / float(box[2] - box[0]) * float(const.CROP))
            u = int((x - float(box[1])) / float(box[3] - box[1]) * float(const.CROP))
            v = wp.clamp(v, 0, const.CROP - 1)
            u = wp.clamp(u, 0, const.CROP - 1)
            off = float(0.0)
            looked = float(0.0)
            for q in range(9):
                vv = v + q / 3 - 1
                uu = u + q % 3 - 1
                if vv >= 0 and vv < const.CROP and uu >= 0 and uu < const.CROP:
                    off += found.residual[n, f, vv * const.CROP + uu]
                    looked += 1.0
            if off < 34.0 * looked:
                return True
    return False


@wp.func
def in_shadow(found: Found, n: int, cell: int, size: int) -> bool:
    """Whether a cell shows the ground, darker, under or just below a recognised new thing."""
    if found.named[n, const.FINDS] == 0:
        return False
    c = found.cells[n, cell]
    ground = ground_cell(found, n, cell)
    dimmed = luma(c) / wp.max(luma(ground), 1.0)
    if dimmed < 0.5 or dimmed > 1.02 or distance(c, dimmed * ground) > 9.0:
        return False
    y = (float(cell / const.GRID) + 0.5) * float(size) / float(const.GRID)
    x = (float(cell % const.GRID) + 0.5) * float(size) / float(const.GRID)
    margin = 1.5 * float(size) / float(const.GRID)
    for k in range(found.named[n, const.FINDS]):
        f = found.named[n, k]
        box = found.boxes[n, f]
        middle = 0.5 * float(box[0] + box[2])
        if y > middle and y < float(box[2]) + 2.0 * margin:
            if x > float(box[1]) - margin and x < float(box[3]) + margin:
                return True
    return False


@wp.func
def _beside_thing(found: Found, n: int, cell: int, size: int) -> bool:
    """Whether a cell lies just outside a recognised new thing and differs from the ground by its edge alone."""
    if found.named[n, const.FINDS] == 0:
        return False
    y = (float(cell / const.GRID) + 0.5) * float(size) / float(const.GRID)
    x = (float(cell % const.GRID) + 0.5) * float(size) / float(const.GRID)
    margin = 1.2 * float(size) / float(const.GRID)
    ground = ground_cell(found, n, cell)
    if distance(found.cells[n, cell], ground) > 40.0:
        return False
    for k in range(found.named[n, const.FINDS]):
        f = found.named[n, k]
        box = found.boxes[n, f]
        near = y > float(box[0]) - margin and y < float(box[2]) + margin
        near = near and x > float(box[1]) - margin and x < float(box[3]) + margin
        inside = y > float(box[0]) and y < float(box[2]) and x > float(box[1]) and x < float(box[3])
        if near and not inside:
            return True
    return False


@wp.kernel
def check_places(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Whether what lies where an object stood is clean: background again, or a new thing."""
    i, slot = wp.tid()
    n = first + i
    b = int(rows[n])
    label = wp.uint8(slot + 1)
    place = known.places[b, slot]
    cells = float(0.0)
    clean = float(0.0)
    bare = float(0.0)
    bare_clean = float(0.0)
    for i in range(cells_of(place)):
        cell = cell_at(place, i)
        if known.labels[b, cell] == label:
            as_ground = (found.flags[n, cell] & const.AS_BACKGROUND) != 0
            if not as_ground and _beside_thing(found, n, cell, size):
                # half a new thing's edge, half background: it tells nothing
                continue
            cells += 1.0
            if as_ground:
                clean += 1.0
                bare += 1.0
                bare_clean += 1.0
            elif recognised(found, n, cell, size) or in_shadow(found, n, cell, size):
                clean += 1.0
            else:
                bare += 1.0
    share = clean / wp.max(cells, 1.0)
    found.slot_bare[n, slot] = bare_clean / wp.max(cells, 1.0)
    # what a new thing leaves uncovered must be background by itself
    if bare >= 4.0:
        share = 0.5 * (share + bare_clean / bare)
    found.slot_clean[n, slot] = share
