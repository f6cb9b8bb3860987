"""Requirements: what a good result satisfies, as integer rows that kernels read and sentences that people read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAX_OBJECTS = 12
"""Object slots of a picture; slot i has segment label i + 1."""

MAX_REQUIREMENTS = 18
LABEL_BACKGROUND = 0
LABEL_HEADLINE = MAX_OBJECTS + 1
N_LABELS = MAX_OBJECTS + 2
LABEL_PICTURE = 255
"""Where a plan step concerns the whole picture."""


class Kind(IntEnum):
    """Kinds of requirement, with the meaning of a row's ``slot``, ``arg`` and ``count`` columns."""

    NONE = 0
    ABSENT = 1
    """Object ``slot`` is gone, what was behind it is shown or something else stands there, and no object of
    set ``arg`` has come back (-1: any may)."""
    PRESENT = 2
    """At least ``count`` objects of set ``arg``."""
    COLOR = 3
    """Object ``slot`` has colour ``arg`` and is otherwise itself."""
    BACKGROUND = 4
    """The background is of one of the kinds in bit mask ``arg``."""
    BACKGROUND_COLOR = 5
    """The background has colour ``arg`` and keeps its pattern."""
    HEADLINE = 6
    """The headline reads one of ``count`` texts from row ``arg`` on."""
    TONE = 7
    """The picture as a whole has become ``arg`` (an index of ``TONES``)."""
    COUNT = 8
    """Of set ``arg`` there are at most ``count`` objects, and no fewer than ``slot``."""
    INSTRUCTION = 9
    """What the requirement's text says, the instruction as a whole where there is no other. Only a model can tell; a
    measurement finds 0, and the checklist judge's judgements are invalid."""
    RESTORED = 10
    """One thing that is wrong with a photograph is put right, as in the hidden original. ``arg`` is which, ``count``
    how far it was wrong, ``slot`` where, -1 everywhere."""


BAN = " and no new "
"""Between what must go and what may not come instead, in the sentence of an ``ABSENT``."""

COLUMNS = ("kind", "step", "slot", "arg", "count")
"""Columns of ``TaskBatch.requirements``; ``step`` is the plan step from which on the requirement counts."""


@dataclass(frozen=True)
class Requirement:
    """One requirement as people read it.

    Attributes:
        kind: What is measured.
        text: A sentence, such as ``"no hamburger and no new meat or fish"``.
        step: Index of the oracle's plan step that serves it.
    """

    kind: Kind
    text: str
    step: int
