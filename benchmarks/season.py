"""``python -m benchmarks.season {open, evaluate, reveal, audit}``: a suite that nobody knows until the season's end.

The tasks come from the public generator under a secret salt. ``open`` publishes hashes of the salt and of the suite;
``evaluate`` plays the hidden suite; ``reveal`` publishes salt and suite; ``audit`` shows that they are as promised, and
verifies submissions on them.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from baselines.cli import check_folder, check_number, progress_bar, write_json
from benchmarks.evaluate import evaluate
from benchmarks.evaluate.run import BATCH, ON_ERROR, results
from benchmarks.strict_json import read_bytes, read_json
from benchmarks.suites import Suite, write_suite
from benchmarks.suites.digest import canonical, sha256
from benchmarks.suites.draw import draw_suite
from benchmarks.suites.recipe import RECIPES, Recipe
from benchmarks.verify import verify
from imgedit_gym.core.errors import ImgEditError

SCHEMA = 1
SALT_BYTES = 32
PUBLIC, SALT, SUITE = "season.json", "salt.secret", "suite.json"
KEYS = {"schema", "id", "recipe", "splits", "salt_sha256", "suite_sha256"}


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.season", description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    one = actions.add_parser("open", help="draw a secret salt and publish its hash")
    one.add_argument("name", help="of the season: letters, digits and -")
    one.add_argument("--suite", choices=tuple(RECIPES), default="adverts-v1", help="what the hidden suite is like")
    one.add_argument("--tasks", type=int, help="tasks of each split, if not as many as there")
    one.add_argument("--out", type=Path, required=True, help="new folder for season.json (public) and salt.secret")
    one = actions.add_parser("evaluate", help="play the hidden suite")
    one.add_argument("season", type=Path, help="folder with season.json and salt.secret")
    one.add_argument("--agent", required=True, help="as for benchmarks.evaluate")
    one.add_argument("--batch", type=int, default=BATCH, help="episodes played together")
    one.add_argument("--on-error", choices=ON_ERROR, default="fail", help="stop, or count the task as failed")
    one.add_argument("--out", type=Path, required=True, help="folder of the run")
    one = actions.add_parser("reveal", help="publish salt and suite")
    one.add_argument("season", type=Path, help="folder with season.json and salt.secret")
    one.add_argument("--out", type=Path, required=True, help="folder to publish")
    one = actions.add_parser("audit", help="look whether what was revealed is what was promised")
    one.add_argument("revealed", type=Path, help="folder that reveal published")
    one.add_argument("--promise", type=Path, help="season.json as it was published at the opening")
    one.add_argument("--submissions", type=Path, nargs="*", default=[], help="submissions to verify on the suite")
    one.add_argument("--level", type=int, default=3, help="how far to verify them")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0; 1 if a submission does not hold; 2 for bad input or a broken promise.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    actions = {"open": _open, "evaluate": _evaluate, "reveal": _reveal, "audit": _audit}
    try:
        return actions[options.action](options)
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def open_season(name: str, recipe: Recipe, out: Path) -> dict[str, Any]:
    """Draw a salt, and write what is public and what is secret.

    Returns:
        Content of ``season.json``.

    Raises:
        ImgEditError: If the folder has a season already, or the name is none.
    """
    if not name.replace("-", "").isalnum() or not name.isascii():
        raise ImgEditError(f"name: expected letters, digits and -; found {name!r}")
    if (out / PUBLIC).exists() or (out / SALT).exists():
        raise ImgEditError(f"--out: expected a new folder; {out} has a season")
    salt = secrets.token_bytes(SALT_BYTES)
    public = {
        "schema": SCHEMA,
        "id": f"{recipe.id}-season-{name}",
        "recipe": recipe.id,
        "splits": recipe.splits,
        "salt_sha256": sha256(salt),
    }
    public["suite_sha256"] = _draw(public, salt).sha256
    out.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(out / SALT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(salt.hex() + "\n")
    write_json(out / PUBLIC, public)
    return public


def hidden_suite(folder: Path) -> tuple[dict[str, Any], bytes, Suite]:
    """What a folder with the salt holds, checked against the promise in it: ``season.json``, the salt and the suite.

    Raises:
        ImgEditError: If salt or suite is not what was promised.
    """
    public = read_public(folder / PUBLIC)
    salt = _read_salt(folder / SALT)
    if sha256(salt) != public["salt_sha256"]:
        raise ImgEditError(f"{folder / SALT}: expected the salt of hash {public['salt_sha256']}; found {sha256(salt)}")
    suite = _draw(public, salt)
    if suite.sha256 != public["suite_sha256"]:
        told = f"expected the suite {public['suite_sha256']}; this installation draws {suite.sha256}"
        raise ImgEditError(f"{public['id']}: {told}")
    return public, salt, suite


def read_public(path: Path) -> dict[str, Any]:
    """Content of ``season.json``.

    Raises:
        ImgEditError: If it is none.
    """
    try:
        record = read_json(path, 1 << 16)
    except OSError as error:
        raise ImgEditError(f"{path}: expected a season; {error.strerror}") from None
    fine = (
        isinstance(record, dict) and set(record) == KEYS and record["schema"] == SCHEMA and record["recipe"] in RECIPES
    )
    if not fine or not set(record["splits"]) <= set(RECIPES[record["recipe"]].splits):
        raise ImgEditError(f"{path}: expected a season of schema {SCHEMA}")
    return record


def _draw(public: dict[str, Any], salt: bytes) -> Suite:
    return draw_suite(replace(RECIPES[public["recipe"]], splits=public["splits"]), public["id"], salt)


def _read_salt(path: Path) -> bytes:
    try:
        salt = bytes.fromhex(read_bytes(path, 1000).decode("ascii").strip())
    except OSError as error:
        raise ImgEditError(f"{path}: expected the season's salt; {error.strerror}") from None
    except ValueError:
        raise ImgEditError(f"{path}: expected a salt in hexadecimal") from None
    if len(salt) != SALT_BYTES:
        raise ImgEditError(f"{path}: expected a salt of {SALT_BYTES} bytes; found {len(salt)}")
    return salt


def _open(options: argparse.Namespace) -> int:
    recipe = RECIPES[options.suite]
    if options.tasks is not None:
        check_number("--tasks", options.tasks, 1, 10_000)
        recipe = replace(recipe, splits=dict.fromkeys(recipe.splits, options.tasks))
    public = open_season(options.name, recipe, options.out)
    print(f"{public['id']}: publish {options.out / PUBLIC}; keep {options.out / SALT} to yourself")
    print(f"salt sha256 {public['salt_sha256']}, suite sha256 {public['suite_sha256']}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    check_number("--batch", options.batch, 1, 10_000)
    _, _, suite = hidden_suite(options.season)
    check_folder(options.out)
    with progress_bar(Console()) as bar:
        task = bar.add_task(suite.id, total=len(suite.tasks))
        run = evaluate(
            suite,
            options.agent,
            options.out,
            options.batch,
            options.on_error,
            progress=lambda done: bar.update(task, completed=done),
        )
    found = results(suite, run.records())["totals"]
    print(f"{options.agent} on {suite.id}: score {found['score']:.3f}, success {found['success']:.3f}")
    return 0


def _reveal(options: argparse.Namespace) -> int:
    public, salt, suite = hidden_suite(options.season)
    check_folder(options.out)
    write_json(options.out / PUBLIC, public)
    write_suite(suite, options.out / SUITE)
    (options.out / SALT).write_text(salt.hex() + "\n")
    print(f"{suite.id}: {options.out} has the salt and {len(suite.tasks)} tasks; publish it")
    return 0


def _audit(options: argparse.Namespace) -> int:
    public, _, suite = hidden_suite(options.revealed)
    if options.promise is not None and canonical(read_public(options.promise)) != canonical(public):
        raise ImgEditError(f"{options.promise}: the season that was promised is not the one that was revealed")
    print(f"{suite.id}: salt and {len(suite.tasks)} tasks are those that were promised")
    reports = [verify(folder, options.level, suite) for folder in options.submissions]
    for report in reports:
        print(report.text())
    return 0 if all(report.holds for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
