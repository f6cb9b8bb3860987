"""Judging only what changed: the latest judgement of the picture in every environment of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.tasks import Checklist, TaskBatch
from imgedit_gym.core.verdict import Verdict, weigh
from imgedit_gym.judges.base import Judge

_TENSORS = ("execution", "preservation", "quality", "score", "requirements", "success", "valid", "calls", "preserved")


class Judgements:
    """Judgements of the pictures of B environments.

    The judge is asked, in one call, for the pictures that changed since it last saw them. What it found in the others
    still holds, whether the judge is deterministic or not, and is weighed again where more requirements count.

    A judgement that failed leaves the numbers of the last one that did not. It stays failed while the picture stays,
    unless the judge is not deterministic: then :meth:`retry` has it asked again, as most failures are a matter of
    luck (a server that was busy).

    Args:
        judge: Whom to ask.
        batch: The tasks.
        checklist: Measures canvases against the batch.

    Attributes:
        verdict: On all B pictures; rewritten in place. ``calls`` are those of the latest :meth:`update`.
            ``preserved`` is measured by the checklist where the judge does not give it.
    """

    def __init__(self, judge: Judge, batch: TaskBatch, checklist: Checklist) -> None:
        self._judge, self._batch, self._checklist = judge, batch, checklist
        n, device = len(batch), batch.device

        def real(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, device=device)

        self.verdict = Verdict(
            execution=real(),
            preservation=real(),
            quality=real(),
            score=real(),
            requirements=real(MAX_REQUIREMENTS),
            success=torch.zeros(n, dtype=torch.bool, device=device),
            valid=torch.ones(n, dtype=torch.bool, device=device),
            calls=real(),
            preserved=real(N_LABELS) + 1.0,
        )
        self._told = real(N_LABELS) + 1.0
        """``preserved`` as the judge gives it: 1 everywhere if it does not, so that success is up to the others."""
        self._stale = torch.zeros(n, dtype=torch.bool, device=device)

    # ------------------------------------------------------------------ what is to be judged

    def restart(self, rows: torch.Tensor) -> None:
        """Forget what was found in the pictures of environments whose task is another now, ``int64 [n]``."""
        for name in _TENSORS:
            getattr(self.verdict, name)[rows] = name in ("valid", "preserved")
        self._told[rows] = 1.0
        self._forget_reasons(rows)
        self._stale[rows] = True

    def touch(self, changed: torch.Tensor) -> None:
        """Note whose pictures have changed, ``bool [B]``."""
        self._stale |= changed

    def retry(self, rows: torch.Tensor) -> None:
        """Have failed judgements of these environments made again, ``int64 [n]``, if that can help."""
        if not self._judge.deterministic:
            self._stale[rows] |= ~self.verdict.valid[rows]

    # ------------------------------------------------------------------ judging

    def update(self, canvas: torch.Tensor, due: torch.Tensor) -> torch.Tensor:
        """Judge the pictures that changed, and weigh all.

        Args:
            canvas: ``uint8 [B, H, W, 3]``.
            due: ``int32 [B]``; requirements whose plan step is below it count.

        Returns:
            Environments whose pictures the judge was asked for, ``int64 [n]``.
        """
        held = self.verdict
        held.calls.zero_()
        rows = self._stale.nonzero().flatten()
        if len(rows):
            self._forget_reasons(rows)
            every = len(rows) == len(due)
            self._ask(
                held, self._told, None if every else rows, rows, canvas if every else canvas.index_select(0, rows), due
            )
            self._stale.zero_()
        self._weigh(held, self._told, self._batch.requirements, due)
        return rows

    def foresee(self, canvas: torch.Tensor, due: torch.Tensor, rows: torch.Tensor, changed: torch.Tensor) -> Verdict:
        """Judge other pictures of environments; the pictures they have, and their judgements, stay.

        Args:
            canvas: ``uint8 [k, H, W, 3]``.
            due: ``int32 [k]``.
            rows: Environment of each, ``int64 [k]``; may name one several times.
            changed: Whether each differs from the environment's own picture, ``bool [k]``.
        """
        held, told = self._rows(rows)
        held.calls.zero_()
        at = changed.nonzero().flatten()
        if len(at):
            self._ask(held, told, at, rows[at], canvas.index_select(0, at), due)
        self._weigh(held, told, self._batch.requirements[rows], due)
        return held

    def _ask(
        self,
        held: Verdict,
        told: torch.Tensor,
        at: torch.Tensor | None,
        rows: torch.Tensor,
        canvas: torch.Tensor,
        due: torch.Tensor,
    ) -> None:
        """Ask the judge, and write what it finds to the places ``at``, or to all."""
        where = slice(None) if at is None else at
        found = self._judge.judge(self._batch, self._checklist, canvas, due[where], rows)
        valid = found.valid
        for name in ("requirements", "preservation", "quality"):
            _keep(getattr(held, name), where, getattr(found, name), valid)
        preserved = found.preserved
        if preserved is None:
            preserved = self._checklist.measure(canvas, rows).preserved
            valid = torch.ones_like(valid)
        else:
            _keep(told, where, preserved, valid)
        _keep(held.preserved, where, preserved, valid)
        held.valid[where] = found.valid
        held.calls[where] = found.calls
        for index, reason in found.reasons.items():
            held.reasons[index if at is None else int(at[index])] = reason

    def _weigh(self, held: Verdict, told: torch.Tensor, wanted: torch.Tensor, due: torch.Tensor) -> None:
        execution, score, success = weigh(replace(held, preserved=told), wanted, due, self._judge.combine)
        held.execution.copy_(torch.where(held.valid, execution, held.execution))
        held.score.copy_(torch.where(held.valid, score, held.score))
        held.success.copy_(success & held.valid)

    def _forget_reasons(self, rows: torch.Tensor) -> None:
        if self.verdict.reasons:
            for row in rows.tolist():
                self.verdict.reasons.pop(row, None)

    # ------------------------------------------------------------------ copies

    def take(self, other: Judgements, rows: torch.Tensor) -> None:
        """Take over another's judgements of some environments, ``int64 [n]``."""
        for name in _TENSORS:
            getattr(self.verdict, name)[rows] = getattr(other.verdict, name)[rows]
        self._told[rows], self._stale[rows] = other._told[rows], other._stale[rows]
        self._forget_reasons(rows)

    def copy(self) -> Verdict:
        """The verdict as it is now, in fresh tensors."""
        fresh = {name: getattr(self.verdict, name).clone() for name in _TENSORS}
        return Verdict(**fresh, reasons=dict(self.verdict.reasons))

    def _rows(self, rows: torch.Tensor) -> tuple[Verdict, torch.Tensor]:
        return Verdict(**{name: getattr(self.verdict, name)[rows] for name in _TENSORS}), self._told[rows]

    def get_state(self, row: int) -> dict[str, Any]:
        """A copy of one environment's judgement, for :meth:`set_state`."""
        state: dict[str, Any] = {name: getattr(self.verdict, name)[row].clone() for name in _TENSORS}
        told, stale = self._told[row].clone(), self._stale[row].clone()
        return state | {"told": told, "stale": stale, "reason": self.verdict.reasons.get(row)}

    def set_state(self, row: int, state: Mapping[str, Any]) -> None:
        """Put a copied judgement in place."""
        for name in _TENSORS:
            getattr(self.verdict, name)[row] = state[name]
        self._told[row], self._stale[row] = state["told"], state["stale"]
        self.verdict.reasons.pop(row, None)
        if state["reason"] is not None:
            self.verdict.reasons[row] = state["reason"]


def _keep(held: Any, where: Any, found: torch.Tensor, valid: torch.Tensor) -> None:
    """Write what was found where the judgement can be used."""
    valid = valid.reshape(-1, *[1] * (found.dim() - 1))
    held[where] = torch.where(valid, found, held[where])
