"""What stands at each place of pictures that tools edited, as far as the exact judge's measurement tells."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from baselines.training.judge.examined import HARDLY, SURELY
from baselines.training.judge.pairs import Places
from baselines.training.judge.world import World
from imgedit_gym.core.checklist import COLUMNS, MAX_OBJECTS, Kind
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.pixel_checklist import PixelMeasurement

EVERY = 3
"""Of places that were not changed, which hold nothing to learn that drawn pairs do not show, one in so many is told."""

RIM = 0.12
"""Share of a found thing's box along each side where the thing is not surely what is seen."""


def recognised(
    world: World,
    batch: TaskBatch,
    scene: SceneBatch,
    rows: torch.Tensor,
    canvas: torch.Tensor,
    seen: PixelMeasurement,
) -> Places:
    """What stands where in edited pictures of tasks.

    Args:
        world: Knows what can be seen; for pictures of this size.
        batch: The tasks.
        scene: Their adverts as numbers.
        rows: Which of them the pictures belong to, ``int64 [n]``.
        canvas: The pictures, ``uint8 [n, S, S, 3]``.
        seen: What the exact judge found in them.
    """
    n, p, size = len(rows), world.places, canvas.shape[1]
    was = world.view(scene.rows(rows), batch.segments[rows])
    changed = world.changed(batch.images[rows], canvas)
    slots = batch.slots[rows].long()
    gone = torch.full(slots.shape, -1.0)
    wanted = batch.requirements[rows]
    for i, r in (wanted[..., 0] == int(Kind.ABSENT)).nonzero().tolist():
        gone[i, wanted[i, r, COLUMNS.index("slot")]] = seen.requirements[i, r]

    def at(values: torch.Tensor, rest: float) -> torch.Tensor:
        return F.pad(values, (1, 1), value=rest).gather(1, was.label.clamp_max(MAX_OBJECTS + 1))

    thing = at((slots >= 0).float(), 0.0) > 0
    stays = thing & (at(seen.remains, 0.0) >= SURELY)
    left = at(gone, -1.0)
    kind, new = was.kind.clone(), torch.zeros_like(was.kind)
    # what was changed is known where an object still stands, and where one is gone and nothing came
    turn = (torch.arange(n)[:, None] + torch.arange(p * p)) % EVERY == 0
    known = torch.where(changed, stays | (thing & (left >= 0) & ((left >= SURELY) | (left <= HARDLY))), turn)
    cleared = thing & changed & ~stays & (left >= SURELY)
    ground = (world.kinds.n_sprites + batch.background[rows].long())[:, None]
    kind = torch.where(cleared, torch.where(batch.background[rows][:, None] >= 0, ground, -1), kind)
    mess = thing & changed & ~stays & (left >= 0) & (left <= HARDLY)
    kind = torch.where(known, kind, -1)
    tint = torch.where(changed, -2, torch.where(thing, was.tint, -2))
    centre = was.centre & ~mess & ~cleared
    middle = (torch.arange(p) + 0.5) * size / p
    for f in range(seen.finds.shape[1]):
        found = seen.finds[:, f] >= 0
        if not bool(found.any()):
            continue
        box, quality = seen.find_boxes[:, f].float(), seen.find_quality[:, f]
        near = _inside(box, middle, 0.0) & changed & found[:, None]
        inner = _inside(box, middle, RIM) & changed & found[:, None]
        sure = (quality >= SURELY)[:, None]
        # what is badly made is nothing, but nobody knows what else is there
        kind = torch.where(near, torch.where(inner & sure, seen.finds[:, f, None].long(), -1), kind)
        new = torch.where(near, (inner & sure).long(), new)
        tint = torch.where(inner & sure, 0, tint)
        mess, centre = mess & ~near, centre & ~near
        for i in (found & (quality >= SURELY)).nonzero().flatten().tolist():
            y, x = ((box[i, :2] + box[i, 2:]) * 0.5 * p / size).long().clamp(0, p - 1).tolist()
            if int(kind[i, y * p + x]) == int(seen.finds[i, f]):
                centre[i, y * p + x] = True
    return Places(
        kind=kind,
        tint=tint,
        changed=changed,
        centre=centre,
        mess=mess,
        new=new,
        tone=torch.full((n,), -2),
    )


def _inside(box: torch.Tensor, middle: torch.Tensor, rim: float) -> torch.Tensor:
    """Places whose middle is in a box, ``bool [n, T]``."""
    low, high = box[:, :2], box[:, 2:]
    low, high = low + rim * (high - low), high - rim * (high - low)
    inside = (middle > low[..., None]) & (middle < high[..., None])
    return (inside[:, 0, :, None] & inside[:, 1, None]).flatten(1)
