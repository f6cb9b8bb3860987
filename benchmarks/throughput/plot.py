"""Pictures of the measurements."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.throughput.worlds import WORLDS

NEEDS = "matplotlib"


def can_plot() -> bool:
    """Whether there is something to plot with."""
    return find_spec(NEEDS) is not None


def plot_points(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Steps a second over the batch size, one panel a picture size; shades reach from quartile to quartile."""
    sizes = list(dict.fromkeys(point["image_size"] for point in points))
    figure, axes = _panels(len(sizes))
    for axis, size in zip(axes, sizes, strict=True):
        mine = [point for point in points if point["image_size"] == size]
        for name in mine[0]["worlds"]:
            kept = [point for point in mine if "steps_per_second" in point["worlds"][name]]
            if not kept:
                continue
            batches = [point["num_envs"] for point in kept]
            rates = [point["worlds"][name]["steps_per_second"] for point in kept]
            color, style = ("0.6", "--") if name == "copy" else (f"C{list(WORLDS).index(name)}", "-")
            medians, low, high = ([rate[part] for rate in rates] for part in ("median", "q25", "q75"))
            axis.plot(batches, medians, style, color=color, marker="o", label=WORLDS[name].label)
            axis.fill_between(batches, low, high, color=color, alpha=0.2, linewidth=0)
        axis.set(xscale="log", yscale="log", xlabel="environments", title=f"{size} x {size} pixels")
        axis.set_xticks([point["num_envs"] for point in mine], [str(point["num_envs"]) for point in mine])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("environment steps a second")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(WORLDS))
    figure.savefig(path)


def plot_soak(found: dict[str, Any], path: Path) -> None:
    """Memory over the steps of a long run."""
    figure, (axis,) = _panels(1)
    for at, label in ((1, "process"), (2, "GPU")):
        looks = [(look[0], look[at] / 2**20) for look in found["looks"] if look[at] is not None]
        if looks:
            axis.plot(*zip(*looks, strict=True), label=label)
    axis.set(xlabel="environment steps", ylabel="memory, MiB", ylim=(0, None))
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path)


def _panels(count: int) -> tuple[Any, Any]:
    # Not pyplot: it keeps every figure, and looks for a display.
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(5.5 * count, 4.5), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False, sharey=True)[0]
