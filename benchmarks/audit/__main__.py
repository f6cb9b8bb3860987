"""How far can a judge be trusted? Its report card against the exact answers of the adverts.

``python -m benchmarks.audit --judge ID [--episodes 200] [--split test] [--seed 0] [--image-size 128] [--markdown]
[--out DIR]``; ID is a judge's id, or a JSON object with the key ``id`` and its arguments.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from baselines.cli import judge_spec, progress_bar, run_command, write_results
from benchmarks.audit.audit import PER_TASK, audit
from benchmarks.audit.plots import write_plots
from benchmarks.audit.summary import report_card
from benchmarks.audit.tables import grids, narrow_grids
from benchmarks.tables import print_grids
from benchmarks.tasks import check_tasks, task_arguments
from benchmarks.throughput.machine import describe_machine
from imgedit_gym.core.registry import JUDGES


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.audit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--judge", required=True, help="id of a judge, or a JSON object with its arguments")
    task_arguments(parser, 200, "test", "runs/audit")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_tasks(options)
    judge = JUDGES.build(judge_spec(options.judge))
    console = Console(stderr=options.markdown)
    seeds = range(options.seed, options.seed + options.episodes)
    arguments = {"tasks": "adverts", "split": options.split, "image_size": options.image_size}
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task("pictures", total=PER_TASK * len(seeds))
            records = audit(judge, seeds, arguments, lambda done: progress.update(bar, advance=done))
    finally:
        judge.close()
    card = report_card(records, judge, options.seed)
    results = {"machine": describe_machine("cpu"), **card}
    written = [write_results(results, options, "report.json"), *write_plots(card, records, options.out)]
    print_grids(grids(card) if options.markdown else narrow_grids(card), console, options.markdown)
    if not options.markdown:
        console.print("intervals of every number are in report.json and, with --markdown, in the tables")
    for path in written:
        console.print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
