"""Tasks to audit with, and judges of which it is known how they judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks.audit.audit import audit
from benchmarks.audit.edits import make_reference
from benchmarks.audit.summary import report_card
from imgedit_gym.engine import Engine
from imgedit_gym.judges.asking import QuestionJudge, Reply
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.judges.weighing import weigh

ARGUMENTS: dict[str, Any] = {"tasks": "adverts", "split": "test", "image_size": 64}
TASKS = 6


class Altered(ChecklistJudge):
    """The exact judge with its values of requirements altered; sees nothing but the exact values."""

    id = "altered"

    def __init__(self, alter, deterministic=True):
        super().__init__()
        self.alter, self.deterministic = alter, deterministic

    def judge(self, cases):
        verdict = super().judge(cases)
        asked = cases.wanted[..., 0] > 0
        verdict.requirements = torch.where(asked, self.alter(verdict.requirements, cases), 0.0)
        verdict.execution, verdict.score, verdict.success = weigh(verdict, cases.wanted, cases.due, self.combine)
        return verdict


class Asked(QuestionJudge):
    """Answers questions by a function of them."""

    id = "asked"

    def __init__(self, reply, **arguments):
        super().__init__(**arguments)
        self.reply = reply

    def answer(self, cases, groups, done):
        for index, group in enumerate(groups):
            found = self.reply(group[0])
            done(index, found if isinstance(found, Reply) else Reply((found,), tokens=7.0))


@pytest.fixture(scope="session")
def altered():
    return Altered


@pytest.fixture(scope="session")
def asked():
    return Asked


@pytest.fixture(scope="session")
def card_of():
    """Audits a judge; gives the report card and the records."""

    def make(judge, tasks=TASKS, seed=0):
        records = audit(judge, range(seed, seed + tasks), ARGUMENTS)
        return report_card(records, judge, 0), records

    return make


@pytest.fixture(scope="session")
def exact(card_of):
    """Card and records of the exact judge."""
    return card_of(ChecklistJudge())


@pytest.fixture(scope="session")
def engine():
    made = Engine(TASKS, **ARGUMENTS)
    made.reset(range(TASKS), list(range(TASKS)))
    return made


@pytest.fixture(scope="session")
def reference(engine):
    return make_reference(engine, range(TASKS), ARGUMENTS, 0)


def without_times(card):
    """A report card without what differs from run to run."""
    return {name: value for name, value in card.items() if name != "speed"}


@pytest.fixture(scope="session")
def settled():
    return without_times


@pytest.fixture(scope="session")
def taken():
    """The verdict with some judgements marked as failed."""

    def make(verdict, failed):
        return replace(
            verdict, valid=verdict.valid & ~failed, reasons=dict.fromkeys(failed.nonzero()[:, 0].tolist(), "no luck")
        )

    return make
