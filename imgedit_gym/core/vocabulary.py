"""The fixed, versioned vocabulary that turns plan steps into integer codes and back.

Codes are read from ``data/vocabulary.json``. A word keeps its code for ever: new words are appended to the spare
room of their table. A phrase outside the vocabulary hashes into the reserved codes at the end of its table, so that
any text has a code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from imgedit_gym.core.errors import DataFileError
from imgedit_gym.core.plan import NONE, VERBS, PlanStep

PATH = Path(__file__).parent / "data" / "vocabulary.json"
N_VERBS, N_TARGETS, N_VALUES = 12, 272, 528
RESERVED = 16
"""Codes at the end of the target and value tables that phrases outside the vocabulary hash into."""


@dataclass(frozen=True)
class Vocabulary:
    """Word tables for the three slots of a plan step.

    Attributes:
        version: Raised when a code changes its meaning.
        targets: Words of the target slot by code; code 0 is the empty word.
        values: Words of the value slot by code; code 0 is the empty word.
    """

    version: int
    targets: tuple[str, ...]
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check sizes and uniqueness, and build the reverse tables."""
        for name, words, size in (("targets", self.targets, N_TARGETS), ("values", self.values, N_VALUES)):
            if not words or words[0] != NONE:
                raise DataFileError(f"vocabulary: {name} must start with the empty word; found {words[:1]}")
            if len(words) > size - RESERVED:
                raise DataFileError(f"vocabulary: {name} has {len(words)} words; at most {size - RESERVED} fit")
            doubles = sorted({word for word in words if words.count(word) > 1})
            if doubles:
                raise DataFileError(f"vocabulary: {name} holds {doubles} twice; each word has one code")
        object.__setattr__(self, "_targets", {word: code for code, word in enumerate(self.targets)})
        object.__setattr__(self, "_values", {word: code for code, word in enumerate(self.values)})

    @property
    def nvec(self) -> tuple[int, int, int]:
        """Sizes of the three slots, reserved codes included: what ``MultiDiscrete`` takes."""
        return N_VERBS, N_TARGETS, N_VALUES

    def target_code(self, word: str) -> int:
        """Code of a target word, in ``[0, N_TARGETS)``."""
        return self._code(word, self._targets, N_TARGETS)  # type: ignore[attr-defined]

    def value_code(self, word: str) -> int:
        """Code of a value word, in ``[0, N_VALUES)``."""
        return self._code(word, self._values, N_VALUES)  # type: ignore[attr-defined]

    def encode(self, step: PlanStep) -> tuple[int, int, int]:
        """The three codes of a plan step."""
        return VERBS.index(step.verb), self.target_code(step.target), self.value_code(step.value)

    def decode(self, codes: Iterable[int]) -> PlanStep:
        """The plan step of three codes; reserved codes read as ``<target 3>``, ``<value 7>``."""
        verb, target, value = (int(code) for code in codes)
        return PlanStep(
            VERBS[verb] if verb < len(VERBS) else "edit",
            self._word(target, self.targets, N_TARGETS, "target"),
            self._word(value, self.values, N_VALUES, "value"),
        )

    @staticmethod
    def _code(word: str, table: dict[str, int], size: int) -> int:
        code = table.get(word)
        if code is not None:
            return code
        digest = hashlib.sha256(word.encode()).digest()
        return size - RESERVED + int.from_bytes(digest[:8], "little") % RESERVED

    @staticmethod
    def _word(code: int, words: tuple[str, ...], size: int, slot: str) -> str:
        if code < len(words):
            return words[code]
        return f"<{slot} {code - size + RESERVED}>"

    def extended(self, targets: Iterable[str], values: Iterable[str]) -> Vocabulary:
        """A vocabulary that also holds these words; known words keep their codes."""
        return Vocabulary(
            self.version,
            (*self.targets, *(word for word in dict.fromkeys(targets) if word not in self.targets)),
            (*self.values, *(word for word in dict.fromkeys(values) if word not in self.values)),
        )

    def to_json(self) -> str:
        """The text of the data file."""
        return json.dumps(
            {"version": self.version, "targets": self.targets, "values": self.values},
            indent=0,
            ensure_ascii=False,
        )


@lru_cache(maxsize=4)
def load_vocabulary(path: Path = PATH) -> Vocabulary:
    """Read a vocabulary file.

    Raises:
        DataFileError: If the file is missing or not in the expected form.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Vocabulary(data["version"], tuple(data["targets"]), tuple(data["values"]))
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise DataFileError(f"{path}: expected a vocabulary with version, targets and values; {error}") from None
