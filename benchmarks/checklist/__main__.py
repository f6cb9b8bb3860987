"""Is the exact judge right? Oracle episodes, attacks, and the renderer's own answers against its verdicts.

``python -m benchmarks.checklist [--episodes 5000] [--split train] [--seed 0] [--image-size 128] [--repeats 1]
[--parts oracle,attacks,requirements] [--jobs 1] [--list] [--markdown] [--out DIR]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from baselines.cli import check_number, progress_bar, run_command, write_results
from baselines.report.files import write_whole
from benchmarks.checklist.audit import PARTS, Audit, audit
from benchmarks.checklist.oracle import oracle_misses
from benchmarks.checklist.tables import grids
from benchmarks.tables import print_grids
from benchmarks.tasks import check_tasks, task_arguments
from imgedit_gym.core.errors import ImgEditError

MOST_JOBS = 256


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.checklist", description=(__doc__ or "").splitlines()[0])
    task_arguments(parser, 5000, "train", "runs/checklist")
    parser.add_argument("--repeats", type=int, default=1, help="pairs of drawings for each requirement")
    parser.add_argument("--parts", default=",".join(PARTS), help="names, separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes; same results for any number")
    parser.add_argument(
        "--list", action="store_true", help="write every wrong judgement and every task the oracle misses as JSON lines"
    )
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_tasks(options)
    parts = [part.strip() for part in options.parts.split(",")]
    if not set(parts) <= set(PARTS):
        raise ImgEditError(f"--parts: expected some of {', '.join(PARTS)}; found {options.parts!r}")
    check_number("--repeats", options.repeats, 1, 100)
    check_number("--jobs", options.jobs, 1, MOST_JOBS)
    torch.set_num_threads(1)  # as in every worker, so that the results hang on neither
    console = Console(stderr=options.markdown)
    seeds = range(options.seed, options.seed + options.episodes)
    arguments = {"tasks": "adverts", "split": options.split, "image_size": options.image_size}
    with progress_bar(console) as progress:
        bar = progress.add_task("tasks", total=len(seeds))
        found = audit(
            seeds, arguments, parts, options.repeats, options.jobs, lambda done: progress.update(bar, advance=done)
        )
    results = found.summary(parts, options.seed)
    written = [write_results(results, options, "checklist.json")]
    if options.list:
        written += write_lists(found, options.out)
    print_grids(grids(results), console, options.markdown)
    for path in written:
        console.print(f"wrote {path}")


def write_lists(found: Audit, folder: Path) -> list[Path]:
    """Write all wrong judgements and all tasks the oracle misses, one JSON object a line."""
    lists: dict[str, Sequence[dict[str, Any]]] = {
        "wrong_judgements.jsonl": [asdict(one) for one in found.judgements if one.wrong],
        "oracle_misses.jsonl": oracle_misses(found.episodes),
    }
    for name, rows in lists.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(folder / name, text.encode())
    return [folder / name for name in lists]


if __name__ == "__main__":
    sys.exit(main())
