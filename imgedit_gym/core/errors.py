"""Errors of the package: what was expected and what was found, in one line."""

from __future__ import annotations


class ImgEditError(ValueError):
    """Base class of the errors that imgedit_gym raises itself."""


class DataFileError(ImgEditError):
    """A data file is wrong, or a term that a data file should define is unknown to it."""
