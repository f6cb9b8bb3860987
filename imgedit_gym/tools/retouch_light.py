"""Light: three ways to set the exposure of a photograph, and one to light a place softly."""

from __future__ import annotations

import numpy as np
import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.retouching import BRIGHT_GAMMA, DARK_GAMMA, FEATHER, GAIN, Wish
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.retouch import apply_curves, light_softly, stretching_curves
from imgedit_gym.tools.retouching import LEVELS, Curve, Retoucher, curves


class ExposureGain(Curve):
    """Multiplies the light: right where even the lightest parts are dark, clips where they are not."""

    id = "exposure_gain"
    own = "brighter"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A straight line through black."""
        if wish.aspect != "exposure":
            return None
        return curves(LEVELS * (1.0 / GAIN[wish.degree] if wish.direction == 0 else GAIN[wish.degree]))


class ExposureCurve(Curve):
    """Bends the middle tones and leaves black and white: right where there is a white that must not clip."""

    id = "exposure_curve"
    own = "brighter"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A power of the level."""
        if wish.aspect != "exposure":
            return None
        return curves(LEVELS ** (1.0 / (DARK_GAMMA, BRIGHT_GAMMA)[wish.direction][wish.degree]))


class AutoLevels(Retoucher):
    """Spreads the brightness of a region over all levels, whatever the step says.

    Right where nobody knows how dark or flat the picture is, and where the original has both black and white.
    """

    id = "auto_levels"
    own = "brighter"

    def setting(self, wish: Wish) -> float | None:
        """Nothing to set."""
        return 0.0

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Stretch each region."""
        return apply_curves(images, regions.boxes, stretching_curves(images, regions.masks, regions.boxes))


class Dodge(Retoucher):
    """Multiplies the light of a region, less and less towards its edge: right for shadows with soft edges."""

    id = "dodge"
    own = "brighter"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """Logarithm of the gain."""
        if wish.aspect != "exposure":
            return None
        stops = -np.log(GAIN[wish.degree])
        return np.array(stops if wish.direction == 0 else -stops, np.float32)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Light each region."""
        width = max(round(FEATHER * images.shape[1]), 1)
        return light_softly(images, regions.masks, regions.boxes, self.settings(steps), width)
