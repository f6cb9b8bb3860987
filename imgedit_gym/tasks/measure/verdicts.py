# mypy: ignore-errors
"""Values of requirements and of things to preserve, preservation and quality."""

import warp as wp

from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, is_ground, ramp
from imgedit_gym.tasks.measure.places import in_shadow, recognised


@wp.func
def _count_members(known: Known, found: Found, n: int, b: int, members: int, quality: float) -> int:
    """Objects of a set in the picture: old ones still there, and new ones at least this well made."""
    count = int(0)
    for slot in range(const.SLOTS):
        sprite = known.slots[b, slot]
        if sprite >= 0:
            if known.sets[members, sprite] > 0 and found.slot_source[n, slot] > 0.5:
                count += 1
    for f in range(const.FINDS):
        sprite = found.sprite[n, f]
        if sprite >= 0 and found.find_quality[n, f] >= quality and found.find_quality[n, f] > 0.0:
            if known.sets[members, sprite] > 0:
                count += 1
    return count


@wp.func
def _presence(known: Known, found: Found, n: int, b: int, members: int, count: int) -> float:
    """The quality that ``count`` members of a set reach together; 0 if there are fewer."""
    best = float(0.0)
    if _count_members(known, found, n, b, members, 1.0) >= count:
        return 1.0
    for f in range(const.FINDS):
        quality = found.find_quality[n, f]
        if quality > best:
            if _count_members(known, found, n, b, members, quality) >= count:
                best = quality
    return best


@wp.func
def _covered(known: Known, found: Found, n: int, b: int, slot: int, size: int, limit: float) -> bool:
    """Whether another object was recognised where this one stood, at least as surely as the limit says."""
    label = wp.uint8(slot + 1)
    cells = float(0.0)
    y = float(0.0)
    x = float(0.0)
    for cell in range(const.CELLS):
        if known.labels[b, cell] == label:
            cells += 1.0
            y += float(cell / const.GRID) + 0.5
            x += float(cell % const.GRID) + 0.5
    scale = float(size) / float(const.GRID) / wp.max(cells, 1.0)
    y = y * scale
    x = x * scale
    for f in range(const.FINDS):
        sprite = found.sprite[n, f]
        if (
            sprite >= 0
            and found.find_quality[n, f] > 0.3
            and found.find_gap[n, f] < limit
            and sprite != known.slots[b, slot]
        ):
            box = found.boxes[n, f]
            if y > float(box[0]) and y < float(box[2]) and x > float(box[1]) and x < float(box[3]):
                return True
    return False


