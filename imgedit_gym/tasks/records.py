"""Tasks that stand written somewhere, one record each: what folders and public data sets share."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from imgedit_gym.art.goals import load_goals
from imgedit_gym.art.stock import Stock, load_stock
from imgedit_gym.core.checklist import LABEL_HEADLINE, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import FITS, Placement, fit_image, image_size, read_image
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, Plan
from imgedit_gym.core.plan_report import PlanReport, assess
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.core.tasks import TaskBatch, TaskTexts
from imgedit_gym.tasks.adverts.symbolic import Lexicon, SymbolicTask
from imgedit_gym.tasks.adverts.tables import ObjectSets
from imgedit_gym.tasks.adverts.vocabulary import checked_vocabulary
from imgedit_gym.tasks.pixel_checklist import PixelChecklist
from imgedit_gym.tasks.users import UserTask, load_user_task, read_marks

MAX_ID = 100
"""Longest name of a record, in characters."""

KEPT_BYTES = 256 << 20
"""Bytes of drawn tasks that a source keeps ready."""

_NAMING = {"objects", "headline_box"}
"""Options of a record that say where something is."""

Image = Path | bytes
"""An image file: its path, or its content."""


@dataclass(frozen=True)
class Record:
    """One task as it stands written.

    Attributes:
        id: Name of the record, unlike those of the others.
        where: Where it stands, for messages: a file and a line.
        image: Gives the image.
        instruction: The request; checked where the record is taken up.
        mask: Gives the mask, or ``None``.
        options: ``plan``, ``checklist``, ``objects`` and ``headline_box`` as in
            :func:`imgedit_gym.tasks.users.load_user_task`, those that there are.
    """

    id: str
    where: str
    image: Callable[[], Image]
    instruction: Any
    mask: Callable[[], Image] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def given_path(path: Path) -> Image:
    """The path itself: what gives an image of a folder."""
    return path


def regions_for(records: Iterable[Record]) -> str:
    """Id of the region provider that suits records.

    ``"segments"`` if one of them says where something is, by a mask, objects or a box of the headline; else
    ``"superpixels"``.
    """
    named = any(record.mask is not None or _NAMING & record.options.keys() for record in records)
    return "segments" if named else "superpixels"


@dataclass(frozen=True)
class _Ready:
    """A task drawn once, ready to be written into any row of a batch."""

    tensors: dict[str, torch.Tensor]
    texts: TaskTexts


class RecordTasks:
    """Tasks from records; a key draws one of them, whatever the batch.

    The answers are not known: what the images show is only what the records say. An image is made square by ``fit``:
    ``letterbox`` keeps all of it and its proportions between grey bars, ``crop`` its middle, ``stretch`` all of it
    out of proportion.

    Args:
        records: The records.
        name: Name of the collection, part of every task id.
        credits: What is to be told of it: ``name``, ``licence`` and ``url``, where there is one.
        image_size: Edge of the pictures in pixels.
        max_plan_steps: Longest plan.
        device: Where tensors live.
        fit: One of :data:`imgedit_gym.core.images.FITS`.
        look: Whether the head of every image file is read at once; otherwise it is when the task is drawn.
        regions: Id of the region provider where the user names none; ``None`` for :func:`regions_for` these records.

    Raises:
        ImgEditError: If there is no record, or one is not what is expected; it says which. Damage inside image files is
            told when the task is drawn.
    """

    exact: ClassVar[bool] = False
    id: str = "records"

    def __init__(
        self,
        records: Sequence[Record],
        name: str,
        credits: Mapping[str, str],
        image_size: int,
        max_plan_steps: int,
        device: torch.device,
        fit: str = "letterbox",
        look: bool = True,
        regions: str | None = None,
    ) -> None:
        if fit not in FITS:
            raise ImgEditError(f"fit must be one of {', '.join(FITS)}; found {fit!r}")
        self.name, self.credits = name, dict(credits)
        self.stream = 0
        self.max_plan_steps, self.fit = max_plan_steps, fit
        book = load_goals()
        self.stock: Stock = load_stock(image_size, device, book.headlines, book.badges, None)
        self.vocabulary = checked_vocabulary(self.stock.catalogue, book)
        self._sets = ObjectSets(self.stock)
        self._lexicon = Lexicon.build(self.stock, self._sets.members)
        self._records = tuple(records)
        self._index = {record.id: at for at, record in enumerate(self._records)}
        self._ready: OrderedDict[int, _Ready] = OrderedDict()
        self._kept = max(KEPT_BYTES // (9 * image_size**2), 1)
        self.regions = regions or regions_for(self._records)
        self._check(look)

    def __len__(self) -> int:
        return len(self._records)

    def _check(self, look: bool) -> None:
        if not self._records:
            raise ImgEditError(f"tasks {self.name!r}: expected one record at least; found none")
        counts = Counter(record.id for record in self._records)
        for record in self._records:
            id = record.id
            if not id or len(id) > MAX_ID or not id.isprintable() or id != id.strip():
                raise ImgEditError(f"{record.where}: id: expected 1 to {MAX_ID} printable characters; found {id!r}")
            if counts[id] > 1:
                raise ImgEditError(f"{record.where}: id: expected each once; found {id!r} {counts[id]} times")
            height, width = image_size(record.image(), f"{record.where}: image") if look else (1, 1)
            self._read(record, Placement.of(height, width, self.stock.size, self.fit))

    def _read(self, record: Record, place: Placement) -> UserTask:
        options = {**record.options, "instruction": record.instruction, "mask": record.mask}
        try:
            return UserTask.read(options, place, self.max_plan_steps, self.stock, self._sets.named)
        except ImgEditError as error:
            raise ImgEditError(f"{record.where}: {error}") from None

    # ------------------------------------------------------------------ a source of tasks

    def allocate(self, n: int) -> TaskBatch:
        """Room for n tasks; see :class:`imgedit_gym.core.task_source.TaskSource`."""
        batch = TaskBatch.empty(n, self.stock.size, self.max_plan_steps, self.stock.device)
        batch.reader = self
        batch.kept = PixelChecklist(batch, self.stock, self._sets.tensor(self.stock.device))
        return batch

    def checklist(self, batch: TaskBatch) -> PixelChecklist:
        """The checklist of a batch that :meth:`allocate` made."""
        found: PixelChecklist = batch.kept
        return found

    def sample(self, batch: TaskBatch, rows: torch.Tensor, keys: torch.Tensor) -> None:
        """Write records into rows of a batch; see :class:`imgedit_gym.core.task_source.TaskSource`."""
        drawn = [self._draw(self._index_of(key)) for key in keys.tolist()]
        if not drawn:
            return
        for name, tensor in batch.tensors().items():
            tensor[rows] = torch.stack([ready.tensors[name] for ready in drawn])
        batch.keys[rows] = keys
        batch.texts.update(zip(rows.tolist(), (ready.texts for ready in drawn), strict=True))
        self.checklist(batch).refresh(rows)

    def load(self, batch: TaskBatch, row: int, options: Mapping[str, Any]) -> None:
        """Write a user's own task into a row; see :func:`imgedit_gym.tasks.users.load_user_task`."""
        load_user_task(batch, row, options, self.stock, self.vocabulary, self._sets.named)
        self.checklist(batch).refresh(torch.tensor([row], device=batch.device))

    def key(self, index: int) -> int:
        """The key of a record by its place, counted from 0 and from the start again after the last."""
        return index % len(self._records)

    def key_of(self, task_id: str) -> int:
        """The key of a task id such as ``folder/pets/0001``."""
        prefix = f"{self.id}/{self.name}/"
        index = self._index.get(task_id.removeprefix(prefix)) if task_id.startswith(prefix) else None
        if index is None:
            raise ImgEditError(f"task_id: expected {prefix} and the id of a record; found {task_id!r}")
        return self.key(index)

    def _index_of(self, key: int) -> int:
        return (key & ((1 << KEY_BITS) - 1)) % len(self._records)

    def _draw(self, index: int) -> _Ready:
        """A record's task, drawn when it is first wanted."""
        if index in self._ready:
            self._ready.move_to_end(index)
            return self._ready[index]
        record, size = self._records[index], self.stock.size
        picture, place = fit_image(read_image(record.image(), f"{record.where}: image"), size, self.fit)
        marks = None
        if record.mask is not None:
            told = f"{record.where}: mask"
            marks = read_marks(read_image(record.mask(), told), place, self.fit, told)
        task_id = f"{self.id}/{self.name}/{record.id}"
        batch = TaskBatch.empty(1, size, self.max_plan_steps, self.stock.device)
        task = self._read(record, place)
        task.write(batch, 0, picture, marks, task_id, self.stock, self.vocabulary, self._sets.named)
        while len(self._ready) >= self._kept:
            self._ready.popitem(last=False)
        self._ready[index] = _Ready(batch.copy_row(0), batch.texts[0])
        return self._ready[index]

    # ------------------------------------------------------------------ words

    def task_id(self, batch: TaskBatch, row: int) -> str:
        """Name of a task, by which it is made again."""
        return batch.texts[row].task_id

    def instruction(self, batch: TaskBatch, row: int) -> str:
        """The request in words."""
        return batch.texts[row].instruction

    def oracle_plan(self, batch: TaskBatch, row: int) -> Plan:
        """The record's own plan; the request as its only step where it has none."""
        return batch.texts[row].plan

    def check_plan(self, batch: TaskBatch, row: int, plan: Plan) -> PlanReport:
        """Measures of a plan apart from its execution; see :mod:`imgedit_gym.core.plan_report`."""
        return assess(plan, SymbolicTask(batch, row, self._lexicon).carry_out)

    def requirements(self, batch: TaskBatch, row: int) -> tuple[Requirement, ...]:
        """The requirements in words, in the order of the checklist's rows."""
        return batch.texts[row].requirements

    def label_name(self, batch: TaskBatch, row: int, label: int) -> str:
        """What stands at a segment label."""
        if label == 0:
            return BACKGROUND
        if label == LABEL_HEADLINE:
            return HEADLINE
        names = batch.texts[row].names
        return names[label - 1] if 1 <= label <= len(names) else ""
