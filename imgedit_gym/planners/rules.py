"""Plans by rules: key words tell the goal, template matching tells what is in the picture.

The planner uses what an outside agent could: the picture, the words of the request, the public stock of art
and the public book of goals without those kept for evaluation. It uses none of a task's answers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log

import torch

from imgedit_gym.art.goals import Goal, load_goals
from imgedit_gym.art.stock import Stock
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, PICTURE, Plan, PlanStep
from imgedit_gym.core.task_source import TaskSource
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.planners import retouching
from imgedit_gym.planners.detector import Detection, Scene, look

JOINT = " Also: "
"""What joins the requests of two goals."""

LEAST_OVERLAP = 4.0
"""Least weight of shared words by which a goal without a key word in the request is recognised: more than any
one word has, for a single word in common is as often chance."""

COMMON_WORDS = frozenset(
    """
    a about ad ads advert advertisement after all an and another any are as at back be been by can come
    could day do does eat every everything for free from give go has have help here in into is it its
    just keep less like little look make more much must new no not nothing of off on only open or our
    out over people picture please poster safe shop should show shown so some something take than that
    the their them there these they this those to too turn up us use want we what when where which who
    will with without work would you your
    """.split()  # noqa: SIM905 - a list would take a page
)
"""Words that tell nothing about a goal."""


class RulesPlanner:
    """Makes plans from what it sees and reads, without a model and without answers.

    Args:
        tasks: Where the tasks come from.
    """

    id = "rules"
    version = "1"
    deterministic = True
    follows_oracle = False

    def __init__(self, tasks: TaskSource) -> None:
        self._tasks = tasks

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """Look at the source pictures and plan; see :class:`imgedit_gym.planners.base.Planner`."""
        if getattr(self._tasks, "rules", "adverts") == "retouching":
            photos = retouching.look(batch.images[rows.to(batch.device)])
            return [
                retouching.make_plan(self._tasks.instruction(batch, row), seen, batch.plan.shape[1])
                for row, seen in zip(rows.tolist(), photos, strict=True)
            ]
        scenes = look(batch.images[rows.to(batch.device)], self._tasks.stock)
        longest = batch.plan.shape[1]
        return [
            make_plan(self._tasks.instruction(batch, row), scene, self._tasks.stock, longest)
            for row, scene in zip(rows.tolist(), scenes, strict=True)
        ]


def make_plan(instruction: str, scene: Scene, stock: Stock, max_steps: int) -> Plan:
    """The plan for one request.

    Args:
        instruction: The request in words.
        scene: What is in the picture.
        stock: Art that may be brought in.
        max_steps: Longest plan.

    Returns:
        At least one step; the request itself as free text where no goal is recognised.
    """
    goals = recognise(instruction)
    steps = _steps(goals, scene, stock) if goals else []
    return tuple(steps[:max_steps]) or (PlanStep("edit", PICTURE, instruction),)


# ------------------------------------------------------------------ words to goals


def recognise(instruction: str) -> tuple[Goal, ...]:
    """The goals that a request speaks of, in the order of the book; at most one for each of its parts."""
    found = {_recognise_one(part) for part in instruction.split(JOINT)}
    return tuple(goal for goal in known_goals() if goal.name in found)


@lru_cache(maxsize=1)
def known_goals() -> tuple[Goal, ...]:
    """The goals the rules were written for; those kept for evaluation are not among them."""
    return tuple(goal for goal in load_goals().goals if goal.seen)


def _recognise_one(request: str) -> str | None:
    text = request.lower()
    hits: Counter[str] = Counter()
    for goal in known_goals():
        for keyword in goal.keywords:
            if re.search(rf"\b{re.escape(keyword)}\b", text):
                # of two goals that are named, the one with the longer words is meant more precisely
                hits[goal.name] += len(keyword)
    if hits:
        return hits.most_common(1)[0][0]
    return _by_shared_words(text)


def _by_shared_words(text: str) -> str | None:
    """The goal whose own words weigh most in the request, if they weigh enough."""
    asked = content_words(text)
    weights = _word_weights()
    scores = {
        goal.name: sum(weights[word] for word in asked & words)
        for goal, words in zip(known_goals(), _goal_words(), strict=True)
    }
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] >= LEAST_OVERLAP else None


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return frozenset(_stem(word) for word in words if len(word) > 2 and word not in COMMON_WORDS)


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "es", "ed", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=1)
def _goal_words() -> tuple[frozenset[str], ...]:
    """For each known goal, the words of its name, key words, headlines and the things it speaks of."""
    return tuple(content_words(" ".join(_phrases(goal))) for goal in known_goals())


def _phrases(goal: Goal) -> Iterable[str]:
    yield from (goal.name, *goal.keywords, *goal.headlines, *goal.background)
    yield from (term for rule in goal.forbid for term in (*rule.any_terms, *rule.instead_terms))
    for terms in (
        *(want.any_terms for want in goal.want),
        *(recolor.any_terms for recolor in goal.recolor),
        *(limit.any_terms for limit in goal.limit),
    ):
        yield from terms


@lru_cache(maxsize=1)
def _word_weights() -> dict[str, float]:
    """Rare words tell goals apart."""
    goals = _goal_words()
    counts = Counter(word for words in goals for word in words)
    return {word: log(1.0 + len(goals) / count) for word, count in counts.items()}


# ------------------------------------------------------------------ goals to steps


def _steps(goals: Sequence[Goal], scene: Scene, stock: Stock) -> list[PlanStep]:
    """Steps for the goals, in an order in which none spoils an earlier one."""
    objects = [found for found in scene.detections if found.sprite < stock.n_objects]
    picture = _Picture(goals, objects, stock)
    return [
        *_background_steps(goals, scene),
        *picture.object_steps(),
        *picture.add_steps(),
        *_headline_steps(goals, scene),
        *(PlanStep("adjust", PICTURE, goal.tone) for goal in goals if goal.tone),
    ]


def _background_steps(goals: Sequence[Goal], scene: Scene) -> list[PlanStep]:
    for goal in goals:
        if goal.background and scene.background not in goal.background:
            return [PlanStep("set", BACKGROUND, goal.background[0])]
        if goal.background_color and scene.color != goal.background_color:
            return [PlanStep("recolor", BACKGROUND, goal.background_color)]
    return []


def _headline_steps(goals: Sequence[Goal], scene: Scene) -> list[PlanStep]:
    suitable = [text for goal in goals for text in goal.headlines]
    return [] if scene.headline in suitable else [PlanStep("rewrite", HEADLINE, suitable[0])]


class _Picture:
    """What will be in the picture while a plan grows.

    Args:
        goals: What is asked for.
        objects: What is there.
        stock: What may be brought in.
    """

    def __init__(self, goals: Sequence[Goal], objects: Sequence[Detection], stock: Stock) -> None:
        self._goals, self._objects, self._stock = goals, objects, stock
        self._present = {found.sprite for found in objects}
        self._seen = frozenset(self._present)
        self._unwelcome = frozenset(i for goal in goals for i in goal.forbidden | goal.limited | goal.recolored)

    def object_steps(self) -> list[PlanStep]:
        """Steps for the objects that break a rule."""
        surplus = self._surplus()
        steps = []
        for found in self._objects:
            step = self._removal(found) if found in surplus else self._by_rule(found)
            if step is not None:
                steps.append(step)
        return steps

    def add_steps(self) -> list[PlanStep]:
        """Steps that bring in what is wanted and was not there at first; replacements do not count."""
        steps = []
        for goal in self._goals:
            for want in goal.want:
                if not self._seen & set(want.any):
                    name = self._bring_in(want.any)
                    if name:
                        steps.append(PlanStep("add", PICTURE, name))
        return steps

    def _surplus(self) -> list[Detection]:
        """Objects beyond a goal's limit, the surest first: the others may not be there."""
        surplus: list[Detection] = []
        for goal in self._goals:
            for limit in goal.limit:
                counted = [found for found in self._objects if found.sprite in limit.any]
                surplus += counted[: max(len(counted) - limit.at_most, 0)]
        return surplus

    def _removal(self, found: Detection) -> PlanStep:
        self._present.discard(found.sprite)
        return PlanStep("remove", found.name)

    def _by_rule(self, found: Detection) -> PlanStep | None:
        for goal in self._goals:
            for rule in goal.forbid:
                if found.sprite in rule.any:
                    name = self._bring_in(rule.instead)
                    if name is None:
                        return self._removal(found)
                    self._present.discard(found.sprite)
                    return PlanStep("replace", found.name, name)
            for recolor in goal.recolor:
                if found.sprite in recolor.any:
                    return PlanStep("recolor", found.name, recolor.color)
        return None

    def _bring_in(self, members: Iterable[int]) -> str | None:
        """Name of the first of some objects that has not been in the picture and breaks no rule."""
        for sprite in members:
            if sprite not in self._present | self._seen | self._unwelcome:
                self._present.add(sprite)
                return self._stock.sprite_name(sprite)
        return None
