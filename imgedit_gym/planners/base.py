"""What a planner does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from imgedit_gym.core.plan import Plan
from imgedit_gym.core.tasks import TaskBatch


class Planner(Protocol):
    """Makes plans when episodes start. Built once per engine, with the keyword ``tasks`` (the task source).

    Attributes:
        id: What users write.
        version: Raised when plans change.
        deterministic: Whether equal tasks give equal plans.
        follows_oracle: Whether plans are the oracle's, so that requirements count from their own step on.
    """

    id: str
    version: str
    deterministic: bool
    follows_oracle: bool

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """Plans for some tasks.

        Args:
            batch: The tasks.
            rows: Which of them, ``int64 [n]``.

        Returns:
            One plan a row, or ``None`` where the batch's own plan is the plan.
        """
        ...
