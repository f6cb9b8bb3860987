"""How well the editor does, in one call of the tool on each task."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from baselines.agents.single_step_diffusion import TOOL, SingleStepDiffusionAgent
from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_HEADLINE, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine

BATCH = 50
"""Tasks at a time."""


@dataclass(frozen=True)
class Measured:
    """What the editor makes of some tasks.

    Attributes:
        episodes: Tasks.
        score: Mean score; the others likewise.
        passed: Share of the requirements that pass, and how many there are, by kind.
        kept: Mean preservation of objects, of the background, and of the headline, where they were to be kept.
        untouched: Share of the pixels that are bit by bit those of the source.
        seconds: By picture.
    """

    episodes: int
    score: float
    success: float
    execution: float
    preservation: float
    quality: float
    passed: dict[str, tuple[float, int]]
    kept: dict[str, float]
    untouched: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def measure(
    folder: Path, episodes: int, split: str = "test", seed: int = 0, steps: int | None = None, image_size: int = 128
) -> tuple[Measured, torch.Tensor]:
    """Play tasks.

    Args:
        folder: Of the pipeline.
        episodes: How many.
        split: Of which split.
        seed: Of the first.
        steps: Denoising steps; the pipeline's own if none are named.
        image_size: Edge of the pictures in pixels.

    Raises:
        ImgEditError: If the editor fails.

    Returns:
        What was measured, and the first pictures before and after, ``uint8 [n, 2, S, S, 3]``.
    """
    agent = SingleStepDiffusionAgent(folder, steps)
    numbers: dict[str, list[float]] = {
        name: [] for name in ("score", "success", "execution", "preservation", "quality")
    }
    passed: dict[str, list[bool]] = {}
    kept: dict[str, list[float]] = {"objects": [], "background": [], "headline": []}
    untouched: list[float] = []
    shown: list[torch.Tensor] = []
    seconds = 0.0
    for start in range(0, episodes, BATCH):
        rows = range(min(BATCH, episodes - start))
        engine = Engine(len(rows), tools=agent.tools, planner="none", split=split, image_size=image_size)
        engine.reset(rows, [seed + start + row for row in rows])
        actions = torch.tensor([[engine.tool_ids.index(TOOL), 0]]).expand(len(rows), 2)
        began = time.perf_counter()
        result = engine.step(actions)
        seconds += time.perf_counter() - began
        verdict = result.verdict
        for row, problem in enumerate(result.problems.tolist()):
            if problem > 0:  # not where nothing changed
                told = engine.problem_text(int(actions[row, 0]), problem)
                raise ImgEditError(f"{folder}: expected an editor that works; {told}")
        batch = engine.batch
        for name, values in numbers.items():
            values += getattr(verdict, name).float().tolist()
        for row in rows:
            for at, wish in enumerate(batch.requirements[row].tolist()):
                if wish[0]:
                    passed.setdefault(Kind(wish[0]).name, []).append(float(verdict.requirements[row, at]) >= 0.5)
            for label, keep in enumerate(batch.keep[row].tolist()):
                if keep and verdict.preserved is not None:
                    what = {LABEL_BACKGROUND: "background", LABEL_HEADLINE: "headline"}.get(label, "objects")
                    kept[what].append(float(verdict.preserved[row, label]))
        untouched += (engine.canvas == batch.images).all(-1).float().mean((1, 2)).tolist()
        if not shown:
            shown = [torch.stack([batch.images, engine.canvas], 1).clone()]
    found = Measured(
        episodes=episodes,
        **{name: _mean(values) for name, values in numbers.items()},
        passed={kind: (_mean(values), len(values)) for kind, values in sorted(passed.items())},
        kept={what: _mean(values) for what, values in kept.items()},
        untouched=_mean(untouched),
        seconds=seconds / episodes,
    )
    return found, shown[0]


def _mean(values: list[Any]) -> float:
    return sum(values) / len(values) if values else float("nan")


def draw_sheet(pictures: torch.Tensor, path: Path, columns: int = 4) -> None:
    """Write pictures before and after, side by side, as one picture."""
    columns = min(columns, len(pictures))
    n = len(pictures) // columns * columns
    pairs = torch.cat([pictures[:n, 0], pictures[:n, 1]], 2)
    gap = torch.full((n, pairs.shape[1] + 6, pairs.shape[2] + 6, 3), 255, dtype=torch.uint8)
    gap[:, 3:-3, 3:-3] = pairs
    rows = [torch.cat(list(gap[start : start + columns]), 1) for start in range(0, n, columns)]
    Image.fromarray(torch.cat(rows).cpu().numpy()).save(path)
