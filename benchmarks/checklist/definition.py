"""Whether requirements hold in an advert by definition, told from the numbers that it is drawn from."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from imgedit_gym.art.goals import COLORLESS_TONES
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import TONES
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.core.verdict import MET

Row = dict[str, int]
"""A requirement by column name, see :data:`imgedit_gym.core.checklist.COLUMNS`."""

DOUBT = 0.5
"""Stands among what is known, 1 and 0, for what nobody can tell; nan is left to the exact judge."""


def agrees(exact: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Where the exact judge says what is known, or nothing is known, ``bool`` of their shape.

    Args:
        exact: Its values, floating.
        known: 1, 0, :data:`DOUBT` or nan, floating and of the same shape.
    """
    return known.isnan() | ((exact >= MET).to(known.dtype) == known)


def requirement_rows(batch: TaskBatch, row: int) -> list[Row]:
    """The requirements of a task by column name, in their order; what comes after them asks for nothing."""
    table = batch.requirements[row].tolist()
    return [dict(zip(COLUMNS, values, strict=True)) for values in table if values[0]]


@dataclass(frozen=True)
class Drawn:
    """What an edited advert shows.

    Attributes:
        was: Objects before the edit by slot; -1 none.
        sprites: Objects now by slot, wherever they stand; -1 none.
        tints: Colours given to them by slot, indices of ``OBJECT_COLORS``; -1 none.
        ground: Kind of background, an index of ``BACKGROUNDS``.
        text: Row of the headline in the stock; -1 none.
        tone: Look, an index of ``TONES``; -1 none.
        ground_color: Colour the background was given, an index of ``COLORS``; -1 none.
        other_ground: Whether the background is not what it was.
        displaced: Slots whose object of before stands elsewhere, or in another size.
    """

    was: Sequence[int]
    sprites: Sequence[int]
    tints: Sequence[int]
    ground: int
    text: int
    tone: int = -1
    ground_color: int = -1
    other_ground: bool = False
    displaced: Collection[int] = ()

    def known(self, wish: Row, sets: Sequence[Collection[int]]) -> float:
        """What is known of a requirement.

        Args:
            wish: The requirement.
            sets: Members of each set of objects.

        Returns:
            1 if it holds, 0 if not; nan for a look that was not given, if another background may look like it;
            :data:`DOUBT` for a colour in a picture without any, and where nothing of a set may come and something of it
            was moved or resized, which some would call another.

        Raises:
            ImgEditError: If the requirement is of a kind that says nothing of numbers.
        """
        kind, holds = Kind(wish["kind"]), self.holds(wish, sets)
        if kind == Kind.TONE and not holds and self.other_ground:
            return math.nan
        if kind == Kind.COLOR and self.tone >= 0 and TONES[self.tone] in COLORLESS_TONES:
            return DOUBT
        if kind == Kind.ABSENT and holds and wish["arg"] >= 0:
            moved = {self.sprites[slot] for slot in self.displaced}
            return DOUBT if moved.intersection(sets[wish["arg"]]) else 1.0
        return float(holds)

    def holds(self, wish: Row, sets: Sequence[Collection[int]]) -> bool:
        """Whether a requirement is satisfied.

        Args:
            wish: The requirement.
            sets: Members of each set of objects.

        Raises:
            ImgEditError: If the requirement is of a kind that says nothing of numbers.
        """
        arg, slot, count = wish["arg"], wish["slot"], wish["count"]
        match Kind(wish["kind"]):
            case Kind.ABSENT:
                return self.was[slot] not in self.sprites and not (arg >= 0 and self._came(sets[arg]))
            case Kind.PRESENT:
                return self._held(sets[arg]) >= count
            case Kind.COLOR:
                return self.sprites[slot] == self.was[slot] and self.tints[slot] == arg
            case Kind.BACKGROUND:
                return bool(arg >> self.ground & 1)
            case Kind.BACKGROUND_COLOR:
                return self.ground_color == arg
            case Kind.HEADLINE:
                return arg <= self.text < arg + count
            case Kind.TONE:
                return self.tone == arg
            case Kind.COUNT:
                return slot <= self._held(sets[arg]) <= count
        raise ImgEditError(f"expected a requirement that drawings can satisfy, got one of kind {wish['kind']}")

    def _came(self, members: Collection[int]) -> bool:
        """Whether one of them stands in a slot that held something else, or nothing."""
        return any(now in members and now != was for now, was in zip(self.sprites, self.was, strict=True))

    def _held(self, members: Collection[int]) -> int:
        return sum(sprite in members for sprite in self.sprites)
