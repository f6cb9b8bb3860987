"""Prompts are files with a version in their name, so that a judgement can name exactly what was asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from imgedit_gym.core.errors import DataFileError

FOLDER = Path(__file__).parent / "prompts"


@dataclass(frozen=True)
class Prompt:
    """What a model is told.

    Attributes:
        name: Name and version, such as ``"checklist.v1"``.
        system: What does not change from question to question, so that servers need read it only once.
        user: What does, with its blanks in braces.
    """

    name: str
    system: str
    user: str

    @classmethod
    def load(cls, name: str, folder: Path = FOLDER) -> Prompt:
        """Read ``<name>.txt``: a section ``[system]``, then a section ``[user]``.

        Raises:
            DataFileError: If the file is missing or not in this form.
        """
        text = _read(folder / f"{name}.txt")
        system, _, user = text.partition("[user]\n")
        if not system.startswith("[system]\n") or not user.strip():
            raise DataFileError(f"{folder / name}.txt: expected a section [system] and a section [user]")
        return cls(name, system.removeprefix("[system]\n").strip(), user.strip())

    def fill(self, **blanks: object) -> str:
        """The user's part with its blanks filled."""
        return self.user.format(**blanks)


@lru_cache(maxsize=8)
def load_wording(name: str = "wording.v2", folder: Path = FOLDER) -> dict[str, str]:
    """Read a file of lines ``key: text``; lines that begin with # are comments.

    Raises:
        DataFileError: If the file is missing or a line is not of this form.
    """
    wording = {}
    for line in _read(folder / f"{name}.txt").splitlines():
        if line.strip() and not line.startswith("#"):
            key, colon, text = line.partition(":")
            if not colon or not text.strip():
                raise DataFileError(f"{folder / name}.txt: expected lines 'key: text'; found {line!r}")
            wording[key.strip()] = text.strip()
    return wording


def hash_of(*texts: str) -> str:
    """A short hash that names these texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataFileError(f"{path}: expected a file of prompts; {error.strerror}") from None
