"""What was measured in numbers, tables and a picture."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.statistics import mean_interval
from benchmarks.overoptimisation.best_of_n import divergence, expected_best, sizes
from benchmarks.overoptimisation.checkpoint import Measured, Point
from benchmarks.overoptimisation.play import Outcome
from benchmarks.tables import Grid, mean_text

PICTURE = "overoptimisation.png"


def summarise(measured: Measured, seed: int) -> dict[str, Any]:
    """Means with 95 % intervals over tasks.

    Returns:
        ``training``: for each point `steps`, `judged`, `tool_calls`, `tasks` counted and `invalid`; `judge` and
        `exact`, each with `score` and `success_rate`; and `gap`, the judge's score less the exact one.
        ``best_of_n``: for each `n` its divergence `kl` and the `tasks` counted; of the try that the judge likes best
        the score by the `judge`, by the `exact` one, and the `gap`; and of the try that the exact judge likes best
        its score (`best`).
    """
    training = [_point(point, seed) for point in measured.points]
    return {"training": training, "best_of_n": _best_of_n(measured.tries, seed)}


def _point(point: Point, seed: int) -> dict[str, Any]:
    valid = point.outcome["valid"]
    found = {name: value[valid].double() for name, value in point.outcome.items()}
    return {
        "steps": point.steps,
        "judged": point.judged,
        "tool_calls": point.tool_calls,
        "tasks": int(valid.sum()),
        "invalid": int((~valid).sum()),
        "judge": _means(found["said"].tolist(), found["said_success"].tolist(), seed),
        "exact": _means(found["exact"].tolist(), found["exact_success"].tolist(), seed),
        "gap": mean_interval((found["said"] - found["exact"]).tolist(), seed),
    }


def _means(scores: list[float], successes: list[float], seed: int) -> dict[str, Any]:
    return {"score": mean_interval(scores, seed), "success_rate": mean_interval(successes, seed)}


def _best_of_n(tries: Sequence[Outcome], seed: int) -> list[dict[str, Any]]:
    if not tries:
        return []
    said, exact, valid = (torch.stack([one[name] for one in tries], 1).numpy() for name in ("said", "exact", "valid"))
    rows = []
    for n in sizes(len(tries)):
        worth = np.asarray(
            [
                [expected_best(liked[ok], judged[ok], n) for liked, judged in ((s, s), (s, e), (e, e))]
                for s, e, ok in zip(said, exact, valid, strict=True)
            ]
        )
        worth = worth[~np.isnan(worth).any(1)]
        if len(worth):
            judge, true, best = worth.T
            means = {"judge": judge, "exact": true, "gap": judge - true, "best": best}
            row = {name: mean_interval(values.tolist(), seed) for name, values in means.items()}
            rows.append({"n": n, "kl": divergence(n), "tasks": len(worth)} | row)
    return rows


def grids(found: dict[str, Any]) -> list[Grid]:
    """Both tables."""
    headers = ("steps", "pictures judged", "tool calls", "tasks", "judge's score", "exact score", "gap")
    training = [
        (
            *(str(row[name]) for name in ("steps", "judged", "tool_calls", "tasks")),
            *map(mean_text, (row["judge"]["score"], row["exact"]["score"], row["gap"])),
            *map(mean_text, (row["judge"]["success_rate"], row["exact"]["success_rate"])),
        )
        for row in found["training"]
    ]
    chosen = [
        (
            str(row["n"]),
            f"{row['kl']:.2f}",
            str(row["tasks"]),
            *(mean_text(row[name]) for name in ("judge", "exact", "gap", "best")),
        )
        for row in found["best_of_n"]
    ]
    what = ("n", "KL", "tasks", "judge's score", "exact score", "gap", "exact score if chosen by it")
    return [
        ("an agent trained on the judge", (*headers, "judge's success rate", "exact success rate"), training),
        ("the best of n random tries, chosen by the judge", what, chosen),
    ]


def write_picture(found: dict[str, Any], name: str, folder: Path) -> Path:
    """Draw both curves and the gap, for the agent and for the best of n tries; shades are the intervals."""
    # Not pyplot: it keeps every figure, and looks for a display.
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col", height_ratios=(2, 1))
    training, chosen = found["training"], found["best_of_n"]
    _curves(
        axes[:, 0],
        [row["judged"] for row in training],
        {
            f"{name}, on which it is trained": [row["judge"]["score"] for row in training],
            "exact": [row["exact"]["score"] for row in training],
        },
        [row["gap"] for row in training],
    )
    axes[1, 0].set_xlabel("pictures judged in training")
    _curves(
        axes[:, 1],
        [row["n"] for row in chosen],
        {
            f"{name}, which chooses": [row["judge"] for row in chosen],
            "exact": [row["exact"] for row in chosen],
            "exact, if that chooses": [row["best"] for row in chosen],
        },
        [row["gap"] for row in chosen],
    )
    axes[1, 1].set(xlabel="n random tries at each task", xscale="log")
    axes[1, 1].set_xticks([row["n"] for row in chosen], [str(row["n"]) for row in chosen])
    axes[1, 1].minorticks_off()
    axes[0, 0].set_ylabel("score")
    axes[1, 0].set_ylabel("gap")
    path = folder / PICTURE
    figure.savefig(path, dpi=110)
    return path


def _curves(axes: Any, x: list[int], scores: dict[str, list[Any]], gap: list[Any]) -> None:
    for at, (label, values) in enumerate(scores.items()):
        _curve(axes[0], x, values, f"C{at}", label)
    _curve(axes[1], x, gap, "C3", None)
    axes[1].axhline(0, color="0.6", linestyle="--", linewidth=1)
    axes[0].set_ylim(0, None)
    axes[0].legend(fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)


def _curve(axis: Any, x: list[int], values: list[Any], color: str, label: str | None) -> None:
    axis.plot(x, [one["mean"] for one in values], color=color, marker="o", markersize=3, label=label)
    low, high = ([one["ci95"][end] for one in values] for end in (0, 1))
    axis.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
