"""``python -m benchmarks.leaderboard {build, check, baselines}``: the board, its entries, the repository's own."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from baselines.cli import check_folder, progress_bar, run_command
from benchmarks.leaderboard.baselines import players, submit_baseline
from benchmarks.leaderboard.board import build_boards, find_submissions
from benchmarks.leaderboard.check import check_entries
from benchmarks.leaderboard.markdown import grids_of
from benchmarks.leaderboard.site import Pictures, write_site
from benchmarks.suites import load_suite
from benchmarks.tables import print_grids
from imgedit_gym.core.errors import ImgEditError


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.leaderboard", description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    build = actions.add_parser("build", help="verify submissions and make the board of them")
    build.add_argument("submissions", type=Path, help="folder with folders of submissions, however deep")
    build.add_argument("--level", type=int, default=3, choices=(1, 2, 3), help="how far to verify them")
    build.add_argument("--season", action="append", default=[], help="file of a revealed season's suite")
    build.add_argument("--out", type=Path, default=Path("runs/leaderboard"), help="folder of the page")
    check = actions.add_parser(
        "check", help="verify the entries of a folder, each at suite/name, and that no more is there"
    )
    check.add_argument("entries", type=Path, nargs="?", default=Path("leaderboard"), help="the folder")
    check.add_argument("--before", type=Path, help="the folder as it was; what is the same there is not verified again")
    check.add_argument("--level", type=int, default=3, choices=(1, 2, 3), help="how far to verify")
    own = actions.add_parser("baselines", help="evaluate the baselines, and make and verify submissions of them")
    own.add_argument("--suite", default="adverts-lite-v1", help="name of the suite")
    own.add_argument("--agents", default=None, help="names, separated by commas; all that can play the suite")
    own.add_argument("--runs", type=Path, default=Path("runs/baselines"), help="folder for evaluations")
    own.add_argument("--out", type=Path, default=Path("leaderboard"), help="folder for submissions")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0; 1 if an entry does not hold; 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    if options.action == "check":
        return _check(options)
    return run_command(_build if options.action == "build" else _baselines, options)


def _check(options: argparse.Namespace) -> int:
    for folder in (options.entries, options.before):
        if folder is not None and not folder.is_dir():
            print(f"error: expected a folder of entries; found nothing at {folder}", file=sys.stderr)
            return 2
    try:
        found = check_entries(
            options.entries, options.before, options.level, lambda report: print(report.text(), flush=True)
        )
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault in found.faults:
        print(f"{fault.check}: {fault.where}: {fault.message}")
    held = sum(report.holds for report in found.reports)
    print(f"{held} of {len(found.reports)} entries hold; {len(found.same)} more are as they were")
    return 0 if found.holds else 1


def _build(options: argparse.Namespace) -> None:
    check_folder(options.out)
    console = Console()
    pictures = Pictures(options.out)
    boards = build_boards(
        find_submissions(options.submissions),
        options.level,
        [load_suite(path) for path in options.season],
        watch=pictures.watch,
        progress=lambda folder: console.print(f"verified {folder}"),
    )
    write_site(boards, pictures, options.out)
    for board in boards:
        for title, heads, rows in grids_of(board)[:1]:
            print_grids([(title, heads[:4], [row[:4] for row in rows])], console, as_markdown=False)
        for report in board.refused:
            console.print(f"refused {report.submission}: {', '.join(sorted(report.checks)) or report.notes['refused']}")
    console.print(f"wrote {options.out / 'index.html'}, board.md, board.json")


def _baselines(options: argparse.Namespace) -> None:
    suite = load_suite(options.suite)
    console = Console()
    names, left_out = players(suite, None if options.agents is None else options.agents.split(","))
    for name, why in left_out.items():
        console.print(f"left out: {name}, which {why}")
    for name in names:
        with progress_bar(console) as bar:
            task = bar.add_task(f"{name} on {suite.id}", total=len(suite.tasks))
            report = submit_baseline(name, suite, options.runs, options.out, partial(_advance, bar, task))
        console.print(report.text(), markup=False, highlight=False, soft_wrap=True)


def _advance(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, completed=done)


if __name__ == "__main__":
    sys.exit(main())
