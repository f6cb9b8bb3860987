"""Regions that are worked out of the source picture, once for each picture, and kept by its content."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_HEADLINE, LABEL_PICTURE
from imgedit_gym.core.region import LATTICE, RegionBatch, box_masks
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.models.store import picture_digest
from imgedit_gym.regions.base import RegionProvider, cell_boxes

CELLS = LATTICE * LATTICE
KEPT = 256 * 2**20
"""Bytes of regions that a process keeps for pictures that come again."""


@dataclass(frozen=True, eq=False)
class Found:
    """What the cells of one picture stand for. There are M + 1 masks, the last one empty.

    Attributes:
        bits: Masks, eight pixels a byte, ``uint8 [M + 1, ceil(S * S / 8)]``.
        boxes: Tight boxes, ``int32 [M + 1, 4]``: top, left, bottom, right; zeros where a mask is empty.
        areas: Pixels of each mask, ``int32 [M + 1]``.
        of: Mask of each cell, ``int16 [CELLS]``.
    """

    bits: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    of: np.ndarray

    @classmethod
    def of_masks(cls, masks: np.ndarray, of: np.ndarray) -> Found:
        """Pack masks.

        Args:
            masks: ``bool [M, S, S]``.
            of: Mask of each cell, ``[CELLS]``; -1 for none.
        """
        masks = np.concatenate([masks, np.zeros((1, *masks.shape[1:]), dtype=bool)])
        spans = [_span(np.any(masks, axis=axis)) for axis in (2, 1)]
        boxes = np.stack([spans[0][0], spans[1][0], spans[0][1], spans[1][1]], 1).astype(np.int32)
        flat = masks.reshape(len(masks), -1)
        where = np.where(of < 0, len(masks) - 1, of).astype(np.int16)
        return cls(np.packbits(flat, axis=1), boxes, flat.sum(1, dtype=np.int32), where)

    def masks(self, size: int) -> np.ndarray:
        """The masks unpacked, ``bool [M + 1, size, size]``."""
        return np.unpackbits(self.bits, axis=1, count=size * size).reshape(-1, size, size).astype(bool)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return int(sum(part.nbytes for part in (self.bits, self.boxes, self.areas, self.of)))


def _span(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First line of each mask that holds a pixel and the line after the last, ``bool [M, S]`` to ``[M]`` each."""
    some = lines.any(1)
    first, last = lines.argmax(1), lines.shape[1] - lines[:, ::-1].argmax(1)
    return np.where(some, first, 0), np.where(some, last, 0)


