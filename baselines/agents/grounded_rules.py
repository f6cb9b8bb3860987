"""Rules with learned grounding: what labels alone teach, beside what rewards teach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.agents.rule_based import RuleBasedAgent
from baselines.agents.tables import table_tool


class GroundedRulesAgent(RuleBasedAgent):
    """Plans like the rules, acts where the frozen image encoder sees the step's target, with the table's tools.

    Args:
        vision: Folder of the image encoder; the package's if none is named.
        device: Where to compute.
    """

    worlds = ("adverts",)

    def __init__(self, vision: str | Path | None = None, device: str = "cpu") -> None:
        from baselines.vision import Vision

        self._vision = Vision.load(vision, device)

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The table's tool where the step's target is seen now."""
        from baselines.vision.grounding import find_regions

        rows = np.flatnonzero(infos["active"])
        steps = [infos["plan"][row][infos["plan_index"][row]] for row in rows]
        tokens = self._vision.tokens(torch.from_numpy(observations["image"][rows]))
        actions = np.zeros((len(infos["active"]), 2), dtype=np.int64)
        actions[rows, 0] = [self.context.tool(table_tool(step)) for step in steps]
        actions[rows, 1] = find_regions(self._vision, tokens, steps).numpy()
        return actions
