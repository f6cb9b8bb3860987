"""Regions that are the lattice's cells themselves."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import LABEL_PICTURE
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.regions.base import RegionProvider, cell_boxes
from imgedit_gym.regions.segments import SegmentRegions


class CellRegions(RegionProvider):
    """Region 0 is the whole picture; region i is cell i - 1, row by row."""

    id = "cells"

    def __init__(self) -> None:
        self._survey = SegmentRegions()

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch."""
        self._size = batch.size
        self._boxes = cell_boxes(batch.size, batch.device)
        self._survey.attach(batch)

    def refresh(self, rows: torch.Tensor) -> None:
        """Take in rewritten tasks; needed only for :meth:`find`."""
        self._survey.refresh(rows)

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """Masks of cells; see :class:`imgedit_gym.regions.base.RegionProvider`."""
        boxes = self._boxes[index]
        return RegionBatch(box_masks(boxes, self._size), boxes, boxes)

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The cell that a label covers most."""
        return 0 if label == LABEL_PICTURE else self._survey.find(row, label, cell)
