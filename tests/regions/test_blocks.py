"""Tests of regions that are blocks."""

import torch

from imgedit_gym.core.region import LATTICE, N_REGIONS
from imgedit_gym.engine import Engine


def test_blocks_name_every_shadow():
    engine = Engine(32, tasks="photos", tools="retouch", regions="blocks", image_size=72)
    engine.reset(range(32), range(32))
    shaded = [row for row in range(32) if engine.batch.segments[row].any()]
    assert shaded
    for row in shaded:
        found = engine.regions.find(row, 1)
        block = engine.regions.regions(torch.tensor([row]), torch.tensor([found]))
        assert torch.equal(block.masks[0], engine.batch.segments[row] == 1)
    assert engine.regions.find(shaded[0], 255) == 0
    assert engine.regions.find(shaded[0], 0, 9) == 10


def test_blocks_hold_their_cells_and_keep_inside(make_engine):
    engine = make_engine(1, regions="blocks")
    index = torch.arange(N_REGIONS)
    found = engine.regions.regions(torch.zeros_like(index), index)
    assert found.masks[0].all()
    assert (found.masks[1:].flatten(1).sum(1) == found.masks[0].numel() // 4).all()
    assert (found.boxes[:, :2] <= found.cells[:, :2]).all() and (found.boxes[:, 2:] >= found.cells[:, 2:]).all()
    assert len(found.boxes.unique(dim=0)) == 1 + (LATTICE // 2 + 1) ** 2
