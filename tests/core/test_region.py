"""Tests of region batches."""

import torch

from imgedit_gym.core.region import RegionBatch, box_masks


def batch(*boxes, size=64) -> RegionBatch:
    table = torch.tensor(boxes, dtype=torch.int32)
    return RegionBatch(box_masks(table, size), table, table)


def test_box_masks_are_half_open():
    masks = box_masks(torch.tensor([[1, 2, 4, 3], [0, 0, 0, 0]]), 8)
    assert masks[0].nonzero().tolist() == [[1, 2], [2, 2], [3, 2]]
    assert not masks[1].any()


def test_small_regions_are_widened_to_a_square_that_holds_them():
    regions = batch([10, 20, 14, 40], [0, 0, 2, 9], [60, 62, 64, 64], [5, 5, 6, 6])
    wide = regions.widened()
    assert (wide.masks | ~regions.masks).all()
    for box, old in zip(wide.boxes.tolist(), regions.boxes.tolist(), strict=True):
        assert 0 <= box[0] < box[2] <= 64 and 0 <= box[1] < box[3] <= 64
        assert max(box[2] - box[0], box[3] - box[1]) <= max(old[2] - old[0], old[3] - old[1]) + 1
    assert torch.equal(wide.masks, box_masks(wide.boxes, 64))


def test_large_regions_stay():
    regions = batch([0, 0, 64, 64], [0, 0, 40, 40])
    assert not regions.small().any()
    assert torch.equal(regions.widened().masks, regions.masks)


def test_rows():
    regions = batch([0, 0, 1, 1], [1, 1, 3, 3], [2, 2, 9, 9])
    chosen = regions.rows(torch.tensor([2, 0]))
    assert len(chosen) == 2
    assert chosen.boxes.tolist() == [[2, 2, 9, 9], [0, 0, 1, 1]]
    assert chosen.masks.flatten(1).sum(1).tolist() == [49, 1]
