"""Illustrated backdrops, each drawn by one registered function in layers from back to front."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from imgedit_gym.art.patterns import check_variant
from imgedit_gym.art.scenery_kit import (
    Canvas,
    Shift,
    bare_tree,
    cloud,
    crested,
    frond,
    moon,
    pine,
    rolling,
    round_tree,
    skyline,
    sparkle,
    stars,
    streak,
    sun,
    tuft,
)

Light = tuple[float, float, float]
SceneryFn = Callable[[Canvas, np.random.Generator], None]

DAY: Light = (1.0, 1.0, 1.0)
NIGHT: Light = (0.58, 0.64, 0.91)
DUSK: Light = (1.0, 0.77, 0.55)

LIGHT: dict[str, Light] = {}
"""Ambient light by which the colours of objects standing in a scenery are multiplied."""

_SCENERY: dict[str, SceneryFn] = {}

_SHIFTS = (
    Shift(),
    Shift(hue=0.014, saturation=0.94, lightness=1.02),
    Shift(hue=-0.014, saturation=1.05, lightness=0.98),
    Shift(hue=0.006, saturation=0.88, lightness=0.95),
)


def register_scenery(kind: str, light: Light = DAY) -> Callable[[SceneryFn], SceneryFn]:
    """Registers a function `(canvas, rng) -> None` as the drawing of a scenery.

    Args:
        kind: Name of the scenery.
        light: Its ambient light, kept in `LIGHT`.
    """

    def add(function: SceneryFn) -> SceneryFn:
        _SCENERY[kind] = function
        LIGHT[kind] = light
        return function

    return add


def scenery(kind: str, variant: int, size: int) -> np.ndarray:
    """Draws a scenery; the same kind and variant give the same picture at every size.

    Args:
        kind: One of `SCENERY`.
        variant: Which of the `VARIANTS` versions; odd ones are mirrored.
        size: Width and height in pixels, at least 16.

    Returns:
        Array uint8 [size, size, 3].

    Raises:
        ValueError: If the kind, variant or size is not a known one.
    """
    if kind not in _SCENERY:
        raise ValueError(f"unknown scenery {kind!r}, known: {', '.join(_SCENERY)}")
    check_variant(variant)
    if size < 16:
        raise ValueError(f"size must be at least 16, got {size}")
    canvas = Canvas(size, _SHIFTS[variant % len(_SHIFTS)])
    _SCENERY[kind](canvas, np.random.default_rng([zlib.crc32(kind.encode()), variant]))
    return canvas.finish(flip=variant % 2 == 1)


@register_scenery("beach")
def _beach(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.38, 0.45)
    shore = horizon + rng.uniform(0.2, 0.25)
    c.sky([(0.0, "#3fb2ef"), (horizon, "#d3f3ff")])
    sun(c, rng.uniform(0.62, 0.82), rng.uniform(0.12, 0.19), 0.06, "#fff3a0", "#fffbe0")
    for x, y, width in ((0.3, 0.16, 0.22), (0.55, 0.29, 0.15)):
        cloud(c, x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.03, 0.03), width, "#ffffff", "#d9f0fb")
    island = rolling(rng, horizon - 0.03, 0.04, 0.9)
    c.below(lambda x: island(x) + 0.05 * x - 0.01, "#7cc0b2", "#a5dbc9", horizon)
    c.shade(_band(horizon, shore + 0.08), [(horizon, "#1487c9"), (shore, "#4fd3d8")])
    for y in np.linspace(horizon + 0.025, shore - 0.03, 5):
        for x in rng.uniform(0.0, 1.0, 3):
            streak(c, x, y + rng.uniform(-0.008, 0.008), rng.uniform(0.1, 0.26), 0.008, "#c6f6f4", 0.55)
    wash = rolling(rng, shore, 0.03, 1.6)
    c.below(lambda x: wash(x) - 0.035, "#a4ebe6")
    c.below(lambda x: wash(x) - 0.014, "#ffffff")
    c.below(lambda x: wash(x) + 0.008, "#d8b272")
    c.below(lambda x: wash(x) + 0.045, "#f4d795", "#e9bd75")
    _sand_marks(c, rng, shore + 0.09)
    _palm(c, rng, -0.02, rng.uniform(0.7, 0.8))


def _band(top: float, bottom: float) -> list[tuple[float, float]]:
    """Returns a full-width strip as a polygon."""
    return [(-0.01, top), (1.01, top), (1.01, bottom), (-0.01, bottom)]


def _sand_marks(c: Canvas, rng: np.random.Generator, top: float) -> None:
    """Scatters ripples and pebbles over sand below `top`."""
    for x, t in rng.uniform(size=(9, 2)):
        y = top + 0.02 + (0.96 - top) * t
        streak(c, x, y, 0.1 + 0.14 * t, 0.011, "#d9a860", 0.45)
        streak(c, x + 0.01, y + 0.009, 0.09 + 0.13 * t, 0.007, "#fbe6b4", 0.7)
    for x, t in rng.uniform(size=(14, 2)):
        c.ellipse(x, top + (1.0 - top) * t, 0.0065, 0.004, "#c48f52", 0.6)


def _palm(c: Canvas, rng: np.random.Generator, x: float, foot: float) -> None:
    """Leans a palm into the picture from the left edge."""
    t = np.linspace(0.0, 1.0, 9)
    crown = (x + 0.13, foot - rng.uniform(0.47, 0.55))
    lean = [(x + (crown[0] - x) * s * s, foot + (crown[1] - foot) * s) for s in t]
    c.stroke(lean, 0.042, 0.022, "#8a5a34")
    c.stroke([(px - 0.006, py) for px, py in lean], 0.012, 0.007, "#a87446")
    for index, angle in enumerate(np.linspace(-3.3, 0.2, 7) + rng.uniform(-0.08, 0.08, 7)):
        frond(c, crown, angle, 0.2, 0.085, "#1f8a4c" if index % 2 else "#35a85a")


@register_scenery("snowfield")
def _snowfield(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.46, 0.54)
    c.sky([(0.0, "#9cc6ea"), (horizon, "#f3f8fd")])
    sun(c, rng.uniform(0.2, 0.75), rng.uniform(0.13, 0.2), 0.055, "#fffdf0", "#ffffff")
    c.below(rolling(rng, horizon - 0.1, 0.12, 1.3), "#b6cfe8", "#dbe8f5", horizon + 0.05)
    far = rolling(rng, horizon - 0.03, 0.05, 1.2)
    for x in np.linspace(0.01, 0.99, 17) + rng.uniform(-0.02, 0.02, 17):
        pine(c, x, far(x) + 0.02, rng.uniform(0.07, 0.12), "#86a9bf")
    crested(c, far, "#f6fafe", "#e6f0f9", "#c3d8ee", horizon + 0.12, 0.007)
    middle = rolling(rng, horizon + 0.09, 0.07, 0.8)
    for x in (rng.uniform(0.04, 0.1), rng.uniform(0.14, 0.2), rng.uniform(0.84, 0.95)):
        pine(c, x, middle(x) + 0.02, rng.uniform(0.2, 0.28), "#4f7f93", "#f4f9ff")
    crested(c, middle, "#ffffff", "#f1f7fd", "#c0d6ee", horizon + 0.32)
    crested(c, rolling(rng, horizon + 0.27, 0.07, 0.7), "#ffffff", "#f8fbff", "#d3e3f4")
    for x, t in rng.uniform(size=(7, 2)):
        streak(c, x, horizon + 0.32 + 0.17 * t, 0.2, 0.012, "#c9dcf0", 0.6)
    for x, y, size in rng.uniform(size=(46, 3)):
        c.disc(x, 0.9 * y, 0.0025 + 0.0055 * size, "#ffffff", 0.9)


@register_scenery("meadow")
def _meadow(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.45, 0.53)
    c.sky([(0.0, "#55b9f3"), (horizon, "#dcf5ff")])
    sun(c, rng.uniform(0.14, 0.3), rng.uniform(0.13, 0.2), 0.065, "#ffe45c", "#fff6c2")
    for x, y, width in ((0.5, 0.2, 0.2), (0.83, 0.12, 0.26), (0.72, 0.33, 0.15)):
        cloud(c, x + rng.uniform(-0.07, 0.07), y + rng.uniform(-0.03, 0.03), width, "#ffffff", "#d3edf9")
    c.below(rolling(rng, horizon - 0.05, 0.09, 0.9), "#a8dba2", "#c3e89f", horizon + 0.06)
    middle = rolling(rng, horizon + 0.03, 0.08, 0.8)
    for x in rng.uniform(0.0, 1.0, 9):
        c.ellipse(x, middle(x), rng.uniform(0.025, 0.05), rng.uniform(0.025, 0.04), "#5fae4b")
    crested(c, middle, "#b5e36f", "#9bd65e", "#62b043", horizon + 0.2)
    crested(c, rolling(rng, horizon + 0.12, 0.08, 0.7), "#a2dc5f", "#86cd50", "#4ea23a", horizon + 0.32, 0.01)
    near = rolling(rng, horizon + 0.26, 0.07, 0.8)
    crested(c, near, "#92d556", "#74c548", "#3a9433", 1.0, 0.011)
    _flowers(c, rng, near)


def _flowers(c: Canvas, rng: np.random.Generator, edge: Callable[[float], float]) -> None:
    """Scatters grass and small flowers below a hill's edge."""
    for x, t in rng.uniform(size=(16, 2)):
        tuft(c, x, edge(x) + 0.02 + (1.0 - edge(x)) * t, 0.018 + 0.016 * t, "#358a30")
    petals = ("#ffffff", "#ffe159", "#ff9ec4")
    for index, (x, t) in enumerate(rng.uniform(size=(24, 2))):
        c.disc(x, edge(x) + 0.015 + (0.97 - edge(x)) * t, 0.005 + 0.004 * t, petals[index % 3], 0.95)


