"""Lineage: what tools were given and what they gave back."""

from __future__ import annotations

import hashlib

import gymnasium as gym
import pytest
import torch

import imgedit_gym  # noqa: F401 - registers the environments
from imgedit_gym.core.lineage import pixel_hash, trace
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import Engine
from imgedit_gym.tools.base import Tool

B, SIZE = 3, 64


class Looks(Tool):
    """Inverts what it sees, wherever it is."""

    id, traced = "looks", True

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        return 255 - images


class Ignores(Looks):
    """Gives the same picture whatever it is given."""

    id = "ignores"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        one = torch.randint(0, 256, images.shape[1:], dtype=torch.uint8, generator=generator)
        return one.expand_as(images).clone()


class Idle(Looks):
    """Gives back what it is given."""

    id = "idle"

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        return images.clone()


@pytest.fixture
def engine(make_source) -> Engine:
    tasks = make_source(image_size=SIZE)
    tools = [kind(tasks.stock, tasks.vocabulary) for kind in (Looks, Ignores, Idle)]
    engine = Engine(B, tasks=tasks, tools=["skip", *tools, "blur"], image_size=SIZE)
    engine.reset(range(B), range(B))
    return engine


def act(engine: Engine, *tools: int, region: int = 28) -> None:
    engine.step(torch.tensor([[tool, region] for tool in tools]))


def test_tools_that_ignore_or_do_nothing_are_caught(engine) -> None:
    before = engine.canvas.clone()
    act(engine, 1, 2, 3)
    looks, ignores, idle = (engine.lineage(row) for row in range(B))
    assert [one.tool for one in (looks, ignores, idle)] == ["looks", "ignores", "idle"]
    assert looks.hash_in == pixel_hash(before[0]) and looks.hash_out == pixel_hash(255 - before[0])
    assert looks.changed_inside == looks.changed_outside == 1.0 and looks.kept == pytest.approx(-1.0)
    assert ignores.changed_outside > 0.98 and abs(ignores.kept) < 0.1
    assert idle.hash_in == idle.hash_out and idle.changed_inside == 0.0 and idle.kept == pytest.approx(1.0)


def test_what_ignores_its_input_gives_the_same_for_all(engine) -> None:
    act(engine, 2, 2, 2)
    found = [engine.lineage(row) for row in range(B)]
    assert len({one.hash_in for one in found}) == B and len({one.hash_out for one in found}) == 1


def test_pixel_tools_are_traced_on_request_alone(engine) -> None:
    act(engine, 4, 0, 4)
    assert [engine.lineage(row) for row in range(B)] == [None] * B
    engine.reset(range(B), range(B))
    engine.trace = True
    act(engine, 4, 0, 4)
    assert [one and one.tool for one in map(engine.lineage, range(B))] == ["blur", None, "blur"]


def test_lineage_is_of_the_latest_step(engine) -> None:
    act(engine, 1, 1, 1)
    act(engine, 0, 0, 0)
    assert engine.lineage(0) is None
    engine.reset([0], [0])
    assert engine.lineage(0) is None


def test_looking_ahead_leaves_it(engine) -> None:
    rows = torch.arange(B)
    engine.imagine(engine.canvas, engine.step_index, torch.tensor([[1, 28]] * B), rows)
    assert engine.lineage(0) is None


def test_the_hash_is_of_the_pixels(engine) -> None:
    picture = engine.canvas[0]
    assert pixel_hash(picture) == hashlib.sha256(bytes(picture.flatten().tolist())).hexdigest()


def test_pictures_of_one_colour() -> None:
    flat = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[:, :4] = True
    tool = Idle.__new__(Idle)
    assert trace(tool, flat, flat, mask)[0].kept == 1.0
    assert trace(tool, flat, flat + 9, mask)[0].kept == 0.0
    inside = flat.clone()
    inside[:, :2] = 200
    (found,) = trace(tool, flat, inside, mask)
    assert (found.changed_inside, found.changed_outside, found.kept) == (0.5, 0.0, 1.0)


def test_environments_tell_it() -> None:
    env = gym.make("ImageEdit-v0", image_size=SIZE, tools=["skip", "blur"])
    _, info = env.reset(seed=0)
    assert info["lineage"] == {}
    env.unwrapped.engine.trace = True
    *_, info = env.step(env.unwrapped.action("blur", 0))
    assert info["lineage"]["tool"] == "blur" and info["lineage"]["changed_outside"] == 0.0
    vector = gym.make_vec("ImageEdit-v0", num_envs=2, image_size=SIZE, tools=["skip", "blur"])
    vector.reset(seed=0)
    vector.engine.trace = True
    *_, infos = vector.step([[1, 0], [0, 0]])
    assert "lineage" not in infos
    assert vector.info(0)["lineage"] == info["lineage"] and vector.info(1)["lineage"] == {}
