"""What can stand at a place of an advert, and the fixed code of each: the language that both halves of the model speak.

The vision half learns to write an image token's code, the language half to read it, apart from each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F

from imgedit_gym.art.catalogue import Catalogue, load_catalogue
from imgedit_gym.art.goals import GoalBook, load_goals
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES

WIDE = 320
"""Numbers in an image token of the judge: the width of its language half."""

WIDTH = 192
"""Numbers in an image token that agents read: the first ones of those."""

KIND = slice(0, 64)
TINT = slice(64, 80)
TONE = slice(80, 80 + len(TONES))
CHANGED, CENTRE, MESS = 91, 92, 93
TYPE = slice(94, 97)
"""Object, background or headline."""

PLACES = 9
"""Places along an edge of a picture."""

PLACE = slice(97, 97 + PLACES**2)
"""Which place it is: what is gathered from several places can be told apart, joined and counted by it."""

NEW = PLACE.stop
"""Whether the object came with the edit: it was nowhere before, or elsewhere."""

FILL = NEW + 1
"""Makes tokens of all kinds equally long, however many sets they are in."""

N_TERMS = 82  # what a head of the judge has room for, beside two more
TERMS = slice(FILL + 1, FILL + 1 + N_TERMS)
"""Categories and attributes, one number each, so that those of a set look all the same to what looks for it."""

FREE = slice(TERMS.stop, WIDE)
NAME, TEXT, BEGIN = FREE.start, FREE.start + 1, FREE.start + 2
"""Marks of words that name things, of all words, and of a question's beginning."""

N_TINTS = 1 + len(COLORS)
"""No colour of its own, and the named ones."""


@dataclass(frozen=True)
class Kinds:
    """Everything that can stand at a place: objects, badges, backgrounds and headlines, in this order.

    Attributes:
        catalogue: The objects.
        book: The goals, with headlines and badges.
    """

    catalogue: Catalogue
    book: GoalBook

    @classmethod
    def load(cls) -> Kinds:
        """The kinds of the package's own world."""
        return cls(load_catalogue(), load_goals())

    @cached_property
    def n_objects(self) -> int:
        """Objects of the catalogue."""
        return len(self.catalogue)

    @cached_property
    def n_sprites(self) -> int:
        """Objects and badges."""
        return self.n_objects + len(self.book.badges)

    @cached_property
    def first_headline(self) -> int:
        """Index of the first headline."""
        return self.n_sprites + len(BACKGROUNDS)

    def __len__(self) -> int:
        return self.first_headline + len(self.book.headlines)

    @cached_property
    def types(self) -> torch.Tensor:
        """0 object or badge, 1 background, 2 headline; ``int64 [kinds]``."""
        index = torch.arange(len(self))
        return (index >= self.n_sprites).long() + (index >= self.first_headline).long()

    def mask(self, indices: Iterable[int]) -> torch.Tensor:
        """Membership, ``bool [kinds]``."""
        found = torch.zeros(len(self), dtype=torch.bool)
        found[list(indices)] = True
        return found

    @cached_property
    def terms(self) -> dict[str, torch.Tensor]:
        """Categories and attributes with their members, ``bool [kinds]``."""
        names = dict.fromkeys((*self.catalogue.categories, *self.catalogue.attributes))
        return {name: self.mask(self.catalogue.members(name)) for name in names}

    @cached_property
    def within(self) -> torch.Tensor:
        """Which categories and attributes each kind has, ``float32 [kinds, N_TERMS]``.

        Raises:
            ImgEditError: If there are more than tokens have room for.
        """
        if len(self.terms) > N_TERMS:
            raise ImgEditError(f"expected at most {N_TERMS} categories and attributes; found {len(self.terms)}")
        return F.pad(torch.stack(list(self.terms.values()), 1).float(), (0, N_TERMS - len(self.terms)))

    @cached_property
    def fill(self) -> torch.Tensor:
        """What makes the marks of all kinds' sets equally long, ``float32 [kinds]``."""
        count = self.within.sum(1)
        return (count.max() - count).sqrt()


@dataclass(frozen=True)
class Codes:
    """Fixed codes.

    Attributes:
        kinds: Unit vector of each kind, ``float32 [kinds, 64]``.
        terms: Unit vector of each category and attribute, near to its members and to nothing else.
        tints: Orthogonal unit vectors, ``float32 [N_TINTS, 16]``.
    """

    kinds: torch.Tensor
    terms: torch.Tensor
    tints: torch.Tensor

    @classmethod
    def make(cls, kinds: Kinds, seed: int = 7, steps: int = 500) -> Codes:
        """Spread the codes so that each word's product with what it names is above 0.5, with all else below 0.35."""
        draw = torch.Generator().manual_seed(seed)
        members = torch.stack(list(kinds.terms.values())).float()
        truth = torch.cat([torch.eye(len(kinds)), members])
        width = KIND.stop - KIND.start
        own = torch.randn(len(kinds), width, generator=draw).requires_grad_()
        term = torch.randn(len(members), width, generator=draw).requires_grad_()
        optimizer = torch.optim.Adam([own, term], 0.03)
        weight = torch.where(truth > 0, 3.0, 1.0)
        for _ in range(steps):
            unit = F.normalize(own, dim=-1)
            likeness = torch.cat([unit, F.normalize(term, dim=-1)]) @ unit.T
            error = F.binary_cross_entropy_with_logits(30.0 * (likeness - 0.45), truth, weight, reduction="none")
            optimizer.zero_grad()
            error.sum(1).mean().backward()
            optimizer.step()
        tints = torch.linalg.qr(torch.randn(16, 16, generator=draw))[0][:N_TINTS]
        return cls(F.normalize(own.detach(), dim=-1), F.normalize(term.detach(), dim=-1), tints.contiguous())
