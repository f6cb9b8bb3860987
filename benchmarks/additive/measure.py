"""The additive reward against the trajectory's, on tasks that differ in how much things stand in each other's way.

The additive approximation judges each plan step alone, on the source picture, and sums what the steps earn; the
trajectory's reward is what the whole sequence earns. Source: "From Plans to Pixels" (arXiv 2605.15181), which learns
from the former.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.orchestrator.explore import Explorer, source_states
from baselines.orchestrator.measure import OnOraclePlan, play
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.orchestrator.outcomes import OutcomeTable
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.engine import Engine, oracle_regions

KNOBS = {"steps": (2, 5), "objects": (4, 7)}
"""Those of the split ``test-overlap``, whose overlap is 0.7."""

SPLIT = "test-overlap"
RIGHT_PLACE = 0.5
"""Share of the random actions that are made at the region that the step concerns."""

CELLS = 4
"""See :class:`baselines.orchestrator.explore.Explorer`."""

_ENVS = 25


@dataclass
class Level:
    """What was measured at one overlap.

    Attributes:
        overlap: Share of the objects that stand partly on another.
        additive: Sum of the steps' rewards of random tries, ``[tasks, tries]``.
        true: What the same tries earn in truth.
        chosen: Final gain of the tools and regions that are best step by step, ``[tasks]``, by what was maximised.
        calls: Tool calls that the choice took, by the same.
        policies: Final scores of trained orchestrators, ``[tasks]``, by the same.
    """

    overlap: float
    additive: np.ndarray
    true: np.ndarray
    chosen: dict[str, np.ndarray]
    calls: dict[str, int]
    policies: dict[str, np.ndarray]


def measure(
    overlap: float,
    seeds: Sequence[int],
    samples: int,
    folder: Path,
    policies: dict[str, Orchestrator],
    seed: int,
) -> Level:
    """Measure one level.

    Args:
        overlap: Of the tasks, in [0, 1].
        seeds: One task each.
        samples: Random tries at each task.
        folder: Where the outcome table is kept.
        policies: Trained orchestrators by the reward that they learnt from.
        seed: Of the random tries.
    """
    arguments: dict[str, Any] = {"tasks": {"id": "adverts", "overlap": overlap, **KNOBS}, "split": SPLIT}
    groups = [list(seeds[start : start + _ENVS]) for start in range(0, len(seeds), _ENVS)]
    tries = [_tries(Engine(len(some), reward_mode="additive", **arguments), some, samples, seed) for some in groups]
    additive, true = (np.concatenate([one[at] for one in tries]) for at in (0, 1))
    chosen: dict[str, np.ndarray] = {}
    calls: dict[str, int] = {}
    for name in ("additive", "trajectory"):
        found = [
            _chosen(Engine(len(some), **arguments), some, folder / "outcomes.sqlite", name == "additive")
            for some in groups
        ]
        chosen[name] = np.concatenate([gain for gain, _ in found])
        calls[name] = sum(made for _, made in found)
    played = {
        name: np.array([one.score for one in play(name, OnOraclePlan(policy), seeds, arguments)])
        for name, policy in policies.items()
    }
    return Level(overlap, additive, true, chosen, calls, played)


def _tries(engine: Engine, seeds: Sequence[int], samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of additive rewards and true gains of random tries, each ``[tasks, tries]``."""
    sums, gains = [], []
    for number in range(samples):
        dice = np.random.default_rng((seed, number, *seeds[:1]))
        before = engine.reset(range(len(seeds)), seeds).score.clone()
        where = [oracle_regions(engine, row) for row in range(len(seeds))]
        total = torch.zeros(len(seeds), dtype=torch.float64)
        while len(rows := (engine.step_index < engine.plan_length).nonzero().flatten()):
            actions = torch.zeros(len(seeds), 2, dtype=torch.int64)
            mask, at = engine.tool_mask(), engine.step_index.tolist()
            for row in rows.tolist():
                actions[row, 0] = int(dice.choice(mask[row, 1:].nonzero().flatten().numpy() + 1))
                right = dice.random() < RIGHT_PLACE
                actions[row, 1] = where[row][at[row]] if right else int(dice.integers(N_REGIONS))
            total[rows] += engine.step(actions, rows).reward[rows].double()
        sums.append(total.numpy())
        gains.append((engine.verdict.score - before).double().numpy())
    return np.stack(sums, 1), np.stack(gains, 1)


def _chosen(engine: Engine, seeds: Sequence[int], path: Path, additive: bool) -> tuple[np.ndarray, int]:
    """What the best tool and region of each step gain together, and the tool calls it took to find them."""
    explorer = Explorer(engine, OutcomeTable(path), CELLS)
    before = engine.reset(range(len(seeds)), seeds).score.clone()
    plans: dict[tuple[int, int], tuple[int, int]] = {}
    if additive:
        for indices, rows in source_states(engine):
            found = explorer.at(engine.batch.images[rows], indices, rows, torch.zeros(len(rows)), alone=True)
            for row, index, one in zip(rows.tolist(), indices.tolist(), found, strict=True):
                plans[row, index] = one.best()
    while len(rows := (engine.step_index < engine.plan_length).nonzero().flatten()):
        actions = torch.zeros(len(seeds), 2, dtype=torch.int64)
        if additive:
            best = [plans[row, int(engine.step_index[row])] for row in rows.tolist()]
        else:
            best = [one.best() for one in explorer.here(rows)]
        actions[rows] = torch.tensor(best)
        engine.step(actions, rows)
    return (engine.verdict.score - before).double().numpy(), explorer.calls + explorer.known
