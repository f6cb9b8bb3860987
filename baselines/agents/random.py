"""Random plans and actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines.agents.base import Agent, AgentContext
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, PICTURE, Plan, PlanStep
from imgedit_gym.core.retouching import PLACES, VALUES


class RandomAgent(Agent):
    """Draws a plan from the grammar, then for each step a tool that accepts it and a region."""

    def begin(self, context: AgentContext) -> None:
        """Seed the agent's own generator."""
        super().begin(context)
        self._rng = np.random.default_rng(context.seed)

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """One to ``max_plan_steps`` steps with random words."""
        lengths = self._rng.integers(1, self.context.max_plan_steps + 1, len(instructions))
        return [tuple(self._step() for _ in range(length)) for length in lengths]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """A tool that accepts the step, uniformly, and any region."""
        chances = self._rng.random(infos["tool_mask"].shape) * infos["tool_mask"]
        regions = self._rng.integers(0, self.context.n_regions, len(chances))
        return np.stack([chances.argmax(1), regions], 1)

    def _step(self) -> PlanStep:
        def pick(words: Sequence[str]) -> str:
            return words[int(self._rng.integers(len(words)))]

        if self.context.rules == "retouching":
            return PlanStep("adjust", pick((PICTURE, *PLACES)), pick(VALUES))
        objects = [item.name for item in self.context.stock.catalogue.objects]
        match self._rng.integers(7):
            case 0:
                return PlanStep("remove", pick(objects))
            case 1:
                return PlanStep("replace", pick(objects), pick(objects))
            case 2:
                return PlanStep("add", PICTURE, pick(objects))
            case 3:
                return PlanStep("recolor", pick([BACKGROUND, *objects]), pick(COLORS))
            case 4:
                return PlanStep("set", BACKGROUND, pick(BACKGROUNDS))
            case 5:
                return PlanStep("rewrite", HEADLINE, pick(self.context.stock.headlines))
        return PlanStep("adjust", PICTURE, pick(TONES))