@register_scenery("city")
def _city(c: Canvas, rng: np.random.Generator) -> None:
    street = rng.uniform(0.68, 0.72)
    c.sky([(0.0, "#86c5ee"), (0.6, "#fdebd8")])
    sun(c, rng.uniform(0.7, 0.85), rng.uniform(0.13, 0.18), 0.055, "#fff6d2", "#fffaf0")
    cloud(c, rng.uniform(0.15, 0.3), rng.uniform(0.12, 0.18), 0.24, "#ffffff", "#e3eef6")
    cloud(c, rng.uniform(0.45, 0.6), rng.uniform(0.2, 0.26), 0.16, "#ffffff", "#e3eef6")
    skyline(c, rng, street, (0.24, 0.44), (0.06, 0.12), "#c5d2e0", "#bccbdb")
    skyline(c, rng, street, (0.14, 0.34), (0.09, 0.15), "#a3b5cb", "#95a9c2", "#bccadb")
    skyline(c, rng, street, (0.08, 0.2), (0.12, 0.18), "#c99b86", "#b98a77", "#ecd2bd")
    for x in np.linspace(0.03, 0.97, 8) + rng.uniform(-0.03, 0.03, 8):
        round_tree(c, x, street + 0.005, rng.uniform(0.09, 0.12), "#6da37a", "#85b68c", "#7c6657")
    _street(c, street, "#d9d6d3", "#b9b6b5", "#7b8088", "#6a6f78", "#f6f2e4")


