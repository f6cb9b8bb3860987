"""Words of retouching: what a plan step asks of a photograph, and how much each degree of it is.

A step is ``adjust the picture to much brighter``, or ``adjust the upper left to brighter``. The same numbers tell how
far the faults of the photo world go and how far the retouching tools go back.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgedit_gym.core.plan import NONE, PICTURE
from imgedit_gym.core.vocabulary import Vocabulary

ASPECTS: tuple[str, ...] = ("noise", "blur", "haze", "shadow", "exposure", "cast", "contrast", "fading")
"""What can be wrong with a photograph, in the order in which it goes wrong: undone from the last to the first."""

WORDS: dict[str, tuple[str, int]] = {
    "cleaner": ("noise", 0),
    "crisper": ("blur", 0),
    "clearer": ("haze", 0),
    "brighter": ("exposure", 0),
    "darker": ("exposure", 1),
    "cooler": ("cast", 0),
    "warmer": ("cast", 1),
    "pinker": ("cast", 2),
    "greener": ("cast", 3),
    "bolder": ("contrast", 0),
    "richer": ("fading", 0),
}
"""Aspect and direction of each word. ``brighter`` of a place, rather than of the picture, is about a shadow."""

DEGREES: tuple[str, ...] = ("slightly ", NONE, "much ")
MEDIUM = 1
"""The degree of a word that stands alone."""

PLACES: tuple[str, ...] = (
    "upper left",
    "top",
    "upper right",
    "left",
    "middle",
    "right",
    "lower left",
    "bottom",
    "lower right",
)
"""Names of places, row by row."""

VALUES: tuple[str, ...] = tuple(degree + word for word in WORDS for degree in DEGREES)

VOCABULARY = Vocabulary(1, (NONE, PICTURE, *PLACES), (NONE, *VALUES))
"""Codes of retouching steps: a vocabulary of its own. A word keeps its code for ever; new ones are appended."""

GAIN = (0.68, 0.52, 0.40)
"""Light that is left of a dark picture or place, of 1."""

DARK_GAMMA, BRIGHT_GAMMA = (1.45, 1.95, 2.6), (0.72, 0.56, 0.44)
"""Exponents of too dark and too bright a picture."""

CAST_GAIN: tuple[tuple[tuple[float, float, float], ...], ...] = (
    ((1.0, 0.92, 0.78), (1.0, 0.86, 0.63), (1.0, 0.80, 0.50)),
    ((0.78, 0.93, 1.0), (0.63, 0.88, 1.0), (0.50, 0.82, 1.0)),
    ((0.82, 1.0, 0.82), (0.70, 1.0, 0.70), (0.58, 1.0, 0.58)),
    ((1.0, 0.80, 0.95), (1.0, 0.66, 0.92), (1.0, 0.54, 0.88)),
)
"""Colour of the light of too warm, too cool, too green and too pink a picture, by degree."""

CAST_VEIL: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.45, 0.0),
    (0.0, 0.35, 1.0),
    (0.0, 1.0, 0.1),
    (1.0, 0.0, 0.6),
)
VEIL = (0.16, 0.27, 0.38)
"""Colour and strength of a coloured veil, by direction and by degree: what it adds to black."""

LINEAR_CONTRAST = (0.70, 0.55, 0.42)
"""Contrast that is left about mid-grey."""

MIDTONE_CONTRAST = (0.45, 0.62, 0.76)
"""Contrast that the middle tones have lost, while black and white stay."""

AIRLIGHT = (0.86, 0.89, 0.93)
"""Colour of haze."""

EVEN_HAZE, DEEP_HAZE = (0.70, 0.56, 0.42), (0.50, 0.34, 0.20)
"""Light that comes through: everywhere, and at the top of the picture (all of it does at the bottom)."""

SATURATION = (0.58, 0.38, 0.20)
"""Colour that is left of faded colours."""

PAPER = (0.93, 0.88, 0.76)
PRINT_FADE, PRINT_SATURATION = (0.18, 0.28, 0.38), (0.80, 0.66, 0.52)
"""Share of a faded print that has become paper, and colour that is left of the rest."""

NOISE = (20.0, 30.0, 42.0)
"""Standard deviation of grain in levels of 255."""

SPECKS = (0.03, 0.07, 0.12)
"""Share of pixels that are black or white specks."""

BLUR = (0.7, 1.0, 1.35)
"""Standard deviation of soft focus in pixels of a picture of 128."""

STREAK = (0.8, 1.2, 1.7)
"""Standard deviation of a sideways motion of the camera in pixels of a picture of 128."""

SMALLEST_SCALE = 0.75
"""Blurs shrink with the picture, but no further: what is narrower than a pixel is no blur."""

FEATHER = 0.125
"""Width of a soft shadow's edge as a share of the picture."""


def blur_scale(size: int) -> float:
    """By how much blurs are wider in a picture of an edge than in one of 128 pixels."""
    return max(size / 128.0, SMALLEST_SCALE)


@dataclass(frozen=True)
class Wish:
    """What a value word asks for.

    Attributes:
        aspect: One of :data:`ASPECTS`.
        direction: Which way, for exposure and cast.
        degree: Index of :data:`DEGREES`.
    """

    aspect: str
    direction: int
    degree: int


def read_value(value: str) -> Wish | None:
    """What a value word such as ``much brighter`` asks for; ``None`` if it is none of retouching."""
    for degree, prefix in enumerate(DEGREES):
        word = value.removeprefix(prefix) if prefix else value
        if (not prefix or value.startswith(prefix)) and word in WORDS:
            return Wish(*WORDS[word], degree)
    return None


def value_of(aspect: str, direction: int, degree: int) -> str:
    """The value word for a wish: the inverse of :func:`read_value`."""
    asked = "exposure" if aspect == "shadow" else aspect
    for word, meant in WORDS.items():
        if meant == (asked, direction):
            return DEGREES[degree] + word
    raise KeyError((aspect, direction))
