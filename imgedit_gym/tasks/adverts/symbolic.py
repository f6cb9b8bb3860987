"""Carrying out plans in thought: what a plan makes of an advert, without a pixel being touched.

The rules are those of the tools and of the checklist. Edits reach what a region can name, which is a segment of the
source picture: an object's place, also once something else stands there, the background, the headline, the whole.
A background is set or recolored only where the source shows it. So setting it late covers what was added on free
ground, leaves patches of the old one around what was replaced or removed, and takes a tone back; recoloring it late
leaves such patches, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.checklist import LABEL_BACKGROUND, LABEL_HEADLINE, LABEL_PICTURE, MAX_OBJECTS, Kind
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, PICTURE, Plan, PlanStep
from imgedit_gym.core.plan_report import Outcome, Place
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.tasks import TaskBatch

ROOM = 0.19
"""Edge, as a share of the picture, of the free square that an object needs to be added."""

CROWDED = 0.03
"""Share of such a square that may be taken."""

COLORLESS = ("monochrome", "vintage")
"""Tones after which no colour can be told."""

CONTRARY: dict[str, tuple[str, ...]] = {
    "brighter": ("darker",),
    "darker": ("brighter",),
    "warmer": ("cooler", "monochrome"),
    "cooler": ("warmer", "monochrome", "vintage"),
    "vivid": ("muted", "monochrome", "vintage"),
    "muted": ("vivid",),
    "monochrome": ("warmer", "cooler", "vivid", "vintage"),
    "vintage": ("cooler", "vivid", "monochrome"),
    "contrasty": (),
    "soft": ("crisp",),
    "crisp": ("soft",),
}
"""Tones that a tone undoes."""

_EMPTY = -1


@dataclass(frozen=True, eq=False)
class Lexicon:
    """What words and set numbers stand for.

    Attributes:
        stock: The art that tasks and tools use.
        pasted: Sprite that tools paste for a value: an object, or the first of a category.
        kinds: Sprites that a target may name: a category's or an attribute's.
        members: Sprites of the object sets that requirements name, by index.
    """

    stock: Stock
    pasted: Mapping[str, int]
    kinds: Mapping[str, frozenset[int]]
    members: tuple[frozenset[int], ...]

    @classmethod
    def build(cls, stock: Stock, sets: Sequence[Sequence[int]]) -> Lexicon:
        """Look every word of the catalogue up once."""
        catalogue = stock.catalogue
        first = {category: catalogue.members(category)[0] for category in catalogue.categories}
        return cls(
            stock=stock,
            pasted=first | {item.name: index for index, item in enumerate(catalogue.objects)},
            kinds={term: frozenset(catalogue.members(term)) for term in (*catalogue.categories, *catalogue.attributes)},
            members=tuple(frozenset(one) for one in sets),
        )


class SymbolicTask:
    """One task of a batch in plain numbers and words, as the batch holds it now.

    Args:
        batch: The tasks.
        row: Which of them.
        lexicon: What words stand for.
    """

    def __init__(self, batch: TaskBatch, row: int, lexicon: Lexicon) -> None:
        stock, texts = lexicon.stock, batch.texts.get(row)
        self.lexicon = lexicon
        self.slots: tuple[int, ...] = tuple(batch.slots[row].tolist())
        own = ("",) * MAX_OBJECTS if texts is None else (*texts.names, *("",) * MAX_OBJECTS)
        self.names = tuple(
            stock.sprite_name(sprite) if sprite >= 0 and texts is None else own[slot]
            for slot, sprite in enumerate(self.slots)
        )
        self.background = int(batch.background[row])
        headline = int(batch.headline[row])
        self.headline = None if headline == -1 else stock.headline(headline)
        self.requirements = tuple(tuple(columns) for columns in batch.requirements[row].tolist() if columns[0])
        self.kept = tuple(batch.keep[row].nonzero().flatten().tolist())
        self.own_cells = tuple(cell for cell in batch.plan_cells[row].tolist() if cell >= 0)
        self._segments = batch.segments[row]

    def carry_out(self, plan: Plan) -> Outcome:
        """What a plan makes of the task."""
        picture = SymbolicPicture(self)
        done = [picture.apply(step) for step in plan]
        return Outcome(
            satisfied=tuple(picture.satisfies(*columns) for columns in self.requirements),
            kept=self.kept,
            broken=tuple(label for label in self.kept if label in picture.touched),
            problems=tuple(problem for problem, _ in done),
            places=tuple(place for _, place in done),
        )

    def cells(self) -> Iterator[int]:
        """Cells where something can be added, in order: those the task was laid out with, then other free ones."""
        yield from self.own_cells
        yield from self.free_cells

    @cached_property
    def free_cells(self) -> tuple[int, ...]:
        """Cells around which an object could be added, those with most room first."""
        taken = (self._segments != LABEL_BACKGROUND).int().cpu()
        # what lies in each rectangle from the upper left corner on
        sums = torch.nn.functional.pad(taken.cumsum(0).cumsum(1), (1, 0, 1, 0))
        near, around = (_crowd(sums, edge).tolist() for edge in (ROOM, 1.5 * ROOM))
        free = (cell for cell, crowd in enumerate(near) if crowd <= CROWDED)
        return tuple(sorted(free, key=lambda cell: around[cell]))


def _crowd(sums: torch.Tensor, edge: float) -> torch.Tensor:
    """Share that is taken of the square around each cell's middle, moved into the picture, ``float32 [cells]``."""
    size = len(sums) - 1
    side = round(edge * size)
    starts = [round((at + 0.5) * size / LATTICE - 0.5 * side) for at in range(LATTICE)]
    first = torch.tensor(starts).clamp(0, size - side)
    top, left = first.repeat_interleave(LATTICE), first.repeat(LATTICE)
    bottom, right = top + side, left + side
    return (sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]) / side**2


