"""What the teacher puts in and sets: few things, always the same, so that a small network can learn to draw them."""

from __future__ import annotations

from functools import cached_property

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.tasks.adverts.source import Adverts


class HouseStock:
    """The teacher's choice among everything that satisfies a requirement.

    A picture of a carrot and one of a tomato serve a vegetarian advert alike. A network of a few million parameters can
    learn to draw a few things well or many badly, so for every goal the teacher takes the same object, and altogether
    as few objects and sceneries as serve all goals (greedy set cover).

    Args:
        source: The adverts of the goals to be served.
    """

    def __init__(self, source: Adverts) -> None:
        self._source, self._tables = source, source.tables

    def objects(self, goal: int, members: int) -> tuple[int, ...]:
        """Objects of a set that break no rule of a goal, by index of the catalogue."""
        traits = self._tables._traits(goal, -1)
        return tuple(j for j in self._tables.sets.members[members] if traits[j] >> 1 == -1)

    @cached_property
    def demands(self) -> list[tuple[int, int]]:
        """Goal and set of every clause of the split's goals that can ask for an object, where one breaks no rule."""
        sets = self._tables.sets
        found: list[tuple[int, int]] = []
        for goal, _ in self._source.split.goal_rows(self._source.book):
            clauses = self._source.book.goals[goal]
            wished = [rule.instead for rule in clauses.forbid if rule.instead] + [clause.any for clause in clauses.want]
            found += [(goal, sets.index(members)) for members in wished]
        return [demand for demand in found if self.objects(*demand)]

    @cached_property
    def objects_used(self) -> list[int]:
        """Few objects, one of which serves each demand, the most useful first."""
        open_, cover = [set(self.objects(*demand)) for demand in self.demands], []
        chroma = self._source.stock.sprite_chroma.tolist()
        while open_:
            pool = set().union(*open_)
            best = max(pool, key=lambda j: (sum(j in choice for choice in open_), chroma[j]))
            cover.append(best)
            open_ = [choice for choice in open_ if best not in choice]
        return cover

    def object_for(self, goal: int, members: int) -> int:
        """The object that the teacher puts in.

        Raises:
            ImgEditError: If no object of the set is allowed by the goal.
        """
        allowed = self.objects(goal, members)
        for j in self.objects_used:
            if j in allowed:
                return j
        if not allowed:
            raise ImgEditError(f"goal {goal}: expected an object of set {members} that breaks no rule; there is none")
        return allowed[0]

    @cached_property
    def backgrounds_used(self) -> list[int]:
        """Few background kinds, one of which serves each goal that asks for some."""
        goals = self._source.book.goals
        open_ = [set(goals[g].background) for g, _ in self._source.split.goal_rows(self._source.book)]
        open_, cover = [choice for choice in open_ if choice], []
        while open_:
            best = max(sorted(set().union(*open_)), key=lambda kind: sum(kind in choice for choice in open_))
            cover.append(BACKGROUNDS.index(best))
            open_ = [choice for choice in open_ if best not in choice]
        return cover

    def background_for(self, mask: int) -> int:
        """The background kind that the teacher sets, of those whose bits are set in ``mask``."""
        for kind in self.backgrounds_used:
            if mask >> kind & 1:
                return kind
        return (mask & -mask).bit_length() - 1
