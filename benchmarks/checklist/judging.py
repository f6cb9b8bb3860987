"""What a judge says of finished pictures."""

from __future__ import annotations

import torch

from imgedit_gym.core.verdict import Verdict
from imgedit_gym.engine import LONGEST_PLAN, Engine
from imgedit_gym.judges.base import Cases


def finished_cases(engine: Engine, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> Cases:
    """Pictures to be judged, all requirements of their tasks counting.

    Args:
        engine: Whose tasks they are.
        canvas: ``uint8 [N, S, S, 3]``.
        rows: The task of each picture, ``int64 [N]``; ``None`` for picture i and task i.
    """
    due = torch.full((len(canvas),), LONGEST_PLAN + 1, dtype=torch.int32)
    return Cases(engine.batch, engine.checklist, canvas.contiguous(), due, rows)


def judge_finished(engine: Engine, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> Verdict:
    """What the engine's judge says of them; see :func:`finished_cases`."""
    return engine.judge.judge(finished_cases(engine, canvas, rows))
