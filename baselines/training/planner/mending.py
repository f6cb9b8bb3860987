"""Better plans out of a planner's own, by what the checklist says of them on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from baselines.planner.joining import in_order
from baselines.training.planner.lessons import Chunk
from imgedit_gym.core.plan import Plan


def mended(chunk: Chunk, row: int, plan: Plan) -> Plan:
    """A plan without the steps that the checklist finds amiss.

    Args:
        chunk: Tasks.
        row: Which of them.
        plan: A plan for it.

    Returns:
        A plan of which no step is infeasible, harmful or redundant; empty if no step is left.
    """
    while plan:
        report = chunk.tasks.check_plan(chunk.batch, row, plan)
        amiss = report.infeasible or report.harmful[:1] or report.redundant[:1]
        if not amiss:
            break
        plan = tuple(step for at, step in enumerate(plan) if at not in amiss)
    return plan


def assembled(chunk: Chunk, row: int, plans: Sequence[Plan], longest: int) -> Plan:
    """One plan of the steps that help in any of several: what one draw forgot, another may have.

    Args:
        chunk: Tasks.
        row: Which of them.
        plans: Plans for it.
        longest: Most steps of a plan.

    Returns:
        A plan that is flawless by the checklist, or the empty one.
    """
    best = max((mended(chunk, row, plan) for plan in plans), key=lambda plan: _coverage(chunk, row, plan))
    for step, _ in Counter(step for plan in plans for step in plan).most_common():
        if step in best or len(best) == longest:
            continue
        more = mended(chunk, row, in_order((*best, step)))
        if _coverage(chunk, row, more) > _coverage(chunk, row, best):
            best = more
    return best if best and chunk.tasks.check_plan(chunk.batch, row, best).flawless else ()


def _coverage(chunk: Chunk, row: int, plan: Plan) -> tuple[float, float]:
    if not plan:
        return 0.0, 0.0
    report = chunk.tasks.check_plan(chunk.batch, row, plan)
    return report.coverage, report.preservation
