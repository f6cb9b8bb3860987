"""Regions that are large blocks, for pictures of which no segments are known."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import LABEL_PICTURE
from imgedit_gym.core.region import LATTICE, RegionBatch, box_masks
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.regions.base import RegionProvider, cell_boxes

BLOCK = LATTICE // 2
"""Edge of a block in cells."""


class BlockRegions(RegionProvider):
    """Region 0 is the whole picture; region i is the block of half its edge around cell i - 1, moved into the picture.

    Blocks overlap, and cells near a corner of the picture share one. Nothing is looked up in the picture or the task.
    """

    id = "blocks"

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch."""
        self._batch = batch
        edges = [round(i * batch.size / LATTICE) for i in range(LATTICE + 1)]
        corners = [min(max(cell - BLOCK // 2, 0), LATTICE - BLOCK) for cell in range(LATTICE)]
        boxes = [(0, 0, batch.size, batch.size)]
        boxes += [
            (edges[top], edges[left], edges[top + BLOCK], edges[left + BLOCK]) for top in corners for left in corners
        ]
        self._boxes = torch.tensor(boxes, dtype=torch.int32, device=batch.device)
        self._cells = cell_boxes(batch.size, batch.device)

    def refresh(self, rows: torch.Tensor) -> None:
        """Take in rewritten tasks; blocks are the same for all."""

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """Masks of blocks; see :class:`imgedit_gym.regions.base.RegionProvider`."""
        boxes = self._boxes[index]
        return RegionBatch(box_masks(boxes, self._batch.size), boxes, self._cells[index])

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The block that has most in common with a label's pixels: their share of all that is in either."""
        if label == LABEL_PICTURE:
            return 0
        if cell >= 0:
            return 1 + cell
        pixels = self._batch.segments[row] == label
        blocks = box_masks(self._boxes, self._batch.size)
        common = (blocks & pixels).flatten(1).sum(1).double()
        either = (blocks | pixels).flatten(1).sum(1).double()
        return int((common / either.clamp_min(1.0)).argmax())
