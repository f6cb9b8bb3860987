"""The rules' plan, carried out by an orchestrator that learned by trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from baselines.agents.rule_based import RuleBasedAgent
from imgedit_gym.core.errors import ImgEditError

WEIGHTS = Path(__file__).parents[1] / "weights" / "ppo"


class PPOAgent(RuleBasedAgent):
    """Plans like the rules, and acts with the policy that PPO trained.

    Args:
        orchestrator: Folder of an orchestrator; that of PPO in the package if none is named.
        device: Where to compute.

    Raises:
        ImgEditError: If weights are missing; it names the command that makes them.
    """

    worlds = ("adverts",)

    def __init__(self, orchestrator: str | Path | None = None, device: str = "cpu") -> None:
        from baselines.orchestrator.orchestrator import Orchestrator

        folder = WEIGHTS if orchestrator is None else Path(orchestrator)
        if not (folder / "config.json").is_file():
            command = "python -m baselines.training.orchestrator --method ppo"
            raise ImgEditError(f"no trained weights in {folder}; make them with: {command} --out DIR")
        self._orchestrator = Orchestrator.load(folder, device=device)

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The orchestrator's likeliest tool and region."""
        rows = np.flatnonzero(infos["active"])
        actions = np.zeros((len(infos["active"]), 2), dtype=np.int64)
        actions[rows] = self._orchestrator.act(
            observations["image"][rows],
            observations["plan_step"][rows],
            infos["tool_mask"][rows],
            self.context.tool_ids,
        )
        return actions
