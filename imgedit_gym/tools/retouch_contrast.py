"""Contrast and haze: two tools for each."""

from __future__ import annotations

import numpy as np
import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.retouching import AIRLIGHT, DEEP_HAZE, EVEN_HAZE, LINEAR_CONTRAST, MIDTONE_CONTRAST, Wish
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.retouch import lift_veil
from imgedit_gym.tools.retouching import LEVELS, Curve, Retoucher, curves


class ContrastLinear(Curve):
    """Stretches about mid-grey: right where neither black nor white is left."""

    id = "contrast_linear"
    own = "bolder"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A straight line through mid-grey."""
        if wish.aspect != "contrast":
            return None
        return curves(0.5 + (LEVELS - 0.5) / LINEAR_CONTRAST[wish.degree])


class ContrastMidtones(Curve):
    """Steepens the middle tones and leaves black and white: right where both are still there."""

    id = "contrast_midtones"
    own = "bolder"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """The inverse of a curve that is flat in the middle."""
        if wish.aspect != "contrast":
            return None
        flat = LEVELS + MIDTONE_CONTRAST[wish.degree] / (2.0 * np.pi) * np.sin(2.0 * np.pi * LEVELS)
        return curves(np.interp(LEVELS, flat, LEVELS))


class DehazeEven(Curve):
    """Takes the same veil off everywhere: right for fog and dirty glass."""

    id = "dehaze_even"
    own = "clearer"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A straight line through the colour of haze for each channel."""
        if wish.aspect != "haze":
            return None
        air = np.array(AIRLIGHT)[:, None]
        return curves(air + (LEVELS - air) / EVEN_HAZE[wish.degree])


class DehazeDeep(Retoucher):
    """Takes off a veil that is densest at the top: right for a landscape, whose distance is up there."""

    id = "dehaze_deep"
    own = "clearer"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """Light that comes through at the top, and the colour of haze."""
        if wish.aspect != "haze":
            return None
        return np.array([DEEP_HAZE[wish.degree], *(255.0 * level for level in AIRLIGHT)], np.float32)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear each region."""
        settings = self.settings(steps)
        return lift_veil(images, regions.boxes, settings[:, 0], settings[:, 1:])
