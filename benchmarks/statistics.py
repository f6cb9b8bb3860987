"""Statistics of benchmark results: intervals, paired tests, rank ranges, profiles.

Scores are arrays ``[tasks]`` or ``[tasks, seeds]``; comparisons are paired, task by task.

Sources: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021): interquartile
mean, stratified bootstrap, performance profiles, probability of improvement. Holm, "A simple sequentially rejective
multiple test procedure" (1979). McNemar (1947), exact; Wilson (1927).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binomtest, rankdata, trim_mean

RESAMPLES = 2000
PERMUTATIONS = 9999
CONFIDENCE = 0.95

Statistic = Callable[[np.ndarray], np.ndarray]
"""From samples ``[..., n]`` to values ``[...]``."""


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis."""
    return values.mean(-1)


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the middle half, over the last axis; a quarter is cut at each end, rounded down."""
    return np.asarray(trim_mean(values, 0.25, axis=-1))


def bootstrap_interval(
    scores: np.ndarray,
    statistic: Statistic = mean,
    strata: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Percentile interval of a statistic over tasks and seeds.

    Tasks are drawn with replacement, within their stratum if there are strata; for each, seeds are drawn with
    replacement.

    Args:
        scores: ``float [tasks]`` or ``[tasks, seeds]``.
        statistic: Of all drawn scores together.
        strata: Stratum of each task, such as its split.
        seed: Of the resampling.
        resamples: How often.

    Returns:
        Low and high end, which are the statistic itself where there is nothing to resample.
    """
    table = np.asarray(scores, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    n, repeats = table.shape
    if table.size < 2 or np.ptp(table) == 0.0:
        value = float(statistic(table.reshape(1, -1))[0])
        return value, value
    rng = np.random.default_rng(seed)
    rows = np.empty((resamples, n), dtype=np.int64)
    labels = np.zeros(n) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rows[:, members] = members[rng.integers(len(members), size=(resamples, len(members)))]
    columns = rng.integers(repeats, size=(resamples, n, repeats)) if repeats > 1 else np.zeros((1, 1, 1), np.int64)
    drawn = table[rows[:, :, None], columns].reshape(resamples, -1)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(statistic(drawn), [tail, 1.0 - tail])
    return float(low), float(high)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's interval of a rate; (0, 1) where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    found = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def sign_flip_test(differences: np.ndarray, seed: int = 0, permutations: int = PERMUTATIONS) -> np.ndarray:
    """Two-sided p-values of paired differences having mean 0: signs are flipped at random.

    Args:
        differences: ``float [pairs, tasks]``, each row one comparison.
        seed: Of the flipping; the rows share the flips.
        permutations: How often. The smallest p-value is ``1 / (permutations + 1)``.

    Returns:
        ``float [pairs]``; 1 where all differences are 0.
    """
    table = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    rng = np.random.default_rng(seed)
    observed = np.abs(table.sum(1))
    at_least = np.zeros(len(table), dtype=np.int64)
    for start in range(0, permutations, 1000):
        signs = rng.integers(2, size=(table.shape[1], min(1000, permutations - start))) * 2.0 - 1.0
        # sums that are equal but for rounding count as equal
        at_least += (np.abs(table @ signs) >= observed[:, None] - 1e-9).sum(1)
    return (at_least + 1) / (permutations + 1)


def mcnemar_test(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided p-value of two success rates on the same tasks being equal; arguments ``bool [tasks]``."""
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values that keep the chance of any false alarm in the family at the level, after Holm."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def probability_of_improvement(first: np.ndarray, second: np.ndarray) -> float:
    """Chance that the first does better than the second on a task drawn at random, ties counting half.

    Args:
        first: ``float [tasks]`` or ``[tasks, seeds]``.
        second: ``float [tasks]`` or ``[tasks, seeds]`` on the same tasks; seeds may differ in number.
    """
    a, b = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (first, second))
    wins = []
    for x, y in zip(a, b, strict=True):
        ranks = rankdata(np.concatenate([x, y]))[: len(x)].sum()
        wins.append((ranks - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))  # Mann-Whitney's U as a share
    return float(np.mean(wins))


def performance_profile(scores: np.ndarray, thresholds: Sequence[float]) -> list[float]:
    """Share of runs that score more than each threshold."""
    flat = np.asarray(scores, dtype=np.float64).reshape(-1)
    return [float((flat > threshold).mean()) for threshold in thresholds]


def success_tests(successes: np.ndarray) -> np.ndarray:
    """Every pair of entries compared by :func:`mcnemar_test`, adjusted by :func:`holm`.

    Args:
        successes: ``bool [entries, tasks]``.

    Returns:
        Adjusted p-values, ``float [entries, entries]``, 1 on the diagonal.
    """
    table = np.asarray(successes, dtype=bool)
    first, second = np.triu_indices(len(table), 1)
    p = np.ones((len(table), len(table)))
    p[first, second] = holm([mcnemar_test(table[i], table[j]) for i, j in zip(first, second, strict=True)])
    return np.minimum(p, p.T)


def rank_ranges(scores: np.ndarray, alpha: float = 0.05, seed: int = 0) -> tuple[list[tuple[int, int]], np.ndarray]:
    """What places entries may hold, given which differences are significant.

    Every pair is compared by :func:`sign_flip_test`, p-values are adjusted by :func:`holm`. An entry's best place
    is one below the number of entries that are significantly better, its worst is above those that are worse.

    Args:
        scores: ``float [entries, tasks]``.
        alpha: Level of the whole family of comparisons.
        seed: Of the test.

    Returns:
        First and last place of each entry, from 1; and adjusted p-values, ``float [entries, entries]``, 1 on the
        diagonal.
    """
    table = np.asarray(scores, dtype=np.float64)
    n = len(table)
    p = np.ones((n, n))
    first, second = np.triu_indices(n, 1)
    if len(first):
        p[first, second] = holm(sign_flip_test(table[first] - table[second], seed))
        p = np.minimum(p, p.T)
    means = table.mean(1)
    better = (p < alpha) & (means[:, None] < means[None, :])
    return [(1 + int(better[i].sum()), n - int(better[:, i].sum())) for i in range(n)], p


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Which entries no other beats: none costs no more and is worth more, or costs less and is worth no less."""
    c, v = np.asarray(costs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    no_worse = (c[None, :] <= c[:, None]) & (v[None, :] >= v[:, None])
    better = (c[None, :] < c[:, None]) | (v[None, :] > v[:, None])
    beaten = np.asarray((no_worse & better).any(1))
    return [not one for one in beaten.tolist()]
