"""Playing a suite: batch by batch, each written whole, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baselines.agents.base import Agent
from baselines.cli import versions, write_json
from baselines.records import to_trajectory
from baselines.report.files import write_whole
from baselines.rollout import Episode, run_episodes
from benchmarks.evaluate.agents import access_of, find_agent
from benchmarks.evaluate.idle import Idle
from benchmarks.statistics import bootstrap_interval, wilson_interval
from benchmarks.strict_json import lines_of, parse
from benchmarks.submission import DONE, FAILED, Costs, EpisodeRecord, Scores, totals
from benchmarks.submission.folder import RUN as SETTING
from benchmarks.submission.png import write_png
from benchmarks.submission.records import rounded, to_lines
from benchmarks.submission.text import problem_of
from benchmarks.submission.totals import values_of
from benchmarks.suites import Suite, SuiteTask
from benchmarks.suites.digest import PictureDigest, machine
from benchmarks.suites.draw import check_judge
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.trajectory import write_trajectories

SCHEMA = 1
BATCH = 100
"""Episodes played together."""

ON_ERROR = ("raise", "fail")
_MAX_ERROR = 300


@dataclass(frozen=True)
class Run:
    """A folder that :func:`evaluate` fills.

    ``run.json`` says what is run; ``episodes/``, ``trajectories/`` and ``pictures/`` hold what has been played, and
    ``results.json`` appears at the end.
    """

    folder: Path

    @property
    def setting(self) -> dict[str, Any]:
        """Content of ``run.json``.

        Raises:
            ImgEditError: If the folder holds no run.
        """
        try:
            return json.loads((self.folder / SETTING).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ImgEditError(f"{self.folder}: expected the folder of an evaluation with {SETTING}; {error}") from None

    def part(self, name: str) -> Path:
        """File of the episodes of a batch, there once the batch has been played."""
        return self.folder / "episodes" / f"{name}.jsonl"

    def picture(self, sha256: str) -> Path:
        """File of a final picture."""
        return self.folder / "pictures" / f"{sha256}.png"

    def records(self) -> dict[str, EpisodeRecord]:
        """Episodes by task, as far as they have been played."""
        found = {}
        for path in sorted((self.folder / "episodes").glob("*.jsonl")):
            for _, line in lines_of(path.read_bytes(), 1 << 20):
                record = EpisodeRecord.from_json(parse(line))
                found[record.task] = record
        return found

    def idle(self) -> Idle:
        """What came of the actions, as far as they have been played."""
        return Idle.in_folder(self.folder / "trajectories")


def evaluate(
    suite: Suite,
    agent: str | Agent,
    out: Path,
    batch: int = BATCH,
    on_error: str = "raise",
    progress: Callable[[int], None] = lambda done: None,
) -> Run:
    """Play a suite, or what is left of it.

    Args:
        suite: What to play.
        agent: The agent, or what :func:`benchmarks.evaluate.agents.find_agent` finds it by.
        out: Folder of the run; one that holds the same run is gone on with.
        batch: Episodes played together; agents that draw random numbers for a batch may depend on it.
        on_error: Where the agent raises: ``"raise"`` stops (what has been played is kept), ``"fail"`` plays the
            batch's tasks one by one and counts those as failed on which it raises again.
        progress: Told how many tasks have been played.

    Raises:
        ImgEditError: If the folder holds another run, the suite's tasks or judge are others here, or a judgement
            failed.
    """
    spec = agent if isinstance(agent, str) else f"{type(agent).__module__}:{type(agent).__qualname__}"
    agent = find_agent(agent) if isinstance(agent, str) else agent
    if agent.tools:
        raise ImgEditError(f"agent {spec!r}: expected one that makes do with the suite's tools; it brings its own")
    run = Run(out)
    _begin(run, suite, spec, agent, batch)
    judge = JUDGES.build(suite.judge["spec"])
    player = _Player(run, suite, spec, agent, judge, on_error)
    done = 0
    try:
        check_judge(judge, suite)
        for name, split, tasks in _parts(suite, batch):
            if not run.part(name).exists():
                player.play(name, split, tasks)
            done += len(tasks)
            progress(done)
    finally:
        judge.close()
        if hasattr(agent, "close"):
            agent.close()
    found = results(suite, run.records()) | {"actions": run.idle().to_json()}
    write_json(out / "results.json", {**run.setting, "results": found})
    return run


def _parts(suite: Suite, batch: int) -> Iterator[tuple[str, str, Sequence[SuiteTask]]]:
    for split, tasks in suite.splits.items():
        for start in range(0, len(tasks), batch):
            yield f"{split}-{start:05d}", split, tasks[start : start + batch]


def _begin(run: Run, suite: Suite, spec: str, agent: Agent, batch: int) -> None:
    setting = {
        "schema": SCHEMA,
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "agent": {"spec": spec, **access_of(agent)},
        "batch": batch,
        "versions": versions(),
        "machine": machine(),
    }
    path = run.folder / SETTING
    if not path.exists():
        write_json(path, setting)
        return
    found = run.setting
    different = sorted(key for key in setting if found.get(key) != setting[key])
    if different:
        told = "; ".join(f"{key}: {found.get(key)} there, {setting[key]} now" for key in different)
        raise ImgEditError(f"--out: expected a new folder, or one with the same run; {run.folder} has another ({told})")


@dataclass
class _Player:
    run: Run
    suite: Suite
    spec: str
    agent: Agent
    judge: Any
    on_error: str

    def play(self, name: str, split: str, tasks: Sequence[SuiteTask]) -> None:
        """Play a batch and write it."""
        arguments = self.suite.engine_arguments(split)
        try:
            played = self._episodes(split, tasks)
        except Exception as error:
            if self.on_error == "raise" or isinstance(error, ImgEditError):
                raise
            played = self._one_by_one(split, tasks)
        for _, episode in played:
            if episode is not None:
                write_once(self.run.picture(PictureDigest.of(episode.frames[-1]).sha256), episode.frames[-1])
        told = versions()
        trajectories = [to_trajectory(episode, arguments, told) for _, episode in played if episode is not None]
        write_trajectories(self.run.folder / "trajectories" / f"{name}.jsonl", trajectories)
        write_whole(self.run.part(name), to_lines([record for record, _ in played]))

    def _one_by_one(self, split: str, tasks: Sequence[SuiteTask]) -> list[tuple[EpisodeRecord, Episode | None]]:
        played: list[tuple[EpisodeRecord, Episode | None]] = []
        for task in tasks:
            try:
                played += self._episodes(split, [task])
            except Exception as error:
                if isinstance(error, ImgEditError):
                    raise
                played.append((failed(task, f"{type(error).__name__}: {error}"), None))
        return played

    def _episodes(self, split: str, tasks: Sequence[SuiteTask]) -> list[tuple[EpisodeRecord, Episode | None]]:
        arguments = {**self.suite.engine_arguments(split), "judge": self.judge}
        seeds = [task.seed for task in tasks]
        episodes = run_episodes(self.spec, self.agent, seeds, arguments, pictured=len(tasks))
        failures: dict[int, str] = getattr(self.agent, "failures", {})
        played: list[tuple[EpisodeRecord, Episode | None]] = []
        for row, (task, episode) in enumerate(zip(tasks, episodes, strict=True)):
            if episode.task_id != task.id:
                raise ImgEditError(f"{self.suite.id}: expected task {task.id}; found {episode.task_id}")
            why = failures.get(row, "") or self._over_budget(episode) or _odd_text(episode)
            if not why and not episode.valid:
                raise ImgEditError(f"{task.id}: the judge failed; run the command again to go on")
            played.append((failed(task, why), None) if why else (record_of(episode), episode))
        return played

    def _over_budget(self, episode: Episode) -> str:
        most = self.suite.budgets["judge_calls"]
        if self.agent.privileged or episode.judge_calls <= most:
            return ""
        return f"over budget: {episode.judge_calls:g} judge calls of {most}"


def _odd_text(episode: Episode) -> str:
    """Why a plan cannot be submitted; empty if it can."""
    problems = (problem_of(text) for step in episode.plan_steps for text in (step.target, step.value))
    return next((f"the plan's text: {problem}" for problem in problems if problem), "")


def write_once(path: Path, pixels: np.ndarray) -> None:
    """Write a picture unless it is there."""
    if not path.exists():
        write_whole(path, write_png(pixels))


def failed(task: SuiteTask, why: str) -> EpisodeRecord:
    """A task on which the agent failed."""
    printable = "".join(character if character.isprintable() and character.isascii() else "?" for character in why)
    return EpisodeRecord(task.id, FAILED, error=printable[:_MAX_ERROR])


def record_of(episode: Episode) -> EpisodeRecord:
    """A finished episode as submissions hold it."""
    values = [None if math.isnan(value) else rounded(value) for _, value in episode.requirements]
    return EpisodeRecord(
        task=episode.task_id,
        status=DONE,
        plan=tuple((step.verb, step.target, step.value) for step in episode.plan_steps),
        actions=tuple((step.tool, step.region) for step in episode.steps),
        scores=Scores(
            E=rounded(episode.execution),
            P=rounded(episode.preservation),
            Q=rounded(episode.quality),
            score=rounded(episode.score),
            requirements=tuple(values),
            success=episode.success,
        ),
        picture=PictureDigest.of(episode.frames[-1]),
        costs=Costs(episode.tool_calls, episode.judge_calls, rounded(episode.seconds)),
    )


def results(suite: Suite, records: dict[str, EpisodeRecord]) -> dict[str, Any]:
    """Totals, and means with 95 % intervals by split: resampled tasks for the score, Wilson's for success."""
    found: dict[str, Any] = {"totals": totals(suite, records), "splits": {}}
    for split, tasks in {"all": suite.tasks, **suite.splits}.items():
        values = values_of(suite, records, tasks)
        score, success = values["score"], values["success"]
        intervals = {
            "score": bootstrap_interval(score, strata=[task.split for task in tasks]),
            "success": wilson_interval(int(success.sum()), len(success)),
        }
        found["splits"][split] = {
            name: {"mean": float(values[name].mean()), "ci95": list(ends)} for name, ends in intervals.items()
        }
    return found
