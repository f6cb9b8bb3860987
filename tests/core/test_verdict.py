"""Tests of how execution, preservation and quality make a score."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.verdict import COMBINATIONS, combination

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


def test_the_product_is_batched():
    axes = torch.rand(3, 7, generator=torch.Generator().manual_seed(0))
    assert combination("product")(*axes).shape == (7,)


def test_unknown_combination():
    with pytest.raises(ImgEditError, match=r"unknown score combination 'mean'; expected one of .*'product'"):
        combination("mean")
