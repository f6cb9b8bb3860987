"""Plan steps and their grammar: one line of plain English each, read and written without loss.

======== ==========================================================
verb     canonical text
======== ==========================================================
remove   ``remove the hamburger``
replace  ``replace the hamburger with the carrot``
add      ``add the pumpkin``
recolor  ``recolor the car to green``
set      ``set the background to beach``
rewrite  ``rewrite the headline as FRESH & GREEN``
adjust   ``adjust the picture to darker``
edit     anything else: free text, kept as it is
======== ==========================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgedit_gym.core.errors import ImgEditError

NONE = ""
PICTURE, BACKGROUND, HEADLINE, BADGE = "picture", "background", "headline", "badge"
VERBS = (NONE, "edit", "remove", "replace", "add", "recolor", "set", "rewrite", "adjust")
"""Verbs in code order; the empty verb is the step after the last one."""

MAX_TEXT = 200
"""Longest text of a plan step in characters; longer text is cut."""

FORMS = (
    "remove the X",
    "replace the X with the Y",
    "add the X",
    "recolor the X to COLOR",
    "set the background to PLACE",
    "rewrite the headline as TEXT",
    "adjust the picture to TONE",
)
"""What a line of a plan looks like."""

_ARTICLE = r"(?:the |an |a |some )?"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (verb, re.compile(pattern, re.IGNORECASE))
    for verb, pattern in (
        ("replace", rf"replace {_ARTICLE}(?P<target>.+?) with {_ARTICLE}(?P<value>.+)"),
        ("recolor", rf"recolor {_ARTICLE}(?P<target>.+?) to (?P<value>.+)"),
        ("set", rf"set {_ARTICLE}(?P<target>.+?) to (?P<value>.+)"),
        ("rewrite", rf"rewrite {_ARTICLE}(?P<target>.+?) as (?P<value>.+)"),
        ("adjust", rf"adjust {_ARTICLE}(?P<target>.+?) to (?P<value>.+)"),
        ("add", rf"add {_ARTICLE}(?P<value>.+)"),
        ("remove", rf"remove {_ARTICLE}(?P<target>.+)"),
    )
)


def normalise(text: str, most: int = MAX_TEXT) -> str:
    """Collapse white space, drop control characters and cut at ``most`` characters."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())[:most].strip()


@dataclass(frozen=True)
class PlanStep:
    """One atomic edit.

    Attributes:
        verb: One of :data:`VERBS`.
        target: What is edited: an object, a category, ``picture``, ``background``, ``headline`` or ``badge``.
        value: What it becomes: an object, a colour, a background, a tone or a text; empty where none is needed.
    """

    verb: str = NONE
    target: str = NONE
    value: str = NONE

    def __post_init__(self) -> None:
        """Check the verb and normalise both phrases."""
        if self.verb not in VERBS:
            raise ImgEditError(f"unknown verb {self.verb!r} in a plan step; expected one of {VERBS[1:]}")
        object.__setattr__(self, "target", normalise(self.target))
        object.__setattr__(self, "value", normalise(self.value))

    @property
    def text(self) -> str:
        """The canonical sentence; ``PlanStep.parse`` reads it back."""
        match self.verb:
            case "":
                return ""
            case "remove":
                return f"remove the {self.target}"
            case "replace":
                return f"replace the {self.target} with the {self.value}"
            case "add":
                return f"add the {self.value}"
            case "rewrite":
                return f"rewrite the {self.target} as {self.value}"
            case "recolor" | "set" | "adjust":
                return f"{self.verb} the {self.target} to {self.value}"
        return self.value

    @classmethod
    def parse(cls, text: str) -> PlanStep:
        """Read one step; text outside the grammar becomes an ``edit`` step that carries it.

        Args:
            text: One line, any case, any article.
        """
        line = normalise(text).rstrip(". ")
        if not line:
            return cls()
        for verb, pattern in _PATTERNS:
            found = pattern.fullmatch(line)
            if found is None:
                continue
            slots = found.groupdict()
            target = slots.get("target", PICTURE).strip().lower()
            value = (slots.get("value") or NONE).strip()
            if verb != "rewrite":
                value = value.lower()
            if target and (value or verb == "remove"):
                return cls(verb, target, value)
        return cls("edit", PICTURE, line)


Plan = tuple[PlanStep, ...]
"""An ordered plan; the type planners return and environments carry out."""

_BULLET = re.compile(r"^\s*(?:\d+[.)]|[-*])\s*")


class PlanError(ImgEditError):
    """A text is no plan.

    Attributes:
        line: Number of the line, from 1.
        text: The line.
        expected: What was expected there.
    """

    def __init__(self, line: int, text: str, expected: str) -> None:
        super().__init__(f"line {line}: expected {expected}; found {text!r}")
        self.line, self.text, self.expected = line, text, expected

    def __reduce__(self) -> tuple[type[PlanError], tuple[int, str, str]]:
        """Pickle by what the error was made from."""
        return type(self), (self.line, self.text, self.expected)


def read_plan(text: str, max_steps: int) -> Plan:
    """Read a plan strictly: every line must be one step of the grammar, free text is none.

    Empty lines, numbering and bullets are dropped.

    Args:
        text: One step a line.
        max_steps: Longest plan allowed.

    Raises:
        PlanError: If a line is no step, or there are none or too many; it names the line.
    """
    steps: list[PlanStep] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        step = PlanStep.parse(_BULLET.sub("", line))
        if step.verb in (NONE, "edit"):
            raise PlanError(number, normalise(line), "one of: " + ", ".join(FORMS))
        if len(steps) == max_steps:
            raise PlanError(number, normalise(line), f"no more than {max_steps} steps")
        steps.append(step)
    if not steps:
        raise PlanError(1, "", "at least one step")
    return tuple(steps)


def parse_plan(plan: str | PlanStep | list | tuple, max_steps: int) -> Plan:
    """Read a plan from what a user or a model hands over.

    Args:
        plan: Text with one step a line (numbering and bullets are dropped), or a sequence whose items are
            text, :class:`PlanStep`, or ``(verb, target, value)`` triples.
        max_steps: Longest plan allowed.

    Raises:
        ImgEditError: If the plan is empty, too long or holds an item of another type.
    """
    if isinstance(plan, PlanStep):
        plan = [plan]
    if isinstance(plan, str):
        plan = [_BULLET.sub("", line) for line in plan.splitlines()]
        plan = [line for line in plan if line.strip()]
    if not isinstance(plan, (list, tuple)):
        raise ImgEditError(f"a plan is text or a sequence of steps; found {type(plan).__name__}")
    steps = tuple(_as_step(item) for item in plan)
    if not steps or any(step.verb == NONE for step in steps):
        raise ImgEditError("a plan needs at least one step and no empty one")
    if len(steps) > max_steps:
        raise ImgEditError(f"a plan has at most max_plan_steps={max_steps} steps; found {len(steps)}")
    return steps


def _as_step(item: object) -> PlanStep:
    if isinstance(item, PlanStep):
        return item
    if isinstance(item, str):
        return PlanStep.parse(item)
    if isinstance(item, (list, tuple)) and len(item) == 3 and all(isinstance(slot, str) for slot in item):
        return PlanStep(*item)
    raise ImgEditError(f"a plan step is text, a PlanStep or (verb, target, value); found {item!r}")
