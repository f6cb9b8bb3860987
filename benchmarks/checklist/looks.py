"""Looks and painted texts, made without the editing tools that the judge is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

Float3 = tuple[float, float, float]

LUMA: Float3 = (0.299, 0.587, 0.114)
SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
"""The widespread sepia matrix, row by row for red, green and blue."""


def quantised(pictures: torch.Tensor) -> torch.Tensor:
    """Whole levels of 0 to 255, ``uint8``."""
    return pictures.round().clamp(0, 255).to(torch.uint8)


def saturated(pictures: torch.Tensor, share: float) -> torch.Tensor:
    """Colours drawn towards their grey (share below 1) or away from it."""
    grey = (pictures * torch.tensor(LUMA)).sum(-1, keepdim=True)
    return grey + share * (pictures - grey)


def graded(pictures: torch.Tensor, gain: Sequence[float], offset: float = 0.0) -> torch.Tensor:
    """A gain for each channel, and an offset in levels."""
    return pictures * torch.tensor(gain) + offset


def sepia(pictures: torch.Tensor, share: float) -> torch.Tensor:
    """A share of the way to sepia."""
    return pictures + share * (pictures @ torch.tensor(SEPIA).T - pictures)


def blurred(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    """A Gaussian blur; sigma in pixels."""
    reach = max(1, round(3 * sigma))
    ticks = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (ticks / sigma) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    planes = F.pad(pictures.permute(0, 3, 1, 2), (reach,) * 4, mode="reflect")
    planes = F.conv2d(F.conv2d(planes, weights, groups=3), weights.transpose(2, 3), groups=3)
    return planes.permute(0, 2, 3, 1)


def give_tone(pictures: torch.Tensor, tone: str, strength: float = 1.0) -> torch.Tensor:
    """A look, made independently of the editing tools.

    Args:
        pictures: ``uint8 [n, S, S, 3]``.
        tone: One of :data:`imgedit_gym.core.names.TONES`.
        strength: 1 is clearly visible.

    Returns:
        ``uint8 [n, S, S, 3]``.
    """
    x, s = pictures.float(), strength
    pixel = pictures.shape[1] / 128
    looks: dict[str, Callable[[], torch.Tensor]] = {
        "brighter": lambda: graded(x, (1 + 0.22 * s,) * 3, 14 * s),
        "darker": lambda: graded(x, (1 - 0.34 * s,) * 3),
        "warmer": lambda: graded(x, (1 + 0.14 * s, 1.0, 1 - 0.22 * s)),
        "cooler": lambda: graded(x, (1 - 0.2 * s, 1.0, 1 + 0.15 * s)),
        "vivid": lambda: saturated(x, 1 + 0.6 * s),
        "muted": lambda: saturated(x, 1 - 0.5 * s),
        "monochrome": lambda: saturated(x, 0.0),
        "vintage": lambda: sepia(x, 0.85 * s),
        "contrasty": lambda: graded(x, (1 + 0.5 * s,) * 3, -59 * s),
        "soft": lambda: blurred(x, 1.5 * s * pixel),
        "crisp": lambda: x + 1.2 * s * (x - blurred(x, pixel)),
    }
    return quantised(looks[tone]())


CLEARLY_NOT: dict[str, tuple[str, ...]] = {
    "brighter": ("darker", "cooler", "muted", "soft"),
    "darker": ("brighter", "warmer", "muted", "crisp"),
    "warmer": ("cooler", "brighter", "darker", "muted", "soft"),
    "cooler": ("warmer", "brighter", "darker", "soft"),
    "vivid": ("muted", "monochrome", "brighter", "darker", "soft"),
    "muted": ("vivid", "monochrome", "brighter", "darker", "crisp"),
    "monochrome": ("muted", "vivid", "darker", "soft"),
    "vintage": ("cooler", "vivid", "monochrome", "brighter", "warmer", "muted"),
    "contrasty": ("soft", "muted", "brighter", "darker"),
    "soft": ("crisp", "brighter", "darker", "muted"),
    "crisp": ("soft", "brighter", "darker", "vivid"),
}
"""Looks that nobody would take for the one asked for; those that some would are left out."""

VISIBLE = 4.0
"""Mean change in levels of 255 below which a change of colour is not clearly visible."""


PLACES = {"top": 0.12, "middle": 0.5, "bottom": 0.88}
"""Where texts are painted: middle of the text as a share of the picture's height."""


def written_over(
    picture: np.ndarray, text: str, place: str = "middle", ink: str = "black", outline: str = "white"
) -> np.ndarray:
    """The picture with a text in large letters over it.

    Args:
        picture: ``uint8 [S, S, 3]``.
        text: Any; lines are broken where it is too wide.
        place: One of :data:`PLACES`.
        ink: Colour of the letters, as Pillow names it.
        outline: Colour around them.
    """
    size = picture.shape[0]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(9, size // 11))
    lines, line = [], ""
    for word in text.split():
        if line and draw.textlength(f"{line} {word}", font=font) > 0.92 * size:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    words = "\n".join([*lines, line])
    edge = max(1, size // 90)
    centre = (size / 2, size * PLACES[place])
    draw.multiline_text(centre, words, ink, font, "mm", align="center", stroke_width=edge, stroke_fill=outline)
    return np.asarray(image)
