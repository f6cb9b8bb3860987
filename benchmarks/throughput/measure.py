"""The measurement: all that take part do the same segments in turn, so that a busy machine troubles all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.throughput import memory
from benchmarks.throughput.script import FEWEST_SEGMENTS, WARM_UP, Script, write_script
from benchmarks.throughput.setting import Setting
from benchmarks.throughput.worker import Played, Worker
from benchmarks.throughput.worlds import REFERENCE, WORLDS
from imgedit_gym.core.errors import ImgEditError

MOST_MEMORY = 0.7
"""Share of the memory now available that one of those that take part may be expected to need."""

SAME = 1e-4
"""Mean difference in reward per step up to which two did the same."""


@dataclass(frozen=True)
class Experience:
    """What a smaller batch has shown of one that takes part; what a larger one will need is reckoned from it.

    Attributes:
        build: Seconds to make one environment.
        step: Seconds of one environment step.
        base: Bytes without any environment; ``None`` if unknown.
        each: Bytes of one environment.
    """

    build: float
    step: float
    base: int | None
    each: float

    @classmethod
    def of(cls, worker: Worker, peak: int | None) -> Experience:
        """What a worker has shown."""
        n = worker.setting.num_envs
        known = worker.base is not None and peak is not None
        return cls(
            build=worker.build / n,
            step=worker.seconds / sum(one.steps for one in worker.played),
            base=worker.base,
            each=max(0, (peak or 0) - (worker.base or 0)) / n if known else 0.0,
        )


@dataclass
class Plan:
    """How long to measure, and whom.

    Attributes:
        names: Of :data:`benchmarks.throughput.worlds.WORLDS`.
        seconds: For each of them, at each point.
        limit: Seconds that one may need until its first segment is done; whoever would need more is left out.
        experience: Of each, by name and picture size.
    """

    names: Sequence[str]
    seconds: float
    limit: float
    experience: dict[tuple[str, int], Experience] = field(default_factory=dict)

    def objection(self, name: str, setting: Setting, script: Script) -> str:
        """Why somebody is left out; empty if not."""
        known = self.experience.get((name, setting.image_size))
        if known is None or name == REFERENCE:
            return ""
        n, calls = setting.num_envs, WARM_UP + script.segment
        seconds = n * (known.build + calls * known.step)
        if seconds > self.limit:
            return f"would need about {seconds:.0f} s until its first result"
        size, free = (known.base or 0) + n * known.each, memory.available()
        if free is not None and size > MOST_MEMORY * free:
            return f"would need about {size / 2**30:.1f} GiB"
        return ""


def measure(
    settings: Sequence[Setting], plan: Plan, progress: Callable[[str, int], None] = lambda what, done: None
) -> list[dict[str, Any]]:
    """Measure one setting after the other; from small to large, or nobody can be left out in time.

    Args:
        settings: Picture and batch sizes.
        plan: How.
        progress: Told what is done now, and how many settings are finished.

    Returns:
        What :func:`measure_point` gives for each.

    Raises:
        ImgEditError: If the vector environment cannot be measured.
    """
    points: list[dict[str, Any]] = []
    for setting in settings:
        where = f"{setting.image_size} px x {setting.num_envs}"
        tell = partial(_tell, progress, where, len(points))
        points.append(measure_point(setting, plan, tell))
        progress(where, len(points))
    return points


def _tell(progress: Callable[[str, int], None], where: str, done: int, what: str) -> None:
    progress(f"{where}: {what}", done)


def measure_point(setting: Setting, plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure one batch size at one picture size.

    Returns:
        ``worlds``: rates, times and memory by name, or why somebody was left out; ``ratios``: how many times faster
        the vector environment did the same segments; ``breakdown``: seconds by part.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tell("drawing actions")
        script = write_script(setting, plan.seconds)
        script.save(folder / "script.npz")
        left_out = {name: plan.objection(name, setting, script) for name in plan.names}
        workers: dict[str, Worker] = {}
        for name in (name for name, why in left_out.items() if not why):
            tell(f"making {WORLDS[name].label}")
            worker = Worker(name, setting, folder / "script.npz")
            stack.callback(worker.close)
            try:
                worker.get_ready()
            except ImgEditError as error:
                if name == REFERENCE:
                    raise
                left_out[name] = str(error)
                worker.close()
                continue
            workers[name] = worker
        for segment in range(script.segments):
            for name, worker in workers.items():
                if len(worker.played) == segment and (worker.seconds < plan.seconds or segment < 1):
                    tell(f"{WORLDS[name].label}, segment {segment + 1} of at most {script.segments}")
                    worker.play(segment)
        found: dict[str, Any] = {name: {"left_out": why} for name, why in left_out.items() if why}
        for name, worker in workers.items():
            peak = worker.peak()
            found[name] = summarise(worker) | {"peak_bytes": peak, "base_bytes": worker.base}
            plan.experience[name, setting.image_size] = Experience.of(worker, peak["rss"])
        return {
            "image_size": setting.image_size,
            "num_envs": setting.num_envs,
            "calls_per_segment": script.segment,
            "segments": script.segments,
            "worlds": {name: found[name] for name in plan.names},
            "ratios": compare(workers),
            "breakdown": _breakdown(workers, tell),
        }


def summarise(worker: Worker) -> dict[str, Any]:
    """Steps a second over the segments, and what else was measured."""
    rates = [one.steps / one.seconds for one in worker.played]
    return {
        "steps_per_second": spread(rates),
        "segments": len(rates),
        "steps": sum(one.steps for one in worker.played),
        "seconds": worker.seconds,
        "cpu_seconds": sum(one.cpu_seconds for one in worker.played),
        "build_seconds": worker.build,
        "warm_up_seconds": worker.warm_up,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    names = ("min", "q25", "median", "q75", "max")
    return dict(zip(names, (float(value) for value in np.quantile(values, (0, 0.25, 0.5, 0.75, 1))), strict=True))


def compare(workers: dict[str, Worker]) -> dict[str, Any]:
    """How many times faster the vector environment did the same segments, and whether they were the same."""
    if REFERENCE not in workers:
        return {}
    ours = workers[REFERENCE].played
    found: dict[str, Any] = {}
    for name, worker in workers.items():
        if name == REFERENCE:
            continue
        pairs = list(zip(ours, worker.played, strict=False))
        times = [(mine.steps / mine.seconds) / (theirs.steps / theirs.seconds) for mine, theirs in pairs]
        found[name] = {"times_faster": spread(times), "segments": len(pairs)}
        if WORLDS[name].scripted:
            found[name] |= _same_work(pairs)
    return found


def _same_work(pairs: Sequence[tuple[Played, Played]]) -> dict[str, Any]:
    gaps = [abs(mine.rewards - theirs.rewards) / mine.steps for mine, theirs in pairs]
    return {"reward_gap_per_step": max(gaps), "same_work": max(gaps) <= SAME}


def _breakdown(workers: dict[str, Worker], tell: Callable[[str], None]) -> dict[str, float] | None:
    """Seconds by part of the vector environment, over the first segments once more."""
    if REFERENCE not in workers:
        return None
    tell("breakdown")
    worker = workers[REFERENCE]
    return worker.take_apart(list(range(min(FEWEST_SEGMENTS, len(worker.played)))))
