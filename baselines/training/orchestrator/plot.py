"""Tool calls per point of success: ``python -m baselines.training.orchestrator.plot DIR [DIR ...] [--out FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from baselines.cli import run_command
from baselines.training.orchestrator.curve import FILE, read_curve
from imgedit_gym.core.errors import ImgEditError

_SHOWN = (("tool_calls", "tool calls"), ("cpu_seconds", "CPU seconds"))


def draw(folders: list[Path], path: Path) -> list[str]:
    """Draw what several trainings cost: success by tool calls and by CPU time, and tool calls per point of success.

    Args:
        folders: Of the trainings.
        path: Of the picture.

    Returns:
        A line for each training: method, last success, tool calls, and calls per point of success in percent.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(_SHOWN) + 1, figsize=(13.0, 3.6), constrained_layout=True)
    told = []
    for folder in folders:
        rows = read_curve(folder)
        success = [100.0 * row["success"] for row in rows]
        method = rows[-1]["method"]
        label = method if folder.name == method else f"{method} ({folder.name})"
        for axis, (key, title) in zip(axes, _SHOWN, strict=False):
            axis.plot([row[key] for row in rows], success, marker=".", label=label)
            axis.set(xlabel=title, xscale="log", ylabel="success on val, oracle's plans, %", ylim=(0, 100))
        reached = [(points, row["tool_calls"] / points) for points, row in zip(success, rows, strict=True) if points]
        axes[-1].plot(*zip(*reached, strict=True) if reached else ([], []), marker=".", label=label)
        cost = rows[-1]["tool_calls"] / success[-1] if success[-1] else float("inf")
        told.append(
            f"{folder}: {rows[-1]['method']}, success {success[-1]:.1f} %, {rows[-1]['tool_calls']:,} tool calls, "
            f"{cost:,.0f} for each point of success, {rows[-1]['cpu_seconds'] / 60:.1f} CPU minutes"
        )
    axes[-1].set(xlabel="success on val, oracle's plans, %", yscale="log", ylabel="tool calls per point of success")
    axes[0].legend(fontsize=8, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return told


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    parser = argparse.ArgumentParser("python -m baselines.training.orchestrator.plot", description="Success by cost.")
    parser.add_argument("folders", type=Path, nargs="+", help="folders of trainings")
    parser.add_argument("--out", type=Path, default=Path("runs/orchestrator/calls.png"), help="the picture")
    return run_command(_run, parser.parse_args(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    for folder in options.folders:
        if not (folder / FILE).is_file():
            raise ImgEditError(f"expected the folder of a training with {FILE}; found none in {str(folder)!r}")
    print("\n".join(draw(options.folders, options.out)))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
