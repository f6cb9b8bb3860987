"""What an orchestrator makes of plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from imgedit_gym.core.plan import Plan
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.base import Orchestrator, carry_out

_ROWS = 64
"""Plans carried out at a time."""


@dataclass(frozen=True)
class Executed:
    """What became of a plan.

    Attributes:
        score: Final score, of all requirements.
        success: Whether the task was solved.
        before: Score of the untouched picture, of all requirements.
        valid: Whether both pictures could be judged; where not, the numbers mean nothing.
    """

    score: float
    success: bool
    before: float
    valid: bool = True


def execute(
    seeds: Sequence[int],
    plans: Sequence[Plan | None],
    orchestrator: Orchestrator,
    arguments: dict[str, Any],
) -> list[Executed]:
    """Carry out plans.

    Args:
        seeds: Seed of the task of each plan.
        plans: The plans; ``None`` for the task's own.
        orchestrator: Who carries them out.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
    """
    found: list[Executed] = []
    for start in range(0, len(seeds), _ROWS):
        some, given = seeds[start : start + _ROWS], plans[start : start + _ROWS]
        # under the planner "agent" all requirements count from the first picture on
        engine = Engine(len(some), **arguments, planner="agent")
        rows = list(range(len(some)))
        first = engine.reset(rows, list(some))
        before, judged = first.score.tolist(), first.valid.clone()
        own = [
            engine.tasks.oracle_plan(engine.batch, row) if plan is None else plan
            for row, plan in zip(rows, given, strict=True)
        ]
        engine.set_plans(rows, own)
        carry_out(engine, orchestrator, torch.tensor(rows, device=engine.device))
        last = engine.verdict
        found += [
            Executed(score, success, start, valid)
            for score, success, start, valid in zip(
                last.score.tolist(), last.success.tolist(), before, (judged & last.valid).tolist(), strict=True
            )
        ]
    return found


class TrainedHands:
    """A trained orchestrator as engines take one.

    Args:
        trained: What :meth:`baselines.orchestrator.orchestrator.Orchestrator.load` gives.
    """

    id = "learned"
    version = "1"
    deterministic = True
    privileged = False

    def __init__(self, trained: Any) -> None:
        self._trained = trained

    def begin(self, engine: Engine, rows: torch.Tensor) -> None:
        """Nothing to prepare."""

    def act(self, engine: Engine, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`imgedit_gym.orchestrators.base.Orchestrator`."""
        codes, mask = engine.current_codes()[rows], engine.tool_mask()[rows]
        return torch.from_numpy(self._trained.act(engine.canvas[rows], codes, mask, engine.tool_ids))
