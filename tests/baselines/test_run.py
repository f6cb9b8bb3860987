"""Tests of the main command."""

import json
import math
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from baselines import run
from baselines.agents import AGENTS
from baselines.report import table_markdown
from baselines.rollout import Episode
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.registry import JUDGES, TASKS
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.tasks.adverts.source import Adverts
from imgedit_gym.trajectory import read_trajectories

FILES = {"results.json", "trajectories.jsonl", "gallery.png", "index.html"}
ROOT = Path(__file__).parents[2]


def words(out, **changes) -> list[str]:
    options = {"agents": "no-op,oracle,random", "episodes": 3, "image-size": 64, "out": out} | changes
    return [word for key, value in options.items() for word in (f"--{key}", str(value))]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder that a small run wrote, with its results."""
    out = tmp_path_factory.mktemp("run") / "new" / "folder"
    assert run.main(words(out)) == 0
    return out, json.loads((out / "results.json").read_text(encoding="utf-8"))


def test_four_files_and_nothing_else(finished):
    out, _ = finished
    assert {path.name for path in out.iterdir()} == FILES
    assert all(path.stat().st_size > 0 for path in out.iterdir())
    with Image.open(out / "gallery.png") as gallery:
        assert min(gallery.size) > 64
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html") and "oracle" in page


def test_the_table_says_who_was_given_more(finished):
    _, results = finished
    assert results["given"] == run.given(["oracle"]) != ""
    assert "search, the simulator and the judge" in run.given(["no-op", "search"])
    assert run.given(["no-op", "random"]) == ""
    assert results["given"] in table_markdown(results)


def test_the_schema_of_results(finished):
    _, results = finished
    assert results["schema"] == 1
    assert list(results["agents"]) == ["no-op", "oracle", "random"]
    for row in results["agents"].values():
        assert set(row) == {*run.METRICS, "normalised", "invalid"}
        assert row["invalid"] == 0
        for metric in (*run.METRICS, "normalised"):
            interval = row[metric]
            assert set(interval) == {"mean", "ci95"} and len(interval["ci95"]) == 2
            low, high = interval["ci95"]
            assert all(math.isfinite(value) for value in (low, interval["mean"], high))
            assert low - 1e-9 <= interval["mean"] <= high + 1e-9
    assert results["agents"]["no-op"]["normalised"]["mean"] == pytest.approx(0.0)
    assert results["agents"]["oracle"]["normalised"]["mean"] == pytest.approx(1.0)
    expected = {"episodes": 3, "seed": 0, "split": "test", "judge": "checklist", "image_size": 64, "device": "cpu"}
    assert {key: results[key] for key in expected} == expected
    assert results["environment"]["id"] == "ImageEdit-v0"
    assert results["environment"]["arguments"]["image_size"] == 64
    assert {"python", "imgedit-gym", "torch", "warp-lang"} <= set(results["versions"])


def test_trajectories_of_every_agent_and_task(finished):
    out, results = finished
    rows = [json.loads(line) for line in (out / "trajectories.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["agent"], row["seed"]) for row in rows] == [
        (agent, seed) for agent in results["agents"] for seed in range(3)
    ]
    for agent, row in results["agents"].items():
        scores = [line["scores"]["score"] for line in rows if line["agent"] == agent]
        assert sum(scores) / 3 == pytest.approx(row["score"]["mean"])


def test_the_same_seed_gives_the_same_results(finished, tmp_path):
    out, results = finished
    assert run.main(words(tmp_path)) == 0
    again = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))

    def told(results):
        results = json.loads(json.dumps(results))
        results.pop("versions")
        for row in results["agents"].values():
            row.pop("seconds")
        return results

    assert told(again) == told(results)
    assert (tmp_path / "gallery.png").read_bytes() == (out / "gallery.png").read_bytes()
    assert (tmp_path / "trajectories.jsonl").read_text() == (out / "trajectories.jsonl").read_text()
    assert run.main(words(tmp_path, seed=7)) == 0
    other = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert told(other)["agents"] != told(results)["agents"]


def test_the_command_runs_again(finished, tmp_path):
    _, results = finished
    command = results["command"].split()
    assert command[:3] == ["python", "-m", "baselines.run"]
    options = run.parse_arguments(command[3:])
    assert (options.agents, options.episodes, options.image_size) == ("no-op,oracle,random", 3, 64)
    assert options.split == "test" and options.seed == 0 and options.judge == "checklist"


def test_without_the_anchors_nothing_is_normalised(tmp_path):
    assert run.main(words(tmp_path, agents="no-op", episodes=1)) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["agents"]["no-op"]["normalised"] is None
    assert results["agents"]["no-op"]["score"]["ci95"] == [results["agents"]["no-op"]["score"]["mean"]] * 2


def test_a_second_run_replaces_the_first(tmp_path):
    for seed in (1, 2):
        assert run.main(words(tmp_path, agents="no-op", episodes=1, seed=seed)) == 0
    assert json.loads((tmp_path / "results.json").read_text())["seed"] == 2
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_all_agents_are_the_default(tmp_path):
    assert run.check(run.parse_arguments(["--out", str(tmp_path)])) == list(AGENTS.ids())


class Vague(Adverts):
    """Adverts whose answers nobody claims to know."""

    exact = False


def test_agents_that_need_answers_stay_away_where_there_are_none(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(TASKS._entries, "vague", Vague)
    options = ["--tasks", "vague", "--out", str(tmp_path)]
    assert "oracle" not in run.check(run.parse_arguments(options))
    assert run.main(words(tmp_path, tasks="vague", agents="no-op,oracle")) == 2
    told = "error: --agents: oracle plays only tasks whose answers are known; those of 'vague' are not\n"
    assert capsys.readouterr().err == told


def test_tasks_tools_and_regions(tmp_path):
    options = {
        "tasks": '{"id": "adverts", "objects": [2, 3]}',
        "tools": "fill_flat,paste",
        "regions": "cells",
        "agents": "random",
        "episodes": 2,
    }
    assert run.main(words(tmp_path, **options)) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    arguments = results["environment"]["arguments"]
    assert arguments["tasks"] == {"id": "adverts", "objects": [2, 3]}
    assert (arguments["tools"], arguments["regions"]) == (["fill_flat", "paste"], "cells")
    again = run.parse_arguments(shlex.split(results["command"])[3:])
    assert (again.tasks, again.tools, again.regions) == (options["tasks"], options["tools"], "cells")
    for trajectory in read_trajectories(tmp_path / "trajectories.jsonl"):
        assert {step["tool"] for step in trajectory.steps} <= {"skip", "fill_flat", "paste"}


def test_a_folder_is_played_record_by_record(tmp_path, capsys):
    folder = tmp_path / "three"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (30, 20), (60 * index, 90, 120)).save(folder / f"{index}.png")
    lines = [json.dumps({"image": f"{index}.png", "instruction": f"request {index}"}) for index in range(3)]
    (folder / "tasks.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = ["--tasks", f"folder:{folder}", "--agents", "no-op,random", "--image-size", "64"]
    assert run.main([*options, "--out", str(tmp_path / "out")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Tasks: three, 3 tasks. Licence: not stated." in told
    assert "The judge 'checklist' measures: requests in words it cannot judge." in told
    assert "Episodes that the judge could not judge, left out: no-op 3, random 3." in told
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["episodes"], results["tasks"]) == (3, {"name": "three", "licence": "not stated"})
    assert results["agents"]["random"]["score"] is None and results["agents"]["random"]["tool_calls"]["mean"] > 0
    rows = read_trajectories(tmp_path / "out" / "trajectories.jsonl")
    assert [row.instruction for row in rows] == [f"request {index}" for index in range(3)] * 2
    assert all(row.seed is None and row.task_id.startswith("folder/three/") for row in rows)
    assert run.main([*options, "--agents", "oracle", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error == "error: --agents: oracle plays only tasks whose answers are known; those of 'folder' are not\n"
    assert run.main(["--tasks", "folder:/no/such", "--agents", "no-op", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: /no/such: expected a folder; No such file or directory\n"


# ------------------------------------------------------------------ judges


class Moody(ChecklistJudge):
    """The exact judge, that has no opinion on tones, and fails where a picture's first pixel is of odd value."""

    id = "moody"
    version = "7"

    def judge(self, cases):
        verdict = super().judge(cases)
        verdict.requirements[cases.wanted[..., 0] == Kind.TONE] = math.nan
        verdict.valid = cases.canvas[:, 0, 0, 0] % 2 == 0
        verdict.parts = {"mood": verdict.valid.float()}
        return verdict


