"""The repository's own agents as submissions."""

from __future__ import annotations

import shutil
from pathlib import Path

from baselines.agents import AGENTS
from benchmarks.evaluate import evaluate
from benchmarks.submit import prepare
from benchmarks.suites import Suite
from benchmarks.verify import Report, verify
from imgedit_gym.core.errors import ImgEditError

CONTACT = "the issue tracker of imgedit-gym"


def submit_baseline(name: str, suite: Suite, runs: Path, out: Path) -> Report:
    """Evaluate an agent and put its submission in the place of the one that is there.

    Pictures are left out, as replays make them again.

    Args:
        name: The agent.
        suite: The suite.
        runs: Folder for evaluations; one that is there is gone on with.
        out: Folder for submissions, each at ``suite/agent``.

    Returns:
        The submission's verification.

    Raises:
        ImgEditError: If the submission does not hold; the old one stays then.
    """
    about = (AGENTS.factory(name).__doc__ or "").partition("\n")[0]
    words = {
        "name": name,
        "description": f"{about} A baseline of this repository.",
        "authors": ["the imgedit-gym contributors"],
        "contact": CONTACT,
        "url": "",
        "training": "See docs/baselines.md. No test task was used.",
        "cost": {},
    }
    run = evaluate(suite, name, runs / suite.id / name)
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
