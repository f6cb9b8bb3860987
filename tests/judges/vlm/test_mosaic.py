import pytest
import torch

from imgedit_gym.judges.vlm.mosaic import TILE, area_weights, mosaic, relief, resize


def pictures(n: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (n, size, size, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@pytest.mark.parametrize("size,edge", [(64, 72), (96, 72), (128, 72), (72, 72), (200, 80)])
def test_resizing_by_area_keeps_the_mean(size: int, edge: int):
    weights = area_weights(size, edge)
    assert torch.allclose(weights.sum(1), torch.ones(edge))
    planes = pictures(2, size).permute(0, 3, 1, 2).float()
    small = resize(planes, edge, edge)
    assert small.shape == (2, 3, edge, edge)
    assert torch.allclose(small.mean((2, 3)), planes.mean((2, 3)), atol=0.05)


def test_halving_takes_means_of_four():
    planes = pictures(1, 64).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.avg_pool2d(planes, 2)
    assert torch.allclose(resize(planes, 32, 32), expected, atol=1e-3)


def test_tiles_hold_both_pictures_at_one_place():
    before, after = pictures(3, 72, 1), pictures(3, 72, 2)
    laid = mosaic(before, after, 72)
    assert laid.shape == (3, 144, 144, 3) and laid.dtype == torch.uint8
    row, column = 4, 7
    tile = laid[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    there = (slice(None), slice(TILE * row, TILE * row + TILE), slice(TILE * column, TILE * column + TILE))
    assert torch.equal(tile[:, :TILE, :TILE], before[there])
    assert torch.equal(tile[:, :TILE, TILE:], after[there])


def test_the_source_is_in_one_quarter_alone():
    after = pictures(1, 72, 3)
    one, two = mosaic(pictures(1, 72, 4), after, 72), mosaic(pictures(1, 72, 5), after, 72)
    differs = (one != two).any(-1).view(9, 16, 9, 16).any(2).any(0)
    assert differs[:TILE].any() and not differs[TILE:].any()


def test_relief_does_not_see_colour_contrast_or_light():
    # something drawn dark on light, light on dark, and faintly, is the same relief
    drawing = torch.zeros(72, 72)
    drawing[20:50, 30:33] = 1.0
    drawing[34:36, 20:44] = 1.0
    drawn = torch.stack([30 + 200 * drawing, 230 - 200 * drawing, 60 + 120 * drawing])
    found = relief(drawn[:, None].expand(3, 3, 72, 72), 9)
    marked = found[0] - 128.0
    assert marked.max() > 40.0
    assert torch.allclose(found[1], found[0], atol=0.5)
    # but for places with a pixel or two of it
    assert ((found[2] - found[0]).abs() < 0.5).float().mean() > 0.98


def test_a_flat_picture_has_no_relief():
    assert torch.allclose(relief(torch.full((1, 3, 72, 72), 90.0), 9), torch.full((1, 9, 12, 9, 16), 128.0), atol=0.1)


def test_the_size_of_the_picture_hardly_matters():
    # a smooth picture looks alike at every size
    def smooth(size: int) -> torch.Tensor:
        ticks = (torch.arange(size) + 0.5) / size
        waves = 128 + 60 * torch.sin(9 * ticks[:, None]) * torch.cos(7 * ticks)
        return waves[None, :, :, None].expand(1, size, size, 3).round().to(torch.uint8)

    small, large = (mosaic(smooth(size), smooth(size), 72).float() for size in (96, 192))
    tiles = (small - large).abs().view(9, 2, 8, 9, 2, 8, 3)
    assert tiles[:, 0].mean() < 2.0
