"""What a judge does."""

from __future__ import annotations

from typing import Protocol

import torch

from imgedit_gym.core.tasks import Checklist, TaskBatch
from imgedit_gym.core.verdict import Combine, Verdict


class Judge(Protocol):
    """Judges canvases. Built once per engine; one call judges every environment that needs it.

    Attributes:
        id: What users write.
        version: Raised when verdicts change.
        prompt_hash: Hash of the prompts of a model-backed judge; empty for a measurement.
        deterministic: Whether equal input gives equal verdicts.
        combine: How E, P and Q make the score. With it the engine weighs what was found in a picture again when more
            requirements count but the picture is the same, by :func:`imgedit_gym.core.verdict.weigh`; judges use
            the same function.
    """

    id: str
    version: str
    prompt_hash: str
    deterministic: bool
    combine: Combine

    def judge(
        self,
        batch: TaskBatch,
        checklist: Checklist,
        canvas: torch.Tensor,
        due: torch.Tensor,
        rows: torch.Tensor | None = None,
    ) -> Verdict:
        """Judge pictures.

        Args:
            batch: The tasks; sources are ``batch.images``.
            checklist: Measures canvases against the batch.
            canvas: ``uint8 [N, H, W, 3]``.
            due: ``int32 [N]``; requirements whose plan step is below it count.
            rows: Which task each picture belongs to, ``int64 [N]``; ``None`` for picture i and task i.

        Returns:
            Fresh tensors; what is found in a picture must not depend on ``due``.
        """
        ...
