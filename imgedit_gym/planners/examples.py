"""Worked examples for language models that plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.plan import Plan, PlanError, read_plan

EXAMPLES = Path(__file__).parent / "examples.v1.txt"
LABELS = ("things", "background", "headline", "request")
"""What the first lines of an example are about, in their order."""


@dataclass(frozen=True)
class Example:
    """A task and a plan for it.

    Attributes:
        things: The objects of the picture, separated by commas.
        background: Its background and the colour of it.
        headline: What its headline reads.
        request: What is asked for.
        plan: Steps that meet the request.
    """

    things: str
    background: str
    headline: str
    request: str
    plan: Plan


@lru_cache(maxsize=4)
def load_examples(path: Path = EXAMPLES) -> tuple[Example, ...]:
    """The worked examples of a file, by default those that come with the package.

    Raises:
        DataFileError: If the file is missing or not in its form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: expected a file of worked examples; {error}") from None
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return tuple(_read(path, block.splitlines()) for block in text.strip().split("\n\n"))


def _read(path: Path, lines: list[str]) -> Example:
    found = []
    for label, line in zip(LABELS, [*lines[: len(LABELS)], *[""] * len(LABELS)], strict=False):
        name, _, value = line.partition(": ")
        if name != label or not value.strip():
            raise DataFileError(f"{path}: expected a line '{label}: ...'; found {line!r}")
        found.append(value.strip())
    steps = lines[len(LABELS) :]
    try:
        plan = read_plan("\n".join(steps), max(len(steps), 1))
    except PlanError as error:
        raise DataFileError(f"{path}: expected a plan after {found[-1]!r}; {error}") from None
    things, background, headline, request = found
    return Example(things, background, headline, request, plan)
