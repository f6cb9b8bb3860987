"""How far what was learnt carries: agents on tasks as trained on, goals joined, goals never seen, long plans, clutter.

``python -m benchmarks.generalisation [--agents a,b] [--splits s,t] [--runs DIR ...] [--exchanged]
[--other NAME=DIR ...] [--language JSON] [--episodes 300] [--seed 0] [--markdown] [--out DIR]``. A run that is
stopped goes on when it is started again.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from baselines.cli import check_episodes, check_folder, progress_bar, run_command, versions, write_results
from benchmarks.generalisation.contestants import PlansOnce, contestants
from benchmarks.generalisation.play import play
from benchmarks.generalisation.report import grids, summarise, write_picture
from benchmarks.tables import print_grids
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.adverts.splits import find_split

REFERENCE = "learned"
SPLITS = "test,test-compose,test-goals,test-long,test-overlap"
AGENTS = "learned,imitation,grounded-rules,rule-based,single-step"


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.generalisation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", default=AGENTS, help="names, separated by commas")
    parser.add_argument("--splits", default=SPLITS, help="splits of the adverts, separated by commas")
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="*",
        default=[],
        help="folders of trainings, one for each seed; default: the package's",
    )
    parser.add_argument("--exchanged", action="store_true", help="also the learned agent with parts of the oracle's")
    parser.add_argument(
        "--other", action="append", default=[], metavar="NAME=DIR", help="a further training, beside the learned agent"
    )
    parser.add_argument(
        "--language",
        help='a language model as planner: {"model": folder or hub id}, and base_url, examples ... as JSON',
    )
    parser.add_argument("--episodes", type=int, default=300, help="tasks of each split")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task; the next take the next ones")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--out", type=Path, default=Path("runs/generalisation"), help="folder for results")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_episodes(options)
    check_folder(options.out)
    splits = _words("--splits", options.splits)
    for split in splits:
        if find_split(split).own_font:
            raise ImgEditError(f"--splits: expected some that need no other font; found {split!r}")
    others = dict(_pair(one) for one in options.other)
    console = Console(stderr=options.markdown)
    seeds = range(options.seed, options.seed + options.episodes)
    settings = f"--seed {options.seed} --episodes {options.episodes}"
    with ExitStack() as stack:
        language = _language(options.language)
        if language is not None:
            stack.callback(language.close)
        names = _words("--agents", options.agents)
        competing = contestants(names, options.runs, options.exchanged, others, language)
        progress = stack.enter_context(progress_bar(console))
        bar = progress.add_task("agents and splits", total=None)
        scores = play(
            competing,
            splits,
            seeds,
            options.out,
            settings,
            lambda done: progress.update(bar, advance=1, description=done),
        )
    found = summarise(scores, REFERENCE, options.seed)
    written = [
        write_results({"versions": versions(), "splits": found}, options, "generalisation.json"),
        write_picture(found, options.out),
    ]
    print_grids(grids(found, REFERENCE), console, options.markdown)
    for path in written:
        console.print(f"wrote {path}")


def _words(option: str, text: str) -> list[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found or len(set(found)) < len(found):
        raise ImgEditError(f"{option}: expected names separated by commas, each once; found {text!r}")
    return found


def _language(text: str | None) -> PlansOnce | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("model"), str):
        raise ImgEditError(f'--language: expected JSON such as {{"model": "NAME"}}; found {text!r}')
    try:
        return PlansOnce(**found)
    except TypeError as error:
        raise ImgEditError(f"--language: expected arguments of a language planner; {error}") from error


def _pair(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise ImgEditError(f"--other: expected NAME=DIR; found {text!r}")
    return name, Path(folder)


if __name__ == "__main__":
    sys.exit(main())
