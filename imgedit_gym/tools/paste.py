"""Pasting objects from the stock."""

from __future__ import annotations

import torch

from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.fill import fill_from_borders, fill_from_elsewhere
from imgedit_gym.kernels.paste import paste_sprites
from imgedit_gym.kernels.survey import region_mean
from imgedit_gym.tools.base import Tool, by_value, is_empty

WHITE = 190.0
"""Mean level of a picture from which on a channel counts as fully lit."""

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

    @by_value
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
    """Clears an object's region by interpolation and pastes in the scene's light: right in sceneries at night or dusk.

    The light is guessed from the picture's mean colour, so coloured grounds in daylight mislead it.
    """

    id = "paste_blend"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear, then paste under the estimated light."""
        cleared = fill_from_borders(images, regions.masks, small_boxes(regions))
        return self._paste(cleared, regions, steps, scene_light(images, self.stock.lights))


def scene_light(images: torch.Tensor, lights: torch.Tensor) -> torch.Tensor:
    """The light in which a picture that is grey on average would have the mean colour that this one has.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        lights: The lights there are, ``float32 [lights, 3]``.

    Returns:
        For each picture the nearest of the lights, ``float32 [n, 3]``.
    """
    n, size = images.shape[:2]
    whole = torch.tensor([0, 0, size, size], dtype=torch.int32, device=images.device).expand(n, 4).contiguous()
    masks = torch.ones(n, size, size, dtype=torch.bool, device=images.device)
    areas = torch.full((n,), size * size, dtype=torch.int32, device=images.device)
    seen = (region_mean(images, masks, whole, areas) / WHITE).clamp(0.5, 1.0)
    apart = (seen[:, None] - lights[None]).abs()
    return lights[(apart[..., 0] + apart[..., 1] + apart[..., 2]).argmin(1)]
