"""How far the oracle's plan with the best tools gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baselines.rollout import Episode
from baselines.statistics import mean_interval
from benchmarks.checklist.tally import EXAMPLES, rate

FULL = 0.999
"""E from which on everything counts as carried out."""


def summarise_oracle(episodes: Sequence[Episode], seed: int) -> dict[str, Any]:
    """How well the oracle does, with the tasks it does worst."""
    full = [episode.execution >= FULL for episode in episodes]
    return {
        "tasks": len(episodes),
        "full_execution": rate(sum(full), len(full)),
        "score": mean_interval([episode.score for episode in episodes], seed),
        "success": rate(sum(episode.success for episode in episodes), len(episodes)),
        "lowest": oracle_misses(episodes)[:EXAMPLES],
    }


def oracle_misses(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Every task that the oracle did not carry out in full, the lowest score first."""
    short = sorted((episode for episode in episodes if episode.execution < FULL), key=lambda one: one.score)
    return [
        {
            "seed": episode.seed,
            "score": episode.score,
            "missed": [f"{text} ({value:.2f})" for text, value in episode.requirements if value < FULL],
            "steps": [f"{step.text}: {step.tool}" for step in episode.steps],
        }
        for episode in short
    ]
