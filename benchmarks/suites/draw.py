"""Drawing the tasks of a suite, and looking whether they still are what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from baselines.cli import describe_judge
from benchmarks.suites.digest import NEAR, PictureDigest, machine, task_digest
from benchmarks.suites.suite import Suite, SuiteTask
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, PIXEL_TOOLS, TASKS
from imgedit_gym.core.rng import task_key
from imgedit_gym.tasks.pixel_checklist import PixelChecklist

SEED_BYTES = 6
BATCH = 100


@dataclass(frozen=True)
class Recipe:
    """What a suite is drawn from.

    Attributes:
        id: Name and version of the suite.
        splits: How many tasks of each split.
        image_size: Edge of the pictures in pixels.
        judge: The pinned judge, as the environment's argument.
        held_out: The held-out judge.
        budgets: Most steps, tool calls and judge calls an episode.
    """

    id: str
    splits: dict[str, int]
    image_size: int = 128
    judge: str | dict[str, Any] = "checklist"
    held_out: str | dict[str, Any] = "pixels"
    budgets: dict[str, int] = field(default_factory=lambda: {"steps": 8, "tool_calls": 8, "judge_calls": 512})

    @property
    def environment(self) -> dict[str, Any]:
        """Id and arguments of the environment."""
        arguments = {
            "tasks": "adverts",
            "tools": list(PIXEL_TOOLS),
            "regions": "segments",
            "image_size": self.image_size,
            "max_plan_steps": self.budgets["steps"],
        }
        return {"id": "ImageEdit-v0", "arguments": arguments}


SPLITS = ("test", "test-compose", "test-goals", "test-long", "test-overlap")
"""The test splits that need no other font."""

RECIPES = {
    recipe.id: recipe
    for recipe in (
        Recipe("adverts-v1", dict.fromkeys(SPLITS, 200)),
        Recipe("adverts-lite-v1", dict.fromkeys(SPLITS, 20)),
    )
}


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
    return Suite(
        id=name,
        environment=recipe.environment,
        judge=pinned(recipe.judge),
        held_out=pinned(recipe.held_out),
        budgets=dict(recipe.budgets),
        drawn_on=machine(),
        tasks=tuple(tasks),
    )


def pinned(spec: str | dict[str, Any]) -> dict[str, Any]:
    """A judge as a suite names it: how to build it, and what is then found."""
    judge = JUDGES.build(spec)
    try:
        told = describe_judge(judge)
    finally:
        judge.close()
    found = {key: told[key] for key in ("id", "version", "prompt_hash", "model")}
    return {"spec": spec, **found, "checklist": PixelChecklist.version}


def _draw(arguments: dict[str, Any], split: str, seeds: Sequence[int]) -> Iterator[SuiteTask]:
    source = TASKS.build(
        arguments["tasks"],
        image_size=arguments["image_size"],
        max_plan_steps=arguments["max_plan_steps"],
        split=split,
        device=torch.device("cpu"),
    )
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
                goals=tuple(source.goal_names(batch, row)),
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
