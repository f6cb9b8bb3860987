"""Tests of tasks that users bring along."""

import numpy as np
import pytest
import torch
from PIL import Image

from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.core.plan import PlanStep

SIZE = 64


def photo(height=SIZE, width=SIZE) -> np.ndarray:
    """A flat ground with a dark box of a third in the middle."""
    image = np.full((height, width, 3), (200, 210, 220), np.uint8)
    image[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = (120, 20, 20)
    return image


def box(height=SIZE, width=SIZE) -> tuple[int, int, int, int]:
    return height // 3, width // 3, 2 * height // 3, 2 * width // 3


def task(**changes) -> dict:
    options = {
        "image": photo(),
        "instruction": "make it emptier",
        "objects": [{"name": "Dark Box", "box": box()}],
        "checklist": [{"kind": "absent", "object": "dark box"}],
    }
    return {key: value for key, value in (options | changes).items() if value is not None}


@pytest.fixture(scope="module")
def engine(started):
    return started(2)


@pytest.fixture
def begin(engine):
    def load(**changes):
        engine.reset_user_task(0, task(**changes))
        return engine

    return load


def snapshot(engine) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in engine.batch.tensors().values()] + [engine.canvas.clone()]


def act(engine, tool, region):
    return engine.step(torch.tensor([[engine.tool_ids.index(tool), region], [0, 0]]), torch.tensor([0]))


# ------------------------------------------------------------------ a task as it should be


def test_a_task_of_ones_own_can_be_solved(begin):
    engine = begin()
    region = engine.regions.find(0, 1)
    assert region > 0
    assert engine.evaluate().requirements[0, 0] < 0.5
    result = act(engine, "fill_smooth", region)
    assert result.verdict.requirements[0, 0] >= 0.5
    assert result.verdict.success[0] and result.reward[0] > 0.9
    assert (engine.canvas[0] == torch.tensor([200, 210, 220])).all()


def test_what_is_known_of_it(begin):
    engine = begin()
    source, batch = engine.tasks, engine.batch
    assert np.array_equal(batch.images[0].numpy(), photo())
    assert (batch.plates[0] == torch.tensor([200, 210, 220])).all(), "the plate is filled from around the objects"
    assert source.instruction(batch, 0) == "make it emptier"
    assert source.goal_names(batch, 0) == ()
    assert engine.plan(0) == (PlanStep("edit", "picture", "make it emptier"),)
    assert [(r.kind, r.text, r.step) for r in source.requirements(batch, 0)] == [(Kind.ABSENT, "no dark box", 0)]
    names = [source.label_name(batch, 0, label) for label in (0, 1, 2, LABEL_HEADLINE, 99)]
    assert names == ["background", "dark box", "", "headline", ""]
    assert source.task_id(batch, 0).startswith("user/")
    assert int(batch.keys[0]) == -1


def test_the_id_follows_from_image_and_instruction(engine):
    def id_of(**changes):
        engine.reset_user_task(0, task(**changes))
        return engine.tasks.task_id(engine.batch, 0)

    ids = [id_of(), id_of(instruction="else"), id_of(image=255 - photo())]
    assert len(set(ids)) == 3
    assert id_of() == ids[0]


def test_other_rows_are_left_and_the_next_reset_forgets_it(begin, started):
    engine = begin()
    plain = started(2)
    assert torch.equal(engine.batch.images[1], plain.batch.images[1])
    engine.reset([0], [0])
    assert torch.equal(engine.batch.images[0], plain.batch.images[0])
    assert engine.tasks.instruction(engine.batch, 0) == plain.tasks.instruction(plain.batch, 0)
    assert engine.tasks.task_id(engine.batch, 0).startswith("adverts/")


