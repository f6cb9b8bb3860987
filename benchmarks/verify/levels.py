"""The levels, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.statistics import bootstrap_interval
from benchmarks.submission.folder import Fault
from benchmarks.submission.records import AXES, EpisodeRecord, Scores
from benchmarks.submission.totals import totals
from benchmarks.suites import Suite
from benchmarks.suites.digest import NEAR
from benchmarks.verify.contents import check_contents
from benchmarks.verify.replay import Frame, Replayed, corrected, replay
from benchmarks.verify.report import LEVELS, Report
from benchmarks.verify.sums import check_sums
from benchmarks.verify.tolerance import EXACT, Tolerance, choose
from imgedit_gym.core.errors import ImgEditError


def verify(
    folder: Path,
    level: int = 3,
    suite: Suite | None = None,
    tolerance: str = "auto",
    watch: Callable[[Frame], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    looked: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Verify a submission; a level is looked at only where those below hold.

    Args:
        folder: The submission.
        level: How far, 0 to 3.
        suite: The suite it must be of, for a season; ``None`` to take the packaged one that it names.
        tolerance: ``auto``, ``exact`` or ``portable``.
        watch: Shown every picture of the replay.
        progress: Told how many episodes of how many have been replayed.
        looked: Told how many of the submitted pictures of how many have been looked at.

    Raises:
        ImgEditError: If an argument is not what is expected, or this installation cannot replay: its judge or its
            tasks are others than those of the suite.
    """
    if level not in range(len(LEVELS)):
        raise ImgEditError(f"--level: expected 0 to {len(LEVELS) - 1}; found {level}")
    report = Report(str(folder), level)
    faults, suite = check_contents(folder, report, suite, looked)
    if not report.add(0, faults) or suite is None or report.manifest is None or level < 1:
        return report
    if not report.add(1, check_sums(report, suite)) or level < 2:
        return report
    report.tolerance = choose(tolerance, report.manifest.machine)
    held_out = suite.held_out["spec"] if level >= 3 else None
    replayed, broken = replay(suite, report.records, held_out, watch, progress)
    report.replayed = replayed
    _check_tasks(suite, replayed)
    equal = sum(_same(report.records[task].picture, found.picture) for task, found in replayed.items())
    report.notes["pictures equal bit by bit"] = f"{equal} of {len(replayed)}"
    faults = [Fault("replay.error", task, f"expected steps that can be taken; {why}") for task, why in broken.items()]
    faults += _picture_faults(report.records, replayed, report.tolerance)
    if not report.add(2, faults) or level < 3:
        return report
    report.add(3, list(_score_faults(report.records, replayed, report.tolerance, len(suite.tasks))))
    report.notes["judge gap"] = judge_gap(suite, replayed)
    if report.holds:
        report.records.update({task: corrected(report.records[task], found) for task, found in replayed.items()})
        report.totals = totals(suite, report.records)
    return report


def _same(first: Any, second: Any) -> bool:
    return first is not None and first.sha256 == second.sha256


def _check_tasks(suite: Suite, replayed: dict[str, Replayed]) -> None:
    for task in suite.tasks:
        found = replayed.get(task.id)
        if found is None:
            continue
        near = found.source.distance(task.picture) <= NEAR
        if found.content != task.content or not near:
            raise ImgEditError(
                f"{suite.id}: task {task.id} is drawn differently here; python -m benchmarks.suites check tells more"
            )


def _picture_faults(
    records: dict[str, EpisodeRecord], replayed: dict[str, Replayed], tolerance: Tolerance
) -> Iterator[Fault]:
    wrong = []
    for task, found in replayed.items():
        submitted = records[task].picture
        if submitted is None or not tolerance.same_picture(submitted, found.picture):
            wrong.append(Fault("replay.picture", task, "expected the actions to lead to the submitted picture"))
    if len(wrong) > tolerance.outliers * len(replayed):
        yield from wrong


def _score_faults(
    records: dict[str, EpisodeRecord], replayed: dict[str, Replayed], tolerance: Tolerance, tasks: int
) -> Iterator[Fault]:
    wrong, total = [], 0.0
    for task, found in replayed.items():
        submitted = records[task].scores
        if submitted is None:
            continue
        total += submitted.score - found.scores.score
        problem = _difference(submitted, found.scores, tolerance)
        if problem:
            wrong.append(Fault("judge.scores", task, problem))
    if len(wrong) > tolerance.outliers * len(replayed):
        yield from wrong
    if abs(total) / tasks > tolerance.mean:
        yield Fault(
            "judge.mean", "all tasks", f"the mean score is {total / tasks:+.6f} off; allowed is {tolerance.mean}"
        )


def _difference(submitted: Scores, found: Scores, tolerance: Tolerance) -> str:
    for axis in AXES:
        mine, its = getattr(found, axis), getattr(submitted, axis)
        if abs(mine - its) > tolerance.score:
            return f"{axis}: expected {mine:.6f}; found {its:.6f}"
    if len(found.requirements) != len(submitted.requirements):
        return f"expected {len(found.requirements)} requirements; found {len(submitted.requirements)}"
    for at, (mine, its) in enumerate(zip(found.requirements, submitted.requirements, strict=True)):
        if (mine is None) != (its is None) or abs((mine or 0.0) - (its or 0.0)) > tolerance.score:
            return f"requirement {at}: expected {mine}; found {its}"
    if found.success != submitted.success and tolerance is EXACT:
        return f"success: expected {found.success}; found {submitted.success}"
    return ""


def judge_gap(suite: Suite, replayed: dict[str, Replayed]) -> dict[str, Any]:
    """What the pinned judge gives more than the held-out one, by axis, with a 95 % interval over tasks."""
    both = [found for found in replayed.values() if found.held_out is not None]
    gap: dict[str, Any] = {"held-out judge": suite.held_out["id"], "episodes": len(both)}
    for axis in AXES if both else ():
        differences = np.array([getattr(one.scores, axis) - getattr(one.held_out, axis) for one in both])
        low, high = bootstrap_interval(differences)
        gap[axis] = {"mean": float(differences.mean()), "ci95": [low, high]}
    return gap
