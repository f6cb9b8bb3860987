"""What the scores say: tables with intervals over tasks and trainings, paired differences, and a plot."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generalisation.play import CEILING, FLOOR, Cell, Scores
from benchmarks.statistics import bootstrap_interval
from benchmarks.tables import Grid, mean_text

PICTURE = "generalisation.png"


def summarise(scores: Scores, reference: str, seed: int) -> dict[str, dict[str, Any]]:
    """Every contestant on every split.

    Args:
        scores: Scores by split and contestant.
        reference: Whom the others are compared with, where it takes part.
        seed: Of the resampling.

    Returns:
        By split and contestant ``normalised``, ``score``, ``success`` and ``behind``: what the reference gains more, in
        normalised score, task by task. Each has ``mean`` and ``ci95``. The anchors' means, by which scores are
        normalised, are taken as known.
    """
    return {split: _summary(cells, reference, seed) for split, cells in scores.items()}


def _summary(cells: dict[str, dict[str, Cell]], reference: str, seed: int) -> dict[str, Any]:
    tables = {name: {what: _table(runs, what) for what in ("score", "success")} for name, runs in cells.items()}
    floor, ceiling = (float(tables[name]["score"].mean()) for name in (FLOOR, CEILING))
    span = max(ceiling - floor, 1e-9)
    found: dict[str, Any] = {}
    for name, table in tables.items():
        row = {what: _interval(values, seed) for what, values in table.items()}
        row["normalised"] = _interval((table["score"] - floor) / span, seed)
        row["trainings"] = {"mean": float(table["score"].shape[1])}
        if reference in tables and name != reference:
            own, other = tables[reference]["score"], table["score"]
            if own.shape[1] == other.shape[1]:  # training by training
                gap = own - other
            else:
                gap = own - other.mean(1, keepdims=True)
            row["behind"] = _interval(gap / span, seed)
        found[name] = row
    return found


def _table(runs: dict[str, Cell], what: str) -> np.ndarray:
    return np.stack([cell[what] for cell in runs.values()], 1)


def _interval(values: np.ndarray, seed: int) -> dict[str, Any]:
    return {"mean": float(values.mean()), "ci95": list(bootstrap_interval(values, seed=seed))}


def grids(found: dict[str, dict[str, Any]], reference: str) -> list[Grid]:
    """One table for each measure, contestants by splits."""
    splits = list(found)
    names = list(dict.fromkeys(name for rows in found.values() for name in rows))
    titles = {
        "normalised": "normalised score",
        "success": "success rate",
        "behind": f"what {reference} gains more, normalised",
    }
    tables: list[Grid] = []
    for what, title in titles.items():
        rows = [
            (name, *(mean_text(found[split].get(name, {}).get(what)) for split in splits))
            for name in names
            if any(what in found[split].get(name, {}) for split in splits)
        ]
        if rows:
            tables.append((title, ("agent", *splits), rows))
    return tables


def write_picture(found: dict[str, dict[str, Any]], folder: Path) -> Path:
    """Draw the normalised scores, a group of bars for each split."""
    # Not pyplot: it keeps every figure, and looks for a display.
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(10, 4.5), layout="constrained")
    axis = figure.subplots()
    names = [name for name in next(iter(found.values())) if name not in (FLOOR, CEILING)]
    width = 0.8 / max(len(names), 1)
    colours = importlib.import_module("matplotlib").colormaps["tab10" if len(names) <= 10 else "tab20"]
    for at, name in enumerate(names):
        rows = [(place, rows[name]["normalised"]) for place, rows in enumerate(found.values()) if name in rows]
        means = np.array([one["mean"] for _, one in rows])
        ends = np.array([one["ci95"] for _, one in rows])
        axis.bar(
            [place + (at + 0.5) * width - 0.4 for place, _ in rows],
            means,
            width * 0.92,
            yerr=np.abs(ends.T - means),
            label=name,
            color=colours(at),
            error_kw={"elinewidth": 1},
        )
    axis.axhline(0, color="0.3", linewidth=0.8)
    axis.axhline(1, color="0.6", linestyle="--", linewidth=1)
    axis.set_xticks(range(len(found)), list(found))
    axis.set_ylabel("normalised score")
    axis.legend(fontsize=8, ncols=min(len(names), 4), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axis.grid(alpha=0.3, axis="y")
    path = folder / PICTURE
    figure.savefig(path, dpi=110)
    return path
