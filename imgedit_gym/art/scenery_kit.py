"""The drawing kit of the sceneries: a supersampled canvas in unit coordinates, and props drawn on it.

All positions and lengths are fractions of the picture's side with y pointing down, so that one drawing
serves every image size.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]
Rgb = tuple[int, int, int]
Curve = Callable[[float], float]


@dataclass(frozen=True)
class Shift:
    """A palette shift applied to every ink: hue in turns, saturation and lightness as factors."""

    hue: float = 0.0
    saturation: float = 1.0
    lightness: float = 1.0


@cache
def _mix_ink(color: str, shift: Shift) -> Rgb:
    """Turns "#rrggbb" into a shifted RGB triple."""
    red, green, blue = (int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    rgb = colorsys.hls_to_rgb(
        (hue + shift.hue) % 1.0,
        min(1.0, lightness * shift.lightness),
        min(1.0, saturation * shift.saturation),
    )
    return (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))


@cache
def _glow_mask() -> Image.Image:
    """Returns a 128 px radial falloff, white in the middle."""
    t = (np.arange(128) + 0.5) / 64.0 - 1.0
    fall = np.clip(1.0 - np.hypot(t[None, :], t[:, None]), 0.0, 1.0)
    return Image.fromarray((255.0 * fall * fall * (3.0 - 2.0 * fall)).astype(np.uint8))


class Canvas:
    """A square picture drawn larger than wanted and downsampled at the end."""

    def __init__(self, size: int, shift: Shift) -> None:
        """Opens a canvas for a picture of `size` pixels whose inks all undergo `shift`."""
        self.size = size
        self.side = size * (2 if size > 256 else max(3, -(-512 // size)))
        self.shift = shift
        self.image = Image.new("RGB", (self.side, self.side))
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def finish(self, flip: bool) -> np.ndarray:
        """Downsamples the canvas to uint8 [size, size, 3], mirrored left to right if `flip`."""
        small = self.image.resize((self.size, self.size), Image.Resampling.LANCZOS)
        pixels = np.asarray(small)
        return np.ascontiguousarray(pixels[:, ::-1] if flip else pixels)

    def ink(self, color: str) -> Rgb:
        """Returns a "#rrggbb" colour under the canvas's palette shift."""
        return _mix_ink(color, self.shift)

    def poly(self, points: Sequence[Point], color: str, alpha: float = 1.0) -> None:
        """Fills a polygon."""
        self._draw.polygon(self._pixels(points), fill=(*self.ink(color), round(255 * alpha)))

    def rect(self, left: float, top: float, right: float, bottom: float, color: str, alpha: float = 1.0) -> None:
        """Fills an axis-parallel box."""
        self.poly([(left, top), (right, top), (right, bottom), (left, bottom)], color, alpha)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: str, alpha: float = 1.0) -> None:
        """Fills an ellipse around (x, y)."""
        (left, top), (right, bottom) = self._pixels([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.ellipse((left, top, right, bottom), fill=(*self.ink(color), round(255 * alpha)))

    def disc(self, x: float, y: float, radius: float, color: str, alpha: float = 1.0) -> None:
        """Fills a circle around (x, y)."""
        self.ellipse(x, y, radius, radius, color, alpha)

    def shade(self, points: Sequence[Point], stops: Sequence[tuple[float, str]]) -> None:
        """Fills a polygon with a vertical gradient.

        Args:
            points: The polygon.
            stops: Pairs (y, colour) with rising y.
        """
        mask, left, top = self._stencil(points)
        column = self._column(stops, top, top + mask.height)
        self.image.paste(column.resize(mask.size), (left, top), mask)

    def beam(self, points: Sequence[Point], color: str, start: float, end: float) -> None:
        """Fills a polygon with a light whose opacity runs from `start` at its top to `end` at its foot."""
        mask, left, top = self._stencil(points)
        opacity = np.rint(255.0 * np.linspace(start, end, mask.height)).astype(np.uint8)
        fall = Image.fromarray(opacity[:, None]).resize(mask.size)
        box = (left, top, left + mask.width, top + mask.height)
        self.image.paste(self.ink(color), box, ImageChops.multiply(mask, fall))

    def sky(self, stops: Sequence[tuple[float, str]]) -> None:
        """Fills the whole picture with a vertical gradient."""
        self.image.paste(self._column(stops, 0, self.side).resize(self.image.size))

    def glow(self, x: float, y: float, radius: float, color: str, alpha: float, squash: float = 1.0) -> None:
        """Lays a soft round light over the picture; `squash` scales its height."""
        width, height = round(2 * radius * self.side), round(2 * radius * squash * self.side)
        mask = _glow_mask().resize((width, height), Image.Resampling.BILINEAR).point(lambda level: level * alpha)
        corner = (round(x * self.side - width / 2), round(y * self.side - height / 2))
        self.image.paste(self.ink(color), (*corner, corner[0] + width, corner[1] + height), mask)

    def stroke(self, points: Sequence[Point], start: float, end: float, color: str, alpha: float = 1.0) -> None:
        """Draws a line through `points` whose width runs from `start` to `end`."""
        path = np.asarray(points, dtype=float)
        along = np.gradient(path, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        offset = normal * np.linspace(start, end, len(path))[:, None] / 2.0
        outline = np.concatenate([path + offset, (path - offset)[::-1]])
        self.poly([(float(x), float(y)) for x, y in outline], color, alpha)

    def below(
        self,
        curve: Curve,
        color: str,
        fade: str | None = None,
        bottom: float = 1.0,
        fade_at: float | None = None,
    ) -> None:
        """Fills everything from a curve down to `bottom`.

        Args:
            curve: Height of the upper edge at every x in [0, 1].
            color: The fill, or its upper end when `fade` is given.
            fade: Colour at the bottom of the fill.
            bottom: Lower edge.
            fade_at: The y at which `fade` is reached, `bottom` when None.
        """
        xs = np.linspace(-0.01, 1.01, 61)
        edge = [(float(x), float(curve(float(x)))) for x in xs]
        outline = [*edge, (1.01, bottom + 0.01), (-0.01, bottom + 0.01)]
        if fade is None:
            self.poly(outline, color)
        else:
            top = min(y for _, y in edge)
            self.shade(outline, [(top, color), (bottom if fade_at is None else fade_at, fade)])

    def _stencil(self, points: Sequence[Point]) -> tuple[Image.Image, int, int]:
        """Draws a polygon as a mask no larger than needed; returns it with its left and top."""
        xs, ys = zip(*self._pixels(points), strict=True)
        left, top = (min(self.side - 1, max(0, int(min(values)))) for values in (xs, ys))
        right, bottom = (min(self.side, max(1, int(max(values)) + 2)) for values in (xs, ys))
        mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in zip(xs, ys, strict=True)], fill=255)
        return mask, left, top

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        """Maps unit coordinates to Pillow's, in which a pixel's centre has whole coordinates."""
        return [(x * self.side - 0.5, y * self.side - 0.5) for x, y in points]

    def _column(self, stops: Sequence[tuple[float, str]], top: int, bottom: int) -> Image.Image:
        """Draws rows top..bottom of a vertical gradient as a one pixel wide image."""
        rows = (np.arange(top, bottom) + 0.5) / self.side
        inks = np.array([self.ink(color) for _, color in stops], dtype=float)
        levels = [np.interp(rows, [y for y, _ in stops], inks[:, channel]) for channel in range(3)]
        return Image.fromarray(np.rint(np.stack(levels, axis=1)[:, None, :]).astype(np.uint8))


def rolling(rng: np.random.Generator, base: float, height: float, waves: float = 1.0) -> Curve:
    """Returns the outline of gentle hills around y = `base`, `height` from trough to crest."""
    phases = rng.uniform(0.0, 2.0 * np.pi, 3)
    tempo = waves * rng.uniform(0.85, 1.15, 3)

    def curve(x: float) -> float:
        swell = np.sin(2.0 * np.pi * tempo[0] * x + phases[0])
        swell += 0.45 * np.sin(4.4 * np.pi * tempo[1] * x + phases[1])
        swell += 0.12 * np.sin(9.4 * np.pi * tempo[2] * x + phases[2])
        return base + height * float(swell) / 3.0

    return curve


def crested(
    canvas: Canvas, curve: Curve, rim: str, color: str, fade: str, fade_at: float = 1.0, thick: float = 0.009
) -> None:
    """Fills a hill with a gradient under a rim of light that swells up to the given thickness."""
    phase = 40.0 * curve(0.0)

    def inner(x: float) -> float:
        return curve(x) + thick * (0.3 + 0.7 * float(np.sin(4.0 * x + phase)) ** 2)

    canvas.below(curve, rim)
    canvas.below(inner, color, fade, fade_at=fade_at)


def cloud(canvas: Canvas, x: float, y: float, width: float, color: str, under: str) -> None:
    """Draws a flat-bottomed cloud whose middle stands at (x, y), with a shaded underside."""
    puffs = ((-0.36, 0.0, 0.15), (-0.13, -0.09, 0.2), (0.12, -0.13, 0.23), (0.36, -0.01, 0.16))
    for ink, lift, grow in ((under, 0.0, 1.0), (color, -0.035, 0.93)):
        for dx, dy, radius in puffs:
            canvas.disc(x + dx * width, y + (dy + lift) * width, radius * grow * width, ink)
        base = 0.15 * grow
        canvas.rect(x - 0.36 * width, y + (lift - 0.02) * width, x + 0.36 * width, y + (lift + base) * width, ink)


def sun(canvas: Canvas, x: float, y: float, radius: float, color: str, halo: str) -> None:
    """Draws a sun with two flat rings and a soft halo."""
    canvas.glow(x, y, 5.5 * radius, halo, 0.75)
    canvas.disc(x, y, 1.75 * radius, halo, 0.28)
    canvas.disc(x, y, 1.36 * radius, halo, 0.38)
    canvas.disc(x, y, radius, color)


def moon(canvas: Canvas, x: float, y: float, radius: float, color: str, crater: str) -> None:
    """Draws a full moon with craters and a soft halo."""
    canvas.glow(x, y, 4.0 * radius, color, 0.4)
    canvas.disc(x, y, radius, color)
    for dx, dy, size in ((-0.35, -0.25, 0.24), (0.32, 0.12, 0.3), (-0.2, 0.45, 0.17), (0.2, -0.52, 0.13)):
        canvas.disc(x + dx * radius, y + dy * radius, size * radius, crater)


def stars(canvas: Canvas, rng: np.random.Generator, count: int, bottom: float, color: str) -> None:
    """Scatters stars of mixed sizes from the top down to `bottom`."""
    for x, y, size in rng.uniform(size=(count, 3)):
        canvas.disc(x, y * bottom, 0.0018 + 0.0042 * size**3, color, 0.45 + 0.55 * size)


def sparkle(canvas: Canvas, x: float, y: float, radius: float, color: str) -> None:
    """Draws a four-pointed star."""
    waist = 0.16 * radius
    tips = [(0, -radius), (waist, -waist), (radius, 0), (waist, waist)]
    tips += [(-dx, -dy) for dx, dy in tips]
    canvas.poly([(x + dx, y + dy) for dx, dy in tips], color)


def pine(canvas: Canvas, x: float, foot: float, height: float, color: str, snow: str | None = None) -> None:
    """Draws a conifer of three tiers, with snow on the tiers when a colour is given."""
    canvas.rect(x - 0.035 * height, foot - 0.2 * height, x + 0.035 * height, foot, color)
    for low, high, half in ((0.12, 0.55, 0.27), (0.36, 0.78, 0.21), (0.6, 1.0, 0.15)):
        top, base = foot - high * height, foot - low * height
        canvas.poly([(x, top), (x + half * height, base), (x - half * height, base)], color)
        if snow:
            cut, side = 0.6 * (base - top), 0.6 * half * height
            teeth = (
                (1.0, 1.0),
                (0.55, 0.72),
                (0.2, 1.15),
                (-0.15, 0.75),
                (-0.5, 1.1),
                (-0.7, 0.8),
                (-1.0, 1.0),
            )
            canvas.poly([(x, top), *((x + side * dx, top + cut * dy) for dx, dy in teeth)], snow)


def round_tree(canvas: Canvas, x: float, foot: float, height: float, crown: str, lit: str, trunk: str) -> None:
    """Draws a broad-leaved tree with a puffy crown lit from the upper left."""
    canvas.stroke([(x, foot), (x, foot - 0.5 * height)], 0.1 * height, 0.06 * height, trunk)
    puffs = (
        (-0.2, 0.5, 0.2),
        (0.2, 0.5, 0.2),
        (0.0, 0.55, 0.24),
        (-0.13, 0.7, 0.21),
        (0.14, 0.7, 0.2),
        (0.0, 0.8, 0.2),
    )
    for dx, up, radius in puffs:
        canvas.disc(x + dx * height, foot - up * height, radius * height, crown)
    for dx, up, radius in ((-0.15, 0.7, 0.14), (0.0, 0.83, 0.12), (-0.2, 0.53, 0.1), (0.09, 0.62, 0.1)):
        canvas.disc(x + dx * height, foot - up * height, radius * height, lit)


def bare_tree(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    y: float,
    length: float,
    color: str,
    angle: float = 0.0,
) -> None:
    """Draws a leafless tree growing from (x, y) by recursion; `angle` leans it to the right (radians)."""
    tip = (x + length * np.sin(angle), y - length * np.cos(angle))
    canvas.stroke([(x, y), tip], 0.2 * length, 0.13 * length, color)
    if length < 0.018:
        return
    for side in (-1.0, 1.0):
        turn = side * rng.uniform(0.3, 0.65)
        bare_tree(canvas, rng, tip[0], tip[1], length * rng.uniform(0.62, 0.76), color, 0.8 * angle + turn)


def tuft(canvas: Canvas, x: float, foot: float, height: float, color: str) -> None:
    """Draws three blades of grass."""
    for lean in (-0.5, 0.05, 0.55):
        base = 0.13 * height
        canvas.poly([(x - base, foot), (x + lean * height, foot - height), (x + base, foot)], color)


def streak(canvas: Canvas, x: float, y: float, width: float, thick: float, color: str, alpha: float = 1.0) -> None:
    """Draws a horizontal lens: a glint on water, a fold in snow or sand."""
    t = np.linspace(0.0, np.pi, 9)
    upper = [(x - width / 2 * np.cos(a), y - thick / 2 * np.sin(a)) for a in t]
    lower = [(x + width / 2 * np.cos(a), y + thick / 2 * np.sin(a)) for a in t]
    canvas.poly([*upper, *lower], color, alpha)


def skyline(
    canvas: Canvas,
    rng: np.random.Generator,
    foot: float,
    heights: tuple[float, float],
    widths: tuple[float, float],
    color: str,
    side: str,
    window: str | None = None,
    lit: float = 1.0,
) -> None:
    """Draws a row of houses from edge to edge.

    Args:
        canvas: Where to draw.
        rng: Source of widths, heights, roofs and lit windows.
        foot: The y on which the houses stand.
        heights: Lowest and highest house.
        widths: Narrowest and widest house.
        color: Front of the houses.
        side: Shaded strip along one side.
        window: Colour of the windows, none when None.
        lit: Share of windows drawn.
    """
    x = -rng.uniform(0.0, widths[0])
    while x < 1.0:
        width, height = rng.uniform(*widths), rng.uniform(*heights)
        top = foot - height
        canvas.rect(x, top, x + width, foot, color)
        canvas.rect(x + 0.8 * width, top, x + width, foot, side)
        _roof(canvas, int(rng.integers(4)), x, top, width, color)
        if window:
            _windows(canvas, rng, (x + 0.08 * width, top, x + 0.76 * width, foot), window, lit)
        x += width + rng.uniform(-0.002, 0.02)


def _roof(canvas: Canvas, style: int, x: float, top: float, width: float, color: str) -> None:
    """Puts a mast, a step or a gable on a house; style 0 stays flat."""
    if style == 1:
        canvas.rect(x + 0.46 * width, top - 0.055, x + 0.54 * width, top + 0.01, color)
    elif style == 2:
        canvas.rect(x + 0.2 * width, top - 0.022, x + 0.8 * width, top + 0.01, color)
    elif style == 3:
        canvas.poly([(x, top + 0.002), (x + 0.5 * width, top - 0.035), (x + width, top + 0.002)], color)


def _windows(
    canvas: Canvas, rng: np.random.Generator, box: tuple[float, float, float, float], color: str, lit: float
) -> None:
    """Fills a house front with a grid of windows, `lit` of which are drawn."""
    left, top, right, foot = box
    columns = max(2, round((right - left) / 0.036))
    pitch = (right - left) / columns
    for row in range(int((foot - top - 0.03) / 0.045)):
        for column in range(columns):
            if rng.uniform() < lit:
                x, y = left + (column + 0.22) * pitch, top + 0.022 + 0.045 * row
                canvas.rect(x, y, x + 0.56 * pitch, y + 0.024, color)


def frond(canvas: Canvas, root: Point, angle: float, length: float, droop: float, color: str) -> None:
    """Draws a palm leaf that leaves `root` at `angle` (radians, y down) and droops towards its tip."""
    t = np.linspace(0.0, 1.0, 13)
    x = root[0] + length * t * np.cos(angle)
    y = root[1] + length * t * np.sin(angle) + droop * t * t * (1.0 + np.abs(np.cos(angle)))
    along = np.stack([np.gradient(x), np.gradient(y)], axis=1)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    width = 0.13 * length * np.sin(np.pi * (0.06 + 0.94 * t))[:, None]
    middle = np.stack([x, y], axis=1)
    outline = np.concatenate([middle + width * normal, (middle - 0.7 * width * normal)[::-1]])
    canvas.poly([(float(px), float(py)) for px, py in outline], color)
