"""Erasers: five ways of showing what was behind a region."""

from __future__ import annotations

import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.adjust import paint
from imgedit_gym.kernels.fill import fill_from_borders, fill_from_elsewhere
from imgedit_gym.kernels.survey import ring_median
from imgedit_gym.tools.base import Tool, covers_all, is_empty


class Eraser(Tool):
    """Base of the erasers, which work under any plan step."""

    problems = ("", "the region is empty", "the region leaves nothing around it to fill from")

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse regions without surroundings."""
        return torch.where(is_empty(regions), 1, torch.where(covers_all(regions), 2, 0))


class FillFlat(Eraser):
    """Fills with the median colour around the region: right on a flat ground, even beside other objects."""

    id = "fill_flat"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Paint each region in the median colour of its surroundings."""
        ground = ring_median(images, regions.masks, regions.boxes)
        return paint(images, regions.masks, regions.boxes, ground)


class FillSmooth(Eraser):
    """Interpolates between the region's borders: right on flat and graded grounds."""

    id = "fill_smooth"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Fill each region from its borders on all sides."""
        return fill_from_borders(images, regions.masks, regions.boxes)


class FillRows(Eraser):
    """Interpolates along rows: right on scenery in layers, such as sky over sea over sand."""

    id = "fill_rows"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Fill each region from its left and right borders."""
        return fill_from_borders(images, regions.masks, regions.boxes, along="rows")


class FillColumns(Eraser):
    """Interpolates along columns: right where what is behind stands upright, such as trunks, walls and curtains."""

    id = "fill_columns"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Fill each region from its upper and lower borders."""
        return fill_from_borders(images, regions.masks, regions.boxes, along="columns")


class FillClone(Eraser):
    """Copies the place whose surroundings fit best: right on textures."""

    id = "fill_clone"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Fill each region with a copy from elsewhere in the picture."""
        return fill_from_elsewhere(images, regions.masks, regions.boxes)