def _street(c: Canvas, top: float, walk: str, curb: str, road: str, near: str, paint: str) -> None:
    """Fills the foreground with pavement and a road with a dashed line."""
    c.shade(_band(top, top + 0.09), [(top, walk), (top + 0.08, walk)])
    c.shade(_band(top + 0.08, top + 0.1), [(top + 0.08, curb), (top + 0.1, curb)])
    c.shade(_band(top + 0.1, 1.01), [(top + 0.1, road), (1.0, near)])
    middle = (top + 1.1) / 2.0
    for x in np.arange(-0.05, 1.1, 0.22):
        c.poly(
            [(x + 0.02, middle), (x + 0.12, middle), (x + 0.115, middle + 0.016), (x + 0.01, middle + 0.016)],
            paint,
        )


@register_scenery("night city", NIGHT)
def _night_city(c: Canvas, rng: np.random.Generator) -> None:
    street = rng.uniform(0.7, 0.74)
    c.sky([(0.0, "#0c1138"), (0.4, "#33266c"), (0.7, "#8a4590")])
    stars(c, rng, 45, 0.4, "#dfe3ff")
    moon(c, rng.uniform(0.15, 0.35), rng.uniform(0.13, 0.2), 0.06, "#fff3cf", "#ecdcae")
    skyline(c, rng, street, (0.3, 0.48), (0.06, 0.12), "#4a3677", "#443170")
    skyline(c, rng, street, (0.2, 0.38), (0.08, 0.14), "#2c2558", "#272050", "#e0a94f", 0.35)
    skyline(c, rng, street, (0.08, 0.26), (0.1, 0.17), "#20204e", "#191942", "#ffd166", 0.55)
    _street(c, street, "#34305c", "#4a4576", "#2a2850", "#1d1d3e", "#8d86b8")
    for x in np.linspace(0.12, 0.88, 4) + rng.uniform(-0.03, 0.03):
        c.glow(x, street + 0.05, 0.12, "#ffcf7a", 0.5, 0.35)
        c.rect(x - 0.003, street - 0.13, x + 0.003, street + 0.05, "#0b0b22")
        c.glow(x, street - 0.13, 0.06, "#ffdf9a", 0.8)
        c.disc(x, street - 0.13, 0.011, "#fff1c4")


@register_scenery("night sky", NIGHT)
def _night_sky(c: Canvas, rng: np.random.Generator) -> None:
    ground = rng.uniform(0.84, 0.88)
    c.sky([(0.0, "#050b33"), (0.5, "#143074"), (ground, "#3f7bb8")])
    slope = rng.uniform(-0.6, -0.3)
    for t in np.linspace(-0.1, 1.1, 9):
        c.glow(
            t,
            0.5 + slope * (t - 0.5) + rng.uniform(-0.03, 0.03),
            rng.uniform(0.16, 0.24),
            "#6f7fd8",
            0.3,
            0.75,
        )
    stars(c, rng, 130, 0.8, "#ffffff")
    for x, y, size in rng.uniform(size=(7, 3)):
        sparkle(c, x, 0.05 + 0.6 * y, 0.014 + 0.016 * size, "#fff8d8")
    x, y = rng.uniform(0.7, 0.82), rng.uniform(0.16, 0.26)
    c.glow(x, y, 0.3, "#a9c4ff", 0.45)
    _crescent(c, x, y, 0.085, "#fff2b8")
    c.below(rolling(rng, ground - 0.03, 0.06, 0.9), "#1d4a86", "#163a72")
    c.below(rolling(rng, ground + 0.05, 0.06, 0.8), "#0f2558", "#0b1b48")


def _crescent(c: Canvas, x: float, y: float, radius: float, color: str) -> None:
    """Draws a crescent moon as one outline: an outer arc and a flatter inner one."""
    outer = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(-2.2, 2.2, 40) + 2.6]
    ends = (outer[-1], outer[0])
    middle = ((ends[0][0] + ends[1][0]) / 2.0, (ends[0][1] + ends[1][1]) / 2.0)
    inner = 0.62 * radius
    axis = 2.6
    bow = [
        (middle[0] + 0.95 * inner * np.cos(a) * 1.3, middle[1] + 0.95 * inner * np.sin(a) * 1.3)
        for a in np.linspace(axis + 1.57, axis - 1.57, 30)
    ]
    c.poly([*outer, *bow], color)


@register_scenery("forest")
def _forest(c: Canvas, rng: np.random.Generator) -> None:
    floor = rng.uniform(0.66, 0.72)
    light = rng.uniform(0.35, 0.6)
    c.sky([(0.0, "#8fcf9a"), (0.5, "#d8f0bd"), (floor, "#b9dfa0")])
    c.glow(light, 0.35, 0.5, "#fdffe2", 0.9)
    _trunks(c, rng, 11, 0.022, floor - 0.06, "#98ca98", "#8bc090")
    _trunks(c, rng, 8, 0.042, floor - 0.03, "#66a574", "#589669")
    for angle in np.linspace(-0.34, 0.26, 4) + rng.uniform(-0.05, 0.05, 4):
        foot = light + 1.3 * angle
        c.beam(
            [(light - 0.02, -0.02), (light + 0.05, -0.02), (foot + 0.15, floor), (foot, floor)],
            "#fdffe0",
            0.55,
            0.05,
        )
    _trunks(c, rng, 5, 0.07, floor + 0.02, "#3f7a54", "#326648")
    crested(c, rolling(rng, floor + 0.03, 0.03, 1.1), "#6aa653", "#4c8a4a", "#21502e", thick=0.012)
    _canopy(c, rng)
    for x, t in rng.uniform(size=(26, 2)):
        tuft(c, x, floor + 0.07 + (0.95 - floor) * t, 0.02 + 0.03 * t, "#1d4a2b")


