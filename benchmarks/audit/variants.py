"""The same pictures put to a judge in other ways: pictures in the other order, questions in other words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from imgedit_gym.engine import Engine
from imgedit_gym.judges.asking import QuestionJudge
from imgedit_gym.judges.base import Cases, Judge
from imgedit_gym.judges.prompting import load_wording
from imgedit_gym.judges.questions import Question, Questioner

WORDING = Path(__file__).parent / "wording"
ORDER = "The edited picture is shown first and the original one second."


@dataclass(frozen=True)
class Watched(Cases):
    """Cases that note what a judge reads.

    Attributes:
        read: Gets ``"instruction"`` when a judge reads one.
    """

    read: set[str] = field(default_factory=set)

    def instruction(self, i: int) -> str:
        """The request behind picture i in words."""
        self.read.add("instruction")
        return super().instruction(i)


def watched(cases: Cases) -> Watched:
    """The same cases, watched."""
    kept = {name: getattr(cases, name) for name in ("batch", "checklist", "canvas", "due", "rows", "moves", "sample")}
    return Watched(**kept)


def members(judge: Judge) -> Iterator[Judge]:
    """A judge and all that it is made of."""
    yield judge
    for part in dict(judge.parts()).values() if hasattr(judge, "parts") else ():
        yield from members(part)


def asking(judge: Judge) -> list[QuestionJudge]:
    """The judges among them that ask a model questions about pictures."""
    return [one for one in members(judge) if isinstance(one, QuestionJudge)]


class Reordered(Questioner):
    """Asks as another does, but shows the edited picture first, and says so."""

    def __init__(self, questioner: Questioner) -> None:
        self.__dict__.update(vars(questioner))

    def questions(self, cases: Cases) -> list[Question]:
        """See :class:`imgedit_gym.judges.questions.Questioner`."""
        return [
            replace(one, pictures=one.pictures[::-1], system=f"{one.system} {ORDER}") if len(one.pictures) > 1 else one
            for one in super().questions(cases)
        ]


@contextmanager
def in_other_order(judge: Judge) -> Iterator[bool]:
    """Have a judge's questions asked with the pictures in the other order; yields whether it asks any that can be."""
    found = [one for one in asking(judge) if not one.fixed_order]
    own = [one.questioner for one in found]
    for one in found:
        one.questioner = Reordered(one.questioner)
    try:
        yield bool(found)
    finally:
        for one, questioner in zip(found, own, strict=True):
            one.questioner = questioner


@contextmanager
def in_other_words(judge: Judge, engine: Engine) -> Iterator[None]:
    """Put every request in another of its goal's phrasings, and a judge's questions in other words."""
    found = asking(judge)
    own = [one.questioner.wording for one in found]
    phrasings = engine.batch.phrasings.clone()
    engine.batch.phrasings.copy_(_next_phrasings(engine))
    for one in found:
        one.questioner.wording = load_wording("paraphrase.v2", WORDING)
    try:
        yield
    finally:
        engine.batch.phrasings.copy_(phrasings)
        for one, wording in zip(found, own, strict=True):
            one.questioner.wording = wording


def _next_phrasings(engine: Engine) -> torch.Tensor:
    batch, goals = engine.batch, engine.tasks.book.goals
    changed = batch.phrasings.clone()
    for row, pair in enumerate(batch.goals.tolist()):
        for at, goal in enumerate(pair):
            if goal >= 0:
                changed[row, at] = (batch.phrasings[row, at] + 1) % len(goals[goal].phrasings)
    return changed
