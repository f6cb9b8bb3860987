"""Playing suites: any agent, resumed after a stop, failures counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C

from baselines.agents.no_op import NoOpAgent
from benchmarks.evaluate import __main__ as command
from benchmarks.evaluate import evaluate, find_agent, run
from benchmarks.evaluate.failures import FallibleAgent
from benchmarks.evaluate.sb3 import Sb3Agent
from benchmarks.submission import DONE, FAILED
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.integrations.stable_baselines3 import make_vec_env
from imgedit_gym.trajectory import read_trajectories
from imgedit_gym.wrappers import VectorJointDiscreteAction

ROOT = Path(__file__).parents[3]
AGENTS = """
import numpy as np
from baselines.agents.base import Agent

class Mine(Agent):
    def __init__(self, tool="exposure"):
        self.tool = tool

    def act(self, observations, infos):
        return np.tile([self.context.tool(self.tool), 0], (len(observations["image"]), 1))

class Brittle(Mine):
    def plan(self, images, instructions):
        if images.mean((1, 2, 3)).max() > {limit}:
            raise ValueError("too bright \\u202e")
        return None

class NoAgent:
    pass

built = Mine("sharpen")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    def write(limit=1000):
        name = f"my_agents_{abs(hash((str(tmp_path), limit)))}"
        (tmp_path / f"{name}.py").write_text(AGENTS.replace("{limit}", str(limit)))
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return write


def test_every_task_is_played_and_recorded(runs, suite):
    done = runs("rule-based")
    records = done.records()
    assert list(records) == sorted(records, key=list(records).index) and set(records) == set(suite.by_id)
    assert {record.status for record in records.values()} == {DONE}
    assert all(done.picture(record.picture.sha256).exists() for record in records.values())
    found = json.loads((done.folder / "results.json").read_text())
    assert found["results"]["totals"]["score"] == pytest.approx(
        np.mean([record.scores.score for record in records.values()]), abs=1e-6
    )
    assert set(found["results"]["splits"]) == {"all", "test", "test-long"}
    lines = [one for path in sorted((done.folder / "trajectories").iterdir()) for one in read_trajectories(path)]
    assert {line.task_id for line in lines} == set(suite.by_id) and all(line.versions for line in lines)


