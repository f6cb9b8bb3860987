"""Errors of the package: what was expected and what was found, in one line."""

from __future__ import annotations


class ImgEditError(ValueError):
    """Base class of the errors that imgedit_gym raises itself."""


class DataFileError(ImgEditError):
    """A data file is wrong, or a term that a data file should define is unknown to it."""


def first_line(error: BaseException) -> str:
    """What an error says first, at most 200 characters; its type if it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0][:200] if said else type(error).__name__


def reason_of(error: BaseException) -> str:
    """The type of an error, and what it says first."""
    kind, said = type(error).__name__, first_line(error)
    return kind if said == kind else f"{kind}: {said}"
