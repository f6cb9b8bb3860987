"""One tool call for the whole instruction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baselines.agents.rule_based import RuleBasedAgent
from imgedit_gym.core.plan import Plan
from imgedit_gym.planners import retouching

WORTH = ("replace", "set", "remove", "rewrite", "adjust", "add", "recolor", "edit")
"""Verbs by how much one call of them tends to earn: replacing serves two requirements at once."""


class SingleStepAgent(RuleBasedAgent):
    """Makes the one step of the rules' plan that tends to be worth most, with the table's tool."""

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """The best single step of each plan."""
        plans = super().plan(images, instructions) or []
        if self.context.rules == "retouching":
            return [(max(plan, key=retouching.severity),) for plan in plans]
        return [(min(plan, key=lambda step: WORTH.index(step.verb)),) for plan in plans]
