from __future__ import annotations

import json

import pytest

from benchmarks.throughput.__main__ import check, main, parse_arguments

TINY = ["--num-envs", "2", "--sizes", "64", "--seconds", "0.01"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "63"], "--sizes: expected whole numbers from 64 to 512; found '63'"),
        (["--num-envs", "1,many"], "--num-envs: expected whole numbers"),
        (["--num-envs", "4,4"], "--num-envs: expected words separated by commas, each once"),
        (["--num-envs", "0"], "--num-envs: expected whole numbers from 1"),
        (["--output", "jax"], "--output: expected one of numpy, torch; found 'jax'"),
        (["--threads", "0"], "--threads: expected a whole number of at least 1; found 0"),
        (["--seconds", "-1"], "--seconds: expected a number of at least 0.0; found -1.0"),
        (["--limit", "nan"], "--limit: expected a number"),
        (["--seed", "-1"], "--seed: expected a whole number of at least 0"),
        (["--soak", "0"], "--soak: expected a whole number of at least 1"),
        (["--worlds", "vector,jax"], "--worlds: expected some of vector, loop"),
        (["--judge", "checklits"], "unknown judge 'checklits'; did you mean checklist?"),
        (["--tools", "pixel,brush"], "unknown tool 'brush'"),
        (["--device", "abacus"], "device must be a torch device"),
        (["--out", "/dev/null/here"], "--out: expected a folder that can be written"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path, capsys):
    assert main(["--out", str(tmp_path), *TINY, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_settings_go_from_small_to_large(tmp_path):
    words = ["--num-envs", "16,1", "--sizes", "128,64", "--tools", "fill_flat,paste", "--out", str(tmp_path)]
    settings, names = check(parse_arguments([*words, "--worlds", "copy,vector"]))
    assert [(one.image_size, one.num_envs) for one in settings] == [(128, 1), (128, 16), (64, 1), (64, 16)]
    assert names == ["vector", "copy"]
    assert settings[0].arguments()["tools"] == ["fill_flat", "paste"]


def test_command_measures_and_prints(in_threads, tmp_path, capsys):
    words = [*TINY, "--worlds", "vector,sync,copy", "--markdown", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "**64 px: environment steps a second" in capsys.readouterr().out
    written = json.loads((tmp_path / "throughput.json").read_text())
    assert written["arguments"]["num_envs"] == "2"
    assert {"processor", "cpus", "versions", "load_average"} <= set(written["machine"])
    (point,) = written["points"]
    assert point["ratios"]["sync"]["same_work"] is True


def test_command_soaks(tmp_path, capsys):
    assert main([*TINY, "--soak", "30", "--markdown", "--out", str(tmp_path)]) == 0
    assert "a second: memory, MiB" in capsys.readouterr().out
    assert json.loads((tmp_path / "soak.json").read_text())["soak"]["steps"] >= 30


@pytest.mark.slow
def test_command_with_real_processes(tmp_path):
    words = [*TINY, "--worlds", "vector,loop,sync,async,copy", "--out", str(tmp_path)]
    assert main(words) == 0
    (point,) = json.loads((tmp_path / "throughput.json").read_text())["points"]
    assert all("steps_per_second" in world for world in point["worlds"].values()), point["worlds"]
    assert all(point["ratios"][name]["same_work"] for name in ("loop", "sync", "async"))
    assert point["worlds"]["async"]["peak_bytes"]["rss"] > point["worlds"]["sync"]["peak_bytes"]["rss"]


def test_tools_that_ask_a_model_are_timed_in_batches_and_alone(tmp_path, capsys, monkeypatch):
    from imgedit_gym.core.registry import TOOLS
    from imgedit_gym.tools.editor import EditorTool

    class Copies(EditorTool):
        id, batch_size = "copies", 4

        def edit(self, requests):
            return [request.picture for request in requests]

    monkeypatch.setitem(TOOLS._entries, "copies", Copies)
    words = ["--num-envs", "1,3", "--sizes", "64", "--seconds", "0", "--markdown", "--out", str(tmp_path)]
    assert main([*words, "--tools", '["skip", {"id": "copies", "size": 32}]']) == 0
    assert "| num_envs | tool | batched | one by one |" in capsys.readouterr().out
    results = json.loads((tmp_path / "editors.json").read_text())
    written = results["editors"]
    assert 0 < results["rss_before"] <= written[0]["rss"]
    assert [one["num_envs"] for one in written] == [1, 3]
    assert all(one["batched"] > 0 and one["one_by_one"] > 0 and one["batch_size"] == 4 for one in written)


def test_tools_are_timed_at_steps_that_they_are_for(tmp_path, monkeypatch):
    from imgedit_gym.core.registry import TOOLS
    from imgedit_gym.tools.editor import EditorTool

    asked = []

    class Signs(EditorTool):
        id = "signs"

        def edit(self, requests):
            asked.extend(request.step.text for request in requests)
            return [request.picture for request in requests]

    monkeypatch.setitem(TOOLS._entries, "signs", Signs)
    words = ["--num-envs", "3", "--sizes", "64", "--seconds", "0", "--out", str(tmp_path)]
    assert main([*words, "--tools", '{"id": "signs", "verbs": ["rewrite"]}']) == 0
    assert set(asked) == {"rewrite the headline as FRESH"}
    (one,) = json.loads((tmp_path / "editors.json").read_text())["editors"]
    assert one["tool"] == "signs" and one["batched"] > 0 and one["one_by_one"] is None
    assert main([*words, "--tools", '{"id": "signs", "verbs": ["remove"]}']) == 2
