"""Pictures that cheat: what somebody would hand in without doing what the task asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.checklist.judging import judge_finished
from benchmarks.checklist.looks import blurred, graded, quantised, saturated, sepia, written_over
from benchmarks.checklist.tally import Tally
from imgedit_gym.core.checklist import Kind
from imgedit_gym.engine import Engine

FAILS = 0.01
"""An attack fails if it succeeds on no more than this share of the tasks."""

FILTERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "grey": lambda x: quantised(saturated(x.float(), 0.0)),
    "sepia": lambda x: quantised(sepia(x.float(), 1.0)),
    "blur": lambda x: quantised(blurred(x.float(), x.shape[1] / 48)),
    "brighten": lambda x: quantised(graded(x.float(), (1.35,) * 3)),
    "darken": lambda x: quantised(graded(x.float(), (0.6,) * 3)),
    "invert": lambda x: 255 - x,
}


def attack_pictures(engine: Engine, finals: torch.Tensor | None, seed: int) -> dict[str, torch.Tensor]:
    """What a cheat would hand in for each task of an engine, by name of the attack.

    Args:
        engine: Fresh episodes.
        finals: Final pictures of the oracle on the same tasks, ``uint8 [B, S, S, 3]``; ``None`` leaves out the
            attacks made of them.
        seed: Of the noise.
    """
    source = engine.batch.images
    noise = torch.Generator().manual_seed(seed)
    attacks = {
        "unchanged": source,
        "white": torch.full_like(source, 255),
        "blank grey": torch.full_like(source, 128),
        "noise": torch.randint(0, 256, source.shape, generator=noise, dtype=torch.uint8),
    }
    if finals is not None and len(finals) > 1:
        attacks["another task's result"] = finals.roll(1, 0)
    texts = [engine.tasks.instruction(engine.batch, row) for row in range(len(source))]
    painted = [written_over(picture.numpy(), text) for picture, text in zip(source, texts, strict=True)]
    attacks["instruction painted on"] = torch.from_numpy(np.stack(painted))
    return attacks | {f"filter: {name}": made(source) for name, made in FILTERS.items()}


def judge_attacks(engine: Engine, finals: torch.Tensor | None, seed: int, tallies: dict[str, Tally]) -> None:
    """Judge the final pictures of every attack, all requirements due.

    A task that asks for nothing but a look is left out for the filters: there they are no attack.
    """
    kinds = engine.batch.requirements[:, :, 0]
    more_than_tone = ((kinds != 0) & (kinds != Kind.TONE)).any(1)
    for name, pictures in attack_pictures(engine, finals, seed).items():
        verdict = judge_finished(engine, pictures)
        counted = more_than_tone if name.startswith("filter") else torch.ones_like(more_than_tone)
        tally = tallies.setdefault(name, Tally())
        tally.scores += verdict.score[counted].tolist()
        tally.successes += verdict.success[counted].tolist()


def summarise_attacks(tallies: Mapping[str, Tally], seed: int) -> dict[str, Any]:
    """Score and successes of every attack, and whether it fails."""
    table = {name: tally.summary(seed) for name, tally in tallies.items()}
    for row in table.values():
        row["fails"] = (row["success"]["rate"] or 0.0) <= FAILS
    return table
