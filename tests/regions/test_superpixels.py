"""Tests of superpixels, of what providers that look at the source picture share, and of empty regions."""

import pickle
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_PICTURE
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS, RegionBatch
from imgedit_gym.core.registry import REGIONS
from imgedit_gym.engine import NO_REGION
from imgedit_gym.regions import pictures
from imgedit_gym.regions.base import RegionProvider, cell_boxes
from imgedit_gym.regions.pictures import CELLS, Found, Kept

data = pytest.importorskip("skimage.data")

PHOTOS = ("astronaut", "chelsea", "coffee")
SIZE = 96


@pytest.fixture(scope="module")
def photos():
    return [np.asarray(Image.fromarray(getattr(data, name)()).resize((SIZE, SIZE))) for name in PHOTOS]


@pytest.fixture
def engine_of(make_engine):
    def make(images, **arguments):
        engine = make_engine(len(images), **({"image_size": SIZE, "regions": "superpixels"} | arguments))
        for row, image in enumerate(images):
            engine.reset_user_task(row, {"image": image, "instruction": "make it brighter"})
        return engine

    return make


def test_they_tile_the_picture(photos, engine_of, all_regions):
    engine = engine_of(photos)
    for row in range(len(photos)):
        found = all_regions(engine, row)
        assert found.masks.dtype == torch.bool and found.boxes.dtype == found.areas.dtype == torch.int32
        assert found.masks[0].all() and found.boxes[0].tolist() == [0, 0, SIZE, SIZE]
        assert torch.equal(found.cells, cell_boxes(SIZE, torch.device("cpu")))
        different = {mask.numpy().tobytes(): mask for mask in found.masks[1:]}
        assert 20 < len(different) <= CELLS
        assert (sum(mask.int() for mask in different.values()) == 1).all()
        for mask, box, area in zip(found.masks, found.boxes.tolist(), found.areas.tolist(), strict=True):
            where = mask.nonzero()
            assert area == len(where) > 0
            assert box == [*where.min(0).values.tolist(), *(where.max(0).values + 1).tolist()]


def test_they_follow_edges(engine_of, all_regions):
    at = np.indices((SIZE, SIZE)).sum(0)
    dark = at < SIZE
    engine = engine_of([np.where(dark[..., None], 20, 220).astype(np.uint8).repeat(3, 2)])
    found = all_regions(engine, 0).masks[1:].numpy()
    shares = (found & dark).sum((1, 2)) / found.sum((1, 2))
    assert (np.minimum(shares, 1 - shares) < 0.1).all()
    # cells on the diagonal do not
    cells = all_regions(
        engine_of([np.where(dark[..., None], 20, 220).astype(np.uint8).repeat(3, 2)], regions="cells"), 0
    )
    shares = (cells.masks.numpy() & dark).sum((1, 2)) / cells.areas.numpy()
    assert (np.minimum(shares, 1 - shares) > 0.3).any()


def test_any_picture_will_do(engine_of, all_regions):
    rng = np.random.default_rng(0)
    flat = np.full((SIZE, SIZE, 3), 90, np.uint8)
    noise = rng.integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)
    engine = engine_of([flat, noise])
    for row in range(2):
        assert all_regions(engine, row).masks[1:].any(0).all()


@pytest.mark.parametrize("size", [64, 100])
def test_sizes_that_the_lattice_does_not_divide(size, make_engine, all_regions):
    engine = make_engine(2, image_size=size, regions="superpixels")
    engine.reset([0, 1], [3, 4])
    assert all_regions(engine, 1).masks[1:].any(0).all()


def test_the_same_on_any_batch_size(photos, engine_of, same):
    together = engine_of(photos)
    rows, index = torch.tensor([2, 0, 2, 1]), torch.tensor([9, 30, 0, 64])
    found = together.regions.regions(rows, index)
    for at, row in enumerate(rows.tolist()):
        pictures.KEPT_FOUND.clear()
        alone = engine_of([photos[row]]).regions.regions(torch.tensor([0]), index[at : at + 1])
        assert same(alone, found.rows(torch.tensor([at])))


