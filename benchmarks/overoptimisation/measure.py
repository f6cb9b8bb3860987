"""The measurement: random tries at the tasks, then an agent trained step by step, all judged twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from baselines.cli import describe_judge
from benchmarks.audit.variants import members
from benchmarks.overoptimisation.agent import HYPERPARAMETERS, ROLLOUT, Spent, Trainee
from benchmarks.overoptimisation.checkpoint import Measured, Point, load
from benchmarks.overoptimisation.play import judge_both, play, random_policy
from imgedit_gym.engine import Engine
from imgedit_gym.judges.base import Judge

POINTS = 10
"""How often the agent is looked at, beside the beginning."""

TRIED = 100
"""Tasks that are tried at random, at most."""


@dataclass(frozen=True)
class Setting:
    """What is to be measured.

    Attributes:
        steps: Environment steps of training, rounded up to whole updates.
        seed: Of the first task, of the tries, and of training.
        num_envs: Environments that the agent learns from at a time.
        image_size: Edge of the pictures.
        episodes: Tasks that the agent plays at each point.
        split: Their split; training has the split ``train``.
        samples: Random tries at each task.
    """

    steps: int
    seed: int
    num_envs: int
    image_size: int
    episodes: int
    split: str
    samples: int

    @property
    def rollouts(self) -> int:
        """Updates of the agent."""
        return -(-self.steps // (ROLLOUT * self.num_envs))

    @property
    def ends(self) -> list[int]:
        """After how many updates the agent is looked at."""
        points = min(POINTS, self.rollouts)
        return sorted({round(self.rollouts * point / points) for point in range(1, points + 1)})

    @property
    def work(self) -> int:
        """How much there is to do, in the units in which progress is told."""
        tried = self.samples * min(self.episodes, TRIED)
        return tried + (len(self.ends) + 1) * self.episodes + self.rollouts * ROLLOUT * self.num_envs


def measure(judge: Judge, setting: Setting, folder: Path, progress: Callable[[int], None]) -> Measured:
    """Measure, or go on where an earlier run with the same settings was stopped.

    Args:
        judge: Whom the agent and the choice among the tries are to please. Judgements that fail are left out of what
            is measured, whatever its ``on_error`` says; in training they pay nothing.
        setting: What is to be measured.
        folder: Keeps what has been measured so far.
        progress: Told how much more has been done; see :attr:`Setting.work`.

    Raises:
        ImgEditError: If the folder holds an unfinished run of another kind, or the judge cannot judge.
    """
    for one in members(judge):
        if getattr(one, "on_error", None) == "raise":
            one.on_error = "invalid"
    what = {"judge": describe_judge(judge), **asdict(setting), **HYPERPARAMETERS}
    measured = load(folder, json.dumps(what, sort_keys=True))
    _try(judge, setting, measured, folder, progress)
    _train(judge, setting, measured, folder, progress)
    return measured


def _engine(setting: Setting, tasks: int) -> Engine:
    return Engine(tasks, judge="checklist", split=setting.split, image_size=setting.image_size)


def _seeds(setting: Setting, tasks: int) -> range:
    return range(setting.seed, setting.seed + tasks)


def _try(judge: Judge, setting: Setting, measured: Measured, folder: Path, progress: Callable[[int], None]) -> None:
    tasks = min(setting.episodes, TRIED)
    progress(tasks * len(measured.tries))
    if len(measured.tries) == setting.samples:
        return
    engine, random = _engine(setting, tasks), torch.Generator()
    for number in range(len(measured.tries), setting.samples):
        random.manual_seed(setting.seed * 100_003 + number)
        play(engine, _seeds(setting, tasks), random_policy(random))
        measured.tries.append(judge_both(engine, judge))
        measured.save(folder)
        progress(tasks)


def _train(judge: Judge, setting: Setting, measured: Measured, folder: Path, progress: Callable[[int], None]) -> None:
    a_rollout = ROLLOUT * setting.num_envs
    engine, tasks = _engine(setting, setting.episodes), _seeds(setting, setting.episodes)
    trainee = Trainee(judge, setting.num_envs, setting.image_size, setting.seed)
    spent = Spent(progress)
    if measured.points:
        trainee.parameters = measured.parameters
        last = measured.points[-1]
        spent = Spent(progress, last.judged, last.tool_calls)
        progress(len(measured.points) * setting.episodes + last.steps)
    ends = [0, *setting.ends]
    for number in range(len(measured.points), len(ends)):
        begin = ends[max(number - 1, 0)]
        # every environment has a seed of its own, so these never meet
        seed = setting.seed + number * setting.num_envs
        if number:
            trainee.train(ends[number] - begin, seed, spent)
        play(engine, tasks, trainee.policy(setting.seed))
        point = Point(ends[number] * a_rollout, spent.judged, spent.tool_calls, judge_both(engine, judge))
        measured.points.append(point)
        measured.parameters = trainee.parameters
        measured.save(folder)
        progress(setting.episodes)
    trainee.close()
