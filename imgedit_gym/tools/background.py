"""Swapping the background."""

from __future__ import annotations

import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.tools.base import Tool, by_value, is_empty


class SwapBackground(Tool):
    """Puts a background of the stock into the region; it covers whatever stands there."""

    id = "swap_background"
    problems = ("", "the plan step names no background of the stock", "the region is empty")

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps whose value is a kind of background."""
        return self.lookup.plate[steps.values] >= 0

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse steps without a background, and empty regions."""
        return torch.where(~self.accepts(steps), 1, torch.where(is_empty(regions), 2, 0))

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """The first drawing of each step's background."""
        return self.stock.plates.index_select(0, self.lookup.plate[steps.values])
