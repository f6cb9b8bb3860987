"""What a region provider does."""

from __future__ import annotations

from typing import Protocol

import torch

from imgedit_gym.core.region import LATTICE, RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch


class RegionProvider(Protocol):
    """Turns region indices into masks. Built once per engine, for one task batch.

    Attributes:
        id: What users write.
    """

    id: str

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch whose regions will be asked for."""
        ...

    def refresh(self, rows: torch.Tensor) -> None:
        """Take in tasks that were rewritten, ``int64 [n]``."""
        ...

    def prepare(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch) -> None:
        """Told once a step of all regions that :meth:`regions` is about to be asked for, some at a time.

        Providers that ask a model ask it here, once for all environments; the others have nothing to do.

        Args:
            rows: Environments, ``int64 [n]``.
            index: Region of each, ``int64 [n]``.
            steps: The n plan steps that the regions are for.
        """
        return None

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """Masks of some environments' regions.

        Args:
            rows: Environments, ``int64 [n]``; may name one several times.
            index: Region of each, ``int64 [n]`` in ``[0, N_REGIONS)``; 0 is the whole picture.
            steps: The n plan steps that the regions are for; ``None`` only where they do not matter.

        Returns:
            n regions; a mask may be empty, which the engine tells as feedback.
        """
        ...

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The region that best names a segment label of an environment's task; 0 if none does.

        Args:
            row: Environment.
            label: Segment label; 255 for the whole picture.
            cell: A cell to prefer where the label is the background.
        """
        ...


def cell_boxes(size: int, device: torch.device) -> torch.Tensor:
    """Boxes of all regions before segmentation, ``int32 [N_REGIONS, 4]``: the picture, then the cells by row."""
    edges = [round(i * size / LATTICE) for i in range(LATTICE + 1)]
    boxes = [(0, 0, size, size)]
    boxes += [(edges[y], edges[x], edges[y + 1], edges[x + 1]) for y in range(LATTICE) for x in range(LATTICE)]
    return torch.tensor(boxes, dtype=torch.int32, device=device)
