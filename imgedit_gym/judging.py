"""Judging only what changed: the latest judgement of the picture in every environment of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.tasks import Checklist, TaskBatch
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.judges.base import Cases, Judge, Moves, ask
from imgedit_gym.judges.weighing import execution_of, weigh

COSTS = ("calls", "tokens", "seconds")
_FOUND = ("execution", "preservation", "quality", "score", "requirements", "success", "valid", "preserved")
_TENSORS = (*_FOUND, *COSTS)
_AT_FIRST = {"success": False, "valid": True} | dict.fromkeys(COSTS, 0.0)
"""What stands where nothing has been judged yet; nan for the others."""


class Judgements:
    """Judgements of the pictures of B environments.

    The judge is asked, in one call, for the pictures that changed since it last saw them. What it found in the others
    still holds, whether the judge is deterministic or not, and is weighed again where more requirements count.

    A judgement that failed leaves the numbers of the last one that did not, nan where there is none. It stays failed
    while the picture stays, unless the judge is not deterministic: then :meth:`retry` has it asked again, as most
    failures are a matter of luck (a server that was busy).

    Args:
        judge: Whom to ask.
        batch: The tasks.
        checklist: Measures canvases against the batch.

    Attributes:
        verdict: On all B pictures; rewritten in place. ``calls``, ``tokens`` and ``seconds`` are those of the latest
            :meth:`update`. ``preserved`` is measured by the checklist where the judge does not give it. ``parts`` are
            weighed, ``float32 [B]`` each.
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
            tokens=real(),
            seconds=real(),
        )
        self._parts: dict[str, torch.Tensor] = {}
        """What the judge's parts found, as it gave them."""
        self._told = real(N_LABELS) + 1.0
        """``preserved`` as the judge gives it: 1 everywhere if it does not, so that success is up to the others."""
        self._stale = torch.zeros(n, dtype=torch.bool, device=device)
        self._pictures = batch.images[:0]
        """Room for the pictures that are judged, kept as getting so much memory anew takes longer than copying."""

    # ------------------------------------------------------------------ what is to be judged

    def restart(self, rows: torch.Tensor) -> None:
        """Forget what was found in the pictures of environments whose task is another now, ``int64 [n]``."""
        for name in _TENSORS:
            getattr(self.verdict, name)[rows] = _AT_FIRST.get(name, torch.nan)
        self._told[rows] = 1.0
        for found in self._parts.values():
            found[rows] = torch.nan
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

    def update(self, canvas: torch.Tensor, due: torch.Tensor, moves: Moves | None = None) -> torch.Tensor:
        """Judge the pictures that changed, and weigh all.

        Args:
            canvas: ``uint8 [B, H, W, 3]``.
            due: ``int32 [B]``; which requirements count, see :func:`imgedit_gym.judges.weighing.weigh`.
            moves: What was done last in the B environments.

        Returns:
            Environments whose pictures the judge was asked for, ``int64 [n]``.
        """
        held = self.verdict
        for name in COSTS:
            getattr(held, name).zero_()
        rows = self._stale.nonzero().flatten()
        if len(rows):
            self._forget_reasons(rows)
            if len(rows) == len(due):
                cases = Cases(self._batch, self._checklist, canvas, due, rows, moves)
                self._ask(held, self._told, self._parts, None, cases)
            else:
                moves = None if moves is None else moves.take(rows)
                cases = Cases(self._batch, self._checklist, self._taken(canvas, rows), due[rows], rows, moves)
                try:
                    self._ask(held, self._told, self._parts, rows, cases)
                except BaseException:
                    # a part of the judge may still be at work on these pictures
                    self._pictures = self._pictures[:0]
                    raise
            self._stale.zero_()
        self._weigh(held, self._told, self._parts, self._batch.requirements, due)
        return rows

    def _taken(self, canvas: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Copies of some pictures, which hold until they are taken the next time."""
        if len(self._pictures) < len(rows):
            self._pictures = torch.empty_like(canvas)
        return torch.index_select(canvas, 0, rows, out=self._pictures[: len(rows)])

    def foresee(
        self,
        canvas: torch.Tensor,
        due: torch.Tensor,
        rows: torch.Tensor,
        changed: torch.Tensor,
        moves: Moves | None = None,
    ) -> Verdict:
        """Judge other pictures of environments; the pictures they have, and their judgements, stay.

        Args:
            canvas: ``uint8 [k, H, W, 3]``.
            due: ``int32 [k]``.
            rows: Environment of each, ``int64 [k]``; may name one several times.
            changed: Whether each differs from the environment's own picture, ``bool [k]``.
            moves: What was done last to the k pictures.
        """
        held = Verdict(**{name: getattr(self.verdict, name)[rows] for name in _TENSORS})
        told, parts = self._told[rows], {name: found[rows] for name, found in self._parts.items()}
        for name in COSTS:
            getattr(held, name).zero_()
        at = changed.nonzero().flatten()
        if len(at):
            moves = None if moves is None else moves.take(at)
            cases = Cases(self._batch, self._checklist, canvas.index_select(0, at), due[at], rows[at], moves)
            self._ask(held, told, parts, at, cases)
        self._weigh(held, told, parts, self._batch.requirements[rows], due)
        return held

    def _ask(
        self,
        held: Verdict,
        told: torch.Tensor,
        parts: dict[str, torch.Tensor],
        at: torch.Tensor | None,
        cases: Cases,
    ) -> None:
        """Ask the judge, and write what it finds to the places ``at``, or to all."""
        where = slice(None) if at is None else at
        found = ask(self._judge, cases)
        valid = found.valid
        for name in ("requirements", "preservation", "quality"):
            _keep(getattr(held, name), where, getattr(found, name), valid)
        for name, value in found.parts.items():
            if name not in parts:
                parts[name] = value.new_full((len(held.valid), *value.shape[1:]), torch.nan)
            _keep(parts[name], where, value, valid)
        preserved = found.preserved
        if preserved is None:
            preserved = self._checklist.measure(cases.canvas, cases.rows).preserved
            valid = torch.ones_like(valid)
        else:
            _keep(told, where, preserved, valid)
        _keep(held.preserved, where, preserved, valid)
        held.valid[where] = found.valid
        for name in COSTS:
            spent = getattr(found, name)
            if spent is not None:
                getattr(held, name)[where] = spent
        for index, reason in found.reasons.items():
            held.reasons[index if at is None else int(at[index])] = reason

    def _weigh(
        self,
        held: Verdict,
        told: torch.Tensor,
        parts: dict[str, torch.Tensor],
        wanted: torch.Tensor,
        due: torch.Tensor,
    ) -> None:
        execution, score, success = weigh(replace(held, preserved=told), wanted, due, self._judge.combine)
        held.execution.copy_(torch.where(held.valid, execution, held.execution))
        held.score.copy_(torch.where(held.valid, score, held.score))
        held.success.copy_(success & held.valid)
        for name, found in parts.items():
            shown = found if found.dim() == 1 else execution_of(found, wanted, due)
            held.parts[name] = torch.where(held.score.isnan(), torch.nan, shown)

    def _forget_reasons(self, rows: torch.Tensor) -> None:
        if self.verdict.reasons:
            for row in rows.tolist():
                self.verdict.reasons.pop(row, None)

    # ------------------------------------------------------------------ copies

    def take(self, other: Judgements, rows: torch.Tensor) -> None:
        """Take over another's judgements of some environments, ``int64 [n]``."""
        for name in _TENSORS:
            getattr(self.verdict, name)[rows] = getattr(other.verdict, name)[rows]
        for name, found in other._parts.items():
            self._parts.setdefault(name, torch.zeros_like(found))[rows] = found[rows]
        self._told[rows], self._stale[rows] = other._told[rows], other._stale[rows]
        self._forget_reasons(rows)

    def copy(self) -> Verdict:
        """The verdict as it is now, in fresh tensors."""
        fresh = {name: getattr(self.verdict, name).clone() for name in _TENSORS}
        parts = {name: value.clone() for name, value in self.verdict.parts.items()}
        return Verdict(**fresh, reasons=dict(self.verdict.reasons), parts=parts)

    def get_state(self, row: int) -> dict[str, Any]:
        """A copy of one environment's judgement, for :meth:`set_state`."""
        state: dict[str, Any] = {name: getattr(self.verdict, name)[row].clone() for name in _TENSORS}
        told, stale = self._told[row].clone(), self._stale[row].clone()
        state |= {"told": told, "stale": stale, "reason": self.verdict.reasons.get(row)}
        state["parts"] = {name: found[row].clone() for name, found in self._parts.items()}
        state["shown"] = {name: value[row].clone() for name, value in self.verdict.parts.items()}
        return state

    def set_state(self, row: int, state: Mapping[str, Any]) -> None:
        """Put a copied judgement in place."""
        for name in _TENSORS:
            getattr(self.verdict, name)[row] = state[name]
        self._told[row], self._stale[row] = state["told"], state["stale"]
        for held, copied in ((self._parts, state["parts"]), (self.verdict.parts, state["shown"])):
            for name, value in copied.items():
                if name not in held:
                    held[name] = value.new_zeros(len(self.verdict.valid), *value.shape)
                held[name][row] = value
        self.verdict.reasons.pop(row, None)
        if state["reason"] is not None:
            self.verdict.reasons[row] = state["reason"]


def _keep(held: Any, where: Any, found: torch.Tensor, valid: torch.Tensor) -> None:
    """Write what was found where the judgement can be used."""
    valid = valid.reshape(-1, *[1] * (found.dim() - 1))
    held[where] = torch.where(valid, found, held[where])
