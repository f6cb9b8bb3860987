"""The learned planner, and the learned orchestrator for its steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.agents.base import Agent
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan

WEIGHTS = Path(__file__).parents[1] / "weights"


class LearnedAgent(Agent):
    """Plans and acts with trained weights, from the picture and the request alone.

    Args:
        planner: Folder of a planner; the package's if none is named.
        orchestrator: Folder of an orchestrator; the package's if none is named.
        device: Where to compute.

    Raises:
        ImgEditError: If weights are missing; it names the command that makes them.
    """

    worlds = ("adverts",)

    folders = (WEIGHTS / "planner", WEIGHTS / "orchestrator")
    """Where the package's weights are."""

    commands = (
        "python -m baselines.training.planner --stage self",
        "python -m baselines.training.orchestrator --method table",
    )
    """What makes them."""

    def __init__(
        self, planner: str | Path | None = None, orchestrator: str | Path | None = None, device: str = "cpu"
    ) -> None:
        from baselines.planner import Planner

        self._planner = Planner.load(self._found(0, planner), device)
        self._load_hands(orchestrator, device)

    def _found(self, which: int, given: str | Path | None) -> Path:
        """A folder with weights: the one that is named, or the package's."""
        folder = Path(given or self.folders[which])
        if not (folder / "config.json").is_file():
            raise ImgEditError(f"no trained weights in {folder}; make them with: {self.commands[which]} --out DIR")
        return folder

    def _load_hands(self, orchestrator: str | Path | None, device: str) -> None:
        from baselines.orchestrator.orchestrator import Orchestrator

        self._orchestrator = Orchestrator.load(self._found(1, orchestrator), device=device)

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """The planner's likeliest plans; of a request that joins two, a plan for each, joined."""
        from baselines.planner.joining import plan_apart

        plans = plan_apart(self._planner, torch.from_numpy(images), instructions)
        return [plan[: self.context.max_plan_steps] for plan in plans]

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
