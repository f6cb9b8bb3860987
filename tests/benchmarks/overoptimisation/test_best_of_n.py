from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.overoptimisation.best_of_n import divergence, expected_best, sizes

samples = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=7)


def by_all_subsets(liked, worth, n):
    means = []
    for subset in combinations(range(len(liked)), n):
        best = max(liked[i] for i in subset)
        means.append(np.mean([worth[i] for i in subset if liked[i] == best]))
    return np.mean(means)


@given(samples, st.integers(1, 7))
def test_equals_the_mean_over_all_subsets_where_no_two_are_liked_equally(pairs, n):
    liked = np.arange(len(pairs))
    worth = np.array([pair[1] for pair in pairs], dtype=float)
    found = expected_best(liked, worth, n)
    if n > len(pairs):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(by_all_subsets(liked, worth, n))


@given(samples)
def test_equally_liked_ones_are_kept_equally_often(pairs):
    liked, worth = np.array(pairs, dtype=float).T
    n = len(pairs)
    assert expected_best(liked, worth, n) == pytest.approx(worth[liked == liked.max()].mean())
    assert expected_best(liked, worth, 1) == pytest.approx(worth.mean())


@given(samples, st.integers(1, 7))
def test_what_is_liked_rises_with_n(pairs, n):
    liked = np.array([pair[0] for pair in pairs], dtype=float)
    if n < len(pairs):
        assert expected_best(liked, liked, n) <= expected_best(liked, liked, n + 1) + 1e-9


def test_sizes_and_divergence():
    assert sizes(0) == [] and sizes(1) == [1] and sizes(63) == [1, 4, 16] and sizes(64) == [1, 4, 16, 64]
    assert divergence(1) == 0.0 and divergence(4) == pytest.approx(0.636294)
