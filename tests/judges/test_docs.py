"""The examples of the page on judges run."""

import re
from pathlib import Path

import pytest

from imgedit_gym.core.registry import JUDGES
from tests.judges.server import serving

PAGE = (Path(__file__).parents[2] / "docs" / "judges.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(<!-- needs a server -->\n)?```python\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) >= 5 and sum(bool(needs) for needs, _ in EXAMPLES) == 1


@pytest.mark.parametrize("at", range(len(EXAMPLES)))
def test_an_example_runs(at, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(JUDGES, "_entries", dict(JUDGES._entries))
    needs_server, code = EXAMPLES[at]
    with serving() as server:
        if needs_server:
            address = "http://localhost:8000/v1"
            assert address in code
            code = code.replace(address, server.url)
        exec(compile(code, f"judges.md, example {at}", "exec"), {})
        assert bool(server.requests) == bool(needs_server)
    if needs_server:
        assert "hit_rate" in capsys.readouterr().out and (tmp_path / "judgements.sqlite").exists()


def test_every_judge_of_the_package_is_named():
    for id in JUDGES.ids():
        assert f"`{id}`" in PAGE, id
