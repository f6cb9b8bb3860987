from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audit.measures import (
    auroc,
    balanced_accuracy,
    calibration,
    pairwise_accuracy,
    rank_correlation,
    spread,
)

TASK = np.array([0, 0, 1, 1, 2, 2])
SAID = np.array([0.9, 0.2, 0.6, 0.7, 0.4, 0.1])
TRUTH = np.array([True, False, True, False, True, False])


def test_balanced_accuracy_by_hand():
    found = balanced_accuracy(TASK, SAID, TRUTH, 0)
    assert found["mean"] == pytest.approx(0.5 * (2 / 3 + 2 / 3))
    low, high = found["ci95"]
    assert 0.0 <= low < found["mean"] < high <= 1.0
    assert found == balanced_accuracy(TASK, SAID, TRUTH, 0)


def test_balanced_accuracy_is_not_fooled_by_rare_kinds():
    truth = np.arange(100) < 2
    found = balanced_accuracy(np.arange(100), np.zeros(100), truth, 0)
    assert found["mean"] == 0.5


@pytest.mark.parametrize("truth", [np.ones(6, bool), np.zeros(6, bool)])
def test_one_side_alone_cannot_be_measured(truth):
    assert balanced_accuracy(TASK, SAID, truth, 0) == {"mean": None, "ci95": [None, None]}
    assert auroc(SAID, truth) is None


def test_nothing_can_be_measured_of_nothing():
    none = np.zeros(0)
    assert balanced_accuracy(none, none, none.astype(bool), 0)["mean"] is None
    assert pairwise_accuracy(none, none, none, 0)["mean"] is None
    assert calibration(none, none.astype(bool))["error"] is None
    assert rank_correlation(none, none)["spearman"] is None
    assert spread(np.zeros((0, 2)))["flips"] is None


def test_intervals_resample_tasks():
    # a hundred answers about two tasks are little evidence
    task, truth = np.repeat([0, 1], 50), np.tile([True, False], 50)
    right = task == 0
    few = balanced_accuracy(task, np.where(right, truth, ~truth).astype(float), truth, 0)
    assert few["mean"] == 0.5 and few["ci95"] == [0.0, 1.0]


def test_auroc_by_hand():
    # of nine pairs the positive 0.6 loses to 0.7, and 0.4 does
    assert auroc(SAID, TRUTH) == pytest.approx(7 / 9)
    assert auroc(np.full(6, 0.3), TRUTH) == 0.5


def test_calibration_by_hand():
    found = calibration(np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True]))
    assert found["error"] == pytest.approx(0.5 * 0.45 + 0.5 * 0.025)
    assert found["brier"] == pytest.approx((0.05**2 + 0.95**2 + 0.05**2) / 4)
    assert [one["count"] for one in found["bins"]] == [2, 2]


def test_pairs_by_hand():
    task = np.array([0, 0, 0, 1, 1])
    exact = np.array([0.0, 0.5, 1.0, 0.2, 0.21])
    said = np.array([0.0, 0.6, 0.6, 0.9, 0.1])
    found = pairwise_accuracy(task, said, exact, 0)
    # task 1 has no pair that is far enough apart; of task 0 one pair is tied
    assert found["pairs"] == 3
    assert found["mean"] == pytest.approx(2.5 / 3)


def test_rank_correlation():
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))["spearman"] == pytest.approx(1.0)
    assert rank_correlation(np.ones(3), np.arange(3.0))["kendall"] is None


def test_spread_by_hand():
    found = spread(np.array([[0.4, 0.6], [0.9, 0.9]]))
    assert found["difference"] == pytest.approx(0.1)
    assert found["deviation"] == pytest.approx(np.sqrt(0.02 / 2))
    assert found["flips"] == 0.5
