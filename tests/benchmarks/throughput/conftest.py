"""A tiny script, and workers that are threads of the test's own process."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.throughput import worker
from benchmarks.throughput.script import Script, write_script
from benchmarks.throughput.setting import Setting

TINY = Setting(num_envs=3, image_size=64, seed=5)


@pytest.fixture(scope="session")
def setting() -> Setting:
    return TINY


@pytest.fixture(scope="session")
def script() -> Script:
    return write_script(TINY, 0.0)


class InThread:
    """What is used of a process, without its cost."""

    exitcode = 0

    def __init__(self, target: Any, args: tuple[Any, ...]) -> None:
        pipe, *others = args
        own = Connection(os.dup(pipe.fileno()))
        self._thread = threading.Thread(target=target, args=(own, *others), daemon=True)
        self.start, self.join, self.is_alive = self._thread.start, self._thread.join, self._thread.is_alive


@pytest.fixture
def in_threads(monkeypatch) -> None:
    context = SimpleNamespace(Pipe=multiprocessing.Pipe, Process=InThread)
    monkeypatch.setattr(worker.multiprocessing, "get_context", lambda method: context)
