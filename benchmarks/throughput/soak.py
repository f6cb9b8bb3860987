"""A long run that looks at memory: whether it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from benchmarks.throughput import memory
from benchmarks.throughput.setting import Setting

POOL = 64
"""Batches of actions that are drawn beforehand and used in turn."""

LOOKS = 200
"""How often memory is looked at in the course of the run."""

SETTLED = 0.2
"""Share of the run after which caches and pools are taken to be full."""

MIB = 2**20


@dataclass(frozen=True)
class Look:
    """Memory after some steps; ``None`` where it cannot be read."""

    steps: int
    rss: int | None
    gpu: int | None


def soak(
    env: VectorEnv, steps: int, setting: Setting, progress: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Take steps with random actions from the action space, and see what becomes of the memory.

    Args:
        env: Under next-step autoreset.
        steps: How many at least; those that only start a task are not counted.
        setting: Of the environment.
        progress: Told how many steps have been taken.

    Returns:
        The looks, the steps a second, and :func:`growth` of both memories.
    """
    n = env.num_envs
    sizes = np.asarray(env.single_action_space.nvec)  # type: ignore[attr-defined]
    drawn = np.random.default_rng(setting.seed).integers(0, sizes, (POOL, n, 2))
    pool = torch.from_numpy(drawn).to(setting.device) if setting.output == "torch" else drawn
    env.reset(seed=setting.seed)
    looks: list[Look] = []
    done, call, fresh = 0, 0, 0  # fresh: environments that only start a task in the next call
    begun = time.perf_counter()
    while done < steps:
        _observations, _, terminated, truncated, _ = env.step(pool[call % POOL])
        done += n - fresh
        fresh = int((terminated | truncated).sum())
        call += 1
        if not looks or done - looks[-1].steps >= steps / LOOKS or done >= steps:
            looks.append(Look(done, memory.current_rss(), memory.current_on_gpu(setting.device)))
            progress(min(done, steps))
    if setting.on_gpu:
        torch.cuda.synchronize(setting.device)
    seconds = time.perf_counter() - begun
    return {
        "steps": done,
        "calls": call,
        "seconds": seconds,
        "steps_per_second": done / seconds,
        "rss": growth([(look.steps, look.rss) for look in looks]),
        "gpu": growth([(look.steps, look.gpu) for look in looks]),
        "looks": [[look.steps, look.rss, look.gpu] for look in looks],
    }


def growth(looks: list[tuple[int, int | None]]) -> dict[str, float] | None:
    """How memory changed once it had settled, in MiB.

    Args:
        looks: Steps and bytes, in order.

    Returns:
        ``settled`` and ``final``, medians of the first and last tenth after :data:`SETTLED`; ``growth``, their
        difference; ``per_million_steps``, the slope of a line through all looks. ``None`` if there are no bytes.
    """
    kept = [(at, size / MIB) for at, size in looks if size is not None and at >= SETTLED * looks[-1][0]]
    if len(kept) < 2:
        return None
    tenth = max(1, len(kept) // 10)
    steps, sizes = (np.array(column, dtype=np.float64) for column in zip(*kept, strict=True))
    first, last = float(np.median(sizes[:tenth])), float(np.median(sizes[-tenth:]))
    slope = float(np.polyfit(steps / 1e6, sizes, 1)[0])
    return {"settled": first, "final": last, "growth": last - first, "per_million_steps": slope}