def test_judges_with_arguments(tmp_path):
    """They are named in the results, and the command with them runs again."""
    judge = '{"id": "sum", "execution": "checklist"}'
    assert run.main(words(tmp_path, judge=judge, agents="no-op", episodes=2)) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["agents"]["no-op"]["score"]["mean"] > 0.4
    assert results["environment"]["arguments"]["judge"] == json.loads(judge)
    assert results["judged_by"]["id"] == "sum"
    assert run.parse_arguments(shlex.split(results["command"])[3:]).judge == judge
    trajectory = read_trajectories(tmp_path / "trajectories.jsonl")[0]
    assert trajectory.env_kwargs["judge"] == json.loads(judge)


def test_what_could_not_be_judged_is_counted_and_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(JUDGES._entries, "moody", Moody)
    options = {"judge": "moody", "agents": "no-op,oracle,random", "episodes": 12}
    assert run.main(words(tmp_path, **options)) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    rows = read_trajectories(tmp_path / "trajectories.jsonl")
    assert results["judged_by"]["version"] == "7"
    for agent, row in results["agents"].items():
        mine = [one for one in rows if one.agent == agent]
        scores = [one.scores["score"] for one in mine if one.valid]
        assert 0 < len(scores) < 12 and row["invalid"] == 12 - len(scores)
        assert row["score"]["mean"] == pytest.approx(sum(scores) / len(scores))
        assert row["success_rate"]["mean"] == pytest.approx(sum(one.success for one in mine) / len(scores))
    by_task = zip(*([one for one in rows if one.agent == agent] for agent in results["agents"]), strict=True)
    judged = [[one.scores["score"] for one in three] for three in by_task if all(one.valid for one in three)]
    low, high, own = zip(*judged, strict=True)
    normalised = results["agents"]["random"]["normalised"]["mean"]
    assert normalised == pytest.approx((sum(own) - sum(low)) / (sum(high) - sum(low)))
    assert "Episodes that the judge could not judge, left out: no-op" in " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '"valid":false' in page


