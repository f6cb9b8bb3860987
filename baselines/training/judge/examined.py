"""What the exact judge makes of drawn pairs, and pictures that are one half the edit and one half what was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from baselines.training.judge.pairs import Pairs, View
from imgedit_gym.core.checklist import MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.source import Adverts

OLD = 0.1, 0.75
"""Least and most of what was before that is left all over a faded picture."""

SURELY, HARDLY = 0.65, 0.35
"""What is true at least as surely as the first is true, what is so no more than the second is not."""


@dataclass(frozen=True)
class Examined:
    """What the exact judge finds in n edited pictures.

    Attributes:
        found: How surely each slot's object is recognised as a new one, ``float32 [n, MAX_OBJECTS]`` in [0, 1].
        gone: How surely the object that stood there is gone, ``float32 [n, MAX_OBJECTS]``; -1 where it was not asked.
        remains: How much of it is still there, ``float32 [n, MAX_OBJECTS]``.
        text: How surely the headline is the new one, ``float32 [n]``; 1 if it is to stay.
        quality: Of the picture, ``float32 [n]``.
    """

    found: torch.Tensor
    gone: torch.Tensor
    remains: torch.Tensor
    text: torch.Tensor
    quality: torch.Tensor


class Examiner:
    """Shows pictures to the exact judge with the adverts before the edit as its tasks.

    Args:
        source: Whose adverts they are.
    """

    def __init__(self, source: Adverts) -> None:
        self._source = source
        self._batch: TaskBatch | None = None

    def examine(
        self,
        before: SceneBatch,
        after: SceneBatch,
        away: torch.Tensor,
        drawn: Mapping[str, torch.Tensor],
        pictures: torch.Tensor,
    ) -> Examined:
        """Measure edited pictures; their backgrounds must be the old ones.

        Args:
            before: The n adverts.
            after: And as they were edited.
            away: Slots whose object was removed, replaced, moved or made smaller, ``bool [n, MAX_OBJECTS]``.
            drawn: The adverts' ``images``, ``plates``, ``segments`` and ``mattes``.
            pictures: ``uint8 [n, S, S, 3]``.
        """
        n = len(pictures)
        if self._batch is None or len(self._batch) < n:
            self._batch = self._source.allocate(n)
        batch, rows = self._batch, torch.arange(n)
        for name, plane in drawn.items():
            getattr(batch, name)[:n] = plane
        batch.slots[:n], batch.light[:n], batch.background[:n] = before.sprite, before.light, before.kind
        batch.headline[:n], batch.headline_box[:n], batch.headline_panel[:n] = before.text, before.box, before.panel
        batch.requirements[:n] = 0
        for row, slot in away.nonzero().tolist():
            batch.requirements[row, slot] = torch.tensor([Kind.ABSENT, 0, slot, -1, 0], dtype=torch.int32)
        rewritten = before.text != after.text
        for row in rewritten.nonzero().flatten().tolist():
            wanted = [Kind.HEADLINE, 0, -1, int(after.text[row]), 1]
            batch.requirements[row, MAX_OBJECTS] = torch.tensor(wanted, dtype=torch.int32)
        checklist = self._source.checklist(batch)
        checklist.refresh(rows)
        seen = checklist.measure(pictures, rows)
        same = (after.sprite[:, :, None] == seen.finds[:, None]) & (after.sprite >= 0)[..., None]
        return Examined(
            found=torch.where(same, seen.find_quality[:, None], 0.0).amax(-1),
            gone=torch.where(away, seen.requirements[:, :MAX_OBJECTS], -1.0),
            remains=seen.remains,
            text=torch.where(rewritten, seen.requirements[:, MAX_OBJECTS], 1.0),
            quality=seen.quality,
        )


def shares_of_old(old: torch.Tensor, new: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """How much of each pixel is to stay as it was: as much all over, or all of it on one side of a line.

    Args:
        old: Pictures before the edit, ``uint8 [n, S, S, 3]``.
        new: And after it.
        draw: Random numbers.

    Returns:
        ``float32 [n, S, S]`` in [0, 1].
    """
    n, size = len(old), old.shape[1]
    faded = OLD[0] + (OLD[1] - OLD[0]) * torch.rand(n, generator=draw)
    # half of the lines are upright or level
    angle = 6.2832 * torch.rand(n, generator=draw)
    angle = torch.where(torch.rand(n, generator=draw) < 0.5, (angle / 1.5708).floor() * 1.5708, angle)
    ticks = (torch.arange(size) + 0.5) / size - 0.5
    depth = ticks[None, :, None] * angle.sin()[:, None, None] + ticks * angle.cos()[:, None, None]
    border = 0.25 + 0.5 * torch.rand(n, generator=draw)
    changed = (old != new).any(-1)
    for row in range(n):
        found = depth[row][changed[row]]
        border[row] = found.quantile(float(border[row])) if len(found) else 0.0
    parted = (torch.rand(n, generator=draw) < 0.5)[:, None, None]
    return torch.where(parted, (depth > border[:, None, None]).float(), faded[:, None, None])


def relabel(
    pairs: Pairs,
    rows: torch.Tensor,
    exact: Examined,
    before: View,
    after: View,
    share: torch.Tensor,
    types: torch.Tensor,
) -> None:
    """Write into pairs that were mixed with what was before what the exact judge says of them.

    Args:
        pairs: The pairs, with what is known of them if they are not mixed.
        rows: Which were, ``int64 [n]``.
        exact: What it says.
        before: What was seen in them before the edit.
        after: And after it.
        share: How much of each place is as it was, ``float32 [n, T]``.
        types: Whether a kind is an object, a background or a headline, ``int64 [kinds]``.
    """
    was, now = pairs.sprite[rows].unbind(1)
    came, here, dye = pairs.came[rows], now >= 0, pairs.dye[rows]
    altered = (was != now) | (came != 0) | ((was >= 0) & ~pairs.kept[rows])
    arrived = here & (came != 0) & (exact.found >= SURELY)
    lost = here & (came != 0) & (exact.found <= HARDLY)
    vague = here & (came != 0) & ~arrived & ~lost
    back = (exact.gone >= 0) & (exact.gone <= HARDLY)
    unsure = (exact.gone > HARDLY) & (exact.gone < SURELY)
    stays = back & ~arrived & ~vague & (exact.remains >= SURELY)
    pairs.sprite[rows, 1] = torch.where(stays, was, torch.where(lost, -1, now))
    pairs.came[rows] = torch.where(stays | lost, 0, torch.where(vague, -1, came))
    pairs.half[rows] = (back & ~stays) | unsure
    pairs.doubt[rows] = unsure
    pairs.hidden[rows] = torch.where(stays, before.hidden, (pairs.hidden[rows] & ~lost) | vague)
    pairs.dye[rows] = torch.where(altered & ~arrived, -2, dye)
    text = pairs.text[rows]
    text[exact.text < SURELY, 1] = -1
    pairs.text[rows] = text
    pairs.quality[rows] = torch.where(exact.quality >= 0.9, 1, torch.where(exact.quality < 0.45, 0, -1))

    def at(marks: torch.Tensor, view: View) -> torch.Tensor:
        return F.pad(marks, (1, 1)).gather(1, view.label.clamp_max(MAX_OBJECTS + 1))

    there = at(arrived, after)
    still = at(stays, before) & ~there
    rest = (at(back & ~stays, before) & ~there & pairs.changed[rows]) | (at(lost, after) & ~still)
    old = ~there & (still | rest | (share > 0.5))
    kind = torch.where(old, before.kind, pairs.kind[rows])
    tint = torch.where(old, before.tint, pairs.tint[rows])
    told = there | still | ~(at(altered, after) | at(altered, before))
    ground = types[kind] == 1
    color = torch.where(pairs.color[rows] >= 0, pairs.color[rows] + 1, -1)[:, None]
    pairs.kind[rows] = kind
    pairs.tint[rows] = torch.where(ground & ~rest, color, torch.where(told & ~rest, tint, -1))
    pairs.mess[rows] = rest
    pairs.centre[rows] = torch.where(old, before.centre, after.centre) & ~rest
    new = torch.where(at(vague, after), -1, pairs.new[rows])
    pairs.new[rows] = torch.where(old | rest, 0, new)


assert MAX_OBJECTS < MAX_REQUIREMENTS
