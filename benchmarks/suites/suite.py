"""A suite, and the files that hold suites."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from baselines.report.files import write_whole
from benchmarks.strict_json import read_json
from benchmarks.suites.digest import PictureDigest, canonical, sha256
from imgedit_gym.core.errors import ImgEditError

SCHEMA = 1
MAX_BYTES = 32 << 20
CANARY = "imgedit-gym benchmark data, not for training. canary 5b1c3f0e-6f0b-4d6a-9a55-7f3f6f2f9c41"


@dataclass(frozen=True)
class SuiteTask:
    """One task.

    Attributes:
        id: Name of the task, by which the environment makes it again.
        split: Split it is of.
        seed: Seed of ``reset`` that brings it about.
        goals: Names of the goals behind the request.
        verbs: Verbs of the oracle's plan, each once.
        content: :func:`benchmarks.suites.digest.task_digest`.
        picture: Digest of the source picture.
    """

    id: str
    split: str
    seed: int
    goals: tuple[str, ...]
    verbs: tuple[str, ...]
    content: str
    picture: PictureDigest


@dataclass(frozen=True)
class Suite:
    """A frozen set of tasks and the rules they are played by.

    Attributes:
        id: Name and version.
        environment: ``{"id": ..., "arguments": {...}}`` for ``gymnasium.make``; the split is the task's.
        judge: The pinned judge: ``spec`` for the environment's argument, and ``id``, ``version``, ``prompt_hash``,
            ``model`` and ``checklist`` (version of what measures), which must be found when it is built.
        held_out: A judge that agents were not made for, in the same form.
        budgets: Most ``steps``, ``tool_calls`` and ``judge_calls`` an episode.
        drawn_on: :func:`benchmarks.suites.digest.machine` where the pictures' digests were made; not hashed.
        tasks: The tasks, in order.
    """

    id: str
    environment: dict[str, Any]
    judge: dict[str, Any]
    held_out: dict[str, Any]
    budgets: dict[str, int]
    drawn_on: dict[str, str]
    tasks: tuple[SuiteTask, ...]

    @cached_property
    def sha256(self) -> str:
        """Hash of everything but where it was drawn."""
        content = self._content()
        content.pop("drawn_on")
        return sha256(canonical(content))

    @cached_property
    def by_id(self) -> dict[str, SuiteTask]:
        """Tasks by name."""
        return {task.id: task for task in self.tasks}

    @cached_property
    def splits(self) -> dict[str, tuple[SuiteTask, ...]]:
        """Tasks by split, in order."""
        names = dict.fromkeys(task.split for task in self.tasks)
        return {name: tuple(task for task in self.tasks if task.split == name) for name in names}

    @property
    def tools(self) -> tuple[str, ...]:
        """Ids of the tools, in action order."""
        return tuple(self.environment["arguments"]["tools"])

    @property
    def image_size(self) -> int:
        """Edge of the pictures in pixels."""
        return int(self.environment["arguments"]["image_size"])

    def engine_arguments(self, split: str) -> dict[str, Any]:
        """Keyword arguments of :class:`imgedit_gym.engine.Engine` for the tasks of a split."""
        return {**self.environment["arguments"], "split": split, "judge": self.judge["spec"]}

    def _content(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "canary": CANARY, **asdict(self)}

    def to_json(self) -> str:
        """The file: one line a task, so that changes can be read."""
        content = {**self._content(), "sha256": self.sha256}
        tasks = [canonical(task).decode() for task in content.pop("tasks")]
        head = json.dumps(content, indent=1)
        return head[:-2] + ',\n "tasks": [\n' + ",\n".join(tasks) + "\n]}\n"


def read_suite(path: Path) -> Suite:
    """Read a suite's file.

    Raises:
        ImgEditError: If it is no suite of this schema, or its hash is not that of its content.
    """
    try:
        record = read_json(path, MAX_BYTES)
    except OSError as error:
        raise ImgEditError(f"{path}: expected the file of a suite; {error.strerror}") from None
    return suite_of(record, str(path))


def suite_of(record: Any, where: str) -> Suite:
    """A suite from its JSON.

    Raises:
        ImgEditError: As :func:`read_suite`.
    """
    if not isinstance(record, Mapping) or record.get("schema") != SCHEMA or record.get("canary") != CANARY:
        raise ImgEditError(f"{where}: expected a suite of schema {SCHEMA}")
    fields = {key: value for key, value in record.items() if key not in ("schema", "canary", "sha256", "tasks")}
    try:
        tasks = tuple(_task(task) for task in record["tasks"])
        suite = Suite(**fields, tasks=tasks)
        found = suite.sha256
    except (KeyError, TypeError, ValueError) as error:
        raise ImgEditError(f"{where}: expected the keys of a suite; {error}") from None
    if record.get("sha256") != found:
        raise ImgEditError(f"{where}: expected the hash of its content, {found}; found {record.get('sha256')}")
    return suite


def _task(record: Mapping[str, Any]) -> SuiteTask:
    lists = {key: tuple(record[key]) for key in ("goals", "verbs")}
    return SuiteTask(**{**record, **lists, "picture": PictureDigest(**record["picture"])})


def write_suite(suite: Suite, path: Path) -> None:
    """Write a suite's file, whole or not at all."""
    write_whole(path, suite.to_json().encode())


def _data() -> Path:
    return Path(str(files("benchmarks.suites") / "data"))


def suite_ids() -> tuple[str, ...]:
    """Suites that come with the package."""
    return tuple(sorted(path.stem for path in _data().glob("*.json")))


def load_suite(name: str) -> Suite:
    """A suite by name, or from a file that ends in ``.json``.

    Raises:
        ImgEditError: If there is none, or the file is not one.
    """
    if name.endswith(".json"):
        return read_suite(Path(name))
    if name not in suite_ids():
        raise ImgEditError(f"unknown suite {name!r}; expected one of {', '.join(suite_ids())}, or a file *.json")
    return read_suite(_data() / f"{name}.json")
