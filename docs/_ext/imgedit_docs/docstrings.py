"""Docstrings in Google style, as Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

HEADS = ("Args", "Attributes", "Returns", "Raises", "Yields")
_HEAD = re.compile(rf"^({'|'.join(HEADS)}):$")
_ROLE = re.compile(r":(?:py:)?(class|func|meth|attr|data|mod|exc|obj):`([^`]+)`")
_NAME = re.compile(r"^(\*{0,2}\w+(?:``)?(?:, \*{0,2}\w+)*): ?(.*)$")


@dataclass
class Docstring:
    """A docstring in parts.

    Attributes:
        text: All that stands outside sections, as Markdown.
        sections: By heading, such as ``Args``: what each name means, as one line of Markdown.
    """

    text: str = ""
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first paragraph, as one line."""
        return " ".join(self.text.split("\n\n", 1)[0].split())


def read(thing: Any) -> Docstring:
    """The docstring of a class or function; that of a class is its own and not its base's."""
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)
    return parse(own or "")


def parse(text: str) -> Docstring:
    """Take a docstring apart."""
    found, lines, outside = Docstring(), inspect.cleandoc(text).splitlines(), []
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            outside.append(lines[at])
            at += 1
            continue
        body = []
        at += 1
        while at < len(lines) and (not lines[at].strip() or lines[at].startswith(" ")):
            body.append(lines[at])
            at += 1
        found.sections[head[1]] = _entries(inspect.cleandoc("\n".join(body)))
    found.text = markdown(re.sub(r"\n{3,}", "\n\n", "\n".join(outside)).strip())
    return found


def markdown(text: str) -> str:
    """Reads the markup of docstrings as Markdown: roles become links, double backticks single ones."""
    pieces = re.split(r"(``[^`]+``|:(?:py:)?(?:class|func|meth|attr|data|mod|exc|obj):`[^`]+`)", text)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    if piece.startswith("``"):
        return piece[1:-1]
    role = _ROLE.fullmatch(piece)
    return piece if role is None else f"{{py:{role[1]}}}`{role[2]}`"


def _entries(text: str) -> dict[str, str]:
    """The names of a section and what is said of each; where there are no names, all of it under an empty one."""
    entries: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        head = None if line.startswith(" ") else _NAME.match(line)
        if head is not None:
            name = head[1]
            entries[name] = head[2]
        else:
            entries[name] = f"{entries.get(name, '')} {line.strip()}".strip()
    return {name: markdown(said) for name, said in entries.items()}


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