def test_a_picture_is_worked_out_once(photos, engine_of, monkeypatch, all_regions):
    engine = engine_of([photos[0], photos[1], photos[0]])
    asked = []
    one = type(engine.regions)._find
    monkeypatch.setattr(type(engine.regions), "_find", lambda self, picture: asked.append(1) or one(self, picture))
    assert not asked
    for _ in range(2):
        engine.regions.regions(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]))
    assert len(asked) == 2
    again = engine_of([photos[1]])
    all_regions(again, 0)
    assert len(asked) == 2
    all_regions(engine_of([photos[1]], regions={"id": "superpixels", "segments": 16}), 0)
    assert len(asked) == 3
    # nobody has to know the regions of whom nothing but the whole picture is asked
    engine_of([photos[2]]).regions.regions(torch.tensor([0]), torch.tensor([0]))
    assert len(asked) == 3


def test_one_call_a_step_for_all_environments(photos, engine_of, monkeypatch):
    engine = engine_of(photos)
    calls = []
    one = type(engine.regions).find_all
    monkeypatch.setattr(
        type(engine.regions), "find_all", lambda self, *given: calls.append(len(given[0])) or one(self, *given)
    )
    tools = [engine.tool_ids.index(name) for name in ("exposure", "blur", "fill_smooth")]
    engine.step(torch.tensor([[tool, 20] for tool in tools]))
    assert calls == [3]


def test_they_stay_while_the_canvas_changes(photos, engine_of, all_regions, same):
    engine = engine_of(photos)
    before = [all_regions(engine, row) for row in range(len(photos))]
    pictures.KEPT_FOUND.clear()
    engine.step(torch.tensor([[engine.tool_ids.index("fill_flat"), 0]] * 3))
    engine.canvas[:] = 0
    assert all(same(all_regions(engine, row), found) for row, found in enumerate(before))


def test_a_new_task_has_regions_of_its_own(photos, engine_of, all_regions, same):
    engine = engine_of(photos)
    held = [all_regions(engine, row) for row in range(3)]
    engine.reset_user_task(0, {"image": photos[2], "instruction": "make it darker"})
    assert same(all_regions(engine, 0), held[2]) and same(all_regions(engine, 1), held[1])


def test_a_copied_state_has_the_same_regions(photos, engine_of, all_regions, same):
    engine = engine_of(photos)
    other = engine_of([photos[0]])
    other.set_state(0, engine.get_state(1))
    assert same(all_regions(other, 0), all_regions(engine, 1))
    tool = engine.tool_ids.index("fill_smooth")
    engine.step(torch.tensor([[0, 0], [tool, 12], [0, 0]]))
    other.step(torch.tensor([[tool, 12]]))
    assert torch.equal(other.canvas[0], engine.canvas[1])
    assert not torch.equal(other.canvas[0], other.batch.images[0])


def test_finding_undoes_naming(photos, engine_of, make_engine, all_regions):
    engine = make_engine(1, image_size=SIZE, regions="superpixels")
    box = (24, 36, 60, 72)
    objects = [{"name": "mug", "box": box}]
    engine.reset_user_task(0, {"image": photos[2], "instruction": "remove the mug", "objects": objects})
    assert engine.regions.find(0, LABEL_PICTURE) == 0
    region = engine.regions.find(0, 1)
    found = all_regions(engine, 0)
    inside = found.masks[:, box[0] : box[2], box[1] : box[3]].sum((1, 2)) / found.areas
    assert region > 0 and inside[region] > 0.5
    assert engine.regions.find(0, 2) == 0
    assert engine.regions.find(0, LABEL_BACKGROUND, 63) == 64


@pytest.mark.parametrize(
    "arguments",
    [{"segments": 3}, {"segments": 2.5}, {"segments": True}, {"compactness": 0}, {"sigma": -1}, {"sigma": "a"}],
)
def test_arguments_are_checked(arguments):
    with pytest.raises(ImgEditError, match=f"{next(iter(arguments))} must be"):
        REGIONS.build({"id": "superpixels", **arguments})


def test_without_scikit_image_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[photos\]"):
        REGIONS.build("superpixels")


