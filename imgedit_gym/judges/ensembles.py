"""Several judgements of the same pictures as one: of several judges, or of one judge asked several times."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import ON_ERROR, Cases, Judge, JudgeError, ask, ask_async
from imgedit_gym.judges.combinations import identity_of, joined, weighed
from imgedit_gym.models import background
from imgedit_gym.models.store import Store

POOLINGS = ("mean", "median", "minimum")


class _Pool(Judge):
    """Pools requirements, preservation and quality of several verdicts; the score is made of the pooled ones."""

    def __init__(self, pool: str, least_valid: int | None, members: int, combine: str, on_error: str) -> None:
        if pool not in POOLINGS:
            raise ImgEditError(f"pool must be one of {POOLINGS}; found {pool!r}")
        if on_error not in ON_ERROR:
            raise ImgEditError(f"on_error must be one of {ON_ERROR}; found {on_error!r}")
        least = members if least_valid is None else least_valid
        if not isinstance(least, int) or not 1 <= least <= members:
            raise ImgEditError(f"least_valid must be a whole number from 1 to {members}; found {least_valid!r}")
        self.pool, self.least_valid, self.on_error = pool, least, on_error
        self.combine = combination(combine)

    @abstractmethod
    def asked(self, cases: Cases) -> Sequence[tuple[str, Judge, Cases, float]]:
        """Name, judge, cases and weight of each judgement that is wanted."""

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        if self.waits:
            return background.run(self.judge_async(cases))
        asked = self.asked(cases)
        return self._pooled(cases, asked, [ask(judge, of, partial=True) for _, judge, of, _ in asked])

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`; all are asked at the same time."""
        asked = self.asked(cases)
        verdicts = await background.together(ask_async(judge, of, partial=True) for _, judge, of, _ in asked)
        return self._pooled(cases, asked, verdicts)

    def _pooled(
        self, cases: Cases, asked: Sequence[tuple[str, Judge, Cases, float]], verdicts: Sequence[Verdict]
    ) -> Verdict:
        valid = torch.stack([verdict.valid for verdict in verdicts])
        weights = torch.tensor([weight for *_, weight in asked], device=valid.device)
        verdict = joined(verdicts)
        parts: dict[str, torch.Tensor] = {}

        def put(name: str, value: torch.Tensor, member: int) -> None:
            # what a failed member says is no number to show
            shown = verdicts[member].valid.reshape(-1, *[1] * (value.dim() - 1))
            parts[name] = torch.where(shown, value, 0.0)

        for channel, letter in (("requirements", "E"), ("preservation", "P"), ("quality", "Q")):
            values = torch.stack([getattr(one, channel) for one in verdicts])
            setattr(verdict, channel, pooled(values, valid, weights, self.pool))
            for member, (name, *_) in enumerate(asked):
                put(f"{name}/{letter}", values[member], member)
            parts[f"spread/{letter}"] = spread(values, valid)
        for member, (name, *_) in enumerate(asked):
            for part, value in verdicts[member].parts.items():
                put(f"{name}/{part}", value, member)
        verdict.preserved = _preserved(verdicts, valid)
        verdict.parts = parts
        verdict.valid = valid.sum(0) >= self.least_valid
        verdict.reasons = {at: reason for at, reason in verdict.reasons.items() if not bool(verdict.valid[at])}
        failed = int((~verdict.valid).sum())
        if failed and self.on_error == "raise":
            reason = next(iter(verdict.reasons.values()), "no reason given")
            raise JudgeError(f"judge {self.id!r}: {failed} of {len(cases)} judgements failed; the first: {reason}")
        return weighed(verdict, cases, self.combine)


