"""The canvas with every region outlined and numbered, as a part of the observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE, N_REGIONS
from imgedit_gym.engine import Engine
from imgedit_gym.wrappers.base import AddingWrapper, Addition, VectorAddingWrapper

LINE = (255, 0, 170)
SMALLEST, LARGEST = 128, 1024


@dataclass(frozen=True)
class Marks:
    """What is drawn over a picture.

    Attributes:
        owner: Number of the region that each pixel is shown as a part of, ``int16 [S, S]``; 0 where none is.
        numbers: Numbers of the regions that are drawn; regions of equal masks have one number between them.
    """

    owner: np.ndarray
    numbers: tuple[int, ...]


def marks_of(engine: Engine, row: int, ahead: int = 0) -> Marks:
    """The regions of an environment as they are drawn, of the current plan step or one ``ahead`` steps from now.

    Small ones lie over large ones.

    Of several regions with the same mask, as cells of one segment are, the one whose cell is nearest to the mask's
    centre gives its number: it stands in its own cell, and any of the others does the same.
    """
    index = torch.arange(1, N_REGIONS, device=engine.device)
    rows = torch.full_like(index, row)
    regions = engine.regions.regions(rows, index, engine.steps_of(rows, ahead))
    masks, areas = regions.masks.cpu().numpy(), regions.areas.cpu().numpy()
    groups: dict[bytes, list[int]] = {}
    for at in np.flatnonzero(areas).tolist():
        groups.setdefault(np.packbits(masks[at]).tobytes(), []).append(at)
    owner = np.zeros(masks.shape[1:], dtype=np.int16)
    numbers = []
    for members in sorted(groups.values(), key=lambda members: (-int(areas[members[0]]), members[0])):
        mask = masks[members[0]]
        middle = (np.argwhere(mask).mean(0) + 0.5) * LATTICE / mask.shape[0]
        chosen = min(members, key=lambda at: (float(((np.array(_cell(at)) + 0.5 - middle) ** 2).sum()), at))
        owner[mask] = chosen + 1
        numbers.append(chosen + 1)
    return Marks(owner, tuple(sorted(numbers)))


def draw_marks(image: np.ndarray, marks: Marks, edge: int) -> np.ndarray:
    """A picture enlarged, with lines between regions and each region's number in its cell.

    Args:
        image: ``uint8 [S, S, 3]``.
        marks: What to draw.
        edge: Edge of the drawing in pixels.

    Returns:
        ``uint8 [edge, edge, 3]``.
    """
    nearest, smooth = Image.Resampling.NEAREST, Image.Resampling.LANCZOS
    way = nearest if edge % image.shape[0] == 0 else smooth
    pixels = np.array(Image.fromarray(image).resize((edge, edge), way))
    at = np.arange(edge) * image.shape[0] // edge
    owner = marks.owner[at[:, None], at]
    pixels[:, 1:][owner[:, 1:] != owner[:, :-1]] = LINE
    pixels[1:][owner[1:] != owner[:-1]] = LINE
    drawn = Image.fromarray(pixels)
    draw = ImageDraw.Draw(drawn)
    cell = edge / LATTICE
    font = ImageFont.load_default(max(8, round(0.42 * cell)))
    for number in marks.numbers:
        y, x = _cell(number - 1)
        where = ((x + 0.5) * cell, (y + 0.5) * cell)
        draw.text(where, str(number), (255, 255, 255), font, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))
    return np.array(drawn)


def _cell(at: int) -> tuple[int, int]:
    """Row and column of a cell of the lattice."""
    return divmod(at, LATTICE)


class _Numbered(Addition):
    edge: int

    def added_spaces(self, env: Any, action_space: spaces.Space[Any]) -> dict[str, Any]:
        if not isinstance(self.edge, int) or isinstance(self.edge, bool) or not SMALLEST <= self.edge <= LARGEST:
            raise ImgEditError(f"edge must be a whole number from {SMALLEST} to {LARGEST}; found {self.edge!r}")
        return {"numbered_regions": spaces.Box(0, 255, (self.edge, self.edge, 3), np.uint8)}

    def notes(self, engine: Engine, rows: Sequence[int], ahead: int) -> list[Marks]:
        return [marks_of(engine, row, ahead) for row in rows]

    def show(self, notes: Sequence[Marks], images: Any, masks: Any) -> dict[str, Any]:
        pictures = images.cpu().numpy() if isinstance(images, torch.Tensor) else images
        drawn = [draw_marks(picture, marks, self.edge) for picture, marks in zip(pictures, notes, strict=True)]
        return {"numbered_regions": np.stack(drawn)}


class NumberedRegions(_Numbered, AddingWrapper, RecordConstructorArgs):
    """Adds ``numbered_regions`` to the observation: the canvas, enlarged, with each region's outline and number.

    The number is the region of the action: what set-of-mark prompts show to a vision-language model. Regions of equal
    masks share one number, and region 0, the whole picture, is not drawn.

    Args:
        env: An ``ImageEdit-v0``, wrapped or not.
        edge: Edge of the drawing in pixels, 128 to 1024.

    Raises:
        ImgEditError: If an argument is not what is expected, or observations have that key.
    """

    def __init__(self, env: gym.Env[Any, Any], edge: int = 384) -> None:
        RecordConstructorArgs.__init__(self, edge=edge)
        self.edge = edge
        AddingWrapper.__init__(self, env)


class VectorNumberedRegions(_Numbered, VectorAddingWrapper, RecordConstructorArgs):
    """:class:`NumberedRegions` of a batch, ``uint8 [B, edge, edge, 3]``, each drawn for every step in Python."""

    def __init__(self, env: VectorEnv[Any, Any, Any], edge: int = 384) -> None:
        RecordConstructorArgs.__init__(self, edge=edge)
        self.edge = edge
        VectorAddingWrapper.__init__(self, env)
