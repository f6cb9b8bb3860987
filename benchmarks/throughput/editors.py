"""Tools that ask a model: edits a second in batched calls and one by one, and the memory of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.tables import Grid
from benchmarks.throughput import memory
from benchmarks.throughput.setting import Setting
from benchmarks.throughput.tables import MIB, number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import Engine

BATCHED, ALONE = "batched", "one by one"

STEPS = (
    PlanStep("edit", "picture", "make it lively"),
    PlanStep("rewrite", "headline", "FRESH"),
    PlanStep("set", "background", "beach"),
    PlanStep("recolor", "background", "red"),
)
"""Plan steps for tools that cannot do much with those of the tasks."""


def asks_model(engine: Engine) -> list[int]:
    """Indices of the tools that ask a model."""
    return [at for at, tool in enumerate(engine.tools) if getattr(tool, "traced", False)]


def measure_editors(
    settings: Sequence[Setting], seconds: float, report: Callable[[str, int], None]
) -> list[dict[str, Any]]:
    """Time the edits of such tools, of the whole picture, at the first plan step of as many tasks.

    A tool that is not for these steps is given the first of :data:`STEPS` that it is for.

    Args:
        settings: Batch sizes and picture sizes.
        seconds: Time of each measurement; one call at least, after one that is not counted.
        report: Called with what is being measured, and how many settings are done.

    Returns:
        For each setting and tool ``num_envs``, ``image_size``, ``tool``, ``batch_size``, ``batched`` and ``one_by_one``
        (edits a second; ``None`` where a tool's calls cannot be made smaller), ``rss`` and ``gpu`` (peak bytes of the
        process so far).

    Raises:
        ImgEditError: If an edit fails.
    """
    found = []
    for done, setting in enumerate(settings):
        engine = Engine(setting.num_envs, **setting.arguments(), device=setting.device)
        engine.reset(range(setting.num_envs), range(setting.seed, setting.seed + setting.num_envs))
        for at in asks_model(engine):
            tool = engine.tools[at]
            report(f"{setting.image_size} px x {setting.num_envs}: {tool.id}", done)
            ways: dict[str, float | None] = {BATCHED: None, ALONE: None}
            own = getattr(tool, "batch_size", None)
            ways[BATCHED] = _edits_a_second(engine, at, seconds)
            if own is not None:
                tool.batch_size = 1
                ways[ALONE] = _edits_a_second(engine, at, seconds)
                tool.batch_size = own
            found.append(
                {
                    "num_envs": setting.num_envs,
                    "image_size": setting.image_size,
                    "tool": tool.id,
                    "batched": ways[BATCHED],
                    "one_by_one": ways[ALONE],
                    "batch_size": own,
                    "rss": memory.peak_rss(),
                    "gpu": memory.peak_on_gpu(setting.device),
                }
            )
        engine.close()
    return found


def editor_grids(found: Sequence[dict[str, Any]], before: int | None = None) -> list[Grid]:
    """Edits a second and peak memory, a table for each size of the pictures.

    Args:
        found: What :func:`measure_editors` gives.
        before: Bytes that the process had taken before it loaded a tool, to be told.
    """
    told = "" if before is None else f"; {before / MIB:.0f} MiB before any tool"
    grids: list[Grid] = []
    for size in dict.fromkeys(one["image_size"] for one in found):
        rows = [
            (
                str(one["num_envs"]),
                one["tool"],
                number(one["batched"]),
                "–" if one["one_by_one"] is None else number(one["one_by_one"]),
                "–" if one["one_by_one"] is None else f"{one['batched'] / one['one_by_one']:.2f}",
                "–" if one["rss"] is None else f"{one['rss'] / MIB:.0f}",
                "–" if one["gpu"] is None else f"{one['gpu'] / MIB:.0f}",
            )
            for one in found
            if one["image_size"] == size
        ]
        headers = ("num_envs", "tool", BATCHED, ALONE, "ratio", "peak MiB", "GPU MiB")
        grids.append((f"{size} px: edits a second, and peak memory so far{told}", headers, rows))
    return grids


def steps_for(engine: Engine, at: int) -> StepBatch:
    """Plan steps that a tool is for: those of the tasks, or if it is not for all of them the first one that it is for.

    Raises:
        ImgEditError: If there is none.
    """
    steps, tool = engine.current_steps(), engine.tools[at]
    for own in (None, *STEPS):
        if own is not None:
            codes = torch.tensor([engine.vocabulary.encode(own)], dtype=torch.int32, device=engine.device)
            steps = StepBatch(codes.expand(engine.num_envs, 3), partial(_always, own), steps.noise)
        if bool(tool.accepts(steps).all()):
            return steps
    raise ImgEditError(f"tool {tool.id!r}: expected one that is for some of {', '.join(one.text for one in STEPS)}")


def _always(step: PlanStep, _: int) -> PlanStep:
    return step


def _edits_a_second(engine: Engine, at: int, seconds: float) -> float:
    rows = torch.arange(engine.num_envs, device=engine.device)
    steps = steps_for(engine, at)
    regions = engine.regions.regions(rows, torch.zeros_like(rows), steps)
    tool = engine.tools[at]

    def once() -> None:
        problems = tool.apply(engine.canvas, regions, steps).problems
        if bool(problems.any()):
            raise ImgEditError(f"the edit failed: {engine.problem_text(at, int(problems[problems > 0][0]))}")
        if engine.device.type == "cuda":
            torch.cuda.synchronize(engine.device)

    once()
    begun, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - begun < seconds:
        once()
        calls += 1
    return calls * engine.num_envs / (time.perf_counter() - begun)