def _trunks(c: Canvas, rng: np.random.Generator, count: int, width: float, foot: float, ink: str, dark: str) -> None:
    """Plants a row of straight trunks, shaded on the right, on uneven ground of the same colour."""
    for x in np.linspace(0.03, 0.97, count) + rng.uniform(-0.35, 0.35, count) / count:
        c.stroke([(x, -0.01), (x, foot)], 0.8 * width, 1.2 * width, ink)
        flare = [(x - 0.58 * width, foot - 1.6 * width), (x + 0.58 * width, foot - 1.6 * width)]
        flare += [
            (x + 0.68 * width, foot - 0.7 * width),
            (x + 1.0 * width, foot),
            (x + 1.2 * width, foot + 0.03),
        ]
        flare += [
            (x - 1.2 * width, foot + 0.03),
            (x - 1.0 * width, foot),
            (x - 0.68 * width, foot - 0.7 * width),
        ]
        c.poly(flare, ink)
        c.stroke([(x + 0.25 * width, -0.01), (x + 0.4 * width, foot + 0.03)], 0.3 * width, 0.5 * width, dark)
    c.below(rolling(rng, foot, 0.03, 1.4), ink, dark, foot + 0.12)


def _canopy(c: Canvas, rng: np.random.Generator) -> None:
    """Hangs two layers of foliage over the upper edge, lower at the sides."""
    for ink, drop, radius in (("#3f8a4e", 0.05, 0.085), ("#23613b", 0.0, 0.075)):
        for x in np.linspace(-0.02, 1.02, 15):
            sag = 0.11 * (2.0 * x - 1.0) ** 2
            c.disc(x + rng.uniform(-0.02, 0.02), drop + sag + rng.uniform(-0.015, 0.015), radius, ink)
            c.rect(x - 0.05, -0.01, x + 0.05, drop + sag, ink)


_DUNES = (
    (0.07, "#ffca7a", "#f5b062", "#cf7638"),
    (0.17, "#fdbf6d", "#eda255", "#bf6532"),
    (0.3, "#f7b160", "#e2914a", "#a9532c"),
)
"""Drop below the horizon, rim, upper and lower colour of the dunes."""


@register_scenery("desert", DUSK)
def _desert(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.5, 0.57)
    c.sky([(0.0, "#e2604b"), (0.6 * horizon, "#fb9f56"), (horizon, "#ffdc93")])
    x = rng.uniform(0.3, 0.7)
    sun(c, x, horizon - rng.uniform(0.08, 0.14), 0.1, "#fff0a6", "#ffe08a")
    for y in (0.14, 0.23, 0.3):
        streak(
            c,
            rng.uniform(0.1, 0.9),
            y + rng.uniform(-0.03, 0.03),
            rng.uniform(0.3, 0.5),
            0.02,
            "#ffc27d",
            0.65,
        )
    for base in (rng.uniform(0.02, 0.18), rng.uniform(0.72, 0.9)):
        _mesa(c, rng, base, horizon + 0.02)
    c.below(rolling(rng, horizon + 0.01, 0.025, 1.1), "#f0a257", "#dd8444", fade_at=horizon + 0.12)
    for drop, rim, lit, dark in _DUNES:
        crested(c, rolling(rng, horizon + drop, 0.08, 0.75), rim, lit, dark, min(1.0, horizon + drop + 0.24), 0.01)
    for x, t in rng.uniform(size=(8, 2)):
        streak(c, x, horizon + 0.33 + 0.15 * t, 0.22, 0.01, "#a85229", 0.4)
    _cactus(c, rng.uniform(0.06, 0.12), horizon + 0.2, rng.uniform(0.17, 0.22))
    _cactus(c, rng.uniform(0.86, 0.93), horizon + 0.11, rng.uniform(0.1, 0.13))


def _mesa(c: Canvas, rng: np.random.Generator, x: float, foot: float) -> None:
    """Draws a table mountain with a stepped, banded flank."""
    height, half = rng.uniform(0.12, 0.19), rng.uniform(0.09, 0.14)
    shape = [(-1.5, 0.0), (-1.1, 0.45), (-1.0, 1.0), (0.95, 1.0), (1.05, 0.5), (1.5, 0.0)]
    c.poly([(x + half * dx, foot - height * up) for dx, up in shape], "#b9533f")
    c.poly(
        [(x + half * dx, foot - height * up) for dx, up in ((0.3, 0), (0.25, 1), (0.95, 1), (1.05, 0.5), (1.5, 0))],
        "#a04438",
    )
    c.rect(x - half, foot - 0.9 * height, x + 0.96 * half, foot - 0.78 * height, "#cf6d4b", 0.7)


def _cactus(c: Canvas, x: float, foot: float, height: float) -> None:
    """Draws a two-armed cactus."""
    width = 0.17 * height
    for points in (
        [(x, foot), (x, foot - height)],
        [
            (x, foot - 0.35 * height),
            (x - 0.27 * height, foot - 0.4 * height),
            (x - 0.27 * height, foot - 0.72 * height),
        ],
        [
            (x, foot - 0.48 * height),
            (x + 0.25 * height, foot - 0.52 * height),
            (x + 0.25 * height, foot - 0.85 * height),
        ],
    ):
        for (x0, y0), (x1, y1) in pairwise(points):
            c.stroke([(x0, y0), (x1, y1)], width, width, "#4b6b46")
            c.disc(x1, y1, width / 2.0, "#4b6b46")


