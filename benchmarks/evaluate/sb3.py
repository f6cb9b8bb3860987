"""A policy that Stable-Baselines3 saved, from the user's own disk.

Its file holds pickles: load none that somebody else made. Submissions never hold one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete

from baselines.agents.base import Agent, AgentContext
from baselines.agents.rule_based import RuleBasedAgent
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan

ALGORITHMS = {
    "MaskablePPO": "sb3_contrib",
    "PPO": "stable_baselines3",
    "A2C": "stable_baselines3",
    "DQN": "stable_baselines3",
}
PLANNERS = ("rules", "none", "oracle")


class Sb3Agent(Agent):
    """A saved policy, trained on ``ImageEdit-v0`` with either action space, carries out plans.

    Args:
        path: File of ``model.save``.
        algorithm: Class that saved it.
        planner: Who plans: ``"rules"``; ``"none"``, the instruction is the only step; or ``"oracle"``, the task's own
            plan, which makes the agent privileged.
        deterministic: Whether the likeliest action is taken.
        device: Torch device.

    Raises:
        ImgEditError: If the file cannot be loaded, or its spaces are not those of the environment.
    """

    def __init__(
        self,
        path: str,
        algorithm: str = "MaskablePPO",
        planner: str = "rules",
        deterministic: bool = True,
        device: str = "cpu",
    ) -> None:
        if algorithm not in ALGORITHMS:
            raise ImgEditError(f"algorithm must be one of {', '.join(ALGORITHMS)}; found {algorithm!r}")
        if planner not in PLANNERS:
            raise ImgEditError(f"planner must be one of {PLANNERS}; found {planner!r}")
        if not Path(path).is_file():
            raise ImgEditError(f"path: expected a file of model.save; found nothing at {path!r}")
        made = getattr(importlib.import_module(ALGORITHMS[algorithm]), algorithm)
        try:
            self._model = made.load(path, device=device)
        except Exception as error:
            raise ImgEditError(f"{path}: expected a model that {algorithm} saved; {error}") from error
        self.privileged = planner == "oracle"  # type: ignore[misc]
        self._planner, self._deterministic = planner, deterministic
        self._masked = algorithm.startswith("Maskable")

    def begin(self, context: AgentContext) -> None:
        """Check that the model is for such an environment."""
        super().begin(context)
        space, sizes = self._model.action_space, [len(context.tool_ids), context.n_regions]
        joint = isinstance(space, Discrete) and space.n == sizes[0] * sizes[1]
        if not joint and not (isinstance(space, MultiDiscrete) and space.nvec.tolist() == sizes):
            raise ImgEditError(f"the model's actions must be {sizes}, as one number or two; found {space}")
        self._joint = joint

    def attach(self, engine: Any) -> None:
        """Nothing is wanted of the engine but its plans."""

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """Plans by rules, or none."""
        if self._planner != "rules":
            return None
        rules = RuleBasedAgent()
        rules.begin(self.context)
        return rules.plan(images, instructions)

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """What the policy predicts."""
        known = self._model.observation_space.spaces
        seen = {name: value for name, value in observations.items() if name in known}
        options = {"action_masks": self._masks(infos["tool_mask"])} if self._masked else {}
        actions, _ = self._model.predict(seen, deterministic=self._deterministic, **options)
        actions = np.asarray(actions, dtype=np.int64)
        if self._joint:
            actions = np.stack(np.divmod(actions, self.context.n_regions), 1)
        return actions

    def _masks(self, tools: np.ndarray) -> np.ndarray:
        regions = np.ones((len(tools), self.context.n_regions), dtype=bool)
        if not self._joint:
            return np.concatenate([tools, regions], 1)
        masks = tools[:, :, None] & regions[:, None]
        masks[:, 0, 1:] = False  # skip is one action, whatever the region
        return masks.reshape(len(tools), -1)
