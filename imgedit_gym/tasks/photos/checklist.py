"""The checklist of photographs: pictures measured against the hidden original."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from imgedit_gym.tasks.photos.darkroom import Darkroom

PART = 512
"""Pictures measured together."""


@dataclass
class PhotoMeasurement:
    """What the checklist finds in N canvases; all tensors are fresh.

    Attributes:
        requirements: How far each fault is gone, compared with the source picture, ``float32 [N, MAX_REQUIREMENTS]`` in
            [0, 1]; unused rows are 0.
        preserved: How far the structure of each label's pixels is still that of the original,
            ``float32 [N, N_LABELS]``; 1 where it is no less than in the source picture.
        preservation: The mean of ``preserved``, weighted by how much structure there is, ``float32 [N]``.
        quality: Freedom from differences that the faults do not explain, ``float32 [N]``.
    """

    requirements: torch.Tensor
    preserved: torch.Tensor
    preservation: torch.Tensor
    quality: torch.Tensor


class PhotoChecklist:
    """Measures canvases of the tasks in one batch.

    Args:
        darkroom: Made the pictures, and knows the originals.
    """

    version = "1"

    def __init__(self, darkroom: Darkroom) -> None:
        self._darkroom = darkroom
        self._all_rows = torch.arange(len(darkroom.batch), device=darkroom.batch.device)

    def refresh(self, rows: torch.Tensor) -> None:
        """Take in the pictures of tasks that were rewritten, ``int64 [n]``: originals are made again from the keys."""
        keys = self._darkroom.batch.keys[rows]
        own = keys < 0
        self._darkroom.develop(rows[~own], keys[~own])
        self._darkroom.take_in(rows[own])

    def measure(self, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> PhotoMeasurement:
        """Measure pictures; see :class:`imgedit_gym.core.tasks.Checklist`."""
        rows = self._all_rows if rows is None else rows
        parts = [
            PhotoMeasurement(**self._darkroom.measure(canvas[start : start + PART], rows[start : start + PART]))
            for start in range(0, len(canvas), PART)
        ]
        if len(parts) == 1:
            return parts[0]
        return PhotoMeasurement(
            **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(PhotoMeasurement)}
        )
