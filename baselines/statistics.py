"""Means with 95 % bootstrap intervals over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 2000
Interval = dict[str, Any]


def mean_interval(values: Sequence[float], seed: int) -> Interval:
    """Mean and percentile bootstrap interval.

    Args:
        values: One per task.
        seed: Seed of the resampling.

    Returns:
        ``{"mean": float, "ci95": [low, high]}``; both ends equal the mean where there is nothing to resample.
    """
    sample = np.asarray(values, dtype=np.float64)
    return _interval(lambda x, axis=-1: x.mean(axis), (sample,), seed)


def normalised_interval(
    values: Sequence[float], floor: Sequence[float], ceiling: Sequence[float], seed: int
) -> Interval:
    """``(x - no-op) / (oracle - no-op)`` of the means, tasks resampled together.

    Args:
        values: Scores of the agent, one per task.
        floor: Scores of ``no-op`` on the same tasks.
        ceiling: Scores of ``oracle`` on the same tasks.
        seed: Seed of the resampling.
    """
    samples = tuple(np.asarray(row, dtype=np.float64) for row in (values, floor, ceiling))

    def share(x: np.ndarray, low: np.ndarray, high: np.ndarray, axis: int = -1) -> np.ndarray:
        span = high.mean(axis) - low.mean(axis)
        return (x.mean(axis) - low.mean(axis)) / np.maximum(span, 1e-9)

    return _interval(share, samples, seed)


def _interval(statistic: Any, samples: tuple[np.ndarray, ...], seed: int) -> Interval:
    mean = float(statistic(*samples))
    flat = len(samples[0]) < 2 or all(np.ptp(sample) == 0.0 for sample in samples)
    if flat:
        return {"mean": mean, "ci95": [mean, mean]}
    found = bootstrap(
        samples,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return {"mean": mean, "ci95": [float(low), float(high)]}
