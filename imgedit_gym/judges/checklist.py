"""The exact judge: it asks the task's own checklist to measure the pixels."""

from __future__ import annotations

import torch

from imgedit_gym.core.tasks import Checklist, TaskBatch
from imgedit_gym.core.verdict import Verdict, combination, weigh


class ChecklistJudge:
    """Judges by measurement alone.

    Args:
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.

    Raises:
        ImgEditError: If the combination is unknown.
    """

    id = "checklist"
    version = "1"
    prompt_hash = ""
    deterministic = True

    def __init__(self, combine: str = "product") -> None:
        self.combine = combination(combine)

    def judge(
        self,
        batch: TaskBatch,
        checklist: Checklist,
        canvas: torch.Tensor,
        due: torch.Tensor,
        rows: torch.Tensor | None = None,
    ) -> Verdict:
        """Measure and combine; see :class:`imgedit_gym.judges.base.Judge`."""
        found = checklist.measure(canvas, rows)
        wanted = batch.requirements if rows is None else batch.requirements[rows]
        execution, score, success = weigh(found, wanted, due, self.combine)
        n, device = len(canvas), canvas.device
        return Verdict(
            execution=execution,
            preservation=found.preservation,
            quality=found.quality,
            score=score,
            requirements=found.requirements,
            success=success,
            preserved=found.preserved,
            valid=torch.ones(n, dtype=torch.bool, device=device),
            calls=torch.zeros(n, device=device),
        )
