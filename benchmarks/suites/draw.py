"""Drawing the tasks of a suite, and looking whether they still are what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from baselines.cli import describe_judge
from benchmarks.suites.digest import NEAR, PictureDigest, machine, task_digest
from benchmarks.suites.recipe import Recipe
from benchmarks.suites.suite import Suite, SuiteTask
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, TASKS
from imgedit_gym.core.rng import task_key
from imgedit_gym.core.task_source import TaskSource

if TYPE_CHECKING:
    from imgedit_gym.judges.base import Judge

SEED_BYTES = 6
BATCH = 100


def task_seed(name: str, split: str, index: int, salt: bytes = b"") -> int:
    """Seed of a task, below 2**48: a hash of the suite's name, the split, the index and a season's salt."""
    words = f"{name}/{split}/{index}".encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=SEED_BYTES, key=salt).digest(), "big")


def draw_suite(recipe: Recipe, name: str = "", salt: bytes = b"") -> Suite:
    """Draw a suite's tasks.

    Args:
        recipe: What is asked for.
        name: Of the suite, if not the recipe's.
        salt: Secret of a season, at most 64 bytes.
    """
    name = name or recipe.id
    tasks: list[SuiteTask] = []
    for split, count in recipe.splits.items():
        seeds = [task_seed(name, split, index, salt) for index in range(count)]
        tasks.extend(_draw(recipe.environment["arguments"], split, seeds))
    if len({task.id for task in tasks}) != len(tasks):
        raise ImgEditError(f"{name}: two seeds give the same task; expected another name")
    source = _source(recipe.environment["arguments"], next(iter(recipe.splits)))
    return Suite(
        id=name,
        environment=recipe.environment,
        judge=pinned(recipe.judge, source),
        held_out=pinned(recipe.held_out, source),
        budgets=dict(recipe.budgets),
        drawn_on=machine(),
        tasks=tuple(tasks),
    )


def pinned(spec: str | dict[str, Any], tasks: TaskSource) -> dict[str, Any]:
    """A judge as a suite names it: how to build it, and what is then found; see :func:`named`."""
    judge = JUDGES.build(spec)
    try:
        return named(judge, spec, tasks)
    finally:
        judge.close()


def named(judge: Judge, spec: str | dict[str, Any], tasks: TaskSource) -> dict[str, Any]:
    """What a suite names of a judge.

    Args:
        judge: The judge.
        spec: What it was built from, as the environment's argument.
        tasks: The task source, whose checklist measures.
    """
    told = describe_judge(judge)
    found = {key: told[key] for key in ("id", "version", "prompt_hash", "model")}
    return {"spec": spec, **found, "checklist": tasks.checklist(tasks.allocate(1)).version}


def check_judge(judge: Judge, suite: Suite, held_out: bool = False) -> None:
    """Check that a judge is the one that a suite names.

    Args:
        judge: The judge, built from the suite's ``spec``.
        suite: The suite.
        held_out: Whether it is to be the held-out judge, not the pinned one.

    Raises:
        ImgEditError: If it is another.
    """
    expected = suite.held_out if held_out else suite.judge
    tasks = _source(suite.environment["arguments"], suite.tasks[0].split)
    found = named(judge, expected["spec"], tasks)
    if found != expected:
        raise ImgEditError(f"{suite.id} names the judge {expected}; this installation has {found}")


def _source(arguments: dict[str, Any], split: str) -> TaskSource:
    found: TaskSource = TASKS.build(
        arguments["tasks"],
        image_size=arguments["image_size"],
        max_plan_steps=arguments["max_plan_steps"],
        split=split,
        device=torch.device("cpu"),
    )
    return found


def _draw(arguments: dict[str, Any], split: str, seeds: Sequence[int]) -> Iterator[SuiteTask]:
    source = _source(arguments, split)
    # not every source has goals of its own
    goals_of = getattr(source, "goal_names", lambda batch, row: ())
    for start in range(0, len(seeds), BATCH):
        part = seeds[start : start + BATCH]
        batch = source.allocate(len(part))
        keys = torch.tensor([task_key(seed, 0, source.stream) for seed in part])
        source.sample(batch, torch.arange(len(part)), keys)
        pictures = batch.images.cpu().numpy()
        for row, seed in enumerate(part):
            plan = source.oracle_plan(batch, row)
            yield SuiteTask(
                id=source.task_id(batch, row),
                split=split,
                seed=seed,
                goals=tuple(goals_of(batch, row)),
                verbs=tuple(dict.fromkeys(step.verb for step in plan)),
                content=task_digest(source, batch, row),
                picture=PictureDigest.of(pictures[row]),
            )


@dataclass(frozen=True)
class Difference:
    """A task that is not what it was, or only nearly.

    Attributes:
        task: Its name.
        kind: ``content`` (it says or asks something else), ``picture`` (another picture), or ``rounding`` (its pixels
            are not the same, but its thumbnail is within the tolerance, which is no fault on another machine).
        message: What was expected and found.
    """

    task: str
    kind: str
    message: str


def compare(suite: Suite, tasks: Sequence[SuiteTask] | None = None) -> list[Difference]:
    """Draw tasks of a suite again and say which differ.

    Args:
        suite: The suite.
        tasks: Which of its tasks; ``None`` for all.
    """
    chosen = suite.tasks if tasks is None else tasks
    found: list[Difference] = []
    for split in dict.fromkeys(task.split for task in chosen):
        mine = [task for task in chosen if task.split == split]
        drawn = _draw(suite.environment["arguments"], split, [task.seed for task in mine])
        for old, new in zip(mine, drawn, strict=True):
            found.extend(_differences(old, new))
    return found


def _differences(old: SuiteTask, new: SuiteTask) -> Iterator[Difference]:
    told = ("id", "goals", "verbs", "content")
    changed = [name for name in told if getattr(old, name) != getattr(new, name)]
    if changed:
        was, now = ({name: getattr(one, name) for name in changed} for one in (old, new))
        yield Difference(old.id, "content", f"expected {was}; found {now}")
    elif old.picture.sha256 != new.picture.sha256:
        distance = old.picture.distance(new.picture)
        kind = "rounding" if distance <= NEAR else "picture"
        yield Difference(old.id, kind, f"thumbnails differ by {distance:.0f} levels; expected at most {NEAR:.0f}")
