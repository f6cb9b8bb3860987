"""Counting: shares with intervals, scores and successes of many pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scipy.stats import binomtest

from baselines.statistics import mean_interval

EXAMPLES = 25
"""Mistakes of each kind that stand in the results."""


def rate(count: int, total: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval; ``None`` where there is nothing to count."""
    if not total:
        return {"count": count, "of": total, "rate": None, "ci95": [None, None]}
    low, high = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return {"count": count, "of": total, "rate": count / total, "ci95": [float(low), float(high)]}


@dataclass
class Tally:
    """Scores and successes of final pictures."""

    scores: list[float] = field(default_factory=list)
    successes: list[bool] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in the counts of other pictures."""
        self.scores += other.scores
        self.successes += other.successes

    def summary(self, seed: int) -> dict[str, Any]:
        """Mean score and success rate with intervals."""
        return {
            "tasks": len(self.scores),
            "score": mean_interval(self.scores, seed) if self.scores else None,
            "success": rate(sum(self.successes), len(self.successes)),
        }
