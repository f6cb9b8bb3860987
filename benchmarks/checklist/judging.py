"""What the judge says of finished pictures."""

from __future__ import annotations

import torch

from imgedit_gym.core.verdict import Verdict
from imgedit_gym.engine import LONGEST_PLAN, Engine


def judge_finished(engine: Engine, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> Verdict:
    """Judge pictures, all requirements of their tasks counting.

    Args:
        engine: Whose tasks they are.
        canvas: ``uint8 [N, S, S, 3]``.
        rows: The task of each picture, ``int64 [N]``; ``None`` for picture i and task i.
    """
    due = torch.full((len(canvas),), LONGEST_PLAN + 1, dtype=torch.int32)
    return engine.judge.judge(engine.batch, engine.checklist, canvas.contiguous(), due, rows)
