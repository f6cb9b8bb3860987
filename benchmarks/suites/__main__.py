"""``python -m benchmarks.suites {list, check, freeze}``.

``list`` tells what there is; ``check [SUITE]`` draws every task again and compares it with the file; ``freeze SUITE``
draws a recipe of ``benchmarks/suites/recipes/`` and writes the file, which is done once for each version.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from baselines.cli import run_command
from benchmarks.suites.digest import machine
from benchmarks.suites.draw import compare, draw_suite
from benchmarks.suites.recipe import RECIPES
from benchmarks.suites.suite import Suite, load_suite, read_suite, suite_ids, write_suite
from imgedit_gym.core.errors import ImgEditError


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.suites", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("list", "check", "freeze"))
    parser.add_argument("suites", nargs="*", help="which; all if none is named")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="folder for frozen suites")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0; 2 for bad input or a suite that is not what it was, of which standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    names = options.suites or (RECIPES if options.action == "freeze" else suite_ids())
    for name in names:
        suite = _freeze(name, options.out) if options.action == "freeze" else load_suite(name)
        told = ", ".join(f"{split} {len(tasks)}" for split, tasks in suite.splits.items())
        print(f"{suite.id}: {len(suite.tasks)} tasks ({told}), judge {suite.judge['id']}, sha256 {suite.sha256}")
        if options.action == "check":
            _check(name)


def _freeze(name: str, out: Path) -> Suite:
    if name not in RECIPES:
        raise ImgEditError(f"freeze: expected one of {', '.join(RECIPES)}; found {name!r}")
    suite, path = draw_suite(RECIPES[name]), out / f"{name}.json"
    if path.exists():
        frozen = read_suite(path)
        if frozen.sha256 != suite.sha256:
            told = f"{path} is frozen as {frozen.sha256}; this installation draws {suite.sha256}"
            raise ImgEditError(f"freeze: expected the name of a new version; {told}")
        return frozen
    write_suite(suite, path)
    return suite


def _check(name: str) -> None:
    suite = load_suite(name)
    found = compare(suite)
    same = suite.drawn_on == machine()
    wrong = [one for one in found if one.kind != "rounding" or same]
    if wrong:
        told = "\n".join(f"  {one.task}: {one.kind}: {one.message}" for one in wrong[:20])
        raise ImgEditError(f"{suite.id}: {len(wrong)} of {len(suite.tasks)} tasks are not what they were\n{told}")
    where = "on the machine it was drawn on" if same else "on another machine than it was drawn on"
    print(f"  as frozen, {where}; {len(suite.tasks) - len(found)} of {len(suite.tasks)} pictures equal bit by bit")


if __name__ == "__main__":
    sys.exit(main())
