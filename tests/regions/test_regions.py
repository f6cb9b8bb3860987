"""Tests of regions: from a cell to a mask, and back."""

import pytest
import torch

from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_HEADLINE, LABEL_PICTURE, MAX_OBJECTS
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE, N_REGIONS, box_masks
from imgedit_gym.regions.base import cell_boxes

N = 200


@pytest.fixture(scope="module", params=["cells", "segments"])
def engine(request, started):
    return started(8, first=10, regions=request.param, image_size=100)


@pytest.fixture(scope="module", params=["train", "test-overlap"])
def adverts(request, started):
    return started(N, regions="segments", split=request.param)


def all_regions(engine, row):
    return engine.regions.regions(torch.full((N_REGIONS,), row), torch.arange(N_REGIONS))


@pytest.mark.parametrize("size", [64, 100, 128, 511])
def test_cells_tile_the_picture(size):
    boxes = cell_boxes(size, torch.device("cpu"))
    assert len(boxes) == N_REGIONS == 1 + LATTICE**2
    assert boxes[0].tolist() == [0, 0, size, size]
    assert (box_masks(boxes[1:], size).sum(0) == 1).all()


def test_shapes_and_boxes(engine):
    for row in range(8):
        found = all_regions(engine, row)
        assert found.masks.shape == (N_REGIONS, 100, 100) and found.masks.dtype == torch.bool
        assert found.boxes.shape == found.cells.shape == (N_REGIONS, 4)
        assert found.boxes.dtype == torch.int32
        assert found.masks[0].all() and found.boxes[0].tolist() == [0, 0, 100, 100]
        assert torch.equal(found.cells, cell_boxes(100, torch.device("cpu")))
        assert (found.boxes >= 0).all() and (found.boxes <= 100).all()
        for mask, box in zip(found.masks, found.boxes.tolist(), strict=True):
            where = mask.nonzero()
            assert len(where), "a region is empty"
            tight = [*where.min(0).values.tolist(), *(where.max(0).values + 1).tolist()]
            assert tight == box


def test_rows_are_independent(engine):
    rows, index = torch.tensor([5, 2, 5]), torch.tensor([9, 30, 64])
    found = engine.regions.regions(rows, index)
    for at in range(3):
        alone = engine.regions.regions(rows[at : at + 1], index[at : at + 1])
        assert torch.equal(alone.masks[0], found.masks[at])
        assert torch.equal(alone.boxes[0], found.boxes[at])


def test_finding_undoes_naming(engine):
    by_segments = engine.regions.id == "segments"
    for row in range(8):
        assert engine.regions.find(row, LABEL_PICTURE) == 0
        labels = engine.batch.segments[row].unique().tolist()
        for label in labels:
            region = engine.regions.find(row, label)
            assert 0 < region < N_REGIONS
            mask = engine.regions.regions(torch.tensor([row]), torch.tensor([region])).masks[0]
            own = engine.batch.segments[row] == label
            if label == LABEL_HEADLINE:
                # the cells of its box are the headline's, letters or not
                own = own | box_masks(engine.batch.headline_box[row][None], 100)[0]
            assert (mask & own).any()
            if by_segments:
                assert torch.equal(mask, own)
        missing = next(label for label in range(1, MAX_OBJECTS + 1) if label not in labels)
        assert engine.regions.find(row, missing) == 0


def test_a_free_cell_is_preferred_for_the_background(engine):
    for row in range(8):
        cells = [
            region - 1
            for region in range(1, N_REGIONS)
            if not engine.batch.segments[row][all_regions_of_cells(region)].any()
            and not in_headline(engine, row, region)
        ]
        assert cells
        assert engine.regions.find(row, LABEL_BACKGROUND, cells[-1]) == cells[-1] + 1


def all_regions_of_cells(region):
    return box_masks(cell_boxes(100, torch.device("cpu"))[region : region + 1], 100)[0]


def in_headline(engine, row, region):
    box = engine.batch.headline_box[row][None]
    return bool((box_masks(box, 100)[0] & all_regions_of_cells(region)).any())


def test_every_object_can_be_named(adverts):
    batch = adverts.batch
    named = 0
    for row in range(N):
        visible = set(batch.segments[row].unique().tolist())
        for slot in range(MAX_OBJECTS):
            if batch.slots[row, slot] >= 0 and slot + 1 in visible:
                region = adverts.regions.find(row, slot + 1)
                assert region > 0, f"object {slot} of task {row} owns no cell"
                found = adverts.regions.regions(torch.tensor([row]), torch.tensor([region]))
                assert torch.equal(found.masks[0], batch.segments[row] == slot + 1)
                named += 1
        assert adverts.regions.find(row, LABEL_HEADLINE) > 0
        assert adverts.regions.find(row, LABEL_BACKGROUND) > 0
    assert named >= 3 * N


def test_segments_stay_while_the_canvas_changes(started):
    engine = started(2, regions="segments")
    before = all_regions(engine, 0).masks.clone()
    engine.canvas[:] = 0
    engine.step(torch.tensor([[engine.tool_ids.index("exposure"), 0]] * 2))
    assert torch.equal(all_regions(engine, 0).masks, before)


def test_regions_follow_a_new_task(started):
    engine = started(2, first=3, regions="segments")
    held = all_regions(engine, 1).masks.clone()
    engine.reset([0], [99])
    fresh = started(1, first=99, regions="segments")
    assert torch.equal(all_regions(engine, 0).masks, all_regions(fresh, 0).masks)
    assert torch.equal(all_regions(engine, 1).masks, held)


@pytest.mark.parametrize("action", [(0, N_REGIONS), (0, -1), (-1, 0), (10_000, 0)])
def test_actions_out_of_range_change_nothing(engine, action):
    before = [engine.get_state(row) for row in range(8)]
    actions = torch.zeros(8, 2, dtype=torch.int64)
    actions[:, 0] = 1
    actions[3] = torch.tensor(action)
    limits = rf"a tool below {len(engine.tools)} and a region below {N_REGIONS}"
    with pytest.raises(ImgEditError, match=limits):
        engine.step(actions)
    for row, state in enumerate(before):
        assert torch.equal(engine.canvas[row], state["canvas"])
        for name, value in state["scalars"].items():
            assert torch.equal(getattr(engine, name)[row], value)
