"""Tests of confining edits."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.blend import blend_into

SIZE = 24


def noise(*shape: int, seed: int) -> torch.Tensor:
    # few levels, so that some pixels are equal in both pictures
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8) * 200


@given(st.integers(0, 1000), st.lists(st.sampled_from(range(6)), unique=True, max_size=6))
def test_only_masked_pixels_of_the_named_rows_change_and_are_counted(seed, rows):
    canvas = noise(6, SIZE, SIZE, 3, seed=seed)
    edited = noise(len(rows), SIZE, SIZE, 3, seed=seed + 1)
    masks = noise(len(rows), SIZE, SIZE, seed=seed + 2) > 0
    boxes = torch.tensor([[0, 0, SIZE, SIZE]] * len(rows), dtype=torch.int32).reshape(-1, 4)
    before, index = canvas.clone(), torch.tensor(rows, dtype=torch.int64)
    changed = blend_into(canvas, index, edited, masks, boxes)
    expected = before.clone()
    expected[index] = torch.where(masks[..., None], edited, before[index])
    assert torch.equal(canvas, expected)
    assert torch.equal(changed, (expected != before).any(-1).sum((1, 2))[index].to(torch.int32))


def test_masks_are_read_inside_their_boxes():
    canvas = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
    edited = torch.full_like(canvas, 9)
    boxes = torch.tensor([[3, 4, 7, 5]], dtype=torch.int32)
    changed = blend_into(canvas, torch.tensor([0]), edited, box_masks(boxes, SIZE), boxes)
    assert changed.tolist() == [4]
    assert torch.equal(canvas.any(-1), box_masks(boxes, SIZE))
    assert blend_into(canvas, torch.tensor([0]), edited, box_masks(boxes, SIZE), boxes).tolist() == [0]


def test_empty_masks_change_nothing():
    canvas = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
    nothing = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    boxes = torch.zeros(1, 4, dtype=torch.int32)
    assert blend_into(canvas, torch.tensor([0]), canvas + 1, nothing, boxes).tolist() == [0]
    assert not canvas.any()
