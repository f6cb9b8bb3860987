"""Two-colour patterns as scalar fields: 0 is the first palette colour, 1 the second."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from imgedit_gym.core.names import PATTERNS

VARIANTS = 4

PatternFn = Callable[[int, int], np.ndarray]

_PATTERNS: dict[str, PatternFn] = {}
_PERIODIC = ("stripes", "dots", "checks")


def register_pattern(kind: str) -> Callable[[PatternFn], PatternFn]:
    """Registers a function `(variant, size) -> field` as the pattern of that kind."""

    def add(function: PatternFn) -> PatternFn:
        _PATTERNS[kind] = function
        return function

    return add


def check_variant(variant: int) -> None:
    """Raises ValueError unless `variant` is one of the drawn variants."""
    if not 0 <= variant < VARIANTS:
        raise ValueError(f"variant must be in 0..{VARIANTS - 1}, got {variant}")


def pattern(kind: str, variant: int, size: int) -> np.ndarray:
    """Draws the mixing field of a pattern.

    Args:
        kind: One of `PATTERNS`.
        variant: Which of the `VARIANTS` versions (direction, period, phase).
        size: Width and height in pixels, at least 16.

    Returns:
        Array float32 [size, size] in [0, 1].

    Raises:
        ValueError: If the kind, variant or size is not a known one.
    """
    if kind not in _PATTERNS:
        raise ValueError(f"unknown pattern {kind!r}, known: {', '.join(PATTERNS)}")
    check_variant(variant)
    if size < 16:
        raise ValueError(f"size must be at least 16, got {size}")
    field = _PATTERNS[kind](variant, size)
    return np.ascontiguousarray(np.clip(field, 0.0, 1.0), dtype=np.float32)


def pattern_period(kind: str, variant: int, size: int) -> int:
    """Returns the period in pixels along both axes, or 0 for a kind that does not repeat."""
    if kind not in _PATTERNS:
        raise ValueError(f"unknown pattern {kind!r}, known: {', '.join(PATTERNS)}")
    check_variant(variant)
    if kind not in _PERIODIC:
        return 0
    units = 1 if variant == 3 else 2
    return units * (size // 16)


def _axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixel centres as (x row, y column) in [0, 1]."""
    t = (np.arange(size) + 0.5) / size
    return t[None, :], t[:, None]


def _smooth(t: np.ndarray) -> np.ndarray:
    """Smoothstep of `t` clipped to [0, 1]."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _tile(cell: np.ndarray, size: int) -> np.ndarray:
    """Repeats a cell over the plate, so that the repetition is exact to the bit."""
    reps = -(-size // cell.shape[0])
    return np.tile(cell, (reps, reps))[:size, :size]


def _soft(distance: np.ndarray, size: int) -> np.ndarray:
    """Coverage from a signed distance in pixels (positive inside), over little more than a pixel."""
    return _smooth(distance / (1.25 * max(1.0, size / 128.0)) + 0.5)


def _cell(period: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixel centres of one period as (x row, y column) in pixels."""
    t = np.arange(period) + 0.5
    return t[None, :], t[:, None]


def _band(t: np.ndarray, period: float) -> np.ndarray:
    """Signed distance into the middle half of a period, for stripes along `t` (pixels)."""
    return period / 4.0 - np.abs(np.mod(t, period) - period / 2.0)


@register_pattern("plain")
def _plain(variant: int, size: int) -> np.ndarray:
    return np.zeros((size, size))


@register_pattern("gradient")
def _gradient(variant: int, size: int) -> np.ndarray:
    _, y = _axes(size)
    t = y if variant % 2 == 0 else 1.0 - y
    return np.broadcast_to(t if variant < 2 else _smooth(t), (size, size))


@register_pattern("diagonal")
def _diagonal(variant: int, size: int) -> np.ndarray:
    x, y = _axes(size)
    t = ((1.0 - x if variant % 2 else x) + y) / 2.0
    return t if variant < 2 else 1.0 - t


@register_pattern("spotlight")
def _spotlight(variant: int, size: int) -> np.ndarray:
    x, y = _axes(size)
    cx, cy, radius = ((0.5, 0.5, 0.7), (0.5, 0.38, 0.8), (0.36, 0.56, 0.82), (0.64, 0.56, 0.62))[variant]
    return _smooth(1.0 - np.hypot(x - cx, y - cy) / radius)


@register_pattern("stripes")
def _stripes(variant: int, size: int) -> np.ndarray:
    period = pattern_period("stripes", variant, size)
    x, y = _cell(period)
    if variant < 2:
        diagonal = x + y if variant == 0 else x - y
        # The distance across a diagonal stripe is shorter by sqrt(2) than along an axis.
        return _tile(_soft(_band(diagonal + 0.25 * period, period) / np.sqrt(2.0), size), size)
    band = _soft(_band((x if variant == 2 else y) + 0.125 * period, period), size)
    return _tile(np.broadcast_to(band, (period, period)), size)


@register_pattern("dots")
def _dots(variant: int, size: int) -> np.ndarray:
    period = pattern_period("dots", variant, size)
    x, y = _cell(period)
    radius, staggered, phase = ((0.23, True, 0.0), (0.33, False, 0.0), (0.19, True, 0.5), (0.36, False, 0.0))[variant]
    centres = [(phase, 0.0), (phase + 0.5, 0.5)] if staggered else [(0.5, 0.5)]
    nearest = np.full((period, period), np.inf)
    for cx, cy in centres:
        dx = np.mod(x - cx * period + period / 2.0, period) - period / 2.0
        dy = np.mod(y - cy * period + period / 2.0, period) - period / 2.0
        nearest = np.minimum(nearest, np.hypot(dx, dy))
    return _tile(_soft(radius * period - nearest, size), size)


@register_pattern("checks")
def _checks(variant: int, size: int) -> np.ndarray:
    period = pattern_period("checks", variant, size)
    x, y = _cell(period)
    if variant == 1:
        column, row = _soft(_band(x, period), size), _soft(_band(y, period), size)
        return _tile((column + row) / 2.0, size)
    if variant == 2:
        diamond = period / 2.0 - np.abs(x - period / 2.0) - np.abs(y - period / 2.0)
        return _tile(_soft(diamond / np.sqrt(2.0), size), size)
    column, row = _soft(_band(x, period), size), _soft(_band(y, period), size)
    return _tile(column + row - 2.0 * column * row, size)


@register_pattern("paper")
def _paper(variant: int, size: int) -> np.ndarray:
    rng = np.random.default_rng([zlib.crc32(b"paper"), variant, size])
    grain = rng.standard_normal((size, size))
    across, down = (
        _blur(rng.standard_normal((size, size)), 5, 1),
        _blur(rng.standard_normal((size, size)), 5, 0),
    )
    fibre_mix = ((0.9, 0.4, 0.4), (0.5, 0.9, 0.0), (0.5, 0.0, 0.9), (0.4, 0.7, 0.7))[variant]
    field = fibre_mix[0] * grain + fibre_mix[1] * across + fibre_mix[2] * down
    return 0.5 + 0.2 * (field - field.mean()) / field.std()


def _blur(noise: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Runs a wrapped box filter along one axis and restores unit variance: noise becomes fibres."""
    total = sum(np.roll(noise, shift, axis) for shift in range(length))
    return total / np.sqrt(length)
