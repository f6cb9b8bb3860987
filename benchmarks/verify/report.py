"""What a verification found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.submission.folder import Fault
from benchmarks.submission.records import EpisodeRecord, Manifest
from benchmarks.verify.replay import Replayed
from benchmarks.verify.tolerance import Tolerance

SCHEMA = 1
LEVELS = (
    "schema, hashes and coverage",
    "totals recomputed",
    "actions replayed",
    "judged again",
)
"""What each level looks at."""

EXPLAINED = {"judge gap": "judge gap, the suite's judge less the held-out one (below 0: the held-out one pays more)"}
"""Notes whose names do not say what they are."""

MOST_SHOWN = 20


@dataclass
class Report:
    """The report of a verification.

    Attributes:
        submission: Its folder.
        asked: The highest level that was to be reached.
        level: The highest level of which everything holds, with all below it; -1 for none.
        faults: Broken rules by level.
        manifest: The manifest, if it could be read.
        manifest_sha256: Hash of its file, which names all other files' hashes.
        records: Episodes by task, as submitted; from level 3 on with the numbers that were found here.
        totals: Recomputed from the records.
        replayed: What came out of each task here, from level 2 on.
        tolerance: What replays were compared by.
        notes: Measurements that are no faults, such as the judge gap.
    """

    submission: str
    asked: int
    level: int = -1
    faults: dict[int, list[Fault]] = field(default_factory=dict)
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    records: dict[str, EpisodeRecord] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    replayed: dict[str, Replayed] = field(default_factory=dict)
    tolerance: Tolerance | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether everything that was asked for holds."""
        return self.level == self.asked

    @property
    def checks(self) -> set[str]:
        """Names of the broken rules."""
        return {fault.check for faults in self.faults.values() for fault in faults}

    def add(self, level: int, faults: Sequence[Fault]) -> bool:
        """Note what a level found; returns whether it holds."""
        if faults:
            self.faults.setdefault(level, []).extend(faults)
        elif self.level == level - 1:
            self.level = level
        return not faults

    def to_json(self) -> dict[str, Any]:
        """For files."""
        return {
            "schema": SCHEMA,
            "submission": self.submission,
            "name": self.manifest.name if self.manifest else None,
            "suite": self.manifest.suite if self.manifest else None,
            "manifest_sha256": self.manifest_sha256,
            "asked": self.asked,
            "level": self.level,
            "holds": self.holds,
            "tolerance": asdict(self.tolerance) if self.tolerance else None,
            "totals": self.totals,
            "notes": self.notes,
            "faults": {str(level): [asdict(fault) for fault in faults] for level, faults in self.faults.items()},
        }

    def text(self) -> str:
        """For people."""
        name = self.manifest.name if self.manifest else self.submission
        lines = [f"{name}: " + (f"level {self.level} holds" if self.holds else f"level {self.asked} does not hold")]
        for level, title in enumerate(LEVELS[: self.asked + 1]):
            faults = self.faults.get(level, [])
            state = f"{len(faults)} faults" if faults else "holds" if level <= self.level else "not looked at"
            lines.append(f"  level {level}, {title}: {state}")
            lines += [f"    {fault.check}: {fault.where}: {fault.message}" for fault in faults[:MOST_SHOWN]]
            if len(faults) > MOST_SHOWN:
                lines.append(f"    and {len(faults) - MOST_SHOWN} more")
        if self.tolerance and self.asked >= 2:
            lines.append(f"  tolerance: {self.tolerance.name} ({self.tolerance.why})")
        lines += [f"  {EXPLAINED.get(key, key)}: {_shown(value)}" for key, value in self.notes.items()]
        if self.totals:
            shown = ("score", "success", "done", "failed", "missing", "tasks")
            lines.append("  recomputed: " + ", ".join(f"{key} {self.totals[key]:g}" for key in shown))
        return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "ci95" in value:
        return f"{value['mean']:+.3f} [{value['ci95'][0]:+.3f}, {value['ci95'][1]:+.3f}]"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
