"""How far a replay may be from what was submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.suites.digest import NEAR, PictureDigest, machine
from imgedit_gym.core.errors import ImgEditError


@dataclass(frozen=True)
class Tolerance:
    """Bounds of one episode and of all together.

    Attributes:
        name: ``exact`` or ``portable``.
        why: When it holds.
        levels: Most that a thumbnail's cell may differ, in levels of 255; ``None`` where pixels must be equal.
        score: Most that E, P, Q, score or a requirement may differ.
        mean: Most that the mean score over all tasks may differ.
        outliers: Share of the episodes that may be outside of ``levels`` or ``score``.
    """

    name: str
    why: str
    levels: float | None
    score: float
    mean: float
    outliers: float

    def same_picture(self, first: PictureDigest, second: PictureDigest) -> bool:
        """Whether two pictures count as the same."""
        if first.sha256 == second.sha256:
            return True
        return self.levels is not None and first.distance(second) <= self.levels


EXACT = Tolerance("exact", "the submission names this machine's kind and libraries", None, 2e-6, 2e-6, 0.0)
PORTABLE = Tolerance(
    "portable", "the submission names another processor or other drawing libraries", NEAR, 0.02, 0.002, 0.01
)
TOLERANCES = {one.name: one for one in (EXACT, PORTABLE)}


def choose(name: str, submitted: Mapping[str, str]) -> Tolerance:
    """A tolerance by name; ``auto`` is exact where the submission was made on a machine like this.

    Raises:
        ImgEditError: If there is none of that name.
    """
    if name == "auto":
        return EXACT if dict(submitted) == machine() else PORTABLE
    if name not in TOLERANCES:
        raise ImgEditError(f"--tolerance: expected auto, {' or '.join(TOLERANCES)}; found {name!r}")
    return TOLERANCES[name]
