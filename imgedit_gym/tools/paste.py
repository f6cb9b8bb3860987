"""Pasting objects from the stock."""

from __future__ import annotations

import torch

from imgedit_gym.art.backgrounds import LIGHT
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.fill import fill_from_borders, fill_from_elsewhere
from imgedit_gym.kernels.paste import paste_sprites
from imgedit_gym.kernels.survey import brightest_beside_outlines
from imgedit_gym.tools.base import Tool, is_empty

DAYLIGHT = (1.0, 1.0, 1.0)

FREE_EDGE = 0.19
"""Edge, as a share of the picture, of an object pasted where no object gives its size."""


def places(regions: RegionBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Where an object goes: the middle of a small region, or of the named cell of a large one.

    Returns:
        Centre row, centre column and edge in pixels, ``float32 [n, 3]``, and whether the region gave the size,
        ``bool [n]``.
    """
    size = regions.masks.shape[1]
    small = regions.small()
    boxes = torch.where(small[:, None], regions.boxes, regions.cells).float()
    middle = 0.5 * (boxes[:, :2] + boxes[:, 2:])
    own = (boxes[:, 2:] - boxes[:, :2]).max(1).values
    edge = torch.where(small, own, torch.full_like(own, FREE_EDGE * size))
    edge = edge.clamp(6.0, 0.6 * size)
    middle = torch.minimum(torch.maximum(middle, 0.5 * edge[:, None]), size - 0.5 * edge[:, None])
    return torch.cat([middle, edge[:, None]], 1), small


def small_boxes(regions: RegionBatch) -> torch.Tensor:
    """Boxes of the regions that are to be cleared before something is pasted; large ones are not, ``int32 [n, 4]``."""
    return regions.boxes * regions.small()[:, None]


class Paste(Tool):
    """Pastes the step's object as it is, over whatever is there: right on free ground in plain light."""

    id = "paste"
    reach = "box"
    problems = ("", "the plan step names no object of the stock to paste", "the region is empty")

    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps whose value is an object or a category."""
        return self.lookup.sprite[steps.values] >= 0

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse steps without an object, and empty regions."""
        return torch.where(~self.accepts(steps), 1, torch.where(is_empty(regions), 2, 0))

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Paste each step's object into its region."""
        return self._paste(images, regions, steps, torch.ones(len(images), 3, device=images.device))

    def _paste(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch, light: torch.Tensor) -> torch.Tensor:
        where, _ = places(regions)
        sprites = self.lookup.sprite[steps.values].to(torch.int32)
        return paste_sprites(images, self.stock.sprites, sprites, where, light)


class PasteOver(Paste):
    """Clears an object's region by interpolation, then pastes: right for replacing on flat and graded grounds."""

    id = "paste_over"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear and paste."""
        cleared = fill_from_borders(images, regions.masks, small_boxes(regions))
        return super().apply(cleared, regions, steps)


class PasteClone(Paste):
    """Clears an object's region with a copied texture, then pastes: right for replacing on textures."""

    id = "paste_clone"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear with a copy and paste."""
        cleared = fill_from_elsewhere(images, regions.masks, small_boxes(regions))
        return super().apply(cleared, regions, steps)


class PasteBlend(Paste):
    """Clears an object's region by interpolation and pastes in the scene's light: right at night and dusk.

    The light is guessed from the brightest drawn things, so it is wrong where all of them are dull.
    """

    id = "paste_blend"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear, then paste under the estimated light."""
        cleared = fill_from_borders(images, regions.masks, small_boxes(regions))
        return self._paste(cleared, regions, steps, scene_light(images))


def scene_light(images: torch.Tensor) -> torch.Tensor:
    """The darkest light of the stock's sceneries that explains how bright the drawn things are.

    Drawn things are told from scenery by the dark outline they stand beside. Where the brightest of them are dull
    by nature, the light is taken to be darker than it is.

    Args:
        images: ``uint8 [n, S, S, 3]``.

    Returns:
        ``float32 [n, 3]``; 1 where the picture shows too few outlines.
    """
    brightest, share = brightest_beside_outlines(images)
    known = torch.tensor(sorted({*LIGHT.values(), DAYLIGHT}, key=sum), device=images.device)
    fits = (brightest[:, None] / 250.0 <= known + 0.05).all(2)
    fits[:, -1] = True
    light = known[fits.int().argmax(1)]
    return torch.where(share[:, None] > 0.01, light, 1.0)
