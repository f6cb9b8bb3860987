"""Regions that are whole segments: a cell names the segment that dominates it."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_HEADLINE, LABEL_PICTURE, N_LABELS
from imgedit_gym.core.region import LATTICE, RegionBatch, box_masks
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.runtime import launch
from imgedit_gym.regions.base import cell_boxes
from imgedit_gym.regions.kernels import survey_labels


class SegmentRegions:
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
        device = self._batch.device
        counts = torch.empty(len(rows), LATTICE * LATTICE, N_LABELS, dtype=torch.int32, device=device)
        batch = self._batch
        inputs = [batch.segments, rows, batch.headline_box, counts, self._owners, self._boxes]
        launch(survey_labels, len(rows), inputs, device)

    def regions(self, rows: torch.Tensor, index: torch.Tensor) -> RegionBatch:
        """Masks of segments; see :class:`imgedit_gym.regions.base.RegionProvider`."""
        cells = self._cells[index]
        whole = index == 0
        labels = self._owners[rows, (index - 1).clamp_min(0)].long()
        masks = self._batch.segments[rows] == labels[:, None, None].to(torch.uint8)
        # the whole picture, and the headline's whole box: its segment is the letters alone where it has no panel
        text = labels == LABEL_HEADLINE
        boxes = torch.where(text[:, None], self._batch.headline_box[rows], self._boxes[rows, labels])
        boxes = torch.where(whole[:, None], cells, boxes)
        masks = torch.where((whole | text)[:, None, None], box_masks(boxes, self._batch.size), masks)
        return RegionBatch(masks, boxes, cells)

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The first cell that a label owns; for the background, ``cell`` if that is one of its own."""
        if label == LABEL_PICTURE:
            return 0
        owners = self._owners[row]
        if label == LABEL_BACKGROUND and cell >= 0 and int(owners[cell]) == LABEL_BACKGROUND:
            return cell + 1
        owned = (owners == label).nonzero().flatten()
        return int(owned[0]) + 1 if len(owned) else 0
