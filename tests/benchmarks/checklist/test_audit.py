from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks import tasks
from benchmarks.checklist.audit import PARTS, audit
from imgedit_gym.core.checklist import Kind

ARGUMENTS = {"tasks": "adverts", "split": "train", "image_size": 128}
TASKS = 8


def test_oracle_passes(results):
    oracle = results["oracle"]
    assert oracle["tasks"] == TASKS
    assert oracle["score"]["mean"] > 0.85
    assert oracle["full_execution"]["rate"] >= 0.75


def test_attacks_fail(results):
    assert {"unchanged", "white", "noise", "another task's result", "filter: invert"} <= set(results["attacks"])
    for name, row in results["attacks"].items():
        assert row["fails"], name
        assert row["success"]["count"] == 0, name
        assert row["score"]["mean"] < 0.5 * results["oracle"]["score"]["mean"], name


def test_most_requirements_are_judged_rightly(results):
    total = results["requirements"]["all"]
    assert total["positives"] > 20 and total["negatives"] > 20
    assert total["false_fail"]["rate"] < 0.2
    assert total["false_pass"]["rate"] < 0.1
    kinds = {kind.name for kind in Kind} - {"NONE", "INSTRUCTION"}
    assert kinds | {"all"} == set(results["requirements"])


def test_results_are_json(results):
    assert json.loads(json.dumps(results, allow_nan=False))["attacks"]["white"]["tasks"] == TASKS


def outcome(found):
    """All of an audit but the time it took."""
    return replace(found, episodes=[replace(episode, seconds=0.0) for episode in found.episodes])


def test_the_same_seeds_give_the_same_results(found):
    assert outcome(audit(range(TASKS), ARGUMENTS)) == outcome(found)


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_results(monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    arguments = ARGUMENTS | {"image_size": 64}
    told: dict[int, list[int]] = {1: [], 2: []}
    one, two = (audit(range(5), arguments, jobs=jobs, progress=told[jobs].append) for jobs in (1, 2))
    assert outcome(one) == outcome(two)
    assert [episode.seed for episode in two.episodes] == list(range(5))
    assert told == {1: [2, 2, 1], 2: [2, 2, 1]}


@pytest.mark.parametrize("part", PARTS)
def test_parts_that_are_not_asked_for_are_left_out(found, part):
    assert list(found.summary([part], 0)) == [part]


def test_examples_are_the_first_of_all_mistakes(found, results):
    for kind, row in results["requirements"].items():
        wrong = [one for one in found.judgements if one.kind == kind and one.wrong and not one.astray]
        assert len(row.get("examples", [])) == min(len(wrong), 25)
