"""The ceiling: the task's own plan and regions, and the tools that the exact judge likes best."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from baselines.agents.base import Agent
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.oracle import OracleOrchestrator


class OracleAgent(Agent):
    """Has the task's own plan carried out by :class:`imgedit_gym.orchestrators.oracle.OracleOrchestrator`.

    Args:
        width: Sequences of tools followed at a time; 1 takes the best tool step by step.
    """

    privileged = True
    given = "the task's own plan and regions, and the judge"

    def __init__(self, width: int = 8) -> None:
        self._orchestrator = OracleOrchestrator(width)

    def attach(self, engine: Engine) -> None:
        """Take the engine, whose answers the oracle uses, and search."""
        self._engine = engine
        self._orchestrator.begin(engine, torch.arange(engine.num_envs, device=engine.device))

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The next of the best tools, at the region the plan concerns."""
        rows = torch.from_numpy(np.flatnonzero(infos["active"])).to(self._engine.device)
        actions = np.zeros((self._engine.num_envs, 2), dtype=np.int64)
        actions[rows.cpu().numpy()] = self._orchestrator.act(self._engine, rows).numpy()
        return actions
