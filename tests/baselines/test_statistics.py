"""Tests of means and intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.statistics import mean_interval, normalised_interval

SHARES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20)


def test_mean_of_known_values():
    found = mean_interval([0.0, 1.0, 1.0, 0.0], seed=0)
    assert found["mean"] == 0.5
    # the resampled mean of four coin throws is binomial: its 2.5 % and 97.5 % points are 0 and 1
    assert found["ci95"] == [0.0, 1.0]


def test_the_interval_has_the_width_of_the_normal_law():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = mean_interval(values, seed=1)
    half = 1.96 * values.std() / 20
    assert found["mean"] == pytest.approx(values.mean())
    assert found["ci95"][0] == pytest.approx(values.mean() - half, abs=0.06)
    assert found["ci95"][1] == pytest.approx(values.mean() + half, abs=0.06)


@pytest.mark.parametrize("values", [[0.7], [0.25] * 9])
def test_nothing_to_resample(values):
    assert mean_interval(values, seed=0) == {"mean": values[0], "ci95": [values[0]] * 2}


@settings(max_examples=15)
@given(SHARES, st.integers(0, 99))
def test_the_mean_lies_inside(values, seed):
    found = mean_interval(values, seed)
    low, high = found["ci95"]
    assert min(values) - 1e-9 <= low <= found["mean"] + 1e-9 <= high + 2e-9 <= max(values) + 1e-6
    assert found == mean_interval(values, seed)


def test_normalised_values():
    floor, ceiling = [0.0, 0.2, 0.1], [1.0, 0.8, 0.9]
    assert normalised_interval(floor, floor, ceiling, 0)["mean"] == pytest.approx(0.0)
    assert normalised_interval(ceiling, floor, ceiling, 0)["mean"] == pytest.approx(1.0)
    # ((0.5 + 0.4 + 0.6) / 3 - 0.1) / (0.9 - 0.1)
    found = normalised_interval([0.5, 0.4, 0.6], floor, ceiling, 0)
    assert found["mean"] == pytest.approx(0.5)
    assert found["ci95"][0] <= 0.5 <= found["ci95"][1]


def test_the_anchors_have_intervals_of_no_width():
    # tasks are resampled together, so an anchor is 0 or 1 in every resample
    floor, ceiling = [0.0, 0.2, 0.1, 0.05], [1.0, 0.8, 0.9, 0.7]
    assert normalised_interval(floor, floor, ceiling, 0)["ci95"] == pytest.approx([0.0, 0.0])
    assert normalised_interval(ceiling, floor, ceiling, 0)["ci95"] == pytest.approx([1.0, 1.0])


def test_a_ceiling_at_the_floor_is_finite():
    found = normalised_interval([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], 0)
    assert found == {"mean": 0.0, "ci95": [0.0, 0.0]}


def test_one_task():
    assert normalised_interval([0.5], [0.0], [1.0], 0) == {"mean": 0.5, "ci95": [0.5, 0.5]}
