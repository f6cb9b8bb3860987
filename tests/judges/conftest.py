"""Cases to judge, and a judge that answers as it is told."""

import pytest
import torch

from imgedit_gym.judges.asking import QuestionJudge, Reply
from imgedit_gym.judges.base import Cases

ALL_DUE = 99


@pytest.fixture(scope="session")
def cases_of():
    """Makes the cases of an engine: its canvases or others, every requirement counting."""

    def make(engine, canvas=None, rows=None, **arguments) -> Cases:
        canvas = engine.canvas if canvas is None else canvas
        due = torch.full((len(canvas),), ALL_DUE, dtype=torch.int32)
        return Cases(engine.batch, engine.checklist, canvas, due, rows, **arguments)

    return make


class Scripted(QuestionJudge):
    """Answers by a function of the question; it writes down what it was asked."""

    id = "scripted"
    deterministic = False

    def __init__(self, reply=lambda question: 0.75, **arguments):
        super().__init__(**arguments)
        self.reply = reply
        self.asked = []

    def answer(self, cases, groups, done):
        for index, group in enumerate(groups):
            self.asked.append(group[0])
            found = self.reply(group[0])
            done(index, found if isinstance(found, Reply) else Reply((found,), tokens=3.0, seconds=0.5))


@pytest.fixture
def scripted():
    return Scripted
