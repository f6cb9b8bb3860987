"""Checks of arguments."""

from __future__ import annotations

from imgedit_gym.core.errors import ImgEditError


def is_number(value: object) -> bool:
    """Whether an argument is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise an error for an argument that is no whole number within bounds.

    Raises:
        ImgEditError: If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ImgEditError(f"{name} must be a whole number from {low} to {high}; found {value!r}")
