"""The splits of the advert world: disjoint streams of keys, and how each draws its adverts."""

from __future__ import annotations

from dataclasses import dataclass

from imgedit_gym.art.goals import GoalBook
from imgedit_gym.core.errors import ImgEditError


@dataclass(frozen=True)
class Split:
    """How a split draws its adverts.

    Attributes:
        name: What users write.
        stream: Number that keeps its keys apart from every other split's.
        goals: ``"seen"``, ``"unseen"`` or ``"pairs"`` (two seen goals at once).
        steps: Shortest and longest plan.
        objects: Fewest and most objects.
        overlap: Share of objects that stand partly on another.
        own_font: Whether the split needs another emoji font, given by path.
    """

    name: str
    stream: int
    goals: str = "seen"
    steps: tuple[int, int] = (1, 5)
    objects: tuple[int, int] = (3, 6)
    overlap: float = 0.0
    own_font: bool = False

    def goal_rows(self, book: GoalBook) -> tuple[tuple[int, int], ...]:
        """Pairs of goal indices that the split draws from; -1 for no second goal."""
        if self.goals == "pairs":
            return book.compatible_pairs()
        chosen = book.seen if self.goals == "seen" else book.unseen
        return tuple((goal, -1) for goal in chosen)


SPLITS: dict[str, Split] = {
    split.name: split
    for split in (
        Split("train", 0),
        Split("val", 1),
        Split("test", 2),
        Split("test-compose", 3, goals="pairs", steps=(2, 7)),
        Split("test-goals", 4, goals="unseen"),
        Split("test-long", 5, steps=(5, 8), objects=(6, 9)),
        Split("test-overlap", 6, steps=(2, 5), objects=(4, 7), overlap=0.7),
        Split("test-art", 7, own_font=True),
    )
}


def find_split(name: str) -> Split:
    """A split by name.

    Raises:
        ImgEditError: If there is none of that name.
    """
    if name not in SPLITS:
        raise ImgEditError(f"unknown split {name!r}; expected one of: {', '.join(SPLITS)}")
    return SPLITS[name]