@register_scenery("mountains")
def _mountains(c: Canvas, rng: np.random.Generator) -> None:
    shore = rng.uniform(0.6, 0.66)
    c.sky([(0.0, "#6f9fdc"), (shore, "#f0e9f2")])
    cloud(c, rng.uniform(0.12, 0.3), rng.uniform(0.12, 0.18), 0.22, "#ffffff", "#dfe6f4")
    cloud(c, rng.uniform(0.7, 0.9), rng.uniform(0.08, 0.14), 0.18, "#ffffff", "#dfe6f4")
    for x in np.linspace(0.0, 1.0, 5) + rng.uniform(-0.06, 0.06, 5):
        _peak(c, rng, x, shore, rng.uniform(0.28, 0.36), "#b3bbdc", "#a7b0d4", "#dfe3f3")
    for x in (rng.uniform(0.12, 0.22), rng.uniform(0.82, 0.95), rng.uniform(0.45, 0.58)):
        _peak(c, rng, x, shore, rng.uniform(0.34, 0.46), "#7c86b4", "#626c9c", "#ffffff")
    hill = rolling(rng, shore - 0.06, 0.06, 1.0)
    for x in np.linspace(0.0, 1.0, 26) + rng.uniform(-0.015, 0.015, 26):
        pine(c, x, hill(x) + 0.02, rng.uniform(0.05, 0.09), "#3f7274")
    c.below(hill, "#4d8580", "#3f7274", shore)
    c.shade(_band(shore, 1.01), [(shore, "#5d8fb8"), (shore + 0.12, "#86b9dc"), (1.0, "#4f86bd")])
    for t, x in rng.uniform(size=(16, 2)):
        y = shore + 0.02 + (0.88 - shore) * t
        streak(c, x, y, 0.1 + 0.2 * t, 0.006 + 0.006 * t, "#d5ebf8", 0.5)
    c.below(rolling(rng, 0.94, 0.05, 0.8), "#5b8f6c", "#47785c")


def _peak(
    c: Canvas, rng: np.random.Generator, x: float, foot: float, height: float, lit: str, dark: str, snow: str
) -> None:
    """Draws a mountain with a lit and a shaded flank and a snow cap."""
    half, top = height * rng.uniform(0.62, 0.75), foot - height
    kink = rng.uniform(-0.1, 0.1)
    c.poly([(x, top), (x + half, foot), (x - half, foot)], lit)
    ridge = [
        (x, top),
        (x + 0.1 * half, top + 0.3 * height),
        (x + kink * half, top + 0.6 * height),
        (x + 0.2 * half, foot),
    ]
    c.poly([*ridge, (x + half, foot)], dark)
    cut = rng.uniform(0.3, 0.38)
    teeth = [(1.0, 1.0), (0.62, 0.82), (0.3, 1.25), (0.02, 0.85), (-0.35, 1.2), (-0.62, 0.8), (-1.0, 1.0)]
    c.poly([(x, top), *((x + cut * half * dx, top + cut * height * dy) for dx, dy in teeth)], snow)
    c.poly(
        [
            (x, top),
            (x + cut * half, top + cut * height),
            (x + 0.62 * cut * half, top + 0.82 * cut * height),
            (x + 0.3 * cut * half, top + 1.25 * cut * height),
            (x + 0.12 * half * cut, top + 0.9 * cut * height),
        ],
        dark,
        0.22,
    )


@register_scenery("farm")
def _farm(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.46, 0.52)
    c.sky([(0.0, "#8fd0ee"), (horizon, "#fff3d6")])
    sun(c, rng.uniform(0.4, 0.6), rng.uniform(0.14, 0.2), 0.055, "#fff0a0", "#fffbe6")
    cloud(c, rng.uniform(0.15, 0.3), rng.uniform(0.14, 0.22), 0.22, "#ffffff", "#e6f1f0")
    cloud(c, rng.uniform(0.78, 0.9), rng.uniform(0.2, 0.28), 0.18, "#ffffff", "#e6f1f0")
    hill = rolling(rng, horizon - 0.04, 0.06, 0.9)
    c.below(hill, "#b5c979", "#a4bd62", horizon + 0.1)
    for x in rng.uniform(0.0, 0.55, 7):
        c.ellipse(x, hill(x), rng.uniform(0.03, 0.045), rng.uniform(0.025, 0.035), "#7c9f4c")
    _barn(c, rng.uniform(0.72, 0.82), horizon + 0.06, rng.uniform(0.17, 0.2))
    edge = rolling(rng, horizon + 0.06, 0.03, 0.7)
    c.below(edge, "#f2cd5c", "#d99c34")
    _furrows(c, rng, horizon + 0.1)
    _fence(c, rng.uniform(0.63, 0.66), 0.1)


def _barn(c: Canvas, x: float, foot: float, size: float) -> None:
    """Draws a red barn with white trim, and a silo beside it."""
    c.rect(x + 0.55 * size, foot - 1.05 * size, x + 0.85 * size, foot, "#b9c0c4")
    c.rect(x + 0.75 * size, foot - 1.05 * size, x + 0.85 * size, foot, "#a2abb1")
    c.ellipse(x + 0.7 * size, foot - 1.05 * size, 0.15 * size, 0.13 * size, "#8e99a1")
    wall = [(-0.5, 0.0), (-0.5, 0.55), (-0.33, 0.85), (0.0, 1.0), (0.33, 0.85), (0.5, 0.55), (0.5, 0.0)]
    c.poly([(x + 1.14 * size * dx, foot - 1.07 * size * up) for dx, up in wall[1:6]], "#7d4038")
    c.poly([(x + size * dx, foot - size * up) for dx, up in wall], "#c8453a")
    c.rect(x - 0.2 * size, foot - 0.42 * size, x + 0.2 * size, foot, "#f4e6d4")
    c.rect(x - 0.16 * size, foot - 0.38 * size, x + 0.16 * size, foot, "#a83229")
    c.rect(x - 0.1 * size, foot - 0.75 * size, x + 0.1 * size, foot - 0.56 * size, "#f4e6d4")


