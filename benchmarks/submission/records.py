"""What a submission consists of, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.suites.digest import PictureDigest, canonical

SCHEMA = 1
DONE, FAILED, MISSING = "done", "failed", "missing"
AXES = ("E", "P", "Q", "score")
DECIMALS = 6


@dataclass(frozen=True)
class Costs:
    """What an episode cost.

    Attributes:
        tool_calls: Actions other than ``skip``; replayed.
        judge_calls: Pictures that the pinned judge was asked about, by the environment or by the agent through it; as
            the submitter says.
        seconds: Share of the batch's wall-clock time; as the submitter says.
    """

    tool_calls: int = 0
    judge_calls: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Scores:
    """Final verdict of an episode.

    Attributes:
        E: Execution, in [0, 1].
        P: Preservation, in [0, 1].
        Q: Quality, in [0, 1].
        score: The judge's combination of the three, in [0, 1].
        requirements: Value of each requirement in [0, 1]; ``None`` where the judge does not judge it.
        success: Whether the episode counts as a success.
    """

    E: float
    P: float
    Q: float
    score: float
    requirements: tuple[float | None, ...]
    success: bool


@dataclass(frozen=True)
class EpisodeRecord:
    """One task, played or not.

    Attributes:
        task: Name of the task.
        status: ``done``, ``failed`` (the agent refused or broke) or ``missing``; all but ``done`` count as 0.
        plan: Verb, target and value of each plan step; ``None`` unless done.
        actions: Tool and region of each step.
        scores: The verdict on the final picture; ``None`` unless done.
        picture: Digest of the final picture; ``None`` unless done.
        costs: What it cost.
        error: Why it failed.
    """

    task: str
    status: str = MISSING
    plan: tuple[tuple[str, str, str], ...] | None = None
    actions: tuple[tuple[str, int], ...] = ()
    scores: Scores | None = None
    picture: PictureDigest | None = None
    costs: Costs = field(default_factory=Costs)
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """One line of ``episodes.jsonl``."""
        scores = self.scores
        return {
            "task": self.task,
            "status": self.status,
            "plan": None if self.plan is None else [list(step) for step in self.plan],
            "actions": [list(action) for action in self.actions],
            "scores": None if scores is None else {axis: getattr(scores, axis) for axis in AXES},
            "requirements": [] if scores is None else list(scores.requirements),
            "success": scores is not None and scores.success,
            "picture": None if self.picture is None else asdict(self.picture),
            "costs": asdict(self.costs),
            "error": self.error,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> EpisodeRecord:
        """What :meth:`to_json` wrote, checked against the schema before."""
        scores = record["scores"]
        if scores is not None:
            values = tuple(None if value is None else float(value) for value in record["requirements"])
            scores = Scores(
                **{axis: float(scores[axis]) for axis in AXES}, requirements=values, success=record["success"]
            )
        return cls(
            task=record["task"],
            status=record["status"],
            plan=None if record["plan"] is None else tuple(tuple(step) for step in record["plan"]),
            actions=tuple((tool, int(region)) for tool, region in record["actions"]),
            scores=scores,
            picture=None if record["picture"] is None else PictureDigest(**record["picture"]),
            costs=Costs(**record["costs"]),
            error=record["error"],
        )


def to_lines(records: Mapping[str, EpisodeRecord] | list[EpisodeRecord]) -> bytes:
    """Content of ``episodes.jsonl``."""
    every = records.values() if isinstance(records, Mapping) else records
    return b"".join(canonical(record.to_json()) + b"\n" for record in every)


@dataclass(frozen=True)
class Manifest:
    """Who submits what; see ``manifest.v1.schema.json`` for each key."""

    name: str
    description: str
    authors: list[str]
    contact: str
    training: str
    agent: dict[str, Any]
    suite: dict[str, str]
    judge: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, str]
    cost: dict[str, float]
    claims: dict[str, float]
    files: dict[str, str]
    url: str = ""
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Content of ``manifest.json``."""
        return asdict(self)


def rounded(value: float) -> float:
    """A verdict's number as files hold it."""
    return round(float(value), DECIMALS)
