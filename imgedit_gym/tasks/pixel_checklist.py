"""The checklist that is checked in the pixels: requirements of a task batch, measured on any canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import Stock, hues
from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.names import PATTERNS
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.lanes import LANES
from imgedit_gym.kernels.reduce import GRID, part_cells, reduce_cells, reduce_labels
from imgedit_gym.kernels.rows import copy_rows
from imgedit_gym.kernels.runtime import launch, struct_of
from imgedit_gym.tasks.measure.arrays import Found, Known, find_places
from imgedit_gym.tasks.measure.busyness import rate_busyness
from imgedit_gym.tasks.measure.constants import COARSE_EDGE, CROP_EDGE, FREE_FINDS, MAX_FINDS
from imgedit_gym.tasks.measure.explain import explain_cells, rate_ground
from imgedit_gym.tasks.measure.find import find_things
from imgedit_gym.tasks.measure.ground import fit_ground
from imgedit_gym.tasks.measure.headlines import read_headlines
from imgedit_gym.tasks.measure.looks import LAID_OUT, SUMS
from imgedit_gym.tasks.measure.matching import (
    FINE_LENGTH,
    HALF_LENGTH,
    VIEW_ROWS,
    halved,
    padded,
    side_by_side,
)
from imgedit_gym.tasks.measure.places import check_places
from imgedit_gym.tasks.measure.plates import SCREENED, fit_plate, sample_known, sampled_plates
from imgedit_gym.tasks.measure.recognise import name_things, settle_things
from imgedit_gym.tasks.measure.slots import survey_slots
from imgedit_gym.tasks.measure.tone import fit_tone
from imgedit_gym.tasks.measure.verdicts import reach_verdicts

CELLS = GRID * GRID

LUMA = (0.299, 0.587, 0.114)

PART = 512
"""Pictures measured together: what the kernels leave for each other takes about 240 kB a picture."""


@dataclass
class PixelMeasurement:
    """What the checklist finds in N canvases; all tensors are fresh.

    Attributes:
        requirements: Value of each requirement, ``float32 [N, MAX_REQUIREMENTS]`` in [0, 1]; unused rows are 0.
        preserved: Value of each label that must be preserved, ``float32 [N, N_LABELS]``; 1 for the others.
        preservation: Weighted mean of ``preserved`` over what must be kept, ``float32 [N]``.
        quality: Freedom from unexplained areas, ``float32 [N]``.
        finds: New things recognised, ``int32 [N, MAX_FINDS]``, indices into the stock; -1 none.
        find_quality: How well each is made, ``float32 [N, MAX_FINDS]`` in [0, 1]; says nothing where there is none.
        find_boxes: Where each is, ``int32 [N, MAX_FINDS, 4]``: top, left, bottom, right in pixels; says nothing where
            there is none.
        remains: How much each of the source's objects is still there, ``float32 [N, MAX_OBJECTS]`` in [0, 1].
    """

    requirements: torch.Tensor
    preserved: torch.Tensor
    preservation: torch.Tensor
    quality: torch.Tensor
    finds: torch.Tensor
    find_quality: torch.Tensor
    find_boxes: torch.Tensor
    remains: torch.Tensor

    @classmethod
    def joined(cls, parts: Sequence[PixelMeasurement]) -> PixelMeasurement:
        """Measurements of several parts of a batch as one."""
        return cls(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)})


class PixelChecklist:
    """Measures canvases of the tasks in one batch.

    Args:
        batch: The tasks; their rows may be rewritten as long as :meth:`refresh` is called for them.
        stock: What new things are recognised against.
        sets: Object sets that requirements name, ``int32 [sets, sprites]``.
    """

    version = "1"

    def __init__(self, batch: TaskBatch, stock: Stock, sets: torch.Tensor) -> None:
        self.batch = batch
        self.stock = stock
        n, device = len(batch), batch.device

        def cells(*shape: int) -> torch.Tensor:
            return torch.zeros(n, CELLS, *shape, device=device)

        self._source, self._source_detail = cells(3), cells()
        self._plate, self._plate_detail, self._plate_low, self._plate_high = cells(3), cells(), cells(3), cells(3)
        self._labels = torch.zeros(n, CELLS, dtype=torch.uint8, device=device)
        self._purity, self._background, self._matte, self._busyness = cells(), cells(), cells(), cells()
        self._ground = torch.zeros(n, CELLS, dtype=torch.uint8, device=device)
        self._ground_sampled = torch.zeros(n, CELLS // 2, device=device)
        self._plate_sampled = torch.zeros(n, 4, CELLS // 2, device=device)
        self._places = torch.zeros(n, MAX_OBJECTS, 4, dtype=torch.int32, device=device)
        crops, coarse, aspects = sprite_templates(stock)
        self._stock = stock_cells, stock_detail, stock_low, stock_high, stock_busyness = stock_plate_cells(stock)
        stock_sampled, stock_screened = sampled_plates(stock_cells, stock_detail)
        self._known: Any = struct_of(
            Known,
            {
                "images": batch.images,
                "plates": batch.plates,
                "segments": batch.segments,
                "mattes": batch.mattes,
                "requirements": batch.requirements,
                "slots": batch.slots,
                "keep": batch.keep,
                "light": batch.light,
                "headline": batch.headline,
                "headline_panel": batch.headline_panel,
                "headline_box": batch.headline_box,
                "places": self._places,
                "source": self._source,
                "source_detail": self._source_detail,
                "plate": self._plate,
                "plate_detail": self._plate_detail,
                "plate_low": self._plate_low,
                "plate_high": self._plate_high,
                "labels": self._labels,
                "purity": self._purity,
                "background": self._background,
                "ground": self._ground,
                "ground_sampled": self._ground_sampled,
                "plate_sampled": self._plate_sampled,
                "matte": self._matte,
                "busyness": self._busyness,
                "stock_plates": stock.plates,
                "stock_cells": stock_cells,
                "stock_sampled": stock_sampled,
                "stock_screened": stock_screened,
                "stock_levels": (stock_cells.mean(1) @ torch.tensor(LUMA, device=device)).contiguous(),
                "stock_detail": stock_detail,
                "stock_low": stock_low,
                "stock_high": stock_high,
                "stock_busyness": stock_busyness,
                "lights": stock.lights,
                "colors": stock.colors,
                "color_hues": hues(stock.colors),
                "texts": stock.texts,
                "sprites": padded(crops, FINE_LENGTH),
                "half_sprites": padded(halved(crops), HALF_LENGTH),
                "coarse_sprites": side_by_side(coarse),
                "shapes": F.pad(aspects.log(), (0, -len(aspects) % LANES)),
                "aspects": aspects,
                "sprite_boxes": stock.sprite_boxes,
                "sets": sets,
            },
            variants=VARIANTS,
        )
        self._capacity = 0
        self._found: tuple[dict[str, torch.Tensor], Any, list[Any]] = ({}, None, [])
        self._order = torch.arange(PART, device=device)
        self._all_rows = torch.arange(n, device=device)

    def refresh(self, rows: torch.Tensor, plates: torch.Tensor | None = None) -> None:
        """Take in the pictures of tasks that were rewritten.

        Args:
            rows: ``int64 [n]``.
            plates: Which plate of the stock each task's background is, ``int64 [n]``; -1 for one of its own. What is
                known of the stock need not be measured again.
        """
        batch = self.batch
        reduce_cells(batch.images, rows, self._source, self._source_detail)
        reduce_labels(
            batch.segments,
            batch.mattes,
            rows,
            batch.headline_box,
            LABEL_HEADLINE,
            self._labels,
            self._purity,
            self._background,
            self._matte,
        )
        launch(find_places, len(rows), [rows, self._labels, self._places], batch.device)
        every = rows
        if plates is not None:
            own = self._plate, self._plate_detail, self._plate_low, self._plate_high, self._busyness
            for known, found in zip(self._stock, own, strict=True):
                copy_rows(known, plates, rows, found)
            rows = rows[plates < 0]
        reduce_cells(batch.plates, rows, self._plate, self._plate_detail)
        launch(sample_known, len(every), [every, self._known], batch.device)
        part_cells(batch.plates, rows, self._plate_low, self._plate_high)
        # a pattern is known all over: what stood on it can be filled in exactly
        kinds = batch.background[rows]
        self._busyness[rows] = 0.0
        rate_busyness(self._plate, rows[(kinds < 0) | (kinds >= len(PATTERNS))], self._busyness)

    def measure(self, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> PixelMeasurement:
        """Measure pictures; see :class:`imgedit_gym.core.tasks.Checklist`."""
        rows = self._all_rows if rows is None else rows
        canvas = canvas.contiguous()
        parts = [
            self._measure_part(canvas[start : start + PART], rows[start : start + PART])
            for start in range(0, len(canvas), PART)
        ]
        return parts[0] if len(parts) == 1 else PixelMeasurement.joined(parts)

    def _measure_part(self, canvas: torch.Tensor, rows: torch.Tensor) -> PixelMeasurement:
        n, device = len(canvas), canvas.device
        tensors, found, views = self._room(n)
        known, size = self._known, canvas.shape[1]
        reduce_cells(canvas, self._order[:n], tensors["cells"], tensors["detail"])
        for fit in (fit_plate, fit_tone, fit_ground):
            launch(fit, n, [known, rows, found], device)
        launch(explain_cells, (n, GRID), [known, rows, found], device)
        launch(rate_ground, n, [known, rows, found], device)
        launch(survey_slots, (n, MAX_OBJECTS), [known, rows, found], device)
        naming = [canvas, known, rows, FREE_FINDS, found, *views]
        launch(name_things, (n, MAX_OBJECTS), naming, device)
        launch(find_things, n, [known, rows, found, size], device)
        naming[3] = 0
        launch(name_things, (n, FREE_FINDS), naming, device)
        launch(settle_things, n, [known, rows, found, size], device)
        launch(check_places, (n, MAX_OBJECTS), [known, rows, found, size], device)
        launch(read_headlines, n, [canvas, known, rows, found], device)
        launch(reach_verdicts, n, [known, rows, found, size], device)
        return PixelMeasurement(
            requirements=tensors["values"][:n].clone(),
            preserved=tensors["preserved"][:n].clone(),
            preservation=tensors["preservation"][:n].clone(),
            quality=tensors["quality"][:n].clone(),
            finds=tensors["sprite"][:n].clamp_min(-1),
            find_quality=tensors["find_quality"][:n].clone(),
            find_boxes=tensors["boxes"][:n].clone(),
            remains=tensors["slot_source"][:n].clone(),
        )

    def _room(self, n: int) -> tuple[dict[str, torch.Tensor], Any, list[Any]]:
        """Buffers for at least n canvases, kept for the next call."""
        if n > self._capacity:
            self._capacity = n
            device = self.batch.device

            def real(*shape: int) -> torch.Tensor:
                return torch.zeros(n, *shape, device=device)

            def whole(*shape: int) -> torch.Tensor:
                return torch.zeros(n, *shape, dtype=torch.int32, device=device)

            finds = MAX_FINDS
            tensors = {
                "cells": real(CELLS, 3),
                "detail": real(CELLS),
                "sampled": real(4, CELLS // 2),
                "screened": real(4, SCREENED),
                "bare": real(CELLS, 3),
                "soft_bare": real(CELLS, 3),
                "unclipped": real(CELLS),
                "expected": real(CELLS, 3),
                "flags": whole(CELLS),
                "find_of": whole(CELLS),
                "ground_seen": real(),
                "stack": whole(CELLS),
                "plate": whole(),
                "plain": whole(),
                "look_gaps": real(2),
                "trust": real(CELLS),
                "laid_out": real(LAID_OUT, CELLS // 2),
                "laid_out_few": real(LAID_OUT, CELLS // 8),
                "sums": real(SUMS),
                "tone": real(3, 3),
                "untone": real(3, 3),
                "offset": real(3),
                "blend": real(),
                "sharpness": real(),
                "ground_gain": real(3),
                "ground_offset": real(3),
                "ground_own": whole(),
                "ground_mean": real(3),
                "ground_match": real(),
                "ground_spread": real(),
                "ground_detail": real(2),
                "tone_value": real(),
                "boxes": whole(finds, 4),
                "bounds": whole(finds, 4),
                "sprite": whole(finds),
                "find_quality": real(finds),
                "find_gap": real(finds),
                "named": whole(finds + 1),
                "residual": real(finds, FINE_LENGTH),
                "slot_source": real(MAX_OBJECTS),
                "slot_clean": real(MAX_OBJECTS),
                "slot_bare": real(MAX_OBJECTS),
                "slot_kept": real(MAX_OBJECTS),
                "slot_color": whole(MAX_OBJECTS),
                "slot_form": real(MAX_OBJECTS),
                "slot_likeness": real(MAX_OBJECTS),
                "headline_kept": real(),
                "headline_new": real(),
                "values": real(MAX_REQUIREMENTS),
                "preserved": real(N_LABELS),
                "preservation": real(),
                "quality": real(),
            }
            found = struct_of(Found, tensors)
            views = [real(finds, VIEW_ROWS, length) for length in (FINE_LENGTH, HALF_LENGTH)]
            self._found = (tensors, found, views)
        return self._found


def sprite_templates(stock: Stock) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Small pictures that new things are compared with, sharp and blurred.

    Returns:
        Premultiplied red, green, blue in [0, 255] and alpha in [0, 1] of each sprite's tight box, as
        ``float32 [2, n, CROP**2, 4]`` and ``[2, n, COARSE**2, 4]``, and the boxes' width over height, ``[n]``.
    """
    edge = stock.sprites.shape[1]
    sharp = []
    aspects = torch.empty(len(stock.sprites), device=stock.device)
    for index, box in enumerate((stock.sprite_boxes * edge).round().int().tolist()):
        top, left, bottom, right = box
        tight = stock.sprites[index, top:bottom, left:right].float().permute(2, 0, 1)[None]
        crop = F.interpolate(tight, (CROP_EDGE * 8,) * 2, mode="nearest")
        crop = F.avg_pool2d(crop, 8)
        crop[:, 3] /= 255.0
        sharp.append(crop)
        aspects[index] = (right - left) / (bottom - top)
    fine = torch.cat(sharp)
    weights = torch.tensor([0.22, 0.56, 0.22], device=stock.device)
    kernel = (weights[:, None] * weights).expand(4, 1, 3, 3)
    both = torch.stack([fine, F.conv2d(fine, kernel, padding=1, groups=4)])
    coarse = F.avg_pool2d(both.flatten(0, 1), CROP_EDGE // COARSE_EDGE).unflatten(0, both.shape[:2])

    def flat(crops: torch.Tensor) -> torch.Tensor:
        return crops.flatten(3).transpose(2, 3).contiguous()

    return flat(both), flat(coarse), aspects


def stock_plate_cells(stock: Stock) -> tuple[torch.Tensor, ...]:
    """What is known of the cells of the stock's backgrounds.

    Returns:
        Mean colour ``[plates, CELLS, 3]``, detail ``[plates, CELLS]``, dark and light values ``[plates, CELLS, 3]`` and
        busyness ``[plates, CELLS]``.
    """
    n = len(stock.plates)
    means = torch.zeros(n, CELLS, 3, device=stock.device)
    detail = torch.zeros(n, CELLS, device=stock.device)
    rows = torch.arange(n, device=stock.device)
    reduce_cells(stock.plates, rows, means, detail)
    busyness = torch.zeros(n, CELLS, device=stock.device)
    rate_busyness(means, rows, busyness)
    busyness[: len(PATTERNS) * VARIANTS] = 0.0
    lows, highs = torch.zeros_like(means), torch.zeros_like(means)
    part_cells(stock.plates, rows, lows, highs)
    return means, detail, lows, highs, busyness
