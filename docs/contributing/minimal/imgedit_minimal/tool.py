"""A tool: from picture, region and plan step to a new picture."""

from __future__ import annotations

import torch

from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.tools.base import Tool, by_value


class Negative(Tool):
    """Turns light into dark and dark into light."""

    id = "negative"
    version = "1"
    problems = ("", "a negative suits no step but one that adjusts the picture")

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps that adjust something."""
        return steps.verbs == VERBS.index("adjust")

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """The negatives; the engine undoes what lies outside the regions."""
        return 255 - images
