"""Checks of arguments."""

from __future__ import annotations


def is_number(value: object) -> bool:
    """Whether an argument is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