class SymbolicPicture:
    """A picture in thought, which plan steps change.

    Attributes:
        touched: Segment labels of the source's things that are no longer as they were.
    """

    def __init__(self, task: SymbolicTask) -> None:
        self._task, self._lexicon = task, task.lexicon
        self._names = list(task.names)
        self._there = list(task.slots)
        self._new: set[int] = set()
        """Slots in which something else stands than at first."""
        self._patched: set[int] = set()
        """Slots edited before the background was set: patches of the old one are left, what stands there is cut."""
        self._colors: dict[int, int] = {}
        self._added: list[tuple[int, int]] = []
        """Sprite and cell of what stands on free ground."""
        self._background = task.background
        self._background_color = _EMPTY
        self._evenly = True
        """Whether the colour of the background was given to all of it."""
        self._headline = task.headline
        self._tones: set[str] = set()
        self.touched: set[int] = set()

    # ------------------------------------------------------------------ carrying out

    def apply(self, step: PlanStep) -> tuple[str, Place]:
        """Carry out a step.

        Returns:
            Why it cannot be, empty if it can; and where it is.
        """
        match step.verb:
            case "remove":
                return self._remove(step)
            case "replace":
                return self._replace(step)
            case "add":
                return self._add(step)
            case "recolor":
                return self._recolor(step)
            case "set":
                return self._set(step)
            case "rewrite":
                return self._rewrite(step)
            case "adjust":
                return self._adjust(step)
        return _no("free text names no edit")

    def _remove(self, step: PlanStep) -> tuple[str, Place]:
        label = self._find(step.target)
        if label is None:
            return _missing(step.target)
        if label in (LABEL_BACKGROUND, LABEL_PICTURE):
            return _no(f"the {step.target} cannot be removed")
        if label == LABEL_HEADLINE:
            self._headline = None
        else:
            self._put(label - 1, _EMPTY)
        return self._done(label)

    def _replace(self, step: PlanStep) -> tuple[str, Place]:
        label = self._find(step.target)
        if label is None:
            return _missing(step.target)
        if not 1 <= label <= MAX_OBJECTS:
            return _no(f"the {step.target} cannot be replaced")
        sprite = self._lexicon.pasted.get(step.value)
        if sprite is None:
            return _no(f"there is no {step.value!r} in the stock")
        self._put(label - 1, sprite)
        return self._done(label)

    def _add(self, step: PlanStep) -> tuple[str, Place]:
        sprite = self._lexicon.pasted.get(step.value)
        if sprite is None:
            return _no(f"there is no {step.value!r} in the stock")
        taken = [cell for _, cell in self._added]
        for cell in self._task.cells():
            if all(_apart(cell, other) for other in taken):
                self._added.append((sprite, cell))
                return "", Place(LABEL_BACKGROUND, cell)
        for slot, standing in enumerate(self._there):
            if standing == _EMPTY and self._names[slot]:
                self._put(slot, sprite)
                return self._done(slot + 1)
        return _no(f"there is no room for the {step.value}")

    def _recolor(self, step: PlanStep) -> tuple[str, Place]:
        label = self._find(step.target)
        if label is None:
            return _missing(step.target)
        if step.value not in COLORS:
            return _no(f"there is no color {step.value!r}")
        if label in (LABEL_HEADLINE, LABEL_PICTURE):
            return _no(f"the {step.target} cannot be recolored")
        if label == LABEL_BACKGROUND:
            self._background_color = COLORS.index(step.value)
            self._evenly = not self._new and not self._added
        else:
            self._colors[label - 1] = COLORS.index(step.value)
        return self._done(label)

    def _set(self, step: PlanStep) -> tuple[str, Place]:
        if step.target != BACKGROUND:
            return _no(f"only the background can be set; found {step.target!r}")
        if step.value not in BACKGROUNDS:
            return _no(f"there is no background {step.value!r}")
        self._background = BACKGROUNDS.index(step.value)
        self._background_color = _EMPTY
        self._added.clear()
        self._patched |= self._new
        self._tones.clear()
        return self._done(LABEL_BACKGROUND)

    def _rewrite(self, step: PlanStep) -> tuple[str, Place]:
        if step.target != HEADLINE:
            return _no(f"only the headline can be rewritten; found {step.target!r}")
        if self._headline is None:
            return _missing(HEADLINE)
        if step.value == self._headline:
            return "", Place(LABEL_HEADLINE)
        self._headline = step.value
        return self._done(LABEL_HEADLINE)

    def _adjust(self, step: PlanStep) -> tuple[str, Place]:
        if step.target != PICTURE:
            return _no(f"only the picture can be adjusted; found {step.target!r}")
        if step.value not in TONES:
            return _no(f"there is no tone {step.value!r}")
        self._tones.difference_update(CONTRARY[step.value])
        self._tones.add(step.value)
        return "", Place()

    def _done(self, label: int) -> tuple[str, Place]:
        self.touched.add(label)
        return "", Place(label)

    def _put(self, slot: int, sprite: int) -> None:
        self._there[slot] = sprite
        self._new.add(slot)
        self._colors.pop(slot, None)
        self._patched.discard(slot)

    # ------------------------------------------------------------------ looking

    def _find(self, target: str) -> int | None:
        """Label of what a word names; an object's name goes before its category and attributes."""
        if target == PICTURE:
            return LABEL_PICTURE
        if target == BACKGROUND:
            return LABEL_BACKGROUND
        if target == HEADLINE:
            return None if self._headline is None else LABEL_HEADLINE
        named = (slot for slot in range(MAX_OBJECTS) if self._name(slot) == target)
        kinds = self._lexicon.kinds.get(target, frozenset())
        of_kind = (slot for slot, sprite in enumerate(self._there) if sprite in kinds)
        slot = next(chain(named, of_kind), None)
        return None if slot is None else slot + 1

    def _name(self, slot: int) -> str:
        sprite = self._there[slot]
        if sprite == _EMPTY:
            return ""
        return self._lexicon.stock.sprite_name(sprite) if slot in self._new else self._names[slot]

    def _count(self, members: frozenset[int]) -> int:
        """How many things of a set can be seen."""
        standing = sum(sprite in members for at, sprite in enumerate(self._there) if at not in self._patched)
        return standing + sum(sprite in members for sprite, _ in self._added)

    def satisfies(self, kind: int, step: int, slot: int, arg: int, count: int) -> bool:
        """Whether a requirement is satisfied; see :class:`imgedit_gym.core.checklist.Kind`."""
        match kind:
            case Kind.ABSENT:
                brought = [self._there[at] for at in self._new] + [sprite for sprite, _ in self._added]
                came_back = arg >= 0 and any(sprite in self._lexicon.members[arg] for sprite in brought)
                return slot in self._new and slot not in self._patched and not came_back
            case Kind.PRESENT:
                return self._count(self._lexicon.members[arg]) >= count
            case Kind.COLOR:
                return slot not in self._new and self._colors.get(slot) == arg and self._colorful
            case Kind.BACKGROUND:
                known = self._background >= 0 and self._background_color == _EMPTY
                return known and bool(arg >> self._background & 1)
            case Kind.BACKGROUND_COLOR:
                same = self._background == self._task.background and self._evenly
                return same and self._background_color == arg and self._colorful
            case Kind.HEADLINE:
                return self._headline in [self._lexicon.stock.headline(arg + i) for i in range(count)]
            case Kind.TONE:
                return TONES[arg] in self._tones
            case Kind.COUNT:
                members = self._lexicon.members[arg]
                clean = all(self._task.slots[at] not in members for at in self._patched)
                return clean and slot <= self._count(members) <= count
        return False

    @property
    def _colorful(self) -> bool:
        return not self._tones.intersection(COLORLESS)


def _no(problem: str) -> tuple[str, Place]:
    return problem, Place()


def _missing(target: str) -> tuple[str, Place]:
    return _no(f"there is no {target!r} in the picture")


def _apart(cell: int, other: int) -> bool:
    """Whether objects added at two cells do not touch."""
    (y, x), (v, u) = divmod(cell, LATTICE), divmod(other, LATTICE)
    return max(abs(y - v), abs(x - u)) / LATTICE > ROOM
