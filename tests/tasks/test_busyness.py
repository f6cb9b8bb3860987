"""Tests of how busy plates are, and of recalling what is known of the stock's."""

import torch

from imgedit_gym.kernels.reduce import GRID
from imgedit_gym.tasks.measure.busyness import rate_busyness

KNOWN = ("_source", "_source_detail", "_plate", "_plate_detail", "_labels", "_purity", "_background", "_busyness")


def slowly(means: torch.Tensor) -> torch.Tensor:
    """Spread of 4x4 means at every other cell around, as a slack: what busyness is."""
    grid = means.reshape(GRID, GRID, 3).double()
    out = torch.zeros(GRID, GRID, dtype=torch.double)

    def average(y: int, x: int) -> torch.Tensor:
        ys = torch.arange(y - 1, y + 3).clamp(0, GRID - 1)
        xs = torch.arange(x - 1, x + 3).clamp(0, GRID - 1)
        return grid[ys][:, xs].mean((0, 1))

    for y in range(0, GRID, 5):
        for x in range(0, GRID, 3):
            around = torch.stack([average(y + dy, x + dx) for dy in range(-4, 5, 2) for dx in range(-4, 5, 2)])
            out[y, x] = min(0.7 * float(around.var(0, correction=0).mean()) ** 0.5, 20.0)
    return out[::5, ::3]


def test_busyness_is_the_spread_of_local_means():
    draw = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(255 * torch.rand(4, 3, 5, 5, generator=draw), (GRID, GRID))
    means = smooth.flatten(2).transpose(1, 2).contiguous()
    means[3] = 90.0
    found = torch.full((4, GRID**2), -1.0)
    rate_busyness(means, torch.tensor([3, 1, 0]), found)
    assert (found[2] == -1).all()
    for b in (0, 1, 3):
        # squares in float32 leave up to a tenth of a level where nothing varies
        assert torch.allclose(found[b].reshape(GRID, GRID)[::5, ::3].double(), slowly(means[b]), atol=0.15)
    assert found[3].max() < 0.15 < found[0].max() <= 20


def test_knowing_the_plates_changes_nothing(sampled):
    source, batch = sampled(60, first=300)
    checklist = source.checklist(batch)
    recalled = {name: getattr(checklist, name).clone() for name in KNOWN}
    checklist.refresh(torch.arange(60))
    for name in KNOWN:
        assert torch.equal(getattr(checklist, name), recalled[name]), name
    assert recalled["_busyness"].any(1).sum() > 10
