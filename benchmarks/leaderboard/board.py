"""From submissions to boards: verified entries of one suite and one judge, ranked together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.statistics import (
    bootstrap_interval,
    interquartile_mean,
    mean,
    pareto_front,
    performance_profile,
    probability_of_improvement,
    rank_ranges,
    success_tests,
    wilson_interval,
)
from benchmarks.submission.folder import MANIFEST
from benchmarks.submission.totals import Values, values_of
from benchmarks.suites import Suite, SuiteTask, load_suite
from benchmarks.verify import Report, verify
from benchmarks.verify.replay import Frame
from imgedit_gym.core.errors import ImgEditError

THRESHOLDS = (0.25, 0.5, 0.75, 0.9)
"""Scores of the performance profile in tables."""

CURVE = tuple(step / 50 for step in range(51))
"""Scores of the performance profile as a curve."""

COSTS = ("tool_calls", "judge_calls", "seconds")
Interval = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A verified submission.

    Attributes:
        report: Its verification, with manifest and episodes.
        suite: The suite.
        values: Its numbers, ``float64 [tasks]`` each, in the suite's order; 0 where not done.
    """

    report: Report
    suite: Suite
    values: Values

    @property
    def name(self) -> str:
        """Name on the board."""
        return self.report.manifest.name if self.report.manifest else ""

    @property
    def privileged(self) -> bool:
        """Whether it is shown without being ranked."""
        return bool(self.report.manifest and self.report.manifest.agent["privileged"])


@dataclass
class Board:
    """Entries of one suite and judge, the best first.

    Attributes:
        suite: The suite.
        rows: One for each entry; see :func:`rank`.
        entries: The entries, in the order of the rows.
        refused: Submissions that do not hold, with their reports.
    """

    suite: Suite
    rows: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    refused: list[Report] = field(default_factory=list)


def find_submissions(folder: Path) -> list[Path]:
    """Folders with a manifest below a folder, sorted.

    Raises:
        ImgEditError: If there is none.
    """
    found = sorted(path.parent for path in folder.rglob(MANIFEST) if not path.is_symlink())
    if not found:
        raise ImgEditError(f"{folder}: expected folders of submissions with a {MANIFEST}; found none")
    return found


def build_boards(
    folders: Sequence[Path],
    level: int = 3,
    seasons: Sequence[Suite] = (),
    watch: Callable[[Path, Frame], None] | None = None,
    progress: Callable[[Path], None] = lambda folder: None,
) -> list[Board]:
    """Verify submissions and rank those that hold.

    A submission that breaks a rule at a level that was looked at is refused, and so is the second of a name on a suite.

    Args:
        folders: The submissions.
        level: How far to verify, 1 to 3; from 3 on the numbers are those that were found here.
        seasons: Suites of revealed seasons.
        watch: Shown every picture of the replays.
        progress: Told which submission has been verified.

    Raises:
        ImgEditError: If the level is another.
    """
    if level not in (1, 2, 3):
        raise ImgEditError(f"--level: expected 1, 2 or 3; found {level}")
    hidden = {suite.id: suite for suite in seasons}
    boards: dict[str, Board] = {}
    for folder in folders:
        report = _verify(folder, level, hidden, watch)
        progress(folder)
        suite = _suite_of(report, hidden)
        if suite is None:
            boards.setdefault("", Board(None)).refused.append(report)  # type: ignore[arg-type]
            continue
        board = boards.setdefault(suite.sha256, Board(suite))
        name = report.manifest.name.casefold() if report.manifest else ""
        if not report.holds or name in {entry.name.casefold() for entry in board.entries}:
            if report.holds:
                report.notes["refused"] = "another entry has this name"
            board.refused.append(report)
        else:
            board.entries.append(Entry(report, suite, values_of(suite, report.records)))
    for board in boards.values():
        rank(board)
    return sorted(boards.values(), key=lambda board: "" if board.suite is None else board.suite.id)


def _verify(folder: Path, level: int, hidden: dict[str, Suite], watch: Callable[[Path, Frame], None] | None) -> Report:
    looked = verify(folder, 0)
    named = looked.manifest.suite["id"] if looked.manifest else ""
    seen = None if watch is None else lambda frame: watch(folder, frame)
    return verify(folder, level, hidden.get(named), watch=seen)


def _suite_of(report: Report, hidden: dict[str, Suite]) -> Suite | None:
    if report.manifest is None or "suite.unknown" in report.checks:
        return None
    named = report.manifest.suite["id"]
    return hidden[named] if named in hidden else load_suite(named)


