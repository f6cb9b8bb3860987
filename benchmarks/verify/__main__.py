"""``python -m benchmarks.verify SUBMISSION [--level 3]``: look whether everything holds that a submission says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from baselines.cli import progress_bar, write_json
from benchmarks.submission.folder import check_folder
from benchmarks.suites import load_suite
from benchmarks.verify.levels import verify
from benchmarks.verify.report import LEVELS
from benchmarks.verify.tolerance import TOLERANCES
from imgedit_gym.core.errors import ImgEditError


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    levels = "; ".join(f"{level} {title}" for level, title in enumerate(LEVELS))
    parser = argparse.ArgumentParser("python -m benchmarks.verify", description=__doc__.splitlines()[0])
    parser.add_argument("submission", type=Path, help="folder of the submission")
    parser.add_argument("--level", type=int, default=3, choices=range(len(LEVELS)), help=levels)
    parser.add_argument("--suite", help="file of the suite it must be of, for a season")
    parser.add_argument("--tolerance", default="auto", choices=("auto", *TOLERANCES), help="how near replays must come")
    parser.add_argument("--report", type=Path, help="file for the report in JSON")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0 if everything holds, 1 if not, 2 for bad input.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    try:
        suite = None if options.suite is None else load_suite(options.suite)
        check_folder(options.submission)
        # the report goes to standard output, and nothing else does
        with progress_bar(Console(stderr=True)) as bar:
            pictures = bar.add_task("pictures", total=None, visible=False)
            task = bar.add_task("replay", total=None, visible=False)
            report = verify(
                options.submission,
                options.level,
                suite,
                options.tolerance,
                progress=lambda done, total: bar.update(task, completed=done, total=total, visible=True),
                looked=lambda done, total: bar.update(pictures, completed=done, total=total, visible=True),
            )
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.report is not None:
        write_json(options.report, report.to_json())
    print(report.text())
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
