"""``python -m benchmarks.submit {prepare, validate}``: make a submission of an evaluation, and check it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from baselines.cli import progress_bar, write_json
from benchmarks.evaluate.run import Run
from benchmarks.submission import EpisodeRecord, Manifest, totals
from benchmarks.submission.folder import EPISODES, MANIFEST, PICTURES, check_folder
from benchmarks.submission.records import to_lines
from benchmarks.suites import Suite, load_suite
from benchmarks.suites.digest import sha256
from benchmarks.verify import Report, verify
from benchmarks.verify.contents import PINNED
from imgedit_gym.core.errors import ImgEditError

COSTS = ("usd", "gpu_hours", "tokens")


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.submit", description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    prepare = actions.add_parser("prepare", help="make a submission of an evaluation")
    prepare.add_argument("run", type=Path, help="folder of benchmarks.evaluate")
    prepare.add_argument("--out", type=Path, required=True, help="folder of the submission; must not exist")
    prepare.add_argument("--name", required=True, help="of the entry: letters, digits, . _ + -")
    prepare.add_argument("--contact", required=True, help="address of somebody who answers questions")
    prepare.add_argument("--training", required=True, help="what it was trained on, and whether it saw test tasks")
    prepare.add_argument("--author", action="append", help="may be given several times; the contact if it is not")
    prepare.add_argument("--description", default="", help="a few sentences")
    prepare.add_argument("--url", default="", help="code or paper, https://")
    for name in COSTS:
        prepare.add_argument(f"--{name.replace('_', '-')}", type=float, help="what the evaluation cost")
    prepare.add_argument("--suite", help="file of the suite, for a season")
    prepare.add_argument("--without-pictures", action="store_true", help="leave out final pictures; replays make them")
    validate = actions.add_parser("validate", help="levels 0 and 1 of benchmarks.verify")
    validate.add_argument("submission", type=Path, help="folder of the submission")
    validate.add_argument("--suite", help="file of the suite, for a season")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0; 1 if the submission is not valid; 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    try:
        suite = None if options.suite is None else load_suite(options.suite)
        if options.action == "prepare":
            report = _prepare(options, suite)
        else:
            report = _validate(options.submission, suite)
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(report.text())
    return 0 if report.holds else 1


def _validate(folder: Path, suite: Suite | None) -> Report:
    check_folder(folder)
    # the report goes to standard output, and nothing else does
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("pictures", total=None, visible=False)
        return verify(
            folder,
            level=1,
            suite=suite,
            looked=lambda done, total: bar.update(task, completed=done, total=total, visible=True),
        )


def _prepare(options: argparse.Namespace, suite: Suite | None) -> Report:
    cost = {name: getattr(options, name) for name in COSTS if getattr(options, name) is not None}
    words = {
        "name": options.name,
        "description": options.description,
        "authors": options.author or [options.contact],
        "contact": options.contact,
        "url": options.url,
        "training": options.training,
        "cost": cost,
    }
    return prepare(Run(options.run), options.out, words, suite, pictures=not options.without_pictures)


def prepare(run: Run, out: Path, words: dict[str, Any], suite: Suite | None = None, pictures: bool = True) -> Report:
    """Make a submission; tasks that were not played are in it as missing.

    Args:
        run: The evaluation.
        out: Folder to make; appears whole or not at all.
        words: The manifest's ``name``, ``description``, ``authors``, ``contact``, ``url``, ``training`` and ``cost``.
        suite: The suite, for a season; ``None`` to take the packaged one that the run names.
        pictures: Whether final pictures are put in.

    Returns:
        The submission's report of levels 0 and 1.

    Raises:
        ImgEditError: If the folder is there, the run is of another suite, or the submission would not be valid.
    """
    setting = run.setting
    suite = load_suite(setting["suite"]["id"]) if suite is None else suite
    if setting["suite"] != {"id": suite.id, "sha256": suite.sha256}:
        raise ImgEditError(f"{run.folder}: expected a run of {suite.id}, {suite.sha256}; found {setting['suite']}")
    if out.exists():
        raise ImgEditError(f"--out: expected a folder that does not exist; found {out}")
    found = run.records()
    records = {task.id: found.get(task.id, EpisodeRecord(task.id)) for task in suite.tasks}
    out.parent.mkdir(parents=True, exist_ok=True)
    # beside the target, because a rename is atomic only within one file system
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        made = Path(temporary) / "submission"
        made.mkdir()
        files = _write_files(run, made, records, pictures)
        manifest = Manifest(
            **words,
            agent=setting["agent"],
            suite=setting["suite"],
            judge={key: suite.judge[key] for key in PINNED},
            versions=setting["versions"],
            machine=setting["machine"],
            claims=totals(suite, records),
            files=files,
        )
        write_json(made / MANIFEST, manifest.to_json())
        report = verify(made, level=1, suite=suite)
        if not report.holds:
            raise ImgEditError(f"the submission would not be valid\n{report.text()}")
        os.replace(made, out)
    report.submission = str(out)
    return report


def _write_files(run: Run, out: Path, records: dict[str, EpisodeRecord], pictures: bool) -> dict[str, str]:
    lines = to_lines(records)
    (out / EPISODES).write_bytes(lines)
    files = {EPISODES: sha256(lines)}
    digests = sorted({record.picture.sha256 for record in records.values() if record.picture is not None})
    for digest in digests if pictures else ():
        name = f"{PICTURES}/{digest}.png"
        (out / PICTURES).mkdir(exist_ok=True)
        shutil.copyfile(run.picture(digest), out / name)
        files[name] = sha256((out / name).read_bytes())
    return files


if __name__ == "__main__":
    sys.exit(main())
