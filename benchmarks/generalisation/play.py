"""Scores of contestants on the tasks of several splits, kept so that a run that is stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from baselines.agents import AGENTS
from baselines.cli import write_json
from baselines.rollout import run_episodes
from benchmarks.generalisation.contestants import Contestant
from benchmarks.tasks import batches
from imgedit_gym.core.errors import ImgEditError

FLOOR, CEILING = "no-op", "oracle"
SCORES = "scores.json"

Cell = dict[str, list[float]]
"""``score`` and ``success`` of one agent on one split's tasks, in the order of their seeds."""

Scores = dict[str, dict[str, dict[str, Cell]]]
"""By split, contestant, and folder of the training."""


def play(
    competing: Sequence[Contestant],
    splits: Sequence[str],
    seeds: Sequence[int],
    folder: Path,
    settings: str,
    progress: Callable[[str], None] = lambda done: None,
) -> Scores:
    """Play every split with every contestant and with the anchors.

    Args:
        competing: The contestants.
        splits: Splits of the adverts.
        seeds: Of the tasks.
        folder: Where scores are kept.
        settings: All that scores depend on, as text.
        progress: Told of each cell that is done.

    Raises:
        ImgEditError: If the folder holds scores of other settings.
    """
    path = folder / SCORES
    kept: dict[str, Any] = {"settings": settings, "splits": {}}
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("settings") != settings:
            raise ImgEditError(
                f"{path}: expected scores with {settings}; found {kept.get('settings')}. Choose another --out"
            )
    anchors = [Contestant(name, {"": lambda name=name: AGENTS.build(name)}) for name in (FLOOR, CEILING)]  # type: ignore[misc]
    names = {one.name for one in competing}
    for split in splits:
        cells = kept["splits"].setdefault(split, {})
        for one in [*(anchor for anchor in anchors if anchor.name not in names), *competing]:
            done = cells.setdefault(one.name, {})
            for run in one.make:
                if run not in done:
                    done[run] = _cell(one, run, split, seeds)
                    write_json(path, kept)
                progress(f"{split}: {one.name} {run}".strip())
    found: Scores = {}
    for split in splits:
        cells = kept["splits"][split]
        asked = {FLOOR: {""}, CEILING: {""}} | {one.name: set(one.make) for one in competing}
        found[split] = {name: {run: cells[name][run] for run in cells[name] if run in asked[name]} for name in asked}
    return found


def _cell(one: Contestant, run: str, split: str, seeds: Sequence[int]) -> Cell:
    agent, scores, success = one.make[run](), [], []
    for some in batches(seeds):
        for episode in run_episodes(one.name, agent, some, {"split": split}):
            scores.append(episode.score)
            success.append(float(episode.success))
    return {"score": scores, "success": success}
