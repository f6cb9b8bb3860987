# mypy: ignore-errors
"""Connected new areas, parted where several things touch."""

import warp as wp

from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, ground_cell, is_itself, is_shade

_Lines = wp.types.vector(length=const.LINES, dtype=wp.int32)

_LONG = wp.constant(1.35)
"""Edges of a typical object beyond which an area is taken for several."""


@wp.func
def _is_new(known: Known, found: Found, n: int, b: int, cell: int) -> bool:
    flags = found.flags[n, cell]
    if (flags & const.AS_BACKGROUND) != 0:
        return False
    label = int(known.labels[b, cell])
    if label == const.HEADLINE:
        return False
    if label >= 1 and label <= const.SLOTS and is_itself(found, n, label - 1):
        return False
    if (flags & const.AS_SOURCE) != 0:
        if label >= 1 and label <= const.SLOTS:
            # parts of an object that is otherwise gone may look like it by chance
            return found.slot_source[n, label - 1] < 0.6
        return False
    return True


@wp.func
def _typical_edge(known: Known, b: int) -> float:
    """Mean edge in cells of the objects in the source; 8 where there are none."""
    total = float(0.0)
    count = float(0.0)
    for slot in range(const.SLOTS):
        box = known.places[b, slot]
        if box[2] > 0:
            total += float(wp.max(box[2] - box[0], box[3] - box[1]))
            count += 1.0
    if count == 0.0:
        return 8.0
    return total / count


@wp.func
def _box_of(found: Found, n: int, area: int) -> wp.vec4i:
    """Bounds of an area in cells, zeros if it has no cell."""
    y0 = int(const.GRID)
    x0 = int(const.GRID)
    y1 = int(0)
    x1 = int(0)
    for cell in range(const.CELLS):
        if found.find_of[n, cell] == area:
            y = cell / const.GRID
            x = cell % const.GRID
            y0 = wp.min(y0, y)
            x0 = wp.min(x0, x)
            y1 = wp.max(y1, y + 1)
            x1 = wp.max(x1, x + 1)
    if y1 == 0:
        return wp.vec4i(0, 0, 0, 0)
    return wp.vec4i(y0, x0, y1, x1)


@wp.func
def _cut(known: Known, found: Found, n: int, b: int, area: int, box: wp.vec4i, edge: float) -> int:
    """The line, across an area's longer side, where it is thinnest and parts of an object's size remain."""
    axis = int(0)
    if box[3] - box[1] > box[2] - box[0]:
        axis = int(1)
    low = box[axis]
    length = box[axis + 2] - low
    lines = _Lines()
    for y in range(box[0], box[2]):
        for x in range(box[1], box[3]):
            cell = y * const.GRID + x
            ground = ground_cell(found, n, cell)
            if found.find_of[n, cell] == area and not is_shade(found.cells[n, cell], ground):
                at = y
                if axis == 1:
                    at = x
                lines[at] += 1
    best = int(-1)
    best_cost = float(1.0e9)
    half = wp.max(int(0.5 * edge), 1)
    for at in range(low + half, low + length - half + 1):
        # thing ends with one line and another begins with the next
        cost = float(wp.min(lines[at], lines[wp.max(at - 1, 0)])) + 0.5 * float(lines[at] + lines[wp.max(at - 1, 0)])
        # parts of the typical size are the likeliest
        parts = float(at - low) / edge
        cost += 2.0 * wp.abs(parts - wp.max(wp.round(parts), 1.0))
        if cost < best_cost:
            best_cost = cost
            best = at
    return best


@wp.kernel
def find_things(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Connected areas that neither background, nor source, nor a new thing in an old one's place explain."""
    n = first + wp.tid()
    b = int(rows[n])
    for f in range(const.FREE):
        found.boxes[n, f] = wp.vec4i(0, 0, 0, 0)
        found.bounds[n, f] = wp.vec4i(0, 0, const.GRID, const.GRID)
        found.sprite[n, f] = -1
        found.find_quality[n, f] = 0.0
    # what was recognised in the place of an old object is accounted for
    for f in range(const.FREE, const.FINDS):
        if found.sprite[n, f] >= 0 and found.find_quality[n, f] > 0.0:
            box = found.boxes[n, f]
            y1 = wp.min((box[2] - 1) * const.GRID / size + 1, const.GRID)
            x1 = wp.min((box[3] - 1) * const.GRID / size + 1, const.GRID)
            for y in range(wp.max(box[0], 0) * const.GRID / size, y1):
                for x in range(wp.max(box[1], 0) * const.GRID / size, x1):
                    found.find_of[n, y * const.GRID + x] = -3
    if found.ground_seen[n] < const.LOST:
        # without a background, nothing stands out from it
        return
    count = int(0)
    for start in range(const.CELLS):
        if found.find_of[n, start] != -1 or count >= const.FREE:
            continue
        if not _is_new(known, found, n, b, start):
            continue
        found.find_of[n, start] = count
        found.stack[n, 0] = start
        top = int(1)
        area = int(0)
        while top > 0:
            top -= 1
            cell = found.stack[n, top]
            y = cell / const.GRID
            x = cell % const.GRID
            area += 1
            for side in range(9):
                yy = y + side / 3 - 1
                xx = x + side % 3 - 1
                if yy >= 0 and yy < const.GRID and xx >= 0 and xx < const.GRID:
                    other = yy * const.GRID + xx
                    if found.find_of[n, other] == -1 and _is_new(known, found, n, b, other):
                        found.find_of[n, other] = count
                        found.stack[n, top] = other
                        top += 1
        box = _box_of(found, n, count)
        if area >= 4 and wp.max(box[2] - box[0], box[3] - box[1]) >= 3 and area < const.CELLS / 4:
            found.boxes[n, count] = box
            count += 1
        else:
            # too small or too large to be an object: damage, as far as the judge is concerned
            for cell in range(const.CELLS):
                if found.find_of[n, cell] == count:
                    found.find_of[n, cell] = -2
    if count == 0:
        return
    # things that touch are parted
    edge = _typical_edge(known, b)
    f = int(0)
    while f < count:
        box = found.boxes[n, f]
        if float(wp.max(box[2] - box[0], box[3] - box[1])) > _LONG * edge + 1.0 and count < const.FREE:
            at = _cut(known, found, n, b, f, box, edge)
            if at < 0:
                f += 1
                continue
            high = box[2] - box[0] >= box[3] - box[1]
            for y in range(box[0], box[2]):
                for x in range(box[1], box[3]):
                    cell = y * const.GRID + x
                    if found.find_of[n, cell] == f and ((high and y >= at) or (not high and x >= at)):
                        found.find_of[n, cell] = count
            found.boxes[n, f] = _box_of(found, n, f)
            found.boxes[n, count] = _box_of(found, n, count)
            # what is cut apart stays apart, to the pixel
            here = found.bounds[n, f]
            if high:
                found.bounds[n, f] = wp.vec4i(here[0], here[1], at, here[3])
                found.bounds[n, count] = wp.vec4i(at, here[1], here[2], here[3])
            else:
                found.bounds[n, f] = wp.vec4i(here[0], here[1], here[2], at)
                found.bounds[n, count] = wp.vec4i(here[0], at, here[2], here[3])
            count += 1
        else:
            f += 1
