"""Two requests about one picture: a plan for both is made of the planner's own plans for each.

The pairs of goals that the split ``test-compose`` draws from are left out, so that what is learnt is how to serve two
requests, and not those pairs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property

from baselines.planner.joining import joined
from baselines.planner.planner import Planner
from baselines.training.planner.lessons import Chunk, Item
from imgedit_gym.art.goals import GoalBook
from imgedit_gym.core.plan import Plan
from imgedit_gym.planners.rules import JOINT


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
