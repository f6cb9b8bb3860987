"""The commands of README and documentation are ones that exist and take these arguments."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys

import pytest
from PIL import Image

from imgedit_docs import commands as documented
from tests.docs.snippets import ROOT, commands, name_of, pages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OTHERS = ("tensorboard", "pip", "python3", "python", "make", "git", "cd", "mkdir", "cp", "curl", "export", "vllm")
"""Programs that are not ours; those of them that are asked about our package are looked at."""

ALL = [(page, words) for page in pages() for words in commands(page)]
OURS = [(page, words) for page, words in ALL if words[1:2] == ["-m"] and words[2].startswith(documented.PACKAGES)]


SMALL = {
    "baselines.orchestrator.measure": "--episodes 2",
    "baselines.run": "--episodes 2 --image-size 64",
    "benchmarks.audit": "--episodes 1 --image-size 64",
    "benchmarks.checklist": "--episodes 2",
    "benchmarks.cutout": "--episodes 2 --image-size 64",
    "benchmarks.generalisation": "--episodes 2 --splits test",
    "benchmarks.overoptimisation": "--episodes 2 --image-size 64 --num-envs 2 --samples 2 --steps 32",
    "benchmarks.suites": "",
    "benchmarks.throughput": "--num-envs 2 --seconds 0.2 --sizes 64",
    "benchmarks.tools": "--episodes 2",
}
"""What stands in a command in place of its own sizes, so that it takes seconds."""

IF_NOT_GIVEN = {
    "baselines.run": {"--agents": "rule-based,random,no-op"},
    "benchmarks.throughput": {"--worlds": "vector,copy"},
}
"""Arguments of a command that takes longer without them."""

ONLY_READ = {
    "baselines.training": "a training takes minutes",
    "baselines.orchestrator.measure --weights runs/": "needs a training",
    "benchmarks.additive --policies runs/": "needs a training",
    "benchmarks.generalisation --runs": "needs a training",
    "benchmarks.generalisation --other": "needs a training",
    "benchmarks.generalisation --language": "needs a language model",
    "benchmarks.evaluate": "needs a file of the reader's; the leaderboard's page is run as a whole elsewhere",
    "benchmarks.leaderboard": "as that",
    "benchmarks.season": "as that",
    "benchmarks.submit": "as that",
    "benchmarks.verify": "as that",
    "benchmarks.suites check": "as that",
    "benchmarks.suites freeze": "writes into the package",
    "imgedit_gym.tasks.adverts.vocabulary": "writes into the package",
    "imgedit_gym.play": "waits for a person",
}
"""Commands whose words are read alone, by how they begin, and why."""

NOT_HERE = ("diffusers:", '"diffusers"', "sam:", '"openai"', '"clip"', "cuda", "day-and-night")
"""Words of commands that need a model, a server, a GPU or a package that is not here."""


def smaller(words):
    """A command at a size at which it takes seconds, without ``python -m``; ``None`` for one that is only read."""
    told = shlex.join(words[2:])
    if told.startswith(tuple(ONLY_READ)) or any(word in told for word in NOT_HERE):
        return None
    small = shlex.split(SMALL[words[2]] + (" --soak 40" if "--soak" in words else ""))
    found = [word.replace("folder:PATH", "folder:holiday") for word in words[2:]]
    for option in small[::2]:
        if option in found:
            del found[found.index(option) : found.index(option) + 2]
    found += small
    for option, value in IF_NOT_GIVEN.get(words[2], {}).items():
        if option not in found:
            found += [option, value]
    return shlex.join(found)


RUN = sorted({small for _, words in OURS if (small := smaller(words))})


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_a_command_runs(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday").mkdir()
    Image.new("RGB", (90, 80), (120, 170, 220)).save(tmp_path / "holiday" / "one.png")
    record = {"image": "one.png", "instruction": "Make it darker.", "plan": ["adjust the picture to darker"]}
    (tmp_path / "holiday" / "tasks.jsonl").write_text(json.dumps(record) + "\n")
    module, *words = shlex.split(command)
    program = importlib.import_module(module)
    program = importlib.import_module(f"{module}.__main__") if hasattr(program, "__path__") else program
    status = program.main(words)
    told = capsys.readouterr()
    assert status == 0, told.err
    assert told.out.strip() or told.err.strip()


def test_commands_that_run_are_of_many_kinds():
    assert len(RUN) > 12 and {command.split()[0] for command in RUN} == set(SMALL)


def test_the_tutorial_submits_as_the_leaderboard_s_page_does():
    pages_of = {"docs/tutorials/10_submit.md": [], "docs/leaderboard.md": []}
    for page, words in OURS:
        pages_of.get(name_of(page), []).append(words)
    tutorial, whole = pages_of.values()
    assert len(tutorial) == 5 and all(words in whole for words in tutorial)


def test_there_are_commands():
    assert len(OURS) > 40 and {words[2] for _, words in OURS} >= {"baselines.run", "benchmarks.verify"}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_the_commands_of_a_page_parse(page, capsys):
    known = set(documented.modules())
    for words in (words for of, words in OURS if of == page):
        assert words[2] in known, f"{page.name}: no command {words[2]}"
        try:
            documented.parse(words[2], words[3:])
        except SystemExit:
            pytest.fail(f"{page.name}: {' '.join(words)}: {capsys.readouterr().err.splitlines()[-1]}")


def test_wrong_arguments_are_found(capsys):
    for words in (["--episodes", "many"], ["--epsiodes", "3"]):
        with pytest.raises(SystemExit):
            documented.parse("baselines.run", words)


def test_programs_of_others_are_known_ones():
    strange = {words[0] for _, words in ALL if words[0].rpartition("/")[2] not in (*OTHERS, "pre-commit")}
    assert not strange


def test_targets_of_make_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for _, words in ALL if words[0] == "make" for word in words[1:] if re.fullmatch("[a-z-]+", word)}
    assert named and named <= targets


def test_extras_are_there():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    named = {one for found in re.findall(r"(?:imgedit-gym|-e \"?\.)\[([a-z,]+)\]", text) for one in found.split(",")}
    assert named and named <= extras


def test_links_outside_the_site_are_there():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page.name}: {target}"
