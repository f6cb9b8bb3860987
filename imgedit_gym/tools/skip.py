"""Doing nothing."""

from __future__ import annotations

import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.tools.base import Tool


class Skip(Tool):
    """Leaves the picture as it is and lets the plan go on."""

    id = "skip"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """The pictures, copied."""
        return images.clone()
