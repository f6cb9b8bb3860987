"""The repository's own agents as submissions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from baselines.agents import AGENTS
from benchmarks.evaluate import evaluate
from benchmarks.submit import prepare
from benchmarks.suites import Suite
from benchmarks.verify import Report, verify
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import TASKS

CONTACT = "the issue tracker of imgedit-gym"


def submit_baseline(
    name: str, suite: Suite, runs: Path, out: Path, progress: Callable[[int], None] = lambda done: None
) -> Report:
    """Evaluate an agent and put its submission in the place of the one that is there.

    Pictures are left out, as replays make them again.

    Args:
        name: The agent.
        suite: The suite.
        runs: Folder for evaluations; one that is there is gone on with.
        out: Folder for submissions, each at ``suite/agent``.
        progress: Told how many tasks have been played.

    Returns:
        The submission's verification.

    Raises:
        ImgEditError: If the submission does not hold; the old one stays then.
    """
    about = plain((AGENTS.factory(name).__doc__ or "").partition("\n")[0])
    words = {
        "name": name,
        "description": f"{about} A baseline of this repository.",
        "authors": ["the imgedit-gym contributors"],
        "contact": CONTACT,
        "url": "",
        "training": "See docs/baselines.md. No test task was used.",
        "cost": {},
    }
    run = evaluate(suite, name, runs / suite.id / name, progress=progress)
    place = out / suite.id / name
    fresh = place.with_name(f".{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    prepare(run, fresh, words, suite, pictures=False)
    report = verify(fresh, suite=suite)
    if not report.holds:
        raise ImgEditError(report.text())
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
    report.submission = str(place)
    return report


def players(suite: Suite, named: Sequence[str] | None = None) -> tuple[list[str], dict[str, str]]:
    """Which agents play a suite.

    Args:
        suite: The suite.
        named: The agents asked for; ``None`` for all that can.

    Returns:
        Names of those that play, and why the others are left out, by name.

    Raises:
        ImgEditError: If one that is asked for cannot play.
    """
    found: list[str] = []
    left_out: dict[str, str] = {}
    for name in AGENTS.ids() if named is None else named:
        try:
            why = _obstacle(name, suite)
        except ImgEditError as error:
            if named is not None:
                raise
            why = f"cannot be built: {error}"
        if why and named is not None:
            raise ImgEditError(f"--agents: {name} {why}")
        if why:
            left_out[name] = why
        else:
            found.append(name)
    return found, left_out


def _obstacle(name: str, suite: Suite) -> str:
    """Why an agent cannot play a suite; empty if it can."""
    made = AGENTS.factory(name)
    source = TASKS.factory(TASKS.spec(suite.environment["arguments"]["tasks"])["id"])
    rules = getattr(source, "rules", "adverts")
    if rules not in (getattr(made, "worlds", None) or (rules,)):
        return "was not made for such tasks"
    # what an agent brings along may hang on its arguments
    return "brings tools of its own" if AGENTS.build(name).tools else ""


def plain(text: str) -> str:
    """A docstring's line without markup: of a role with `package.Name` the name is left."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text)
    return re.sub(r"``?([^`]+)``?", r"\1", text)
