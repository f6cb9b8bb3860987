"""A region provider: from a cell of the lattice to a mask."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import LABEL_PICTURE
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.regions.base import RegionProvider, cell_boxes


class Bands(RegionProvider):
    """Region 0 is the whole picture; the others are the lattice's row that their cell lies in."""

    id = "bands"

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch."""
        self._batch = batch
        self._cells = cell_boxes(batch.size, batch.device)
        self._boxes = self._cells.clone()
        self._boxes[:, 1], self._boxes[:, 3] = 0, batch.size
        self._masks = box_masks(self._boxes, batch.size)

    def refresh(self, rows: torch.Tensor) -> None:
        """Nothing to do: bands lie in the same place in every task."""

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """The bands of these cells."""
        return RegionBatch(self._masks[index], self._boxes[index], self._cells[index])

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The first cell of the band that has most of a label; 0 where it is nowhere."""
        if label == LABEL_PICTURE:
            return 0
        shares = (self._masks[1:] & (self._batch.segments[row] == label)).flatten(1).sum(1)
        most = int(shares.argmax())
        return most + 1 if int(shares[most]) else 0
