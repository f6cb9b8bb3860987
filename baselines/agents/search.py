"""Rules plan, search acts: what a simulator and a judge are worth to someone without ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from baselines.agents.base import Agent
from baselines.agents.tables import table_tool
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan, PlanStep
from imgedit_gym.core.region import LATTICE, N_REGIONS
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.oracle import TIE, tools_for
from imgedit_gym.planners.detector import look
from imgedit_gym.planners.rules import make_plan

SLICE = 16
"""Tasks searched together: each follows several pictures at a time."""


@dataclass
class Branch:
    """A sequence of actions that is followed.

    Attributes:
        row: Whose picture.
        canvas: What the actions made of it, ``uint8 [H, W, 3]``.
        worth: What the judge thinks of that.
        actions: Tool and region of each step so far.
    """

    row: int
    canvas: torch.Tensor
    worth: float
    actions: list[tuple[int, int]] = field(default_factory=list)


class SearchAgent(Agent):
    """Carries the rules' plan out with the tools and regions that the environment's own judge likes best.

    It is given the engine and looks ahead with ``Engine.imagine``: it may try actions on copies of the picture and ask
    the judge what it thinks of them, as someone can who owns simulator and judge. It does not use the oracle's plan,
    nor what the task says of its regions: of regions with equal masks one is tried, and the masks alone tell.

    A beam search, step by step. The budget that is left is shared out equally among the steps to come and the pictures
    that are followed. For a step, the table's tool is tried in every region, then the other tools in the regions that
    earned most so far, until the share is spent. Skipping a step costs nothing and is always possible.

    Args:
        budget: Most pictures that the judge is asked for while searching, an episode.
        width: Sequences of actions followed at a time.

    Raises:
        ImgEditError: If an argument is no whole number of at least 1.
    """

    simulator = True
    worlds = ("adverts",)
    given = "the simulator and the judge, to look ahead with"

    def __init__(self, budget: int = 200, width: int = 2) -> None:
        for name, value in (("budget", budget), ("width", width)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ImgEditError(f"{name} must be a whole number of at least 1; found {value!r}")
        self.budget, self.width = budget, width

    def attach(self, engine: Engine) -> None:
        """Take the engine, to look ahead with."""
        self._engine = engine
        self._chosen: dict[int, list[tuple[int, int]]] = {}

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """The rules' plans."""
        scenes = look(torch.from_numpy(images).to(self.context.stock.device), self.context.stock)
        return [
            make_plan(text, scene, self.context.stock, self.context.max_plan_steps)
            for text, scene in zip(instructions, scenes, strict=True)
        ]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The next of the actions that the search has found before the first step."""
        rows = np.flatnonzero(infos["active"]).tolist()
        if not self._chosen:
            for start in range(0, len(rows), SLICE):
                self._chosen |= self._search({row: infos["plan"][row] for row in rows[start : start + SLICE]})
        actions = np.zeros((self._engine.num_envs, 2), dtype=np.int64)
        for row in rows:
            actions[row] = self._chosen[row][int(infos["plan_index"][row])]
        return actions

    def _search(self, plans: dict[int, Plan]) -> dict[int, list[tuple[int, int]]]:
        """The best actions found for each plan, by environment."""
        engine = self._engine
        regions = {row: [distinct_regions(engine, row, at) for at in range(len(plan))] for row, plan in plans.items()}
        left = dict.fromkeys(plans, self.budget)
        start = _worth(engine.verdict)
        beams = {row: [Branch(row, engine.canvas[row].clone(), float(start[row]))] for row in plans}
        for index in range(max(len(plan) for plan in plans.values())):
            rows = [row for row, plan in plans.items() if index < len(plan)]
            share = {row: left[row] // (len(plans[row]) - index) // len(beams[row]) for row in rows}
            found = {
                row: [_went_on(branch, (0, 0), branch.canvas, branch.worth) for branch in beams[row]] for row in rows
            }
            tried: dict[int, list[dict[tuple[int, int], float]]] = {row: [{} for _ in beams[row]] for row in rows}
            for choose in (_first_actions, _next_actions):
                jobs: list[tuple[int, int, tuple[int, int]]] = []
                for row in rows:
                    tools = self._tools(plans[row][index])
                    places = regions[row][index][plans[row][index].verb == "add"]
                    for at, seen in enumerate(tried[row]):
                        chosen = choose(tools, places, seen)[: share[row] - len(seen)]
                        jobs += [(row, at, action) for action in chosen]
                        left[row] -= len(chosen)
                if not jobs:
                    continue
                pictures, worth = self._imagine(jobs, beams, index)
                for job, (row, at, action) in enumerate(jobs):
                    tried[row][at][action] = worth[job]
                    found[row].append(_went_on(beams[row][at], action, pictures[job], worth[job]))
            for row in rows:
                beams[row] = sorted(found[row], key=lambda branch: -branch.worth)[: self.width]
        return {row: beam[0].actions for row, beam in beams.items()}

    def _imagine(
        self, jobs: list[tuple[int, int, tuple[int, int]]], beams: dict[int, list[Branch]], index: int
    ) -> tuple[torch.Tensor, list[float]]:
        """What actions make of the followed pictures, and what the judge thinks of it."""
        device = self._engine.device
        pictures, verdict = self._engine.imagine(
            torch.stack([beams[row][at].canvas for row, at, _ in jobs]),
            torch.full((len(jobs),), index, dtype=torch.int32, device=device),
            torch.tensor([action for *_, action in jobs], device=device),
            torch.tensor([row for row, *_ in jobs], device=device),
        )
        return pictures, _worth(verdict).tolist()

    def _tools(self, step: PlanStep) -> list[int]:
        """Tools for a step, the table's first; none where there is nothing to try."""
        first = self.context.tool(table_tool(step))
        others = [tool for tool in tools_for(step, self.context.tool_ids) if tool not in (0, first)]
        return [tool for tool in (first, *others) if tool]


