"""Text: taking it away, and three ways of writing it anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from imgedit_gym.art.sprites import draw_text
from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.adjust import paint
from imgedit_gym.kernels.fill import fill_from_borders, fill_from_elsewhere
from imgedit_gym.kernels.survey import region_median
from imgedit_gym.kernels.text import letter_masks, write_text
from imgedit_gym.tools.base import Tool, by_value, covers_all, is_empty

_REWRITE = VERBS.index("rewrite")


class EraseText(Tool):
    """Removes the letters of a region and keeps what they stand on: right on panels and flat grounds."""

    id = "erase_text"
    problems = ("", "the region is empty", "the region leaves nothing around it to fill from")

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse regions without surroundings."""
        return torch.where(is_empty(regions), 1, torch.where(covers_all(regions), 2, 0))

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Fill what stands out from the region's median colour."""
        ground = region_median(images, regions.masks, regions.boxes)
        letters = letter_masks(images, regions.masks, regions.boxes, ground)
        return fill_from_borders(images, letters, regions.boxes)


class Rewriter(Tool, ABC):
    """Base of the tools that write the step's text into the region, at its top left, in one fixed type."""

    problems = (
        "",
        "the plan step gives no text to write",
        "the region is empty",
        "the region leaves nothing around it to fill from",
    )

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps that rewrite, and steps whose value is a headline of the stock."""
        return (self.lookup.text[steps.values] >= 0) | (steps.verbs == _REWRITE)

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse steps without a text, empty regions and regions without surroundings."""
        problem = torch.where(is_empty(regions), 2, torch.where(covers_all(regions), 3, 0))
        return torch.where(~self.accepts(steps), 1, problem)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Clear the region and write."""
        coverage = self._coverage(steps)
        size = images.shape[1]
        height, width = coverage.shape[1:]
        top = ((regions.boxes[:, 0] + regions.boxes[:, 2] - height) // 2).clamp(0, size - height)
        left = ((regions.boxes[:, 1] + regions.boxes[:, 3] - width) // 2).clamp(0, size - width)
        return write_text(self._cleared(images, regions), coverage, torch.stack([top, left], 1).to(torch.int32))

    def _coverage(self, steps: StepBatch) -> torch.Tensor:
        """Each step's text drawn; free text is drawn on the spot."""
        rows = self.lookup.text[steps.values]
        coverage = self.stock.texts.index_select(0, rows.clamp_min(0))
        for index in (rows < 0).nonzero().flatten().tolist():
            text = steps.read(index).value
            drawn = torch.from_numpy(draw_text(text, *coverage.shape[1:]))
            coverage[index] = drawn.to(coverage.device)
        return coverage

    @abstractmethod
    def _cleared(self, images: torch.Tensor, regions: RegionBatch) -> torch.Tensor:
        """The pictures with each region ready to be written on, ``uint8 [n, S, S, 3]``."""


class RewriteFill(Rewriter):
    """Interpolates over the region and writes: right for text straight on flat, graded or layered grounds."""

    id = "rewrite_fill"

    def _cleared(self, images: torch.Tensor, regions: RegionBatch) -> torch.Tensor:
        return fill_from_borders(images, regions.masks, regions.boxes)


class RewriteClone(Rewriter):
    """Copies a fitting texture over the region and writes: right for text straight on a texture."""

    id = "rewrite_clone"
    pieces: ClassVar[int] = 6
    """Parts of a line of text, side by side, that are each copied from where they fit."""

    def _cleared(self, images: torch.Tensor, regions: RegionBatch) -> torch.Tensor:
        boxes = regions.boxes
        left, width = boxes[:, 1], boxes[:, 3] - boxes[:, 1]
        for piece in range(self.pieces):
            part = boxes.clone()
            part[:, 1] = left + width * piece // self.pieces
            part[:, 3] = left + width * (piece + 1) // self.pieces
            images = fill_from_elsewhere(images, regions.masks, part)
        return images


class RewritePanel(Rewriter):
    """Lays a panel of the region's median colour and writes: right where the text has a panel of its own."""

    id = "rewrite_panel"

    def _cleared(self, images: torch.Tensor, regions: RegionBatch) -> torch.Tensor:
        ground = region_median(images, regions.masks, regions.boxes)
        return paint(images, regions.masks, regions.boxes, ground)
