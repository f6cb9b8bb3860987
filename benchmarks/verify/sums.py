"""Level 1: what follows from other numbers of the submission is computed again."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.submission.folder import MANIFEST, Fault
from benchmarks.submission.records import EpisodeRecord, Scores
from benchmarks.submission.totals import totals
from benchmarks.suites import Suite
from benchmarks.verify.report import Report
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import MET, PRESERVED_FOR_SUCCESS, QUALITY_FOR_SUCCESS, Combine

NEAR = 1e-5
"""More than files' rounding and float32 sums bring about."""


def check_sums(report: Report, suite: Suite) -> list[Fault]:
    """Compute scores from their parts and totals from episodes; fills the report's totals."""
    report.totals = totals(suite, report.records)
    judge = JUDGES.build(suite.judge["spec"])
    judge.close()
    faults: list[Fault] = []
    for record in report.records.values():
        faults += _episode_faults(record, judge.combine)
    claims = report.manifest.claims if report.manifest else {}
    for name, value in claims.items():
        if name not in report.totals:
            faults.append(Fault("claims.unknown", MANIFEST, f"expected one of {sorted(report.totals)}; found {name!r}"))
        elif abs(value - report.totals[name]) > NEAR:
            faults.append(Fault("claims.differ", MANIFEST, f"{name}: expected {report.totals[name]}; found {value}"))
    return faults


def _episode_faults(record: EpisodeRecord, combine: Combine) -> Iterator[Fault]:
    calls = sum(tool != "skip" for tool, _ in record.actions)
    if record.scores is not None and record.costs.tool_calls != calls:
        yield Fault(
            "costs.tool_calls", record.task, f"expected {calls}, one an action; found {record.costs.tool_calls}"
        )
    if record.scores is not None:
        yield from _score_faults(record.task, record.scores, combine)


def _score_faults(task: str, scores: Scores, combine: Combine) -> Iterator[Fault]:
    judged = [value for value in scores.requirements if value is not None]
    execution = sum(judged) / max(len(judged), 1)
    if abs(execution - scores.E) > NEAR:
        yield Fault(
            "scores.execution", task, f"expected the mean of the requirements, {execution:.6f}; found {scores.E}"
        )
    score = float(combine(*(torch.tensor([value]) for value in (scores.E, scores.P, scores.Q)))[0])
    if abs(score - scores.score) > NEAR:
        yield Fault("scores.score", task, f"expected {score:.6f} from E, P and Q; found {scores.score}")
    may = len(judged) == len(scores.requirements) and min(judged, default=0.0) >= MET - NEAR
    may &= scores.P >= PRESERVED_FOR_SUCCESS - NEAR and scores.Q >= QUALITY_FOR_SUCCESS - NEAR
    if scores.success and not may:
        yield Fault("scores.success", task, "expected no success with these requirements, P and Q")