def test_a_plan_comes_along(begin):
    engine = begin(plan="remove the dark box\nadjust the picture to darker")
    assert [step.text for step in engine.plan(0)] == ["remove the dark box", "adjust the picture to darker"]
    assert int(engine.plan_length[0]) == 2
    assert engine.batch.plan_labels[0, :2].tolist() == [1, 255]
    assert engine.current_step(0) == PlanStep("remove", "dark box")


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (97, 301), (300, 40), (1, 1), (2, 500)])
@pytest.mark.parametrize("pillow", [False, True])
def test_any_size_is_resized(begin, shape, pillow):
    image = photo(*shape)
    engine = begin(image=Image.fromarray(image) if pillow else image, objects=None, checklist=None)
    assert engine.canvas.shape[1:] == (SIZE, SIZE, 3)
    expected = np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    assert np.abs(engine.canvas[0].numpy().astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pillow_modes(begin, mode):
    engine = begin(image=Image.fromarray(photo()).convert(mode))
    assert engine.canvas[0].float().mean() > 100


def test_boxes_are_scaled_with_the_image(begin):
    engine = begin(image=photo(192, 384), objects=[{"name": "dark box", "box": box(192, 384)}])
    where = (engine.batch.segments[0] == 1).nonzero()
    low, high = where.min(0).values, where.max(0).values + 1
    assert (low - SIZE // 3).abs().max() <= 1 and (high - 2 * SIZE // 3).abs().max() <= 1


def test_read_only_images_and_lists_are_taken(begin):
    image = photo()
    image.setflags(write=False)
    engine = begin(image=image, objects=({"name": "dark box", "box": [21.0, 21.2, 42, 42]},))
    assert (engine.batch.segments[0] == 1).any()


# ------------------------------------------------------------------ headline


@pytest.mark.parametrize("text", ["HELLO YOU", "HI"])
def test_a_headline_is_rewritten_and_read(begin, text):
    engine = begin(
        objects=None,
        headline_box=(2, 4, 12, 60),
        plan=[f"rewrite the headline as {text}"],
        checklist=[{"kind": "headline", "text": text}],
    )
    height, width = engine.tasks.stock.texts.shape[1:]
    top, left, bottom, right = engine.batch.headline_box[0].tolist()
    assert (bottom - top, right - left) == (height, width)
    assert top >= 0 and bottom <= SIZE and left >= 0 and right <= SIZE
    region = engine.regions.find(0, LABEL_HEADLINE)
    assert engine.evaluate().requirements[0, 0] < 0.5
    assert act(engine, "rewrite_fill", region).verdict.requirements[0, 0] >= 0.5
    assert int(engine.batch.keep[0, LABEL_HEADLINE]) == 0


def test_another_text_does_not_pass(begin):
    engine = begin(
        objects=None,
        headline_box=(2, 4, 12, 60),
        plan=["rewrite the headline as GOODBYE ALL"],
        checklist=[{"kind": "headline", "text": "HELLO YOU"}],
    )
    region = engine.regions.find(0, LABEL_HEADLINE)
    assert act(engine, "rewrite_fill", region).verdict.requirements[0, 0] < 0.5


# ------------------------------------------------------------------ checklist


@pytest.mark.parametrize(
    ("entry", "kind", "text", "columns"),
    [
        ({"kind": "absent", "object": "dark box"}, Kind.ABSENT, "no dark box", (0, -1, 0)),
        ({"kind": "color", "object": "dark box", "color": "blue"}, Kind.COLOR, "the dark box is blue", (0, 4, 0)),
        ({"kind": "present", "object": "carrot"}, Kind.PRESENT, "at least 1 of carrot", None),
        ({"kind": "present", "object": "carrot", "count": 3}, Kind.PRESENT, "at least 3 of carrot", None),
        ({"kind": "background", "background": "beach"}, Kind.BACKGROUND, "background: beach", (0, 1 << 8, 0)),
        (
            {"kind": "background", "background": ["plain", "dots"]},
            Kind.BACKGROUND,
            "background: plain or dots",
            (0, 1 | 1 << 5, 0),
        ),
        ({"kind": "background_color", "color": "black"}, Kind.BACKGROUND_COLOR, "the background is black", (0, 10, 0)),
        ({"kind": "tone", "tone": "darker"}, Kind.TONE, "the picture is darker", (0, 1, 0)),
    ],
)
def test_kinds_of_requirement(begin, entry, kind, text, columns):
    engine = begin(checklist=[entry], plan=["add the carrot", "remove the dark box"])
    (found,) = engine.tasks.requirements(engine.batch, 0)
    assert (found.kind, found.text, found.step) == (kind, text, 1)
    row = engine.batch.requirements[0, 0].tolist()
    assert row[:2] == [int(kind), 1]
    assert columns is None or tuple(row[2:]) == columns
    assert not engine.batch.requirements[0, 1:].any()
    spared = {Kind.ABSENT: 1, Kind.COLOR: 1, Kind.BACKGROUND: 0, Kind.BACKGROUND_COLOR: 0}.get(kind)
    for label in (0, 1):
        assert int(engine.batch.keep[0, label]) == int(label != spared)
    assert torch.isfinite(engine.evaluate().score).all()


def test_a_background_named_twice_is_one(begin):
    engine = begin(checklist=[{"kind": "background", "background": ["beach", "beach"]}])
    assert int(engine.batch.requirements[0, 0, 3]) == 1 << BACKGROUNDS.index("beach")


def test_steps_of_requirements(begin):
    engine = begin(
        plan=["remove the dark box", "adjust the picture to darker"],
        checklist=[{"kind": "absent", "object": "dark box", "step": 0}, {"kind": "tone", "tone": "darker"}],
    )
    assert [requirement.step for requirement in engine.tasks.requirements(engine.batch, 0)] == [0, 1]


def test_without_a_checklist_nothing_is_measured(begin):
    engine = begin(checklist=None)
    verdict = engine.evaluate()
    assert not verdict.valid[0] and verdict.score[0].isnan()
    assert "no measurement tells whether an instruction was carried out" in verdict.reasons[0]
    result = act(engine, "exposure", 0)
    assert not result.verdict.success[0] and not result.valid[0] and result.reward[0] == 0.0
    assert verdict.valid[1], "the neighbour's task is measured"


def test_requirements_in_words_are_for_models(begin):
    told = "the picture feels emptier than before, " * 20
    engine = begin(
        checklist=["it feels emptier", {"kind": "absent", "object": "dark box"}, {"kind": "instruction", "text": told}]
    )
    found = engine.tasks.requirements(engine.batch, 0)
    assert [r.kind for r in found] == [Kind.INSTRUCTION, Kind.ABSENT, Kind.INSTRUCTION]
    assert found[0].text == "it feels emptier" and found[2].text == told.strip(), "long words are kept whole"
    assert not engine.evaluate().valid[0]


def test_long_instructions_are_kept_whole(begin):
    engine = begin(instruction="make it emptier and " * 60)
    assert engine.tasks.instruction(engine.batch, 0) == ("make it emptier and " * 60).strip()


@pytest.mark.parametrize("kind", ["bool", "grey", "pillow"])
def test_a_mask_marks_where_the_edit_belongs(begin, kind):
    mask = np.zeros((128, 192), bool)
    mask[:64, 96:] = True
    given = {"bool": mask, "grey": mask.astype(np.uint8) * 255, "pillow": Image.fromarray(mask.astype(np.uint8) * 255)}
    engine = begin(image=photo(128, 192), mask=given[kind], objects=None, checklist=None)
    segments = engine.batch.segments[0]
    assert (segments[:32, 32:] == 1).all() and int((segments == 1).sum()) == 32 * 32
    assert engine.tasks.label_name(engine.batch, 0, 1) == "marked area"
    assert engine.batch.keep[0, :2].tolist() == [1, 0], "all else is to be preserved"
    assert engine.batch.plan_labels[0, 0] == 1, "the instruction belongs there"
    assert engine.regions.find(0, 1) == 1 + 4


def test_objects_stand_in_the_marked_area(begin):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:, SIZE // 3 :] = True
    engine = begin(mask=mask, plan=["remove the marked area", "remove the dark box", "something else"])
    assert engine.batch.segments[0, 30, 30] == 1 and engine.batch.segments[0, 60, 60] == 2
    assert engine.batch.keep[0, :3].tolist() == [1, 0, 0]
    assert engine.batch.plan_labels[0, :3].tolist() == [2, 1, 2]


def test_as_many_objects_and_requirements_as_fit(begin):
    objects = [{"name": f"thing {i}", "box": (5 * i, 0, 5 * i + 4, 9)} for i in range(MAX_OBJECTS)]
    checklist = [{"kind": "absent", "object": f"thing {i % MAX_OBJECTS}"} for i in range(MAX_REQUIREMENTS)]
    engine = begin(objects=objects, checklist=checklist)
    assert engine.batch.segments[0].unique().tolist() == list(range(MAX_OBJECTS + 1))
    assert len(engine.tasks.requirements(engine.batch, 0)) == MAX_REQUIREMENTS


# ------------------------------------------------------------------ what is wrong is told

THING = {"name": "dark box", "box": box()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, r"needs an 'image' as uint8 \[H, W, 3\] or a Pillow image; found NoneType"),
        ({"image": "cat.png"}, "found str"),
        ({"image": photo().astype(np.float32)}, r"found float32 \(64, 64, 3\)"),
        ({"image": photo()[..., 0]}, r"found uint8 \(64, 64\)"),
        ({"image": np.zeros((4, 4, 4), np.uint8)}, r"found uint8 \(4, 4, 4\)"),
        ({"image": np.zeros((0, 5, 3), np.uint8)}, "expected 1 to 8192 pixels a side; found 0 x 5"),
        ({"image": np.zeros((1, 9000, 3), np.uint8)}, "expected 1 to 8192 pixels a side; found 1 x 9000"),
        ({"image": Image.new("RGB", (9000, 1))}, "expected 1 to 8192 pixels a side; found 1 x 9000"),
        ({"instruction": None}, r"needs an 'instruction' \(text\); found None"),
        ({"instruction": " \n "}, "needs an 'instruction'"),
        ({"instruction": 5}, "found 5"),
        ({"objects": 5}, f"objects: expected a list of at most {MAX_OBJECTS}; found 5"),
        ({"objects": [THING] * (MAX_OBJECTS + 1)}, f"objects: expected a list of at most {MAX_OBJECTS}"),
        ({"objects": ["dark box"]}, "objects: expected mappings with the keys 'name' and 'box'; found 'dark box'"),
        ({"objects": [{"name": "x"}]}, "expected mappings with the keys 'name' and 'box'"),
        ({"objects": [{"name": 3, "box": box()}]}, "expected mappings with the keys 'name' and 'box'"),
        ({"objects": [THING | {"label": 1}]}, "expected mappings with the keys 'name' and 'box'"),
        ({"objects": [THING | {"name": "hat and no new hair"}]}, "objects: expected names without ' and no new '"),
        ({"objects": [THING, THING]}, r"objects: expected names that differ; found \['dark box', 'dark box'\]"),
        ({"objects": [{"name": "x", "box": (1, 2, 3)}]}, "box of 'x': expected top, left, bottom, right"),
        (
            {"objects": [{"name": "x", "box": (9, 9, 9, 20)}]},
            r"box of 'x': .* not empty and inside it; found \(9, 9, 9, 20\)",
        ),
        ({"objects": [{"name": "x", "box": (-5, 0, 9, 20)}]}, "box of 'x'"),
        ({"objects": [{"name": "x", "box": "1234"}]}, "box of 'x'"),
        ({"objects": [{"name": "x", "box": (70, 70, 90, 90)}]}, r"not empty and inside it; found \(70, 70, 90, 90\)"),
        ({"headline_box": 7}, "headline_box: expected top, left, bottom, right"),
        ({"headline_box": (5, 5, 1, 9)}, "headline_box: .* not empty"),
        ({"plan": []}, "a plan needs at least one step"),
        ({"plan": "remove it\n" * 9}, "max_plan_steps=8 steps; found 9"),
        ({"plan": 3}, "a plan is text or a sequence of steps; found int"),
        ({"checklist": 3}, f"checklist: expected a list of at most {MAX_REQUIREMENTS} entries; found 3"),
        ({"checklist": "absent"}, "checklist: expected a list"),
        ({"checklist": [{"kind": "tone", "tone": "darker"}] * 19}, "checklist: expected a list"),
        ({"checklist": [5]}, "checklist: expected texts, or mappings with the key 'kind'; found 5"),
        ({"checklist": [{}]}, "checklist: expected texts, or mappings with the key 'kind'"),
        ({"checklist": [" "]}, "a requirement of kind 'instruction' needs its 'text'"),
        ({"checklist": ["much " * 500]}, "checklist: expected at most 2000 characters; found 2499"),
        ({"instruction": "much " * 500}, "instruction: expected at most 2000 characters; found 2499"),
        (
            {"mask": np.zeros((64, 65), bool)},
            r"mask: expected a mask of the image's 64 x 64 pixels; found bool \(64, 65\)",
        ),
        ({"mask": np.zeros((64, 64))}, r"found float64 \(64, 64\)"),
        ({"mask": "mask.png"}, "mask: expected a mask of the image's 64 x 64 pixels; found str"),
        ({"mask": np.zeros((64, 64), bool)}, "mask: expected some of it to be marked; found nothing"),
        ({"objects": [THING] * MAX_OBJECTS, "mask": np.ones((64, 64), bool)}, "objects: expected a list of at most 11"),
        ({"checklist": [{"kind": "gone"}]}, "checklist: kind must be one of absent, color, .* found 'gone'"),
        ({"checklist": [{"kind": "absent"}]}, "checklist: object must be one of dark box; found None"),
        ({"checklist": [{"kind": "absent", "object": "cat"}]}, "object must be one of dark box; found 'cat'"),
        (
            {"checklist": [{"kind": "color", "object": "dark box", "color": "white"}]},
            "color must be one of red, .*pink",
        ),
        ({"checklist": [{"kind": "present", "object": "unobtainium"}]}, "expected an object or category of the stock"),
        ({"checklist": [{"kind": "present", "object": "carrot", "count": 0}]}, "expected an object or category"),
        ({"checklist": [{"kind": "present", "object": "carrot", "count": "2"}]}, "expected an object or category"),
        ({"checklist": [{"kind": "background", "background": "moon"}]}, "background must be one of plain, .* 'moon'"),
        ({"checklist": [{"kind": "background"}]}, "background must be one of plain, .* found None"),
        ({"checklist": [{"kind": "background", "background": []}]}, "background must be one of plain"),
        ({"checklist": [{"kind": "background_color", "color": "teal"}]}, "color must be one of red, .* found 'teal'"),
        ({"checklist": [{"kind": "headline", "text": "HI"}]}, "needs its 'text' and the option 'headline_box'"),
        ({"checklist": [{"kind": "headline"}], "headline_box": (2, 4, 12, 60)}, "a headline needs its 'text'"),
        ({"checklist": [{"kind": "tone", "tone": "loud"}]}, "tone must be one of brighter, .* found 'loud'"),
        (
            {"checklist": [{"kind": "tone", "tone": "darker"}, {"kind": "tone", "tone": "vivid"}]},
            r"at most one requirement of each of \['tone'\]",
        ),
        ({"checklist": [{"kind": "background", "background": 5}]}, "background must be one of plain, .* found 5"),
        (
            {"checklist": [{"kind": "tone", "tone": "darker", "step": 1}]},
            "step must be a plan step from 0 to 0; found 1",
        ),
        ({"checklist": [{"kind": "tone", "tone": "darker", "step": -1}]}, "step must be a plan step"),
        ({"checklist": [{"kind": "tone", "tone": "darker", "step": "0"}]}, "step must be a plan step"),
    ],
)
def test_wrong_options(engine, changes, message):
    engine.reset([0, 1], [0, 1])
    before = snapshot(engine)
    options = task(**changes)
    if "checklist" not in changes:
        options.pop("checklist")
    with pytest.raises(ImgEditError, match=message) as caught:
        engine.reset_user_task(0, options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 4000
    assert all(torch.equal(old, new) for old, new in zip(before, snapshot(engine), strict=True))


@pytest.mark.parametrize(
    "bad", [(0, 0, float("nan"), 9), (0, 0, float("inf"), 9), (70, 70, 90, 90), (0.1, 0.1, 0.2, 0.2), (True,) * 4]
)
def test_boxes_off_the_picture_are_told(engine, bad):
    with pytest.raises(ImgEditError, match="box of 'x'"):
        engine.reset_user_task(0, task(objects=[{"name": "x", "box": bad}], checklist=None))


def test_a_huge_image_is_taken_in_one_go(begin):
    image = np.broadcast_to(np.uint8([[[10, 20, 30]]]), (2000, 3000, 3))
    engine = begin(image=image, objects=None, checklist=None)
    assert (engine.canvas[0] == torch.tensor([10, 20, 30])).all()