def test_a_stopped_run_goes_on_where_it_was(runs, suite, tmp_path, monkeypatch):
    whole = runs("random")
    played = []
    original = run._Player.play

    def stops(self, name, split, tasks):
        if len(played) == 1:
            raise KeyboardInterrupt
        played.append(name)
        original(self, name, split, tasks)

    monkeypatch.setattr(run._Player, "play", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(suite, "random", tmp_path / "run", batch=3)
    kept = (tmp_path / "run" / "episodes" / "test-00000.jsonl").read_bytes()
    assert not (tmp_path / "run" / "results.json").exists()
    monkeypatch.setattr(run._Player, "play", lambda *a: played.append(a[1]) or original(*a))
    again = evaluate(suite, "random", tmp_path / "run", batch=3)
    assert played == ["test-00000", "test-00003", "test-long-00000"]
    assert (tmp_path / "run" / "episodes" / "test-00000.jsonl").read_bytes() == kept

    def told(records):
        return {task: (one.plan, one.actions, one.scores, one.picture) for task, one in records.items()}

    assert told(again.records()) == told(whole.records())


def test_another_run_in_the_folder_is_refused(runs, suite, tmp_path):
    shutil.copytree(runs("no-op").folder, tmp_path / "run")
    with pytest.raises(ImgEditError, match="has another"):
        evaluate(suite, "random", tmp_path / "run", batch=3)
    with pytest.raises(ImgEditError, match="has another"):
        evaluate(suite, "no-op", tmp_path / "run", batch=2)


def test_classes_by_module_and_name(module, suite, tmp_path):
    name = module()
    done = evaluate(suite, json.dumps({"id": f"{name}:Mine", "tool": "blur"}), tmp_path / "run")
    assert {tool for one in done.records().values() for tool, _ in one.actions} == {"blur"}


def test_agents_that_are_built_already(module, suite, tmp_path):
    name = module()
    done = evaluate(suite, f"{name}:built", tmp_path / "named")
    assert {tool for one in done.records().values() for tool, _ in one.actions} == {"sharpen"}
    given = evaluate(suite, NoOpAgent(), tmp_path / "given")
    assert given.setting["agent"] == {"spec": "baselines.agents.no_op:NoOpAgent", "privileged": False}
    assert {record.status for record in given.records().values()} == {DONE}
    with pytest.raises(ImgEditError, match="does not take"):
        find_agent(json.dumps({"id": f"{name}:built", "tool": "blur"}))


def test_agents_that_are_none_are_told(module):
    name = module()
    for spec, message in (
        ("nobody", "unknown agent"),
        (f"{name}:Nothing", "can be imported"),
        ("no_such_module:X", "can be imported"),
        (f"{name}:NoAgent", "subclass"),
        (json.dumps({"id": f"{name}:Mine", "speed": 3}), "does not take"),
        ('{"tool": "blur"}', "key 'id'"),
        ('{"id": "random"', "JSON"),
    ):
        with pytest.raises(ImgEditError, match=message):
            find_agent(spec)


def test_a_failing_agent_stops_the_run_or_costs_its_tasks(module, suite, tmp_path, runs):
    brightness = sorted(_brightness(suite))
    spec = f"{module(limit=brightness[2] + 0.01)}:Brittle"
    with pytest.raises(ValueError, match="too bright"):
        evaluate(suite, spec, tmp_path / "stops")
    records = evaluate(suite, spec, tmp_path / "goes-on", on_error="fail").records()
    states = [record.status for record in records.values()]
    assert states.count(DONE) == 3 and states.count(FAILED) == 3
    failed = [record for record in records.values() if record.status == FAILED]
    assert all(record.error == "ValueError: too bright ?" and record.scores is None for record in failed)


def _brightness(suite):
    from imgedit_gym.engine import Engine

    for split, tasks in suite.splits.items():
        engine = Engine(len(tasks), **suite.engine_arguments(split))
        engine.reset(range(len(tasks)), [task.seed for task in tasks])
        yield from engine.batch.images.float().mean((1, 2, 3)).tolist()


class Refusing(FallibleAgent):
    """Refuses every second episode."""

    def begin(self, context):
        super().begin(context)
        self.failures = {}

    def act(self, observations, infos):
        self.failures = dict.fromkeys(range(0, len(observations["image"]), 2), "refused: policy")
        return np.zeros((len(observations["image"]), 2), dtype=np.int64)


def test_refused_episodes_count_as_failed(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "find_agent", lambda spec: Refusing())
    records = evaluate(suite, "refusing", tmp_path / "run").records()
    assert [record.status for record in records.values()] == [FAILED, DONE, FAILED, DONE, FAILED, DONE]


class Accented(NoOpAgent):
    """Plans in letters whose accents stand apart."""

    def plan(self, images, instructions):
        return [(PlanStep("rewrite", "headline", "Cafe\u0301" if at else "Cafe"),) for at in range(len(images))]


def test_plans_that_no_submission_may_hold_are_a_failure(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "find_agent", lambda spec: Accented())
    records = list(evaluate(suite, "accented", tmp_path / "run").records().values())
    assert [record.status for record in records] == [DONE, FAILED, FAILED, FAILED, DONE, FAILED]
    assert "NFC" in records[1].error


def test_more_judge_calls_than_the_budget_are_a_failure(suite, tmp_path, monkeypatch):
    from dataclasses import replace

    poor = replace(suite, budgets={**suite.budgets, "judge_calls": 0})
    spec = "text-overlay"
    records = evaluate(poor, spec, tmp_path / "run").records()
    assert all(record.status == FAILED and "over budget" in record.error for record in records.values())


@pytest.mark.parametrize("joint", [True, False])
def test_policies_that_stable_baselines_saved(joint, suite, tmp_path):
    wrappers = [VectorJointDiscreteAction] if joint else []
    tools = list(suite.tools)
    envs = make_vec_env(2, seed=0, image_size=64, wrappers=wrappers, tools=tools)
    model = MaskablePPO("MultiInputPolicy", envs, n_steps=2, batch_size=4, seed=0)
    model.save(tmp_path / "policy.zip")
    envs.close()
    spec = json.dumps({"id": "sb3", "path": str(tmp_path / "policy.zip"), "planner": "none"})
    records = evaluate(suite, spec, tmp_path / "run").records()
    assert {record.status for record in records.values()} == {DONE}
    oracle = Sb3Agent(str(tmp_path / "policy.zip"), planner="oracle")
    assert oracle.privileged
    again = evaluate(suite, spec, tmp_path / "again").records()
    assert {task: one.actions for task, one in again.items()} == {task: one.actions for task, one in records.items()}


def test_policies_of_other_spaces_are_refused(suite, tmp_path):
    envs = make_vec_env(1, seed=0, image_size=64, tools=["skip", "blur"])
    A2C("MultiInputPolicy", envs, n_steps=2).save(tmp_path / "small.zip")
    with pytest.raises(ImgEditError, match="the model's actions"):
        evaluate(
            suite, json.dumps({"id": "sb3", "path": str(tmp_path / "small.zip"), "algorithm": "A2C"}), tmp_path / "run"
        )
    for arguments, message in (
        ({"path": "nowhere.zip"}, "nothing at"),
        ({"path": str(tmp_path / "small.zip"), "algorithm": "Magic"}, "algorithm must be"),
        ({"path": str(tmp_path / "small.zip"), "planner": "magic"}, "planner must be"),
    ):
        with pytest.raises(ImgEditError, match=message):
            Sb3Agent(**arguments)
    (tmp_path / "no.zip").write_bytes(b"no zip")
    with pytest.raises(ImgEditError, match="saved"):
        Sb3Agent(str(tmp_path / "no.zip"))


def test_the_command(suite_file, tmp_path, capsys):
    words = ["--agent", "no-op", "--suite", str(suite_file), "--out", str(tmp_path / "run")]
    assert command.main(words) == 0
    out = capsys.readouterr().out
    assert "done 6, failed 0 of 6" in out and "Wilson" in out
    assert "6 of 6 actions did nothing (100.0 %), 6 of them: skip" in out
    assert "no plan in 6 of 6 episodes" in " ".join(out.split())
    assert command.main([*words, "--batch", "0"]) == 2
    assert "--batch" in capsys.readouterr().err
    assert command.main(["--agent", "nobody", "--suite", str(suite_file), "--out", str(tmp_path / "x")]) == 2


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(runs, suite, suite_file, tmp_path):
    words = [sys.executable, "-m", "benchmarks.evaluate", "--agent", "rule-based", "--batch", "3"]
    words += ["--suite", str(suite_file), "--out", str(tmp_path / "run")]
    first = tmp_path / "run" / "episodes" / "test-00000.jsonl"
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while not first.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    kept = first.read_bytes()
    again = evaluate(suite, "rule-based", tmp_path / "run", batch=3)
    assert first.read_bytes() == kept
    expected = runs("rule-based").records()
    assert {task: one.scores for task, one in again.records().items()} == {
        task: one.scores for task, one in expected.items()
    }
