"""Tests of filling from what surrounds."""

import pytest
import torch

from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.fill import fill_from_borders, fill_from_elsewhere, paint, ring_median

SIZE = 64


def square(top: int, left: int, bottom: int, right: int, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor([[top, left, bottom, right]], dtype=torch.int32)
    return box_masks(boxes, size), boxes


def disc(size: int = SIZE, radius: float = 9.3) -> torch.Tensor:
    ticks = torch.arange(size) - size / 2
    return ((ticks[:, None] ** 2 + ticks[None] ** 2) < radius**2)[None]


def gradient(dy: int, dx: int, size: int = SIZE) -> torch.Tensor:
    """A linear picture with whole levels, so that it is exact in eight bits."""
    ticks = torch.arange(size)
    plane = 120 + dy * (ticks[:, None] - size // 2) + dx * (ticks[None] - size // 2)
    picture = torch.stack([plane, 255 - plane, plane], -1)
    assert picture.min() >= 0 and picture.max() <= 255
    return picture.to(torch.uint8)[None]


def spoiled(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask[..., None], torch.tensor([255, 0, 255], dtype=torch.uint8), image)


@pytest.mark.parametrize(
    "mask", [square(20, 10, 41, 33)[0], square(30, 30, 31, 31)[0], disc()], ids=["box", "dot", "disc"]
)
@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (3, 0), (0, 3), (1, 2), (-2, 1)])
def test_borders_continue_linear_gradients_exactly(mask, dy, dx):
    image = gradient(dy, dx)
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask), image)


@pytest.mark.parametrize(("along", "dy", "dx"), [("rows", 2, 1), ("columns", 1, 2)])
def test_borders_along_one_way(along, dy, dx):
    mask, _ = square(20, 10, 41, 33)
    image = gradient(dy, dx)
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask, along=along), image)


def test_rows_keep_layers_that_columns_mix():
    layers = torch.where(torch.arange(SIZE)[:, None, None] < 30, 200, 40).expand(1, SIZE, SIZE, 3).to(torch.uint8)
    mask, _ = square(20, 20, 40, 40)
    assert torch.equal(fill_from_borders(spoiled(layers, mask), mask, along="rows"), layers)
    mixed = fill_from_borders(spoiled(layers, mask), mask, along="columns")
    assert ((mixed > 60) & (mixed < 180)).any()


def test_one_border_is_carried_to_the_edge():
    image = torch.full((1, SIZE, SIZE, 3), 77, dtype=torch.uint8)
    mask, _ = square(0, 0, 20, 20)
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask), image)


def test_without_borders_nothing_changes():
    image = gradient(1, 1)
    everything = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    assert torch.equal(fill_from_borders(image, everything), image)
    full_rows = square(20, 0, 30, SIZE)[0]
    assert torch.equal(fill_from_borders(image, full_rows, along="rows"), image)
    assert torch.equal(fill_from_borders(image, ~everything), image)


def periodic(size: int, seed: int = 0) -> torch.Tensor:
    """A random texture that repeats every sixteenth of the picture."""
    tile = torch.randint(0, 256, (size // 16, size // 16, 3), generator=torch.Generator().manual_seed(seed))
    return tile.repeat(16, 16, 1)[None].to(torch.uint8)


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("place", [(0.3, 0.3, 0.5, 0.55), (0.0, 0.0, 0.2, 0.2), (0.7, 0.75, 1.0, 1.0)])
def test_clones_continue_textures_exactly(size, place):
    image = periodic(size)
    mask, boxes = square(*(round(share * size) for share in place), size=size)
    assert torch.equal(fill_from_elsewhere(spoiled(image, mask), mask, boxes), image)


def test_clones_of_a_disc():
    image, mask = periodic(SIZE), disc()
    rows = mask[0].any(1).nonzero().flatten()
    boxes = torch.tensor([[rows[0], rows[0], rows[-1] + 1, rows[-1] + 1]], dtype=torch.int32)
    assert torch.equal(fill_from_elsewhere(spoiled(image, mask), mask, boxes), image)


def test_where_no_place_exists_borders_are_used():
    image = gradient(1, 1)
    mask, boxes = square(2, 2, 62, 62)
    assert torch.equal(fill_from_elsewhere(spoiled(image, mask), mask, boxes), image)


def test_fills_are_fresh_and_touch_nothing_else():
    image = periodic(SIZE)
    held = image.clone()
    mask, boxes = square(20, 20, 30, 30)
    for filled in (
        fill_from_borders(image, mask),
        fill_from_elsewhere(image, mask, boxes),
        paint(image, mask, torch.tensor([[1.0, 2.0, 3.0]])),
    ):
        assert torch.equal(image, held)
        assert torch.equal(filled[~mask], image[~mask])


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


def test_paint_rounds_and_clamps():
    image = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    mask = torch.tensor([[[True, False], [False, True]]])
    painted = paint(image, mask, torch.tensor([[-5.0, 99.6, 300.0]]))
    assert painted[0, 0, 0].tolist() == [0, 100, 255]
    assert painted[0, 1, 1].tolist() == [0, 100, 255]
    assert painted[0, 0, 1].tolist() == [0, 0, 0]
