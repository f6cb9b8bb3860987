"""Experience with plans: which of them earn most in an orchestrator's hands, and which of their steps do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from baselines.planner.execution import Executed, execute
from baselines.training.planner.lessons import Chunk, Item
from imgedit_gym.core.plan import Plan
from imgedit_gym.orchestrators.base import Orchestrator

HELPS = 0.005
"""A step helps if the final score is lower by more than so much without it."""


@dataclass
class Tally:
    """Counts and sums of a round.

    Attributes:
        tasks: Tasks that plans were drawn for.
        plans: Plans carried out whose results could be judged.
        score: Sum of their final scores.
        kept: Tasks of which a plan was kept.
        kept_score: Sum of the scores of the kept plans.
        steps: Steps of the kept plans before pruning.
        pruned: Steps that were pruned.
        executions: Plans carried out in all, those without a step included.
    """

    tasks: int = 0
    plans: int = 0
    score: float = 0.0
    kept: int = 0
    kept_score: float = 0.0
    steps: int = 0
    pruned: int = 0
    executions: int = 0

    def row(self) -> dict[str, float]:
        """What a report shows."""
        return {
            "mean score": self.score / max(self.plans, 1),
            "kept": self.kept / max(self.tasks, 1),
            "kept score": self.kept_score / max(self.kept, 1),
            "steps pruned": self.pruned / max(self.steps, 1),
            "executions": float(self.executions),
        }


@dataclass(frozen=True)
class Kept:
    """A task, as an engine starts it, and a plan that went well."""

    seed: int
    spec: dict[str, Any]
    split: str
    plan: Plan


@dataclass
class Experience:
    """Carries out plans and keeps what was worth it.

    Attributes:
        orchestrator: Who carries them out.
        threshold: Least gain of a kept plan over the untouched picture, as a share of what was left to gain.
        prune: Whether steps that did not help are taken out of kept plans.
        tally: What happened.
        kept: Plans that went well, with their tasks.
    """

    orchestrator: Orchestrator
    threshold: float
    prune: bool = True
    tally: Tally = field(default_factory=Tally)
    kept: list[Kept] = field(default_factory=list)

    def gather(self, chunk: Chunk, plans: Sequence[Sequence[Plan]]) -> list[Item]:
        """What to learn from a chunk: of each task the best plan, if it is good enough.

        Args:
            chunk: The tasks.
            plans: Plans for each.
        """
        asked = [(row, plan) for row, some in enumerate(plans) for plan in dict.fromkeys(some)]
        done = self._execute(chunk, asked)
        best: dict[int, tuple[Executed, Plan]] = {}
        for (row, plan), one in zip(asked, done, strict=True):
            # of equals the shorter one; what could not be judged teaches nothing
            if one.valid and (row not in best or (one.score, -len(plan)) > (best[row][0].score, -len(best[row][1]))):
                best[row] = one, plan
        tally = self.tally
        tally.tasks += len(plans)
        tally.plans += sum(one.valid for one in done)
        tally.score += sum(one.score for one in done if one.valid)
        good = {row: pair for row, pair in best.items() if _gain(pair[0]) >= self.threshold}
        tally.kept += len(good)
        tally.steps += sum(len(plan) for _, plan in good.values())
        if self.prune:
            good = self._pruned(chunk, good)
        tally.kept_score += sum(one.score for one, _ in good.values())
        split = chunk.tasks.split.name
        self.kept += [Kept(chunk.seeds[row], chunk.spec, split, good[row][1]) for row in sorted(good)]
        return [Item(row, chunk.requests[row], good[row][1]) for row in sorted(good)]

    def _pruned(self, chunk: Chunk, good: dict[int, tuple[Executed, Plan]]) -> dict[int, tuple[Executed, Plan]]:
        """Leave out, one by one, the step without which a plan earns most, as long as it earns no less."""
        good, open_rows = dict(good), set(good)
        while open_rows:
            asked = [
                (row, good[row][1][:at] + good[row][1][at + 1 :])
                for row in sorted(open_rows)
                if len(good[row][1]) > 1
                for at in range(len(good[row][1]))
            ]
            better: dict[int, tuple[Executed, Plan]] = {}
            for (row, plan), one in zip(asked, self._execute(chunk, asked), strict=True):
                least = better[row][0].score if row in better else good[row][0].score - HELPS
                if one.valid and one.score >= least:
                    better[row] = one, plan
            good |= better
            self.tally.pruned += len(better)
            open_rows = set(better)
        return good

    def _execute(self, chunk: Chunk, asked: Sequence[tuple[int, Plan]]) -> list[Executed]:
        self.tally.executions += len(asked)
        return execute(
            [chunk.seeds[row] for row, _ in asked],
            [plan for _, plan in asked],
            self.orchestrator,
            {"tasks": chunk.spec, "split": chunk.tasks.split.name},
        )


def _gain(one: Executed) -> float:
    """Share of what was left to gain."""
    return (one.score - one.before) / max(1.0 - one.before, 1e-6)