def test_where_nothing_could_be_judged_there_are_no_means():
    failed = Episode("a", 0, "t", "", (), True, valid=False, score=0.7, tool_calls=2)
    row = run.summarise({"no-op": [failed] * 3, "oracle": [failed] * 3}, 0)["oracle"]
    assert row["invalid"] == 3 and row["tool_calls"]["mean"] == 2.0
    assert all(row[metric] is None for metric in (*run.JUDGED, "normalised"))


# ------------------------------------------------------------------ mistakes

WRONG = [
    ({"agents": "orcale"}, "unknown agent 'orcale'; did you mean oracle?"),
    ({"agents": "oracle,oracle"}, "--agents: expected each name once; found 'oracle,oracle'"),
    ({"agents": " , "}, "--agents: expected names separated by commas"),
    ({"split": "tset"}, "unknown split 'tset'; expected one of: train"),
    ({"split": "test-art"}, "split 'test-art' needs another colour-emoji font"),
    ({"judge": "checklits"}, "unknown judge 'checklits'; did you mean checklist?"),
    ({"judge": '{"id": "checklits"}'}, "unknown judge 'checklits'; did you mean checklist?"),
    ({"judge": "{checklist}"}, "--judge: expected an id or a JSON object; found '{checklist}'"),
    ({"judge": '{"combine": "sum"}'}, "--judge: expected a JSON object with the key 'id'"),
    ({"judge": '{"id": "checklist", "combine": "some"}'}, "unknown score combination 'some'"),
    ({"judge": '{"id": "checklist", "colour": "red"}'}, "judge 'checklist' does not take these arguments"),
    ({"tasks": "advert"}, "unknown task 'advert'; did you mean adverts?"),
    ({"tasks": "adverts:here"}, "task 'adverts': expected 'adverts'; found 'adverts:here'"),
    ({"tasks": '{"id": "adverts", "colour": 1}'}, "task 'adverts' does not take these arguments"),
    ({"tools": "paste,glue"}, "unknown tool 'glue'"),
    ({"tools": '{"id": "paste"'}, "--tools: expected ids or JSON"),
    ({"tools": '[{"tool": "paste"}]'}, "--tools: expected a JSON object with the key 'id'"),
    ({"tools": " , "}, "--tools: expected one at least"),
    ({"regions": "cell"}, "unknown region 'cell'; did you mean cells?"),
    ({"episodes": 0}, "--episodes: expected 1 to 100000; found 0"),
    ({"episodes": -3}, "--episodes: expected 1 to 100000; found -3"),
    ({"seed": -1}, "--seed: expected a whole number of at least 0; found -1"),
    ({"image-size": 63}, "image_size must be a whole number from 64 to 512; found 63"),
    ({"font": "/no/such/font.ttf"}, "--font: expected a font file, found nothing at '/no/such/font.ttf'"),
    ({"device": "abacus"}, "device must be a torch device"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_mistakes_are_told_in_one_line(tmp_path, capsys, changes, message):
    out = tmp_path / "out"
    assert run.main(words(out, **changes)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and error.endswith("\n")
    assert message in error
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("below", ["", "sub", "sub/sub"])
def test_a_folder_that_cannot_be_written(tmp_path, capsys, below):
    file = tmp_path / "file"
    file.write_text("mine")
    assert run.main(words(file / below)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --out: expected a folder that can be written") and error.count("\n") == 1
    assert file.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_font_that_is_no_font(tmp_path, capsys):
    font = tmp_path / "font.ttf"
    font.write_bytes(b"no font")
    assert run.main(words(tmp_path / "out", font=font, split="test-art")) == 2
    error = capsys.readouterr().err
    assert "expected a scalable or bitmap colour font" in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--episodes", "many"], ["--colour", "red"]])
def test_words_that_are_no_options_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_as_a_command(tmp_path):
    """The real process: its status, and not a word more on standard error than the one line."""
    command = [sys.executable, "-m", "baselines.run", *words(tmp_path / "out", split="tset")]
    environment = {**os.environ, "IMGEDIT_GYM_VERBOSE": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown split 'tset'") and done.stderr.count("\n") == 1
    assert "Warp" not in done.stdout
