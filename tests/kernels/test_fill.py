"""Tests of filling from what surrounds."""

import pytest
import torch

from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.adjust import paint
from imgedit_gym.kernels.fill import BLOCK, fill_from_borders, fill_from_elsewhere

SIZE = 64


def square(top: int, left: int, bottom: int, right: int, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor([[top, left, bottom, right]], dtype=torch.int32)
    return box_masks(boxes, size), boxes


def around(masks: torch.Tensor) -> torch.Tensor:
    """Tight boxes of masks."""
    boxes = torch.zeros(len(masks), 4, dtype=torch.int32)
    for box, mask in zip(boxes, masks, strict=True):
        where = mask.nonzero()
        if len(where):
            box[:] = torch.cat([where.min(0).values, where.max(0).values + 1])
    return boxes


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
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask, around(mask)), image)


@pytest.mark.parametrize(("along", "dy", "dx"), [("rows", 2, 1), ("columns", 1, 2)])
def test_borders_along_one_way(along, dy, dx):
    mask, _ = square(20, 10, 41, 33)
    image = gradient(dy, dx)
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask, around(mask), along=along), image)


def test_rows_keep_layers_that_columns_mix():
    layers = torch.where(torch.arange(SIZE)[:, None, None] < 30, 200, 40).expand(1, SIZE, SIZE, 3).to(torch.uint8)
    mask, _ = square(20, 20, 40, 40)
    assert torch.equal(fill_from_borders(spoiled(layers, mask), mask, around(mask), along="rows"), layers)
    mixed = fill_from_borders(spoiled(layers, mask), mask, around(mask), along="columns")
    assert ((mixed > 60) & (mixed < 180)).any()


def test_one_border_is_carried_to_the_edge():
    image = torch.full((1, SIZE, SIZE, 3), 77, dtype=torch.uint8)
    mask, _ = square(0, 0, 20, 20)
    assert torch.equal(fill_from_borders(spoiled(image, mask), mask, around(mask)), image)


def test_without_borders_nothing_changes():
    image = gradient(1, 1)
    everything = torch.ones(1, SIZE, SIZE, dtype=torch.bool)
    assert torch.equal(fill_from_borders(image, everything, around(everything)), image)
    full_rows = square(20, 0, 30, SIZE)[0]
    assert torch.equal(fill_from_borders(image, full_rows, around(full_rows), along="rows"), image)
    assert torch.equal(fill_from_borders(image, ~everything, around(~everything)), image)


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
    assert torch.equal(fill_from_elsewhere(spoiled(image, mask), mask, around(mask)), image)


def test_where_no_place_exists_borders_are_used():
    image = gradient(1, 1)
    mask, boxes = square(2, 2, 62, 62)
    assert torch.equal(fill_from_elsewhere(spoiled(image, mask), mask, boxes), image)


def test_fills_are_fresh_and_touch_nothing_else():
    image = periodic(SIZE)
    held = image.clone()
    mask, boxes = square(20, 20, 30, 30)
    for filled in (
        fill_from_borders(image, mask, boxes),
        fill_from_elsewhere(image, mask, boxes),
        paint(image, mask, boxes, torch.tensor([[1.0, 2.0, 3.0]])),
    ):
        assert torch.equal(image, held)
        assert torch.equal(filled[~mask], image[~mask])


def slowly(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What filling from the borders of rows and columns means, pixel by pixel."""
    size = len(mask)
    out = image.clone()
    for y, x in mask.nonzero().tolist():
        total, weights = torch.zeros(3, dtype=torch.double), 0.0
        for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            away = 1
            while 0 <= y + away * dy < size and 0 <= x + away * dx < size and mask[y + away * dy, x + away * dx]:
                away += 1
            seen = [(y + (away + i) * dy, x + (away + i) * dx) for i in range(3)]
            seen = [(v, u) for v, u in seen if 0 <= v < size and 0 <= u < size and not mask[v, u]]
            if seen:
                weight = 1.0 / (away + 0.5 * (len(seen) - 1))
                total += weight * torch.stack([image[v, u].double() for v, u in seen]).mean(0)
                weights += weight
        if weights:
            out[y, x] = (total / weights + 0.5).floor().to(torch.uint8)
    return out


@pytest.mark.parametrize("size", [BLOCK - 3, 40, 64])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_borders_of_ragged_masks(size, share):
    draw = torch.Generator().manual_seed(size)
    images = torch.randint(0, 256, (3, size, size, 3), generator=draw).to(torch.uint8)
    masks = torch.rand(3, size, size, generator=draw) < share
    masks[1, :, : size // 3] = False
    masks[2, size // 2 :] = False
    filled = fill_from_borders(images, masks, around(masks))
    for image, mask, found in zip(images, masks, filled, strict=True):
        # halves may go either way
        assert (found.int() - slowly(image, mask).int()).abs().max() <= 1
        assert (found == slowly(image, mask)).float().mean() > 0.97


def test_clones_of_several_pictures_are_those_of_each():
    images = torch.cat([periodic(SIZE, 1), gradient(1, 1), periodic(SIZE, 2)])
    masks = torch.cat([disc(), square(2, 2, 62, 62)[0], square(30, 5, 50, 22)[0]])
    boxes = around(masks)
    together = fill_from_elsewhere(images, masks, boxes)
    for i in range(3):
        alone = fill_from_elsewhere(images[i : i + 1], masks[i : i + 1], boxes[i : i + 1])
        assert torch.equal(alone[0], together[i])
