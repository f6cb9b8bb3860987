"""Statistics against known values and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from benchmarks import statistics as s


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert s.interquartile_mean(np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]]))[0] == pytest.approx(3.5)


def test_wilson_intervals_of_the_literature():
    # Newcombe (1998), table I: 81 of 263, and 0 of 20
    assert s.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert s.wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert s.wilson_interval(0, 0) == (0.0, 1.0)


def test_holm_of_a_worked_example():
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert s.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(s.holm([])) == 0


def test_mcnemar_is_an_exact_sign_test():
    first = np.array([True] * 8 + [False] * 2 + [True] * 5)
    second = np.array([False] * 8 + [True] * 2 + [True] * 5)
    assert s.mcnemar_test(first, second) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert s.mcnemar_test(first, first) == 1.0


def test_sign_flips_agree_with_scipy():
    rng = np.random.default_rng(3)
    differences = rng.normal(0.35, 1.0, (3, 30))
    found = s.sign_flip_test(differences, seed=1)
    for row, p in zip(differences, found, strict=True):
        expected = permutation_test(
            (row,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(2)
        ).pvalue
        assert p == pytest.approx(expected, abs=0.02)


def test_sign_flips_of_few_tasks_are_exact():
    # of the 16 ways to give four equal differences a sign, two are as far from zero as what was seen
    assert s.sign_flip_test(np.full((1, 4), 0.5))[0] == pytest.approx(2 / 16, abs=0.012)
    assert s.sign_flip_test(np.zeros((1, 9)))[0] == 1.0


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        low, high = s.bootstrap_interval(rng.exponential(1.0, 60), seed=trial, resamples=500)
        hits += low <= 1.0 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_strata_keep_their_size():
    scores = np.array([0.0] * 50 + [1.0] * 50)
    assert s.bootstrap_interval(scores, strata=["a"] * 50 + ["b"] * 50) == pytest.approx((0.5, 0.5))
    low, high = s.bootstrap_interval(scores)
    assert low < 0.45 and high > 0.55


def test_seeds_are_drawn_as_well():
    noise = np.random.default_rng(0).normal(0.0, 1.0, (1, 40))
    low, high = s.bootstrap_interval(noise)
    assert high - low == pytest.approx(2 * 1.96 * noise.std() / np.sqrt(40), rel=0.15)
    assert s.bootstrap_interval(np.full(5, 0.3)) == pytest.approx((0.3, 0.3))
    assert s.bootstrap_interval(noise) == s.bootstrap_interval(noise)


def test_the_chance_of_doing_better_counts_ties_half():
    assert s.probability_of_improvement(np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])) == pytest.approx(0.5)
    # of the pairs of runs on one task: 2 > 1, 2 < 3, 4 > 1, 4 > 3
    assert s.probability_of_improvement(np.array([[2.0, 4.0]]), np.array([[1.0, 3.0]])) == pytest.approx(0.75)


def test_profiles_fall():
    assert s.performance_profile(np.array([0.1, 0.5, 0.9, 0.5]), (0.0, 0.5, 0.95)) == [1.0, 0.25, 0.0]


def test_ranks_are_ranges_where_nothing_is_significant():
    rng = np.random.default_rng(0)
    base = rng.random(60)
    table = np.stack([base + 0.3, base + rng.normal(0, 0.01, 60), base + rng.normal(0, 0.01, 60), base - 0.3])
    ranges, p = s.rank_ranges(table)
    assert ranges == [(1, 1), (2, 3), (2, 3), (4, 4)]
    assert np.allclose(p, p.T) and (np.diag(p) == 1.0).all()
    assert s.rank_ranges(table[:1])[0] == [(1, 1)]
    assert s.rank_ranges(np.stack([base] * 3))[0] == [(1, 3)] * 3


def test_the_pareto_front():
    assert s.pareto_front([1, 2, 2, 3, 1], [0.5, 0.6, 0.7, 0.7, 0.5]) == [True, False, True, False, True]
