"""Confining what a model does: a window around the region goes to it, and what comes back is pasted softly.

A model of pictures changes more than it is asked to, if only by its autoencoder. So it is shown a square window around
the region, and its answer is brought back to the window's size and pasted under weights that are exactly 0 outside the
region and rise to 1 inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from imgedit_gym.core.region import RegionBatch


@dataclass(frozen=True)
class Window:
    """A square part of a picture, in pixels.

    Attributes:
        top: First row.
        left: First column.
        side: Rows and columns.
    """

    top: int
    left: int
    side: int

    def of(self, picture: torch.Tensor) -> torch.Tensor:
        """The window of a picture or mask, ``[S, S, ...]``: a view."""
        return picture[self.top : self.top + self.side, self.left : self.left + self.side]


def windows(regions: RegionBatch, margin: float = 0.25, least: int = 64) -> list[Window]:
    """The window around each region.

    Args:
        regions: n regions of pictures of S times S pixels.
        margin: What is shown around the region on each side, as a share of the longer side of its box.
        least: Side of the smallest window in pixels; S where S is smaller.

    Returns:
        n windows, each inside its picture, around the region's middle as far as the edges allow.
    """
    size = regions.masks.shape[1]
    found = []
    for top, left, bottom, right in regions.boxes.tolist():
        side = round(max(bottom - top, right - left) * (1.0 + 2.0 * margin))
        side = min(max(side, least), size)
        found.append(Window(_start(top, bottom, side, size), _start(left, right, side, size), side))
    return found


def resize(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A picture at another size, by antialiased bicubic interpolation; the same one where it has that size.

    Args:
        picture: ``uint8 [h, w, 3]``.
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        ``uint8 [height, width, 3]``.
    """
    if picture.shape[:2] == (height, width):
        return picture
    channels = picture.permute(2, 0, 1)[None].float()
    scaled = functional.interpolate(channels, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return scaled[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


def resize_mask(mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A mask at another size, ``bool [height, width]``: set wherever anything set went in."""
    if mask.shape == (height, width):
        return mask
    scaled = functional.interpolate(
        mask[None, None].float(), (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return scaled[0, 0] > 0


def feather(masks: torch.Tensor, radius: int) -> torch.Tensor:
    """Weights for pasting: 0 outside a mask, rising inside it over so many pixels from its edge.

    The edge of the picture is no edge of the mask, and the middle of a mask has the weight 1 however thin it is.

    Args:
        masks: ``bool [n, H, W]``.
        radius: Pixels over which weights rise, at least 1; 1 for a hard edge.

    Returns:
        ``float32 [n, H, W]`` in [0, 1].
    """
    weights = left = masks.float()[:, None]
    for step in range(1, radius):
        kernel = ((3, 1), (1, 3)) if step % 2 else ((3, 3),)  # crosses and squares in turn: close to a circle
        pooled = [functional.max_pool2d(-left, shape, stride=1, padding=_half(shape)) for shape in kernel]
        left = -torch.stack(pooled).max(0).values
        weights = weights + left
    weights = weights[:, 0]
    return weights / weights.flatten(1).max(1).values.clamp_min(1.0)[:, None, None]


def paste_back(
    images: torch.Tensor, patches: Sequence[torch.Tensor | None], places: Sequence[Window], weights: torch.Tensor
) -> torch.Tensor:
    """Put what a model gave back into the pictures.

    Args:
        images: ``uint8 [n, S, S, 3]``; not changed.
        patches: ``uint8 [side, side, 3]`` each, as large as its window; ``None`` leaves its picture as it is.
        places: n windows.
        weights: ``float32 [n, S, S]`` in [0, 1]; where one is 0 the picture stays exactly as it is.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    pasted = images.clone()
    for picture, patch, window, weight in zip(pasted, patches, places, weights, strict=True):
        if patch is None:
            continue
        under = window.of(picture)
        share = window.of(weight)[..., None]
        mixed = under + share * (patch.to(images.device).float() - under.float())
        under.copy_(torch.where(share > 0, mixed.round().clamp(0, 255).to(torch.uint8), under))
    return pasted


def _start(first: int, last: int, side: int, size: int) -> int:
    """Where a stretch of ``side`` pixels begins that is centred on another and lies within ``size``."""
    return min(max((first + last - side) // 2, 0), size - side)


def _half(shape: tuple[int, int]) -> tuple[int, int]:
    return shape[0] // 2, shape[1] // 2
