"""Statistics against known values and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, ecdf, mannwhitneyu, permutation_test, trim_mean

from benchmarks import statistics as s


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert s.interquartile_mean(np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]]))[0] == pytest.approx(3.5)


def test_interquartile_means_by_hand():
    # of 10, two are cut at each end (a quarter, rounded down): the mean of 3 to 8
    assert s.interquartile_mean(np.arange(1.0, 11.0)[None])[0] == pytest.approx(5.5)
    assert s.interquartile_mean(np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.2, 0.6, 9.0]])) == pytest.approx([0.0, 0.4])
    values = np.random.default_rng(0).random((3, 40))
    assert s.interquartile_mean(values) == pytest.approx(np.sort(values)[:, 10:30].mean(1))


def test_intervals_are_those_of_scipy():
    values = np.random.default_rng(1).exponential(1.0, 80)
    for statistic, same in ((s.mean, np.mean), (s.interquartile_mean, lambda x, axis: trim_mean(x, 0.25, axis=axis))):
        expected = bootstrap(
            (values,), same, n_resamples=9999, method="percentile", rng=np.random.default_rng(2)
        ).confidence_interval
        found = s.bootstrap_interval(values, statistic, resamples=9999)
        assert found == pytest.approx((expected.low, expected.high), abs=0.02)


def test_tasks_and_seeds_are_both_sources_of_error():
    """Two tasks far apart, whose seeds agree: what counts is which tasks were drawn."""
    apart = np.repeat([[0.0], [1.0]], 50, axis=1)
    assert s.bootstrap_interval(apart) == pytest.approx((0.0, 1.0))
    same_tasks = np.tile([0.0, 1.0], (50, 1))  # tasks alike, whose seeds do not agree
    low, high = s.bootstrap_interval(same_tasks)
    assert 0.35 < low < 0.45 and 0.55 < high < 0.65


def test_wilson_intervals_of_the_literature():
    # Newcombe (1998), table I: 81 of 263, and 0 of 20
    assert s.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert s.wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert s.wilson_interval(0, 0) == (0.0, 1.0)


def test_holm_of_a_worked_example():
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert s.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(s.holm([])) == 0


def test_success_rates_are_compared_in_pairs():
    first = np.array([True] * 8 + [False] * 2 + [True] * 5)
    second = np.array([False] * 8 + [True] * 2 + [True] * 5)
    third = np.ones(15, dtype=bool)
    p = s.success_tests(np.stack([first, second, third]))
    # exact p-values 112/1024, 2/4 and 2/256; Holm multiplies the least by 3, the next by 2
    assert p[1, 2] == pytest.approx(3 * 2 / 256) and p[0, 1] == pytest.approx(2 * 112 / 1024)
    assert p[0, 2] == pytest.approx(0.5) and np.allclose(p, p.T) and (np.diag(p) == 1.0).all()
    assert s.success_tests(first[None]).shape == (1, 1)


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


def test_the_chance_of_doing_better_is_mann_whitneys_u():
    rng = np.random.default_rng(4)
    a, b = rng.random((6, 5)), rng.random((6, 3)) * 0.8
    expected = np.mean([mannwhitneyu(x, y).statistic / (len(x) * len(y)) for x, y in zip(a, b, strict=True)])
    assert s.probability_of_improvement(a, b) == pytest.approx(expected)
    assert s.probability_of_improvement(b, a) == pytest.approx(1 - expected)


def test_profiles_are_one_less_the_distribution_function():
    scores = np.random.default_rng(5).random((20, 3))
    thresholds = (0.1, 0.5, 0.9)
    found = s.performance_profile(scores, thresholds)
    assert found == pytest.approx(1 - ecdf(scores.reshape(-1)).cdf.evaluate(thresholds))


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
