"""The commands of docs/leaderboard.md, as they stand there, one after the other."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "leaderboard.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def run(words: list[str]) -> int:
    assert words[:2] == ["python", "-m"]
    name = words[2]
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    return module.main(words[3:])


@pytest.mark.slow
def test_every_command_of_the_page_works(tmp_path, monkeypatch, capsys):
    (agent,) = blocks("python")
    (tmp_path / "my_agent.py").write_text(agent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for words in commands():
        assert run(words) == 0, words
    told = capsys.readouterr().out
    assert "darker: level 3 holds" in told and "overlay: level 3 holds" in told
    board = json.loads((tmp_path / "runs/board/board.json").read_text())["boards"][0]
    assert [row["name"] for row in board["rows"]] == ["darker"] and board["rows"][0]["counts"]["done"] == 100
    assert (tmp_path / "runs/leaderboard/adverts-lite-v1/no-op/manifest.json").exists()


def test_the_page_names_the_rules_as_they_are():
    from benchmarks.suites import load_suite, suite_ids
    from benchmarks.verify.tolerance import PORTABLE

    budgets = load_suite("adverts-v1").budgets
    assert f"{budgets['steps']} steps, {budgets['tool_calls']} tool calls" in PAGE
    assert f"{budgets['judge_calls']}\njudge calls" in PAGE
    assert f"differ by {PORTABLE.levels:.0f} levels" in PAGE and f"by {PORTABLE.score:g}," in PAGE
    assert all(f"`{name}`" in PAGE for name in suite_ids())
    assert len(commands()) >= 15
