# mypy: ignore-errors
"""Connected new areas."""

import warp as wp

from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known


@wp.func
def _is_new(known: Known, found: Found, n: int, b: int, cell: int) -> bool:
    flags = found.flags[n, cell]
    if (flags & const.AS_BACKGROUND) != 0:
        return False
    label = int(known.labels[b, cell])
    if label == const.HEADLINE:
        return False
    if (flags & const.AS_SOURCE) != 0:
        if label >= 1 and label <= const.SLOTS:
            # parts of an object that is otherwise gone may look like it by chance
            return found.slot_source[n, label - 1] < 0.6
        return False
    return True


@wp.kernel
def find_things(known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Connected areas that neither background, nor source, nor a new thing in an old one's place explain."""
    n = wp.tid()
    b = int(rows[n])
    for f in range(const.FREE):
        found.boxes[n, f] = wp.vec4i(0, 0, 0, 0)
        found.sprite[n, f] = -1
        found.find_quality[n, f] = 0.0
    # what was recognised in the place of an old object is accounted for
    for f in range(const.FREE, const.FINDS):
        if found.sprite[n, f] >= 0 and found.find_quality[n, f] > 0.0:
            box = found.boxes[n, f]
            for y in range(box[0] * const.GRID / size, wp.min((box[2] - 1) * const.GRID / size + 1, const.GRID)):
                for x in range(box[1] * const.GRID / size, wp.min((box[3] - 1) * const.GRID / size + 1, const.GRID)):
                    found.find_of[n, y * const.GRID + x] = -3
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
        y0 = int(const.GRID)
        x0 = int(const.GRID)
        y1 = int(0)
        x1 = int(0)
        while top > 0:
            top -= 1
            cell = found.stack[n, top]
            y = cell / const.GRID
            x = cell % const.GRID
            area += 1
            y0 = wp.min(y0, y)
            x0 = wp.min(x0, x)
            y1 = wp.max(y1, y + 1)
            x1 = wp.max(x1, x + 1)
            for side in range(9):
                yy = y + side / 3 - 1
                xx = x + side % 3 - 1
                if yy >= 0 and yy < const.GRID and xx >= 0 and xx < const.GRID:
                    other = yy * const.GRID + xx
                    if found.find_of[n, other] == -1 and _is_new(known, found, n, b, other):
                        found.find_of[n, other] = count
                        found.stack[n, top] = other
                        top += 1
        if area >= 4 and wp.max(y1 - y0, x1 - x0) >= 3 and area < const.CELLS / 3:
            found.boxes[n, count] = wp.vec4i(y0, x0, y1, x1)
            count += 1
        else:
            # too small or too large to be an object: damage, as far as the judge is concerned
            for cell in range(const.CELLS):
                if found.find_of[n, cell] == count:
                    found.find_of[n, cell] = -2
