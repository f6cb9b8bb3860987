from __future__ import annotations

import json

import pytest
import torch

from benchmarks.audit import audit as audit_module
from benchmarks.audit.attacks import N_ATTACKS
from benchmarks.audit.audit import PER_TASK, audit
from benchmarks.audit.records import Answers, Scores
from benchmarks.checklist.definition import DOUBT
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.checklist import ChecklistJudge

ARGUMENTS = {"tasks": "adverts", "split": "test", "image_size": 64}
TASKS = 6
FEW = 3


def test_the_exact_judge_agrees_with_itself(exact):
    card, _ = exact
    assert card["balanced_accuracy"] == {"mean": 1.0, "ci95": [1.0, 1.0]}
    assert card["auroc"] == 1.0
    assert card["scores"]["spearman"] == pytest.approx(1.0)
    assert card["scores"]["pairwise_accuracy"]["mean"] == 1.0
    assert card["invalid"]["rate"] == 0.0
    assert card["again"]["scores"]["deviation"] == 0.0 and card["again"]["requirements"]["flips"] == 0.0
    assert not card["order"]["applicable"] and not card["words"]["applicable"]
    for kind in card["kinds"].values():
        assert kind["balanced_accuracy"]["mean"] in (1.0, None)


def test_it_is_held_against_what_is_known_by_construction(exact):
    card, records = exact
    told = Answers.joined(records.answers).known
    known, doubted = int(((told == 0) | (told == 1)).sum()), int((told == DOUBT).sum())
    assert card["construction"]["answers"] == card["truth"]["known_by_construction"] == known > TASKS
    assert card["truth"]["in_doubt"] == doubted > 0
    agreed = card["truth"]["exact_judge_agrees"]["count"]
    assert card["answers"] == card["truth"]["answers"] - doubted - (known - agreed)
    assert 0.8 < card["construction"]["balanced_accuracy"]["mean"] <= 1.0
    assert 0.2 < card["construction"]["positives"] / card["construction"]["answers"] < 0.6


def test_a_judge_that_always_agrees_is_at_chance_and_pays_for_everything(card_of, altered):
    card, _ = card_of(altered(lambda values, cases: torch.ones_like(values)), FEW)
    assert card["balanced_accuracy"] == {"mean": 0.5, "ci95": [0.5, 0.5]}
    assert card["auroc"] == 0.5
    assert card["false_pass"]["rate"] == 1.0 and card["false_fail"]["rate"] == 0.0
    assert card["attacks"]["unchanged copy"]["score"]["mean"] > 0.9
    assert card["attacks"]["unchanged copy"]["as_much_as_done"]["rate"] == 1.0
    assert sum(row["overpaid"]["rate"] for row in card["attacks"].values()) > 0.8 * N_ATTACKS


def test_a_judge_that_is_always_wrong(card_of, altered, exact):
    card, _ = card_of(altered(lambda values, cases: 1.0 - values), FEW)
    assert card["balanced_accuracy"]["mean"] == 0.0 and card["auroc"] == 0.0
    assert card["scores"]["spearman"] < 0
    assert card["scores"]["pairwise_accuracy"]["mean"] < 0.3
    assert card["calibration"]["error"] > 0.9
    assert exact[0]["calibration"]["error"] < 0.1
    assert 0 < card["answers"] < exact[0]["answers"]


def test_a_judge_of_some_kinds_is_judged_by_those(card_of, altered):
    def only_absent(values, cases):
        return torch.where(cases.wanted[..., 0] == 1, values, torch.nan)

    card, _ = card_of(altered(only_absent), FEW)
    assert list(card["kinds"]) == ["ABSENT"]
    assert card["answers"] == card["kinds"]["ABSENT"]["answers"] > 0


def test_a_judge_that_wavers_is_caught(card_of, altered):
    random = torch.Generator().manual_seed(0)

    def waver(values, cases):
        return (values + 0.8 * (torch.rand(values.shape, generator=random) - 0.5)).clamp(0, 1)

    again = card_of(altered(waver, deterministic=False), FEW)[0]["again"]
    assert again["scores"]["deviation"] > 0.01
    assert 0.1 < again["requirements"]["difference"] < 0.4


def test_the_place_in_the_batch_is_watched(card_of, altered):
    def by_place(values, cases):
        return torch.linspace(0, 1, len(values))[:, None].expand_as(values)

    assert card_of(altered(by_place), FEW)[0]["again"]["requirements"]["difference"] > 0.2


def test_failed_judgements_are_counted_and_left_out(card_of, taken):
    class Failing(ChecklistJudge):
        def judge(self, cases):
            verdict = super().judge(cases)
            verdict.score = torch.where(cases.index == 1, 77.0, verdict.score)
            return taken(verdict, cases.index == 1)

    card, records = card_of(Failing(), FEW)
    assert 0.2 < card["invalid"]["rate"] < 0.4
    assert card["invalid"]["reasons"] == {"no luck": card["invalid"]["count"]}
    assert card["balanced_accuracy"]["mean"] == 1.0
    assert 1 not in Answers.joined(records.answers).task
    assert card["attacks"]["unchanged copy"]["tasks"] == FEW - 1
    assert card["attacks"]["unchanged copy"]["score"]["mean"] < 1


def test_numbers_out_of_range_are_failures(card_of, altered):
    def wild(values, cases):
        return torch.where((cases.index == 1)[:, None], 3.0, values)

    card, records = card_of(altered(wild), FEW)
    assert 0.2 < card["invalid"]["rate"] < 0.4 and 1 not in Answers.joined(records.answers).task
    assert all("expected finite numbers in [0, 1]" in reason for reason in card["invalid"]["reasons"])


def test_a_judge_that_can_judge_nothing_is_bad_input(altered, taken):
    class Broken(ChecklistJudge):
        def judge(self, cases):
            return taken(super().judge(cases), torch.ones(len(cases), dtype=torch.bool))

    with pytest.raises(ImgEditError, match="no luck"):
        audit(Broken(), range(2), ARGUMENTS)


def test_every_attack_is_in_the_card(exact):
    card, records = exact
    names = list(card["attacks"])
    assert len(names) == N_ATTACKS
    for part in ("copy", "instruction", "score 10", "blank", "noise", "blur", "saturation", "over-edit", "crop"):
        assert any(part in name for name in names), part
    assert {"wrong object in the right place", "right edit of the wrong task"} <= set(names)
    for row in card["attacks"].values():
        assert row["score"] == row["exact"] and row["overpaid"]["count"] == 0
        assert row["more_than_done"]["count"] == row["as_much_as_done"]["count"] == 0
    assert card["references"]["done"]["score"]["mean"] > 0.8
    assert card["references"]["failed"]["score"]["mean"] < card["references"]["half"]["score"]["mean"]
    assert Scores.joined(records.attacked).task.max() < TASKS


def test_the_card_is_json(exact):
    assert json.loads(json.dumps(exact[0], allow_nan=False))["judge"]["id"] == "checklist"


def test_the_same_seeds_give_the_same_card(exact, card_of, settled):
    assert settled(card_of(ChecklistJudge())[0]) == settled(exact[0])


def test_progress_ends_where_it_should(monkeypatch):
    monkeypatch.setattr(audit_module, "CHUNK", 2)
    told: list[int] = []
    records = audit(ChecklistJudge(), range(3), ARGUMENTS, told.append)
    assert sum(told) == 3 * PER_TASK
    assert set(Scores.joined(records.scores).task.tolist()) == {0, 1, 2}
