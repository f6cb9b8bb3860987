"""The table of results, for terminals and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

NOTHING = "–"
"""What stands where there is no number."""

WIDE = 150
"""Columns of a console that hold both ends of every interval."""


def two_decimals(value: float) -> str:
    """A share or score."""
    return f"{value:.2f}"


def one_decimal(value: float) -> str:
    """A mean count."""
    return f"{value:.1f}"


def by_magnitude(value: float) -> str:
    """A duration: more decimals the shorter it is."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 else 5
    return f"{value:.{decimals}f}"


@dataclass(frozen=True)
class Metric:
    """A column of the table.

    Attributes:
        key: Key in ``results["agents"][name]``.
        label: Column header.
        title: What it means, in a phrase.
        show: From number to text.
        share: Whether values lie in [0, 1], so that a bar can be drawn.
    """

    key: str
    label: str
    title: str
    show: Callable[[float], str]
    share: bool = True


METRICS = (
    Metric("score", "score", "judge's score of the final picture", two_decimals),
    Metric("normalised", "normalised", "0 is doing nothing, 1 is the oracle", two_decimals),
    Metric("success_rate", "success", "share of episodes that succeed", two_decimals),
    Metric("execution", "E", "execution: requirements that are met", two_decimals),
    Metric("preservation", "P", "preservation: what should stay stayed", two_decimals),
    Metric("quality", "Q", "quality of the edited picture", two_decimals),
    Metric("tool_calls", "tool calls", "tool calls per episode", one_decimal, share=False),
    Metric("judge_calls", "judge calls", "judge calls per episode", one_decimal, share=False),
    Metric("seconds", "seconds", "wall-clock seconds per episode", by_magnitude, share=False),
)


@dataclass(frozen=True)
class Cell:
    """A mean and its 95 % interval.

    Attributes:
        mean: The mean; None if there is none.
        low: Lower end of the interval; None if there is none.
        high: Upper end.
        text: The mean as text.
        interval: The interval as text, ``[low, high]``; empty if there is none.
    """

    mean: float | None
    low: float | None
    high: float | None
    text: str
    interval: str


def read_cell(values: Mapping[str, Any], metric: Metric) -> Cell:
    """The cell of one agent and metric; empty where the metric is missing, None or not finite."""
    entry = values.get(metric.key)
    mean = _finite(entry.get("mean")) if entry else None
    if not entry or mean is None:
        return Cell(None, None, None, NOTHING, "")
    low, high = (_finite(end) for end in entry.get("ci95") or (None, None))
    if low is None or high is None:
        return Cell(mean, None, None, metric.show(mean), "")
    return Cell(mean, low, high, metric.show(mean), f"[{metric.show(low)}, {metric.show(high)}]")


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def print_table(results: Mapping[str, Any], console: Console) -> None:
    """Print one row per agent, each cell a mean over its 95 % interval.

    A console of fewer than :data:`WIDE` columns shows the longer half of the interval instead of its ends.

    Args:
        results: ``results["agents"][name][metric]`` is ``{"mean": float, "ci95": [low, high]}`` or None.
        console: Where to.
    """
    wide = console.width >= WIDE
    caption = "mean [95 % interval]" if wide else "mean ± the longer half of the 95 % interval"
    table = Table(box=SIMPLE_HEAD, padding=(0, int(wide)), caption=caption, caption_justify="left")
    table.add_column("agent", overflow="fold")
    for metric in METRICS:
        table.add_column(metric.label, justify="right", min_width=max(map(len, metric.label.split())))
    for name, values in results["agents"].items():
        cells = (_two_lines(read_cell(values, metric), wide) for metric in METRICS)
        table.add_row(Text(name, style="bold"), *cells)
    console.print(table)
    for note in notes(results):
        console.print(note)


def notes(results: Mapping[str, Any]) -> list[str]:
    """Sentences beneath the table: what agents were given, and what was left out."""
    return [note for note in (results.get("given", ""), not_judged(results)) if note]


def not_judged(results: Mapping[str, Any]) -> str:
    """What was left out of the means because the judge failed, in a sentence; empty where nothing was."""
    failed = {name: values["invalid"] for name, values in results["agents"].items() if values.get("invalid")}
    told = ", ".join(f"{name} {count}" for name, count in failed.items())
    return f"Episodes that the judge could not judge, left out: {told}." if failed else ""


def _two_lines(cell: Cell, wide: bool) -> Text:
    text = Text(cell.text)
    if cell.mean is None or cell.low is None or cell.high is None:
        return text
    decimals = len(cell.text.partition(".")[2])
    half = max(cell.high - cell.mean, cell.mean - cell.low)
    return text.append("\n" + (cell.interval if wide else f"±{half:.{decimals}f}"), style="dim")


def table_markdown(results: Mapping[str, Any]) -> str:
    """The table in Markdown, each cell ``mean [low, high]``.

    Args:
        results: As for :func:`print_table`.

    Returns:
        Lines that end with a newline.
    """
    lines = [
        "| agent | " + " | ".join(metric.label for metric in METRICS) + " |",
        "|---|" + "--:|" * len(METRICS),
    ]
    for name, values in results["agents"].items():
        cells = (read_cell(values, metric) for metric in METRICS)
        row = [_escape(name), *(f"{cell.text} {cell.interval}".strip() for cell in cells)]
        lines.append("| " + " | ".join(row) + " |")
    for note in notes(results):
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
