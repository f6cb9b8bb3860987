"""From a plan step to the region it concerns, by what the image encoder sees: no rewards were needed for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from baselines.training.judge.kinds import CENTRE, KIND, TYPE
from baselines.vision.encoder import Vision, to_lattice
from imgedit_gym.core.plan import BACKGROUND, PICTURE, PlanStep
from imgedit_gym.core.region import LATTICE

_CENTRED = 0.2
"""What a place counts more for being the middle of an object."""

_KIND_WIDTH = KIND.stop - KIND.start
_ROOM = 3
"""Cells along an edge that something new takes up."""


def find_regions(vision: Vision, tokens: torch.Tensor, steps: Sequence[PlanStep]) -> torch.Tensor:
    """The region that each step concerns.

    Args:
        vision: The encoder.
        tokens: Image tokens of n pictures, ``float [n, places ** 2, WIDTH]``.
        steps: One plan step for each.

    Returns:
        ``int64 [n]``: 0 the whole picture, else 1 + row * 8 + column of a cell.
    """
    cells = to_lattice(tokens).cpu()
    words = torch.stack([vision.word(step.target) for step in steps]) if steps else torch.zeros(0, 1)
    found = torch.zeros(len(steps), dtype=torch.int64)
    for row, (step, word) in enumerate(zip(steps, words, strict=True)):
        if step.verb == "add":
            found[row] = 1 + int(_room(cells[row]).argmax())
        elif step.target != PICTURE and bool(word.any()):
            found[row] = 1 + int(_likeness(cells[row], word, step.target).argmax())
    return found


def _likeness(cells: torch.Tensor, word: torch.Tensor, target: str) -> torch.Tensor:
    """How much each cell shows what a word names, ``float32 [cells]``."""
    code, kind = word[:_KIND_WIDTH], word[-3:]
    if target == BACKGROUND:
        return _bareness(cells)
    if not bool(code.any()):
        return cells[:, TYPE] @ kind
    return cells[:, KIND] @ code + _CENTRED * cells[:, CENTRE] * kind[0]


def _bareness(cells: torch.Tensor) -> torch.Tensor:
    """How surely each cell shows nothing but background, ``float32 [cells]``."""
    objects, background, headline = cells[:, TYPE].unbind(-1)
    return background - torch.maximum(objects, headline)


def _room(cells: torch.Tensor) -> torch.Tensor:
    """How free each cell and those around it are, ``float32 [cells]``; cells at the border have no room."""
    bare = _bareness(cells).view(1, 1, LATTICE, LATTICE)
    near = -F.max_pool2d(-bare, _ROOM, 1, _ROOM // 2)
    far = F.avg_pool2d(bare, 5, 1, 2, count_include_pad=False)
    inside = F.pad(torch.ones(1, 1, LATTICE - 2, LATTICE - 2), (1, 1, 1, 1))
    return (torch.where(inside > 0, near + 0.3 * far, -10.0)).flatten()
