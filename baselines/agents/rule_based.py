"""Rules all the way: key words to a plan, template matching to regions, a fixed table to tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from baselines.agents.base import Agent
from baselines.agents.tables import table_tool
from imgedit_gym.core.plan import Plan
from imgedit_gym.planners import retouching
from imgedit_gym.planners.detector import ground, look
from imgedit_gym.planners.rules import make_plan


class RuleBasedAgent(Agent):
    """As good as rules can be with the public data files and without ground truth.

    On photographs statistics of the picture take the place of template matching, and tell the tool before each step.
    """

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """Look at each picture once and follow the recognised goal's rules."""
        pictures = torch.from_numpy(images)
        if self.context.rules == "retouching":
            self._photos = retouching.look(pictures)
            return [
                retouching.make_plan(text, seen, self.context.max_plan_steps)
                for text, seen in zip(instructions, self._photos, strict=True)
            ]
        self._scenes = look(pictures.to(self.context.stock.device), self.context.stock)
        return [
            make_plan(text, scene, self.context.stock, self.context.max_plan_steps)
            for text, scene in zip(instructions, self._scenes, strict=True)
        ]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The table's tool where the step's target was seen."""
        actions = np.zeros((len(infos["active"]), 2), dtype=np.int64)
        active = np.flatnonzero(infos["active"])
        steps = [infos["plan"][index][infos["plan_index"][index]] for index in active]
        if self.context.rules == "retouching":
            now = retouching.look(torch.from_numpy(observations["image"][active]))
            for index, step, seen in zip(active, steps, now, strict=True):
                tool = self.context.tool(retouching.choose_tool(step, seen))
                actions[index] = tool, retouching.choose_region(step, self._photos[index])
            return actions
        for index, step in zip(active, steps, strict=True):
            actions[index] = self.context.tool(table_tool(step)), ground(self._scenes[index], step)
        return actions
