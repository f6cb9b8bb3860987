"""A teacher who is often wrong: the oracle's plan with stated noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import OBJECT_COLORS
from imgedit_gym.core.plan import BACKGROUND, Plan, PlanStep


@dataclass(frozen=True)
class Teacher:
    """Gives plans with mistakes.

    Every step is left out with half the rate, and, if it concerns an object, concerns another object of the picture
    with half the rate; with the rate one step too many is put in somewhere, and with the rate one step is put at
    another place of the plan.

    Attributes:
        rate: How often, in [0, 1].
        objects: Names of objects that superfluous steps bring in.
    """

    rate: float
    objects: Sequence[str]

    def __post_init__(self) -> None:
        """Check the rate."""
        if not 0.0 <= self.rate <= 1.0:
            raise ImgEditError(f"noise: expected a number in [0, 1]; found {self.rate}")

    def plan(self, right: Plan, seen: Sequence[str], dice: random.Random, longest: int) -> Plan:
        """A plan with mistakes.

        Args:
            right: The oracle's plan.
            seen: Names of the objects in the picture.
            dice: Random numbers.
            longest: Most steps of a plan.

        Returns:
            At least one step.
        """
        steps = [self._confused(step, seen, dice) for step in right if dice.random() >= 0.5 * self.rate]
        if dice.random() < self.rate and len(steps) < longest and seen:
            steps.insert(dice.randint(0, len(steps)), self._superfluous(seen, dice))
        if dice.random() < self.rate and len(steps) > 1:
            step = steps.pop(dice.randrange(len(steps)))
            steps.insert(dice.randint(0, len(steps)), step)
        return tuple(steps) or right[:1]

    def _confused(self, step: PlanStep, seen: Sequence[str], dice: random.Random) -> PlanStep:
        others = [name for name in seen if name != step.target]
        concerns = step.verb in ("remove", "replace") or (step.verb == "recolor" and step.target != BACKGROUND)
        if concerns and others and dice.random() < 0.5 * self.rate:
            return replace(step, target=dice.choice(others))
        return step

    def _superfluous(self, seen: Sequence[str], dice: random.Random) -> PlanStep:
        thing = dice.choice(list(seen))
        match dice.randrange(4):
            case 0:
                return PlanStep("remove", thing)
            case 1:
                return PlanStep("replace", thing, dice.choice(list(self.objects)))
            case 2:
                return PlanStep("add", value=dice.choice(list(self.objects)), target="picture")
        return PlanStep("recolor", thing, dice.choice(OBJECT_COLORS))