def test_single_and_batched_environments_are_the_same():
    arguments = {"regions": {"id": "superpixels", "segments": 40}, "image_size": 64}
    single = gym.make("ImageEdit-v0", **arguments)
    assert pickle.loads(pickle.dumps(single.spec)).make().unwrapped.engine.regions.segments == 40
    assert gym.envs.registration.EnvSpec.from_json(single.spec.to_json()).kwargs == single.spec.kwargs
    batched = gym.make_vec("ImageEdit-v0", num_envs=3, **arguments)
    batched.reset(seed=5)
    actions = np.array([[6, 20], [2, 30], [17, 40]])
    pixels = batched.step(actions)[0]["image"]
    changed = 0
    for i, action in enumerate(actions):
        first, _ = single.reset(seed=5 + i)
        found = single.step(action)[0]["image"]
        assert np.array_equal(found, pixels[i])
        changed += not np.array_equal(found, first["image"])
    assert changed
    single.close()
    batched.close()


# ---------------------------------------------------------------------- what is kept


def found_of(n, size=16):
    return Found.of_masks(np.ones((n, size, size), dtype=bool), np.zeros(CELLS, dtype=int))


def test_masks_come_back_as_they_were():
    rng = np.random.default_rng(1)
    masks = rng.random((5, 13, 13)) < 0.3
    masks[2] = False
    of = rng.integers(-1, 5, CELLS)
    found = Found.of_masks(masks, of)
    assert np.array_equal(found.masks(13)[:-1], masks) and not found.masks(13)[-1].any()
    assert found.boxes[2].tolist() == found.boxes[-1].tolist() == [0, 0, 0, 0] and found.areas[-1] == 0
    assert np.array_equal(found.of, np.where(of < 0, 5, of))


def test_the_oldest_goes_where_room_is_short():
    one = found_of(3)
    kept = Kept(2 * one.nbytes)
    kept.put(("a",), one)
    kept.put(("b",), found_of(3))
    assert kept.get(("a",)) is one
    kept.put(("c",), found_of(3))
    assert kept.get(("b",)) is None and kept.get(("a",)) is one and kept.get(("c",)) is not None
    assert kept.nbytes == 2 * one.nbytes
    kept.put(("d",), found_of(30))  # more than there is room for
    assert kept.get(("d",)) is None and kept.nbytes <= kept.limit


# ---------------------------------------------------------------------- nothing found


class Nothing(RegionProvider):
    """Finds nothing anywhere."""

    id = "nothing"

    def attach(self, batch):
        self.size, self.cells = batch.size, cell_boxes(batch.size, batch.device)

    def refresh(self, rows):
        pass

    def regions(self, rows, index, steps=None):
        masks = (index == 0)[:, None, None].expand(-1, self.size, self.size).contiguous()
        boxes = torch.where((index == 0)[:, None], self.cells[index], 0).to(torch.int32)
        return RegionBatch(masks, boxes, self.cells[index])

    def find(self, row, label, cell=-1):
        return 0


def test_an_empty_region_is_feedback_for_every_tool(make_engine):
    tools = len(make_engine(1).tools)
    engine = make_engine(tools, regions=Nothing())
    engine.reset(range(tools), [7] * tools)
    before = engine.canvas.clone()
    actions = torch.stack([torch.arange(tools), torch.full((tools,), 12)], 1)
    looked = engine.try_actions(actions, torch.arange(tools))
    result = engine.step(actions)
    assert torch.equal(engine.canvas, before)
    assert result.problems.tolist() == [0] + [NO_REGION] * (tools - 1)
    assert (result.changed == 0).all() and (result.reward == 0).all()
    assert torch.equal(looked.score, result.verdict.score)
    assert engine.problem_text(3, NO_REGION).startswith(engine.tool_ids[3])
    assert "empty" in engine.problem_text(3, NO_REGION)


def test_an_empty_region_is_masked_out_of_joint_actions():
    from imgedit_gym.wrappers import JointDiscreteAction

    env = JointDiscreteAction(gym.make("ImageEdit-v0", image_size=64, regions=Nothing()))
    _, info = env.reset(seed=2)
    allowed = info["action_mask"].reshape(-1, N_REGIONS)
    assert not allowed[:, 1:].any() and allowed[1:, 0].any()
    env.close()


def test_a_provider_of_ones_own_as_the_docs_show_it(started, all_regions, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "regions.md").read_text(encoding="utf-8")
    example = next(block for block in text.split("```python\n") if "class BrightRegions" in block)
    monkeypatch.setattr(REGIONS, "_entries", dict(REGIONS._entries))
    exec(example.split("```")[0], {})
    found = all_regions(started(2, regions="bright"), 1)
    assert 0.2 < found.masks[1:].float().mean() <= 0.5
    assert (found.masks[1:] == found.masks[1]).all()
