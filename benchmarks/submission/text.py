"""Words of strangers: normalised, printable, and nothing that makes them look like other words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

_REFUSED = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
"""Categories of characters that are not seen, or turn around what is."""

MAX_MARKS = 3
"""Combining marks that may follow one another; more pile up over the lines above."""


def problem_of(text: str, lines: bool = False) -> str:
    """What is wrong with a text, in which there may be line breaks or not; empty if nothing is."""
    if unicodedata.normalize("NFC", text) != text:
        return "expected text in the normal form NFC"
    marks = 0
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        if category in _REFUSED and not (lines and character == "\n"):
            return f"expected printable text; found U+{ord(character):04X} at {at}"
        marks = marks + 1 if category.startswith("M") else 0
        if marks > MAX_MARKS:
            return f"expected at most {MAX_MARKS} combining marks in a row; found more at {at}"
    return ""


def texts_of(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, keys included, with where it stands."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield where, key
            yield from texts_of(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from texts_of(item, f"{where}[{at}]")
