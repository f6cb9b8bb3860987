"""The report card as pictures."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit.records import Records, Scores


def write_plots(card: dict[str, Any], records: Records, folder: Path) -> list[Path]:
    """Write every plot as PNG.

    Returns:
        The files: agreement by kind, reliability, scores and attacks.
    """
    made = {
        "agreement.png": _agreement(card),
        "reliability.png": _reliability(card),
        "scores.png": _scores(records),
        "attacks.png": _attacks(card),
    }
    for name, figure in made.items():
        figure.savefig(folder / name, dpi=110)
    return [folder / name for name in made]


def _figure(width: float, height: float) -> Any:
    # Not pyplot: it keeps every figure, and looks for a display.
    return importlib.import_module("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


def _agreement(card: dict[str, Any]) -> Any:
    rows = {**card["kinds"], "all": card}
    rows = {name: row for name, row in rows.items() if row["balanced_accuracy"]["mean"] is not None}
    figure = _figure(7, 1.2 + 0.36 * max(len(rows), 1))
    axis = figure.subplots()
    for at, row in enumerate(reversed(rows.values())):
        found = row["balanced_accuracy"]
        low, high = (100 * end for end in found["ci95"])
        axis.barh(at, 100 * found["mean"], color="C0", alpha=0.6)
        axis.plot([low, high], [at, at], color="black", linewidth=1.5)
    axis.axvline(50, color="0.6", linestyle="--")
    axis.set_yticks(range(len(rows)), [name.lower().replace("_", " ") for name in reversed(rows)])
    axis.set(xlim=(0, 102), xlabel="balanced accuracy, % (dashed: chance; lines: 95 % intervals)")
    axis.grid(alpha=0.3, axis="x")
    return figure


def _reliability(card: dict[str, Any]) -> Any:
    rows = {"all": card, **card["kinds"]}
    columns = 3
    lines = -(-len(rows) // columns)
    figure = _figure(3.1 * columns, 2.9 * lines)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axis, (name, row) in zip(axes, rows.items(), strict=False):
        bins = row["calibration"]["bins"]
        axis.plot([0, 1], [0, 1], color="0.6", linestyle="--")
        if bins:
            largest = max(one["count"] for one in bins)
            sizes = [15 + 150 * one["count"] / largest for one in bins]
            axis.plot([one["value"] for one in bins], [one["share"] for one in bins], color="C0", linewidth=1)
            axis.scatter([one["value"] for one in bins], [one["share"] for one in bins], sizes, color="C0", alpha=0.7)
        error = row["calibration"]["error"]
        title = name.lower().replace("_", " ")
        axis.set_title(title if error is None else f"{title}, ECE {error:.3f}", fontsize=9)
        axis.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
        axis.grid(alpha=0.3)
    for axis in axes[len(rows) :]:
        axis.set_axis_off()
    figure.supxlabel("judge's value")
    figure.supylabel("share of requirements that hold")
    return figure


def _scores(records: Records) -> Any:
    scores = Scores.joined(records.scores)
    origins = np.asarray([origin for _, origin in records.lots])
    figure = _figure(5.5, 5)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    for number, origin in enumerate(dict.fromkeys(origins.tolist())):
        mine = scores.take((origins[scores.lot] == origin) & ~np.isnan(scores.said))
        axis.scatter(mine.exact, mine.said, 6, color=f"C{number}", alpha=0.35, label=origin, linewidths=0)
    axis.set(xlabel="true score", ylabel="judge's score", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.legend(markerscale=2)
    axis.grid(alpha=0.3)
    return figure


def _attacks(card: dict[str, Any]) -> Any:
    rows = {name: row for name, row in card["attacks"].items() if row["score"] is not None}
    figure = _figure(10, 1.6 + 0.34 * max(len(rows), 1))
    left, right = figure.subplots(1, 2, sharey=True)
    for at, row in enumerate(reversed(rows.values())):
        for axis, key, color in ((left, "more_than_failed", "C1"), (left, "more_than_half", "C3")):
            share = row[key]
            if share["rate"] is not None:
                label = {"more_than_failed": "an honest failed try", "more_than_half": "half of the plan"}[key]
                offset = 0.18 if key == "more_than_failed" else -0.18
                axis.barh(at + offset, 100 * share["rate"], 0.34, color=color, label=label if at == 0 else None)
        right.barh(at + 0.18, row["score"]["mean"], 0.34, color="C0", label="judge" if at == 0 else None)
        right.barh(at - 0.18, row["exact"]["mean"], 0.34, color="0.5", label="true" if at == 0 else None)
    left.set_yticks(range(len(rows)), list(reversed(rows)))
    left.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.4), xlabel="tasks in which it pays more, %, than for")
    right.set(xlim=(0, 1), xlabel="mean score")
    for axis in (left, right):
        axis.grid(alpha=0.3, axis="x")
        axis.legend(loc="lower right", fontsize=8)
    done = card["references"]["done"]["score"]
    if done is not None:
        right.axvline(done["mean"], color="C2", linestyle="--", linewidth=1)
    return figure
