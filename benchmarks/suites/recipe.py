"""What suites are drawn from, each a data file in ``benchmarks/suites/recipes/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.strict_json import read_json
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import PIXEL_TOOLS

MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Recipe:
    """What a suite is drawn from.

    Attributes:
        id: Name and version of the suite.
        splits: How many tasks of each split.
        tasks: The task source, as the environment's argument.
        tools: The tools by id, tool 0 first.
        regions: The region provider, as the environment's argument.
        image_size: Edge of the pictures in pixels.
        judge: The pinned judge, as the environment's argument.
        held_out: The held-out judge.
        budgets: Most steps, tool calls and judge calls an episode.
    """

    id: str
    splits: dict[str, int]
    tasks: str | dict[str, Any] = "adverts"
    tools: list[str] = field(default_factory=lambda: list(PIXEL_TOOLS))
    regions: str | dict[str, Any] = "segments"
    image_size: int = 128
    judge: str | dict[str, Any] = "checklist"
    held_out: str | dict[str, Any] = "pixels"
    budgets: dict[str, int] = field(default_factory=lambda: {"steps": 8, "tool_calls": 8, "judge_calls": 512})

    @property
    def environment(self) -> dict[str, Any]:
        """Id and arguments of the environment."""
        arguments = {
            "tasks": self.tasks,
            "tools": self.tools,
            "regions": self.regions,
            "image_size": self.image_size,
            "max_plan_steps": self.budgets["steps"],
        }
        return {"id": "ImageEdit-v0", "arguments": arguments}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe's file; its name is that of the suite.

    Raises:
        ImgEditError: If it is none; it names every key, so that no default can change a suite that is frozen.
    """
    record = read_json(path, MAX_BYTES)
    expected = {one.name for one in fields(Recipe)} - {"id"}
    if not isinstance(record, Mapping) or set(record) != expected:
        found = sorted(record) if isinstance(record, Mapping) else type(record).__name__
        raise ImgEditError(f"{path}: expected the keys {', '.join(sorted(expected))}; found {found}")
    return Recipe(path.stem, **record)


def read_recipes() -> dict[str, Recipe]:
    """The recipes that come with the package, by name."""
    folder = Path(str(files("benchmarks.suites") / "recipes"))
    return {path.stem: read_recipe(path) for path in sorted(folder.glob("*.json"))}


RECIPES = read_recipes()
