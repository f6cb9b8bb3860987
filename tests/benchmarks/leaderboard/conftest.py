"""A suite of six tasks, an evaluation of it, and submissions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.evaluate import evaluate
from benchmarks.submission.records import to_lines
from benchmarks.submit import prepare
from benchmarks.suites import write_suite
from benchmarks.suites.digest import sha256
from benchmarks.suites.draw import draw_suite
from benchmarks.suites.recipe import Recipe

RECIPE = Recipe("tiny-v1", {"test": 4, "test-long": 2}, image_size=64)
WORDS = {
    "name": "rules-1.0",
    "description": "Rules.\nNothing learned.",
    "authors": ["Zoë Müller"],
    "contact": "zoe@example.org",
    "url": "https://example.org/rules",
    "training": "None.",
    "cost": {"usd": 0.0},
}


@pytest.fixture(scope="session")
def suite():
    return draw_suite(RECIPE)


@pytest.fixture(scope="session")
def suite_file(suite, tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / "tiny-v1.json"
    write_suite(suite, path)
    return path


@pytest.fixture(scope="session")
def runs(suite, tmp_path_factory):
    """Evaluations by agent, each made once."""
    folder = tmp_path_factory.mktemp("runs")
    made = {}

    def run(agent: str):
        if agent not in made:
            made[agent] = evaluate(suite, agent, folder / agent, batch=3)
        return made[agent]

    return run


@pytest.fixture(scope="session")
def pristine(runs, suite, tmp_path_factory):
    """A submission with pictures, not to be changed."""
    out = tmp_path_factory.mktemp("pristine") / "rules"
    assert prepare(runs("rule-based"), out, WORDS, suite).holds
    return out


class Submission:
    """A submission as it lies in its folder, to be tampered with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.episodes = [json.loads(line) for line in (folder / "episodes.jsonl").read_bytes().splitlines()]

    def seal(self) -> None:
        """Write everything, with the hashes that belong to it, as a careful cheat would."""
        lines = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in self.episodes)
        self.seal_lines(lines)

    def seal_lines(self, lines: bytes) -> None:
        (self.folder / "episodes.jsonl").write_bytes(lines)
        names = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        files = {name: sha256((self.folder / name).read_bytes()) for name in names if name != "manifest.json"}
        self.manifest["files"] = files
        self.write_manifest()

    def write_manifest(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest), encoding="utf-8")

    def pictures(self) -> list[Path]:
        return sorted((self.folder / "pictures").iterdir())


@pytest.fixture
def submission(pristine, tmp_path):
    """A copy to be tampered with."""
    folder = tmp_path / "rules"
    shutil.copytree(pristine, folder)
    return Submission(folder)


@pytest.fixture(scope="session")
def lines_of_records():
    return to_lines
