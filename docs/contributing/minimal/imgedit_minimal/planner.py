"""A planner: from the task to a plan, when an episode starts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imgedit_gym.core.names import TONES
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep
from imgedit_gym.core.task_source import TaskSource
from imgedit_gym.core.tasks import TaskBatch


class TonePlanner:
    """Plans an adjustment for every tone that the instruction names; without one the instruction is the step."""

    id = "tones"
    version = "1"
    deterministic = True
    follows_oracle = False

    def __init__(self, tasks: TaskSource) -> None:
        self._tasks = tasks

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan]:
        """One plan a task, no longer than the batch has room for."""
        return [self._plan(self._tasks.instruction(batch, row))[: batch.plan.shape[1]] for row in rows.tolist()]

    def _plan(self, instruction: str) -> Plan:
        words = instruction.lower().replace(".", " ").replace(",", " ").split()
        steps = tuple(PlanStep("adjust", PICTURE, word) for word in words if word in TONES)
        return steps or (PlanStep("edit", PICTURE, instruction),)