class Ensemble(_Pool):
    """Several judges, whose requirements, preservation and quality are pooled.

    A requirement whose value is nan, which says that a judge does not judge that kind, is left to the others.

    The verdict's parts are each member's ``name/E``, ``name/P`` and ``name/Q``, and how far they are apart (standard
    deviation over the members): ``spread/E``, ``spread/P`` and ``spread/Q``.

    Args:
        members: Judges by name, or a list of them.
        weights: Weight of each member by name, above 0; for ``pool="mean"`` alone.
        pool: ``"mean"``, ``"median"`` or ``"minimum"``.
        least_valid: How many members must have judged; all by default. With fewer the judgement is invalid.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.
        on_error: ``"raise"``, or ``"invalid"`` to mark judgements that fail and go on. Members have their own: one that
            raises is no help to the others.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    id = "ensemble"

    def __init__(
        self,
        members: Any,
        weights: Mapping[str, float] | None = None,
        pool: str = "mean",
        least_valid: int | None = None,
        combine: str = "product",
        on_error: str = "raise",
    ) -> None:
        if isinstance(members, (list, tuple)):
            members = {str(at): member for at, member in enumerate(members)}
        if not isinstance(members, Mapping) or not members or "id" in members:
            raise ImgEditError(f"members: expected judges by name, or a list of judges; found {members!r}")
        super().__init__(pool, least_valid, len(members), combine, on_error)
        self._members: dict[str, Judge] = {str(name): JUDGES.build(spec) for name, spec in members.items()}
        weighed_by = dict.fromkeys(self._members, 1.0) if weights is None else weights
        if (
            not isinstance(weighed_by, Mapping)
            or set(weighed_by) != set(self._members)
            or not all(is_number(weight) and weight > 0 for weight in weighed_by.values())
        ):
            raise ImgEditError(f"weights: expected one above 0 for each of {list(self._members)}; found {weighed_by!r}")
        self._weights = {name: float(weighed_by[name]) for name in self._members}
        if weights is not None and pool != "mean":
            raise ImgEditError(f"weights go with pool='mean'; found pool={pool!r}")
        self.deterministic = all(judge.deterministic for judge in self._members.values())
        self.waits = any(judge.waits for judge in self._members.values())
        self.version, self.prompt_hash, self.model = identity_of(self._members)
        self.version += f", {pool} of {self.least_valid} or more, weights {list(self._weights.values())}"

    def asked(self, cases: Cases) -> Sequence[tuple[str, Judge, Cases, float]]:
        """Every member once."""
        return [(name, judge, cases, self._weights[name]) for name, judge in self._members.items()]

    def parts(self) -> Mapping[str, Judge]:
        """The members by name."""
        return self._members

    def cached(self, store: Store) -> Judge:
        """Itself, with the answers of its members kept."""
        self._members = {name: judge.cached(store) for name, judge in self._members.items()}
        return self


class Average(_Pool):
    """One judge asked several times: for judges that draw their answers at random.

    The verdict's parts are how far the answers are apart (standard deviation): ``spread/E``, ``spread/P`` and
    ``spread/Q``, each answer as ``0/E`` and so on.

    Args:
        judge: Whom to ask.
        k: How often, at least 1.
        pool: ``"mean"``, ``"median"`` or ``"minimum"``.
        least_valid: How many judgements must have come about; all by default.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.
        on_error: ``"raise"``, or ``"invalid"`` to mark judgements that fail and go on.

    Raises:
        ImgEditError: If an argument is not what is expected, or the judge always gives the same answer.
    """

    id = "average"

    def __init__(
        self,
        judge: Any,
        k: int = 4,
        pool: str = "mean",
        least_valid: int | None = None,
        combine: str = "product",
        on_error: str = "raise",
    ) -> None:
        if not isinstance(k, int) or k < 1:
            raise ImgEditError(f"k must be a whole number of at least 1; found {k!r}")
        super().__init__(pool, least_valid, k, combine, on_error)
        self.k = k
        self._judge: Judge = JUDGES.build(judge)
        if self._judge.deterministic and k > 1:
            raise ImgEditError(f"average: judge {self._judge.id!r} gives the same answer each time; expected k=1")
        self.deterministic, self.waits = False, self._judge.waits
        self.version, self.prompt_hash, self.model = identity_of({"judge": self._judge})
        self.version += f", {pool} of {self.least_valid} or more of {k}"

    def asked(self, cases: Cases) -> Sequence[tuple[str, Judge, Cases, float]]:
        """The judge k times, each a sample of its own."""
        first = cases.sample * self.k
        return [(str(at), self._judge, replace(cases, sample=first + at), 1.0) for at in range(self.k)]

    def parts(self) -> Mapping[str, Judge]:
        """The judge that is asked."""
        return {"judge": self._judge}

    def cached(self, store: Store) -> Judge:
        """Itself, with each answer kept."""
        self._judge = self._judge.cached(store)
        return self


def pooled(values: torch.Tensor, valid: torch.Tensor, weights: torch.Tensor, pool: str) -> torch.Tensor:
    """Pool over members the values that are valid.

    Args:
        values: ``float32 [M, B, ...]``.
        valid: ``bool [M, B]``.
        weights: ``float32 [M]``.
        pool: One of :data:`POOLINGS`.

    Returns:
        ``float32 [B, ...]``; 0 where no member is valid, nan where those that are do not judge it.
    """
    valid = valid.reshape(*valid.shape, *[1] * (values.dim() - 2)).expand_as(values)
    otherwise = torch.where(valid.any(0), torch.nan, 0.0)
    valid = valid & ~values.isnan()
    known = valid.any(0)
    if pool == "mean":
        share = torch.where(valid, weights.reshape(-1, *[1] * (values.dim() - 1)), 0.0)
        total = (torch.where(valid, values, 0.0) * share).sum(0)
        return torch.where(known, total / share.sum(0).clamp_min(1e-12), otherwise)
    held = torch.where(valid, values, torch.nan)
    if pool == "median":
        # of an even number the mean of the two in the middle
        found = held.nanquantile(0.5, dim=0)
    else:
        found = torch.where(valid, values, torch.inf).amin(0)
    return torch.where(known, found, otherwise)


def spread(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Standard deviation over the valid members, ``float32 [B, ...]``; 0 where there are fewer than two."""
    valid = valid.reshape(*valid.shape, *[1] * (values.dim() - 2)).expand_as(values) & ~values.isnan()
    n = valid.sum(0)
    held = torch.where(valid, values, 0.0)
    mean = held.sum(0) / n.clamp_min(1)
    squares = torch.where(valid, (values - mean) ** 2, 0.0).sum(0)
    return (squares / (n - 1).clamp_min(1)).sqrt()


def _preserved(verdicts: Sequence[Verdict], valid: torch.Tensor) -> torch.Tensor | None:
    """By label, the mean of the members that say so."""
    saying = [at for at, verdict in enumerate(verdicts) if verdict.preserved is not None]
    if not saying:
        return None
    values = torch.stack([verdicts[at].preserved for at in saying])  # type: ignore[misc]
    found = pooled(values, valid[saying], torch.ones(len(saying), device=values.device), "mean")
    return torch.where(valid[saying].any(0)[:, None], found, 1.0)
