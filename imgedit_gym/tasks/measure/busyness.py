# mypy: ignore-errors
"""How much plates vary, and what is known of the stock's plates before any picture shows them."""

import torch
import warp as wp

from imgedit_gym.kernels.runtime import launch
from imgedit_gym.tasks.measure import constants as const

_MARGIN = 4
_EDGE = wp.constant(const.GRID + 2 * _MARGIN)
_REACH = wp.constant(_MARGIN)


@wp.kernel
def _average_cells(
    first: int, means: wp.array2d(dtype=wp.vec3), rows: wp.array(dtype=wp.int64), local: wp.array2d(dtype=wp.vec3)
):
    """Means of 4x4 cells, on a lattice that reaches beyond the picture's; border cells go on outside."""
    i, place = wp.tid()
    n = first + i
    b = int(rows[n])
    y = place / _EDGE - _REACH
    x = place % _EDGE - _REACH
    total = wp.vec3(0.0, 0.0, 0.0)
    for j in range(16):
        at_y = wp.clamp(y + j / 4 - 1, 0, const.GRID - 1)
        at_x = wp.clamp(x + j % 4 - 1, 0, const.GRID - 1)
        total += means[b, at_y * const.GRID + at_x]
    local[n, place] = total / 16.0


@wp.kernel
def _spread_of_averages(
    first: int, local: wp.array2d(dtype=wp.vec3), rows: wp.array(dtype=wp.int64), busyness: wp.array2d(dtype=wp.float32)
):
    i, cell = wp.tid()
    n = first + i
    y = cell / const.GRID
    x = cell % const.GRID
    total = wp.vec3(0.0, 0.0, 0.0)
    squares = wp.vec3(0.0, 0.0, 0.0)
    for k in range(25):
        average = local[n, (y + 2 * (k / 5)) * _EDGE + x + 2 * (k % 5)]
        total += average
        squares += wp.cw_mul(average, average)
    total = total / 25.0
    spread = squares / 25.0 - wp.cw_mul(total, total)
    mean = (wp.max(spread[0], 0.0) + wp.max(spread[1], 0.0) + wp.max(spread[2], 0.0)) / 3.0
    busyness[int(rows[n]), cell] = wp.min(0.7 * wp.sqrt(mean), 20.0)


def rate_busyness(means: torch.Tensor, rows: torch.Tensor, busyness: torch.Tensor) -> None:
    """How much a plate varies around each cell beyond its texture, as a slack in levels of 255, at most 20.

    Textures are averaged away first: what is left is where one thing behind the objects ends and another begins.

    Args:
        means: Mean colour of each cell, ``float32 [B, GRID**2, 3]``.
        rows: Which plates, ``int64 [n]``; results go to the same rows.
        busyness: ``float32 [B, GRID**2]``, written.
    """
    edge = int(const.GRID) + 2 * _MARGIN
    local = torch.empty(len(rows), edge * edge, 3, device=means.device)
    launch(_average_cells, (len(rows), edge * edge), [means, rows, local], means.device)
    launch(_spread_of_averages, (len(rows), means.shape[1]), [local, rows, busyness], means.device)
