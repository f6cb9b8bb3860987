"""Colour: three ways to take a cast away, and two to bring faded colours back."""

from __future__ import annotations

import numpy as np
import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.retouching import (
    CAST_GAIN,
    CAST_VEIL,
    PAPER,
    PRINT_FADE,
    PRINT_SATURATION,
    SATURATION,
    VEIL,
    Wish,
)
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.retouch import apply_curves, balancing_curves
from imgedit_gym.tools.retouching import LEVELS, Curve, Mixer, Retoucher, curves, mix, saturating


class BalanceLight(Curve):
    """Divides by the colour of the light: right where the dark parts have no colour but the light ones do."""

    id = "balance_light"
    own = "cooler"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A straight line through black for each channel."""
        if wish.aspect != "cast":
            return None
        return curves(LEVELS / np.array(CAST_GAIN[wish.direction][wish.degree])[:, None])


class BalanceVeil(Curve):
    """Takes a coloured veil off: right where the dark parts are coloured, too."""

    id = "balance_veil"
    own = "cooler"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """A straight line through white for each channel."""
        if wish.aspect != "cast":
            return None
        veil = VEIL[wish.degree] * np.array(CAST_VEIL[wish.direction])[:, None]
        return curves((LEVELS - veil) / (1.0 - veil))


class GrayWorld(Retoucher):
    """Gives the channels of a region the same mean, whatever the step says.

    Right where nobody knows the cast, and where the original is grey on the whole; wrong where it is of one colour.
    """

    id = "gray_world"
    own = "cooler"

    def setting(self, wish: Wish) -> float | None:
        """Nothing to set."""
        return 0.0

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Balance each region."""
        return apply_curves(images, regions.boxes, balancing_curves(images, regions.masks, regions.boxes))


class Saturate(Mixer):
    """Moves colours away from their grey: right where only the colour has gone."""

    id = "saturate"
    own = "richer"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """Weights that keep the brightness."""
        if wish.aspect != "fading":
            return None
        return mix(saturating(1.0 / SATURATION[wish.degree]), np.zeros(3))


class Unfade(Mixer):
    """Takes the paper out of a faded print and strengthens the rest: right where black has become a yellowish grey."""

    id = "unfade"
    own = "richer"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """Less paper, then more colour."""
        if wish.aspect != "fading":
            return None
        faded, more = PRINT_FADE[wish.degree], saturating(1.0 / PRINT_SATURATION[wish.degree])
        return mix(more / (1.0 - faded), -(more @ np.array(PAPER)) * faded / (1.0 - faded))
