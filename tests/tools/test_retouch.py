"""Tests of the retouching tools: what each does to a fault of its kind, and that it stays inside its region."""

import numpy as np
import pytest
import torch

from imgedit_gym.core.plan import PICTURE, PlanStep
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.registry import RETOUCH_TOOLS, TOOLS
from imgedit_gym.core.retouching import VALUES, VOCABULARY
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.photos.recipe import KINDS

SIZE = 64
RIGHT = {
    "grain": "denoise_grain",
    "specks": "denoise_specks",
    "soft focus": "deblur_focus",
    "streak": "deblur_streak",
    "even haze": "dehaze_even",
    "deep haze": "dehaze_deep",
    "hard shadow": "exposure_gain",
    "soft shadow": "dodge",
    "less light": "exposure_gain",
    "bent curve": "exposure_curve",
    "coloured light": "balance_light",
    "coloured veil": "balance_veil",
    "flat picture": "contrast_linear",
    "flat middle tones": "contrast_midtones",
    "pale colours": "saturate",
    "faded print": "unfade",
}
"""The tool that undoes each kind of fault."""


class NoArt:
    """A stock that has nothing but a size: retouching needs no art."""

    size, device = SIZE, torch.device("cpu")


def steps(*wanted):
    codes = torch.tensor([VOCABULARY.encode(step) for step in wanted], dtype=torch.int32)
    return StepBatch(codes, lambda index: wanted[index])


def region(box, n=1):
    boxes = torch.tensor([box] * n, dtype=torch.int32)
    return RegionBatch(box_masks(boxes, SIZE), boxes, boxes)


def pictures(n, seed=0):
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((n, 3, 8, 8), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear")
    return (smooth.permute(0, 2, 3, 1) * 255).to(torch.uint8).contiguous()


@pytest.fixture(scope="module")
def tools():
    return {id: TOOLS.build(id, stock=NoArt(), vocabulary=VOCABULARY) for id in RETOUCH_TOOLS}


@pytest.mark.parametrize("id", RETOUCH_TOOLS)
def test_tools_stay_inside_and_do_not_depend_on_the_batch(tools, id):
    tool, images = tools[id], pictures(6)
    images = torch.cat([images, 255 - images])
    values = [VALUES[5 * i % len(VALUES)] for i in range(len(images))]
    wanted = [PlanStep("adjust", PICTURE, value) for value in values]
    before = images.clone()
    box = (8, 16, 40, 56)
    edited = tool.apply(images, region(box, len(images)), steps(*wanted))
    assert torch.equal(images, before) and edited.dtype == torch.uint8
    inside = box_masks(torch.tensor([box]), SIZE)[0]
    assert torch.equal(edited[:, ~inside], images[:, ~inside])
    for row in (0, 7):
        alone = tool.apply(images[row : row + 1], region(box), steps(wanted[row]))
        assert torch.equal(alone[0], edited[row])


def test_tools_accept_adjustments_and_free_text(tools):
    wanted = steps(
        PlanStep("adjust", PICTURE, "much brighter"),
        PlanStep("edit", PICTURE, "make it nice"),
        PlanStep("remove", "car"),
        PlanStep(),
    )
    for tool in tools.values():
        assert tool.accepts(wanted).tolist() == [True, True, False, False]
        empty = region((0, 0, 0, 0), 4)
        assert tool.check(empty, wanted).tolist() == [2, 2, 1, 1]


def test_a_step_in_other_words_has_the_tools_own_strength(tools):
    images = pictures(1)
    whole = region((0, 0, SIZE, SIZE))
    own = tools["exposure_gain"].apply(images, whole, steps(PlanStep("adjust", PICTURE, "brighter")))
    for value in ("crisper", "anything at all"):
        assert torch.equal(own, tools["exposure_gain"].apply(images, whole, steps(PlanStep("adjust", PICTURE, value))))
    more = tools["exposure_gain"].apply(images, whole, steps(PlanStep("adjust", PICTURE, "much brighter")))
    assert more.float().mean() > own.float().mean() > images.float().mean()


def test_words_of_another_vocabulary_do_not_name_the_wrong_thing(started):
    # "brighter" is a tone of the pixel tools, too; what photographs have no word for stands for nothing
    engine = Engine(1, tasks="photos", tools="pixel", image_size=SIZE)
    tool = next(tool for tool in engine.tools if tool.id == "paste")
    assert (tool.lookup.sprite >= 0).sum() == 0
    assert (tool.lookup.tone >= 0).sum() == 4
    advert = next(tool for tool in started(1).tools if tool.id == "paste")
    assert (advert.lookup.sprite >= 0).sum() > 195


@pytest.mark.parametrize("aspect", range(len(KINDS)))
def test_the_right_tool_undoes_each_fault(aspect):
    n = 64
    engine = Engine(n, tasks={"id": "photos", "faults": [1, 1]}, tools="retouch", image_size=96)
    engine.reset(range(n), range(n))
    recipes = engine.batch.kept.darkroom.recipes
    seen = 0
    for kind, name in enumerate(KINDS[aspect]):
        rows = ((recipes.faults[:, 0, 0] == aspect) & (recipes.faults[:, 0, 1] == kind)).nonzero().flatten()
        if not len(rows):
            continue
        seen += len(rows)
        regions = [engine.regions.find(row, int(engine.batch.plan_labels[row, 0])) for row in rows.tolist()]
        values = {}
        for tool in (RIGHT[name], RIGHT[KINDS[aspect][1 - kind]]):
            actions = torch.tensor([[engine.tool_ids.index(tool), one] for one in regions])
            indices = torch.zeros(len(rows), dtype=torch.int32)
            _, verdict = engine.imagine(engine.batch.images[rows], indices, actions, rows)
            values[tool] = verdict.requirements[:, 0].mean()
        assert values[RIGHT[name]] > 0.85, name
        assert values[RIGHT[KINDS[aspect][1 - kind]]] < values[RIGHT[name]] - 0.15, name
    assert seen
