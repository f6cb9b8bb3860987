"""The work that is measured: one sequence of actions, drawn beforehand, for all that take part.

Every call either carries an environment one step on or, after the last step of its plan, starts its next task: what
Gymnasium calls next-step autoreset. When that happens depends on the tasks alone, so it is known beforehand too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.throughput.setting import Setting
from imgedit_gym.engine import LONGEST_PLAN, Engine

WARM_UP = LONGEST_PLAN + 4
"""Calls before anything is measured: every environment has started a second task by then."""

SEGMENTS = 12
"""A segment, the unit of measurement, is as many calls as take such a share of the time for drawing the actions."""

SHORTEST_SEGMENT, LONGEST_SEGMENT = 4, 4096
"""In calls."""

FEWEST_SEGMENTS, MOST_SEGMENTS = 3, 64


@dataclass(frozen=True)
class Script:
    """Actions for every call.

    Attributes:
        actions: Tool and region, ``uint8 [calls, B, 2]``.
        acts: Whether an environment acts, or starts its next task instead, ``bool [calls, B]``.
        segment: Calls in a segment; the first one begins after the warm-up.
    """

    actions: np.ndarray
    acts: np.ndarray
    segment: int

    @property
    def segments(self) -> int:
        """How many whole segments there are."""
        return (len(self.actions) - WARM_UP) // self.segment

    def calls(self, segment: int) -> slice:
        """The calls of a segment; -1 is the warm-up."""
        if segment < 0:
            return slice(0, WARM_UP)
        first = WARM_UP + segment * self.segment
        return slice(first, first + self.segment)

    def steps(self, segment: int) -> int:
        """Environment steps in a segment; starting a task is none."""
        return int(self.acts[self.calls(segment)].sum())

    def save(self, path: Path) -> None:
        """Write to a file."""
        np.savez(path, actions=self.actions, acts=self.acts, segment=self.segment)

    @classmethod
    def load(cls, path: Path) -> Script:
        """Read what :meth:`save` wrote."""
        with np.load(path) as held:
            return cls(held["actions"], held["acts"], int(held["segment"]))


def write_script(setting: Setting, seconds: float) -> Script:
    """Draw actions at random, the tool among those that can do something with the current plan step.

    Args:
        setting: Of the environments.
        seconds: After so long no further segment is begun.
    """
    # The exact judge whatever is to be measured: the plans do not depend on it.
    engine = Engine(setting.num_envs, **setting.arguments() | {"judge": "checklist"}, device=setting.device)
    engine.reset(range(setting.num_envs), [setting.seed + row for row in range(setting.num_envs)])
    random = np.random.default_rng(setting.seed)
    actions: list[np.ndarray] = []
    acts: list[np.ndarray] = []

    def write(calls: int) -> list[float]:
        """Draw for some calls; returns the seconds of each."""
        times = [time.perf_counter()]
        for _ in range(calls):
            ended = engine.step_index >= engine.plan_length
            actions.append(_draw(engine, random))
            acts.append(~ended.cpu().numpy())
            _pass(engine, ended)
            times.append(time.perf_counter())
        return np.diff(times).tolist()

    pace = float(np.median(write(WARM_UP)))
    segment = int(np.clip(seconds / SEGMENTS / pace, SHORTEST_SEGMENT, LONGEST_SEGMENT))
    begun = time.perf_counter()
    for at in range(MOST_SEGMENTS):
        if at >= FEWEST_SEGMENTS and time.perf_counter() - begun > seconds:
            break
        write(segment)
    return Script(np.stack(actions), np.stack(acts), segment)


def _draw(engine: Engine, random: np.random.Generator) -> np.ndarray:
    n_tools, n_regions = engine.nvec
    lot = np.where(engine.tool_mask().cpu().numpy(), random.random((engine.num_envs, n_tools)), -1.0)
    return np.stack([lot.argmax(1), random.integers(0, n_regions, engine.num_envs)], 1).astype(np.uint8)


def _pass(engine: Engine, ended: torch.Tensor) -> None:
    """One call of ``skip``: where a plan goes on does not depend on what the tools do."""
    acting, fresh = (mask.nonzero().flatten() for mask in (~ended, ended))
    if len(acting):
        engine.step(torch.zeros(engine.num_envs, 2, dtype=torch.int64), acting)
    if len(fresh):
        engine.reset(fresh.tolist(), [None] * len(fresh))
