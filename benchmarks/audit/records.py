"""What a judge said and what is true, picture by picture, in arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from benchmarks.checklist.definition import agrees
from imgedit_gym.core.verdict import Verdict


@dataclass
class Answers:
    """Judged requirements of honest edits; all arrays are of one length.

    Attributes:
        task: Seed of the task.
        lot: Which lot of edited pictures, an index of :attr:`Records.lots`.
        kind: Kind of the requirement.
        said: The judge's value, in [0, 1].
        exact: The exact judge's value.
        known: What is known by construction: 1, 0, ``DOUBT`` where nobody can tell, or nan where nothing is known.
    """

    task: np.ndarray
    lot: np.ndarray
    kind: np.ndarray
    said: np.ndarray
    exact: np.ndarray
    known: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """Answers of several lots as one."""
        return cls(**{f.name: _concatenated([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def take(self, where: np.ndarray) -> Answers:
        """The answers at these places."""
        return Answers(**{f.name: getattr(self, f.name)[where] for f in fields(self)})

    @property
    def agreed(self) -> Answers:
        """Those whose exact value is what is known by construction, or of which nothing is known; none in doubt."""
        return self.take(agrees(torch.from_numpy(self.exact), torch.from_numpy(self.known)).numpy())


@dataclass
class Scores:
    """Judged pictures; all arrays are of one length.

    Attributes:
        task: Seed of the task.
        lot: Which lot of pictures.
        said: The judge's score; nan where the judgement is invalid.
        exact: The exact judge's score.
    """

    task: np.ndarray
    lot: np.ndarray
    said: np.ndarray
    exact: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Scores of several lots as one."""
        return cls(**{f.name: _concatenated([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def take(self, where: np.ndarray) -> Scores:
        """The scores at these places."""
        return Scores(**{f.name: getattr(self, f.name)[where] for f in fields(self)})


@dataclass
class Changes:
    """How far answers moved when the same pictures were judged in another way.

    Attributes:
        scores: Pairs of scores, ``[n, 2]``.
        values: Pairs of values of requirements, ``[m, 2]``.
    """

    scores: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def add(self, first: Verdict, second: Verdict, asked: torch.Tensor) -> None:
        """Take in two verdicts on the same pictures.

        Args:
            first: A verdict.
            second: Another.
            asked: Where there is a requirement, ``bool [n, R]``.
        """
        valid = first.valid & second.valid
        known = asked & valid[:, None] & ~first.requirements.isnan() & ~second.requirements.isnan()
        scores = torch.stack([first.score[valid], second.score[valid]], 1)
        values = torch.stack([first.requirements[known], second.requirements[known]], 1)
        self.scores = np.concatenate([self.scores, scores.cpu().numpy()])
        self.values = np.concatenate([self.values, values.cpu().numpy()])


@dataclass
class Speed:
    """What judging took.

    Attributes:
        pictures: Pictures judged in batches.
        questions: Their requirements that were judged.
        seconds: Wall-clock time for it.
        cpu_seconds: Processor time of this process for it, all threads together.
        alone: Seconds for one picture at a time.
        calls: Model calls.
        tokens: Tokens read and written.
        invalid: Judgements that could not be used.
        reasons: Some of their reasons, with how often each was given.
    """

    pictures: int = 0
    questions: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    alone: list[float] = field(default_factory=list)
    calls: float = 0.0
    tokens: float = 0.0
    invalid: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, verdict: Verdict, asked: torch.Tensor, seconds: float, cpu_seconds: float) -> None:
        """Take in one verdict and the time it took."""
        self.pictures += len(verdict.valid)
        self.questions += int((asked & ~verdict.requirements.isnan() & verdict.valid[:, None]).sum())
        self.seconds += seconds
        self.cpu_seconds += cpu_seconds
        self.calls += float(verdict.calls.sum())
        self.tokens += 0.0 if verdict.tokens is None else float(verdict.tokens.sum())
        self.invalid += int((~verdict.valid).sum())
        for reason in verdict.reasons.values():
            if reason in self.reasons or len(self.reasons) < MOST_REASONS:
                self.reasons[reason] = self.reasons.get(reason, 0) + 1


MOST_REASONS = 20


@dataclass
class Records:
    """All of an audit.

    Attributes:
        lots: Name and origin of each lot of honest edits, in the order in which they came up.
        attacks: Names of the attacks.
        answers: Requirements of honest edits.
        scores: Honest edits.
        attacked: Attacks; ``lot`` is an index of :attr:`attacks`.
        references: By name (``"failed"``, ``"half"``, ``"done"``) the pictures that attacks are held against.
        changes: By condition (``"again"``, ``"order"``, ``"words"``) how far answers moved; a condition that the judge
            cannot be put in is missing.
        speed: Time and cost.
    """

    lots: list[tuple[str, str]] = field(default_factory=list)
    attacks: list[str] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    attacked: list[Scores] = field(default_factory=list)
    references: dict[str, list[Scores]] = field(default_factory=dict)
    changes: dict[str, Changes] = field(default_factory=dict)
    speed: Speed = field(default_factory=Speed)

    def lot(self, name: str, origin: str) -> int:
        """Index of a lot."""
        return _index(self.lots, (name, origin))

    def attack(self, name: str) -> int:
        """Index of an attack."""
        return _index(self.attacks, name)


def answers_of(
    tasks: np.ndarray, lot: int, verdict: Verdict, exact: Verdict, known: torch.Tensor, kinds: torch.Tensor
) -> Answers:
    """The requirements of some pictures that the judge judged."""
    judged = (kinds > 0) & verdict.valid[:, None] & ~verdict.requirements.isnan()
    rows, _ = judged.nonzero(as_tuple=True)
    return Answers(
        task=tasks[rows.numpy()],
        lot=np.full(len(rows), lot),
        kind=kinds[judged].numpy(),
        said=verdict.requirements[judged].numpy().astype(np.float64),
        exact=exact.requirements[judged].numpy().astype(np.float64),
        known=known[judged].numpy().astype(np.float64),
    )


def scores_of(tasks: np.ndarray, lot: int, verdict: Verdict, exact: Verdict) -> Scores:
    """The scores of some pictures."""
    said = torch.where(verdict.valid, verdict.score, torch.nan)
    return Scores(tasks, np.full(len(tasks), lot), said.numpy().astype(float), exact.score.numpy().astype(float))


def _concatenated(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)


def _index(known: list, item: object) -> int:
    if item not in known:
        known.append(item)
    return known.index(item)


Progress = Callable[[int], None]
"""Told how many more pictures have been judged."""
