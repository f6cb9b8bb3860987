"""The table over splits and trainings."""

import json

import pytest

from benchmarks.generalisation.__main__ import main
from benchmarks.generalisation.contestants import ALONE, EXCHANGED, PlansOnce, contestants
from benchmarks.generalisation.report import grids, summarise
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.engine import Engine
from tests.judges.server import serving

ANCHORS = {
    "no-op": {"": {"score": [0.0, 0.2], "success": [0.0, 0.0]}},
    "oracle": {"": {"score": [1.0, 1.0], "success": [1.0, 1.0]}},
}


def test_scores_lie_between_the_anchors():
    cells = ANCHORS | {
        "learned": {
            "a": {"score": [1.0, 1.0], "success": [1.0, 1.0]},
            "b": {"score": [0.1, 0.1], "success": [0.0, 0.0]},
        }
    }
    row = summarise({"test": cells}, "learned", 0)["test"]
    assert row["no-op"]["normalised"]["mean"] == pytest.approx(0.0) and row["oracle"]["normalised"][
        "mean"
    ] == pytest.approx(1.0)
    assert row["learned"]["normalised"]["mean"] == pytest.approx(0.5) and row["learned"]["trainings"]["mean"] == 2
    low, high = row["learned"]["normalised"]["ci95"]
    assert low < 0.1 and high > 0.9, "trainings are drawn anew as tasks are"


def test_differences_are_paired():
    same = {"a": {"score": [0.1, 0.9], "success": [0.0, 1.0]}}
    better = {"a": {"score": [0.2, 1.0], "success": [0.0, 1.0]}}
    found = summarise({"test": ANCHORS | {"learned": better, "imitation": same}}, "learned", 0)
    gap = found["test"]["imitation"]["behind"]
    assert gap["mean"] == pytest.approx(0.1 / 0.9) and gap["ci95"][0] == pytest.approx(gap["ci95"][1])
    assert "behind" not in found["test"]["learned"]
    assert [title for title, *_ in grids(found, "learned")][-1] == "what learned gains more, normalised"


def test_the_command(tmp_path, capsys):
    words = ["--agents", "rule-based,random", "--splits", "test,test-long", "--episodes", "4", "--out", str(tmp_path)]
    assert main([*words, "--markdown"]) == 0
    first = capsys.readouterr().out
    found = json.loads((tmp_path / "generalisation.json").read_text())["splits"]
    assert set(found) == {"test", "test-long"} and set(found["test"]) == {"no-op", "oracle", "rule-based", "random"}
    assert found["test"]["rule-based"]["score"]["mean"] > found["test"]["random"]["score"]["mean"]
    assert main([*words, "--markdown"]) == 0 and capsys.readouterr().out == first
    assert main([*words, "--seed", "1"]) == 2 and "Choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--splits", "test-art"],
        ["--agents", ""],
        ["--agents", "nobody"],
        ["--other", "x"],
        ["--runs", "nowhere"],
        ["--language", "{}"],
    ],
)
def test_bad_input_is_refused(words, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err


def test_the_last_stage_that_all_trainings_have_counts(tmp_path):
    for run, stages in (("a", ("self", "loop")), ("b", ("self",)), ("c", ("self",))):
        for stage in stages:
            (tmp_path / run / stage / "planner").mkdir(parents=True)
    a, b, c = (tmp_path / run for run in "abc")
    assert [one.name for one in contestants(["learned"], [b, c], True, {})] == ["learned", *EXCHANGED]
    assert ALONE in [one.name for one in contestants(["learned"], [a], True, {})]
    with pytest.raises(ImgEditError, match=r"b/loop; found none \(loop or self, of all alike\)"):
        contestants(["learned"], [a, b], False, {})
    with pytest.raises(ImgEditError, match="imitation; found none"):
        contestants(["imitation"], [a], False, {})


def test_a_language_model_takes_part(tmp_path, capsys):
    pytest.importorskip("transformers")
    from tests.planners.tokenizers import syllables, tiny_model

    tokenizer = syllables()
    tokenizer.save_pretrained(tmp_path / "model")
    tiny_model(tokenizer).save_pretrained(tmp_path / "model")
    told = json.dumps({"model": str(tmp_path / "model"), "examples": 0})
    words = ["--agents", "no-op", "--splits", "test-goals", "--episodes", "2", "--language", told]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "generalisation.json").read_text())["splits"]["test-goals"]
    assert {"language", "language, best tools"} <= set(found)
    assert found["language"]["normalised"]["mean"] <= found["oracle"]["normalised"]["mean"] == pytest.approx(1.0)


def test_plans_are_written_once_for_all_who_take_part():
    with serving() as server:
        step = PlanStep("remove", "car")
        content = json.dumps({"plan": [step.text]})
        answer = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}]}
        engine = Engine(2, image_size=64)
        engine.reset(range(2), range(2))
        writer = PlansOnce("small", base_url=server.url, timeout=5.0, retries=0)
        arguments = (engine.batch.images, ["a", "b"], engine.tasks.stock, 8)
        server.always = 500
        assert all(one.unreached for one in writer.write(*arguments))
        server.always = lambda body: answer
        first = writer.write(*arguments)
        asked = len(server.requests)
        assert [one.plan for one in first] == [(step,)] * 2 and asked == 4
        assert writer.write(*arguments) == first and len(server.requests) == asked
        writer.close()
