"""Tests of regions by segment-anything models, on tiny ones that are built here."""

import pickle
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import REGIONS
from imgedit_gym.models import pool, segmenter
from imgedit_gym.regions import pictures
from imgedit_gym.regions.base import cell_boxes

transformers = pytest.importorskip("transformers")

from tests.regions import tiny  # noqa: E402 - needs transformers

pytestmark = pytest.mark.usefixtures("_no_models")


@pytest.fixture(scope="module", params=["sam", "sam2"])
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp(request.param)
    getattr(tiny, f"build_{request.param}")(made)
    return made


@pytest.fixture
def regions(folder):
    return {"id": "sam", "model": str(folder)}


def test_every_cell_has_a_mask(started, regions, all_regions):
    engine = started(3, regions=regions)
    for row in range(3):
        found = all_regions(engine, row)
        assert found.masks[0].all() and found.boxes[0].tolist() == [0, 0, 64, 64]
        assert torch.equal(found.cells, cell_boxes(64, torch.device("cpu")))
        assert len({mask.numpy().tobytes() for mask in found.masks[1:]}) > 10
        for mask, box, area in zip(found.masks, found.boxes.tolist(), found.areas.tolist(), strict=True):
            where = mask.nonzero()
            assert area == len(where)
            tight = [*where.min(0).values.tolist(), *(where.max(0).values + 1).tolist()] if area else [0] * 4
            assert box == tight


def test_the_model_is_asked_at_the_middle_of_each_cell(started, regions, monkeypatch):
    asked = []
    one = segmenter.Segmenter.at_points
    monkeypatch.setattr(
        segmenter.Segmenter, "at_points", lambda self, shown, points: asked.append(points) or one(self, shown, points)
    )
    engine = started(1, regions=regions)
    engine.regions.regions(torch.tensor([0]), torch.tensor([11]))
    assert len(asked) == 1 and asked[0].shape == (64, 2)
    # cell 10 is in row 1 and column 2
    assert asked[0][10].tolist() == [20.0, 12.0]


def test_the_same_on_any_batch_size(started, regions, all_regions, same):
    together = [all_regions(started(4, regions=regions), row) for row in range(4)]
    for row in range(4):
        pictures.KEPT_FOUND.clear()
        assert same(all_regions(started(1, first=row, regions=regions)), together[row])
    pictures.KEPT_FOUND.clear()
    four = started(4, regions=regions | {"batch_size": 4})
    rows = torch.arange(4)
    four.regions.prepare(rows, rows + 1, four.current_steps())
    for row in range(4):
        assert (all_regions(four, row).masks == together[row].masks).float().mean() > 0.999


def test_one_call_for_all_environments_and_one_look_at_each_picture(started, regions, monkeypatch):
    shown = []
    kind = REGIONS.factory("sam")
    one = kind.find_all
    monkeypatch.setattr(
        kind, "find_all", lambda self, images, queries: shown.append(len(images)) or one(self, images, queries)
    )
    engine = started(4, regions=regions)
    engine.reset([3], [0])  # the same task as environment 0
    tools = [engine.tool_ids.index(name) for name in ("exposure", "blur", "fill_smooth", "sharpen")]
    assert not shown
    engine.step(torch.tensor([[tool, 20 + at] for at, tool in enumerate(tools)]))
    assert shown == [3]
    engine.step(torch.tensor([[tool, 50] for tool in tools]))
    started(2, regions=regions).step(torch.tensor([[tools[0], 9]] * 2))
    assert shown == [3]


def test_a_process_holds_the_model_once(started, regions):
    before = set(pool.held())
    engines = [started(1, regions=regions) for _ in range(2)]
    assert len(set(pool.held()) - before) == 1
    assert engines[0].regions._model is engines[1].regions._model


def test_regions_stay_while_the_canvas_changes_and_are_copied(started, regions, all_regions, same):
    engine = started(2, regions=regions)
    before = all_regions(engine, 1)
    engine.step(torch.tensor([[engine.tool_ids.index("fill_smooth"), 30]] * 2))
    pictures.KEPT_FOUND.clear()
    other = started(1, first=9, regions=regions)
    other.set_state(0, engine.get_state(1))
    assert same(all_regions(other), before) and same(all_regions(engine, 1), before)
    action = [engine.tool_ids.index("blur"), 12]
    mine, theirs = engine.step(torch.tensor([action] * 2)), other.step(torch.tensor([action]))
    assert torch.equal(other.canvas[0], engine.canvas[1]) and mine.reward[1] == theirs.reward[0]


def test_single_and_batched_environments_are_the_same(regions):
    single = gym.make("ImageEdit-v0", regions=regions, image_size=64)
    again = pickle.loads(pickle.dumps(single.spec)).make()
    batched = gym.make_vec("ImageEdit-v0", num_envs=3, regions=regions, image_size=64)
    batched.reset(seed=5)
    actions = np.array([[6, 20], [18, 30], [19, 40]])
    pixels = batched.step(actions)[0]["image"]
    changed = 0
    for i, action in enumerate(actions):
        for env in (single, again):
            first, _ = env.reset(seed=5 + i)
            found = env.step(action)[0]["image"]
            assert np.array_equal(found, pixels[i])
        changed += not np.array_equal(found, first["image"])
    assert changed
    for env in (single, again, batched):
        env.close()


