"""From keys to pictures: recipes drawn, originals cut out, faults put in, and bad tasks drawn again."""

from __future__ import annotations

from math import ceil
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.region import box_masks
from imgedit_gym.core.retouching import BLUR, FEATHER, STREAK, blur_scale
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.retouch import filter_apart
from imgedit_gym.kernels.runtime import lanes_of, launch, struct_of
from imgedit_gym.tasks.photos.draw_kernels import draw_recipes
from imgedit_gym.tasks.photos.library import Library
from imgedit_gym.tasks.photos.measure_kernels import Known, Sums, add_up, multiply_faults, note_source, reach_verdicts
from imgedit_gym.tasks.photos.recipe import BLUR_FAULT, JITTER, MAX_FAULTS, NOISE_FAULT, RecipeBatch, strengths
from imgedit_gym.tasks.photos.render_kernels import add_noise, blur_taps, cut_out, spoil_pictures
from imgedit_gym.tasks.photos.task_kernels import SHADOW_LABEL

ATTEMPTS = 24
"""Recipes tried for a key; the last one is taken whatever it is."""


class Darkroom:
    """Makes and knows the pictures of one batch.

    Args:
        batch: The batch; images and segments are written.
        library: The photographs.
        photographs: Which of them the split draws from.
        faults: Fewest and most faults of a picture.

    Attributes:
        recipes: What the pictures are made from.
        originals: The pictures without faults, ``uint8 [B, S, S, 3]``.
        fault_row: Which requirement each fault is, ``int32 [B, MAX_FAULTS]``.
    """

    def __init__(
        self, batch: TaskBatch, library: Library, photographs: tuple[int, ...], faults: tuple[int, int]
    ) -> None:
        n, size, device = len(batch), batch.size, batch.device
        self.batch, self._library, self._faults = batch, library, faults
        self._photographs = torch.tensor(photographs, dtype=torch.int32, device=device)
        self._strengths = strengths().to(device)
        self.recipes = RecipeBatch.empty(n, device)
        self.originals = torch.zeros_like(batch.images)
        self._alone = torch.zeros(n * MAX_FAULTS, size, size, 3, dtype=torch.uint8, device=device)
        self.fault_row = torch.zeros(n, MAX_FAULTS, dtype=torch.int32, device=device)
        self._feather = feather(size)

        def real(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=torch.float64, device=device)

        tensors = {
            "originals": self.originals,
            "alone": self._alone,
            "segments": batch.segments,
            "keep": batch.keep,
            "count": self.recipes.count,
            "faults": self.recipes.faults,
            "fault_row": self.fault_row,
            "gram": real(MAX_FAULTS, 2, MAX_FAULTS + 1),
            "met": real(MAX_FAULTS),
            "rough": real(),
            "likeness": real(N_LABELS),
        }
        self._known: Any = struct_of(Known, tensors)

    def develop(self, rows: torch.Tensor, keys: torch.Tensor) -> None:
        """Make the pictures of some tasks, and note what they are like.

        Args:
            rows: ``int64 [n]``, each once.
            keys: Their keys, ``int64 [n]``.
        """
        for attempt in range(ATTEMPTS):
            self._draw(rows, keys, attempt)
            again = (self._note(rows) == 0).nonzero().flatten()
            if not len(again):
                return
            rows, keys = rows[again], keys[again]

    def take_in(self, rows: torch.Tensor) -> None:
        """Take in pictures that are no recipe's, ``int64 [n]``: each is its own original and has no fault."""
        self.originals[rows] = self.batch.images[rows]
        self.recipes.count[rows] = 0
        self._note(rows)

    def measure(self, canvas: torch.Tensor, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Values of requirements and labels, preservation and quality, as fresh ``float32`` tensors by name.

        Args:
            canvas: ``uint8 [N, S, S, 3]``.
            rows: Which task each belongs to, ``int64 [N]``.
        """
        n, device = len(canvas), canvas.device
        found = {
            "requirements": torch.zeros(n, MAX_REQUIREMENTS, device=device),
            "preserved": torch.zeros(n, N_LABELS, device=device),
            "preservation": torch.zeros(n, device=device),
            "quality": torch.zeros(n, device=device),
        }
        sums = self._look(canvas, rows)
        launch(reach_verdicts, n, [rows, self._known, sums, *found.values()], device)
        return found

    def _draw(self, rows: torch.Tensor, keys: torch.Tensor, attempt: int) -> None:
        batch, library, recipes = self.batch, self._library, self.recipes
        size, device = batch.size, batch.device
        fewest, most = self._faults
        drawing = [rows, keys, attempt, self._photographs, library.sizes, self._strengths, fewest, most, size]
        launch(draw_recipes, len(rows), [*drawing, recipes.arrays], device)
        lanes = lanes_of(device, size)
        cutting = [rows, library.pixels, library.starts, library.sizes, recipes.arrays, lanes, self.originals]
        launch(cut_out, (len(rows), lanes), cutting, device)
        batch.images[rows] = self.originals[rows]
        first = recipes.faults[rows, 0, 0]
        noisy, blurred = (rows[first == aspect] for aspect in (NOISE_FAULT, BLUR_FAULT))
        noising = [noisy, self.originals, recipes.arrays, lanes, batch.images]
        launch(add_noise, (len(noisy), lanes), noising, device)
        if len(blurred):
            self._blur(blurred)
        detail = (recipes.faults[:, 0, 0] <= BLUR_FAULT).to(torch.int32)
        spoiling = [rows, self.originals, batch.images, detail, recipes.arrays, self._feather, lanes, self._alone]
        launch(spoil_pictures, (len(rows), lanes), [*spoiling, batch.images], device)
        batch.segments[rows] = SHADOW_LABEL * box_masks(recipes.box[rows], size).to(torch.uint8)

    def _blur(self, rows: torch.Tensor) -> None:
        size, device = self.batch.size, self.batch.device
        scale = blur_scale(size)
        reach = ceil((1.0 + JITTER) * scale * 3.0 * max(*BLUR, *STREAK))
        taps = torch.zeros(len(rows), 2, 2 * reach + 1, device=device)
        launch(blur_taps, len(rows), [rows, self.recipes.arrays, scale, taps], device)
        whole = torch.tensor([[0, 0, size, size]], dtype=torch.int32, device=device).repeat(len(rows), 1)
        self.batch.images[rows] = filter_apart(self.originals[rows], whole, taps)

    def _note(self, rows: torch.Tensor) -> torch.Tensor:
        """Note what source pictures are like; returns 1 where the task is good, ``int32 [n]``."""
        device = self.batch.device
        scrap = torch.zeros(len(rows), 4, dtype=torch.float64, device=device)
        launch(multiply_faults, len(rows), [rows, self._known, scrap], device)
        sums = self._look(self.batch.images[rows], rows)
        usable = torch.zeros(len(rows), dtype=torch.int32, device=device)
        launch(note_source, len(rows), [rows, self._known, sums, usable], device)
        return usable

    def _look(self, canvas: torch.Tensor, rows: torch.Tensor) -> Any:
        n, device = len(canvas), canvas.device

        def real(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=torch.float64, device=device)

        tensors = {
            "error": real(4),
            "share": real(2, MAX_FAULTS + 1),
            "likeness": real(N_LABELS),
            "weight": real(N_LABELS),
        }
        sums = struct_of(Sums, tensors)
        launch(add_up, n, [canvas.contiguous(), rows, self._known, sums], device)
        return sums


def feather(size: int) -> int:
    """Width in pixels of a soft shadow's edge in pictures of an edge."""
    return max(round(FEATHER * size), 1)
