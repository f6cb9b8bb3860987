"""Regions: where a tool may change the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch

LATTICE = 8
"""Cells along each side of the lattice; regions are the whole picture and LATTICE ** 2 cells."""

N_REGIONS = 1 + LATTICE * LATTICE


LARGE = 0.3
"""A region larger than this share of the picture does not give an object its place and size."""


def box_masks(boxes: torch.Tensor, size: int) -> torch.Tensor:
    """Masks of boxes (top, left, bottom, right in pixels), ``bool [n, size, size]``."""
    ticks = torch.arange(size, device=boxes.device)
    inside_y = (ticks >= boxes[:, 0:1]) & (ticks < boxes[:, 2:3])
    inside_x = (ticks >= boxes[:, 1:2]) & (ticks < boxes[:, 3:4])
    return inside_y[:, :, None] & inside_x[:, None, :]


@dataclass
class RegionBatch:
    """Masks of N regions.

    Attributes:
        masks: ``bool [N, H, W]``, True where the tool may edit.
        boxes: ``int32 [N, 4]``, tight box of each mask in pixels: top, left, bottom, right, the latter two
            exclusive; all zero for an empty mask.
        cells: ``int32 [N, 4]``, box of the lattice cell that was named, the whole picture for region 0.
        areas: Pixels of each mask, ``int32 [N]``; counted where they are not given.
    """

    masks: torch.Tensor
    boxes: torch.Tensor
    cells: torch.Tensor
    areas: torch.Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.areas is None:
            self.areas = self.masks.flatten(1).sum(1, dtype=torch.int32)

    def __len__(self) -> int:
        return len(self.masks)

    def small(self) -> torch.Tensor:
        """Whether a region is no larger than :data:`LARGE` of the picture, as an object is, ``bool [N]``."""
        return self.areas < LARGE * self.masks.shape[1] * self.masks.shape[2]

    def widened(self) -> RegionBatch:
        """The regions with every small mask replaced by the square around its box, as pasting needs it."""
        size = self.masks.shape[1]
        side = (self.boxes[:, 2:] - self.boxes[:, :2]).max(1).values
        corner = (self.boxes[:, :2] + self.boxes[:, 2:] - side[:, None]) // 2
        corner = corner.clamp_min(0)
        square = torch.cat([corner, (corner + side[:, None] + 1).clamp_max(size)], 1).to(torch.int32)
        small = self.small()
        boxes = torch.where(small[:, None], square, self.boxes)
        masks = torch.where(small[:, None, None], box_masks(square, size), self.masks)
        areas = torch.where(small, (square[:, 2] - square[:, 0]) * (square[:, 3] - square[:, 1]), self.areas)
        return RegionBatch(masks, boxes, self.cells, areas)

    def rows(self, index: torch.Tensor) -> RegionBatch:
        """The regions at these indices."""
        return RegionBatch(*(t.index_select(0, index) for t in (self.masks, self.boxes, self.cells, self.areas)))

    def part(self, part: slice) -> RegionBatch:
        """The regions of a stretch, as views."""
        return RegionBatch(self.masks[part], self.boxes[part], self.cells[part], self.areas[part])
