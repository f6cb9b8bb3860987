"""Pairs of adverts before and after edits with everything known about them, and how they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F


@dataclass
class Places:
    """What is seen at each of T places of the mosaics of N pairs of pictures.

    Attributes:
        kind: Kind at each place of the edited picture, ``int64 [N, T]``; -1 is not known, nor what depends on it.
        tint: Colour there, ``int64 [N, T]``: 0 as drawn, otherwise 1 and more; -1 nobody can tell, -2 is not known.
        changed: Whether the place was changed, apart from the look of the whole, ``bool [N, T]``.
        marked: Whether ``changed`` is known, ``bool [N]``.
        centre: Whether an object's middle is there, ``bool [N, T]``.
        mess: Whether something half done, half gone or in a light of its own is there, ``bool [N, T]``.
        new: Whether an object there came with the edit, ``int64 [N, T]``: 1 if so, 0 not, -1 is not known.
        tone: Look given to the whole picture, ``int64 [N]``; -1 none, -2 is not known.
    """

    kind: torch.Tensor
    tint: torch.Tensor
    changed: torch.Tensor
    marked: torch.Tensor
    centre: torch.Tensor
    mess: torch.Tensor
    new: torch.Tensor
    tone: torch.Tensor

    def rows(self, index: Sequence[int]) -> Places:
        """What is seen in some of the pairs."""
        return Places(**{f.name: getattr(self, f.name)[index] for f in fields(Places)})


@dataclass
class Pairs(Places):
    """N pairs of drawn pictures and what was done; the kinds of all places are known.

    Attributes:
        before: ``uint8 [N, S, S, 3]``.
        after: ``uint8 [N, S, S, 3]``.
        color: Named colour of the background as it is seen, ``int64 [N]``; -1 not clear.
        ground: Kind of background before and after, ``int64 [N, 2]``.
        text: Headline before and after, ``int64 [N, 2]``; -1 cannot be told.
        ground_changed: Whether the background is another, ``bool [N]``.
        text_changed: Whether the headline is, ``bool [N]``.
        sprite: Objects before and after by slot, ``int64 [N, 2, MAX_OBJECTS]``; -1 none.
        dye: Colour given to the objects afterwards, ``int64 [N, MAX_OBJECTS]``; -1 none, -2 cannot be told.
        kept: Whether the slot's object stands there as before, ``bool [N, MAX_OBJECTS]``.
        came: Whether the slot's object came with the edit, ``int64 [N, MAX_OBJECTS]``: 1 if it was nowhere before,
            or elsewhere, or is so much smaller now that the exact judge takes it for another; 0 not; -1 in between.
        half: Whether the slot's object of before is not cleanly gone, though not there, either,
            ``bool [N, MAX_OBJECTS]``.
        hidden: Whether too little of the slot's object is seen to be asked about, or it came in a colour that is not
            its own and is nothing to the exact judge, ``bool [N, MAX_OBJECTS]``.
        doubt: Whether the exact judge is divided about that, ``bool [N, MAX_OBJECTS]``: it is of what was replaced by
            a thing in another light than the picture's, and of some of what is mixed with what was before.
        others: Things that it recognises beside those of the slots, ``int64 [N, MAX_FINDS]``; -1 none.
        mixed: Whether the edited picture is mixed with what was before, and what its objects are is told by the exact
            judge, ``bool [N]``.
        quality: Whether nothing in the picture is half done, ``int64 [N]``: 1 if so, 0 not, -1 in between.
    """

    before: torch.Tensor
    after: torch.Tensor
    color: torch.Tensor
    ground: torch.Tensor
    text: torch.Tensor
    ground_changed: torch.Tensor
    text_changed: torch.Tensor
    sprite: torch.Tensor
    dye: torch.Tensor
    kept: torch.Tensor
    came: torch.Tensor
    half: torch.Tensor
    hidden: torch.Tensor
    doubt: torch.Tensor
    others: torch.Tensor
    mixed: torch.Tensor
    quality: torch.Tensor


@dataclass
class View:
    """What is seen at each of T places of n adverts.

    Attributes:
        kind: ``int64 [n, T]``.
        tint: ``int64 [n, T]``, see :class:`Pairs`.
        centre: Whether an object's middle is there, ``bool [n, T]``.
        hidden: Which objects can hardly be seen, ``bool [n, MAX_OBJECTS]``.
        label: Label of what is seen, ``int64 [n, T]``: 0 the background, then the objects by slot, then the headline,
            and from there on what else was laid there.
    """

    kind: torch.Tensor
    tint: torch.Tensor
    centre: torch.Tensor
    hidden: torch.Tensor
    label: torch.Tensor

    def at(self, values: torch.Tensor, rest: float = 0) -> torch.Tensor:
        """The value of the slot that is seen at each place.

        Args:
            values: ``[n, MAX_OBJECTS]``.
            rest: Value of all else.

        Returns:
            ``[n, T]``.
        """
        return F.pad(values, (1, 1), value=rest).gather(1, self.label.clamp_max(values.shape[1] + 1))

    def rows(self, index: torch.Tensor) -> View:
        """What is seen in some of the adverts."""
        return View(*(getattr(self, f.name)[index] for f in fields(View)))


@dataclass(frozen=True)
class Recipe:
    """How pairs are made.

    Attributes:
        few: Share of pairs with one or two edits; the others are edited all over.
        free: Share of adverts whose objects stand anywhere, in any size.
        toned: Share of pairs whose edited picture gets a look.
        half: Share of pairs in which things are removed or replaced by half.
        astray: Share of the pairs with coloured light in which some new things stand in none, and an eighth of that of
            the others, in a coloured one; not under a look, nor beside what is done by half. It makes such light up to
            three times as frequent.
        mixed: Share of the pairs that keep background, light and look, and in which nothing is done by half or in a
            light of its own, whose edited picture is mixed with what was before.
        alike: Share of adverts with many objects of the same sets.
        crowded: Share of adverts with hardly a free site.
        strips: Share of pictures without objects and with several headlines, to learn to read from.
    """

    few: float = 0.35
    free: float = 0.12
    toned: float = 0.3
    half: float = 0.5
    astray: float = 0.0
    mixed: float = 0.0
    alike: float = 0.75
    crowded: float = 0.0
    strips: float = 0.0
