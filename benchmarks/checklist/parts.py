"""What is known of pictures that show an edit in part or not clearly: one side, all of it faintly, or coarsely."""

from __future__ import annotations

import torch

from benchmarks.checklist.definition import DOUBT
from imgedit_gym.core.checklist import COLUMNS, LABEL_BACKGROUND, Kind
from imgedit_gym.core.verdict import MET
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.pixel_checklist import PixelMeasurement

HALF = 0.5
"""Least share of a blended edit that may be seen for a thing, a headline or a background to be carried out."""

CUT = 0.25
"""Least share of what changed in a thing that must lie on either side of a cut for the thing to be cut."""

HARDLY_ALL = 0.6
"""Share of what changed in a new thing's box up to which the thing is surely not shown whole; boxes hold ground too."""

MADE = 0.35, 0.5
"""Qualities of what the exact judge recognises: from the first on it passes for a thing, from the second on surely."""

INK = 12
"""Coverage from which on a pixel belongs to a letter, of 255."""

_BACKGROUNDS = (Kind.BACKGROUND, Kind.BACKGROUND_COLOR)
_PLACED = (Kind.COLOR, Kind.ABSENT)
_FAINTLY = (Kind.TONE, Kind.COLOR, Kind.BACKGROUND_COLOR)
"""Requirements that less than half of an edit may carry out, if all of it would do more than is asked for."""

_KIND, _SLOT, _ARG, _COUNT = (COLUMNS.index(name) for name in ("kind", "slot", "arg", "count"))


