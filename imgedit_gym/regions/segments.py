"""Regions that are whole segments: a cell names the segment that dominates it."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_PICTURE, N_LABELS
from imgedit_gym.core.region import LATTICE, RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.runtime import lanes_of, launch
from imgedit_gym.regions.base import RegionProvider, cell_boxes
from imgedit_gym.regions.kernels import draw_regions, survey_labels


class SegmentRegions(RegionProvider):
    """Region 0 is the whole picture; region i is the segment that owns cell i - 1.

    Segments are those of the source picture and stay as they are while the canvas changes.
    """

    id = "segments"

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch."""
        self._batch = batch
        n, device = len(batch), batch.device
        self._cells = cell_boxes(batch.size, device)
        self._owners = torch.zeros(n, LATTICE * LATTICE, dtype=torch.int32, device=device)
        self._boxes = torch.zeros(n, N_LABELS, 4, dtype=torch.int32, device=device)

    def refresh(self, rows: torch.Tensor) -> None:
        """Find the segments of rewritten tasks."""
        batch = self._batch
        inputs = [batch.segments, rows, batch.headline_box, self._owners, self._boxes]
        launch(survey_labels, len(rows), inputs, batch.device)

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """Masks of segments; see :class:`imgedit_gym.regions.base.RegionProvider`."""
        batch, n = self._batch, len(rows)
        masks = torch.empty(n, batch.size, batch.size, dtype=torch.bool, device=batch.device)
        boxes = torch.empty(n, 4, dtype=torch.int32, device=batch.device)
        areas = torch.zeros(n, dtype=torch.int32, device=batch.device)
        lanes = lanes_of(batch.device, batch.size)
        tables = [batch.segments, self._owners, self._boxes, batch.headline_box]
        launch(draw_regions, (n, lanes), [rows, index, *tables, lanes, masks, boxes, areas], batch.device)
        return RegionBatch(masks, boxes, self._cells.index_select(0, index), areas)

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The first cell that a label owns; for the background, ``cell`` if that is one of its own."""
        if label == LABEL_PICTURE:
            return 0
        owners = self._owners[row]
        if label == LABEL_BACKGROUND and cell >= 0 and int(owners[cell]) == LABEL_BACKGROUND:
            return cell + 1
        owned = (owners == label).nonzero().flatten()
        return int(owned[0]) + 1 if len(owned) else 0
