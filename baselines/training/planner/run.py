"""The stages of the planner's training, each going on where it was left."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from baselines.planner.model import save
from baselines.planner.planner import Planner
from baselines.training.planner.card import write_card
from baselines.training.planner.joining import Joiner
from baselines.training.planner.learn import Desk, learn
from baselines.training.planner.lessons import Chunk, Item, Lessons, draw
from baselines.training.planner.mending import assembled
from baselines.training.planner.plan import PRESETS
from baselines.training.planner.teacher import Teacher
from baselines.vision import Vision
from imgedit_gym.art.catalogue import load_catalogue
from imgedit_gym.art.goals import load_goals
from imgedit_gym.core.plan import Plan

IMITATION, SELF = "imitation", "self"


def open_desk(
    preset: str, folder: Path, seed: int, noise: float, device: str = "cpu", vision: Path | None = None
) -> Desk:
    """What the stages share."""
    folder.mkdir(parents=True, exist_ok=True)
    return Desk(PRESETS[preset], folder, seed, noise, Vision.load(vision, device), device)


def imitate(desk: Desk) -> tuple[Planner, Lessons]:
    """The stage ``imitation``: learn the plans of a teacher who is often wrong.

    Returns:
        The planner, and what it has learnt.
    """
    planner, preset = desk.planner(), desk.preset
    teacher = Teacher(desk.noise, [item.name for item in load_catalogue().objects])
    dice = random.Random(desk.seed)

    def write(chunk: Chunk) -> list[Item]:
        longest = planner.grammar.max_steps
        right = (chunk.tasks.oracle_plan(chunk.batch, row) for row in range(len(chunk.requests)))
        return [
            Item(row, chunk.requests[row], teacher.plan(plan, chunk.seen(row), dice, longest))
            for row, plan in enumerate(right)
        ]

    lessons = learn(
        planner, desk, IMITATION, preset.imitation, lambda: Lessons.collect(train_tasks(desk, preset.tasks, 0), write)
    )
    return planner, lessons


def refine(desk: Desk) -> tuple[Planner, Lessons]:
    """The stage ``self``: rounds of writing plans, keeping those that pass the checklist, and learning them.

    What was learnt before stays among it: plans that pass are those of the easier tasks, and alone they teach to write
    less than is asked for. Plans that pass count twice, as the teacher's are often wrong.

    Returns:
        The planner, and what it has learnt.
    """
    planner, lessons = imitate(desk)
    preset = desk.preset
    for number in range(1, preset.rounds + 1):
        lessons = learn(
            planner, desk, f"{SELF}-{number}", preset.again, partial(_with_own, planner, desk, number, lessons)
        )
    return planner, lessons


def _with_own(planner: Planner, desk: Desk, number: int, before: Lessons) -> Lessons:
    own = own_lessons(planner, desk, number)
    return Lessons.joined([before, own, own])


def own_lessons(planner: Planner, desk: Desk, number: int) -> Lessons:
    """Plans of the planner's own that pass the checklist, each once, and joined ones made of them.

    A task's plans are mended, and what each lacks is taken from the others.
    """
    preset, tasks, passed = desk.preset, 0, 0
    joiner = Joiner(planner, load_goals(), desk.seed + number)

    def write(chunk: Chunk) -> list[Item]:
        nonlocal tasks, passed
        plans = sampled(planner, chunk, preset.samples, preset.temperature)
        found = [assembled(chunk, row, some, planner.grammar.max_steps) for row, some in enumerate(plans)]
        kept = [Item(row, chunk.requests[row], plan) for row, plan in enumerate(found) if plan]
        tasks, passed = tasks + len(found), passed + len(kept)
        return kept + joiner.join(chunk, kept)

    lessons = Lessons.collect(train_tasks(desk, preset.tried, number), write)
    lessons.facts = {"pass the checklist": passed / tasks}
    print(f"self-training, round {number}: plans for {passed} of {tasks} tasks pass the checklist", flush=True)
    return lessons


def sampled(planner: Planner, chunk: Chunk, samples: int, temperature: float) -> list[list[Plan]]:
    """Plans for each task of a chunk: the likeliest, and others drawn."""
    tokens = chunk.tokens.float()
    found = [[plan] for plan in planner.plan_seen(tokens, chunk.requests)]
    for draw_number in range(1, samples):
        seeds = [(seed, draw_number) for seed in chunk.seeds]
        for row, plan in enumerate(planner.plan_seen(tokens, chunk.requests, temperature, seeds)):
            found[row].append(plan)
    return found


def train_tasks(desk: Desk, n: int, stretch: int) -> Iterator[Chunk]:
    """Train tasks that no other stretch of this training sees."""
    return draw(desk.vision.tokens, n, 1 + 100 * desk.seed + stretch, device=desk.device)


def finish(planner: Planner, desk: Desk, stage: str, facts: dict[str, Any]) -> Path:
    """Write the model of a stage, with its card and what was measured."""
    folder = desk.folder / stage / "planner"
    save(planner.model, desk.vision, desk.words, desk.preset.layers, folder, planner.own_marks)
    (folder / "measured.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    write_card(folder, stage, desk, facts)
    return folder
