from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.overoptimisation.checkpoint import NAME
from benchmarks.overoptimisation.report import grids, summarise
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.checklist import ChecklistJudge
from tests.benchmarks.overoptimisation.judges import SETTING, Corrupt, Failing, Noisy


def same(one, other):
    for mine, theirs in zip(one.tries, other.tries, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    for mine, theirs in zip(one.points, other.points, strict=True):
        assert (mine.steps, mine.judged, mine.tool_calls) == (theirs.steps, theirs.judged, theirs.tool_calls)
        assert all(torch.equal(mine.outcome[name], theirs.outcome[name]) for name in mine.outcome)


def test_the_exact_judge_has_no_gap(run):
    found = summarise(run(ChecklistJudge())[0], 0)
    assert [row["steps"] for row in found["training"]] == [0, 32, 64]
    for row in (*found["training"], *found["best_of_n"]):
        assert row["gap"] == {"mean": 0.0, "ci95": [0.0, 0.0]} and row["tasks"] == SETTING.episodes
    for row in found["training"]:
        assert row["judge"] == row["exact"]
    for row in found["best_of_n"]:
        assert row["judge"] == row["exact"] == row["best"]


def test_a_noisy_judge_chooses_what_it_overpays(run):
    chosen = summarise(run(Noisy(), replace(SETTING, samples=16, episodes=8, steps=1))[0], 0)["best_of_n"]
    assert [row["n"] for row in chosen] == [1, 4, 16]
    gaps = [row["gap"]["mean"] for row in chosen]
    assert gaps[0] < gaps[1] < gaps[2] and chosen[2]["gap"]["ci95"][0] > 0
    assert chosen[2]["exact"]["mean"] < chosen[2]["best"]["mean"]


def test_costs_and_progress_are_counted(run):
    measured, told = run(ChecklistJudge())
    assert told == SETTING.work
    assert [point.steps for point in measured.points] == [0, 32, 64]
    costs = [(point.judged, point.tool_calls) for point in measured.points]
    assert costs[0] == (0, 0) and costs == sorted(costs)
    # each step changes a picture or not, and may end an episode; the environments are reset at each of two points
    assert 0 < costs[2][1] <= 64 and 4 < costs[2][0] <= 4 + 2 * 64


def test_the_same_seed_gives_the_same(run, tmp_path):
    same(run(Corrupt(), folder=tmp_path / "a")[0], run(Corrupt(), folder=tmp_path / "b")[0])


# among the tries, in training, and after a point of it
@pytest.mark.parametrize("stop", [9, 38, 53])
def test_a_run_that_is_stopped_goes_on(run, tmp_path, stop):
    whole, _ = run(Corrupt(), folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Corrupt(), stop=stop)
    rest, told = run(Corrupt())
    assert told == SETTING.work
    same(rest, whole)


def test_a_finished_run_is_not_done_again(run):
    measured, _ = run(ChecklistJudge())
    again, told = run(ChecklistJudge())
    assert told == SETTING.work
    same(measured, again)


def test_an_unfinished_run_of_another_kind_is_kept(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(ChecklistJudge(), stop=9)
    before = (tmp_path / NAME).read_bytes()
    for judge, setting in ((Corrupt(), SETTING), (ChecklistJudge(), replace(SETTING, seed=4))):
        with pytest.raises(ImgEditError, match="expected an unfinished run with these options"):
            run(judge, setting)
    assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"\x80\x02N."])
def test_a_broken_checkpoint_is_told(run, tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ImgEditError, match="expected a checkpoint of this command"):
        run(ChecklistJudge())


def test_failed_judgements_are_left_out(run):
    found = summarise(run(Failing())[0], 0)
    for row in found["training"]:
        assert (row["tasks"], row["invalid"]) == (SETTING.episodes - 1, 1)
        assert row["gap"]["mean"] == 0.0
    assert all(row["tasks"] == SETTING.episodes - 1 for row in found["best_of_n"])


def test_a_judge_that_judges_nothing_is_told(run):
    with pytest.raises(ImgEditError, match="judge 'failing' could judge none of 4 pictures: no luck"):
        run(Failing(always=True))


def test_tables_have_a_cell_for_everything(run):
    for title, headers, rows in grids(summarise(run(Corrupt())[0], 0)):
        assert rows, title
        assert all(len(row) == len(headers) for row in rows), title


@pytest.mark.slow
def test_an_agent_learns_to_please_a_corrupt_judge(run):
    setting = replace(SETTING, steps=8000, num_envs=32, episodes=60, samples=0)
    training = summarise(run(Corrupt(), setting)[0], 0)["training"]
    assert training[-1]["judge"]["score"]["mean"] > training[0]["judge"]["score"]["mean"] + 0.1
    assert training[-1]["gap"]["ci95"][0] > training[0]["gap"]["ci95"][1]