def test_pictures_are_shown_as_the_models_own_processor_does(tmp_path):
    tiny.build_sam(tmp_path)
    model = segmenter.load_segmenter(str(tmp_path), None, "cpu", "auto")
    processor = transformers.AutoProcessor.from_pretrained(tmp_path)
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(256, size=(6, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    points = [[[[20.0, 30.0]], [[70.0, 50.0]]]]
    inputs = processor(images=smooth, input_points=points, return_tensors="pt")
    mine = model._inputs(torch.from_numpy(smooth)[None])
    assert (mine - inputs["pixel_values"]).abs().max() < 1.5 / 255 / 0.22
    with torch.inference_mode():
        found = model._model(**{key: inputs[key] for key in ("pixel_values", "input_points")}, multimask_output=True)
    best = found.iou_scores[0].argmax(1)
    asked = torch.from_numpy(smooth)[None], torch.tensor([[20.0, 30.0], [70.0, 50.0]])
    ours = model.at_points(*asked)[0]
    logits = found.pred_masks[0, torch.arange(2), best]
    direct = torch.nn.functional.interpolate(logits[None], (96, 96), mode="bilinear")[0] > 0
    assert (ours == direct.numpy()).mean() > 0.995
    # its way back takes a turn by the size of the input, which moves borders
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    theirs = processor.post_process_masks(found.pred_masks, *sizes)[0][torch.arange(2), best]
    assert (ours == theirs.numpy()).mean() > 0.9


@pytest.mark.parametrize("name", ["sam_hq", "sam3"])
def test_more_families(name, tmp_path, started, all_regions, same):
    if not hasattr(transformers, {"sam_hq": "SamHQModel", "sam3": "Sam3TrackerModel"}[name]):
        pytest.skip("this transformers has none")
    getattr(tiny, f"build_{name}")(tmp_path)
    regions = {"id": "sam", "model": str(tmp_path)}
    found = all_regions(started(2, regions=regions), 1)
    assert len({mask.numpy().tobytes() for mask in found.masks[1:]}) > 10
    pictures.KEPT_FOUND.clear()
    assert same(all_regions(started(1, first=1, regions=regions)), found)
    model = segmenter.load_segmenter(str(tmp_path), None, "cpu", "auto")
    boxes = np.array([[4, 4, 40, 40], [30, 8, 60, 50]], np.float32)
    assert model.in_boxes(torch.zeros(64, 64, 3, dtype=torch.uint8), boxes).shape == (2, 64, 64)


def test_a_picture_is_embedded_once_for_all_boxes_asked_for(folder, monkeypatch):
    model = segmenter.load_segmenter(str(folder), None, "cpu", "auto")
    shown = []
    one = model._inputs
    monkeypatch.setattr(model, "_inputs", lambda images: shown.append(1) or one(images))
    rng = np.random.default_rng(2)
    images = torch.from_numpy(rng.integers(256, size=(12, 64, 64, 3), dtype=np.uint8))
    boxes = np.array([[4, 4, 40, 40], [30, 8, 60, 50]], np.float32)
    both = model.in_boxes(images[0], boxes)
    assert (model.in_boxes(images[0], boxes[1:]) == both[1:]).mean() > 0.999 and len(shown) == 1
    with torch.inference_mode():
        asked = torch.from_numpy(boxes * (model._edge / 64))[None]
        whole = model._model(pixel_values=one(images[:1]), input_boxes=asked, multimask_output=False)
    assert np.array_equal(segmenter._enlarged(whole.pred_masks[:, :, 0], 64)[0], both)
    for image in images:
        model.in_boxes(image, boxes)
    assert len(shown) == 12 and len(model._embedded) == segmenter._EMBEDDED


def test_half_precision(started, regions, all_regions):
    engine = started(1, regions=regions | {"dtype": "bfloat16"})
    assert engine.regions._model._model.dtype == torch.bfloat16
    assert all_regions(engine).masks.shape == (65, 64, 64)


def test_finding_undoes_naming(started, regions):
    engine = started(2, regions=regions)
    for label in engine.batch.segments[1].unique().tolist():
        assert 0 <= engine.regions.find(1, label) <= 64
    assert engine.regions.find(1, 255) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"model": ""}, "model must be"), ({"model": 3}, "model must be"), ({"batch_size": 0}, "batch_size must be")],
)
def test_arguments_are_checked(arguments, said):
    with pytest.raises(ImgEditError, match=said):
        REGIONS.build({"id": "sam", **arguments})


def test_what_is_no_such_model_is_refused(make_engine, tmp_path):
    with pytest.raises(ImgEditError, match="expected a folder or hub id of a segment-anything model"):
        make_engine(1, regions={"id": "sam", "model": str(tmp_path)})
    tiny.build_owlvit(tmp_path)
    with pytest.raises(ImgEditError, match="expected a folder or hub id of a segment-anything model"):
        make_engine(1, regions={"id": "sam", "model": str(tmp_path)})


def test_without_transformers_the_extra_is_named(make_engine, regions, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[models\]"):
        make_engine(1, regions=regions)