def distinct_regions(engine: Engine, row: int, ahead: int = 0) -> tuple[list[int], list[int]]:
    """Regions of an environment that are worth trying, by their masks alone.

    Args:
        engine: The engine.
        row: Environment.
        ahead: For the plan step so many steps from now.

    Returns:
        Regions with masks that differ, the whole picture first; and, for adding things, the cells of the large
        regions, in each of which an object has another place, those with most of their region around them first.
    """
    index = torch.arange(N_REGIONS, device=engine.device)
    rows = torch.full_like(index, row)
    found = engine.regions.regions(rows, index, engine.steps_of(rows, ahead))
    first: dict[bytes, int] = {}
    for at, mask in enumerate(found.masks.flatten(1).cpu().numpy()):
        if mask.any():
            first.setdefault(np.packbits(mask).tobytes(), at)
    shares = F.adaptive_avg_pool2d(found.masks[1:].float(), LATTICE)
    around = F.avg_pool2d(shares, 3, stride=1, padding=1).flatten(1)
    room = shares.flatten(1).diagonal() + around.diagonal()
    order = room.argsort(descending=True, stable=True).tolist()
    large = (~found.small()).tolist()
    return list(first.values()), [cell + 1 for cell in order if large[cell + 1]]


def _first_actions(tools: list[int], regions: list[int], seen: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """The first tool in every region."""
    return [(tools[0], region) for region in regions] if tools else []


def _next_actions(tools: list[int], regions: list[int], seen: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """The other tools, in the regions that earned most so far."""
    earned = {region: worth for (_, region), worth in seen.items()}
    order = sorted(regions, key=lambda region: -earned.get(region, 0.0))
    return [(tool, region) for region in order for tool in tools[1:]]


def _went_on(branch: Branch, action: tuple[int, int], canvas: torch.Tensor, worth: float) -> Branch:
    return Branch(branch.row, canvas, worth, [*branch.actions, action])


def _worth(verdict: Any) -> torch.Tensor:
    # what could not be judged is worth least, so that the canvas is kept where nothing could be
    worth = verdict.score + TIE * (verdict.preservation + verdict.quality)
    return torch.where(verdict.valid, worth, -torch.inf)
