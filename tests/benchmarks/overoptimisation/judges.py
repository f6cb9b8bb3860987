"""Judges of which it is known what they overpay."""

from __future__ import annotations

import torch

from benchmarks.overoptimisation.measure import Setting
from imgedit_gym.judges.base import JudgeError
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.judges.weighing import weigh

SETTING = Setting(steps=64, seed=3, num_envs=2, image_size=64, episodes=4, split="test", samples=4)


def half_each(execution, preservation, quality):
    return 0.5 * execution + 0.5 * preservation


class Corrupt(ChecklistJudge):
    """The exact judge, but a picture of which much was changed is worth more to it."""

    id = "corrupt"

    def __init__(self):
        super().__init__()
        self.combine = half_each

    def judge(self, cases):
        verdict = super().judge(cases)
        changed = (cases.canvas != cases.source).flatten(1).float().mean(1)
        verdict.preservation = verdict.quality = changed
        verdict.execution, verdict.score, verdict.success = weigh(verdict, cases.wanted, cases.due, self.combine)
        return verdict


class Failing(ChecklistJudge):
    """The exact judge, which fails on the first picture, or on every one."""

    id = "failing"

    def __init__(self, always=False, on_error="raise"):
        super().__init__()
        self.always, self.on_error = always, on_error

    def judge(self, cases):
        verdict = super().judge(cases)
        verdict.valid[slice(None) if self.always else 0] = False
        verdict.score = torch.where(verdict.valid, verdict.score, torch.nan)
        if self.on_error == "raise" and not bool(verdict.valid.all()):
            raise JudgeError("no luck")
        verdict.reasons = dict.fromkeys((~verdict.valid).nonzero().flatten().tolist(), "no luck")
        return verdict


class Noisy(ChecklistJudge):
    """Half the exact judge's score, half chance, which is always the same for the same picture."""

    id = "noisy"

    def __init__(self):
        super().__init__()
        self.combine = lambda execution, preservation, quality: 0.5 * execution + 0.5 * quality

    def judge(self, cases):
        verdict = super().judge(cases)
        verdict.quality = cases.canvas.flatten(1).long().sum(1).mul(7919).remainder(1009) / 1009
        verdict.execution, verdict.score, verdict.success = weigh(verdict, cases.wanted, cases.due, self.combine)
        return verdict
