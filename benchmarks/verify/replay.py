"""Levels 2 and 3: actions carried out again in the environment, and what comes out judged again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.submission.records import DONE, EpisodeRecord, Scores, rounded
from benchmarks.suites import Suite, SuiteTask
from benchmarks.suites.digest import PictureDigest, task_digest
from benchmarks.suites.draw import check_judge
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.engine import LONGEST_PLAN, Engine
from imgedit_gym.judges.base import Cases, ask

BATCH = 100


@dataclass(frozen=True)
class Frame:
    """A picture along the way.

    Attributes:
        task: Name of the task.
        step: How many actions have been carried out.
        pixels: ``uint8 [H, W, 3]``.
        reward: Of the last action; 0 at the beginning.
        problem: Why the last action did nothing; empty if it did something.
    """

    task: str
    step: int
    pixels: np.ndarray
    reward: float
    problem: str


@dataclass(frozen=True)
class Replayed:
    """What came out of one task.

    Attributes:
        content: Digest of the task's words, as drawn here.
        source: Digest of its source picture, as drawn here.
        picture: Digest of the final picture.
        scores: The pinned judge's verdict.
        held_out: The held-out judge's verdict; ``None`` if it was not asked or failed.
        requirements: The requirements in words.
        instruction: The request.
        plan: The plan in words.
    """

    content: str
    source: PictureDigest
    picture: PictureDigest
    scores: Scores
    held_out: Scores | None
    requirements: tuple[str, ...]
    instruction: str
    plan: tuple[str, ...]


class JudgeFailed(ImgEditError):
    """The pinned judge could not judge a replayed picture, for which no submission is to blame."""


def replay(
    suite: Suite,
    records: Mapping[str, EpisodeRecord],
    held_out: Any = None,
    watch: Callable[[Frame], None] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Replayed], dict[str, str]]:
    """Carry the recorded actions of all finished episodes out again.

    Args:
        suite: The suite, whose environment and judge are used, never what a submission names.
        records: Episodes by task; level 0 must hold.
        held_out: Another judge, built or as an environment's argument, asked about the final pictures.
        watch: Shown every picture.
        progress: Told how many episodes of how many have been carried out.

    Returns:
        What came out by task, and why it did not where plan or actions cannot be carried out.

    Raises:
        ImgEditError: If the pinned judge is another here, or failed.
    """
    pinned, other = JUDGES.build(suite.judge["spec"]), None if held_out is None else JUDGES.build(held_out)
    found: dict[str, Replayed] = {}
    broken: dict[str, str] = {}

    def play(split: str, tasks: Sequence[SuiteTask]) -> None:
        played = _Playback(suite, split, tasks, [records[task.id] for task in tasks], pinned)
        try:
            found.update(played.run(other, watch))
        except JudgeFailed:
            raise
        except Exception as error:
            if len(tasks) == 1:
                broken[tasks[0].id] = f"{type(error).__name__}: {error}"
            for task in tasks if len(tasks) > 1 else ():
                play(split, [task])

    try:
        check_judge(pinned, suite)
        if other is not None and held_out == suite.held_out["spec"]:
            check_judge(other, suite, held_out=True)
        finished = {task.id for task in suite.tasks if task.id in records and records[task.id].status == DONE}
        for split, tasks in suite.splits.items():
            done = [task for task in tasks if task.id in finished]
            for start in range(0, len(done), BATCH):
                play(split, done[start : start + BATCH])
                progress(len(found) + len(broken), len(finished))
    finally:
        for judge in (pinned, other):
            if judge is not None:
                judge.close()
    return found, broken


class _Playback:
    """A batch of episodes of one split."""

    def __init__(
        self, suite: Suite, split: str, tasks: Sequence[SuiteTask], records: Sequence[EpisodeRecord], judge: Any
    ) -> None:
        self.tasks, self.records = tasks, records
        arguments = {**suite.engine_arguments(split), "judge": judge}
        self.engine = Engine(len(tasks), **arguments, planner="agent")
        self.engine.reset(range(len(tasks)), [task.seed for task in tasks])

    def run(self, held_out: Any, watch: Callable[[Frame], None] | None) -> Iterator[tuple[str, Replayed]]:
        engine = self.engine
        drawn = engine.canvas.cpu().numpy().copy()
        plans = [tuple(PlanStep(*step) for step in record.plan or ()) for record in self.records]
        engine.set_plans(range(len(plans)), plans)
        self._show(watch, 0, range(len(self.tasks)), None)
        for at in range(max(len(record.actions) for record in self.records)):
            self._step(at, watch)
        rows = torch.arange(len(self.tasks), device=engine.device)
        scores = _scores(engine.verdict, engine)
        others = [None] * len(self.tasks) if held_out is None else self._judge(held_out, rows)
        finals = engine.canvas.cpu().numpy()
        for row, task in enumerate(self.tasks):
            mine = scores[row]
            if mine is None:
                raise JudgeFailed(f"{task.id}: the pinned judge failed on the replayed picture")
            yield (
                task.id,
                Replayed(
                    content=task_digest(engine.tasks, engine.batch, row),
                    source=PictureDigest.of(drawn[row]),
                    picture=PictureDigest.of(finals[row]),
                    scores=mine,
                    held_out=others[row],
                    requirements=tuple(item.text for item in engine.tasks.requirements(engine.batch, row)),
                    instruction=engine.tasks.instruction(engine.batch, row),
                    plan=tuple(step.text for step in engine.plan(row)),
                ),
            )

    def _step(self, at: int, watch: Callable[[Frame], None] | None) -> None:
        engine = self.engine
        rows = [row for row, record in enumerate(self.records) if at < len(record.actions)]
        actions = torch.zeros(len(self.records), 2, dtype=torch.int64)
        for row in rows:
            tool, region = self.records[row].actions[at]
            actions[row, 0], actions[row, 1] = engine.tool_ids.index(tool), region
        result = engine.step(actions, torch.tensor(rows, device=engine.device))
        self._show(watch, at + 1, rows, (actions, result))

    def _show(self, watch: Callable[[Frame], None] | None, step: int, rows: Sequence[int], done: Any) -> None:
        if watch is None:
            return
        for row in rows:
            reward, problem = 0.0, ""
            if done is not None:
                actions, result = done
                reward = float(result.reward[row])
                problem = self.engine.problem_text(int(actions[row, 0]), int(result.problems[row]))
            watch(Frame(self.tasks[row].id, step, self.engine.canvas[row].cpu().numpy().copy(), reward, problem))

    def _judge(self, judge: Any, rows: torch.Tensor) -> list[Scores | None]:
        engine = self.engine
        due = torch.full((len(rows),), LONGEST_PLAN + 1, dtype=torch.int32, device=engine.device)
        return _scores(ask(judge, Cases(engine.batch, engine.checklist, engine.canvas, due)), engine)


def _scores(verdict: Verdict, engine: Engine) -> list[Scores | None]:
    found: list[Scores | None] = []
    for row in range(engine.num_envs):
        count = len(engine.tasks.requirements(engine.batch, row))
        values = [None if math.isnan(value) else rounded(value) for value in verdict.requirements[row, :count].tolist()]
        axes = {"E": verdict.execution, "P": verdict.preservation, "Q": verdict.quality, "score": verdict.score}
        if not bool(verdict.valid[row]):
            found.append(None)
            continue
        numbers = {name: rounded(float(value[row])) for name, value in axes.items()}
        found.append(Scores(**numbers, requirements=tuple(values), success=bool(verdict.success[row])))
    return found


def corrected(record: EpisodeRecord, replayed: Replayed) -> EpisodeRecord:
    """An episode with the numbers that were found here."""
    return replace(record, scores=replayed.scores, picture=replayed.picture)
