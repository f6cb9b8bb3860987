"""The plan the task was made for."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imgedit_gym.core.plan import Plan
from imgedit_gym.core.task_source import TaskSource
from imgedit_gym.core.tasks import TaskBatch


class OraclePlanner:
    """Uses the task's own plan."""

    id = "oracle"
    version = "1"
    deterministic = True
    follows_oracle = True

    def __init__(self, tasks: TaskSource) -> None:
        """Take the task source, which it does not need."""

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """Leave the batch's plan in place."""
        return None
