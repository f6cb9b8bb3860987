"""Detail: two tools for noise and two for blur."""

from __future__ import annotations

from math import ceil

import numpy as np
import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.retouching import BLUR, STREAK, Wish, blur_scale
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.retouch import filter_apart, smooth_alike, take_specks
from imgedit_gym.tools.retouching import Retoucher

SPREAD = (26.0, 36.0, 50.0)
"""By degree, levels of 255 by which noisy colours that are truly alike differ."""

STANDING_OUT = (52.0, 46.0, 40.0)
"""By degree, levels of 255 by which a speck stands out: the more there are, the less sure the median around is."""

RIDGE = 0.01
"""What keeps deblurring from strengthening what the blur has all but taken away."""


class DenoiseGrain(Retoucher):
    """Averages pixels with those of their colour around: right for grain, leaves specks."""

    id = "denoise_grain"
    own = "cleaner"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """How different alike pixels may be."""
        return np.array(SPREAD[wish.degree], np.float32) if wish.aspect == "noise" else None

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Smooth each region."""
        return smooth_alike(images, regions.boxes, self.settings(steps))


class DenoiseSpecks(Retoucher):
    """Replaces pixels that stand out from all around them: right for specks and dust, blind to grain."""

    id = "denoise_specks"
    own = "cleaner"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """How far a speck stands out."""
        return np.array(STANDING_OUT[wish.degree], np.float32) if wish.aspect == "noise" else None

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clean each region."""
        return take_specks(images, regions.boxes, self.settings(steps))


class Deblurrer(Retoucher):
    """Base of the tools that undo a blur of known shape: settings are filters ``float32 [2, T]``."""

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Sharpen each region."""
        return filter_apart(images, regions.boxes, self.settings(steps))

    @property
    def scale(self) -> float:
        """Width of blurs in pictures of this size."""
        return blur_scale(self.stock.size)


class DeblurFocus(Deblurrer):
    """Undoes a soft focus, the same in all directions."""

    id = "deblur_focus"
    own = "crisper"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """The inverse of a bell, along lines and columns."""
        if wish.aspect != "blur":
            return None
        taps = inverse_bell(self.scale * BLUR[wish.degree], reach_of(self.scale))
        return np.stack([taps, taps])


class DeblurStreak(Deblurrer):
    """Undoes a sideways motion of the camera: right where only what stands upright is smeared."""

    id = "deblur_streak"
    own = "crisper"

    def setting(self, wish: Wish) -> np.ndarray | None:
        """The inverse of an even streak, along lines alone."""
        if wish.aspect != "blur":
            return None
        reach = reach_of(self.scale)
        as_it_is = np.eye(1, 2 * reach + 1, reach, dtype=np.float32)[0]
        return np.stack([as_it_is, inverse_bell(self.scale * STREAK[wish.degree], reach)])


def reach_of(scale: float) -> int:
    """Reach of a deblurring filter in pixels."""
    return ceil(8.0 * scale)


def inverse_bell(deviation: float, reach: int) -> np.ndarray:
    """The filter that undoes a bell as far as can be done without strengthening noise too much.

    Args:
        deviation: Standard deviation of the bell in pixels.
        reach: Reach of the filter in pixels.

    Returns:
        ``float32 [2 * reach + 1]``, of sum 1.

    Source: Wiener, "Extrapolation, interpolation, and smoothing of stationary time series" (1949).
    """
    bell = np.exp(-0.5 * ((np.arange(256) - 128) / deviation) ** 2)
    response = np.fft.rfft(np.fft.ifftshift(bell / bell.sum())).real
    taps = np.fft.fftshift(np.fft.irfft(response / (response**2 + RIDGE)))[128 - reach : 129 + reach]
    return (taps / taps.sum()).astype(np.float32)
