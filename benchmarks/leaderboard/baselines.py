"""The repository's own agents as submissions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from baselines.agents import AGENTS
from benchmarks.evaluate import evaluate
from benchmarks.submit import prepare
from benchmarks.suites import Suite
from benchmarks.verify import Report, verify
from imgedit_gym.core.errors import ImgEditError

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


def plain(text: str) -> str:
    """A docstring's line without markup: of a role with `package.Name` the name is left."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text)
    return re.sub(r"``?([^`]+)``?", r"\1", text)
