"""Every requirement drawn satisfied and not, judged, and counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmarks.checklist.definition import DOUBT, requirement_rows
from benchmarks.checklist.judging import judge_finished
from benchmarks.checklist.looks import VISIBLE, give_tone
from benchmarks.checklist.staging import Stage, Truth
from benchmarks.checklist.tally import EXAMPLES, rate
from imgedit_gym.core.checklist import MAX_REQUIREMENTS, Kind
from imgedit_gym.core.names import BACKGROUNDS, TONES
from imgedit_gym.engine import Engine


@dataclass(frozen=True)
class Judgement:
    """One requirement of one drawn advert, as it is and as the judge sees it."""

    kind: str
    seed: int
    requirement: str
    staged: str
    beside: tuple[str, ...]
    background: str
    astray: bool
    holds: bool
    value: float

    @property
    def wrong(self) -> bool:
        """Whether the judge is mistaken."""
        return (self.value >= 0.5) != self.holds

    @property
    def case(self) -> str:
        """What was done, without the names of things."""
        if self.kind == Kind.TONE.name:
            return self.staged.replace("left", "no tone given")
        words = ("removed", "recoloured", "replaced by the forbidden", "in the old place", "in a free place", "left of")
        found = next((word for word in words if word in self.staged), "changed" if self.staged[:3] == "to " else "")
        outside = ", outside the set" if "outside" in self.staged else ""
        return (found or self.staged) + outside


def judge_drawings(engine: Engine, seeds: Sequence[int], seed: int, repeats: int) -> list[Judgement]:
    """Draw every requirement of every task satisfied and not, and judge both.

    Args:
        engine: Fresh episodes of the seeds.
        seeds: Seed of each environment, for the record.
        seed: Of the random choices.
        repeats: Pairs of drawings for each requirement.
    """
    stage = Stage(engine, seed)
    counts = (engine.batch.requirements[:, :, 0] != 0).sum(1)
    found: list[Judgement] = []
    for target in range(int(counts.max())):
        rows = (counts > target).nonzero().flatten()
        for wanted in (True, False) * repeats:
            found += _judge_drawing(engine, stage, rows, target, wanted, seeds)
    return found


def _judge_drawing(
    engine: Engine, stage: Stage, rows: torch.Tensor, target: int, wanted: bool, seeds: Sequence[int]
) -> list[Judgement]:
    """One drawing of each of some tasks, their requirement ``target`` satisfied or not."""
    staged = [stage.set_up(row, target, wanted) for row in rows.tolist()]
    plain, plates = stage.draw(rows)
    canvas = with_looks(plain, [truth for truth, _ in staged])
    verdict = judge_finished(engine, canvas, rows)
    found = []
    for i, row in enumerate(rows.tolist()):
        truth, holds = staged[i]
        if not is_clear(engine, row, target, truth, holds, plain[i : i + 1], plates[i : i + 1]):
            continue
        words = [item.text for item in engine.tasks.requirements(engine.batch, row)]
        beside = tuple(f"{words[j]}: {case}" for j, case in enumerate(truth.cases) if j != target)
        now, was = int(stage.scene.kind[row]), int(engine.batch.background[row])
        found.append(
            Judgement(
                kind=Kind(int(engine.batch.requirements[row, target, 0])).name,
                seed=seeds[row],
                requirement=words[target],
                staged=truth.cases[target],
                beside=beside,
                background=BACKGROUNDS[was] + (f", now {BACKGROUNDS[now]}" if now != was else ""),
                astray=truth.astray,
                holds=holds,
                value=float(verdict.requirements[i, target]),
            )
        )
    return found


WASHED_OUT = 0.5
"""Share of the pixels clipped by a look above which the picture no longer shows what was staged."""


def with_looks(plain: torch.Tensor, truths: Sequence[Truth]) -> torch.Tensor:
    """Drawings with the looks they were staged to have, ``uint8 [n, S, S, 3]``."""
    canvas = plain.clone()
    for i, truth in enumerate(truths):
        if truth.tone:
            canvas[i : i + 1] = give_tone(plain[i : i + 1], truth.tone, truth.strength)
    return canvas


def is_clear(
    engine: Engine, row: int, target: int, truth: Truth, holds: bool, picture: torch.Tensor, plate: torch.Tensor
) -> bool:
    """Whether a drawing is what it was staged to be.

    The look is visible, does not wash out most of the picture, and does not turn the background's colour.
    """
    return not _is_washed_out(truth, picture) and _is_shown(engine, row, target, truth, holds, picture, plate)


def _is_washed_out(truth: Truth, picture: torch.Tensor) -> bool:
    if not truth.tone:
        return False
    toned = give_tone(picture, truth.tone, truth.strength)
    clipped = ((toned == 255) & (picture < 255)) | ((toned == 0) & (picture > 0))
    return bool(clipped.any(-1).float().mean() > WASHED_OUT)


def _is_shown(
    engine: Engine, row: int, target: int, truth: Truth, holds: bool, picture: torch.Tensor, plate: torch.Tensor
) -> bool:
    kind, arg = Kind(int(engine.batch.requirements[row, target, 0])), int(engine.batch.requirements[row, target, 3])
    if kind == Kind.TONE and TONES[arg] not in ("soft", "crisp"):
        asked = give_tone(picture, TONES[arg], truth.strength)
        return bool((asked.float() - picture.float()).abs().mean() >= VISIBLE)
    if kind == Kind.BACKGROUND_COLOR:
        toned = give_tone(plate, truth.tone, truth.strength) if truth.tone else plate
        apart = (engine.tasks.stock.colors - toned.float().mean((0, 1, 2))).norm(dim=1)
        return bool(apart.argmin() == arg) == holds
    return True


def known_of_drawing(
    engine: Engine, stage: Stage, row: int, truth: Truth, picture: torch.Tensor, plate: torch.Tensor
) -> torch.Tensor:
    """What is known by construction of an advert as it is set up now, wherever its things were moved since.

    Args:
        engine: Whose task it is.
        stage: Where it is set up.
        row: The task.
        truth: What was staged.
        picture: The drawing before it is given a look, ``uint8 [1, S, S, 3]``.
        plate: Its background alone, ``uint8 [1, S, S, 3]``.

    Returns:
        What :meth:`Drawn.known` says of each requirement, but :data:`DOUBT` where the drawing does not show it; nan
        where nothing is asked, ``float32 [R]``.
    """
    known = torch.full((MAX_REQUIREMENTS,), torch.nan)
    drawn, wishes = stage.drawn(row, truth), requirement_rows(engine.batch, row)
    if _is_washed_out(truth, picture):
        known[: len(wishes)] = DOUBT
        return known
    for at, wish in enumerate(wishes):
        value = drawn.known(wish, stage.sets)
        shown = math.isnan(value) or _is_shown(engine, row, at, truth, value == 1.0, picture, plate)
        known[at] = value if shown else DOUBT
    return known


def _errors(judgements: Sequence[Judgement]) -> dict[str, Any]:
    positives = [one for one in judgements if one.holds]
    negatives = [one for one in judgements if not one.holds]
    return {
        "positives": len(positives),
        "negatives": len(negatives),
        "false_fail": rate(sum(one.wrong for one in positives), len(positives)),
        "false_pass": rate(sum(one.wrong for one in negatives), len(negatives)),
    }


def summarise_drawings(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Error rates by kind of requirement, and by what was done; with some of the wrong judgements."""
    kinds = [kind.name for kind in Kind if kind not in (Kind.NONE, Kind.INSTRUCTION)]
    table: dict[str, Any] = {}
    for kind in kinds:
        every = [one for one in judgements if one.kind == kind]
        mine = [one for one in every if not one.astray]
        cases = sorted({(one.holds, one.case) for one in mine})
        table[kind] = _errors(mine) | {
            "cases": [
                {"holds": holds, "case": case} | {"wrong": rate(sum(one.wrong for one in same), len(same))}
                for holds, case in cases
                for same in [[one for one in mine if (one.holds, one.case) == (holds, case)]]
            ],
            "astray": _errors([one for one in every if one.astray]),
            "examples": [asdict(one) for one in mine if one.wrong][:EXAMPLES],
        }
    table["all"] = _errors([one for one in judgements if not one.astray])
    return table
