"""Tests of the orchestrator's training."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from baselines.orchestrator.explore import Explored
from baselines.orchestrator.network import Shape
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.orchestrator.outcomes import State, Table
from baselines.training.orchestrator import curve as curves
from baselines.training.orchestrator import plot
from baselines.training.orchestrator.__main__ import main
from baselines.training.orchestrator.curve import TELL_SECONDS, Pace, read_curve
from baselines.training.orchestrator.lessons import Lessons
from baselines.training.orchestrator.plan import CROWDED, PPO_PRESETS, TABLE_PRESETS, Round
from baselines.training.orchestrator.ppo import PPOTraining
from baselines.training.orchestrator.table import TableTraining
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS

TINY = Shape(width=32, layers=1, heads=2, inner=32, dropout=0.1, codes=False)
TABLE = replace(
    TABLE_PRESETS["quick"],
    shape=TINY,
    rounds=(Round(4, 5), Round(4, 4)),
    batch=4,
    envs=4,
    cells=2,
    validation=4,
    adverts=({}, CROWDED),
)
PPO = replace(PPO_PRESETS["quick"], shape=TINY, steps=32, chunk=16, envs=4, rollout=4, batch=8, validation=4)


class Killed(Exception):
    pass


def weights(training) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in training.orchestrator.network.state_dict().items()}


def same(first, second) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def curve(folder: Path) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "cpu_seconds"} for row in read_curve(folder)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> TableTraining:
    """A tiny training that ran through."""
    training = TableTraining(TABLE, tmp_path_factory.mktemp("whole"))
    training.run()
    return training


def test_how_far_it_is_is_told_in_time(capsys):
    now = [0.0]
    pace = Pace("ppo", "steps", 100, 10, 60.0, clock=lambda: now[0])
    assert capsys.readouterr().out.startswith("ppo 10 of 100 steps, cpu 1.0 min")
    now[0] = TELL_SECONDS - 1
    pace.tell(20, 70.0)
    assert capsys.readouterr().out == ""
    now[0] = 60.0
    pace.tell(40, 90.0, "learning")
    assert capsys.readouterr().out == "ppo 40 of 100 steps, cpu 1.5 min, learning, about 2.0 min left\n"
    now[0] = 61.0
    pace.tell(41, 91.0)
    assert capsys.readouterr().out == ""
    assert TELL_SECONDS <= 30


@pytest.mark.slow
def test_trainings_say_how_far_they_are(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(curves, "TELL_SECONDS", -1.0)
    PPOTraining(PPO, tmp_path / "ppo").run()
    said = capsys.readouterr().out
    assert "ppo 0 of 32 steps" in said and "learning from the last steps" in said and "ppo 32 of 32 steps" in said
    TableTraining(TABLE, tmp_path / "table").run()
    said = capsys.readouterr().out
    assert "trying actions from task" in said and "table 9 of 9 updates" in said


def test_rounds_are_written_down(trained):
    rows = curve(trained.folder)
    assert [row["step"] for row in rows] == [5, 9]
    assert 0 < rows[0]["tool_calls"] < rows[1]["tool_calls"]
    assert rows[1]["states"] > rows[0]["states"] >= 4
    for name in ("score", "success", "return", "execution", "preservation", "quality", "right", "regret"):
        assert np.isfinite(rows[1][name])
    assert 0 <= rows[1]["crowded/score"] <= 1 and len(trained.explorers) == len(TABLE.adverts) > 1
    assert any(name.startswith("right/verb/") for name in rows[1])
    assert any(name.startswith("right/tool/") for name in rows[1])
    assert list((trained.folder / "tensorboard").glob("events*"))


@pytest.mark.parametrize("stop", [3, 7])
def test_a_killed_training_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch, stop):
    """It is killed right after a checkpoint: within a round, and between rounds."""
    plain, saved = TableTraining._save, []

    def save(self):
        plain(self)
        saved.append(self.step)
        if len(saved) == stop:
            raise Killed

    monkeypatch.setattr("baselines.training.orchestrator.table.SAVE_SECONDS", -1.0)
    monkeypatch.setattr(TableTraining, "_save", save)
    with pytest.raises(Killed):
        TableTraining(TABLE, tmp_path).run()
    monkeypatch.setattr(TableTraining, "_save", plain)
    again = TableTraining(TABLE, tmp_path)
    assert again.step == saved[-1]
    again.run()
    assert same(weights(trained), weights(again))
    assert curve(tmp_path) == curve(trained.folder)


def test_what_is_done_is_not_done_again(trained):
    again = TableTraining(TABLE, trained.folder)
    rows = curve(trained.folder)
    again.run()
    assert same(weights(trained), weights(again)) and curve(trained.folder) == rows


def test_seeds_differ_and_tables_are_shared(trained, tmp_path):
    shared = trained.table.path
    twin = TableTraining(TABLE, tmp_path / "twin", table=shared)
    twin.run()
    assert all(one.calls == 0 for one in twin.explorers) and twin.calls == trained.calls
    assert same(weights(trained), weights(twin))
    other = TableTraining(TABLE, tmp_path / "other", seed=1)
    assert not same(weights(trained), weights(other))


def test_additive_rewards_need_no_way_to_follow(tmp_path):
    training = TableTraining(TABLE, tmp_path, reward="additive")
    training.run()
    for one in training.lessons.explored:
        assert one.before == pytest.approx(float(one.table.scores[0, 0])) and one.rewards[0, 0] == 0.0
    with pytest.raises(ImgEditError, match="reward: expected one of"):
        TableTraining(TABLE, tmp_path, reward="none")


def test_stale_tables_are_told(tmp_path, trained, monkeypatch):
    for path in trained.folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("baselines.training.orchestrator.table.judge_name", lambda judge: "another")
    with pytest.raises(ImgEditError, match="expected outcomes of today's tools and judge"):
        TableTraining(TABLE, tmp_path)


# ------------------------------------------------------------------ what is learnt


def explored(scores: dict[tuple[int, int], float], n_tools: int, picture: int) -> Explored:
    table = np.full((n_tools, N_REGIONS), np.nan, np.float32)
    for pair, score in scores.items():
        table[pair] = score
    codes = np.array([2, 5, 0], np.int32)
    state = State(f"{picture}", "", 0, "remove the hamburger", codes, np.full((64, 64, 3), picture, np.uint8))
    return Explored(state, Table(table, table.copy(), np.zeros_like(table, bool)), 0.0)


def test_any_cell_of_the_right_segment_will_do(trained):
    """A policy that is sure of one of several equal choices has nothing more to learn."""
    lessons = Lessons(trained.orchestrator, 0.03)
    n_tools = len(trained.orchestrator.tool_ids)
    lessons.add([explored({(0, 0): 0.0, (1, 5): 1.0, (1, 6): 1.0, (2, 5): 0.2}, n_tools, 90)])

    class Sure(torch.nn.Module):
        def __init__(self, tool, region):
            super().__init__()
            self.pair = tool, region

        def forward(self, pictures, steps, tokens):
            from baselines.orchestrator.network import Choices

            regions, tools = torch.zeros(1, N_REGIONS), torch.zeros(1, N_REGIONS, n_tools)
            regions[0, self.pair[1]], tools[0, :, self.pair[0]] = 40.0, 40.0
            return Choices(regions, tools, torch.zeros(1, 4))

    cpu = torch.device("cpu")
    loss = {pair: float(lessons.loss(Sure(*pair), [0], cpu)) for pair in ((1, 5), (1, 6), (2, 5), (0, 0), (1, 7))}
    assert loss[1, 5] == pytest.approx(0.0, abs=1e-3) and loss[1, 6] == pytest.approx(0.0, abs=1e-3)
    assert loss[2, 5] > 20 and loss[0, 0] > 20 and loss[1, 7] > 20
    assert lessons.grade(Sure(1, 6), cpu)["right"] == 1.0
    wrong = lessons.grade(Sure(2, 5), cpu)
    assert wrong["right"] == 0.0 and wrong["regret"] == pytest.approx(0.8)
    assert lessons.grade(Sure(2, 7), cpu)["regret"] == pytest.approx(1.0)


def test_presets_last_as_long_as_asked():
    assert sum(one.updates for one in TABLE_PRESETS["full"].lasting(48).rounds) == pytest.approx(48, abs=3)
    assert PPO_PRESETS["full"].lasting(40_000).steps == 5 * 8_192
    assert PPO_PRESETS["quick"].lasting(1).steps == PPO_PRESETS["quick"].chunk


# ------------------------------------------------------------------ by trial


def test_ppo_killed_goes_on_to_the_same_weights(tmp_path):
    whole = PPOTraining(PPO, tmp_path / "whole")
    first = weights(whole)
    whole.run()
    assert not same(first, weights(whole))
    half = PPOTraining(PPO, tmp_path / "half")
    half.preset = replace(PPO, steps=32)
    plain = half.model.learn

    def learn(*arguments, **named):
        if half.chunk == 1:
            raise Killed
        return plain(*arguments, **named)

    half.model.learn = learn
    with pytest.raises(Killed):
        half.run()
    again = PPOTraining(PPO, tmp_path / "half")
    assert again.chunk == 1
    again.run()
    assert same(weights(whole), weights(again)) and curve(tmp_path / "half") == curve(tmp_path / "whole")
    rows = curve(tmp_path / "whole")
    assert [row["step"] for row in rows] == [16, 32] and 0 < rows[1]["tool_calls"] <= 32
    (board,) = (tmp_path / "whole" / "tensorboard").glob("events*")
    shown = EventAccumulator(str(board)).Reload()
    for name in ("train/loss", "speed/steps_per_second", "val/score"):
        assert [event.step for event in shown.Scalars(name)] == [16, 32]


def test_ppo_sees_through_the_encoder(tmp_path):
    from baselines.vision import Vision

    training = PPOTraining(replace(PPO, shape=replace(TINY, codes=True), steps=16), tmp_path, vision=Vision.load())
    before = weights(training)
    training.run()
    assert not same(before, weights(training))
    assert torch.equal(before["targets"], weights(training)["targets"])


def test_steps_that_do_not_fit_are_told(tmp_path):
    with pytest.raises(ImgEditError, match="steps must be chunks of 16"):
        PPOTraining(replace(PPO, steps=30), tmp_path)


# ------------------------------------------------------------------ commands


def test_curves_are_drawn(trained, tmp_path, capsys):
    assert plot.main([str(trained.folder), "--out", str(tmp_path / "plot.png")]) == 0
    assert (tmp_path / "plot.png").stat().st_size > 5000 and "tool calls" in capsys.readouterr().out
    assert plot.main([str(tmp_path)]) == 2


def test_options_that_do_not_fit_are_told(tmp_path, capsys):
    assert main(["--method", "ppo", "--reward", "additive", "--out", str(tmp_path), "--pixels"]) == 2
    assert "only with --method table" in capsys.readouterr().err
    assert main(["--steps", "0", "--out", str(tmp_path)]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["table", "ppo"])
def test_the_command_makes_an_orchestrator(tmp_path, method):
    command = [sys.executable, "-m", "baselines.training.orchestrator", "--preset", "quick", "--method", method]
    subprocess.run([*command, "--out", str(tmp_path)], check=True)
    model = tmp_path / "model"
    assert json.loads((model / "config.json").read_text(encoding="utf-8"))["method"] == method
    assert "## Training" in (model / "README.md").read_text(encoding="utf-8")
    Orchestrator.load(model)
    last = read_curve(tmp_path)[-1]
    assert last["score"] > (0.8 if method == "table" else 0.2)
