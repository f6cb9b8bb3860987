"""The measurements as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.tables import Grid
from benchmarks.throughput.breakdown import PARTS
from benchmarks.throughput.worlds import REFERENCE, WORLDS

NOTHING = "–"
SPREAD = "median over segments ± half the distance of the quartiles"
MIB = 2**20


def grids(points: Sequence[dict[str, Any]]) -> list[Grid]:
    """Speed, ratios, memory and breakdown for each picture size, and a list of who was left out."""
    made: list[Grid] = []
    for size in dict.fromkeys(point["image_size"] for point in points):
        mine = [point for point in points if point["image_size"] == size]
        names = list(mine[0]["worlds"])
        made.append(_speed(size, mine, names))
        if REFERENCE in names:
            if names != [REFERENCE]:
                made.append(_ratios(size, mine, [name for name in names if name != REFERENCE]))
            made.append(_breakdown(size, mine))
        made.append(_memory(size, mine, names))
    left_out = [
        (f"{point['image_size']} px x {point['num_envs']}", WORLDS[name].label, world["left_out"])
        for point in points
        for name, world in point["worlds"].items()
        if "left_out" in world
    ]
    return [*made, ("left out", ("where", "what", "why"), left_out)] if left_out else made


def _labels(names: Sequence[str]) -> list[str]:
    return [WORLDS[name].label for name in names]


def _speed(size: int, points: Sequence[dict[str, Any]], names: Sequence[str]) -> Grid:
    rows = []
    for point in points:
        cells = [point["worlds"][name] for name in names]
        texts = (spread_text(cell.get("steps_per_second"), cell.get("segments", 0)) for cell in cells)
        rows.append((str(point["num_envs"]), *texts))
    return (
        f"{size} px: environment steps a second, median ± half the interquartile range",
        ("num_envs", *_labels(names)),
        rows,
    )


def _ratios(size: int, points: Sequence[dict[str, Any]], names: Sequence[str]) -> Grid:
    rows = []
    for point in points:
        rows.append((str(point["num_envs"]), *(_ratio(name, point, points) for name in names)))
    title = f"{size} px: how many times faster {WORLDS[REFERENCE].label} did the same work, {SPREAD}"
    return title, ("num_envs", *_labels(names)), rows


def _ratio(name: str, point: dict[str, Any], points: Sequence[dict[str, Any]]) -> str:
    """Of the same segments; of somebody who was left out, to what it reached with the largest batch before."""
    cell = point["ratios"].get(name)
    if cell is not None:
        text = spread_text(cell["times_faster"], cell["segments"])
        return text if cell.get("same_work", True) else f"{text} (REWARDS DIFFER)"
    before = [one for one in points[: points.index(point)] if "steps_per_second" in one["worlds"][name]]
    if not before:
        return NOTHING
    ours, theirs = (
        one["worlds"][who]["steps_per_second"]["median"] for who, one in ((REFERENCE, point), (name, before[-1]))
    )
    return f"{number(ours / theirs)} (its {before[-1]['num_envs']})"


def _breakdown(size: int, points: Sequence[dict[str, Any]]) -> Grid:
    rows = []
    for point in points:
        seconds = point["breakdown"]
        total = sum(seconds.values())
        rows.append((str(point["num_envs"]), *(f"{100 * seconds[part] / total:.0f}" for part in PARTS)))
    return f"{size} px: where the time goes, %", ("num_envs", *PARTS), rows


def _memory(size: int, points: Sequence[dict[str, Any]], names: Sequence[str]) -> Grid:
    rows = []
    for point in points:
        rows.append((str(point["num_envs"]), *(_bytes_text(name, point, points) for name in names)))
    title = f"{size} px: peak memory, MiB (KiB for each environment more than in the first row)"
    return title, ("num_envs", *_labels(names)), rows


def _bytes_text(name: str, point: dict[str, Any], points: Sequence[dict[str, Any]]) -> str:
    peak, first = (one["worlds"][name].get("peak_bytes", {}) for one in (point, points[0]))
    if peak.get("rss") is None:
        return NOTHING
    text = f"{peak['rss'] / MIB:.0f}"
    more = point["num_envs"] - points[0]["num_envs"]
    if more and first.get("rss") is not None:
        text += f" ({(peak['rss'] - first['rss']) / more / 1024:.0f})"
    return text if peak["gpu"] is None else f"{text}, GPU {peak['gpu'] / MIB:.0f}"


def spread_text(spread: dict[str, float] | None, segments: int) -> str:
    """The median and, if there are several segments, half the distance of the quartiles in percent of it."""
    if spread is None:
        return NOTHING
    half = 50 * (spread["q75"] - spread["q25"]) / spread["median"]
    return number(spread["median"]) + (f" ±{half:.0f}%" if segments > 1 else "")


def number(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def soak_grid(found: dict[str, Any]) -> Grid:
    """Memory in the course of a long run."""
    rows = [
        (where, *(f"{found[key][part]:.1f}" for part in ("settled", "final", "growth", "per_million_steps")))
        for key, where in (("rss", "process"), ("gpu", "GPU"))
        if found[key] is not None
    ]
    title = f"{found['steps']:,} steps at {found['steps_per_second']:,.0f} a second: memory, MiB"
    return title, ("", "settled", "final", "growth", "slope, per million steps"), rows
