"""Lineage of edits: what a tool was given, what it gave back, and how much of the one is in the other."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Lineage:
    """One edit, before it was confined to its region.

    Attributes:
        tool: Id of the tool.
        version: Its version.
        hash_in: SHA-256 of the pixels that the tool was given, row by row, ``uint8 [S, S, 3]``.
        hash_out: SHA-256 of what it gave back; of a model, before the tool itself confined that. Equal to ``hash_in``:
            the tool did nothing.
        changed_inside: Share of the region's pixels that differ, in [0, 1].
        changed_outside: Share of the other pixels that differ, in [0, 1]; 0 where the region is the whole picture.
        kept: Correlation of the picture that was given with the one that came back, outside the region, or everywhere
            where the region is the whole picture, in [-1, 1]. Near 0: the tool ignored what it was given, or replaced
            it altogether.
    """

    tool: str
    version: str
    hash_in: str
    hash_out: str
    changed_inside: float
    changed_outside: float
    kept: float

    def as_dict(self) -> dict[str, Any]:
        """The same by name."""
        return asdict(self)


def pixel_hash(picture: torch.Tensor) -> str:
    """SHA-256 of the pixels of a picture, ``uint8 [H, W, 3]``, row by row."""
    return hashlib.sha256(picture.contiguous().cpu().numpy().tobytes()).hexdigest()


def trace(tool: Any, before: torch.Tensor, after: torch.Tensor, masks: torch.Tensor) -> list[Lineage]:
    """The lineage of n edits of one tool.

    Args:
        tool: The tool, for its id and version.
        before: What it was given, ``uint8 [n, S, S, 3]``.
        after: What it gave, ``uint8 [n, S, S, 3]``.
        masks: Where it may edit, ``bool [n, S, S]``.
    """
    differs = (before != after).any(-1)
    inside, outside = _share(differs, masks), _share(differs, ~masks)
    whole = masks.flatten(1).all(1)
    kept = _correlation(before, after, ~masks | whole[:, None, None])
    return [
        Lineage(tool.id, str(tool.version), pixel_hash(one), pixel_hash(other), *numbers)
        for one, other, *numbers in zip(before, after, inside.tolist(), outside.tolist(), kept.tolist(), strict=True)
    ]


def _share(differs: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    count = masks.flatten(1).sum(1)
    return (differs & masks).flatten(1).sum(1) / count.clamp_min(1)


def _correlation(one: torch.Tensor, other: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Correlation of pictures where a mask is set; of pictures of one colour 1 where they are equal, else 0."""
    weights = masks[..., None].double().expand(*one.shape)
    weights = (weights / weights.flatten(1).sum(1)[:, None, None, None]).flatten(1)
    x, y = one.double().flatten(1), other.double().flatten(1)
    x = x - (weights * x).sum(1, keepdim=True)
    y = y - (weights * y).sum(1, keepdim=True)
    spread = ((weights * x * x).sum(1) * (weights * y * y).sum(1)).sqrt()
    same = (one == other).flatten(1) | (weights == 0)
    flat = spread < 1e-9
    return torch.where(flat, same.all(1).double(), (weights * x * y).sum(1) / spread.clamp_min(1e-9)).clamp(-1.0, 1.0)
