"""A baseline agent: it plans and acts, from what it sees alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines.agents.base import Agent
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep


class DayAndNight(Agent):
    """Makes dark pictures brighter and bright ones darker, with the last tool that accepts the step."""

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan]:
        """One step each, whatever is asked for."""
        tones = ["darker" if image.mean() > 127 else "brighter" for image in images]
        return [(PlanStep("adjust", PICTURE, tone),) for tone in tones]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """Tool and region 0, ``int64 [n, 2]``."""
        fits = infos["tool_mask"]
        tools = fits.shape[1] - 1 - fits[:, ::-1].argmax(1)
        return np.stack([tools, np.zeros_like(tools)], 1)
