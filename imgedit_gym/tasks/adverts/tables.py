"""The goal book, the catalogue and the vocabulary as tensors that the sampling kernel reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from imgedit_gym.art.backgrounds import LIGHT, VARIANTS
from imgedit_gym.art.goals import Goal, GoalBook
from imgedit_gym.art.stock import PALE_CHROMA, SATURATED_CHROMA, Stock
from imgedit_gym.core.names import BACKGROUNDS, COLORS, PATTERNS, TONES
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, PICTURE
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.kernels.runtime import struct_of
from imgedit_gym.tasks.adverts.sample_kernels import (
    DIM,
    RULE_LIMIT,
    RULE_RECOLOR,
    RULES,
    SMOOTH_KINDS,
    WANTS,
    GoalArrays,
    SplitArrays,
)
from imgedit_gym.tasks.adverts.splits import Split

FORBIDS = RULE_RECOLOR
"""Most clauses of a goal that forbid something: their rules stand before the others."""

KIND_SHARES = {"smooth": 0.19, "texture": 0.23, "day": 0.14, "lit": 0.44}
"""How often backgrounds are smooth, textured, sceneries in daylight and sceneries in a light of their own."""

WEIGHTS = {"autumn park": 0.5, "night city": 0.5}
"""Kinds drawn less often than the others of their group: an autumn park, from which most objects stand out enough to
be chosen, and a night city, in which some can hardly be told."""

ONE_HUE = 0.96
"""A saturated sprite is recoloured only if its colours share one hue this far."""


def kind_shares() -> list[float]:
    """How often each background kind is drawn where a goal does not care, by index of ``BACKGROUNDS``."""
    groups = [
        ("smooth" if kind in PATTERNS[:SMOOTH_KINDS] else "texture")
        if kind in PATTERNS
        else ("lit" if min(LIGHT[kind]) < DIM else "day")
        for kind in BACKGROUNDS
    ]
    weights = [WEIGHTS.get(kind, 1.0) for kind in BACKGROUNDS]
    totals = {group: sum(w for w, g in zip(weights, groups, strict=True) if g == group) for group in KIND_SHARES}
    return [KIND_SHARES[group] * weight / totals[group] for weight, group in zip(weights, groups, strict=True)]


class ObjectSets:
    """Object sets that requirements name by index: every object, every category, then those of the goals.

    Args:
        stock: Whose sprites the sets are over.
    """

    def __init__(self, stock: Stock) -> None:
        catalogue = stock.catalogue
        self._sprites = len(stock.sprites)
        self.members: list[tuple[int, ...]] = [(index,) for index in range(len(catalogue.objects))]
        self.names: list[str] = [item.name for item in catalogue.objects]
        for category in catalogue.categories:
            self.members.append(catalogue.members(category))
            self.names.append(category)

    def index(self, members: Iterable[int], name: str = "") -> int:
        """Index of a set of objects; a new set is added."""
        wanted = tuple(sorted(members))
        if wanted not in self.members:
            self.members.append(wanted)
            self.names.append(name)
        return self.members.index(wanted)

    def named(self, name: str) -> int:
        """Index of the set of an object's or category's name; -1 if there is none."""
        return self.names.index(name) if name in self.names else -1

    def tensor(self, device: torch.device) -> torch.Tensor:
        """Membership, ``int32 [sets, sprites]``."""
        table = torch.zeros(len(self.members), self._sprites, dtype=torch.int32)
        for row, members in enumerate(self.members):
            table[row, list(members)] = 1
        return table.to(device)


class GoalTables:
    """Everything the sampling kernel reads, built once.

    Args:
        book: The goals.
        stock: The art.
        vocabulary: Codes for plan steps.

    Attributes:
        sets: The object sets that requirements name.
        arrays: Argument of the sampling kernel.
    """

    def __init__(self, book: GoalBook, stock: Stock, vocabulary: Vocabulary) -> None:
        self.book, self.stock = book, stock
        self.sets = ObjectSets(stock)
        self._suitable = self._recolorable()
        starts, columns = len(book.neutral_headlines), []
        for goal in book.goals:
            columns.append(self._goal(goal, starts))
            starts += len(goal.headlines)
        tensors = {
            name: torch.tensor([column[name] for column in columns], dtype=torch.int32).to(stock.device)
            for name in columns[0]
        }
        tensors["sets"] = self.sets.tensor(stock.device)
        tensors |= self._codes(vocabulary)
        tensors |= {
            "sprite_means": stock.sprite_means,
            "plate_means": stock.plate_means,
            "colors": stock.colors,
            "lights": stock.lights,
            "kind_shares": torch.tensor(kind_shares(), device=stock.device),
        }
        self._tensors = tensors
        self.arrays: Any = struct_of(
            GoalArrays,
            tensors,
            n_objects=stock.n_objects,
            n_badges=len(stock.badges),
            n_patterns=len(PATTERNS),
            n_backgrounds=len(BACKGROUNDS),
            n_headlines=len(book.headlines),
            n_neutral=len(book.neutral_headlines),
            variants=VARIANTS,
            code_picture=vocabulary.target_code(PICTURE),
            code_background=vocabulary.target_code(BACKGROUND),
            code_headline=vocabulary.target_code(HEADLINE),
        )

    def split(self, split: Split) -> Any:
        """Argument of the sampling kernel for one split."""
        rows = torch.tensor(split.goal_rows(self.book), dtype=torch.int32)
        traits = torch.tensor([self._traits(*row) for row in rows.tolist()], dtype=torch.int32)
        rules = (traits >> 1 != -1).any(1).to(torch.int32)
        tensors = {"goals": rows, "traits": traits, "rules": rules}
        return struct_of(
            SplitArrays,
            {name: tensor.to(self.stock.device) for name, tensor in tensors.items()},
            shortest=split.steps[0],
            longest=split.steps[1],
            fewest=split.objects[0],
            most=split.objects[1],
            overlap=split.overlap,
        )

    def _recolorable(self) -> set[int]:
        """Objects whose colour can be told: clearly of one saturated hue, or pale and not dark."""
        chroma = self.stock.sprite_chroma.tolist()
        unity = self.stock.sprite_unity.tolist()
        light = (self.stock.sprite_means @ torch.tensor([0.299, 0.587, 0.114], device=self.stock.device)).tolist()
        return {
            index
            for index in range(self.stock.n_objects)
            if (chroma[index] > SATURATED_CHROMA and unity[index] > ONE_HUE)
            or (chroma[index] < PALE_CHROMA and light[index] > 90)
        }

    def _goal(self, goal: Goal, start: int) -> dict[str, Any]:
        """One goal as integers."""
        forbid = [self.sets.index(rule.any) for rule in goal.forbid]
        instead = [self.sets.index(rule.instead) if rule.instead else -1 for rule in goal.forbid]
        want = [self.sets.index(clause.any) for clause in goal.want]
        return {
            "forbid": (forbid + [-1] * FORBIDS)[:FORBIDS],
            "instead": (instead + [-1] * FORBIDS)[:FORBIDS],
            "want": (want + [-1] * WANTS)[:WANTS],
            "recolor": COLORS.index(goal.recolor[-1].color) if goal.recolor else -1,
            "limit_set": self.sets.index(goal.limit[0].any) if goal.limit else -1,
            "limit": goal.limit[0].at_most if goal.limit else 0,
            "background": sum(1 << BACKGROUNDS.index(kind) for kind in goal.background),
            "background_color": COLORS.index(goal.background_color) if goal.background_color else -1,
            "headline": [start, len(goal.headlines)],
            "tone": TONES.index(goal.tone) if goal.tone else -1,
            "phrasings": len(goal.phrasings),
        }

    def _rules(self, goal: Goal) -> list[int]:
        """The rule of a goal that each object breaks; -1 none."""
        rules = [-1] * self.stock.n_objects
        for limit in goal.limit:
            for j in limit.any:
                rules[j] = RULE_LIMIT
        for clause in goal.recolor:
            color = COLORS.index(clause.color)
            for j in clause.any:
                # one that has the colour already, or cannot show it, may not appear at all
                rules[j] = RULE_RECOLOR if self._takes_color(j, color) else RULE_LIMIT + 100
        for index, rule in enumerate(goal.forbid):
            for j in rule.any:
                rules[j] = index
        return rules

    def _traits(self, first: int, second: int) -> list[int]:
        """What each object is to one or two goals: twice the rule it breaks, and 1 more if it is wished for.

        Rules 0 to 4 are the first goal's, 5 to 9 the second's; -1 is none, -2 several.
        """
        rules = self._rules(self.book.goals[first])
        wished = set(self.book.goals[first].welcome)
        if second >= 0:
            wished |= set(self.book.goals[second].welcome)
            for j, rule in enumerate(self._rules(self.book.goals[second])):
                if rule >= 0:
                    rules[j] = rule + RULES if rules[j] < 0 else -2
        return [2 * rule + (j in wished) for j, rule in enumerate(rules)]

    def _takes_color(self, sprite: int, color: int) -> bool:
        if sprite not in self._suitable:
            return False
        if float(self.stock.sprite_chroma[sprite]) < PALE_CHROMA:
            return True
        from imgedit_gym.art.stock import hues

        gap = abs(float(self.stock.sprite_hues[sprite]) - float(hues(self.stock.colors)[color]))
        return min(gap, 6.0 - gap) > 0.9

    def _codes(self, vocabulary: Vocabulary) -> dict[str, torch.Tensor]:
        objects = [item.name for item in self.stock.catalogue.objects]
        words = {
            "object_code": objects,
            "color_code": COLORS,
            "background_code": BACKGROUNDS,
            "headline_code": self.book.headlines,
            "tone_code": TONES,
        }
        codes = {name: [vocabulary.value_code(word) for word in table] for name, table in words.items()}
        codes["target_code"] = [vocabulary.target_code(word) for word in objects]
        return {name: torch.tensor(row, dtype=torch.int32).to(self.stock.device) for name, row in codes.items()}
