"""Two pictures as one: what a model with one small picture as input is shown."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F

TILE = 8
"""Edge of a tile in pixels of the reduced pictures; the mosaic has four quarters of this size for each."""

RELIEF = (12, 16)
"""Rows and columns of a tile's relief: as many values as a quarter has in its three channels. The rows reach half a
tile beyond it above and below, so that a line of letters is seen whole by the tiles that it crosses."""

_LUMA = (0.299, 0.587, 0.114)
_FLATTEST = 6.0
"""Deviation in levels of 255 below which a place has no relief."""


@lru_cache(maxsize=32)
def area_weights(size: int, edge: int) -> torch.Tensor:
    """Shares of ``size`` pixels in each of ``edge`` equal parts of a line, ``float32 [edge, size]``; rows sum to 1."""
    borders = torch.linspace(0, size, edge + 1, dtype=torch.float64)
    starts = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(borders[1:, None], starts + 1) - torch.maximum(borders[:-1, None], starts)
    overlap = overlap.clamp_min(0.0)
    return (overlap / overlap.sum(1, keepdim=True)).float()


def resize(planes: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Resize by area, exactly also where the sizes have no common divisor.

    Args:
        planes: ``float32 [..., H, W]``.
        rows: Height of the result in pixels.
        columns: Its width.

    Returns:
        ``float32 [..., rows, columns]``.
    """
    height, width = planes.shape[-2:]
    if width != columns:
        planes = planes @ area_weights(width, columns).T.to(planes.device)
    if height != rows:
        planes = area_weights(height, rows).to(planes.device) @ planes
    return planes


def relief(planes: torch.Tensor, places: int) -> torch.Tensor:
    """What stands out at each place, whatever its colours, contrast and light: letters look alike on any ground.

    Luma at twice the tiles' resolution across and three quarters of it down, less its mean and over its deviation
    around the place, and turned so that the smaller part is bright.

    Args:
        planes: ``float32 [n, 3, H, W]`` in [0, 255].
        places: Tiles along an edge.

    Returns:
        ``float32 [n, places, 12, places, 16]`` about 128: tile's row, row in it, tile's column, column in it.
    """
    high, wide = RELIEF
    own_rows, beyond = high // 2, high // 4
    luma = torch.einsum("c,nchw->nhw", planes.new_tensor(_LUMA), planes)
    fine = resize(luma, places * own_rows, places * wide).view(-1, places, own_rows, places, wide)
    # moments of each place and the eight around it
    own = torch.stack([(fine - 128.0).pow(power).mean((2, 4)) for power in (1, 2, 3)], 1)
    first, second, third = F.avg_pool2d(own, 3, 1, 1, count_include_pad=False).unbind(1)
    variance = (second - first**2).clamp_min(0.0)
    skew = third - 3.0 * first * second + 2.0 * first**3
    sign = torch.where(skew < 0, -1.0, 1.0)
    scale = 45.0 * sign / variance.sqrt().clamp_min(_FLATTEST)
    mean = (first + 128.0)[:, :, None, :, None]
    whole = fine.view(-1, 1, places * own_rows, places * wide)
    taller = F.pad(whole, (0, 0, beyond, beyond), mode="replicate")[:, 0].unfold(1, high, own_rows)
    seen = taller.view(-1, places, places, wide, high).permute(0, 1, 4, 2, 3)
    return 128.0 + scale[:, :, None, :, None] * (seen - mean)


def mosaic(sources: torch.Tensor, canvases: torch.Tensor, edge: int) -> torch.Tensor:
    """Lay source and edited picture side by side, tile by tile.

    Each tile of 8 x 8 pixels of the reduced pictures becomes 16 x 16 pixels: above, the source's and the edited
    picture's pixels; below, the relief of the edited picture, see :func:`relief`, its 12 rows of 16 in the order of the
    quarter's pixels and channels, and the edited picture's surroundings of 16 x 16 pixels at half resolution. So one
    patch of a vision transformer sees both pictures at one place.

    Args:
        sources: ``uint8 [n, H, W, 3]``.
        canvases: ``uint8 [n, H, W, 3]``.
        edge: Edge the pictures are reduced to, a multiple of 8.

    Returns:
        ``uint8 [n, 2 * edge, 2 * edge, 3]``.
    """
    n, rows = len(canvases), edge // TILE
    before, after = (
        pictures.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        for pictures in (sources, canvases)
    )
    standing_out = relief(after, rows)
    before, after = resize(before, edge, edge), resize(after, edge, edge)
    halved = F.avg_pool2d(F.pad(after, (TILE // 2,) * 4, mode="replicate"), 2)
    around = halved.unfold(2, TILE, TILE // 2).unfold(3, TILE, TILE // 2)
    # quarter's row and column, tile's row and column, pixel's row and column
    whole = after.new_empty(n, rows, 2, TILE, rows, 2, TILE, 3)
    for quarter, planes in enumerate((before, after)):
        whole[:, :, 0, :, :, quarter] = planes.view(n, 3, rows, TILE, rows, TILE).permute(0, 2, 3, 4, 5, 1)
    packed = standing_out.permute(0, 1, 3, 2, 4).reshape(n, rows, rows, TILE, TILE, 3)
    whole[:, :, 1, :, :, 0] = packed.permute(0, 1, 3, 2, 4, 5)
    whole[:, :, 1, :, :, 1] = around.permute(0, 2, 4, 3, 5, 1)
    return whole.view(n, 2 * edge, 2 * edge, 3).round_().clamp_(0, 255).to(torch.uint8)
