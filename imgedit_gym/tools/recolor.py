"""Changing colours: four ways that suit saturated, pale, flat and textured things."""

from __future__ import annotations

import torch

from imgedit_gym.art.stock import hues
from imgedit_gym.core.names import COLORS
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.adjust import paint, shift, tint, turn_hue
from imgedit_gym.kernels.survey import region_mean, ring_median
from imgedit_gym.tools.base import Tool, by_value, is_empty

_CHROMATIC = 7
"""The first seven of ``COLORS`` have a hue; hues cannot be turned to the others."""


class Colorer(Tool):
    """Base of the tools that need a colour."""

    problems = ("", "the plan step names no colour", "the region is empty")

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps whose value is a colour."""
        return self.lookup.color[steps.values] >= 0

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse steps without a colour, and empty regions."""
        return torch.where(~self.accepts(steps), 1, torch.where(is_empty(regions), 2, 0))

    def _colors(self, steps: StepBatch) -> torch.Tensor:
        return self.stock.colors[self.lookup.color[steps.values]]


class HueShift(Colorer):
    """Turns the region's hue to the colour's: right for saturated things, without effect on grey ones."""

    id = "hue_shift"
    problems = (
        "",
        f"the plan step names no colour with a hue ({', '.join(COLORS[:_CHROMATIC])})",
        "the region is empty",
    )

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps whose value is a colour with a hue."""
        color = self.lookup.color[steps.values]
        return (color >= 0) & (color < _CHROMATIC)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Turn each region's hue."""
        ground = ring_median(images, regions.masks, regions.boxes)
        return turn_hue(images, regions.masks, regions.boxes, ground, hues(self._colors(steps)))


class Tint(Colorer):
    """Multiplies by the colour: right for white and pale things, muddy on saturated ones."""

    id = "tint"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Tint each region."""
        return tint(images, regions.boxes, self._colors(steps))


class Paint(Colorer):
    """Fills with the colour itself: right for a flat background, wrong for anything with structure."""

    id = "paint"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Paint each region."""
        return paint(images, regions.masks, regions.boxes, self._colors(steps))


class ColorShift(Colorer):
    """Adds the same amount to every pixel so that the region's mean becomes the colour.

    Right for textured backgrounds and pale things; on saturated things it dyes outlines and highlights.
    """

    id = "color_shift"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Shift each region."""
        mean = region_mean(images, regions.masks, regions.boxes, regions.areas)
        return shift(images, regions.boxes, self._colors(steps) - mean)
