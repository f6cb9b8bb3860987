"""What an orchestrator does."""

from __future__ import annotations

from typing import Protocol

import torch

from imgedit_gym.engine import Engine


class Orchestrator(Protocol):
    """Carries out plans: chooses a tool and a region for each plan step, for all environments at once.

    Attributes:
        id: What users write.
        version: Raised when its choices change.
        deterministic: Whether equal pictures and plans bring about equal choices.
        privileged: Whether it uses what the picture and the words do not tell: the task's answers, or the judge.
    """

    id: str
    version: str
    deterministic: bool
    privileged: bool

    def begin(self, engine: Engine, rows: torch.Tensor) -> None:
        """Take in the plans of environments, before their first steps.

        Args:
            engine: Holds pictures and plans.
            rows: Which environments, ``int64 [n]``.
        """
        ...

    def act(self, engine: Engine, rows: torch.Tensor) -> torch.Tensor:
        """Choose the next actions.

        Args:
            engine: Holds pictures, plans and the current steps.
            rows: Environments whose plans are not exhausted, ``int64 [n]``; all of them have begun.

        Returns:
            Tool and region of each, ``int64 [n, 2]``, on any device.
        """
        ...


def carry_out(engine: Engine, orchestrator: Orchestrator, rows: torch.Tensor) -> None:
    """Have an orchestrator carry out the plans of environments to their ends.

    Args:
        engine: Whose environments have their plans set and no step taken.
        orchestrator: Who chooses.
        rows: Which environments, ``int64 [n]``; the others stay as they are.

    Raises:
        ImgEditError: If the orchestrator chooses a tool or region that there is not.
    """
    orchestrator.begin(engine, rows)
    while True:
        active = rows[engine.step_index[rows] < engine.plan_length[rows]]
        if not len(active):
            return
        actions = torch.zeros(engine.num_envs, 2, dtype=torch.int64, device=engine.device)
        actions[active] = orchestrator.act(engine, active).to(engine.device, torch.int64)
        engine.step(actions, active)
