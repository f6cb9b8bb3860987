"""Optimisation without training: of n random tries at a task the one that the judge likes best is kept.

Source: Gao et al. 2023, "Scaling laws for reward model overoptimization" (arXiv 2210.10760).
"""

from __future__ import annotations

from math import log

import numpy as np
from scipy.special import comb


def sizes(samples: int) -> list[int]:
    """Powers of 4 up to the number of samples."""
    return [4**power for power in range(20) if 4**power <= samples]


def divergence(n: int) -> float:
    """KL divergence of best-of-n from drawing once, in nats; exact where no two tries are the same."""
    return log(n) - (n - 1) / n


def expected_best(liked: np.ndarray, worth: np.ndarray, n: int) -> float:
    """What the most liked of n samples is worth, in the mean over all subsets of n of N samples.

    Args:
        liked: How much the judge likes each sample, ``[N]``; equally liked ones are kept equally often.
        worth: What each is worth, ``[N]``.
        n: Size of the subsets.

    Returns:
        The mean; nan where there are fewer than n samples.
    """
    if len(liked) < n:
        return float("nan")
    _, level, count = np.unique(liked, return_inverse=True, return_counts=True)
    at_most = comb(np.cumsum(count), n) / comb(len(liked), n)
    chance = np.diff(at_most, prepend=0.0)
    return float((chance[level] / count[level]) @ worth)