def _furrows(c: Canvas, rng: np.random.Generator, top: float) -> None:
    """Draws rows of wheat that meet at a vanishing point."""
    vanish = rng.uniform(0.35, 0.6)
    for row in np.arange(-14, 15, 2):
        near, far = vanish + 0.17 * row, vanish + 0.045 * row
        c.poly([(far, top), (far + 0.018, top), (near + 0.085, 1.01), (near, 1.01)], "#c98a2c", 0.42)


def _fence(c: Canvas, y: float, height: float) -> None:
    """Draws a wooden fence across the picture."""
    for up in (0.35, 0.72):
        c.rect(-0.01, y + height * (1 - up) - 0.008, 1.01, y + height * (1 - up) + 0.008, "#9a6b43")
    for x in np.arange(0.06, 1.0, 0.176):
        c.ellipse(x + 0.012, y + height, 0.034, 0.008, "#b07a24", 0.55)
        c.rect(x - 0.012, y, x + 0.012, y + height, "#86592f")
        c.rect(x - 0.012, y, x - 0.004, y + height, "#a9774b")


@register_scenery("autumn park", DUSK)
def _autumn_park(c: Canvas, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.53, 0.58)
    c.sky([(0.0, "#f3c6c0"), (horizon, "#fff0d2")])
    c.glow(rng.uniform(0.4, 0.6), horizon - 0.1, 0.5, "#fff8dc", 0.8)
    for x in np.linspace(-0.02, 1.02, 9) + rng.uniform(-0.03, 0.03, 9):
        round_tree(c, x, horizon + 0.02, rng.uniform(0.2, 0.28), "#eebf83", "#f3cd97", "#c39a77")
    c.below(rolling(rng, horizon, 0.03, 1.1), "#d5ab5c", "#c39245", horizon + 0.2)
    inks = (("#d9582b", "#ea7a3c"), ("#e39a2d", "#f2b848"), ("#b43a2e", "#cf5540"))
    places = [
        *(np.linspace(0.0, 0.3, 3) + rng.uniform(-0.03, 0.03, 3)),
        *(np.linspace(0.72, 1.0, 3) + rng.uniform(-0.03, 0.03, 3)),
    ]
    for index, x in enumerate(places):
        crown, lit = inks[(index + int(10 * places[0])) % 3]
        round_tree(c, x, horizon + rng.uniform(0.05, 0.09), rng.uniform(0.34, 0.46), crown, lit, "#6d4331")
    c.below(rolling(rng, horizon + 0.07, 0.03, 0.9), "#c88b3d", "#94562a")
    _path(c, rng, horizon + 0.075)
    for index, (x, t) in enumerate(rng.uniform(size=(34, 2))):
        y = horizon + 0.12 + (0.86 - horizon) * t
        c.ellipse(x, y, 0.006 + 0.007 * t, 0.003 + 0.004 * t, ("#e5672f", "#f2b13f", "#a8322a")[index % 3], 0.9)


def _path(c: Canvas, rng: np.random.Generator, top: float) -> None:
    """Winds a walk from the lower edge up to `top`."""
    bend, foot = rng.uniform(-0.14, 0.14), rng.uniform(0.4, 0.55)
    left, right = [], []
    for t in np.linspace(0.0, 1.0, 20):
        y = 1.01 + (top - 1.01) * t
        middle = foot + (0.52 - foot) * t + bend * np.sin(np.pi * 1.5 * t) * (1.0 - 0.4 * t)
        half = 0.2 * (1.0 - t) ** 1.4 + 0.02
        left.append((middle - half, y))
        right.append((middle + half, y))
    c.shade([*left, *right[::-1]], [(top, "#f4dcae"), (1.0, "#e0b67e")])


@register_scenery("stage", (1.0, 0.86, 0.84))
def _stage(c: Canvas, rng: np.random.Generator) -> None:
    floor = rng.uniform(0.7, 0.76)
    c.sky([(0.0, "#2a0c36"), (floor, "#6d1f5a")])
    for x in np.linspace(0.0, 1.0, 15):
        c.shade([(x, 0), (x + 0.035, 0), (x + 0.035, floor), (x, floor)], [(0.0, "#240a30"), (floor, "#5c184f")])
    c.shade(_band(floor, 1.01), [(floor, "#8a5232"), (1.0, "#c4814a")])
    for row in range(-9, 10):
        c.stroke([(0.5 + 0.075 * row, floor), (0.5 + 0.15 * row, 1.01)], 0.003, 0.006, "#6b3c26", 0.7)
    c.rect(0.0, floor - 0.006, 1.0, floor + 0.004, "#4d2a26")
    for x, lean in zip((0.22, 0.5, 0.78), rng.uniform(-0.07, 0.07, 3), strict=True):
        _cone(c, x, x + lean + (0.5 - x) * 0.25, floor + 0.11)
    width = rng.uniform(0.15, 0.19)
    _curtain(c, 0.0, width)
    _curtain(c, 1.0, 1.0 - width)
    _valance(c, rng.uniform(0.09, 0.12), int(rng.integers(5, 8)))


def _cone(c: Canvas, top: float, foot: float, y: float) -> None:
    """Lays a cone of warm light from above and the pool it makes on the floor."""
    for half, start in ((0.19, 0.3), (0.12, 0.26)):
        cone = [(top - 0.1 * half, 0.0), (top + 0.1 * half, 0.0), (foot + half, y), (foot - half, y)]
        c.beam(cone, "#ffe2a0", start, 0.05)
    c.ellipse(foot, y, 0.19, 0.05, "#ffdf9a", 0.26)
    c.ellipse(foot, y, 0.12, 0.03, "#fff0c4", 0.3)


