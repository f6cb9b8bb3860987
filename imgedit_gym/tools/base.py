"""What a tool does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import Stock
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import N_VALUES, Vocabulary


@dataclass(frozen=True, eq=False)
class Lookup:
    """What the codes of the value slot stand for in the stock; -1 where they stand for nothing of the kind.

    Attributes:
        sprite: Object, or first object of a category, ``int64 [N_VALUES]``.
        color: Index of ``COLORS``, ``int64 [N_VALUES]``.
        plate: Plate of a background kind, ``int64 [N_VALUES]``.
        tone: Index of ``TONES``, ``int64 [N_VALUES]``.
        text: Row of a headline, ``int64 [N_VALUES]``.
    """

    sprite: torch.Tensor
    color: torch.Tensor
    plate: torch.Tensor
    tone: torch.Tensor
    text: torch.Tensor

    @classmethod
    def build(cls, stock: Stock, vocabulary: Vocabulary) -> Lookup:
        """Look every word of the vocabulary up in the stock."""
        catalogue = stock.catalogue
        tables = {name: torch.full((N_VALUES,), -1, dtype=torch.int64) for name in cls.__annotations__}

        def put(table: str, entries: Iterable[tuple[str, int]]) -> None:
            for word, found in entries:
                if word in vocabulary.values:  # the codes of other words are shared with any text
                    tables[table][vocabulary.value_code(word)] = found

        put("sprite", ((category, catalogue.members(category)[0]) for category in catalogue.categories))
        put("sprite", ((item.name, index) for index, item in enumerate(catalogue.objects)))
        put("color", zip(COLORS, range(len(COLORS)), strict=True))
        put("plate", ((name, index * VARIANTS) for index, name in enumerate(BACKGROUNDS)))
        put("tone", zip(TONES, range(len(TONES)), strict=True))
        put("text", zip(stock.headlines, range(len(stock.headlines)), strict=True))
        return cls(**{name: table.to(stock.device) for name, table in tables.items()})


@dataclass(frozen=True, eq=False)
class Edited:
    """Edits of a tool that can fail while it works: a model, a server.

    Attributes:
        images: ``uint8 [n, S, S, 3]``; rows that failed may hold anything.
        problems: Problem code of each edit, ``int64 [n]``, an index of :attr:`Tool.problems`; 0 where it was made.
            Canvases of the others stay as they are.
        raw: The pictures as the model gave them, where the tool has confined them itself, ``uint8 [n, S, S, 3]``; what
            lineage is measured on. ``None``: ``images`` is that.
    """

    images: torch.Tensor
    problems: torch.Tensor
    raw: torch.Tensor | None = None


_Accepts = TypeVar("_Accepts", bound=Callable[..., torch.Tensor])

_LOOKUPS: WeakKeyDictionary[Stock, dict[Vocabulary, Lookup]] = WeakKeyDictionary()


def lookup(stock: Stock, vocabulary: Vocabulary) -> Lookup:
    """The shared look-up of a stock and a vocabulary."""
    held = _LOOKUPS.setdefault(stock, {})
    if vocabulary not in held:
        held[vocabulary] = Lookup.build(stock, vocabulary)
    return held[vocabulary]


def by_value(accepts: _Accepts) -> _Accepts:
    """Mark a tool's ``accepts`` as depending on nothing but verb and value of a step, so that it can be tabulated."""
    accepts.by_value = True  # type: ignore[attr-defined]
    return accepts


class Tool:
    """Base of the tools; a contributor's tool needs the same attributes and methods, not this class.

    Tools are built once per engine with the keywords ``stock`` and ``vocabulary`` beside a user's own.

    Attributes:
        id: What users write.
        version: Raised when the tool's results change.
        deterministic: Whether equal input gives equal output.
        reach: Where the engine lets the tool write: ``"mask"``, or ``"box"`` for tools that put a new thing in the
            place of an old one and need the square around it.
        traced: Whether the engine keeps the lineage of every edit without being asked to: for tools that take so long
            that this costs nothing.
        problems: Messages by problem code; code 0 means none. More may be added while the tool works, none may change.
    """

    id: str
    version: str = "1"
    deterministic: bool = True
    reach: str = "mask"
    traced: bool = False
    problems: tuple[str, ...] = ("", "not meant for this plan step")

    def __init__(self, stock: Stock, vocabulary: Vocabulary) -> None:
        self.stock = stock
        self.vocabulary = vocabulary
        self.lookup = lookup(stock, vocabulary)

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Whether the tool can do something with each plan step, ``bool [n]``; what action masks are made of."""
        return torch.ones(len(steps), dtype=torch.bool, device=steps.codes.device)

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Problem code of each edit, ``int64 [n]``, an index of :attr:`problems`; 0 where it can be made."""
        return torch.where(self.accepts(steps), 0, 1)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor | Edited:
        """Edit a batch of pictures.

        Args:
            images: ``uint8 [n, S, S, 3]``, copies of the canvases.
            regions: n regions; what lies outside is restored by the engine.
            steps: n plan steps that lead the edit.

        Returns:
            ``uint8 [n, S, S, 3]``, fresh; or :class:`Edited`, where some may have failed.
        """
        raise NotImplementedError


def covers_all(regions: RegionBatch) -> torch.Tensor:
    """Whether a region leaves almost nothing outside to work from, ``bool [n]``."""
    height, width = regions.masks.shape[1:]
    return regions.areas > 0.85 * height * width


def is_empty(regions: RegionBatch) -> torch.Tensor:
    """Whether a region has no pixel, ``bool [n]``."""
    return regions.boxes[:, 2] <= regions.boxes[:, 0]