@wp.kernel
def reach_verdicts(first: int, known: Known, rows: wp.array(dtype=wp.int64), found: Found, size: int):
    """Value of each requirement and of each thing to preserve, preservation and quality."""
    n = first + wp.tid()
    b = int(rows[n])
    # where hardly anything of the background is to be seen, nothing can be said to have uncovered it
    uncovered = ramp(found.ground_seen[n], 0.15, 0.35)
    for r in range(const.ROWS):
        kind = known.requirements[b, r, 0]
        slot = known.requirements[b, r, 2]
        arg = known.requirements[b, r, 3]
        count = known.requirements[b, r, 4]
        value = float(0.0)
        if kind == const.KIND_ABSENT:
            gone = ramp(found.slot_source[n, slot], 0.4, 0.2)
            if (
                gone < 1.0
                and found.slot_source[n, slot] < 0.7
                and _covered(known, found, n, b, slot, size, const.HOPELESS)
            ):
                gone = float(1.0)
            value = gone * ramp(found.slot_clean[n, slot], const.DIRTY, const.CLEAN) * uncovered
            # what is recognised there must be all the surer, the more the old object's form is still to be seen
            sure = float(const.CLEAR)
            if found.slot_likeness[n, slot] > 0.92:
                sure = float(10.0)
            itself = found.slot_likeness[n, slot] > 0.75 and found.slot_bare[n, slot] < 0.5
            if itself and not _covered(known, found, n, b, slot, size, sure):
                value = float(0.0)
            if arg >= 0:
                for f in range(const.FINDS):
                    sprite = found.sprite[n, f]
                    if sprite >= 0 and found.find_quality[n, f] > 0.5:
                        if known.sets[arg, sprite] > 0:
                            value = float(0.0)
        if kind == const.KIND_PRESENT:
            value = _presence(known, found, n, b, arg, count)
        if kind == const.KIND_COLOR:
            shown = found.slot_color[n, slot]
            if shown % 16 == arg or shown / 16 == arg:
                value = found.slot_form[n, slot]
        if kind == const.KIND_BACKGROUND:
            plate = found.plate[n]
            if plate == -2:
                value = ramp(found.ground_spread[n], 6.0, 4.0) * ramp(found.ground_detail[n][0], 4.5, 3.0)
            elif plate >= 0:
                if ((arg >> (plate / known.variants)) & 1) == 1:
                    value = ramp(found.ground_match[n], 0.5, 0.75)
        if kind == const.KIND_BACKGROUND_COLOR:
            nearest = float(1.0e9)
            named = int(-1)
            for c in range(known.colors.shape[0]):
                apart = wp.length(found.ground_mean[n] - known.colors[c])
                if apart < nearest:
                    nearest = apart
                    named = c
            if named == arg:
                detail = found.ground_detail[n]
                # a texture must still be there; a smooth ground may be kept or painted over
                value = ramp(detail[0], 0.25 * detail[1] - 2.0, 0.45 * detail[1] - 2.0)
                value = value * ramp(found.ground_match[n], 0.3, 0.55)
                if detail[1] < 3.5:
                    value = ramp(detail[0], 10.0, 6.0)
        if kind == const.KIND_HEADLINE:
            value = found.headline_new[n]
        if kind == const.KIND_TONE:
            value = found.tone_value[n]
        if kind == const.KIND_COUNT:
            have = _count_members(known, found, n, b, arg, 0.5)
            if have <= count and have >= slot:
                value = float(1.0)
                # not to be recognised is not to be gone: the places must be clean
                for s in range(const.SLOTS):
                    sprite = known.slots[b, s]
                    if sprite >= 0 and found.slot_source[n, s] <= 0.5:
                        if known.sets[arg, sprite] > 0:
                            clean = ramp(found.slot_clean[n, s], const.DIRTY, const.CLEAN) * uncovered
                            value = wp.min(value, clean)
        # most of the way is all of it: no edit is perfect to the last cell
        found.values[n, r] = wp.min(value / const.ENOUGH, 1.0)

    # preservation
    votes = float(0.0)
    kept = float(0.0)
    for slot in range(const.SLOTS):
        found.preserved[n, slot + 1] = 1.0
        if known.keep[b, slot + 1] > wp.uint8(0):
            votes += 1.0
            kept += found.slot_kept[n, slot]
            found.preserved[n, slot + 1] = found.slot_kept[n, slot]
    seen = float(0.0)
    damaged = float(0.0)
    ground = float(0.0)
    as_ground = float(0.0)
    for cell in range(const.CELLS):
        label = int(known.labels[b, cell])
        if label != const.HEADLINE:
            seen += 1.0
            flags = found.flags[n, cell]
            fine = (flags & (const.AS_BACKGROUND | const.AS_SOURCE)) != 0
            if not fine:
                fine = recognised(found, n, cell, size) or in_shadow(found, n, cell, size)
            if not fine and label >= 1 and label <= const.SLOTS:
                # an object that was asked to change colour is not damage
                fine = found.slot_form[n, label - 1] > 0.5 and known.keep[b, label] == wp.uint8(0)
            if not fine:
                damaged += 1.0
            if is_ground(known, b, cell):
                ground += 1.0
                if fine:
                    as_ground += 1.0
    found.preserved[n, 0] = 1.0
    if known.keep[b, 0] > wp.uint8(0):
        value = ramp(as_ground / wp.max(ground, 1.0), 0.6, 0.97)
        if found.plate[n] != -1:
            # another background explains the picture, but it is not the one that was to stay
            value = float(0.0)
        votes += 2.0
        kept += 2.0 * value
        found.preserved[n, 0] = value
    found.preserved[n, const.HEADLINE] = 1.0
    if known.keep[b, const.HEADLINE] > wp.uint8(0) and known.headline[b] >= 0:
        votes += 1.0
        kept += found.headline_kept[n]
        found.preserved[n, const.HEADLINE] = found.headline_kept[n]
    found.preservation[n] = kept / wp.max(votes, 1.0)
    if votes == 0.0:
        found.preservation[n] = 1.0
    found.quality[n] = ramp(damaged / wp.max(seen, 1.0), 0.3, 0.0)
