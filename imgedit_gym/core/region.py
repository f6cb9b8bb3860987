"""Regions: where a tool may change the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch

LATTICE = 8
"""Cells along each side of the lattice; regions are the whole picture and LATTICE ** 2 cells."""

N_REGIONS = 1 + LATTICE * LATTICE


@dataclass
class RegionBatch:
    """Masks of N regions.

    Attributes:
        masks: ``bool [N, H, W]``, True where the tool may edit.
        boxes: ``int32 [N, 4]``, tight box of each mask in pixels: top, left, bottom, right, the latter two
            exclusive; all zero for an empty mask.
        cells: ``int32 [N, 4]``, box of the lattice cell that was named, the whole picture for region 0.
    """

    masks: torch.Tensor
    boxes: torch.Tensor
    cells: torch.Tensor

    def __len__(self) -> int:
        return len(self.masks)

    def rows(self, index: torch.Tensor) -> RegionBatch:
        """The regions at these indices."""
        return RegionBatch(self.masks[index], self.boxes[index], self.cells[index])
