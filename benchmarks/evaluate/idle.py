"""Actions that did nothing, and agents that plan nothing: why a score may be near zero though no task failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgedit_gym.trajectory import Trajectory, read_trajectories

SKIPPED = "skip"


@dataclass(frozen=True)
class Idle:
    """What came of the actions of a run.

    Attributes:
        actions: How many there were.
        reasons: Why an action did nothing, by number, the most frequent first; an agent's own choice to skip too.
        unplanned: Episodes whose only plan step was the instruction.
        episodes: Episodes that were played to their end.
    """

    actions: int
    reasons: dict[str, int]
    unplanned: int
    episodes: int

    @classmethod
    def of(cls, trajectories: Iterable[Trajectory]) -> Idle:
        """Count over recorded episodes."""
        reasons: Counter[str] = Counter()
        actions = unplanned = episodes = 0
        for one in trajectories:
            episodes += 1
            actions += len(one.steps)
            unplanned += one.plan_given and one.plan == [one.instruction]
            for step in one.steps:
                if step["problem"] or step["tool"] == SKIPPED:
                    reasons[step["problem"] or SKIPPED] += 1
        return cls(actions, dict(reasons.most_common()), unplanned, episodes)

    @classmethod
    def in_folder(cls, folder: Path) -> Idle:
        """Count over the files of a run's ``trajectories``."""
        return cls.of(one for path in sorted(folder.glob("*.jsonl")) for one in read_trajectories(path))

    @property
    def idle(self) -> int:
        """Actions that did nothing."""
        return sum(self.reasons.values())

    def to_json(self) -> dict[str, Any]:
        """For files."""
        return {
            "actions": self.actions,
            "idle": self.idle,
            "reasons": self.reasons,
            "episodes": self.episodes,
            "unplanned": self.unplanned,
        }

    def lines(self) -> list[str]:
        """For people."""
        share = f" ({100 * self.idle / self.actions:.1f} %)" if self.actions else ""
        found = [f"{self.idle} of {self.actions} actions did nothing{share}"]
        if self.reasons:
            reason, count = next(iter(self.reasons.items()))
            found[0] += f", {count} of them: {reason}"
        if self.unplanned:
            found.append(
                f"no plan in {self.unplanned} of {self.episodes} episodes: there the instruction was the only step, "
                "so one action (see the agent's method `plan`)"
            )
        return found
