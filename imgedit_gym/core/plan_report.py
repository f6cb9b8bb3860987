"""Measures of a plan apart from its execution: what it would satisfy, and which of its steps are amiss.

They follow from the task and the plan alone. A task source says what a plan makes of a task if every step that can
be carried out is carried out perfectly, :class:`Outcome`; :func:`assess` compares that with what the plan would make
of it without each step, and with each step earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from imgedit_gym.core.checklist import LABEL_PICTURE
from imgedit_gym.core.plan import Plan


@dataclass(frozen=True)
class Place:
    """Where a plan step is carried out.

    Attributes:
        label: Segment label of the source picture; 255 for the whole picture.
        cell: Lattice cell where something is added, from 0; -1 elsewhere.
    """

    label: int = LABEL_PICTURE
    cell: int = -1


@dataclass(frozen=True)
class Outcome:
    """What a plan makes of a task, each step that can be carried out being carried out perfectly.

    Attributes:
        satisfied: Whether each requirement is satisfied in the end, in the order of the checklist's rows.
        kept: Segment labels of all that must be preserved.
        broken: Those of them that are not.
        problems: Why each step cannot be carried out when its turn comes; empty where it can.
        places: Where each step is carried out; the whole picture where it cannot be.
    """

    satisfied: tuple[bool, ...]
    kept: tuple[int, ...]
    broken: tuple[int, ...]
    problems: tuple[str, ...]
    places: tuple[Place, ...]

    @property
    def worth(self) -> tuple[int, int]:
        """By what outcomes are compared: first the requirements satisfied, then the fewer things broken."""
        return sum(self.satisfied), -len(self.broken)


@dataclass(frozen=True)
class PlanReport:
    """Measures of a plan. Steps are given by their index.

    Attributes:
        coverage: Share of the requirements that are satisfied, in [0, 1].
        preservation: Share of the things that must be preserved that are, in [0, 1].
        satisfied: Which requirements are satisfied, in the order of the checklist's rows.
        broken: Segment labels of the things that should have been preserved and are not.
        infeasible: Steps that cannot be carried out when their turn comes: the target is not there, the value is
            unknown or does not fit the target, or there is no room.
        redundant: Steps that can be carried out, but without which the same is satisfied and the same is broken.
            Of two steps for one purpose both are: drop one, and the other no longer is.
        harmful: Steps without which more is satisfied, or as much and less is broken.
        disordered: Steps that come too late: the target was there at first and an earlier step took it away, or
            at an earlier place in the plan the step would have led to more.
        problems: Why each step is infeasible; empty where it is not.
        places: Where each step is carried out.
    """

    coverage: float
    preservation: float
    satisfied: tuple[bool, ...]
    broken: tuple[int, ...]
    infeasible: tuple[int, ...]
    redundant: tuple[int, ...]
    harmful: tuple[int, ...]
    disordered: tuple[int, ...]
    problems: tuple[str, ...]
    places: tuple[Place, ...]

    @property
    def flawless(self) -> bool:
        """Whether everything is satisfied and preserved, and no step is amiss."""
        amiss = self.infeasible or self.redundant or self.harmful or self.disordered
        return self.coverage == 1.0 and self.preservation == 1.0 and not amiss

    def to_dict(self) -> dict[str, Any]:
        """The measures in plain lists and numbers, without the places."""
        found = asdict(self)
        del found["places"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def assess(plan: Plan, carry_out: Callable[[Plan], Outcome]) -> PlanReport:
    """Measure a plan.

    Args:
        plan: The plan.
        carry_out: What a plan makes of the task.
    """
    outcome = carry_out(plan)
    count = range(len(plan))
    without = {i: carry_out(plan[:i] + plan[i + 1 :]) for i in count if not outcome.problems[i]}
    return PlanReport(
        coverage=_share(sum(outcome.satisfied), len(outcome.satisfied)),
        preservation=_share(len(outcome.kept) - len(outcome.broken), len(outcome.kept)),
        satisfied=outcome.satisfied,
        broken=outcome.broken,
        infeasible=tuple(i for i in count if outcome.problems[i]),
        redundant=tuple(i for i, rest in without.items() if _same(rest, outcome)),
        harmful=tuple(i for i, rest in without.items() if rest.worth > outcome.worth),
        disordered=tuple(i for i in count if _comes_late(plan, i, outcome, carry_out)),
        problems=outcome.problems,
        places=outcome.places,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _same(one: Outcome, other: Outcome) -> bool:
    return one.satisfied == other.satisfied and one.broken == other.broken


def _comes_late(plan: Plan, i: int, outcome: Outcome, carry_out: Callable[[Plan], Outcome]) -> bool:
    if outcome.problems[i]:
        # what is added has no target that could be taken away: there is no room left
        return i > 0 and plan[i].verb != "add" and not carry_out(plan[i : i + 1]).problems[0]
    if all(outcome.satisfied) and not outcome.broken:
        return False
    rest = plan[:i] + plan[i + 1 :]
    return any(carry_out((*rest[:at], plan[i], *rest[at:])).worth > outcome.worth for at in range(i))
