"""What is known by construction of pictures that show a part of an edit: one side of it, or all of it faintly."""

from __future__ import annotations

import torch

from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.verdict import MET
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.pixel_checklist import PixelMeasurement

HALF = 0.5
"""Least share of a blended edit that may be seen for anything that is asked for to be carried out."""

CUT = 0.25
"""Least share of what changed in a thing that must lie on either side of a cut for the thing to be cut."""

MADE = 0.35, 0.5
"""Qualities: less than the first is no thing, the second and more surely is one."""

_WHOLE_ONLY = (Kind.BACKGROUND, Kind.BACKGROUND_COLOR, Kind.TONE)
"""Requirements that concern the whole picture: no part of it carries them out."""

_KIND, _SLOT, _ARG, _COUNT = (COLUMNS.index(name) for name in ("kind", "slot", "arg", "count"))


def known_of_blends(engine: Engine, shares: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
    """What is known of blends of source and edit: less than half of an edit is none.

    Args:
        engine: Whose tasks they are.
        shares: How much of the edit each shows, ``float32 [n]`` in [0, 1].
        rows: The task of each, ``int64 [n]``; all of them if none are given.

    Returns:
        0 where something is asked for that the source does not have and the edit is less than half there, nan
        elsewhere, ``float32 [n, R]``.
    """
    index = torch.arange(len(shares)) if rows is None else rows
    source = engine.checklist.measure(engine.batch.images[index], index).requirements
    missing = (engine.batch.requirements[index, :, _KIND] > 0) & (source < MET)
    return torch.where(missing & (shares < HALF)[:, None], 0.0, torch.nan)


def known_of_parts(
    engine: Engine, edits: torch.Tensor, shown: torch.Tensor, rows: torch.Tensor | None = None
) -> torch.Tensor:
    """What is known of pictures that show an edit at some of their pixels, and the source at the others.

    A thing of which all that was changed is shown is as in the edit, one of which nothing is shown as in the source,
    and half a thing is none. So a removed or recoloured object is known by its place, things that came by how many of
    them are shown whole. Half a look, background or headline is none. Nothing is said of counts, nor of things of
    which less than a quarter lies on one side.

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
        self._remains = found.remains[i].tolist()
        self._sets = engine.tasks.tables.sets.members
        things = zip(found.finds[i].tolist(), found.find_quality[i].tolist(), found.find_boxes[i].tolist(), strict=True)
        self._things = [thing for thing in things if thing[0] >= 0 and thing[1] >= MADE[0]]

    def holds(self, wanted: list[int], before: bool, after: bool) -> float:
        """1, 0, or nan for a requirement that held before the edit, and holds after all of it, or not."""
        kind = Kind(wanted[_KIND])
        if kind == Kind.PRESENT:
            return self._present(wanted) if after and not before else torch.nan
        if kind == Kind.HEADLINE:
            area = self._inside(self._headline)
        elif kind == Kind.COLOR:
            area = self._labels == wanted[_SLOT] + 1
        elif kind == Kind.ABSENT:
            area = self._place(wanted[_SLOT])
        elif kind in _WHOLE_ONLY:
            area = torch.ones_like(self._changed)
        else:
            return torch.nan
        share = self._share(area)
        if share == 0.0 and kind in (Kind.COLOR, Kind.ABSENT) and not before:
            return 0.0
        if not after or before:
            return torch.nan
        if CUT <= share <= 1.0 - CUT:
            return 0.0
        return 1.0 if share == 1.0 and kind in (Kind.COLOR, Kind.ABSENT) else torch.nan

    def _present(self, wanted: list[int]) -> float:
        members = set(self._sets[wanted[_ARG]])
        surely = perhaps = 0
        for sprite, quality, box in self._things:
            if sprite in members:
                share = self._share(self._inside(box))
                surely += share == 1.0 and quality >= MADE[1]
                perhaps += share > 1.0 - CUT
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
        area[box[0] : box[2], box[1] : box[3]] = True
        return area

    def _place(self, slot: int) -> torch.Tensor:
        """Where an object stood, and what came there."""
        place = stood = self._labels == slot + 1
        for _, _, box in self._things:
            inside = self._inside(box)
            if bool((inside & stood).any()):
                place = place | inside
        return place
