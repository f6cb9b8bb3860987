"""The snippets of README and documentation: what stands between fences, and commands in running text."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = ("_build", "generated", "cards")
"""Folders of ``docs`` that hold no pages, or pages made from the code."""

PYTHON, SHELL = ("python", "py"), ("bash", "sh", "shell", "console", "")
_FENCE = re.compile(
    r"^(?:<!-- needs (?P<needs>[^>]*?) -->\n)?(?P<fence>```+)(?P<language>[\w-]*) *\n(?P<body>.*?)^(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"(?<=\n\n)((?: {4}(?:python|pip|make) .*\n)(?: {4,}\S.*\n)*)")
_INLINE = re.compile(r"`(python -m [^`]+)`")
_LEFT_OPEN = re.compile(r"\.\.\.|\[-|\{\{|<|\b[A-Z]{3,}\b|\$")
"""Signs that a command in running text is a pattern and not a command."""


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Attributes:
        language: As written behind the fence; empty for none.
        body: The lines.
        needs: What the comment above it says that it needs; empty for nothing.
    """

    language: str
    body: str
    needs: str


def pages() -> list[Path]:
    """README and all pages that people write."""
    docs = ROOT / "docs"
    found = [path for path in sorted(docs.rglob("*.md")) if path.relative_to(docs).parts[0] not in NOT_OURS]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *found]


def name_of(page: Path) -> str:
    """A page as it is named in reports of tests."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(found["language"], found["body"], found["needs"] or "") for found in _FENCE.finditer(text)]


def python_blocks(page: Path) -> list[Block]:
    """The blocks of Python."""
    return [block for block in blocks(page) if block.language in PYTHON]


def commands(page: Path) -> list[list[str]]:
    """Every command of a page, in words: from blocks, and whole ones from running text."""
    text = page.read_text(encoding="utf-8")
    told = [block for block in blocks(page) if block.language in SHELL]
    lines = [line for block in told for line in _joined(block.body) if block.language or _begins(line)]
    rest = _FENCE.sub("\n", text)
    lines += [line.strip() for block in _INDENTED.findall(rest) for line in _joined(block)]
    inline = (" ".join(found.split()) for found in _INLINE.findall(rest))
    lines += [line for line in inline if not _LEFT_OPEN.search(line)]
    return [words for words in (_words(line) for line in lines) if words]


def _begins(line: str) -> bool:
    """Whether a line of a block without a language is a command; a usage line, with brackets, is none."""
    return line.startswith(("python ", "pip ", "make ", "tensorboard ")) and "[-" not in line


def _joined(body: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", body).splitlines()


def _words(line: str) -> list[str]:
    words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables before the command
        words = words[1:]
    return words