def blended(before: torch.Tensor, after: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Both at once, ``shares`` ``float32 [n]`` of the latter, ``uint8 [n, S, S, 3]``."""
    mixed = before.float() + shares[:, None, None, None] * (after.float() - before.float())
    return mixed.round().to(torch.uint8)


def known_of_blends(engine: Engine, shares: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
    """What is known of blends of source and edit: less than half of a thing, a headline or a background is none.

    Args:
        engine: Whose tasks they are.
        shares: How much of the edit each shows, ``float32 [n]`` in [0, 1].
        rows: The task of each, ``int64 [n]``; all of them if none are given.

    Returns:
        0 where such a thing is asked for that the source does not have and the edit is less than half there, nan
        elsewhere, and for colours and looks, of which half may be enough, ``float32 [n, R]``.
    """
    index = torch.arange(len(shares)) if rows is None else rows
    source = engine.checklist.measure(engine.batch.images[index], index).requirements
    kinds = engine.batch.requirements[index, :, _KIND]
    missing = (kinds > 0) & ~torch.isin(kinds, torch.tensor(_FAINTLY, device=kinds.device)) & (source < MET)
    return torch.where(missing & (shares < HALF)[:, None], 0.0, torch.nan)


def known_of_parts(
    engine: Engine, edits: torch.Tensor, shown: torch.Tensor, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """What is known of pictures that show an edit at some of their pixels, and the source at the others.

    Of what is asked for and the whole edit carries out: half of it is none, an object whose place is shown whole is
    gone or has its colour, and things that came are there if enough of them are shown whole. What is asked for and not
    shown at all is as in the source. Nothing is said of counts, of what the whole edit does not carry out, and of
    things of which less than a quarter lies on one side.

    Args:
        engine: Whose tasks they are.
        edits: The whole edits, ``uint8 [n, S, S, 3]``.
        shown: Where they are shown, ``bool [n, S, S]``.
        rows: The task of each, ``int64 [n]``; all of them if none are given.

    Returns:
        1 where a requirement must hold, 0 where it cannot, nan where nothing is known, ``float32 [n, R]``.
    """
    index = torch.arange(len(edits)) if rows is None else rows
    sources = engine.batch.images[index]
    before = engine.checklist.measure(sources, index).requirements >= MET
    found = engine.checklist.measure(edits, index)
    after = found.requirements >= MET
    known = torch.full(before.shape, torch.nan)
    for i, row in enumerate(index.tolist()):
        part = _Part(engine, row, (sources[i] != edits[i]).any(-1), shown[i], found, i)
        for at, wanted in enumerate(engine.batch.requirements[row].tolist()):
            if wanted[_KIND]:
                known[i, at] = part.holds(wanted, bool(before[i, at]), bool(after[i, at]))
    return known


def known_of_coarse(
    engine: Engine, edits: torch.Tensor, coarse: torch.Tensor, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """What is in doubt of edits that lost detail: what the loss turns round.

    Args:
        engine: Whose tasks they are.
        edits: The edits before, ``uint8 [n, S, S, 3]``.
        coarse: What became of them, ``uint8 [n, S, S, 3]``.
        rows: The task of each, ``int64 [n]``; all of them if none are given.

    Returns:
        :data:`DOUBT` where the exact judge would have answered otherwise before, nan elsewhere, ``float32 [n, R]``.
    """
    index = torch.arange(len(edits)) if rows is None else rows
    before, after = (engine.checklist.measure(pictures, index).requirements >= MET for pictures in (edits, coarse))
    return torch.where(before != after, DOUBT, torch.nan)


class _Part:
    """One picture of a part of an edit."""

    def __init__(
        self,
        engine: Engine,
        row: int,
        changed: torch.Tensor,
        shown: torch.Tensor,
        found: PixelMeasurement,
        i: int,
    ) -> None:
        batch = engine.batch
        self._changed, self._shown = changed, changed & shown
        self._labels, self._slots = batch.segments[row], batch.slots[row].tolist()
        self._headline = batch.headline_box[row].tolist()
        self._texts = engine.tasks.stock.texts
        self._remains = found.remains[i].tolist()
        self._sets = engine.tasks.tables.sets.members
        things = zip(found.finds[i].tolist(), found.find_quality[i].tolist(), found.find_boxes[i].tolist(), strict=True)
        self._things = [thing for thing in things if thing[0] >= 0 and thing[1] >= MADE[0]]

    def holds(self, wanted: list[int], before: bool, after: bool) -> float:
        """1, 0, or nan for a requirement that held before the edit, and holds after all of it, or not."""
        kind = Kind(wanted[_KIND])
        if before or kind == Kind.COUNT:
            return torch.nan
        if kind == Kind.PRESENT:
            return self._present(wanted) if after else torch.nan
        shares = [self._share(area) for area in self._areas(kind, wanted)]
        if not any(shares):
            return 0.0
        if not after:
            return torch.nan
        if all(CUT <= share <= 1.0 - CUT for share in shares):
            return 0.0
        return 1.0 if kind in _PLACED and self._share(self._place(wanted[_SLOT])) == 1.0 else torch.nan

    def _areas(self, kind: Kind, wanted: list[int]) -> list[torch.Tensor]:
        """Where a requirement is to be seen; of headlines, for each that may be meant."""
        if kind in _PLACED:
            return [self._labels == wanted[_SLOT] + 1]
        if kind in _BACKGROUNDS:
            return [self._labels == LABEL_BACKGROUND]
        if kind == Kind.HEADLINE:
            return [self._inked(wanted[_ARG] + text) for text in range(wanted[_COUNT])]
        return [torch.ones_like(self._changed)]

    def _inked(self, text: int) -> torch.Tensor:
        """Where the letters of a headline are."""
        top, left, bottom, right = self._headline
        area = torch.zeros_like(self._changed)
        area[top:bottom, left:right] = self._texts[text, : bottom - top, : right - left] >= INK
        return area

    def _present(self, wanted: list[int]) -> float:
        members = set(self._sets[wanted[_ARG]])
        surely = perhaps = 0
        for sprite, quality, box in self._things:
            if sprite in members:
                area = self._inside(box)
                share = self._share(area)
                surely += share == 1.0 and quality >= MADE[1]
                perhaps += share > HARDLY_ALL or not bool((self._changed & area).any())
        for slot, sprite in enumerate(self._slots):
            if sprite in members:
                share = self._share(self._labels == slot + 1)
                surely += share == 0.0 or self._remains[slot] >= MET
                perhaps += share < 1.0 or self._remains[slot] > 0.0
        if surely >= wanted[_COUNT]:
            return 1.0
        return 0.0 if perhaps < wanted[_COUNT] else torch.nan

    def _share(self, area: torch.Tensor) -> float:
        """Share of what changed in an area that is shown; 0 if nothing did."""
        return float((self._shown & area).sum() / (self._changed & area).sum().clamp_min(1))

    def _inside(self, box: list[int]) -> torch.Tensor:
        area = torch.zeros_like(self._changed)
        # a box may reach over the edge
        area[max(box[0], 0) : max(box[2], 0), max(box[1], 0) : max(box[3], 0)] = True
        return area

    def _place(self, slot: int) -> torch.Tensor:
        """Where an object stood, and what came there."""
        place = stood = self._labels == slot + 1
        for _, _, box in self._things:
            inside = self._inside(box)
            if bool((inside & stood).any()):
                place = place | inside
        return place
