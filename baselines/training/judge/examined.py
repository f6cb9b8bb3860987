"""What the exact judge makes of drawn pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from imgedit_gym.core.checklist import MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.source import Adverts

CLEAN, SPOILT = 0.9, 0.45
"""Quality from which on nothing in a picture is half done, and below which something surely is."""

SURELY, HARDLY = 0.65, 0.35
"""What is true at least as surely as the first is true, what is so no more than the second is not."""


@dataclass(frozen=True)
class Examined:
    """What the exact judge finds in n edited pictures.

    Attributes:
        found: How surely each slot's object is recognised as a new one, ``float32 [n, MAX_OBJECTS]`` in [0, 1].
        others: Things recognised as new that are in no slot, ``int64 [n, MAX_FINDS]``; -1 none.
        gone: How surely the object that stood there is gone, ``float32 [n, MAX_OBJECTS]``; -1 where it was not asked.
        remains: How much of it is still there, ``float32 [n, MAX_OBJECTS]``.
        text: How surely the headline is the new one, ``float32 [n]``; 1 if it is to stay.
        quality: Of the picture, ``float32 [n]``.
    """

    found: torch.Tensor
    others: torch.Tensor
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

    def room_for(self, n: int) -> TaskBatch:
        """A batch of at least so many tasks."""
        if self._batch is None or len(self._batch) < n:
            self._batch = self._source.allocate(n)
        return self._batch

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

        Returns:
            What it finds.
        """
        n = len(pictures)
        batch, rows = self.room_for(n), torch.arange(n)
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
        stray = (seen.find_quality > HARDLY) & ~same.any(1)
        return Examined(
            others=torch.where(stray, seen.finds, -1).long(),
            found=torch.where(same, seen.find_quality[:, None], 0.0).amax(-1),
            gone=torch.where(away, seen.requirements[:, :MAX_OBJECTS], -1.0),
            remains=seen.remains,
            text=torch.where(rewritten, seen.requirements[:, MAX_OBJECTS], 1.0),
            quality=seen.quality,
        )


assert MAX_OBJECTS < MAX_REQUIREMENTS
