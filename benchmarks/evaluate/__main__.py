"""``python -m benchmarks.evaluate --agent NAME_or_module:Class --suite S --out DIR``: play a frozen suite."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from baselines.cli import check_folder, check_number, progress_bar, run_command
from benchmarks.evaluate.run import BATCH, ON_ERROR, evaluate, results
from benchmarks.suites import load_suite
from benchmarks.tables import Grid, mean_text, print_grids


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--agent", required=True, help="a name, module:Class, or a JSON object with the key 'id' and arguments"
    )
    parser.add_argument("--suite", default="adverts-lite-v1", help="name of a suite, or its file")
    parser.add_argument("--batch", type=int, default=BATCH, help="episodes played together")
    parser.add_argument("--on-error", choices=ON_ERROR, default="raise", help="stop, or count the task as failed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; one that is there is gone on with")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_number("--batch", options.batch, 1, 10_000)
    suite = load_suite(options.suite)
    check_folder(options.out)
    console = Console()
    with progress_bar(console) as bar:
        task = bar.add_task(suite.id, total=len(suite.tasks))
        run = evaluate(
            suite,
            options.agent,
            options.out,
            options.batch,
            options.on_error,
            progress=lambda done: bar.update(task, completed=done),
        )
    found = results(suite, run.records())
    rows = [(split, *(mean_text(row[name]) for name in ("score", "success"))) for split, row in found["splits"].items()]
    grid: Grid = (f"{options.agent} on {suite.id}", ("split", "score", "success"), rows)
    print_grids([grid], console, as_markdown=False)
    console.print("means with 95 % intervals: resampled tasks for the score, Wilson's for success", highlight=False)
    for line in run.idle().lines():
        console.print(line, highlight=False, markup=False)
    counts = found["totals"]
    console.print(f"done {counts['done']:g}, failed {counts['failed']:g} of {counts['tasks']:g}; wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
