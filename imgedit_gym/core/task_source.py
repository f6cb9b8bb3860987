"""What a source of tasks does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from imgedit_gym.core.plan import Plan
from imgedit_gym.core.plan_report import PlanReport
from imgedit_gym.core.tasks import Checklist, TaskBatch, TaskReader
from imgedit_gym.core.vocabulary import Vocabulary


class TaskSource(TaskReader, Protocol):
    """Makes tasks, draws them and puts them into words.

    A source is built by its registry with the keywords ``image_size``, ``max_plan_steps``, ``split`` and ``device``
    beside a user's own.

    Attributes:
        id: Name and version, part of every task id.
        stream: Number of the split, from which keys are made.
        vocabulary: Codes of plan steps.
        stock: Art that tools may paste from, a :class:`Stock` of the room ``art``.
        rules: Which rules rule-based planners and agents follow: ``"adverts"`` where a source names none, or
            ``"retouching"``. Optional.
        tools: Ids of the tools that baselines are given; ``"pixel"`` where a source names none. Optional.
        regions: Id of the region provider where the user names none; ``"segments"`` where a source names none.
            Optional.
        exact: Whether the answers are known: requirements can be measured, and the oracle's plan serves them.
        credits: What is to be told where its pictures are shown: ``name`` and ``licence``, and ``url`` where there is
            one.
    """

    id: str
    stream: int
    vocabulary: Vocabulary
    stock: Any
    exact: bool
    credits: dict[str, str]

    def allocate(self, n: int) -> TaskBatch:
        """Room for n tasks, with this source as the batch's ``reader``."""
        ...

    def checklist(self, batch: TaskBatch) -> Checklist:
        """A checklist that measures canvases against a batch of this source."""
        ...

    def sample(self, batch: TaskBatch, rows: torch.Tensor, keys: torch.Tensor) -> None:
        """Write the tasks of these keys into rows of a batch.

        Args:
            batch: A batch that :meth:`allocate` made.
            rows: ``int64 [n]``.
            keys: ``int64 [n]``, from :func:`imgedit_gym.core.rng.task_key`.
        """
        ...

    def load(self, batch: TaskBatch, row: int, options: Mapping[str, Any]) -> None:
        """Write a user's own task into a row.

        Args:
            batch: A batch that :meth:`allocate` made.
            row: Which row.
            options: Keys ``image``, ``instruction``, ``plan``, ``checklist``, ``objects``.

        Raises:
            ImgEditError: If an option is not what is expected.
        """
        ...

    def key_of(self, task_id: str) -> int:
        """The key of a task id.

        Raises:
            ImgEditError: If the id is not one of this source's.
        """
        ...

    def task_id(self, batch: TaskBatch, row: int) -> str:
        """Name of a task, by which it is made again."""
        ...

    def oracle_plan(self, batch: TaskBatch, row: int) -> Plan:
        """The plan that serves every requirement."""
        ...

    def check_plan(self, batch: TaskBatch, row: int, plan: Plan) -> PlanReport:
        """Measures of a plan apart from its execution, from what the batch holds of the task and the plan alone."""
        ...