def rank(board: Board) -> None:
    """Order a board's entries and fill in its rows.

    Each row has the entry's ``name``, ``level``, ``privileged``, ``ranks`` (first and last place, ``None`` if
    privileged), ``score``, ``iqm``, ``success``, ``E``, ``P``, ``Q`` and costs with intervals, ``profile``, ``groups``
    (score and success by split, goal and verb), ``against`` (of every other entry: differences of score and success
    with adjusted p-values, chance of doing better), ``pareto`` (by cost), ``gap`` and counts.
    """
    order = sorted(board.entries, key=lambda entry: (-entry.values["score"].mean(), entry.name))
    board.entries = order
    if not order:
        return
    strata = [task.split for task in board.suite.tasks]
    scores = np.stack([entry.values["score"] for entry in order])
    ranked = [at for at, entry in enumerate(order) if not entry.privileged]
    places = dict(zip(ranked, rank_ranges(scores[ranked])[0], strict=True)) if ranked else {}
    adjusted = rank_ranges(scores)[1]
    successes = np.stack([entry.values["success"] for entry in order])
    adjusted_success = success_tests(successes > 0.5)
    board.rows = [
        {
            **_row(entry, strata),
            "ranks": list(places[at]) if at in places else None,
            "against": {
                other.name: {
                    "difference": float((scores[at] - scores[index]).mean()),
                    "p": float(adjusted[at, index]),
                    "better": probability_of_improvement(scores[at], scores[index]),
                    "success": float((successes[at] - successes[index]).mean()),
                    "success_p": float(adjusted_success[at, index]),
                }
                for index, other in enumerate(order)
                if index != at
            },
        }
        for at, entry in enumerate(order)
    ]
    for cost in COSTS:
        rows = [board.rows[at] for at in ranked]
        front = pareto_front([row[cost]["mean"] for row in rows], [row["score"]["mean"] for row in rows])
        for row, inside in zip(rows, front, strict=True):
            row["pareto"][cost] = inside


def _row(entry: Entry, strata: list[str]) -> dict[str, Any]:
    values, report = entry.values, entry.report
    manifest = report.manifest
    assert manifest is not None
    successes, n = int(values["success"].sum()), len(values["success"])
    return {
        "name": entry.name,
        "level": report.level,
        "privileged": entry.privileged,
        "simulator": bool(manifest.agent.get("simulator")),
        "about": {key: getattr(manifest, key) for key in ("description", "authors", "contact", "url", "training")},
        "agent": manifest.agent["spec"],
        "declared": manifest.cost,
        "score": _interval(values["score"], strata),
        "iqm": _interval(values["score"], strata, interquartile_mean),
        "success": {"mean": successes / n, "ci95": list(wilson_interval(successes, n))},
        **{name: _interval(values[name], strata) for name in ("E", "P", "Q", *COSTS)},
        "profile": performance_profile(values["score"], THRESHOLDS),
        "curve": performance_profile(values["score"], CURVE),
        "groups": {
            name: {group: _group(values, at) for group, at in groups_of(entry.suite, name).items()}
            for name in ("split", "goal", "verb")
        },
        "pareto": {},
        "gap": report.notes.get("judge gap"),
        "tolerance": report.tolerance.name if report.tolerance else None,
        "counts": {key: report.totals[key] for key in ("tasks", "done", "failed", "missing")},
        "manifest_sha256": report.manifest_sha256,
    }


def _interval(values: np.ndarray, strata: Sequence[str] | None, statistic: Any = mean) -> Interval:
    low, high = bootstrap_interval(values, statistic, strata)
    return {"mean": float(statistic(values[None])[0]), "ci95": [low, high]}


def _group(values: Values, at: list[int]) -> dict[str, Any]:
    return {
        "tasks": len(at),
        "score": _interval(values["score"][at], None),
        "success": float(values["success"][at].mean()),
    }


def groups_of(suite: Suite, name: str) -> dict[str, list[int]]:
    """Indices of the tasks by split, goal or verb; a task may be of several goals and verbs."""
    read: dict[str, Callable[[SuiteTask], Sequence[str]]] = {
        "split": lambda task: (task.split,),
        "goal": lambda task: task.goals,
        "verb": lambda task: task.verbs,
    }
    found: dict[str, list[int]] = {}
    for at, task in enumerate(suite.tasks):
        for group in read[name](task):
            found.setdefault(group, []).append(at)
    return dict(sorted(found.items())) if name != "split" else found