class Kept:
    """What was found in the pictures seen last, by key; the oldest goes where room is short. Safe among threads."""

    def __init__(self, limit: int = KEPT) -> None:
        self.limit = limit
        self.nbytes = 0
        self._found: OrderedDict[tuple[str, ...], Found] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...]) -> Found | None:
        """What is kept under a key."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: tuple[str, ...], found: Found) -> None:
        """Keep something; what is kept under the key already stays."""
        with self._lock:
            if key in self._found:
                return
            self._found[key] = found
            self.nbytes += found.nbytes
            while self.nbytes > self.limit:
                self.nbytes -= self._found.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._found.clear()
            self.nbytes = 0


KEPT_FOUND = Kept()
"""Shared by all engines of a process."""


class PictureRegions(RegionProvider):
    """Base of providers that look at the source picture.

    Region 0 is the whole picture, region i what cell i - 1 stands for. Regions are those of the source picture and
    stay as they are while the canvas changes, as with ``segments``: what an agent has pointed at keeps its place, a
    copied state leads to the same regions, and a picture costs once an episode, not once a step.

    Subclasses set ``id``, :attr:`settings` and :meth:`find_all`; those that need words :meth:`query` too.
    """

    @property
    @abstractmethod
    def settings(self) -> str:
        """Names everything that the regions of a picture depend on besides its pixels and the query."""

    @abstractmethod
    def find_all(self, pictures: torch.Tensor, queries: Sequence[str]) -> list[Found]:
        """Work out the regions of pictures.

        Args:
            pictures: ``uint8 [n, S, S, 3]``; none twice with the same query.
            queries: What :meth:`query` made of the plan step, n texts.
        """

    def query(self, steps: StepBatch | None, at: int) -> str:
        """What regions depend on in a plan step; empty where they do not."""
        return ""

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch."""
        self._batch = batch
        self._cells = cell_boxes(batch.size, batch.device)
        self._held: list[dict[str, Found]] = [{} for _ in range(len(batch))]
        self._digests: list[str] = [""] * len(batch)

    def refresh(self, rows: torch.Tensor) -> None:
        """Forget the regions of rewritten tasks; they are worked out when somebody asks for them."""
        for row in rows.tolist():
            self._held[row] = {}
            self._digests[row] = ""

    def prepare(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None) -> None:
        """Work out the regions that are not known yet, all in one call of :meth:`find_all`."""
        at = (index > 0).nonzero().flatten().tolist()
        self._look_up([(int(rows[i]), self.query(steps, i)) for i in at])

    def regions(self, rows: torch.Tensor, index: torch.Tensor, steps: StepBatch | None = None) -> RegionBatch:
        """Masks of regions; see :class:`imgedit_gym.regions.base.RegionProvider`."""
        n, size, device = len(rows), self._batch.size, self._batch.device
        self.prepare(rows, index, steps)
        bits = np.full((n, -(-size * size // 8)), 255, dtype=np.uint8)
        boxes = np.tile(np.array([0, 0, size, size], dtype=np.int32), (n, 1))
        areas = np.full(n, size * size, dtype=np.int32)
        for i, (row, region) in enumerate(zip(rows.tolist(), index.tolist(), strict=True)):
            if region:
                found = self._held[row][self.query(steps, i)]
                mask = found.of[region - 1]
                bits[i], boxes[i], areas[i] = found.bits[mask], found.boxes[mask], found.areas[mask]
        masks = np.unpackbits(bits, axis=1, count=size * size).view(bool).reshape(n, size, size)
        made = (torch.from_numpy(part).to(device) for part in (masks, boxes, areas))
        return RegionBatch(next(made), next(made), self._cells.index_select(0, index), next(made))

    def find(self, row: int, label: int, cell: int = -1) -> int:
        """The first cell whose region agrees best with a label, by intersection over union; 0 if none meets it."""
        if label == LABEL_PICTURE:
            return 0
        batch = self._batch
        ((_, found),) = self._look_up([(row, "")])
        if label == LABEL_BACKGROUND and cell >= 0 and found.areas[found.of[cell]]:
            return cell + 1
        own = batch.segments[row] == label
        if label == LABEL_HEADLINE:
            own = box_masks(batch.headline_box[row][None], batch.size)[0]
        wanted = own.cpu().numpy()
        masks = found.masks(batch.size)
        common = (masks & wanted).sum((1, 2))
        agreement = common / np.maximum(found.areas + wanted.sum() - common, 1)
        by_cell = agreement[found.of]
        return int(by_cell.argmax()) + 1 if by_cell.max() > 0 else 0

    def _look_up(self, wanted: Sequence[tuple[int, str]]) -> list[tuple[int, Found]]:
        """Regions by row and query; what is known nowhere is worked out."""
        missing: dict[tuple[str, ...], tuple[int, str]] = {}
        for row, query in wanted:
            if query in self._held[row]:
                continue
            key = self._key(row, query)
            known = KEPT_FOUND.get(key)
            if known is None:
                missing.setdefault(key, (row, query))
            else:
                self._held[row][query] = known
        if missing:
            at = torch.tensor([row for row, _ in missing.values()], device=self._batch.device)
            made = self.find_all(self._batch.images.index_select(0, at), [query for _, query in missing.values()])
            new = dict(zip(missing, made, strict=True))
            for key, found in new.items():
                KEPT_FOUND.put(key, found)
            for row, query in wanted:
                if query not in self._held[row]:
                    self._held[row][query] = new[self._key(row, query)]
        return [(row, self._held[row][query]) for row, query in wanted]

    def _key(self, row: int, query: str) -> tuple[str, ...]:
        if not self._digests[row]:
            self._digests[row] = picture_digest(self._batch.images[row])
        return self.id, self.settings, self._digests[row], query
