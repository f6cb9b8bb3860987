"""Level 0: files, schema, hashes, and every task exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.strict_json import StrictError
from benchmarks.submission.folder import (
    EPISODES,
    MANIFEST,
    Fault,
    list_files,
    read_episodes,
    read_manifest,
    read_picture,
)
from benchmarks.submission.png import read_png, size_limit
from benchmarks.submission.records import DONE, EpisodeRecord, Manifest
from benchmarks.suites import Suite, load_suite, suite_ids
from benchmarks.suites.digest import PictureDigest, sha256
from benchmarks.verify.access import check_access
from benchmarks.verify.report import Report

PINNED = ("id", "version", "prompt_hash", "model", "checklist")


def check_contents(
    folder: Path,
    report: Report,
    suite: Suite | None,
    looked: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Fault], Suite | None]:
    """Look at what a submission is made of; fills the report's manifest and records.

    Args:
        folder: The submission.
        report: Where what was read goes.
        suite: The suite it must be of, for a season; ``None`` to take the packaged one that it names.
        looked: Told how many pictures of how many have been looked at.

    Returns:
        The faults, and the suite, if it is known.
    """
    try:
        names, faults = list_files(folder)
    except StrictError as error:
        return [Fault(error.check, folder.name, str(error))], None
    manifest, report.manifest_sha256, wrong = read_manifest(folder)
    faults += wrong
    if manifest is None:
        return faults, None
    report.manifest = manifest
    faults += check_access(manifest.agent)
    suite, wrong = _suite_of(manifest, suite)
    faults += wrong
    records, found, wrong = read_episodes(folder)
    faults += wrong
    faults += _file_faults(manifest, names)
    if found and manifest.files[EPISODES] != found:
        faults.append(Fault("files.checksum", EPISODES, f"expected {manifest.files[EPISODES]}; found {found}"))
    if suite is None:
        return faults, None
    report.records = {record.task: record for record in records}
    faults += _coverage_faults(records, suite, whole=not wrong)
    for record in records:
        faults += _action_faults(record, suite, manifest)
    faults += _picture_faults(folder, names, manifest, report.records, suite.image_size, looked)
    return faults, suite


def _suite_of(manifest: Manifest, suite: Suite | None) -> tuple[Suite | None, list[Fault]]:
    named = manifest.suite["id"]
    if suite is None:
        if named not in suite_ids():
            expected = ", ".join(suite_ids())
            return None, [Fault("suite.unknown", MANIFEST, f"expected one of {expected}; found {named!r}")]
        suite = load_suite(named)
    elif named != suite.id:
        return None, [Fault("suite.unknown", MANIFEST, f"expected {suite.id}; found {named!r}")]
    faults = []
    if manifest.suite["sha256"] != suite.sha256:
        told = f"expected {suite.sha256}; found {manifest.suite['sha256']}"
        faults.append(Fault("suite.hash", MANIFEST, told))
    expected_judge = {key: suite.judge[key] for key in PINNED}
    if manifest.judge != expected_judge:
        faults.append(Fault("judge.pinned", MANIFEST, f"expected {expected_judge}; found {manifest.judge}"))
    return suite, faults


def _file_faults(manifest: Manifest, names: Sequence[str]) -> Iterator[Fault]:
    there = set(names) - {MANIFEST}
    for name in sorted(set(manifest.files) - there):
        yield Fault("files.missing", name, "expected a file that the manifest names")
    for name in sorted(there - set(manifest.files)):
        yield Fault("files.unlisted", name, "expected the manifest to name it")


def _coverage_faults(records: Sequence[EpisodeRecord], suite: Suite, whole: bool) -> Iterator[Fault]:
    counts = Counter(record.task for record in records)
    for task, count in counts.items():
        if task not in suite.by_id:
            yield Fault("coverage.unknown", task, f"expected a task of {suite.id}")
        elif count > 1:
            yield Fault("coverage.doubled", task, f"expected one episode; found {count}")
    absent = [task.id for task in suite.tasks if task.id not in counts] if whole else []
    for task in absent:
        yield Fault("coverage.missing", task, "expected an episode, of status 'missing' if it was not played")


def _action_faults(record: EpisodeRecord, suite: Suite, manifest: Manifest) -> Iterator[Fault]:
    for tool, _ in record.actions:
        if tool not in suite.tools:
            yield Fault("actions.tool", record.task, f"expected a tool of {suite.id}; found {tool!r}")
    if record.status == DONE:
        steps = len(record.plan or ())
        if len(record.actions) != steps:
            yield Fault(
                "actions.count",
                record.task,
                f"expected one for each of {steps} plan steps; found {len(record.actions)}",
            )
    spent = {
        "steps": len(record.actions),
        "tool_calls": record.costs.tool_calls,
        "judge_calls": record.costs.judge_calls,
    }
    for name, value in spent.items():
        if value > suite.budgets[name] and not (name == "judge_calls" and manifest.agent["privileged"]):
            yield Fault(f"budget.{name}", record.task, f"expected at most {suite.budgets[name]}; found {value:g}")


def _picture_faults(
    folder: Path,
    names: Sequence[str],
    manifest: Manifest,
    records: dict[str, EpisodeRecord],
    side: int,
    looked: Callable[[int, int], None],
) -> Iterator[Fault]:
    wanted: dict[str, list[EpisodeRecord]] = {}
    for record in records.values():
        if record.picture is not None:
            wanted.setdefault(f"pictures/{record.picture.sha256}.png", []).append(record)
    pictures = [name for name in names if name not in (MANIFEST, EPISODES)]
    if pictures:  # all or none: without any they are made again by the replay
        for name in sorted(set(wanted) - set(pictures)):
            yield Fault("picture.missing", name, f"expected the final picture of {wanted[name][0].task}")
    for at, name in enumerate(pictures, start=1):
        looked(at, len(pictures))
        if name not in wanted:
            yield Fault("picture.unexpected", name, "expected the final picture of an episode")
            continue
        try:
            content = read_picture(folder, name, size_limit(side))
            if manifest.files.get(name, "") != sha256(content):
                yield Fault("files.checksum", name, "expected the hash that the manifest names")
            digest = PictureDigest.of(read_png(content, side))
        except StrictError as error:
            yield Fault(error.check, name, str(error))
            continue
        for record in wanted[name]:
            if record.picture != digest:
                yield Fault("picture.digest", record.task, f"expected the pixels of {name} to have the digest named")
