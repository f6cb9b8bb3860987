"""Plans for photographs by rules: key words tell what is meant, statistics of the picture what is wrong and how much.

The rules use the picture and the words of the request alone. What a picture looked like before its faults they cannot
know: they take it to have had black and white, some colour, and grey in its brightest parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imgedit_gym.core.plan import PICTURE, Plan, PlanStep
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.retouching import (
    BRIGHT_GAMMA,
    CAST_GAIN,
    CAST_VEIL,
    DARK_GAMMA,
    DEEP_HAZE,
    EVEN_HAZE,
    GAIN,
    LINEAR_CONTRAST,
    NOISE,
    PLACES,
    SPECKS,
    VEIL,
    read_value,
    value_of,
)

KEYWORDS: dict[str, tuple[str, ...]] = {
    "cleaner": ("grain", "noise", "smooth", "dirt", "phone"),
    "crisper": ("sharp", "tripod", "hurry", "glasses seem", "hold up"),
    "clearer": ("rain", "clear", "weather", "fog", "as far"),
    "brighter": ("bright", "curtains", "evening, but", "friendly"),
    "darker": ("glare", "flash", "weight", "eyes hurt"),
    "cooler": ("lamp", "white things", "candlelight", "sunset"),
    "warmer": ("hospital", "winter", "sun back", "under water"),
    "pinker": ("neon", "ill in", "bottle", "aquarium"),
    "greener": ("rose-coloured", "ink", "candy", "leaves"),
    "bolder": ("punch", "tired", "stand out", "readable"),
    "richer": ("print, bring", "window for years", "colourful", "newspaper"),
    "even light": ("evenly", "stood in the light", "harder to see", "all sides"),
}
"""Words of a request by what they ask for."""

MORE = ("whatever else", "every other way", "more amiss", "nothing ever happened")
"""Words by which a request says that there is more to be done than it speaks of."""

BLOCK = LATTICE // 2
_DIRECTIONS = {"cooler": 0, "warmer": 1, "pinker": 2, "greener": 3}
_CASTS = tuple(_DIRECTIONS)
_ORDER = ("richer", "bolder", *_CASTS, "brighter", "darker", "even light", "clearer", "cleaner", "crisper")
"""The order in which faults are undone: prints before light, light before air, detail last."""


@dataclass(frozen=True)
class PhotoLook:
    """What the rules see of a photograph; levels in [0, 1].

    Attributes:
        low: Brightness that one pixel of a hundred stays below.
        middle: Median brightness.
        high: Brightness that one pixel of a hundred exceeds.
        dark: Mean colour of the darkest twentieth, ``[3]``.
        light: Mean colour of the lightest twentieth, ``[3]``.
        chroma: Mean of largest channel minus smallest.
        top_low, bottom_low: ``low`` of the upper and of the lower quarter.
        grain: Standard deviation of the noise.
        specks: Share of pixels that stand out from all around them.
        across, down: Detail of lines and of columns: how much more neighbours differ than pixels two apart, in (0, 1].
        shadow: Row and column, in cells, of the corner of the block that looks like a shadow; ``None`` for none.
        shade: Light in that block compared with around it.
        soft: Whether that block's edge is soft.
    """

    low: float
    middle: float
    high: float
    dark: np.ndarray
    light: np.ndarray
    chroma: float
    top_low: float
    bottom_low: float
    grain: float
    specks: float
    across: float
    down: float
    shadow: tuple[int, int] | None
    shade: float
    soft: bool


def look(images: torch.Tensor) -> list[PhotoLook]:
    """Look at photographs, ``uint8 [n, S, S, 3]``."""
    return [_look(image) for image in images.cpu().numpy()]


def make_plan(instruction: str, seen: PhotoLook, max_steps: int) -> Plan:
    """The plan for one request.

    Args:
        instruction: The request in words.
        seen: The picture.
        max_steps: Longest plan.

    Returns:
        At least one step; the request itself as free text where nothing seems to be wrong.
    """
    text = instruction.lower()
    asked = {
        goal for goal, words in KEYWORDS.items() if any(re.search(rf"\b{re.escape(word)}", text) for word in words)
    }
    more = not asked or any(words in text for words in MORE)
    wrong = asked | _visible(seen) if more else asked
    steps = [_step(goal, seen) for goal in _ORDER if goal in wrong]
    return tuple(steps[:max_steps]) or (PlanStep("edit", PICTURE, instruction),)


def choose_tool(step: PlanStep, seen: PhotoLook) -> str:
    """The retouching tool for a step on a picture as it looks now; ``skip`` for a step of another kind."""
    wish = read_value(step.value)
    if wish is None:
        return "skip"
    match wish.aspect:
        case "noise":
            return "denoise_specks" if seen.specks > 0.01 else "denoise_grain"
        case "blur":
            return "deblur_streak" if seen.across < 0.85 * seen.down else "deblur_focus"
        case "haze":
            return "dehaze_deep" if seen.top_low > seen.bottom_low + 0.15 else "dehaze_even"
        case "exposure":
            if step.target != PICTURE:
                return "dodge" if seen.soft else "exposure_gain"
            return "exposure_gain" if wish.direction == 0 and seen.high < 0.84 else "exposure_curve"
        case "cast":
            return "balance_veil" if float(np.ptp(seen.dark)) > 0.12 else "balance_light"
        case "contrast":
            return "contrast_linear" if seen.low > 0.1 else "contrast_midtones"
    return "unfade" if seen.low > 0.12 else "saturate"


def choose_region(step: PlanStep, seen: PhotoLook) -> int:
    """The region for a step: the whole picture, or the middle of the block that looked like a shadow."""
    if step.target not in PLACES:
        return 0
    if seen.shadow is None:
        row, column = divmod(PLACES.index(step.target), 3)
        return 1 + LATTICE * (1, LATTICE // 2, LATTICE - 2)[row] + (1, LATTICE // 2, LATTICE - 2)[column]
    top, left = seen.shadow
    return 1 + LATTICE * (top + BLOCK // 2) + left + BLOCK // 2


def severity(step: PlanStep) -> int:
    """How much a step asks for, from 0: what an agent with one step goes by."""
    wish = read_value(step.value)
    return -1 if wish is None else wish.degree


# ------------------------------------------------------------------ what is wrong


def _visible(seen: PhotoLook) -> set[str]:
    """Goals that the picture itself calls for."""
    found = set()
    lifted = seen.low > 0.12
    if lifted and seen.high < 0.86:
        found.add("bolder")
    elif lifted and float(np.ptp(seen.dark)) <= 0.12:
        found.add("clearer")
    cast = _cast(seen)
    if cast is not None:
        found.add(cast)
    elif seen.chroma < 0.13:
        found.add("richer")
    if (not lifted and seen.high < 0.8) or seen.middle < 0.2:
        found.add("brighter")
    elif seen.middle > 0.68 and not lifted:
        found.add("darker")
    if seen.grain > 0.045 or seen.specks > 0.01:
        found.add("cleaner")
    elif max(seen.across, seen.down) < 0.5 or min(seen.across, seen.down) < 0.42:
        found.add("crisper")
    if seen.shadow is not None and seen.shade < 0.8:
        found.add("even light")
    return found


def _cast(seen: PhotoLook) -> str | None:
    """The word against a cast that black or white have; ``None`` for none."""
    for color, least in ((seen.dark - seen.dark.min(), 0.12), (seen.light - seen.light.min(), 0.16)):
        if float(color.max()) > least:
            reference = np.array(CAST_VEIL)
            unit = reference / np.linalg.norm(reference, axis=1, keepdims=True)
            return _CASTS[int((unit @ (color / np.linalg.norm(color))).argmax())]
    return None


def _step(goal: str, seen: PhotoLook) -> PlanStep:
    if goal == "even light":
        degree = _nearest(GAIN, seen.shade)
        return PlanStep("adjust", _place(seen.shadow), value_of("shadow", 0, degree))
    aspect, direction, degree = _measured(goal, seen)
    return PlanStep("adjust", PICTURE, value_of(aspect, direction, degree))


def _measured(goal: str, seen: PhotoLook) -> tuple[str, int, int]:
    """Aspect, direction and degree of what a goal asks for in a picture."""
    if goal in _DIRECTIONS:
        direction = _DIRECTIONS[goal]
        if float(np.ptp(seen.dark)) > 0.12:
            return "cast", direction, _nearest(VEIL, float(seen.dark.max()))
        weakest = [min(gain) for gain in CAST_GAIN[direction]]
        return "cast", direction, _nearest(weakest, float(seen.light.min() / max(seen.light.max(), 1e-3)))
    match goal:
        case "richer":
            return "fading", 0, _nearest((0.16, 0.10, 0.05), seen.chroma)
        case "bolder":
            if seen.low > 0.1:
                return "contrast", 0, _nearest(LINEAR_CONTRAST, seen.high - seen.low)
            return "contrast", 0, 1
        case "brighter":
            if seen.high < 0.84:
                return "exposure", 0, _nearest(GAIN, seen.high)
            return "exposure", 0, _nearest([0.45**gamma for gamma in DARK_GAMMA], seen.middle)
        case "darker":
            return "exposure", 1, _nearest([0.45**gamma for gamma in BRIGHT_GAMMA], seen.middle)
        case "clearer":
            if seen.top_low > seen.bottom_low + 0.15:
                return "haze", 0, _nearest([1.0 - 0.85 * through for through in DEEP_HAZE], seen.top_low / 0.89)
            return "haze", 0, _nearest([1.0 - through for through in EVEN_HAZE], seen.low / 0.89)
        case "cleaner":
            if seen.specks > 0.01:
                return "noise", 0, _nearest(SPECKS, seen.specks)
            return "noise", 0, _nearest([one / 255.0 for one in NOISE], seen.grain)
    return "blur", 0, _nearest((0.55, 0.45, 0.38), min(seen.across, seen.down))


def _nearest(values: Sequence[float], found: float) -> int:
    return int(np.abs(np.log(np.maximum(values, 1e-3)) - np.log(max(found, 1e-3))).argmin())


def _place(corner: tuple[int, int] | None) -> str:
    if corner is None:
        return "middle"
    row, column = (int(np.sign(2 * (at + BLOCK // 2) - LATTICE)) + 1 for at in corner)
    return PLACES[3 * row + column]


# ------------------------------------------------------------------ what is seen


def _look(image: np.ndarray) -> PhotoLook:
    picture = image.astype(np.float64) / 255.0
    luma = picture @ np.array([0.299, 0.587, 0.114])
    around = _median_of_nine(image) / 255.0
    apart = np.abs(picture - around).min(2)
    calm = luma if (apart > 0.16).mean() < 0.01 else around @ np.array([0.299, 0.587, 0.114])
    low, middle, high = np.quantile(calm, (0.01, 0.5, 0.99))
    quarter = len(luma) // 4
    smooth = picture if calm is luma else around
    order = np.argsort(calm, axis=None)
    few = max(len(order) // 20, 1)
    colors = smooth.reshape(-1, 3)
    # second differences of second differences: pictures have few, noise has many
    rough = luma[:-2] - 2.0 * luma[1:-1] + luma[2:]
    rough = rough[:, :-2] - 2.0 * rough[:, 1:-1] + rough[:, 2:]
    corner, shade, soft = _shadow(np.maximum(calm, 0.02))
    return PhotoLook(
        low=float(low),
        middle=float(middle),
        high=float(high),
        dark=colors[order[:few]].mean(0),
        light=colors[order[-few:]].mean(0),
        chroma=float(np.ptp(smooth, axis=2).mean()),
        top_low=float(np.quantile(calm[:quarter], 0.05)),
        bottom_low=float(np.quantile(calm[-quarter:], 0.05)),
        grain=float(np.median(np.abs(rough)) / 0.6745 / 6.0 / 0.66),
        specks=float((apart > 0.16).mean()),
        across=_detail(luma),
        down=_detail(luma.T),
        shadow=corner,
        shade=shade,
        soft=soft,
    )


def _median_of_nine(image: np.ndarray) -> np.ndarray:
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    size = len(image)
    return np.median([padded[y : y + size, x : x + size] for y in range(3) for x in range(3)], axis=0)


def _detail(luma: np.ndarray) -> float:
    near, far = np.abs(np.diff(luma, axis=1)).mean(), np.abs(luma[:, 2:] - luma[:, :-2]).mean()
    return float(near / max(far, 1e-6))


def _shadow(luma: np.ndarray) -> tuple[tuple[int, int] | None, float, bool]:
    """The block whose every inner edge is darker than what lies outside of it; its light, and whether it fades in."""
    size = len(luma)
    edges = [round(i * size / LATTICE) for i in range(LATTICE + 1)]
    logs = np.log(luma)
    strip = max(size // 16, 2)
    best, found = -0.12, None
    for row in range(LATTICE - BLOCK + 1):
        for column in range(LATTICE - BLOCK + 1):
            top, bottom, left, right = edges[row], edges[row + BLOCK], edges[column], edges[column + BLOCK]
            steps = []
            inner = strip + strip  # soft shadows are only dark further in
            if top > 0:
                steps.append(
                    logs[top + strip : top + inner, left:right].mean() - logs[top - strip : top, left:right].mean()
                )
            if left > 0:
                steps.append(
                    logs[top:bottom, left + strip : left + inner].mean() - logs[top:bottom, left - strip : left].mean()
                )
            if bottom < size:
                steps.append(
                    logs[bottom - inner : bottom - strip, left:right].mean()
                    - logs[bottom : bottom + strip, left:right].mean()
                )
            if right < size:
                steps.append(
                    logs[top:bottom, right - inner : right - strip].mean()
                    - logs[top:bottom, right : right + strip].mean()
                )
            worst = max(steps)
            if worst < best:
                best, found = worst, (row, column, float(np.mean(steps)))
    if found is None:
        return None, 1.0, False
    row, column, depth = found
    top, bottom, left, right = edges[row], edges[row + BLOCK], edges[column], edges[column + BLOCK]
    sudden = []
    if top > 0:
        sudden.append((logs[top, left:right] - logs[top - 1, left:right]).mean())
    if left > 0:
        sudden.append((logs[top:bottom, left] - logs[top:bottom, left - 1]).mean())
    if bottom < size:
        sudden.append((logs[bottom - 1, left:right] - logs[bottom, left:right]).mean())
    if right < size:
        sudden.append((logs[top:bottom, right - 1] - logs[top:bottom, right]).mean())
    return (row, column), float(np.exp(depth)), bool(np.mean(sudden) > 0.5 * depth)
