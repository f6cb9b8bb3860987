"""The ceiling: the task's own plan and regions, and the tools that the exact judge likes best."""

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

SLICE = 16
"""Tasks searched together: each follows several pictures at a time."""

TIE = 0.02
"""Preservation and quality decide between tools that earn the same."""


class OracleAgent(Agent):
    """Searches for the best tools for the task's plan, on copies of the canvas, before the first step.

    A beam search: what looks as good as anything else after one step may turn out worse after a later one.

    Args:
        width: Sequences of tools followed at a time; 1 takes the best tool step by step.
    """

    privileged = True

    def __init__(self, width: int = 8) -> None:
        self._width = width

    def attach(self, engine: Engine) -> None:
        """Take the engine, whose answers the oracle uses."""
        self._engine = engine
        self._regions = [oracle_regions(engine, row) for row in range(engine.num_envs)]
        self._chosen: dict[int, list[int]] | None = None

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The next of the best tools, at the region the plan concerns."""
        rows = np.flatnonzero(infos["active"]).tolist()
        if self._chosen is None:
            self._chosen = {}
            for start in range(0, len(rows), SLICE):
                self._chosen |= self._search({row: list(infos["plan"][row]) for row in rows[start : start + SLICE]})
        actions = np.zeros((self._engine.num_envs, 2), dtype=np.int64)
        for row in rows:
            index = int(infos["plan_index"][row])
            actions[row] = self._chosen[row][index], self._regions[row][index]
        return actions

    def _search(self, plans: dict[int, list[PlanStep]]) -> dict[int, list[int]]:
        """The best tools for each plan, by environment."""
        engine = self._engine
        device = engine.device
        chosen: dict[int, list[int]] = {}
        # the beam: whose picture, the tools that made it, the picture
        owners = sorted(plans)
        tools: list[list[int]] = [[] for _ in owners]
        canvas = engine.canvas[torch.tensor(owners, device=device)]
        index = 0
        while owners:
            tried, parents = [], []
            for parent, row in enumerate(owners):
                for tool in self._fitting(plans[row][index]):
                    tried.append((tool, self._regions[row][index]))
                    parents.append(parent)
            rows = torch.tensor([owners[parent] for parent in parents], device=device)
            pictures, verdict = engine.imagine(
                canvas[torch.tensor(parents, device=device)],
                torch.full((len(rows),), index, dtype=torch.int32, device=device),
                torch.tensor(tried, device=device),
                rows,
            )
            worth = verdict.score + TIE * (verdict.preservation + verdict.quality)
            best: dict[int, list[int]] = {}
            for at in torch.argsort(worth, descending=True, stable=True).tolist():
                beam = best.setdefault(owners[parents[at]], [])
                if len(beam) < self._width:
                    beam.append(at)
            kept: list[int] = []
            for row, beam in best.items():
                if index + 1 == len(plans[row]):
                    chosen[row] = [*tools[parents[beam[0]]], tried[beam[0]][0]]
                else:
                    kept += beam
            owners = [owners[parents[at]] for at in kept]
            tools = [[*tools[parents[at]], tried[at][0]] for at in kept]
            canvas = pictures[torch.tensor(kept, dtype=torch.int64, device=device)]
            index += 1
        return chosen

    def _fitting(self, step: PlanStep) -> list[int]:
        known = {tool for tools in CANDIDATES.values() for tool in tools}
        wanted = CANDIDATES.get(step.verb, ()) if step.value not in TONES else CANDIDATES["adjust"]
        ids = self._engine.tool_ids
        fitting = [i for i, id in enumerate(ids) if id in wanted or (id not in known and i > 0 and id != "erase_text")]
        return fitting or [0]
