"""The audit itself: chunks of tasks, edited, attacked, and judged by the judge in question and by the exact one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.audit.attacks import N_ATTACKS, attacks
from benchmarks.audit.edits import N_LOTS, Pictures, honest_edits, make_reference
from benchmarks.audit.records import Changes, Progress, Records, answers_of, scores_of
from benchmarks.audit.variants import in_other_order, in_other_words, members, watched
from benchmarks.checklist.judging import finished_cases
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.engine import Engine
from imgedit_gym.judges.base import Cases, Judge, ask
from imgedit_gym.judges.checklist import ChecklistJudge

CHUNK = 50
"""Tasks whose pictures are held at a time; the random choices hang on it."""

ALONE = 20
"""Pictures that are judged one at a time, for the latency."""

CONDITIONS = ("again", "order", "words")
N_REFERENCES = 3
LOTS_AGAIN = 2
"""Lots of honest edits that are judged again under other conditions."""

PER_TASK = N_LOTS + N_ATTACKS + N_REFERENCES + LOTS_AGAIN * len(CONDITIONS)
"""Pictures judged for each task at most, by the judge in question."""


def audit(
    judge: Judge, seeds: Sequence[int], arguments: dict[str, Any], progress: Progress = lambda done: None
) -> Records:
    """Put a judge to the test.

    Args:
        judge: The judge. Judgements that fail are noted and left out, whatever its ``on_error`` says.
        seeds: Seeds of the tasks.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`, without the judge.
        progress: Told how many more pictures have been judged, ``PER_TASK`` for each task in the end.

    Raises:
        ImgEditError: If the judge can judge none of the first pictures.
    """
    for one in members(judge):
        if getattr(one, "on_error", None) == "raise":
            one.on_error = "invalid"
    records = Records()
    for start in range(0, len(seeds), CHUNK):
        _Chunk(judge, seeds[start : start + CHUNK], arguments, records, progress).work()
    return records


class _Chunk:
    """The work on one chunk of tasks."""

    def __init__(
        self, judge: Judge, seeds: Sequence[int], arguments: dict[str, Any], records: Records, progress: Progress
    ) -> None:
        self._judge, self._seeds, self._arguments = judge, seeds, arguments
        self._records, self._progress = records, progress
        self._exact = ChecklistJudge()
        self._engine = Engine(len(seeds), **arguments)
        self._engine.reset(range(len(seeds)), seeds)
        self._tasks = np.asarray(seeds)
        self._done = 0

    def work(self) -> None:
        """Make every picture, have it judged, and write down what was said."""
        engine, records, seed = self._engine, self._records, self._seeds[0]
        reference = make_reference(engine, self._seeds, self._arguments, seed)
        for number, lot in enumerate(honest_edits(engine, self._seeds, self._arguments, reference, seed)):
            verdict = self._honest(lot)
            if number == 0 and len(records.scores) == 1 and not bool(verdict.valid.any()):
                reason = next(iter(verdict.reasons.values()), "no reason given")
                raise ImgEditError(f"judge {self._judge.id!r} could judge none of the first pictures: {reason}")
            if number < LOTS_AGAIN:
                self._again(lot, verdict)
            if number == 0 and not records.speed.alone:
                self._alone(lot, verdict.valid.nonzero().flatten()[:ALONE])
        everywhere = torch.arange(len(self._seeds))
        halves = reference.has_half.nonzero().flatten()
        for name, canvas, rows in (
            ("failed", reference.failed, everywhere),
            ("half", reference.half[halves], halves),
            ("done", reference.done, everywhere),
        ):
            verdict, exact = self._both(canvas, rows)
            tasks = self._tasks[rows.numpy()]
            records.references.setdefault(name, []).append(scores_of(tasks, 0, verdict, exact))
        for attack in attacks(engine, reference, seed):
            if len(attack.rows):
                verdict, exact = self._both(attack.canvas, attack.rows)
                tasks = self._tasks[attack.rows.numpy()]
                records.attacked.append(scores_of(tasks, records.attack(attack.name), verdict, exact))
        # what does not apply to every task was counted, but not judged
        self._progress(PER_TASK * len(self._seeds) - self._done)

    def _honest(self, lot: Pictures) -> Verdict:
        verdict, exact = self._both(lot.canvas, lot.rows)
        records, tasks = self._records, self._tasks[lot.rows.numpy()]
        number, kinds = records.lot(lot.name, lot.origin), self._engine.batch.requirements[lot.rows, :, 0]
        records.answers.append(answers_of(tasks, number, verdict, exact, lot.known, kinds))
        records.scores.append(scores_of(tasks, number, verdict, exact))
        return verdict

    def _both(self, canvas: torch.Tensor, rows: torch.Tensor) -> tuple[Verdict, Verdict]:
        """What the judge says, and what the exact one does; the exact one first, so that kernels are built."""
        cases = finished_cases(self._engine, canvas, rows)
        exact = self._exact.judge(cases)
        return self._ask(cases), exact

    def _ask(self, cases: Cases, timed: bool = True) -> Verdict:
        started, worked = time.perf_counter(), time.process_time()
        verdict = ask(self._judge, cases)
        if timed:
            seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
            self._records.speed.add(verdict, cases.wanted[..., 0] > 0, seconds, cpu_seconds)
        self._done += len(cases)
        self._progress(len(cases))
        return verdict

    def _again(self, lot: Pictures, verdict: Verdict) -> None:
        """The same pictures once more, in the other order, and in other words."""
        engine, changes = self._engine, self._records.changes
        cases = finished_cases(engine, lot.canvas, lot.rows)
        asked = cases.wanted[..., 0] > 0
        # another place in the batch must not matter
        backwards = torch.arange(len(lot.rows) - 1, -1, -1)
        again = self._ask(replace(cases.take(backwards), sample=1), timed=False)
        changes.setdefault("again", Changes()).add(verdict, _turned(again, backwards), asked)
        with in_other_order(self._judge) as can:
            if can:
                changes.setdefault("order", Changes()).add(verdict, self._ask(cases, timed=False), asked)
        with in_other_words(self._judge, engine):
            looked = watched(cases)
            other = self._ask(looked, timed=False)
        if looked.read:
            changes.setdefault("words", Changes()).add(verdict, other, asked)

    def _alone(self, lot: Pictures, rows: torch.Tensor) -> None:
        for at in rows.split(1):
            # a sample of their own: a cache would know the answers
            cases = replace(finished_cases(self._engine, lot.canvas[at], lot.rows[at]), sample=2)
            started = time.perf_counter()
            ask(self._judge, cases)
            self._records.speed.alone.append(time.perf_counter() - started)


def _turned(verdict: Verdict, at: torch.Tensor) -> Verdict:
    """What is compared of a verdict, in the order of these indices."""
    return replace(
        verdict, valid=verdict.valid[at], score=verdict.score[at], requirements=verdict.requirements[at], parts={}
    )
