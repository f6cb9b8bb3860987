"""Rounds of experience, each going on where it was left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from baselines.planner.planner import Planner
from baselines.training.loop.experience import Experience
from baselines.training.loop.practice import Practice
from baselines.training.planner.joining import Joiner
from baselines.training.planner.learn import Desk, learn
from baselines.training.planner.lessons import Chunk, Item, Lessons
from baselines.training.planner.measure import measure
from baselines.training.planner.mending import assembled
from baselines.training.planner.plan import Course
from baselines.training.planner.run import own_lessons, refine, sampled, train_tasks
from imgedit_gym.art.goals import load_goals
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.orchestrators.base import Orchestrator

FIRST_STRETCH = 20
"""Rounds draw their tasks behind those of the planner's own stages."""


@dataclass(frozen=True)
class LoopPreset:
    """A loop of experience.

    Attributes:
        rounds: How many.
        tasks: Tasks that plans are drawn for in each.
        samples: Plans drawn for each task.
        temperature: How far they are scattered.
        threshold: See :class:`baselines.training.loop.experience.Experience`.
        course: How the kept plans are learnt.
        measured: Tasks of the split ``val`` on which every round is measured.
        practised: Plans of each round on which the orchestrator practises at most.
        practice: How it learns from that.
    """

    rounds: int
    tasks: int
    samples: int
    temperature: float
    threshold: float
    course: Course
    measured: int
    practised: int
    practice: Course


PRESETS = {
    "full": LoopPreset(1, 1500, 4, 1.0, 0.85, Course(300, rates=(1e-3, 7e-4)), 200, 120, Course(100, 64, (3e-4, 3e-4))),
    "quick": LoopPreset(1, 48, 2, 1.0, 0.5, Course(20, 16, (1e-3, 7e-4)), 24, 6, Course(10, 16, (3e-4, 3e-4))),
}


@dataclass(frozen=True)
class Switches:
    """What is left out, to see what it is worth.

    Attributes:
        experience: Whether plans are carried out; without it they are kept by the checklist alone.
        pruning: Whether steps that did not help are taken out.
        settings: All that the loop depends on beside what the planner's stages do, as text.
    """

    experience: bool = True
    pruning: bool = True
    settings: str = ""


def improve(
    desk: Desk,
    preset: LoopPreset,
    orchestrator: Orchestrator,
    switches: Switches,
    practice: Practice | None = None,
) -> tuple[Planner, list[dict[str, Any]]]:
    """Run the loop after the stage ``self``.

    Args:
        desk: What the planner's stages share.
        preset: How long.
        orchestrator: Who carries plans out.
        switches: What is left out.
        practice: Teaches the orchestrator on each round's plans; ``None`` leaves it as it is.

    Raises:
        ImgEditError: If the folder holds a loop of more rounds.

    Returns:
        The planner, and a report of each round, the state before the first one being round 0.
    """
    path = desk.folder / "rounds.json"
    reports: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if len(reports) > preset.rounds + 1:
        raise ImgEditError(
            f"{desk.folder}: expected a loop of up to {preset.rounds} rounds; found one of {len(reports) - 1}: "
            f"pass --rounds {len(reports) - 1}, or choose another --out"
        )
    planner, learnt = refine(desk)
    if not reports:
        _report(path, reports, 0, {}, planner, preset)
    lessons = [learnt]
    for number in range(1, preset.rounds + 1):
        experience = Experience(orchestrator, preset.threshold, switches.pruning) if switches.experience else None
        make = partial(_lessons, planner, desk, preset, number, experience, practice, lessons)
        lessons = [learn(planner, desk, f"loop-{number}", preset.course, make, switches.settings)]
        if practice is not None:  # takes up what was learnt where an earlier run had come so far
            practice.learn(number, ())
        if len(reports) <= number:
            _report(path, reports, number, lessons[0].facts, planner, preset)
    return planner, reports


def _lessons(
    planner: Planner,
    desk: Desk,
    preset: LoopPreset,
    number: int,
    experience: Experience | None,
    practice: Practice | None,
    before: list[Lessons],
) -> Lessons:
    """What to learn in a round, that of the rounds before included; the orchestrator learns its share at once."""
    stretch = FIRST_STRETCH + number
    if experience is None:
        return Lessons.joined([*before, own_lessons(planner, desk, stretch)])
    joiner = Joiner(planner, load_goals(), desk.seed + stretch)

    def write(chunk: Chunk) -> list[Item]:
        plans = sampled(planner, chunk, preset.samples, preset.temperature)
        for row, some in enumerate(plans):
            best = assembled(chunk, row, some, planner.grammar.max_steps)
            some += [best] if best else []
        kept = experience.gather(chunk, plans)
        return kept + joiner.join(chunk, kept)

    lessons = Lessons.collect(train_tasks(desk, preset.tasks, stretch), write)
    if practice is not None:
        practice.learn(number, experience.kept)
    lessons.facts = experience.tally.row()
    return Lessons.joined([*before, lessons])


def _report(
    path: Path, reports: list[dict[str, Any]], number: int, row: dict[str, float], planner: Planner, preset: LoopPreset
) -> None:
    """Measure the planner after a round, and write it down."""
    from torch.utils.tensorboard import SummaryWriter

    reports.append({"round": number, **row, **measure(planner, "val", preset.measured)})
    with SummaryWriter(str(path.parent / "tensorboard" / "loop")) as writer:
        for name, value in reports[-1].items():
            if name != "round":
                writer.add_scalar(f"round/{name}", value, number)
    path.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")
    shown = " ".join(f"{name} {value:.3f}" for name, value in reports[-1].items() if name != "round")
    print(f"round {number}: {shown}", flush=True)
