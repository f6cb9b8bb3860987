"""Pairs of adverts before and after edits with everything known about them, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass
class Places:
    """What is seen at each of T places of the mosaics of N pairs of pictures.

    Attributes:
        kind: Kind at each place of the edited picture, ``int64 [N, T]``; -1 cannot be told, nor what depends on it.
        tint: Colour there, ``int64 [N, T]``: 0 as drawn, otherwise 1 and more; -1 cannot be told,
            -2 it is not known.
        changed: Whether the place was changed, apart from the look of the whole, ``bool [N, T]``.
        centre: Whether an object's middle is there, ``bool [N, T]``.
        mess: Whether something half done or in a light of its own is there, ``bool [N, T]``.
        new: Whether an object there came with the edit, see ``came``, ``int64 [N, T]``.
        tone: Look given to the whole picture, ``int64 [N]``; -1 none, -2 cannot be told.
    """

    kind: torch.Tensor
    tint: torch.Tensor
    changed: torch.Tensor
    centre: torch.Tensor
    mess: torch.Tensor
    new: torch.Tensor
    tone: torch.Tensor


@dataclass
class Pairs(Places):
    """N pairs of drawn pictures and what was done.

    Attributes:
        before: ``uint8 [N, S, S, 3]``; empty where nothing was drawn for the eye.
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
        half: Whether the slot's object is half removed or replaced, ``bool [N, MAX_OBJECTS]``.
        hidden: Whether too little of the slot's object is seen to be asked about, or it came in a colour that is not
            its own and is nothing to the exact judge, ``bool [N, MAX_OBJECTS]``.
        doubt: Whether nobody can say if the slot's object of before is gone, since what came there stands in another
            light than the picture's things and is none of them, or as it is mixed with what was before,
            ``bool [N, MAX_OBJECTS]``.
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
        label: Label of what is seen, ``int64 [n, T]``: 0 the background, from 1 on the objects by slot.
    """

    kind: torch.Tensor
    tint: torch.Tensor
    centre: torch.Tensor
    hidden: torch.Tensor
    label: torch.Tensor


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
        mixed: Share of the other pairs, if background and look are the old ones, in which the edited picture is mixed
            with what was before.
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
