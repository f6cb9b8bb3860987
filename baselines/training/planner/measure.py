"""How good plans are: on paper, and carried out by the oracle orchestrator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from baselines.planner.execution import execute
from baselines.planner.joining import plan_seen_apart
from baselines.planner.planner import Planner
from baselines.training.planner.lessons import Chunk, draw
from imgedit_gym.core.plan import Plan
from imgedit_gym.core.plan_report import PlanReport
from imgedit_gym.core.registry import ORCHESTRATORS

PLAIN: tuple[tuple[float, dict[str, Any]], ...] = ((1.0, {}),)
"""Tasks as their split draws them."""

FAULTS = ("infeasible", "redundant", "harmful", "disordered")


@dataclass(frozen=True)
class Written:
    """A plan, and what the checklist says of it."""

    seed: int
    plan: Plan
    report: PlanReport


def write(planner: Planner, chunks: Iterable[Chunk], apart: bool = False) -> list[Written]:
    """The likeliest plan for each of some tasks.

    Args:
        planner: Whose plans.
        chunks: The tasks.
        apart: Whether two requests in one are planned for one after the other; see :mod:`baselines.planner.joining`.
    """
    found: list[Written] = []
    for chunk in chunks:
        tokens = chunk.tokens.float()
        plans = plan_seen_apart(planner, tokens, chunk.requests) if apart else planner.plan_seen(tokens, chunk.requests)
        for row, (seed, plan) in enumerate(zip(chunk.seeds, plans, strict=True)):
            found.append(Written(seed, plan, chunk.tasks.check_plan(chunk.batch, row, plan)))
    return found


def on_paper(written: Sequence[Written]) -> dict[str, float]:
    """Means over plans: coverage, preservation, and the shares of flawless plans and of those with each fault."""
    reports = [one.report for one in written]
    shares = {name: [bool(getattr(report, name)) for report in reports] for name in ("flawless", *FAULTS)}
    values = {name: [getattr(report, name) for report in reports] for name in ("coverage", "preservation")}
    return {name: sum(column) / len(reports) for name, column in (values | shares).items()}


def measure(
    planner: Planner, split: str, count: int, executed: bool = True, seed: int = 0, apart: bool = False
) -> dict[str, float]:
    """Measures of a planner's likeliest plans.

    Args:
        planner: Whose plans.
        split: Split of the adverts.
        count: Tasks.
        executed: Whether to have the oracle orchestrator carry the plans out, which takes most of the time.
        seed: Of the tasks.
        apart: Whether two requests in one are planned for one after the other.

    Returns:
        What :func:`on_paper` gives, and if executed ``score``, ``success``, and ``normalised``: gain over the untouched
        picture as a share of that of the task's own plan in the same hands.
    """
    written = write(planner, draw(planner.look, count, seed, split, PLAIN), apart)
    found = on_paper(written)
    if executed:
        seeds, orchestrator = [one.seed for one in written], ORCHESTRATORS.build("oracle")
        own = execute(seeds, [one.plan for one in written], orchestrator, {"split": split})
        best = execute(seeds, [None] * count, orchestrator, {"split": split})
        pairs = [(one, top) for one, top in zip(own, best, strict=True) if one.valid and top.valid]
        n = max(len(pairs), 1)
        found |= {
            "score": sum(one.score for one, _ in pairs) / n,
            "success": sum(one.success for one, _ in pairs) / n,
            "normalised": sum(one.score - one.before for one, _ in pairs)
            / max(sum(top.score - top.before for _, top in pairs), 1e-9),
        }
    return found
