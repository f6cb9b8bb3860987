"""How far answers agree with the truth; intervals resample tasks, because a task's answers hang together."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import kendalltau, rankdata, spearmanr

from baselines.statistics import RESAMPLES

MET = 0.5
BINS = 10
APART = 0.05
"""Difference of true scores from which on one picture of a task is better than another."""


def resampled_ratio(parts: np.ndarray, seed: int, statistic: Any) -> dict[str, Any]:
    """A statistic of sums over tasks, with its 95 % interval over resampled tasks.

    Args:
        parts: What each task adds to each sum, ``[tasks, k]``.
        seed: Of the resampling.
        statistic: From sums ``[..., k]`` to values ``[...]``; nan where there is nothing to measure.

    Returns:
        ``{"mean", "ci95"}``; ``None`` where nothing could be measured.
    """
    mean = float(statistic(parts.sum(0))) if len(parts) else np.nan
    if not np.isfinite(mean):
        return {"mean": None, "ci95": [None, None]}
    random = np.random.default_rng(seed)
    n = len(parts)
    drawn = random.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES)
    values = statistic(drawn @ parts)
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (mean, mean)
    return {"mean": mean, "ci95": [float(low), float(high)]}


def balanced_accuracy(task: np.ndarray, said: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    """Mean of the share of what holds that passes and the share of what does not that fails.

    Args:
        task: Task of each answer, ``[n]``.
        said: Values in [0, 1], ``[n]``; at least 0.5 passes.
        truth: ``bool [n]``.
        seed: Of the resampling.
    """
    right = (said >= MET) == truth
    columns = [right & truth, truth, right & ~truth, ~truth]

    def statistic(sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return 0.5 * (sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3])

    return resampled_ratio(by_task(task, columns), seed, statistic)


def by_task(task: np.ndarray, columns: list[np.ndarray]) -> np.ndarray:
    """Sums of columns by task, ``[tasks, k]``."""
    if not len(task):
        return np.zeros((0, len(columns)))
    _, index = np.unique(task, return_inverse=True)
    return np.stack([np.bincount(index, weights=column.astype(float)) for column in columns], 1)


def auroc(said: np.ndarray, truth: np.ndarray) -> float | None:
    """Probability that what holds gets the higher value than what does not, ties counting half."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return None
    ranks = rankdata(said)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration(said: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """How far values are probabilities.

    Returns:
        ``error``: expected calibration error over ten bins of equal width, ``brier``: mean squared error, and
        ``bins`` with ``value`` (mean), ``share`` that holds, and ``count``.
    """
    if not len(said):
        return {"error": None, "brier": None, "bins": []}
    at = np.minimum((said * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for number in range(BINS):
        mine = at == number
        if mine.any():
            value, share = float(said[mine].mean()), float(truth[mine].mean())
            bins.append({"value": value, "share": share, "count": int(mine.sum())})
            error += abs(value - share) * mine.mean()
    return {"error": float(error), "brier": float(((said - truth) ** 2).mean()), "bins": bins}


def rank_correlation(said: np.ndarray, exact: np.ndarray) -> dict[str, float | None]:
    """Spearman's and Kendall's rank correlation; ``None`` where one side is constant."""
    if len(said) < 2 or np.ptp(said) == 0 or np.ptp(exact) == 0:
        return {"spearman": None, "kendall": None}
    return {
        "spearman": float(spearmanr(said, exact).statistic),
        "kendall": float(kendalltau(said, exact).statistic),
    }


def pairwise_accuracy(task: np.ndarray, said: np.ndarray, exact: np.ndarray, seed: int) -> dict[str, Any]:
    """Share of pairs of pictures of one task that are put in the true order; equal scores count half.

    Pairs whose true scores are less than :data:`APART` apart are left out.
    """
    rows = []
    for one in np.unique(task):
        mine = task == one
        first, second = np.triu_indices(int(mine.sum()), 1)
        true = exact[mine][first] - exact[mine][second]
        found = said[mine][first] - said[mine][second]
        counted = np.abs(true) >= APART
        right = np.where(found == 0, 0.5, np.sign(found) == np.sign(true))
        rows.append((right[counted].sum(), counted.sum()))
    parts = np.asarray(rows, dtype=float).reshape(-1, 2)

    def statistic(sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[..., 0] / sums[..., 1]

    return resampled_ratio(parts, seed, statistic) | {"pairs": int(parts[:, 1].sum())}


def spread(pairs: np.ndarray) -> dict[str, Any]:
    """How far two values of the same thing are apart.

    Args:
        pairs: ``[n, 2]``.

    Returns:
        ``pairs``: n; ``difference``: mean absolute difference; ``deviation``: standard deviation of a value;
        ``flips``: share of pairs of which one passes and the other does not.
    """
    if not len(pairs):
        return {"pairs": 0, "difference": None, "deviation": None, "flips": None}
    apart = pairs[:, 0] - pairs[:, 1]
    met = pairs >= MET
    return {
        "pairs": len(pairs),
        "difference": float(np.abs(apart).mean()),
        "deviation": float(np.sqrt((apart**2).mean() / 2)),
        "flips": float((met[:, 0] != met[:, 1]).mean()),
    }
