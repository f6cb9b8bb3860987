"""What tests share: one thread, repeatable property tests, and the makers of engines and plan steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from imgedit_gym.core.plan import PlanStep
    from imgedit_gym.core.steps import StepBatch
    from imgedit_gym.engine import Engine
    from imgedit_gym.tasks.adverts.source import Adverts

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_engine():
    """Makes engines at 64 pixels; the art is drawn once per process."""

    from imgedit_gym.engine import Engine

    def make(n: int = 1, **arguments) -> Engine:
        return Engine(n, **({"image_size": 64} | arguments))

    return make


@pytest.fixture(scope="session")
def started(make_engine):
    """Makes engines whose environment i is seeded with ``first + i``."""

    def make(n: int = 1, first: int = 0, **arguments) -> Engine:
        engine = make_engine(n, **arguments)
        engine.reset(range(n), range(first, first + n))
        return engine

    return make


@pytest.fixture(scope="session")
def make_source():
    """Makes advert sources at 64 pixels."""

    from imgedit_gym.tasks.adverts.source import Adverts

    def make(**arguments) -> Adverts:
        defaults = {"image_size": 64, "max_plan_steps": 8, "split": "train", "device": torch.device("cpu")}
        return Adverts(**(defaults | arguments))

    return make


@pytest.fixture(scope="session")
def sampled(make_source):
    """Makes a source and a batch of its tasks ``first`` to ``first + n - 1``."""

    def make(n: int, first: int = 0, **arguments):
        source = make_source(**arguments)
        batch = source.allocate(n)
        source.sample(batch, torch.arange(n), task_keys(source, range(first, first + n)))
        return source, batch

    return make


def task_keys(source: Adverts, seeds) -> torch.Tensor:
    from imgedit_gym.core.rng import task_key

    return torch.tensor([task_key(seed, 0, source.stream) for seed in seeds], dtype=torch.int64)


@pytest.fixture(scope="session")
def keys_of():
    """Keys of a source's first tasks of some seeds."""
    return task_keys


@pytest.fixture(scope="session")
def step_batch():
    """Makes a batch of plan steps as tools get it."""

    from imgedit_gym.core.steps import StepBatch
    from imgedit_gym.core.vocabulary import load_vocabulary

    def make(*steps: PlanStep) -> StepBatch:
        vocabulary = load_vocabulary()
        codes = torch.tensor([vocabulary.encode(step) for step in steps], dtype=torch.int32).reshape(-1, 3)
        return StepBatch(codes, lambda index: steps[index])

    return make
