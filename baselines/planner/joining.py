"""Two requests about one picture: a plan for each, and one plan of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import torch

from imgedit_gym.core.plan import BACKGROUND, Plan, PlanStep
from imgedit_gym.planners.rules import JOINT

if TYPE_CHECKING:
    from baselines.planner.planner import Planner

_ORDER = ("recolor", "background", "replace", "add", "rewrite", "adjust")
"""In which order steps do not spoil each other; taking away and replacing are done in one go."""

_ONCE = ("background", "rewrite", "adjust")
"""Of these a picture needs one, whatever is asked for."""


def plan_apart(planner: Planner, images: torch.Tensor, requests: Sequence[str]) -> list[Plan]:
    """Likeliest plans, of which those for requests that join two are made of a plan for each.

    Args:
        planner: Who plans.
        images: ``uint8 [n, H, W, 3]``.
        requests: n texts; ``" Also: "`` joins two requests.
    """
    if planner.edge:
        return plan_seen_apart(planner, planner.look(images), requests)
    rows, parts = _parts(requests)
    return _joined(planner, rows, planner.plan(images[rows], parts), len(requests))


def plan_seen_apart(planner: Planner, tokens: torch.Tensor, requests: Sequence[str]) -> list[Plan]:
    """The same from image tokens that are known; of the package's model alone."""
    rows, parts = _parts(requests)
    return _joined(planner, rows, planner.plan_seen(tokens[rows], parts), len(requests))


def _parts(requests: Sequence[str]) -> tuple[list[int], list[str]]:
    found = [(row, part) for row, request in enumerate(requests) for part in request.split(JOINT)]
    return [row for row, _ in found], [part for _, part in found]


def _joined(planner: Planner, rows: Sequence[int], plans: Sequence[Plan], count: int) -> list[Plan]:
    found: list[list[Plan]] = [[] for _ in range(count)]
    for row, plan in zip(rows, plans, strict=True):
        found[row].append(plan)
    return [reduce(joined, some)[: planner.grammar.max_steps] for some in found]


def joined(first: Plan, second: Plan) -> Plan:
    """One plan for the requests of two.

    What both would change once is changed as the first says, and a headline only if neither is content with it; of two
    steps that concern one object, or bring in one object, the first plan's stays.
    """
    kept = list(first)
    targets, values = _things(first)
    rewritten = all(any(step.verb == "rewrite" for step in plan) for plan in (first, second))
    done = {_kind(step) for step in first}
    for step in second:
        own_targets, own_values = _things((step,))
        if (_kind(step) in _ONCE and _kind(step) in done) or own_targets & targets or own_values & values:
            continue
        kept.append(step)
    if not rewritten:
        kept = [step for step in kept if step.verb != "rewrite"] or kept
    return in_order(kept)


def in_order(steps: Sequence[PlanStep]) -> Plan:
    """A plan of some steps, in an order in which none spoils another."""
    return tuple(sorted(steps, key=lambda step: _ORDER.index("replace" if step.verb == "remove" else _kind(step))))


def _kind(step: PlanStep) -> str:
    return BACKGROUND if step.target == BACKGROUND else step.verb


def _things(plan: Sequence[PlanStep]) -> tuple[set[str], set[str]]:
    """Objects that a plan edits, and those it brings in."""
    targets = {step.target for step in plan if step.verb in ("remove", "replace") or _kind(step) == "recolor"}
    return targets, {step.value for step in plan if step.verb in ("replace", "add")}
