"""No planning: the instruction is the only step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imgedit_gym.core.plan import PICTURE, Plan, PlanStep
from imgedit_gym.core.task_source import TaskSource
from imgedit_gym.core.tasks import TaskBatch


class NonePlanner:
    """Makes the instruction itself the one plan step."""

    id = "none"
    version = "1"
    deterministic = True
    follows_oracle = False

    def __init__(self, tasks: TaskSource) -> None:
        self._tasks = tasks

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """One free-text step a task."""
        return [(PlanStep("edit", PICTURE, self._tasks.instruction(batch, row)),) for row in rows.tolist()]
