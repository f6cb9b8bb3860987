"""The backgrounds of the world: two-colour patterns and illustrated sceneries.

Both are drawn once per process at a given image size; `pattern` yields a mixing field between two palette
colours and `scenery` a finished picture.
"""

from __future__ import annotations

from imgedit_gym.art.patterns import VARIANTS, pattern, pattern_period, register_pattern
from imgedit_gym.art.scenery import LIGHT, register_scenery, scenery

__all__ = [
    "LIGHT",
    "VARIANTS",
    "pattern",
    "pattern_period",
    "register_pattern",
    "register_scenery",
    "scenery",
]
