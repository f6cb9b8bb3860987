"""Tables and the plot of the additive reward's measurement."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from baselines.statistics import mean_interval
from benchmarks.additive.measure import Level
from benchmarks.overoptimisation.best_of_n import expected_best
from benchmarks.tables import Grid, mean_text

PICTURE = "additive.png"


def summarise(level: Level, seed: int) -> dict[str, Any]:
    """One level's row.

    Args:
        level: What was measured.
        seed: Of the resampling of tasks.

    Returns:
        ``overlap``; each with ``mean`` and ``ci95``: ``correlation`` (Spearman's, within tasks whose tries differ),
        ``best_of_n`` and ``best_of_n_regret`` (what the best try by the additive reward earns, and how much less than
        the best one), ``score_...`` and ``regret`` (of the best tools and regions by either), ``policy_...`` and
        ``policy_regret`` where policies were given; and ``calls_...``, tool calls a task.
    """
    ranks = [
        float(spearmanr(a, t).statistic)
        for a, t in zip(level.additive, level.true, strict=True)
        if np.ptp(a) > 0.0 and np.ptp(t) > 0.0
    ]
    n = level.true.shape[1]
    picked = [expected_best(a, t, n) for a, t in zip(level.additive, level.true, strict=True)]
    row: dict[str, Any] = {"overlap": level.overlap, "tasks": len(level.true), "tries": n}
    values = {
        "correlation": ranks,
        "best_of_n": picked,
        "best_of_n_regret": level.true.max(1) - picked,
        "score_additive": level.chosen["additive"],
        "score_trajectory": level.chosen["trajectory"],
        "regret": level.chosen["trajectory"] - level.chosen["additive"],
    }
    if len(level.policies) == 2:
        values |= {f"policy_{name}": scores for name, scores in level.policies.items()}
        values["policy_regret"] = level.policies["trajectory"] - level.policies["additive"]
    row |= {name: mean_interval(list(sample), seed) for name, sample in values.items()}
    return row | {f"calls_{name}": count / len(level.true) for name, count in level.calls.items()}


def grids(rows: Sequence[dict[str, Any]]) -> list[Grid]:
    """A table for each way of choosing."""
    tries = ("correlation", "best_of_n", "best_of_n_regret")
    chosen = ("score_additive", "score_trajectory", "regret")
    learnt = ("policy_additive", "policy_trajectory", "policy_regret")
    tables: list[Grid] = [
        (
            "random tries",
            ("overlap", "rank correlation", f"best of {rows[0]['tries']} by the additive reward", "regret"),
            [(f"{row['overlap']:.2f}", *(mean_text(row[name]) for name in tries)) for row in rows],
        ),
        (
            "the best tool and region of each step",
            ("overlap", "by the additive reward", "by the trajectory's", "regret", "tool calls a task", "and by it"),
            [
                (
                    f"{row['overlap']:.2f}",
                    *(mean_text(row[name]) for name in chosen),
                    f"{row['calls_additive']:.0f}",
                    f"{row['calls_trajectory']:.0f}",
                )
                for row in rows
            ],
        ),
    ]
    if all("policy_regret" in row for row in rows):
        tables.append(
            (
                "trained orchestrators",
                ("overlap", "learnt from the additive reward", "from the trajectory's", "regret"),
                [(f"{row['overlap']:.2f}", *(mean_text(row[name]) for name in learnt)) for row in rows],
            )
        )
    return tables


def write_picture(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Draw correlation, scores and regrets over the overlap; shades are the intervals."""
    # Not pyplot: it keeps every figure, and looks for a display.
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    panels = (
        ("rank correlation of random tries", {"": "correlation"}),
        (
            "gain of the best choices",
            {"chosen by the additive reward": "score_additive", "by the trajectory's": "score_trajectory"},
        ),
        (
            "regret of the additive reward",
            {
                "best of the random tries": "best_of_n_regret",
                "best choices": "regret",
                "trained orchestrators": "policy_regret",
            },
        ),
    )
    x = [row["overlap"] for row in rows]
    for axis, (title, lines) in zip(axes, panels, strict=True):
        for at, (label, name) in enumerate(lines.items()):
            if not all(name in row for row in rows):
                continue
            low, high = ([row[name]["ci95"][end] for row in rows] for end in (0, 1))
            axis.plot(x, [row[name]["mean"] for row in rows], f"C{at}o-", markersize=3, label=label)
            axis.fill_between(x, low, high, color=f"C{at}", alpha=0.2, linewidth=0)
        axis.set(title=title, xlabel="share of objects that stand on another")
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend(fontsize=8)
    axes[0].set_ylim(0, 1)
    axes[2].axhline(0, color="0.6", linestyle="--", linewidth=1)
    path = folder / PICTURE
    figure.savefig(path, dpi=110)
    return path
