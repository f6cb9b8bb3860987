"""Tests of how execution, preservation and quality make a score."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.verdict import COMBINATIONS, Verdict, combination
from imgedit_gym.judges.weighing import weigh

SHARES = st.tuples(*[st.floats(0, 1, width=32)] * 3)


def score(name: str, *axes: float) -> float:
    return float(combination(name)(*(torch.tensor([axis]) for axis in axes)))


@pytest.mark.parametrize(
    ("name", "copy", "half", "best"),
    [
        ("product", 0.0, 0.5 * 0.8 * 0.9, 1.0),
        ("sum", 0.5, 0.5, 1.0),
        ("geometric", 0.0, 0.5, 1.0),
        ("minimum", 0.0, 0.5, 1.0),
    ],
)
def test_values(name, copy, half, best):
    assert score(name, 0, 1, 1) == pytest.approx(copy)
    assert score(name, 0.5, 0.5, 0.5) == pytest.approx(half)
    assert score(name, 1, 1, 1) == pytest.approx(best)


def test_copying_the_input_pays_only_under_the_plain_sum():
    assert score("product", 0, 1, 1) == 0.0
    assert score("sum", 0, 1, 1) > 0.4


@pytest.mark.parametrize("name", COMBINATIONS)
@given(axes=SHARES, other=SHARES)
def test_scores_are_shares_and_never_fall_when_an_axis_rises(name, axes, other):
    value = score(name, *axes)
    assert 0.0 <= value <= 1.0 + 1e-6
    assert score(name, *map(max, axes, other)) >= value - 1e-6


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_score_does_not_depend_on_the_batch(name):
    axes = torch.rand(3, 37, generator=torch.Generator().manual_seed(3))
    whole = combination(name)(*axes)
    assert whole.dtype == torch.float32
    for row in range(37):
        assert torch.equal(combination(name)(*axes[:, row : row + 1]), whole[row : row + 1])


def findings(values, preserved=(1.0, 1.0), preservation=1.0, quality=1.0):
    """What is found in one picture."""
    one = torch.tensor([1.0])
    return Verdict(
        execution=one * 0,
        preservation=one * preservation,
        quality=one * quality,
        score=one * 0,
        requirements=torch.tensor([values]),
        success=one > 2,
        valid=one > 0,
        calls=one * 0,
        preserved=None if preserved is None else torch.tensor([preserved]),
    )


def wanted(*steps):
    """Requirements of these plan steps, and one row that is none."""
    rows = [[1, step, 0, 0, 0] for step in steps]
    return torch.tensor([[*rows, [0, 0, 0, 0, 0]]], dtype=torch.int32)


@pytest.mark.parametrize(
    ("values", "due", "execution", "success"),
    [
        ([1.0, 1.0, 0.9], 0, 0.0, False),
        ([1.0, 1.0, 0.9], 1, 0.5, False),
        ([1.0, 1.0, 0.9], 2, 1.0, True),
        ([0.4, 1.0, 0.0], 2, 0.7, False),
        ([0.5, 0.5, 0.0], 99, 0.5, True),
    ],
)
def test_what_counts_is_weighed(values, due, execution, success):
    found = weigh(findings(values), wanted(0, 1), torch.tensor([due], dtype=torch.int32), combination("product"))
    assert float(found[0]) == pytest.approx(execution)
    assert float(found[1]) == pytest.approx(execution)
    assert found[2].tolist() == [success]


@pytest.mark.parametrize(
    ("found", "success"),
    [
        (findings([1.0, 0.0]), True),
        (findings([1.0, 0.0], preserved=None), True),
        (findings([1.0, 0.0], preserved=(1.0, 0.4)), False),
        (findings([1.0, 0.0], preservation=0.7), False),
        (findings([1.0, 0.0], quality=0.4), False),
    ],
)
def test_a_success_leaves_the_rest_alone(found, success):
    due = torch.tensor([9], dtype=torch.int32)
    assert weigh(found, wanted(0), due, combination("product"))[2].tolist() == [success]


def test_where_nothing_is_asked_there_is_no_success():
    due = torch.tensor([9], dtype=torch.int32)
    execution, score, success = weigh(findings([0.0]), wanted(), due, combination("product"))
    assert (float(execution), float(score), bool(success)) == (0.0, 0.0, False)


def test_what_is_not_judged_counts_neither_way():
    found = findings([1.0, float("nan"), 0.5, 0.0])
    execution, earned, success = weigh(
        found, wanted(0, 0, 0), torch.tensor([9], dtype=torch.int32), combination("product")
    )
    assert float(execution[0]) == 0.75 and float(earned[0]) == 0.75
    assert not success[0]


def test_the_product_is_batched():
    axes = torch.rand(3, 7, generator=torch.Generator().manual_seed(0))
    assert combination("product")(*axes).shape == (7,)


def test_unknown_combination():
    with pytest.raises(ImgEditError, match=r"unknown score combination 'mean'; expected one of .*'product'"):
        combination("mean")
