"""What the marks learn: from a plan, for each place of the picture, which step concerns what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from baselines.planner.marks import BACKGROUND_TYPE, HEADLINE_TYPE, OBJECT_TYPE, Marks, Places
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, VERBS, Plan

MARKS = 0.5
"""Weight of the marks beside the words."""

ELSEWHERE = 0.5
"""Weight of places that show background or headline, beside those that show things."""


@dataclass(frozen=True)
class Marked:
    """Plans as marks of the places of their pictures.

    Attributes:
        shown: What each place shows, an index of the places' kinds, ``int64 [n, T]``.
        verbs: Index of the verb of the step that concerns it, 0 for none, ``int64 [n, T]``.
    """

    shown: torch.Tensor
    verbs: torch.Tensor


def marked(plans: Sequence[Plan], shown: torch.Tensor, places: Places) -> Marked:
    """Marks that plans give to what their pictures show.

    Args:
        plans: n of them.
        shown: ``int64 [n, T]``.
        places: What can be shown.
    """
    kinds = {name: index for index, name in enumerate(places.kinds) if places.types[index] == OBJECT_TYPE}
    verbs = torch.zeros_like(shown)
    types = places.types.to(shown.device)[shown]
    for row, plan in enumerate(plans):
        for step in plan:
            if step.target == BACKGROUND:
                there = types[row] == BACKGROUND_TYPE
            elif step.target == HEADLINE:
                there = types[row] == HEADLINE_TYPE
            else:
                there = shown[row] == kinds.get(step.target, -1)
            verbs[row][there] = VERBS.index(step.verb)
    return Marked(shown, verbs)


def marks_loss(marks: Marks, states: torch.Tensor, truth: Marked) -> torch.Tensor:
    """Cross-entropy of the marks, from states of the places ``[n, T, width]``."""
    loss = F.cross_entropy(marks(states).flatten(0, 1), truth.verbs.flatten(), reduction="none").view_as(truth.verbs)
    things = marks.places.types.to(loss.device)[truth.shown] == OBJECT_TYPE
    return MARKS * (_mean(loss, things) + ELSEWHERE * _mean(loss, ~things))


def _mean(loss: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return (loss * where).sum() / where.sum().clamp_min(1)


def in_order_of_picture(plan: Plan, shown: Sequence[int], places: Places) -> Plan:
    """A plan whose steps that remove and replace follow one another as the picture shows what they concern.

    Which of them comes first makes no difference to the picture, so that nothing is to be learnt from it.
    """
    taking = [at for at, step in enumerate(plan) if step.verb in ("remove", "replace")]
    by_target = {plan[at].target: plan[at] for at in taking}
    if len(by_target) < len(taking):  # one thing twice: the teacher was wrong
        return plan
    first: dict[str, int] = {}
    for at, kind in enumerate(shown):
        first.setdefault(places.kinds[kind], at)
    order = sorted(by_target, key=lambda target: first.get(target, len(shown)))
    steps = list(plan)
    for at, target in zip(taking, order, strict=True):
        steps[at] = by_target[target]
    return tuple(steps)
