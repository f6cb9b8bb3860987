"""One small audit, and the tasks it is of."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.checklist.audit import PARTS, Audit, audit
from imgedit_gym.engine import Engine

ARGUMENTS: dict[str, Any] = {"tasks": "adverts", "split": "train", "image_size": 128}
TASKS = 8


@pytest.fixture(scope="session")
def found() -> Audit:
    return audit(range(TASKS), ARGUMENTS)


@pytest.fixture(scope="session")
def results(found) -> dict[str, Any]:
    return found.summary(PARTS, 0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine(TASKS, **ARGUMENTS)
    made.reset(range(TASKS), list(range(TASKS)))
    return made