def _curtain(c: Canvas, outer: float, inner: float) -> None:
    """Hangs a curtain of five folds from the picture's edge, gathered towards its foot."""
    folds = ("#8f1226", "#c4203a", "#a3172e", "#d63148", "#9c142b")
    t = np.linspace(0.0, 1.0, 14)
    reach = 1.25 - 0.4 * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) ** 2 - 0.1 * t
    for index in range(5, 0, -1):
        edge = [(outer + (inner - outer) * r * index / 5, y * 0.95) for y, r in zip(t, reach, strict=True)]
        back = outer + (outer - inner) * 0.1
        c.shade(
            [(back, -0.01), *edge, (back, 0.95)],
            [(0.0, folds[index - 1]), (0.95, "#7c0f22" if index % 2 else "#a3172e")],
        )


def _valance(c: Canvas, drop: float, swags: int) -> None:
    """Hangs scalloped drapery with a gold hem along the upper edge."""
    width = 1.0 / swags
    c.rect(-0.01, -0.01, 1.01, 0.5 * drop, "#b01a33")
    for index in range(swags):
        x = (index + 0.5) * width
        c.ellipse(x, 0.5 * drop, 0.54 * width, 0.72 * drop, "#e9b949")
        c.ellipse(x, 0.5 * drop, 0.54 * width, 0.6 * drop, "#b01a33" if index % 2 else "#c6243e")
    c.rect(-0.01, -0.01, 1.01, 0.4 * drop, "#8f1226")


@register_scenery("kitchen")
def _kitchen(c: Canvas, rng: np.random.Generator) -> None:
    counter = rng.uniform(0.62, 0.67)
    c.sky([(0.0, "#dcefe6"), (counter, "#eef7f0")])
    pitch = (0.1, 0.125, 0.0834)[int(rng.integers(3))]
    _tiles(c, pitch, counter)
    _window(c, rng.uniform(0.1, 0.32), rng.uniform(0.12, 0.16))
    lamp = rng.uniform(0.78, 0.86)
    c.rect(lamp - 0.003, 0.0, lamp + 0.003, 0.14, "#5a6a68")
    c.glow(lamp, 0.24, 0.26, "#fff6d0", 0.7)
    c.poly([(lamp - 0.025, 0.13), (lamp + 0.025, 0.13), (lamp + 0.08, 0.215), (lamp - 0.08, 0.215)], "#e98f6b")
    c.ellipse(lamp, 0.215, 0.045, 0.014, "#fff3bd")
    for x in np.arange(0.0, 1.05, 0.0625):
        c.poly(
            [
                (x - 0.026, counter - 0.06),
                (x, counter - 0.086),
                (x + 0.026, counter - 0.06),
                (x, counter - 0.034),
            ],
            "#8fc6b6",
        )
    c.shade(_band(counter - 0.02, counter), [(counter - 0.02, "#b9d2c8"), (counter, "#9fbdb2")])
    c.shade(_band(counter, counter + 0.09), [(counter, "#e2b27c"), (counter + 0.09, "#d49c62")])
    for x, t in rng.uniform(size=(9, 2)):
        streak(c, x, counter + 0.012 + 0.066 * t, 0.3, 0.005, "#c08850", 0.5)
    c.rect(-0.01, counter + 0.09, 1.01, counter + 0.13, "#b57d4a")
    _cabinets(c, counter + 0.13, int(rng.integers(3, 6)))


def _tiles(c: Canvas, pitch: float, bottom: float) -> None:
    """Draws grout lines of a running bond down to `bottom`."""
    for row, y in enumerate(np.arange(0.0, bottom, pitch)):
        c.rect(-0.01, y - 0.003, 1.01, y + 0.003, "#cbe0d7")
        for x in np.arange(-pitch * (row % 2), 1.0, 2.0 * pitch):
            c.rect(x - 0.003, y, x + 0.003, min(bottom, y + pitch), "#cbe0d7")


def _window(c: Canvas, x: float, top: float) -> None:
    """Draws a window with a view of a bright sky and a hill."""
    c.rect(x - 0.02, top - 0.02, x + 0.3, top + 0.3, "#ffffff")
    c.shade(
        [(x, top), (x + 0.28, top), (x + 0.28, top + 0.28), (x, top + 0.28)],
        [(top, "#9fdaf2"), (top + 0.28, "#e2f6fb")],
    )
    hill = [(x + 0.28 * t, top + 0.28 - 0.075 * np.sin(np.pi * (0.15 + 0.75 * t))) for t in np.linspace(0.0, 1.0, 12)]
    c.poly([*hill, (x + 0.28, top + 0.29), (x, top + 0.29)], "#a9d98f")
    c.rect(x + 0.132, top, x + 0.148, top + 0.3, "#ffffff")
    c.rect(x - 0.04, top + 0.29, x + 0.32, top + 0.32, "#f2e3cf")


def _cabinets(c: Canvas, top: float, doors: int) -> None:
    """Fills the foot of the picture with cupboard doors."""
    c.shade(_band(top, 1.01), [(top, "#5f9c94"), (1.0, "#548c86")])
    c.rect(-0.01, top, 1.01, top + 0.015, "#3f746e")
    width = 1.0 / doors
    for index in range(doors):
        x = index * width
        c.rect(x + 0.02, top + 0.035, x + width - 0.02, 1.01, "#6fada4")
        c.rect(x + 0.035, top + 0.05, x + width - 0.035, 1.01, "#66a39b")
        knob = x + (0.045 if index % 2 else width - 0.045)
        c.disc(knob, top + 0.085, 0.011, "#f0d7a6")


