"""One process for each that takes part, so that neither memory nor threads are shared.

A worker makes its environments, warms up, and then does what it is told, one order at a time; all the others wait
meanwhile. Time is taken inside the worker.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks.throughput import memory
from benchmarks.throughput.breakdown import take_apart
from benchmarks.throughput.script import Script
from benchmarks.throughput.setting import Setting
from benchmarks.throughput.worlds import REFERENCE, WORLDS, Batched, World, make_ready
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.kernels.runtime import set_num_threads

CLOSING = 30.0
"""Seconds that a worker has for closing its environments."""


@dataclass
class Played:
    """One segment.

    Attributes:
        seconds: By the clock on the wall.
        cpu_seconds: Of all threads of the worker, though not of processes it started.
        steps: Environment steps.
        rewards: Their sum.
    """

    seconds: float
    cpu_seconds: float
    steps: int
    rewards: float


@dataclass
class Worker:
    """The other end of a worker's process.

    Args:
        name: One of :data:`benchmarks.throughput.worlds.WORLDS`.
        setting: How to make its environments.
        script: File of the script.

    Attributes:
        played: Its segments so far.
        build: Seconds that making the environments took, the art of the first one not counted.
        warm_up: Seconds of the warm-up.
        base: Resident bytes before the environments were made; ``None`` if unknown.
    """

    name: str
    setting: Setting
    script: Path
    played: list[Played] = field(default_factory=list)
    build: float = 0.0
    warm_up: float = 0.0
    base: int | None = None

    def __post_init__(self) -> None:
        # A fork would share the locks of torch's threads and of Warp.
        spawn = multiprocessing.get_context("spawn")
        self._pipe, other = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(other, self.name, self.setting, self.script))
        self._process.start()
        other.close()

    @property
    def seconds(self) -> float:
        """Seconds measured so far."""
        return sum(one.seconds for one in self.played)

    def get_ready(self) -> None:
        """Wait for the environments to be made and warmed up.

        Raises:
            ImgEditError: If that failed.
        """
        self.build, self.warm_up, self.base = self._answer()

    def play(self, segment: int) -> None:
        """Have a segment carried out, and note how long it took.

        Raises:
            ImgEditError: If that failed.
        """
        self.played.append(self._ask("play", segment))

    def peak(self) -> dict[str, int | None]:
        """Peak memory of the process with its own processes, and on the GPU, in bytes."""
        return dict(zip(("rss", "gpu"), self._ask("peak"), strict=True))

    def take_apart(self, segments: list[int]) -> dict[str, float]:
        """Seconds of each part of the work, from a pass that is only for this."""
        return dict(self._ask("take_apart", segments))

    def _ask(self, *order: Any) -> Any:
        self._pipe.send(order)
        return self._answer()

    def _answer(self) -> Any:
        try:
            kind, content = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(CLOSING)
            ended = self._process.exitcode
            problem = f"its process ended with status {ended}, perhaps for want of memory"
            raise ImgEditError(f"{self._who()}: {problem}") from None
        if kind == "failed":
            raise ImgEditError(f"{self._who()}: {content}")
        return content

    def _who(self) -> str:
        return f"{WORLDS[self.name].label} with {self.setting.num_envs} environments"

    def close(self) -> None:
        """End the process; may be called again."""
        self._pipe.close()
        self._process.join(CLOSING)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def serve(pipe: Connection, name: str, setting: Setting, script: Path) -> None:
    """What a worker's process does: carry out orders until the other end is closed."""
    world: World | None = None
    try:
        if setting.threads is not None:
            torch.set_num_threads(setting.threads)
            set_num_threads(setting.threads)
        if WORLDS[name].scripted:
            make_ready(setting).close()
        base = memory.current_rss()
        begun = time.perf_counter()
        world = WORLDS[name](setting, Script.load(script))
        made = time.perf_counter()
        world.begin()
        world.play(world.prepare(-1))
        world.finish()
        pipe.send(("ready", (made - begun, time.perf_counter() - made, base)))
        while True:
            order, *details = pipe.recv()
            pipe.send(("done", _ORDERS[order](world, *details)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except Exception as error:
        words = " ".join(str(error).split())
        pipe.send(("failed", words if isinstance(error, ImgEditError) else f"{type(error).__name__}: {words}"))
    finally:
        if world is not None:
            world.close()


def time_segment(world: World, segment: int) -> Played:
    """Carry out one segment."""
    actions = world.prepare(segment)
    world.finish()
    cpu, begun = time.process_time(), time.perf_counter()
    rewards = world.play(actions)
    world.finish()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Played(seconds, cpu, world.steps(segment), float(rewards))


def _peak(world: World) -> tuple[int | None, int | None]:
    return memory.peak_of_family(), memory.peak_on_gpu(world.device)


def _take_apart(world: World, segments: list[int]) -> dict[str, float]:
    if not isinstance(world, Batched):
        raise ImgEditError(f"only {REFERENCE} can be taken apart")
    return take_apart(world, segments)


_ORDERS: dict[str, Callable[..., Any]] = {"play": time_segment, "peak": _peak, "take_apart": _take_apart}
