"""Tests of copying rows."""

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.kernels.rows import copy_rows


@pytest.mark.parametrize("shape", [(7, 3), (65, 65, 3), ()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_rows_are_copied_bit_by_bit(shape, dtype):
    source = (200 * torch.rand(5, *shape)).to(dtype)
    target = torch.full((4, *shape), 7, dtype=dtype)
    copy_rows(source, torch.tensor([4, -1, 1]), torch.tensor([2, 0, 3]), target)
    assert torch.equal(target[2], source[4]) and torch.equal(target[3], source[1])
    assert (target[:2] == 7).all()


def test_numbers_that_are_none_stay_what_they_are():
    source = torch.tensor([[float("nan"), float("-inf"), -0.0]])
    target = torch.zeros(1, 3)
    copy_rows(source, torch.tensor([0]), torch.tensor([0]), target)
    assert torch.equal(source.view(torch.int32), target.view(torch.int32))


@pytest.mark.parametrize("target", [torch.zeros(4, 6), torch.zeros(4, 7, dtype=torch.float64)])
def test_rows_that_are_not_alike_are_refused(target):
    kept = target.clone()
    with pytest.raises(ImgEditError, match="expected rows of"):
        copy_rows(torch.ones(2, 7), torch.tensor([0]), torch.tensor([0]), target)
    assert torch.equal(target, kept)
