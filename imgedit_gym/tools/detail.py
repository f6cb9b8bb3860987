"""Blur and sharpen."""

from __future__ import annotations

import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.adjust import change_detail
from imgedit_gym.tools.base import Tool


class Blur(Tool):
    """Averages over a small box: right for a soft look."""

    id = "blur"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Blur each picture."""
        return change_detail(images, regions.boxes, -0.8)


class Sharpen(Tool):
    """Strengthens edges: right for a crisp look."""

    id = "sharpen"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Sharpen each picture."""
        return change_detail(images, regions.boxes, 0.6)
