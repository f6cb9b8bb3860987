"""How long and from what the orchestrator learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from baselines.orchestrator.explore import NO_LIMIT
from baselines.orchestrator.network import Shape

CROWDED: Mapping[str, Any] = {"steps": (2, 5), "objects": (4, 7), "overlap": 0.7}
"""Knobs of adverts in which things stand in each other's way."""

LONG: Mapping[str, Any] = {"steps": (5, 8), "objects": (6, 9)}
"""Knobs of adverts that many steps are needed for."""


@dataclass(frozen=True)
class Round:
    """One round of the table's learner.

    Attributes:
        episodes: Episodes whose plan steps are added to what it learns from.
        updates: Updates on everything that has been added so far.
    """

    episodes: int
    updates: int


@dataclass(frozen=True)
class TablePreset:
    """A training from the outcome table.

    Attributes:
        shape: Sizes of the policy.
        rounds: The first follows the best choices of the table, the others what the policy has become.
        batch: Plan steps in each update.
        rate: Learning rate.
        sharpness: How much less reward makes a choice e times less wanted, in score.
        image_size: Edge of the pictures in pixels.
        envs: Environments at a time; divides the episodes of every round.
        cells: See :class:`baselines.orchestrator.explore.Explorer`.
        validation: Episodes of the split ``val`` on which every round is measured.
        adverts: Knobs of the adverts that it learns from, taken in turns, one batch of environments after the other.
    """

    shape: Shape
    rounds: tuple[Round, ...]
    batch: int = 64
    rate: float = 1e-3
    sharpness: float = 0.03
    image_size: int = 128
    envs: int = 20
    cells: int = NO_LIMIT
    validation: int = 100
    adverts: tuple[Mapping[str, Any], ...] = ({},)

    def lasting(self, steps: int) -> TablePreset:
        """The same with so many updates in all, shared out among the rounds as they were."""
        share = steps / sum(one.updates for one in self.rounds)
        return replace(
            self, rounds=tuple(replace(one, updates=max(round(one.updates * share), 1)) for one in self.rounds)
        )


@dataclass(frozen=True)
class PPOPreset:
    """A training by PPO.

    Attributes:
        shape: Sizes of the policy.
        steps: Steps in the environment.
        chunk: Steps between checkpoints; each chunk begins with new episodes.
        envs: Environments at a time.
        rollout: Steps of each environment between updates.
        batch: Size of the minibatches.
        epochs: Times that each rollout is gone through.
        rate: Learning rate, which falls to a tenth.
        discount: Worth of the next step's reward.
        entropy: Weight of the entropy.
        image_size: Edge of the pictures in pixels.
        validation: Episodes of the split ``val`` on which it is measured after each chunk.
    """

    shape: Shape
    steps: int
    chunk: int
    envs: int = 64
    rollout: int = 16
    batch: int = 256
    epochs: int = 4
    rate: float = 5e-4
    discount: float = 0.5
    entropy: float = 0.01
    image_size: int = 128
    validation: int = 100

    def lasting(self, steps: int) -> PPOPreset:
        """The same with so many steps, and what whole chunks make of them."""
        return replace(self, steps=self.chunk * max(round(steps / self.chunk), 1))


SMALL = Shape(width=96, layers=1, inner=192)

TABLE_PRESETS = {
    "full": TablePreset(
        Shape(),
        (Round(60, 200), Round(120, 300), Round(240, 500), Round(480, 900)),
        adverts=({}, CROWDED, LONG),
    ),
    "quick": TablePreset(SMALL, (Round(20, 60), Round(40, 100), Round(60, 140)), image_size=64, cells=8, validation=40),
}

PPO_PRESETS = {
    "full": PPOPreset(replace(Shape(), dropout=0.0), steps=40_960, chunk=8_192),
    "quick": PPOPreset(replace(SMALL, dropout=0.0), steps=10_240, chunk=2_048, image_size=64, validation=40),
}
