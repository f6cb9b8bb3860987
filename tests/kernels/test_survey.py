"""Tests of the colours in and around regions."""

import torch

from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.survey import region_mean, region_median, ring_median

SIZE = 64


def square(top: int, left: int, bottom: int, right: int, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor([[top, left, bottom, right]], dtype=torch.int32)
    return box_masks(boxes, size), boxes


def noise(n: int = 1, size: int = SIZE, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (n, size, size, 3), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def test_ring_median_is_the_ground():
    image = torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)
    image[0] = torch.tensor([10, 20, 30])
    image[1] = torch.tensor([200, 100, 0])
    mask, boxes = square(20, 20, 30, 30)
    image[:, 20:30, 20:30] = 255
    # less than half of the ring differs
    image[:, 18:20, 22:30] = 90
    medians = ring_median(image, mask.expand(2, -1, -1).contiguous(), boxes.expand(2, -1).contiguous())
    assert medians.tolist() == [[10, 20, 30], [200, 100, 0]]


def test_ring_median_by_counting():
    image = torch.randint(0, 256, (1, SIZE, SIZE, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    mask, boxes = square(5, 8, 16, 13)
    ring = box_masks(torch.tensor([[3, 6, 18, 15]]), SIZE) & ~mask
    values = image[ring].float()
    assert torch.equal(ring_median(image, mask, boxes)[0], values.sort(0).values[(len(values) + 1) // 2 - 1])


def test_ring_median_without_surroundings_is_black():
    image = torch.full((1, SIZE, SIZE, 3), 9, dtype=torch.uint8)
    everything, boxes = square(0, 0, SIZE, SIZE)
    assert ring_median(image, everything, boxes).tolist() == [[0, 0, 0]]


def test_ring_median_of_ragged_masks():
    images, draw = noise(4), torch.Generator().manual_seed(3)
    masks = torch.rand(4, SIZE, SIZE, generator=draw) < torch.tensor([0.02, 0.1, 0.5, 0.9])[:, None, None]
    boxes = torch.tensor([[0, 0, SIZE, SIZE]] * 4, dtype=torch.int32)
    near = torch.nn.functional.max_pool2d(masks.float()[:, None], 5, stride=1, padding=2)[:, 0] > 0
    medians = ring_median(images, masks, boxes)
    for image, ring, median in zip(images, near & ~masks, medians, strict=True):
        assert torch.equal(median, image[ring].float().median(0).values)


def test_medians_and_means_of_regions():
    images = noise(3)
    boxes = torch.tensor([[5, 8, 16, 13], [0, 0, 64, 64], [20, 20, 22, 21]], dtype=torch.int32)
    masks = box_masks(boxes, SIZE) & (torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) < 0.7)
    masks[2, 20, 20] = True
    areas = masks.flatten(1).sum(1, dtype=torch.int32)
    medians, means = region_median(images, masks, boxes), region_mean(images, masks, boxes, areas)
    for image, mask, median, mean in zip(images, masks, medians, means, strict=True):
        inside = image[mask].float()
        assert torch.equal(median, inside.median(0).values)
        assert torch.allclose(mean, inside.mean(0), atol=1e-4)


def test_empty_regions_are_black():
    nothing, boxes = torch.zeros(1, SIZE, SIZE, dtype=torch.bool), torch.zeros(1, 4, dtype=torch.int32)
    assert not region_median(noise(), nothing, boxes).any()
    assert not region_mean(noise(), nothing, boxes, torch.zeros(1, dtype=torch.int32)).any()
