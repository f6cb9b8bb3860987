"""Tests of the rules for photographs."""

import numpy as np
import pytest
import torch

from imgedit_gym.core.plan import PICTURE, PlanStep
from imgedit_gym.core.retouching import VALUES, read_value
from imgedit_gym.engine import Engine
from imgedit_gym.planners.retouching import choose_region, choose_tool, look, make_plan


@pytest.fixture(scope="module")
def scene():
    """A picture with black, white, grey and some colour."""
    rng = np.random.default_rng(3)
    coarse = torch.from_numpy(rng.random((1, 3, 16, 16), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, 64, mode="bilinear")[0].permute(1, 2, 0).numpy()
    return (np.clip((smooth - 0.15) * 1.4, 0, 1) * 255).astype(np.uint8)


def plan_for(picture, text="Do something."):
    seen = look(torch.from_numpy(np.ascontiguousarray(picture))[None])[0]
    return make_plan(text, seen, 8), seen


def test_faults_are_seen(scene):
    dark, seen = plan_for((scene * 0.4).astype(np.uint8))
    assert PlanStep("adjust", PICTURE, "much brighter") in dark
    assert choose_tool(PlanStep("adjust", PICTURE, "brighter"), seen) == "exposure_gain"
    flat, seen = plan_for((127 + (scene.astype(float) - 127) * 0.42).astype(np.uint8))
    assert any(step.value.endswith("bolder") for step in flat)
    assert choose_tool(PlanStep("adjust", PICTURE, "bolder"), seen) == "contrast_linear"
    specks = scene.copy()
    specks[np.random.default_rng(0).random(scene.shape[:2]) < 0.07] = 255
    found, seen = plan_for(specks)
    assert PlanStep("adjust", PICTURE, "cleaner") in found
    assert choose_tool(PlanStep("adjust", PICTURE, "cleaner"), seen) == "denoise_specks"


def test_a_shadow_is_found(scene):
    shaded = scene.astype(float)
    shaded[8:40, 16:48] *= 0.4
    found, seen = plan_for(shaded.astype(np.uint8))
    assert seen.shadow == (1, 2) and not seen.soft
    step = next(step for step in found if step.target != PICTURE)
    assert step.target == "top" and choose_tool(step, seen) == "exposure_gain"
    assert choose_region(step, seen) == 1 + 8 * 3 + 4


def test_words_tell_what_is_meant(scene):
    found, _ = plan_for(scene, "This is for print, bring it back to life.")
    assert any(read_value(step.value).aspect == "fading" for step in found)


def test_every_step_has_a_tool(scene):
    _, seen = plan_for(scene)
    engine = Engine(1, tasks="photos", tools="retouch", image_size=64)
    for value in VALUES:
        assert choose_tool(PlanStep("adjust", PICTURE, value), seen) in engine.tool_ids
    assert choose_tool(PlanStep("edit", PICTURE, "do"), seen) == "skip"
    assert choose_region(PlanStep("adjust", "left", "brighter"), seen) > 0


def test_the_rules_planner_plans_photographs():
    engine = Engine(4, tasks="photos", tools="retouch", planner="rules", image_size=64)
    engine.reset(range(4), range(4))
    for row in range(4):
        assert all(step.verb in ("adjust", "edit") for step in engine.plan(row))
