"""Tests of regions that are detections of the step's target: with boxes known beforehand, and on tiny models."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import REGIONS
from imgedit_gym.engine import NO_REGION
from imgedit_gym.models.detector import MOST, Detector, _apart
from imgedit_gym.regions import detect, pictures

SIZE = 64
BOXES = {
    "mug": [[8, 8, 24, 24], [40, 40, 60, 60]],
    "table": [[0, 32, 64, 64]],
    "make the dog darker": [[16, 0, 32, 16]],
}


class Known:
    """A detector that knows where things are."""

    name = "known"

    def __init__(self):
        self.calls = []

    def boxes(self, shown, texts, threshold, overlap):
        self.calls.append(list(texts))
        return [np.array(BOXES.get(text, []), np.float32).reshape(-1, 4) for text in texts]


@pytest.fixture
def detector(monkeypatch):
    made = Known()
    monkeypatch.setattr(detect, "load_detector", lambda *where: made)
    return made


@pytest.fixture
def engine_of(make_engine, detector):
    def make(*plans, **arguments):
        engine = make_engine(len(plans), regions={"id": "detect", **arguments})
        rng = np.random.default_rng(0)
        for row, plan in enumerate(plans):
            image = rng.integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)
            engine.reset_user_task(row, {"image": image, "instruction": "tidy up", "plan": plan})
        return engine

    return make


def region_at(y, x):
    return 1 + 8 * (y // 8) + x // 8


def test_a_cell_stands_for_the_detection_on_it(engine_of, all_regions):
    found = all_regions(engine_of(["remove the mug"]))
    assert found.masks[0].all()
    first, second = found.boxes[region_at(10, 10)].tolist(), found.boxes[region_at(50, 50)].tolist()
    assert first == [8, 8, 24, 24] and second == [40, 40, 60, 60]
    # the second reaches half way into the last cells of its own
    assert found.boxes[region_at(56, 56)].tolist() == second
    assert found.areas[region_at(10, 10)] == 256 and found.areas[region_at(0, 63)] == 0
    assert found.boxes[region_at(0, 63)].tolist() == [0, 0, 0, 0]
    assert (found.areas[1:] > 0).sum() == 4 + 9


def test_all_detections_in_one_mask(engine_of, all_regions):
    found = all_regions(engine_of(["remove the mug"], names="all"))
    assert (found.areas[1:] == 256 + 400).all() and (found.masks[1:] == found.masks[1]).all()
    assert found.boxes[5].tolist() == [8, 8, 60, 60]
    assert (all_regions(engine_of(["remove the cat"], names="all")).areas[1:] == 0).all()


@pytest.mark.parametrize("plan", ["adjust the picture to darker", "set the background to beach", "add the pumpkin"])
def test_where_there_is_nothing_to_look_for_a_cell_is_itself(plan, engine_of, detector, all_regions):
    found = all_regions(engine_of([plan]))
    assert torch.equal(found.boxes, found.cells) and (found.areas[1:] == 64).all()
    assert not detector.calls


def test_free_text_is_looked_for_whole(engine_of, detector, all_regions):
    found = all_regions(engine_of(["make the dog darker"]))
    assert detector.calls == [["make the dog darker"]]
    assert found.boxes[region_at(0, 20)].tolist() == [0, 16, 16, 32]


def test_one_call_a_step(engine_of, detector):
    plans = (
        ["remove the mug"],
        ["remove the table"],
        ["adjust the picture to darker"],
        ["remove the cat"],
        ["remove the mug"],
    )
    engine = engine_of(*plans, batch_size=8)
    tools = [engine.tool_ids.index(name) for name in ("exposure", "fill_flat", "exposure", "blur", "skip")]
    result = engine.step(torch.tensor([[tool, region_at(40, 12)] for tool in tools]))
    assert detector.calls == [["mug", "table", "cat"]]
    assert result.problems.tolist()[3] == NO_REGION
    assert engine.problem_text(tools[3], NO_REGION) == "blur: the region is empty, as nothing was found there"


def test_regions_follow_the_plan_step(engine_of, all_regions, same):
    engine = engine_of(["remove the mug", "remove the table"])
    first, second = all_regions(engine), all_regions(engine, ahead=1)
    assert not same(first, second)
    tool = engine.tool_ids.index("exposure")
    engine.step(torch.tensor([[tool, region_at(10, 10)]]))
    assert same(all_regions(engine), second) and same(all_regions(engine, ahead=-1), first)
    before = engine.canvas[0].clone()
    engine.step(torch.tensor([[engine.tool_ids.index("fill_flat"), region_at(50, 10)]]))
    changed = (engine.canvas[0] != before).any(2)
    assert not changed[:30].any() and changed[34:].float().mean() > 0.9


def test_what_is_drawn_and_judged_is_the_region_of_the_step_that_was_taken(engine_of):
    from imgedit_gym.envs.episode import Words, screen_of

    engine = engine_of(["remove the mug", "remove the table"])
    seen = []
    one = engine.judge.judge
    engine.judge.judge = lambda cases: seen.append(cases.regions()) or one(cases)
    engine.step(torch.tensor([[engine.tool_ids.index("fill_flat"), region_at(10, 10)]]))
    assert seen and seen[-1].boxes.tolist() == [[8, 8, 24, 24]]
    mask = screen_of(engine, 0, Words.read(engine, 0)).mask
    assert mask.sum() == 256 and mask[8:24, 8:24].all()


def test_looking_ahead_and_copied_states(engine_of):
    engine = engine_of(["remove the mug", "remove the table"], ["remove the cat"])
    flat, region = engine.tool_ids.index("fill_flat"), region_at(50, 12)
    engine.step(torch.tensor([[flat, region_at(10, 10)], [0, 0]]))
    other = engine_of(["remove the cat"])
    other.set_state(0, engine.get_state(0))
    looked, _ = engine.imagine(
        engine.canvas[:1], engine.step_index[:1], torch.tensor([[flat, region]]), torch.tensor([0])
    )
    other.step(torch.tensor([[flat, region]]))
    assert torch.equal(looked[0], other.canvas[0]) and not torch.equal(looked[0], engine.canvas[0])


def test_joint_masks_leave_out_where_nothing_is(engine_of):
    from imgedit_gym.wrappers.joint_action import joint_masks

    engine = engine_of(["remove the mug", "remove the table"])
    allowed = joint_masks(engine, [0]).view(len(engine.tools), 65)
    flat = engine.tool_ids.index("fill_flat")
    assert allowed[flat, region_at(10, 10)] and not allowed[flat, region_at(0, 60)]
    assert joint_masks(engine, [0], ahead=1).view(-1, 65)[flat].nonzero().min() == 33


def test_refined_by_a_segmenter(engine_of, monkeypatch, all_regions):
    class Halves:
        name = "halves"

        def in_boxes(self, picture, boxes):
            masks = np.zeros((len(boxes), SIZE, SIZE), bool)
            left, top, right, bottom = boxes[0].astype(int)
            masks[0, top:bottom, left : (left + right) // 2] = True
            return masks

    asked = []
    monkeypatch.setattr(detect, "load_segmenter", lambda *where: asked.append(where) or Halves())
    engine = engine_of(["remove the mug"], refine={"id": "sam", "model": "some/model"})
    found = all_regions(engine)
    assert asked == [("some/model", None, "cpu", "auto")]
    assert found.boxes[region_at(10, 10)].tolist() == [8, 8, 24, 16]
    # where the segmenter finds nothing the box stays; cells that only the box covers have nothing
    assert found.areas[region_at(50, 50)] == 400 and found.areas[region_at(10, 20)] == 0


def test_finding_by_label_names_the_cell(engine_of, detector):
    engine = engine_of(["remove the mug"])
    objects = [{"name": "mug", "box": [8, 8, 24, 24]}]
    image = engine.batch.images[0].numpy().copy()
    engine.reset_user_task(
        0, {"image": image, "instruction": "tidy up", "plan": ["remove the mug"], "objects": objects}
    )
    assert engine.regions.find(0, 1) == region_at(8, 8) and engine.regions.find(0, 255) == 0
    assert not detector.calls


def test_steps_are_needed(engine_of):
    with pytest.raises(ImgEditError, match="expected the steps"):
        engine_of(["remove the mug"]).regions.regions(torch.tensor([0]), torch.tensor([3]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": None}, "model must be"),
        ({"threshold": 1.5}, "threshold must be"),
        ({"overlap": "a"}, "overlap must be"),
        ({"names": "some"}, "names must be"),
        ({"batch_size": True}, "batch_size must be"),
        ({"refine": "cells"}, "refine must be"),
        ({"refine": {"id": "sam", "batch_size": 2}}, "refine must be"),
    ],
)
def test_arguments_are_checked(arguments, said):
    with pytest.raises(ImgEditError, match=said):
        REGIONS.build({"id": "detect", **arguments})


def test_boxes_that_lie_on_better_ones_go():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 90, 50], [5, 5, 5.5, 20], [np.nan, 0, 9, 9]], np.float32)
    kept = _apart(boxes, np.array([0.5, 0.9, 0.7, 0.8, 0.9], np.float32), 64, 0.6)
    assert kept.tolist() == [[1, 0, 11, 10], [30, 30, 64, 50]]
    assert _apart(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 64, 0.6).shape == (0, 4)
    many = np.array([[i, 0, i + 1, 1] for i in range(MOST + 9)], np.float32)
    assert len(_apart(many, np.ones(len(many), np.float32), 64, 0.6)) == MOST


# ---------------------------------------------------------------------- tiny models

transformers = pytest.importorskip("transformers")

from tests.regions import tiny  # noqa: E402 - needs transformers


@pytest.fixture(scope="module", params=["grounding_dino", "owlvit", "owlv2"])
def model(request, tmp_path_factory):
    if request.param == "owlv2":
        pytest.importorskip("scipy")
    made = tmp_path_factory.mktemp(request.param)
    getattr(tiny, f"build_{request.param}")(made)
    return str(made)


@pytest.mark.usefixtures("_no_models")
def test_models_of_every_family(model, started, all_regions, same):
    regions = {"id": "detect", "model": model, "threshold": 0.05}
    engine = started(3, regions=regions)
    looked = 0
    for row in range(3):
        found = all_regions(engine, row)
        assert found.masks.shape == (65, SIZE, SIZE) and found.areas.max() == SIZE * SIZE
        looked += bool(engine.regions.query(engine.current_steps(), row))
        pictures.KEPT_FOUND.clear()
        assert same(all_regions(started(1, first=row, regions=regions)), found)
    assert looked
    pictures.KEPT_FOUND.clear()
    together = started(3, regions=regions | {"batch_size": 3})
    together.step(torch.tensor([[together.tool_ids.index("blur"), 12]] * 3))


@pytest.mark.usefixtures("_no_models")
def test_long_and_odd_texts_are_read(model):
    from imgedit_gym.models.detector import load_detector

    shown = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)
    detector = load_detector(model, None, "cpu", "auto")
    assert isinstance(detector, Detector)
    for text in ("a. b. c.", "...", "the " * 50, "машина", "?"):
        for found in detector.boxes(shown, [text], 0.0, 0.5):
            assert found.dtype == np.float32 and found.shape[1] == 4
            assert (found >= 0).all() and (found <= SIZE).all()


@pytest.mark.usefixtures("_no_models")
def test_an_environment_with_detections_refined_by_sam(model, tmp_path):
    tiny.build_sam(tmp_path)
    regions = {"id": "detect", "model": model, "threshold": 0.0, "refine": {"id": "sam", "model": str(tmp_path)}}
    env = gym.make("ImageEdit-v0", image_size=SIZE, regions=regions, render_mode="rgb_array")
    env.reset(seed=1)
    done = False
    while not done:
        action = (env.unwrapped.engine.tool_ids.index("exposure"), 28)
        _, reward, terminated, truncated, info = env.step(np.array(action))
        assert np.isfinite(reward) and isinstance(info["action_error"], str)
        done = terminated or truncated
    assert env.render().ndim == 3
    env.close()


def test_what_is_no_such_model_is_refused(make_engine, tmp_path):
    with pytest.raises(ImgEditError, match="expected a folder or hub id of an open-vocabulary detector"):
        make_engine(1, regions={"id": "detect", "model": str(tmp_path)})
    tiny.build_sam(tmp_path)
    with pytest.raises(ImgEditError, match="expected a folder or hub id of an open-vocabulary detector"):
        make_engine(1, regions={"id": "detect", "model": str(tmp_path)})
