"""A batch of tasks: everything that planners, regions, tools and judges know of them, as tensors."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import torch

from imgedit_gym.core.checklist import COLUMNS, MAX_OBJECTS, MAX_REQUIREMENTS, N_LABELS, Requirement
from imgedit_gym.core.plan import Plan


class Measurement(Protocol):
    """What a checklist finds in a picture; see :class:`imgedit_gym.core.verdict.Verdict` for the ranges."""

    requirements: torch.Tensor
    preserved: torch.Tensor
    preservation: torch.Tensor
    quality: torch.Tensor


class Checklist(Protocol):
    """Measures canvases against a batch of tasks."""

    version: str

    def refresh(self, rows: torch.Tensor) -> None:
        """Take in the tasks of rows that were rewritten, ``int64 [n]``."""
        ...

    def measure(self, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> Measurement:
        """Measure pictures.

        Args:
            canvas: ``uint8 [N, H, W, 3]``.
            rows: ``int64 [N]``, which task each picture belongs to; ``None`` for picture i and task i.
        """
        ...


class TaskReader(Protocol):
    """Puts the tasks of a batch into words; every task source does."""

    def instruction(self, batch: TaskBatch, row: int) -> str:
        """The request in words."""
        ...

    def requirements(self, batch: TaskBatch, row: int) -> tuple[Requirement, ...]:
        """The requirements in words, in the order of the checklist's rows."""
        ...

    def label_name(self, batch: TaskBatch, row: int, label: int) -> str:
        """What stands at a segment label."""
        ...


@dataclass
class TaskTexts:
    """Words of one task that a user brought along, in place of those the task source would write."""

    task_id: str
    instruction: str
    plan: Plan
    requirements: tuple[Requirement, ...]
    names: tuple[str, ...] = ()


@dataclass
class TaskBatch:
    """B tasks at one image size. Rows are rewritten in place when an episode starts.

    Attributes:
        images: Source pictures, ``uint8 [B, H, W, 3]``.
        plates: The pictures with every object and text taken away, ``uint8 [B, H, W, 3]``.
        segments: Label of each pixel, ``uint8 [B, H, W]``: 0 background, 1 to MAX_OBJECTS objects,
            MAX_OBJECTS + 1 the headline.
        mattes: How much of the background shows through at each pixel, shadows included, ``uint8 [B, H, W]``: 255 all
            of it, 0 none.
        slots: What stands in each object slot, ``int32 [B, MAX_OBJECTS]``, an index into the stock; -1 nothing,
            -2 something that is not in the stock.
        light: Ambient light on objects, ``float32 [B, 3]`` in [0, 1].
        background: Kind of background, ``int32 [B]``, an index of ``BACKGROUNDS``; -1 unknown.
        headline: Row of the headline's text in the stock, ``int32 [B]``; -1 none, -2 unknown.
        headline_panel: Whether the headline stands on a panel of its own, ``int32 [B]``.
        headline_box: Top, left, bottom, right in pixels, ``int32 [B, 4]``.
        keep: Which labels must be preserved, ``uint8 [B, N_LABELS]``.
        requirements: ``int32 [B, MAX_REQUIREMENTS, 5]``, columns :data:`~imgedit_gym.core.checklist.COLUMNS`.
        plan: Oracle plan as codes, ``int32 [B, max_plan_steps, 3]``.
        plan_length: ``int32 [B]``.
        plan_labels: Label each oracle step concerns, ``int32 [B, max_plan_steps]``; 255 the whole picture.
        plan_cells: Lattice cell where an oracle step adds something, ``int32 [B, max_plan_steps]``; -1 elsewhere.
        keys: What a procedural task is made from again, ``int64 [B]``; -1 for a user's own.
        goals: ``int32 [B, 2]``, which goals of the source; -1 none.
        phrasings: ``int32 [B, 2]``, in which words.
        texts: Words of users' own tasks by row.
        reader: Puts tasks into words on request: the task source that made the batch.
        kept: What that source keeps with the batch for itself.
    """

    images: torch.Tensor
    plates: torch.Tensor
    segments: torch.Tensor
    mattes: torch.Tensor
    slots: torch.Tensor
    light: torch.Tensor
    background: torch.Tensor
    headline: torch.Tensor
    headline_panel: torch.Tensor
    headline_box: torch.Tensor
    keep: torch.Tensor
    requirements: torch.Tensor
    plan: torch.Tensor
    plan_length: torch.Tensor
    plan_labels: torch.Tensor
    plan_cells: torch.Tensor
    keys: torch.Tensor
    goals: torch.Tensor
    phrasings: torch.Tensor
    texts: dict[int, TaskTexts] = field(default_factory=dict)
    reader: TaskReader | None = field(default=None, repr=False)
    kept: Any = field(default=None, repr=False)

    @classmethod
    def empty(cls, n: int, size: int, max_plan_steps: int, device: torch.device) -> TaskBatch:
        """Room for n tasks with pictures of ``size`` pixels a side."""

        def zeros(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=dtype, device=device)

        return cls(
            images=zeros(size, size, 3, dtype=torch.uint8),
            plates=zeros(size, size, 3, dtype=torch.uint8),
            segments=zeros(size, size, dtype=torch.uint8),
            mattes=zeros(size, size, dtype=torch.uint8) + 255,
            slots=zeros(MAX_OBJECTS) - 1,
            light=zeros(3, dtype=torch.float32) + 1.0,
            background=zeros() - 1,
            headline=zeros() - 1,
            headline_panel=zeros(),
            headline_box=zeros(4),
            keep=zeros(N_LABELS, dtype=torch.uint8),
            requirements=zeros(MAX_REQUIREMENTS, len(COLUMNS)),
            plan=zeros(max_plan_steps, 3),
            plan_length=zeros(),
            plan_labels=zeros(max_plan_steps),
            plan_cells=zeros(max_plan_steps) - 1,
            keys=zeros(dtype=torch.int64) - 1,
            goals=zeros(2) - 1,
            phrasings=zeros(2),
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Edge of the pictures in pixels."""
        return self.images.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.images.device

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("texts", "reader", "kept")}

    def copy_row(self, row: int) -> dict[str, torch.Tensor]:
        """A copy of one task, for :meth:`paste_row`."""
        return {name: tensor[row].clone() for name, tensor in self.tensors().items()}

    def paste_row(self, row: int, task: dict[str, torch.Tensor]) -> None:
        """Write a copied task into a row."""
        for name, tensor in self.tensors().items():
            tensor[row] = task[name]
