"""Two requests about one picture: a plan for both is made of the planner's own plans for each.

The pairs of goals that the split ``test-compose`` draws from are left out, so that what is learnt is how to serve two
requests, and not those pairs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property

from baselines.planner.planner import Planner
from baselines.training.planner.lessons import Chunk, Item
from imgedit_gym.art.goals import GoalBook
from imgedit_gym.core.plan import BACKGROUND, Plan, PlanStep
from imgedit_gym.planners.rules import JOINT

_ORDER = ("recolor", "background", "replace", "add", "rewrite", "adjust")
"""In which order steps do not spoil each other; taking away and replacing are done in one go."""

_ONCE = ("background", "rewrite", "adjust")
"""Of these a picture needs one, whatever is asked for."""


class Joiner:
    """Joins requests and plans.

    Args:
        planner: Who plans for the second request.
        book: The goals.
        seed: Of all random choices.
    """

    def __init__(self, planner: Planner, book: GoalBook, seed: int) -> None:
        self._planner, self._book, self._dice = planner, book, random.Random(seed)

    @cached_property
    def _partners(self) -> dict[int, list[int]]:
        """Goals that may be joined to each."""
        taken = set(self._book.compatible_pairs())
        return {
            goal: [other for other in self._book.seen if other != goal and not {(goal, other), (other, goal)} & taken]
            for goal in self._book.seen
        }

    def join(self, chunk: Chunk, items: Sequence[Item]) -> list[Item]:
        """Second requests for some tasks of a chunk, with plans for both.

        Args:
            chunk: The tasks.
            items: Requests of these tasks and plans that serve them.
        """
        asked: list[tuple[Item, str]] = []
        for item in items:
            partners = self._partners.get(int(chunk.batch.goals[item.row, 0]), [])
            if partners:
                asked.append((item, self._dice.choice(self._book.goals[self._dice.choice(partners)].phrasings)))
        if not asked:
            return []
        tokens = chunk.tokens[[item.row for item, _ in asked]].float()
        plans = self._planner.plan_seen(tokens, [request for _, request in asked])
        found: list[Item] = []
        for (item, request), plan in zip(asked, plans, strict=True):
            both = _without_infeasible(chunk, item.row, joined(item.plan, plan))
            if len(both) <= self._planner.grammar.max_steps:
                pair = [item.request, request]
                self._dice.shuffle(pair)
                found.append(Item(item.row, JOINT.join(pair), both))
        return found


def _without_infeasible(chunk: Chunk, row: int, plan: Plan) -> Plan:
    """What can be carried out of a plan: the picture may lack what the request that it was not made for means."""
    amiss = chunk.tasks.check_plan(chunk.batch, row, plan).infeasible
    return tuple(step for at, step in enumerate(plan) if at not in amiss)


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
