"""Where the time of the vector environment goes: its parts timed in a pass of its own.

Timing the parts slows the whole down, on a GPU much, because each part has to be waited for: the shares count here,
not the sum.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchmarks.throughput.worlds import Batched

OTHER = "other"
PARTS = ("reset", "regions", "tools", "judge", "observation", "info", OTHER)
"""New tasks and their pictures; masks; edits and their blending; judgements; copies for the caller; all else."""


class Clock:
    """Adds up seconds by part; time in a part within a part counts for the inner one alone.

    Args:
        device: Whose work is waited for before the time is read.
    """

    def __init__(self, device: str) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._device = device
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """The time until the end of the block counts for this part."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def wrap(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The method, with its time counting for a part."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.part(name):
                return method(*arguments, **named)

        return timed


def probes(env: Any) -> list[tuple[str, Any, str]]:
    """Which methods of a vector environment make up which part: part, object and name."""
    engine = env.engine
    found = [
        ("reset", engine, "_advance"),
        ("reset", engine.tasks, "sample"),
        ("regions", engine.regions, "refresh"),
        ("regions", engine.regions, "regions"),
        ("tools", engine, "_act"),
        ("judge", engine, "_judge"),
        ("observation", env, "_observation"),
        ("info", env, "_info"),
    ]
    for tool in engine.tools:
        found += [("tools", tool, "check"), ("tools", tool, "apply")]
    return found


def take_apart(world: Batched, segments: list[int]) -> dict[str, float]:
    """Play segments with all parts timed.

    Args:
        world: Is begun anew, and warmed up.
        segments: Which.

    Returns:
        Seconds by part, for each of :data:`PARTS`.
    """
    world.begin()
    world.play(world.prepare(-1))
    clock = Clock(world.device)
    wrapped = probes(world.env.unwrapped)
    for part, owner, name in wrapped:
        setattr(owner, name, clock.wrap(getattr(owner, name), part))
    try:
        for segment in segments:
            actions = world.prepare(segment)
            with clock.part(OTHER):
                world.play(actions)
    finally:
        for _, owner, name in wrapped:
            delattr(owner, name)
    return clock.seconds
