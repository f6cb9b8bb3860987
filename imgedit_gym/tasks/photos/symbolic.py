"""Carrying out plans in thought: what retouching steps make of the faults of a photograph."""

from __future__ import annotations

from collections.abc import Sequence

from imgedit_gym.core.plan import PICTURE, Plan, PlanStep
from imgedit_gym.core.plan_report import Outcome, Place
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.retouching import PLACES, Wish, read_value
from imgedit_gym.tasks.photos.task_kernels import SHADOW_LABEL

OPPOSITE = {("exposure", 1): ("exposure", 0), ("cast", 1): ("cast", 0), ("cast", 3): ("cast", 2)}
"""Words that undo another word, on whose scale they count downwards."""

Scale = tuple[str, int, str]
"""Aspect, direction and place of what a step changes."""


class SymbolicPhoto:
    """One task in plain words: a level on each scale, which every step moves by its degree.

    Args:
        faults: The oracle's steps in order, each of which takes one fault away.
        kept: Segment labels that must be preserved.
    """

    def __init__(self, faults: Sequence[PlanStep], kept: Sequence[int]) -> None:
        self._faults = [found for step in faults if (found := _move(step)) is not None]
        self._kept = tuple(kept)
        self._shadow = next((step.target for step in faults if step.target in PLACES), "")

    def carry_out(self, plan: Plan) -> Outcome:
        """What a plan makes of the task: a fault is gone if the steps on its scale come to just its degree."""
        levels: dict[Scale, int] = {}
        for scale, moves in self._faults:
            levels[scale] = levels.get(scale, 0) - moves
        own = list(levels)
        problems, places = [], []
        for step in plan:
            move = _move(step)
            if move is None:
                problems.append(f"expected a retouching step, adjust the PICTURE OR PLACE to WORD; found {step.text!r}")
                places.append(Place())
                continue
            scale, moves = move
            levels[scale] = levels.get(scale, 0) + moves
            problems.append("")
            places.append(self._place(step.target))
        spoilt = any(level != 0 for scale, level in levels.items() if scale not in own)
        return Outcome(
            satisfied=tuple(levels[scale] == 0 for scale, _ in self._faults),
            kept=self._kept,
            broken=self._kept if spoilt else (),
            problems=tuple(problems),
            places=tuple(places),
        )

    def _place(self, target: str) -> Place:
        if target == PICTURE:
            return Place()
        if target == self._shadow:
            return Place(SHADOW_LABEL)
        row, column = divmod(PLACES.index(target), 3)
        at = [1, LATTICE // 2, LATTICE - 2]
        return Place(0, at[row] * LATTICE + at[column])


def _move(step: PlanStep) -> tuple[Scale, int] | None:
    """The scale that a step moves and by how much; ``None`` for a step that is none of retouching."""
    wish = read_value(step.value)
    if step.verb != "adjust" or wish is None or step.target not in (PICTURE, *PLACES):
        return None
    return _scale(wish, step.target), (wish.degree + 1) * _sign(wish)


def _scale(wish: Wish, target: str) -> Scale:
    aspect, direction = OPPOSITE.get((wish.aspect, wish.direction), (wish.aspect, wish.direction))
    return aspect, direction, target


def _sign(wish: Wish) -> int:
    return -1 if (wish.aspect, wish.direction) in OPPOSITE else 1