@register_scenery("haunted hill", NIGHT)
def _haunted_hill(c: Canvas, rng: np.random.Generator) -> None:
    base = rng.uniform(0.6, 0.66)
    c.sky([(0.0, "#24104a"), (0.4, "#5b3a8c"), (base, "#9fc178")])
    x = rng.uniform(0.28, 0.42)
    moon(c, x, rng.uniform(0.26, 0.32), 0.15, "#f2f3b8", "#dcdf9a")
    for y in (0.2, 0.36, 0.46):
        streak(
            c,
            rng.uniform(0.1, 0.9),
            y + rng.uniform(-0.03, 0.03),
            rng.uniform(0.35, 0.55),
            0.022,
            "#3d2468",
            0.55,
        )
    c.below(rolling(rng, base + 0.02, 0.06, 1.2), "#5d6c72", "#4c5168", base + 0.15)
    peak = rng.uniform(0.64, 0.76)
    crest = base - 0.06
    slope = rolling(rng, 0.0, 0.02, 2.0)

    def hill(t: float) -> float:
        return crest + 0.3 * min(1.0, abs(t - peak) / 0.75) ** 1.3 + slope(t)

    _house(c, peak, hill(peak) + 0.02, 0.2)
    c.below(hill, "#3d2b66", "#281a4a")
    for tree in (rng.uniform(0.06, 0.14), rng.uniform(0.38, 0.46)):
        bare_tree(c, rng, tree, hill(tree) + 0.03, rng.uniform(0.07, 0.1), "#1d1236")
    for y in (base + 0.14, base + 0.22, base + 0.3):
        for fog in rng.uniform(0.0, 1.0, 2):
            streak(c, fog, y + rng.uniform(-0.02, 0.02), rng.uniform(0.5, 0.8), 0.035, "#a9c9a0", 0.22)
    near = rolling(rng, 0.93, 0.04, 1.0)
    c.below(near, "#1a1034", "#1a1034")
    for x in np.arange(0.02, 1.0, 0.055):
        c.poly(
            [
                (x - 0.006, near(x) + 0.02),
                (x - 0.006, 0.885),
                (x, 0.865),
                (x + 0.006, 0.885),
                (x + 0.006, near(x) + 0.02),
            ],
            "#120a26",
        )
    c.rect(-0.01, 0.897, 1.01, 0.905, "#1a1034")


def _house(c: Canvas, x: float, foot: float, size: float) -> None:
    """Draws a crooked house with two towers and lit windows."""
    ink = "#22163e"
    for dx, width, up in ((0.0, 0.5, 0.6), (-0.3, 0.22, 0.9), (0.26, 0.2, 0.75)):
        left, right = x + (dx - width / 2) * size, x + (dx + width / 2) * size
        top = foot - up * size
        c.rect(left, top, right, foot, ink)
        rise = (0.28 if width > 0.3 else 0.4) * size
        c.poly(
            [
                (left - 0.05 * size, top),
                ((left + right) / 2 + 0.03 * size, top - rise),
                (right + 0.05 * size, top),
            ],
            "#1a1032",
        )
    for dx, up in ((-0.08, 0.36), (0.1, 0.36), (-0.3, 0.62), (0.26, 0.5)):
        c.glow(x + dx * size, foot - up * size, 0.2 * size, "#ffc84a", 0.45)
        c.rect(
            x + (dx - 0.045) * size,
            foot - (up + 0.075) * size,
            x + (dx + 0.045) * size,
            foot - (up - 0.075) * size,
            "#ffcf57",
        )


@register_scenery("underwater", (0.66, 0.88, 1.0))
def _underwater(c: Canvas, rng: np.random.Generator) -> None:
    sand = rng.uniform(0.8, 0.85)
    c.sky([(0.0, "#7fe6e6"), (0.3, "#2fb2d6"), (sand, "#0c5aa0")])
    source = rng.uniform(0.3, 0.6)
    c.glow(source, -0.02, 0.5, "#d9fff6", 0.8, 0.6)
    for lean in np.linspace(-0.6, 0.6, 6) + rng.uniform(-0.06, 0.06, 6):
        top = source + 0.35 * lean
        c.beam(
            [(top - 0.02, -0.01), (top + 0.03, -0.01), (top + lean + 0.1, sand), (top + lean - 0.06, sand)],
            "#d6fff8",
            0.34,
            0.0,
        )
    c.below(rolling(rng, sand - 0.1, 0.14, 1.2), "#1a78b4", "#125f9f", sand + 0.05)
    reef = rolling(rng, sand - 0.02, 0.08, 1.6)
    c.below(reef, "#124f8d", "#0f4782", sand + 0.1)
    for x in (*rng.uniform(0.02, 0.2, 3), *rng.uniform(0.82, 0.98, 3)):
        _weed(c, rng, x, sand + 0.09, rng.uniform(0.18, 0.32))
    for x, ink in ((rng.uniform(0.1, 0.25), "#e8788f"), (rng.uniform(0.76, 0.9), "#f0a06c")):
        bare_tree(c, rng, x, sand + 0.08, rng.uniform(0.045, 0.06), ink)
    crested(c, rolling(rng, sand + 0.05, 0.03, 1.0), "#cbe0b9", "#a6c8a9", "#6b98a0")
    for x, t in rng.uniform(size=(9, 2)):
        streak(c, x, sand + 0.08 + 0.1 * t, 0.16, 0.009, "#c8dcb8", 0.55)
    for x, y, size in rng.uniform(size=(22, 3)):
        radius = 0.005 + 0.014 * size * size
        c.disc(x, 0.05 + 0.7 * y, radius, "#d9fbff", 0.4)
        c.disc(x - 0.3 * radius, 0.05 + 0.7 * y - 0.3 * radius, 0.35 * radius, "#ffffff", 0.9)


def _weed(c: Canvas, rng: np.random.Generator, x: float, foot: float, height: float) -> None:
    """Draws a swaying ribbon of seaweed."""
    t = np.linspace(0.0, 1.0, 16)
    phase = rng.uniform(0.0, 6.0)
    path = [(x + 0.018 * np.sin(phase + 7.0 * s) * (0.3 + s), foot - height * s) for s in t]
    c.stroke(path, 0.03, 0.004, "#1c8a78" if rng.uniform() < 0.5 else "#2aa37f")
