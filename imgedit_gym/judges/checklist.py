"""The exact judge: it asks the task's own checklist to measure the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import Cases, Judge
from imgedit_gym.judges.weighing import weigh

if TYPE_CHECKING:
    from imgedit_gym.models.store import Store


UNTOLD = "no measurement tells whether an instruction was carried out: take a judge that asks a model"


class ChecklistJudge(Judge):
    """Judges by measurement alone.

    A task with a requirement of kind ``instruction`` cannot be judged so: its judgements are invalid.

    Args:
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.

    Raises:
        ImgEditError: If the combination is unknown.
    """

    id = "checklist"

    def __init__(self, combine: str = "product") -> None:
        self.combine = combination(combine)

    def judge(self, cases: Cases) -> Verdict:
        """Measure and combine; see :class:`imgedit_gym.judges.base.Judge`."""
        found = cases.checklist.measure(cases.canvas, cases.rows)
        execution, score, success = weigh(found, cases.wanted, cases.due, self.combine)
        n, device = len(cases), cases.canvas.device
        untold = (cases.wanted[..., 0] == Kind.INSTRUCTION).any(1)
        # only tasks that users brought along ask for what cannot be measured
        rows = untold.nonzero().flatten().tolist() if cases.batch.texts else ()
        return Verdict(
            execution=execution,
            preservation=found.preservation,
            quality=found.quality,
            score=score,
            requirements=found.requirements,
            success=success,
            preserved=found.preserved,
            valid=~untold,
            reasons=dict.fromkeys(rows, UNTOLD),
            calls=torch.zeros(n, device=device),
        )

    def cached(self, store: Store) -> Judge:
        """Itself: measuring again takes less time than looking a picture up."""
        return self
