"""The Python of README and documentation runs.

The blocks of a page are run one after the other, as a reader would type them. A block under a comment
``<!-- needs a server -->`` (or a GPU, a download, a training) is compiled, and what it imports from here is looked up.
"""

from __future__ import annotations

import ast
import importlib

import gymnasium as gym
import pytest
from stable_baselines3.common.vec_env import VecEnv

from imgedit_gym.core import registry
from imgedit_gym.core.registry import JUDGES, Registry
from tests.docs.snippets import ROOT, name_of, pages, python_blocks
from tests.judges.server import serving

OURS = ("imgedit_gym", "baselines", "benchmarks")
SERVER = "http://localhost:8000/v1"
WITH_PYTHON = [page for page in pages() if python_blocks(page)]


def marked(page):
    """Tutorials train and measure: they run with the slow tests."""
    return pytest.param(page, marks=pytest.mark.slow if page.parent.name == "tutorials" else ())


@pytest.fixture
def small(monkeypatch):
    """Trainings of Stable-Baselines3 end after a few steps."""
    from stable_baselines3 import PPO

    begin, learn = PPO.__init__, PPO.learn
    less = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "verbose": 0}
    monkeypatch.setattr(PPO, "__init__", lambda self, *args, **kwargs: begin(self, *args, **(kwargs | less)))
    monkeypatch.setattr(PPO, "learn", lambda self, steps, **kwargs: learn(self, min(steps, 16), **kwargs))


def test_there_are_blocks():
    assert {"README.md", "docs/index.md", "docs/judges.md", "docs/environment.md"} <= set(map(name_of, WITH_PYTHON))


@pytest.mark.parametrize("page", [marked(page) for page in WITH_PYTHON], ids=name_of)
def test_the_python_of_a_page_runs(page, small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for table in (value for value in vars(registry).values() if isinstance(value, Registry)):
        monkeypatch.setattr(table, "_entries", dict(table._entries))
    names = {"__name__": "snippet"}
    for number, block in enumerate(python_blocks(page)):
        code = compile(block.body, f"{page.name}, block {number}", "exec")
        if block.needs:
            look_up_imports(block.body)
        else:
            exec(code, names)
    close_environments(names)


@pytest.mark.parametrize("page", [page for page in WITH_PYTHON if page.name == "judges.md"], ids=name_of)
def test_what_needs_a_server_runs_with_one(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    needing = [block for block in python_blocks(page) if block.needs == "a server"]
    assert len(needing) == 1 and SERVER in needing[0].body
    with serving() as server:
        exec(needing[0].body.replace(SERVER, server.url), {})
        assert server.requests
    assert "hit_rate" in capsys.readouterr().out and (tmp_path / "judgements.sqlite").exists()


def look_up_imports(body):
    for node in ast.walk(ast.parse(body)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def close_environments(names):
    for value in names.values():
        if isinstance(value, (gym.Env, gym.vector.VectorEnv, VecEnv)):
            value.close()


def test_a_name_that_is_not_there_is_found():
    with pytest.raises(AssertionError, match="has no Nothing"):
        look_up_imports("from imgedit_gym.core.registry import Nothing")


def test_every_judge_of_the_package_is_named():
    page = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")
    for id in JUDGES.ids():
        assert f"`{id}`" in page, id
