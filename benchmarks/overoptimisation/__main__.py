"""Does an agent that learns from a judge get better, or better at pleasing the judge?

``python -m benchmarks.overoptimisation --judge ID [--steps 50000] [--episodes 300] [--split test] [--samples 64]
[--seed 0] [--num-envs 64] [--image-size 64] [--markdown] [--out DIR]``; ID is a judge's id, or a JSON object with the
key ``id`` and its arguments. A run that is stopped goes on when it is started again.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from baselines.cli import (
    check_number,
    describe_judge,
    judge_spec,
    progress_bar,
    run_command,
    versions,
    write_results,
)
from benchmarks.overoptimisation.checkpoint import NAME
from benchmarks.overoptimisation.measure import Setting, measure
from benchmarks.overoptimisation.report import grids, summarise, write_picture
from benchmarks.tables import print_grids
from benchmarks.tasks import check_tasks, task_arguments
from imgedit_gym.core.registry import JUDGES


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.overoptimisation", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--judge", required=True, help="id of a judge, or a JSON object with its arguments")
    parser.add_argument("--steps", type=int, default=50_000, help="environment steps of training")
    parser.add_argument("--num-envs", type=int, default=64, help="environments that the agent learns from at a time")
    parser.add_argument("--samples", type=int, default=64, help="random tries at each task; 0 for none")
    task_arguments(parser, 300, "test", "runs/overoptimisation")
    parser.set_defaults(image_size=64)
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_tasks(options)
    for option, value, low, high in (
        ("--steps", options.steps, 1, 10**9),
        ("--num-envs", options.num_envs, 1, 4096),
        ("--samples", options.samples, 0, 4096),
    ):
        check_number(option, value, low, high)
    judge = JUDGES.build(judge_spec(options.judge))
    console = Console(stderr=options.markdown)
    setting = Setting(**{name: getattr(options, name) for name in Setting.__dataclass_fields__})
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task("steps, episodes and tries", total=setting.work)
            measured = measure(judge, setting, options.out, lambda done: progress.update(bar, advance=done))
    finally:
        judge.close()
    found = summarise(measured, options.seed)
    results = {"versions": versions(), "judge": describe_judge(judge), **found}
    written = [
        write_results(results, options, "overoptimisation.json"),
        write_picture(found, judge.id, options.out),
    ]
    (options.out / NAME).unlink()
    print_grids(grids(found), console, options.markdown)
    for path in written:
        console.print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
