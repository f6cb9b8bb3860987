"""Tools that fail, are weak, or drift on purpose."""

from __future__ import annotations

import json

import gymnasium as gym
import pytest
import torch

import imgedit_gym  # noqa: F401 - registers the environments
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.engine import Engine
from imgedit_gym.tools.simulated import blurred

B, SIZE = 48, 64
EXPOSURE = "exposure"


@pytest.fixture(scope="module")
def build(make_source):
    tasks = make_source(image_size=SIZE)

    def make(spec, n: int = B, first: int = 0) -> Engine:
        engine = Engine(n, tasks=tasks, tools=["skip", spec], image_size=SIZE)
        engine.reset(range(n), range(first, first + n))
        return engine

    return make


def act(engine: Engine, region: int = 0):
    return engine.step(torch.tensor([[1, region]] * engine.num_envs))


def flaky(rate: float, **more) -> dict:
    return {"id": "flaky", "tool": EXPOSURE, "rate": rate, **more}


def test_a_flaky_tool_fails_at_its_rate_and_says_so(build) -> None:
    engine, sound = build(flaky(0.3)), build(EXPOSURE)
    before = engine.canvas.clone()
    result = act(engine)
    act(sound)
    failed = result.problems == 1
    assert 0.15 < failed.float().mean() < 0.45
    assert torch.equal(engine.canvas[failed], before[failed])
    assert torch.equal(engine.canvas[~failed], sound.canvas[~failed])
    assert engine.problem_text(1, 1) == "exposure: failed, as it does now and then"
    assert engine.tool_ids == ("skip", "exposure"), "agents know it by its id"
    assert engine.tools[1].version == "1+flaky(0.3)"


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_rates_at_the_ends(build, rate: float, expected: float) -> None:
    assert (act(build(flaky(rate))).problems == 1).float().mean() == expected


def test_the_same_episode_meets_the_same_failures_on_any_batch(build) -> None:
    together = act(build(flaky(0.5))).problems
    for row in (0, 5, 17):
        assert act(build(flaky(0.5), 1, row)).problems[0] == together[row]
    assert not torch.equal(act(build(flaky(0.5, seed=1))).problems, together)


def test_failures_of_the_tool_itself_keep_their_words(build) -> None:
    engine, sound = build({"id": "flaky", "tool": "paste", "rate": 0.0}), build("paste")
    found, expected = act(engine, 5), act(sound, 5)
    texts = [engine.problem_text(1, int(code)) for code in found.problems]
    assert texts == [sound.problem_text(1, int(code)) for code in expected.problems]
    assert any(texts)
    assert torch.equal(engine.tool_mask(), sound.tool_mask())


def test_a_weak_tool_does_part_of_it(build) -> None:
    weak, sound = build({"id": "weak", "tool": EXPOSURE, "strength": 0.5}), build(EXPOSURE)
    before = weak.canvas.float()
    act(weak)
    act(sound)
    full, part = ((engine.canvas.float() - before).flatten(1) for engine in (sound, weak))
    shares = (part * full).sum(1) / (full * full).sum(1)
    assert 0.36 < shares.min() < 0.45 and 0.55 < shares.max() < 0.64


def test_a_drifting_tool_loses_more_each_time(build) -> None:
    engine = build(EXPOSURE, 8)
    spec = {"id": "drifting", "tool": "skip", "amount": 0.6}
    tool, noise = TOOLS.build(spec, stock=engine.tasks.stock, vocabulary=engine.vocabulary), iter(range(1000))
    steps = engine.current_steps()
    steps.noise = lambda i: next(noise)
    regions = engine.regions.regions(torch.arange(8), torch.zeros(8, dtype=torch.int64))
    images, detail, source = engine.canvas.clone(), [], engine.canvas.float()
    for _ in range(4):
        images = tool.apply(images, regions, steps).images
        detail.append(float((images.float() - blurred(images).float()).abs().mean()))
    assert detail == sorted(detail, reverse=True) and detail[-1] < 0.6 * detail[0]
    means = (images.float().mean((1, 2)) / source.mean((1, 2))).std()
    assert means > 0.01, "colours have drifted apart"


def test_no_drift_and_full_strength_change_nothing(build) -> None:
    sound = build(EXPOSURE, 4)
    act(sound)
    for spec in ({"id": "drifting", "amount": 0}, {"id": "weak", "strength": 1}):
        engine = build({**spec, "tool": EXPOSURE}, 4)
        act(engine)
        assert torch.equal(engine.canvas, sound.canvas)


def test_wrappers_nest_and_stand_in_specs(build) -> None:
    spec = flaky(0.5) | {"tool": {"id": "weak", "tool": EXPOSURE, "strength": 0.5}}
    assert build(spec).tools[1].version == "1+weak(0.5)+flaky(0.5)"
    env = gym.make("ImageEdit-v0", image_size=SIZE, tools=["skip", spec])
    assert "flaky" in json.dumps(json.loads(env.spec.to_json()))
    env.reset(seed=0)
    env.step(env.unwrapped.action("exposure", 0))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (flaky(1.5), "rate must be a number from 0 to 1"),
        (flaky(0.5, seed=-1), "seed must be"),
        ({"id": "weak", "tool": EXPOSURE, "strength": "half"}, "strength must be"),
        ({"id": "drifting", "tool": EXPOSURE, "amount": -1}, "amount must be"),
        ({"id": "flaky", "tool": "hammer"}, "unknown tool 'hammer'"),
        ({"id": "flaky"}, "needs more arguments"),
    ],
)
def test_arguments_are_checked(build, spec, message: str) -> None:
    with pytest.raises(ImgEditError, match=message):
        build(spec, 1)
