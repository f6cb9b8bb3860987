"""The commands of README and documentation are ones that exist and take these arguments."""

from __future__ import annotations

import re
import sys

import pytest

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


def name(value):
    return name_of(value) if hasattr(value, "relative_to") else " ".join(value[2:])[:60]


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
