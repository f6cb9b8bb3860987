"""How far the additive approximation is from the true reward of a trajectory, as things get in each other's way.

``python -m benchmarks.additive [--overlaps 0,0.25,0.5,0.75,1] [--policies ADDITIVE TRAJECTORY] [--episodes 100]
[--samples 32] [--seed 0] [--markdown] [--out DIR]``. A run that is stopped goes on when it is started again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from baselines.cli import (
    check_episodes,
    check_folder,
    check_number,
    progress_bar,
    run_command,
    versions,
    write_json,
    write_results,
)
from benchmarks.additive.measure import measure
from benchmarks.additive.report import grids, summarise, write_picture
from benchmarks.tables import print_grids
from imgedit_gym.core.errors import ImgEditError

LEVELS = "levels.json"


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.additive", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overlaps", default="0,0.25,0.5,0.75,1", help="shares of objects that stand on another")
    parser.add_argument(
        "--policies",
        type=Path,
        nargs=2,
        metavar=("ADDITIVE", "TRAJECTORY"),
        help="folders of orchestrators that learnt from either reward",
    )
    parser.add_argument("--episodes", type=int, default=100, help="tasks of each overlap")
    parser.add_argument("--samples", type=int, default=32, help="random tries at each task")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task; the next take the next ones")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--out", type=Path, default=Path("runs/additive"), help="folder for results")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    from baselines.orchestrator.orchestrator import Orchestrator

    check_episodes(options, fewest=2)
    check_number("--samples", options.samples, 2, 4096)
    check_folder(options.out)
    overlaps = _overlaps(options.overlaps)
    folders = dict(zip(("additive", "trajectory"), options.policies or (), strict=False))
    for folder in folders.values():
        if not folder.is_dir():
            raise ImgEditError(f"--policies: expected folders; found nothing at {str(folder)!r}")
    policies = {name: Orchestrator.load(folder) for name, folder in folders.items()}
    seeds = range(options.seed, options.seed + options.episodes)
    told = {name: str(folder) for name, folder in folders.items()}
    settings = f"--seed {options.seed} --episodes {options.episodes} --samples {options.samples}, policies {told}"
    console = Console(stderr=options.markdown)
    path = options.out / LEVELS
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if kept.setdefault("settings", settings) != settings:
        raise ImgEditError(
            f"{path}: expected measurements with {settings}; found {kept['settings']}; choose another --out"
        )
    with progress_bar(console) as progress:
        bar = progress.add_task("overlaps", total=len(overlaps))
        for overlap in overlaps:
            if str(overlap) not in kept:
                level = measure(overlap, seeds, options.samples, options.out, policies, options.seed)
                kept[str(overlap)] = summarise(level, options.seed)
                write_json(path, kept)
            progress.update(bar, advance=1)
    rows = [kept[str(overlap)] for overlap in overlaps]
    written = [
        write_results({"versions": versions(), "levels": rows}, options, "additive.json"),
        write_picture(rows, options.out),
    ]
    print_grids(grids(rows), console, options.markdown)
    for one in written:
        console.print(f"wrote {one}")


def _overlaps(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0.0 <= one <= 1.0 for one in found):
        raise ImgEditError(f"--overlaps: expected numbers in [0, 1], separated by commas; found {text!r}")
    return found


if __name__ == "__main__":
    sys.exit(main())
