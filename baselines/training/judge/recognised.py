"""What stands at each place of pictures that tools edited, as far as the exact judge's measurement tells."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from baselines.training.judge.examined import HARDLY, SURELY
from baselines.training.judge.pairs import Places
from baselines.training.judge.world import World
from imgedit_gym.core.checklist import COLUMNS, LABEL_BACKGROUND, N_LABELS, Kind
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.pixel_checklist import PixelMeasurement

EVERY = 3
"""Of places that were not changed, which hold nothing to learn that drawn pairs do not show, one in so many is told."""

LEFT = 0.25
"""Share of a thing's places that must be as they were for it to be half there."""

MOST = 0.7
"""Share of places from which on it may be that the look of the whole was changed."""

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
        world: Knows what can be seen.
        batch: The tasks.
        scene: Their adverts as numbers.
        rows: Which of them the pictures belong to, ``int64 [n]``.
        canvas: The pictures, ``uint8 [n, S, S, 3]``.
        seen: What the exact judge found in them.

    Returns:
        What it tells: what still stands, what came, what is half gone, and bare ground where that is the old one.
    """
    n, p, size = len(rows), world.places, canvas.shape[1]
    was = world.view(scene.rows(rows), batch.segments[rows])
    changed = world.changed(batch.images[rows], canvas)
    slots = batch.slots[rows].long()
    gone = torch.full(slots.shape, -1.0)
    wanted = batch.requirements[rows]
    for i, r in (wanted[..., 0] == int(Kind.ABSENT)).nonzero().tolist():
        gone[i, wanted[i, r, COLUMNS.index("slot")]] = seen.requirements[i, r]

    thing = was.at(slots >= 0)
    stays = thing & (was.at(seen.remains) >= SURELY)
    # it is also said not to be gone where something forbidden came instead
    areas = F.one_hot(was.label, N_LABELS)[..., 1:-1]
    left = (areas * ~changed[..., None]).sum(1) >= LEFT * areas.sum(1)
    half = was.at((gone >= 0) & (gone <= HARDLY) & left) & ~stays
    cleared = was.at(gone >= SURELY) & changed & ~stays
    bare = (batch.keep[rows, LABEL_BACKGROUND] > 0) & (seen.preserved[:, LABEL_BACKGROUND] >= SURELY)
    ground = torch.where(bare, world.kinds.n_sprites + batch.background[rows].long(), -1)[:, None]
    tick = torch.arange(p)
    turn = (torch.arange(n)[:, None] + (tick[:, None] + tick).flatten()) % EVERY == 0
    # a thing of which a part was changed is seen where nothing was
    known = torch.where(changed, stays, half | (turn & (stays | ~thing)))
    kind = torch.where(known, was.kind, torch.where(cleared, ground, -1))
    new = torch.zeros_like(kind)
    mess = half & ~changed
    tint = torch.where(changed, -2, torch.where(thing, was.tint, -2))
    centre = was.centre & ~mess & ~cleared
    middle = (tick + 0.5) * size / p
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
        # a look changes all of the picture, which is not what is meant
        marked=changed.float().mean(1) < MOST,
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
