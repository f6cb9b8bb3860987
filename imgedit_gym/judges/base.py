"""What a judge does."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from imgedit_gym.core.checklist import N_LABELS, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import Checklist, TaskBatch, TaskReader
from imgedit_gym.core.verdict import Combine, Verdict, gated_product
from imgedit_gym.kernels.weigh import are_shares
from imgedit_gym.models.background import in_thread

if TYPE_CHECKING:
    from imgedit_gym.models.store import Store

ON_ERROR = ("raise", "invalid")
"""What a judge does that cannot judge: raise :class:`JudgeError`, or mark the judgement invalid and go on."""


class JudgeError(ImgEditError):
    """A judge could not judge, and its ``on_error`` is ``"raise"``."""


@dataclass(frozen=True)
class Moves:
    """What was done last to N pictures.

    Attributes:
        steps: The plan steps that were carried out.
        regions: Gives the regions that the tools were confined to, by index ``int64 [n]``; worked out only when it is
            called. The whole picture where nothing was done.
        acted: Tells where something was done, ``bool [n]``, by index; the others have just been reset, say.
    """

    steps: StepBatch
    regions: Callable[[torch.Tensor], RegionBatch]
    acted: Callable[[torch.Tensor], torch.Tensor]

    def take(self, at: torch.Tensor) -> Moves:
        """The moves at these indices, ``int64 [n]``."""
        return Moves(self.steps.rows(at), lambda i: self.regions(at[i]), lambda i: self.acted(at[i]))


@dataclass(frozen=True)
class Cases:
    """N pictures to be judged, and all that a judge may know of them. What costs time is made on request.

    Attributes:
        batch: The tasks.
        checklist: Measures canvases against the batch.
        canvas: The pictures, ``uint8 [N, H, W, 3]``; they hold only until the judge has answered.
        due: ``int32 [N]``; which requirements count, see :func:`imgedit_gym.judges.weighing.weigh`.
        rows: Which task of the batch each picture belongs to, ``int64 [N]``; ``None`` for picture i and task i.
        moves: What was done last to the pictures; ``None`` where nothing was, as after a reset.
        sample: Which of several judgements of the same pictures this is, for judges that are asked again.
    """

    batch: TaskBatch
    checklist: Checklist
    canvas: torch.Tensor
    due: torch.Tensor
    rows: torch.Tensor | None = None
    moves: Moves | None = None
    sample: int = 0

    def __len__(self) -> int:
        return len(self.canvas)

    @property
    def index(self) -> torch.Tensor:
        """Which task of the batch each picture belongs to, ``int64 [N]``."""
        return torch.arange(len(self), device=self.canvas.device) if self.rows is None else self.rows

    @property
    def source(self) -> torch.Tensor:
        """The pictures before any edit, ``uint8 [N, H, W, 3]``."""
        return self.batch.images if self.rows is None else self.batch.images.index_select(0, self.rows)

    @property
    def wanted(self) -> torch.Tensor:
        """The requirements as numbers, ``int32 [N, R, 5]``; see :data:`imgedit_gym.core.checklist.COLUMNS`."""
        return self.batch.requirements if self.rows is None else self.batch.requirements[self.rows]

    @property
    def _reader(self) -> TaskReader:
        if self.batch.reader is None:
            raise ImgEditError("TaskBatch.reader: expected the task source that made the batch; found None")
        return self.batch.reader

    def row(self, i: int) -> int:
        """Which task picture i belongs to."""
        return i if self.rows is None else int(self.rows[i])

    def instruction(self, i: int) -> str:
        """The request behind picture i in words."""
        return self._reader.instruction(self.batch, self.row(i))

    def requirements(self, i: int) -> tuple[Requirement, ...]:
        """The requirements of picture i in words, in the order of the rows of :attr:`wanted`."""
        return self._reader.requirements(self.batch, self.row(i))

    def kept(self, i: int) -> dict[int, str]:
        """What must be preserved in picture i: segment label and name."""
        row = self.row(i)
        labels = self.batch.keep[row].nonzero().flatten().tolist()
        return {label: self._reader.label_name(self.batch, row, label) for label in labels}

    def step(self, i: int) -> PlanStep | None:
        """The plan step that was carried out last in picture i; ``None`` where none was."""
        if self.moves is None or not bool(self.moves.acted(torch.tensor([i], device=self.canvas.device))):
            return None
        return self.moves.steps.read(i)

    def regions(self) -> RegionBatch | None:
        """Where the last tools were allowed to edit, N masks; ``None`` where nothing is known of them."""
        return None if self.moves is None else self.moves.regions(torch.arange(len(self), device=self.canvas.device))

    def take(self, at: torch.Tensor) -> Cases:
        """The cases at these indices, ``int64 [n]``."""
        return replace(
            self,
            canvas=self.canvas.index_select(0, at),
            due=self.due[at],
            rows=self.index.index_select(0, at),
            moves=None if self.moves is None else self.moves.take(at),
        )


class Judge(ABC):
    """Judges pictures. Built once per engine; one call judges every environment that needs it.

    Any object with these attributes and a method ``judge`` will do; subclassing brings the rest.

    Attributes:
        id: What users write.
        version: Raised when verdicts change.
        prompt_hash: Hash of the prompts of a model-backed judge; empty for a measurement.
        score_range: Lowest and highest score.
        deterministic: Whether equal input gives equal verdicts.
        combine: How E, P and Q make the score. With it the engine weighs what was found in a picture again when more
            requirements count but the picture is the same, by :func:`imgedit_gym.judges.weighing.weigh`; judges use
            the same function.
        waits: Whether it mostly waits for a server, so that several had better be asked at once.
        on_error: What becomes of a judgement that failed, one of :data:`ON_ERROR`.
        model: Which model judges, its revision and whatever else its answers depend on; empty for a measurement.
    """

    id: str = ""
    version: str = "1"
    prompt_hash: str = ""
    score_range: tuple[float, float] = (0.0, 1.0)
    deterministic: bool = True
    combine: Combine = staticmethod(gated_product)
    waits: bool = False
    model: str = ""
    on_error: str = "invalid"

    @abstractmethod
    def judge(self, cases: Cases) -> Verdict:
        """Judge pictures, all in one call.

        Returns:
            Fresh tensors; what is found in a picture must not depend on ``cases.due``.

        Raises:
            JudgeError: If a judgement failed and the judge is to raise then.
        """

    async def judge_async(self, cases: Cases) -> Verdict:
        """The same as a coroutine; by default :meth:`judge` in a thread, one judge at a time."""
        if self.parts():
            return await asyncio.to_thread(self.judge, cases)  # the parts take their turns
        return await in_thread(self.judge, cases)

    def cached(self, store: Store) -> Judge:
        """This judge with its answers kept in a store, and taken from there where they are known."""
        from imgedit_gym.judges.cache import StoredVerdicts

        return StoredVerdicts(self, store)

    def parts(self) -> Mapping[str, Judge]:
        """The judges that this one is made of, by name; empty for one that is made of none."""
        return {}

    def statistics(self) -> dict[str, Any]:
        """What the judge has done since it was built, as numbers by name; nested for its parts."""
        return {name: part.statistics() for name, part in self.parts().items()}

    def close(self) -> None:
        """Let go of connections, files and models; may be called again."""
        for part in self.parts().values():
            part.close()


def on_error_of(judge: Any) -> str:
    """What becomes of judgements that failed; those of objects that do not say so are invalid."""
    return str(getattr(judge, "on_error", "invalid"))


def ask(judge: Judge, cases: Cases, partial: bool = False) -> Verdict:
    """What a judge says; judgements whose numbers are none, or out of range, have failed.

    Args:
        judge: The judge.
        cases: The pictures.
        partial: Whether it may judge none of a picture's requirements, as there are others that do.

    Raises:
        ImgEditError: If it says nothing that can be read.
        JudgeError: If there are such, and the judge's ``on_error`` is ``"raise"``.
    """
    return _checked(judge, judge.judge(cases), cases, partial)


async def ask_async(judge: Judge, cases: Cases, partial: bool = False) -> Verdict:
    """As :func:`ask`, as a coroutine."""
    return _checked(judge, await judge.judge_async(cases), cases, partial)


def _checked(judge: Judge, found: Verdict, cases: Cases, partial: bool) -> Verdict:
    """What a judge said, with the judgements marked that have failed."""
    wanted = cases.wanted
    _check(judge, found, *wanted.shape[:2])
    values = found.requirements.nan_to_num(0.0, math.inf, -math.inf) if partial else found.requirements
    fine = are_shares(values, wanted, found.preservation, found.quality, found.preserved)
    wrong = (found.valid & ~fine).nonzero().flatten().tolist()
    if not wrong:
        return found
    reason = (
        f"judge {judge.id!r}: expected finite numbers in [0, 1], and a value for one requirement at least; "
        f"found {_shown(found, wrong[0])}"
    )
    if on_error_of(judge) == "raise":
        raise JudgeError(f"{reason}, in {len(wrong)} of {len(cases)} judgements")
    valid = found.valid.clone()
    valid[wrong] = False
    return replace(found, valid=valid, reasons={**found.reasons, **dict.fromkeys(wrong, reason)})


def _check(judge: Judge, found: Any, n: int, requirements: int) -> None:
    """See that a verdict has the tensors that it must have."""
    if not isinstance(found, Verdict):
        raise ImgEditError(f"judge {judge.id!r}: judge must return a Verdict; found {type(found).__name__}")
    for name, dtype, shape in _FORM:
        value = getattr(found, name)
        expected = (n, *(requirements if size is None else size for size in shape))
        if value is None and name == "preserved":
            continue
        if not isinstance(value, torch.Tensor) or value.dtype is not dtype or value.shape != expected:
            told = f"{value.dtype} {list(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)[:100]
            raise ImgEditError(
                f"judge {judge.id!r}: {name} of a verdict must be a tensor {dtype} {list(expected)}; found {told}"
            )


_FORM: tuple[tuple[str, torch.dtype, tuple[int | None, ...]], ...] = (
    ("requirements", torch.float32, (None,)),
    ("preserved", torch.float32, (N_LABELS,)),
    *((name, torch.float32, ()) for name in ("execution", "preservation", "quality", "score", "calls")),
    *((name, torch.bool, ()) for name in ("valid", "success")),
)
"""Tensors of a verdict: name, type, and shape behind the number of pictures; ``None`` for that of the requirements."""


def _shown(found: Verdict, at: int) -> str:
    values = ", ".join(f"{value:.3g}" for value in found.requirements[at].tolist())
    return f"P {float(found.preservation[at]):.3g}, Q {float(found.quality[at]):.3g}, requirements {values}"
