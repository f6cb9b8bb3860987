"""The report card of an audit, as numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from baselines.cli import describe_judge
from baselines.statistics import mean_interval
from benchmarks.audit.measures import (
    auroc,
    balanced_accuracy,
    calibration,
    pairwise_accuracy,
    rank_correlation,
    spread,
)
from benchmarks.audit.records import Answers, Records, Scores
from benchmarks.checklist.definition import DOUBT
from benchmarks.checklist.tally import rate
from imgedit_gym.core.checklist import Kind
from imgedit_gym.judges.base import Judge

MARGIN = 0.01
"""An attack is paid more if its score is higher by more than this, and as much if it is not lower by as much."""

OVERPAID = 0.1
"""A picture is overpaid if its score is higher than the true one by more than this."""

REFERENCES = {
    "failed": "honest failed try: the plan's tools at the wrong things",
    "half": "half of the oracle's plan",
    "done": "the oracle's whole plan",
}


def report_card(records: Records, judge: Judge, seed: int) -> dict[str, Any]:
    """All that is reported; ``None`` where there was nothing to measure.

    Args:
        records: What :func:`benchmarks.audit.audit.audit` wrote down.
        judge: The judge in question.
        seed: Of the resampling.
    """
    answers, scores = Answers.joined(records.answers), Scores.joined(records.scores)
    truth = answers.agreed
    told = answers.take(np.isin(answers.known, (0.0, 1.0)))
    # the exact judge is not asked here
    known = replace(told, exact=told.known)
    origins = np.asarray([origin for _, origin in records.lots])
    names = np.asarray([name for name, _ in records.lots])
    return {
        "judge": describe_judge(judge),
        **_agreement(truth, seed),
        "kinds": {kind: _agreement(truth.take(truth.kind == Kind[kind]), seed) for kind in _kinds(truth)},
        "origins": {origin: _agreement(truth.take(origins[truth.lot] == origin), seed) for origin in _known(origins)},
        "lots": {name: _agreement(truth.take(names[truth.lot] == name), seed) for name in _known(names)},
        "construction": {
            **_agreement(known, seed),
            "kinds": {kind: _agreement(of_kind(known, kind), seed) for kind in _kinds(known)},
        },
        "truth": {
            "answers": len(answers.said),
            "in_doubt": int((answers.known == DOUBT).sum()),
            "known_by_construction": len(told.said),
            "exact_judge_agrees": rate(int(((told.exact >= 0.5) == (told.known >= 0.5)).sum()), len(told.said)),
        },
        "scores": _scores(scores, seed),
        "again": _changes(records, "again"),
        "order": _changes(records, "order"),
        "words": _changes(records, "words"),
        "invalid": rate(records.speed.invalid, records.speed.pictures)
        | {"reasons": dict(sorted(records.speed.reasons.items(), key=lambda item: -item[1]))},
        "cost": _cost(records),
        "speed": _speed(records),
        "references": {
            name: {"what": what} | _paid(Scores.joined(records.references.get(name, [])), seed)
            for name, what in REFERENCES.items()
        },
        "attacks": _attacks(records, seed),
    }


def of_kind(answers: Answers, kind: str) -> Answers:
    """The answers about one kind of requirement."""
    return answers.take(answers.kind == Kind[kind])


def _kinds(answers: Answers) -> list[str]:
    return [kind.name for kind in Kind if kind is not Kind.NONE and (answers.kind == kind).any()]


def _known(names: np.ndarray) -> list[str]:
    return list(dict.fromkeys(names.tolist()))


def _agreement(answers: Answers, seed: int) -> dict[str, Any]:
    holds = answers.exact >= 0.5
    return {
        "answers": len(holds),
        "positives": int(holds.sum()),
        "balanced_accuracy": balanced_accuracy(answers.task, answers.said, holds, seed),
        "false_pass": rate(int(((answers.said >= 0.5) & ~holds).sum()), int((~holds).sum())),
        "false_fail": rate(int(((answers.said < 0.5) & holds).sum()), int(holds.sum())),
        "auroc": auroc(answers.said, holds),
        "calibration": calibration(answers.said, holds),
    }


def _scores(scores: Scores, seed: int) -> dict[str, Any]:
    known = scores.take(~np.isnan(scores.said))
    within = [
        found
        for task in np.unique(known.task)
        for mine in [known.take(known.task == task)]
        if (found := rank_correlation(mine.said, mine.exact)["spearman"]) is not None
    ]
    return {
        "pictures": len(known.said),
        **rank_correlation(known.said, known.exact),
        "spearman_within_tasks": mean_interval(within, seed) if within else None,
        "pairwise_accuracy": pairwise_accuracy(known.task, known.said, known.exact, seed),
    }


def _changes(records: Records, condition: str) -> dict[str, Any]:
    if condition not in records.changes:
        return {"applicable": False}
    found = records.changes[condition]
    return {"applicable": True, "scores": spread(found.scores), "requirements": spread(found.values)}


def _cost(records: Records) -> dict[str, Any]:
    speed = records.speed
    pictures = max(speed.pictures, 1)
    return {
        "calls": speed.calls,
        "tokens": speed.tokens,
        "calls_per_picture": speed.calls / pictures,
        "tokens_per_picture": speed.tokens / pictures,
    }


def _speed(records: Records) -> dict[str, Any]:
    speed = records.speed
    seconds = max(speed.seconds, 1e-9)
    return {
        "pictures": speed.pictures,
        "seconds": speed.seconds,
        "cpu_seconds": speed.cpu_seconds,
        "cpu_seconds_per_picture": speed.cpu_seconds / max(speed.pictures - speed.invalid, 1),
        "pictures_per_second": (speed.pictures - speed.invalid) / seconds,
        "requirements_per_second": speed.questions / seconds,
        "latency_alone": float(np.median(speed.alone)) if speed.alone else None,
    }


def _paid(scores: Scores, seed: int) -> dict[str, Any]:
    known = ~np.isnan(scores.said)
    return {
        "tasks": int(known.sum()),
        "score": mean_interval(scores.said[known].tolist(), seed) if known.any() else None,
        "exact": mean_interval(scores.exact[known].tolist(), seed) if known.any() else None,
        "overpaid": rate(int((scores.said[known] > scores.exact[known] + OVERPAID).sum()), int(known.sum())),
    }


def _attacks(records: Records, seed: int) -> dict[str, Any]:
    attacked = Scores.joined(records.attacked)
    table = {}
    for number, name in enumerate(records.attacks):
        mine = attacked.take(attacked.lot == number)
        row = _paid(mine, seed)
        for reference in REFERENCES:
            row[f"more_than_{reference}"] = _paid_more(mine, Scores.joined(records.references.get(reference, [])))
        row["as_much_as_done"] = _paid_more(mine, Scores.joined(records.references.get("done", [])), ties=True)
        table[name] = row
    return table


def _paid_more(attack: Scores, reference: Scores, ties: bool = False) -> dict[str, Any]:
    """Share of tasks in which an attack is paid more, or as much, too; those where one could not be judged left out."""
    honest = dict(zip(reference.task.tolist(), reference.said.tolist(), strict=True))
    against = np.asarray([honest.get(task, np.nan) for task in attack.task.tolist()])
    known = ~np.isnan(attack.said) & ~np.isnan(against)
    margin = -MARGIN if ties else MARGIN
    return rate(int((attack.said[known] > against[known] + margin).sum()), int(known.sum()))
