"""Closed lists of words that data files, plan steps and the renderer share."""

from __future__ import annotations

COLORS: tuple[str, ...] = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "white",
    "gray",
    "black",
)
"""Colours of backgrounds."""

OBJECT_COLORS: tuple[str, ...] = COLORS[:7]
"""Colours an object can be given: the saturated ones."""

TONES: tuple[str, ...] = (
    "brighter",
    "darker",
    "warmer",
    "cooler",
    "vivid",
    "muted",
    "monochrome",
    "vintage",
    "contrasty",
    "soft",
    "crisp",
)
"""Looks that a whole picture can be given."""

PATTERNS: tuple[str, ...] = (
    "plain",
    "gradient",
    "diagonal",
    "spotlight",
    "stripes",
    "dots",
    "checks",
    "paper",
)
"""Background kinds made of one or two colours."""

SCENERY: tuple[str, ...] = (
    "beach",
    "snowfield",
    "meadow",
    "city",
    "night city",
    "night sky",
    "forest",
    "desert",
    "mountains",
    "farm",
    "autumn park",
    "stage",
    "kitchen",
    "haunted hill",
    "underwater",
)
"""Background kinds that show a place."""

BACKGROUNDS: tuple[str, ...] = PATTERNS + SCENERY
"""Every background kind."""

COLOR_RGB: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (244, 128, 32),
    "yellow": (250, 208, 44),
    "green": (62, 160, 72),
    "blue": (50, 104, 205),
    "purple": (132, 70, 180),
    "pink": (244, 130, 176),
    "brown": (126, 82, 46),
    "white": (246, 246, 246),
    "gray": (140, 140, 144),
    "black": (24, 24, 28),
}
"""Red, green and blue in [0, 255] of each named colour."""
