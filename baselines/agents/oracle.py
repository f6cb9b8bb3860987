"""The ceiling: the task's own plan and regions, and the tool that the exact judge likes best."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from baselines.agents.base import Agent
from imgedit_gym.core.names import TONES
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.engine import Engine, oracle_regions

CANDIDATES = {
    "remove": ("fill_flat", "fill_smooth", "fill_rows", "fill_columns", "fill_clone"),
    "replace": ("paste_over", "paste_clone", "paste_blend", "paste"),
    "add": ("paste", "paste_blend"),
    "recolor": ("hue_shift", "tint", "paint", "color_shift"),
    "set": ("swap_background",),
    "rewrite": ("rewrite_fill", "rewrite_clone", "rewrite_panel"),
    "adjust": ("exposure", "contrast", "saturation", "temperature", "blur", "sharpen"),
}
"""Tools worth trying for a verb; a third party's tools are tried for every verb."""

TIE = 0.02
"""Preservation and quality decide between tools that earn the same."""


class OracleAgent(Agent):
    """Tries every fitting tool on a copy of the canvas and takes the best, step by step."""

    privileged = True

    def attach(self, engine: Engine) -> None:
        """Take the engine, whose answers the oracle uses."""
        self._engine = engine
        self._regions = [oracle_regions(engine, row) for row in range(engine.num_envs)]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The best tool by look-ahead, at the region the plan concerns."""
        engine = self._engine
        actions = np.zeros((engine.num_envs, 2), dtype=np.int64)
        tried, rows = [], []
        for row in np.flatnonzero(infos["active"]).tolist():
            index = int(infos["plan_index"][row])
            step, region = infos["plan"][row][index], self._regions[row][index]
            for tool in self._fitting(step):
                tried.append((tool, region))
                rows.append(row)
        if not tried:
            return actions
        at = torch.tensor(rows, device=engine.device)
        verdict = engine.try_actions(torch.tensor(tried, device=engine.device), at)
        worth = verdict.score + TIE * (verdict.preservation + verdict.quality)
        best: dict[int, float] = {}
        for row, action, value in zip(rows, tried, worth.tolist(), strict=True):
            if value > best.get(row, float("-inf")) + 1e-6:
                best[row] = value
                actions[row] = action
        return actions

    def _fitting(self, step: PlanStep) -> list[int]:
        known = {tool for tools in CANDIDATES.values() for tool in tools}
        wanted = CANDIDATES.get(step.verb, ()) if step.value not in TONES else CANDIDATES["adjust"]
        ids = self._engine.tool_ids
        return [i for i, id in enumerate(ids) if id in wanted or (id not in known and i > 0 and id != "erase_text")]
