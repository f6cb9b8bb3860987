"""Pictures and text that show an episode to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.core.region import LATTICE

Color: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER: Color = (248, 248, 246)
INK: Color = (32, 34, 40)
FAINT: Color = (122, 126, 134)
RULE: Color = (214, 215, 218)
GOOD: Color = (26, 138, 76)
BAD: Color = (190, 44, 44)
ACCENT: Color = (28, 98, 190)
HIGHLIGHT: Color = (222, 235, 252)
OUTLINE: Color = (255, 0, 170)

MARGIN = 20
HEADER, CAPTION, FOOTER = 98, 30, 160
COLUMN = 372
"""Width of the column with plan and requirements in pixels."""

TEXT, SMALL, LARGE = 15, 13, 19
"""Font sizes in pixels."""

LINE = 21
CLEARANCE = 6
"""Pixels between a region and the line around it, so that the line hides nothing of what was edited."""

MARK = 24
"""Width that a tick or a circle takes in front of a list item."""


@dataclass(frozen=True)
class Screen:
    """Everything that a frame shows.

    Attributes:
        source: The picture before any edit, ``uint8 [S, S, 3]``.
        canvas: The picture now, ``uint8 [S, S, 3]``.
        region: Index of the region last named; 0 is the whole picture.
        mask: Pixels of that region, ``bool [S, S]``; ``None`` where no edit was tried.
        instruction: The request in words.
        plan: Plan steps in words.
        plan_index: Index of the current step; ``len(plan)`` once the plan is exhausted.
        requirements: Sentence, value in [0, 1] and whether it is met, of each.
        scores: E, P, Q and the combined score, in [0, 1].
        success: Whether the picture counts as a success.
        valid: Whether the latest judgement can be used; if not, the numbers are those of the one before, or nan.
        tool: Id of the tool last used; empty before the first action.
        error: Why the last action did nothing; empty if it did something.
        changed: Pixels that the last action changed.
        reward: Reward of the last action.
    """

    source: np.ndarray
    canvas: np.ndarray
    region: int
    mask: np.ndarray | None
    instruction: str
    plan: tuple[str, ...]
    plan_index: int
    requirements: tuple[tuple[str, float, bool], ...]
    scores: tuple[float, float, float, float]
    success: bool
    valid: bool
    tool: str
    error: str
    changed: int
    reward: float


def frame_size(image_size: int) -> tuple[int, int]:
    """Height and width in pixels of the frames of an environment with pictures of this size."""
    edge = picture_edge(image_size)
    return HEADER + CAPTION + edge + FOOTER, 2 * edge + COLUMN + 4 * MARGIN


def picture_edge(image_size: int) -> int:
    """Edge in pixels at which a picture is shown: small ones are enlarged, 64 and 128 by a whole factor."""
    return max(384, image_size)


def draw_frame(screen: Screen) -> np.ndarray:
    """Draw source, canvas, plan, requirements, scores and the last action.

    Args:
        screen: What to show.

    Returns:
        ``uint8 [H, W, 3]``, of the size that :func:`frame_size` gives.
    """
    height, width = frame_size(screen.canvas.shape[0])
    edge = picture_edge(screen.canvas.shape[0])
    frame = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(frame)
    _header(draw, screen, width)
    top = HEADER + CAPTION
    left, right = MARGIN, 2 * MARGIN + edge
    _caption(draw, left, "Before")
    _caption(draw, right, _progress(screen))
    frame.paste(_enlarged(screen.source, edge), (left, top))
    frame.paste(_outlined(screen, edge), (right, top))
    foot = top + edge + 14
    _last_action(draw, screen, (left, foot), edge)
    _scores(draw, screen, (right, foot), edge)
    _lists(draw, screen, (3 * MARGIN + 2 * edge, HEADER), height - MARGIN)
    return np.array(frame)


def describe(screen: Screen) -> str:
    """The frame in words: what render mode ``ansi`` gives."""
    marks = {True: "x", False: " "}
    lines = [f"Instruction: {screen.instruction}", "Plan:"]
    for index, step in enumerate(screen.plan):
        mark = ">" if index == screen.plan_index else "-" if index < screen.plan_index else " "
        lines.append(f"  [{mark}] {index + 1}. {step}")
    lines.append("Requirements:")
    lines += [f"  [{marks[met]}] {_shown(value)} {text}" for text, value, met in screen.requirements]
    names = ("E", "P", "Q", "score")
    scores = "  ".join(f"{name} {_shown(value)}" for name, value in zip(names, screen.scores, strict=True))
    lines.append(f"Scores: {scores}  {_outcome(screen)[0]}")
    lines.append("Last action: " + " | ".join(text for text, _ in _action_words(screen)))
    return "\n".join(lines)


# ---------------------------------------------------------------------- words


def region_words(region: int) -> str:
    """Where a region is: ``the whole picture``, or its lattice cell counted from 0."""
    if region == 0:
        return "the whole picture"
    row, column = divmod(region - 1, LATTICE)
    return f"region {region} (row {row}, column {column})"


def _shown(value: float) -> str:
    """A judge's number; a dash where there is none."""
    return "–" if isnan(value) else f"{value:.2f}"


def _progress(screen: Screen) -> str:
    done, steps = screen.plan_index, len(screen.plan)
    if done == 0:
        return "Now: nothing done yet"
    return f"Now: after step {done} of {steps}" + (", the end" if done >= steps else "")


def _outcome(screen: Screen) -> tuple[str, Color]:
    if not screen.valid:
        return "the judgement failed; these are the numbers before it", BAD
    if screen.success:
        return "success", GOOD
    return "not yet a success", FAINT


def _action_words(screen: Screen) -> list[tuple[str, Color]]:
    """The last action line by line."""
    if not screen.tool:
        return [("none yet", FAINT)]
    if screen.tool == "skip":
        lines = [("skip: the picture was left as it was", INK)]
    else:
        lines = [(f"{screen.tool} on {region_words(screen.region)}", INK)]
        lines.append((screen.error, BAD) if screen.error else (f"changed {screen.changed} pixels", INK))
    color = GOOD if screen.reward > 0 else BAD if screen.reward < 0 else INK
    return [*lines, (f"reward {screen.reward:+.2f}", color)]


# ---------------------------------------------------------------------- parts of the frame


def _header(draw: ImageDraw.ImageDraw, screen: Screen, width: int) -> None:
    font = _font(LARGE)
    draw.text((MARGIN, 14), "INSTRUCTION", FAINT, _font(SMALL))
    for index, line in enumerate(_wrapped(screen.instruction, font, width - 2 * MARGIN, 2)):
        draw.text((MARGIN, 36 + 25 * index), line, INK, font)
    draw.line([(MARGIN, HEADER - 2), (width - MARGIN, HEADER - 2)], RULE)


def _caption(draw: ImageDraw.ImageDraw, left: int, text: str) -> None:
    draw.text((left, HEADER + 8), text.upper(), FAINT, _font(SMALL))


def _enlarged(picture: np.ndarray, edge: int) -> Image.Image:
    image = Image.fromarray(picture)
    whole = edge % picture.shape[0] == 0
    return image.resize((edge, edge), Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS)


def _outlined(screen: Screen, edge: int) -> Image.Image:
    """The canvas with a bright line between two dark ones around the region last edited."""
    image = _enlarged(screen.canvas, edge)
    if screen.mask is None or not screen.mask.any():
        return image
    mask = np.asarray(Image.fromarray(screen.mask).resize((edge, edge), Image.Resampling.NEAREST))
    if mask.all():
        mask = np.pad(mask[5:-5, 5:-5], 5)
    else:
        mask = _grown(mask, CLEARANCE)
    pixels = np.array(image)
    pixels[_grown(mask, 5) & ~mask] = INK
    pixels[_grown(mask, 4) & ~_grown(mask, 1)] = OUTLINE
    return Image.fromarray(pixels)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask and what lies around it."""
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = mask | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask


def _last_action(draw: ImageDraw.ImageDraw, screen: Screen, corner: tuple[int, int], width: int) -> None:
    left, top = corner
    draw.text((left, top), "LAST ACTION", FAINT, _font(SMALL))
    top += LINE + 2
    for text, color in _action_words(screen):
        for line in _wrapped(text, _font(TEXT), width, 2):
            draw.text((left, top), line, color, _font(TEXT))
            top += LINE


def _scores(draw: ImageDraw.ImageDraw, screen: Screen, corner: tuple[int, int], width: int) -> None:
    """Four bars, the combined score darker than the three axes."""
    left, top = corner
    draw.text((left, top), "SCORES", FAINT, _font(SMALL))
    text, color = _outcome(screen)
    draw.text((left + 70, top), _wrapped(text, _font(SMALL), width - 70, 1)[0], color, _font(SMALL))
    names = ("E  execution", "P  preservation", "Q  quality", "score")
    for index, (name, value) in enumerate(zip(names, screen.scores, strict=True)):
        y = top + LINE + 4 + index * 25
        draw.text((left, y), name, INK, _font(TEXT))
        bar = (left + 124, y + 3, left + width - 46, y + 16)
        draw.rounded_rectangle(bar, 4, RULE)
        filled = bar[0] + (0 if isnan(value) else round((bar[2] - bar[0]) * min(max(value, 0.0), 1.0)))
        if filled - bar[0] >= 8:
            draw.rounded_rectangle((bar[0], bar[1], filled, bar[3]), 4, ACCENT if index == 3 else FAINT)
        draw.text((left + width, y), _shown(value), INK, _font(TEXT), anchor="ra")


def _lists(draw: ImageDraw.ImageDraw, screen: Screen, corner: tuple[int, int], bottom: int) -> None:
    """Plan and requirements; long sentences take two lines where there is room."""
    left, top = corner
    font = _font(TEXT)
    sentences = [*screen.plan, *(text for text, _, _ in screen.requirements)]
    room = (bottom - top - 2 * (LINE + 10)) // LINE
    for most in (3, 2, 1):
        wrapped = [
            _wrapped(text, font, COLUMN - MARK - (0 if index < len(screen.plan) else 46), most)
            for index, text in enumerate(sentences)
        ]
        if sum(map(len, wrapped)) <= room:
            break
    hidden = 0 if len(wrapped) <= room else len(wrapped) - room + 1
    steps, wanted = wrapped[: len(screen.plan)], wrapped[len(screen.plan) :]
    top = _plan(draw, screen, steps, left, top + 8)
    _requirements(draw, screen, wanted[: len(wanted) - hidden], left, top + 12, hidden)


def _plan(draw: ImageDraw.ImageDraw, screen: Screen, steps: list[list[str]], left: int, top: int) -> int:
    draw.text((left, top), "PLAN", FAINT, _font(SMALL))
    top += LINE + 2
    for index, lines in enumerate(steps):
        now = index == screen.plan_index
        if now:
            box = (left - 6, top - 1, left + COLUMN + 6, top + LINE * len(lines) - 2)
            draw.rounded_rectangle(box, 5, HIGHLIGHT)
            _arrow(draw, left, top)
        elif index < screen.plan_index:
            _dash(draw, left, top)
        color = ACCENT if now else FAINT if index < screen.plan_index else INK
        top = _item(draw, lines, left, top, color)
    return top


def _requirements(
    draw: ImageDraw.ImageDraw, screen: Screen, wanted: list[list[str]], left: int, top: int, hidden: int
) -> None:
    met = sum(entry[2] for entry in screen.requirements)
    title = f"REQUIREMENTS  {met} of {len(screen.requirements)} met"
    draw.text((left, top), title, FAINT, _font(SMALL))
    top += LINE + 2
    for lines, (_, value, is_met) in zip(wanted, screen.requirements, strict=False):
        if is_met:
            _tick(draw, left, top, GOOD)
        else:
            draw.ellipse((left + 3, top + 4, left + 13, top + 14), outline=FAINT, width=2)
        draw.text((left + COLUMN, top), _shown(value), GOOD if is_met else FAINT, _font(TEXT), anchor="ra")
        top = _item(draw, lines, left, top, INK)
    if hidden:
        draw.text((left + MARK, top), f"and {hidden} more", FAINT, _font(TEXT))


def _item(draw: ImageDraw.ImageDraw, lines: Sequence[str], left: int, top: int, color: Color) -> int:
    """The lines of a list item; gives the top of the next."""
    for line in lines:
        draw.text((left + MARK, top), line, color, _font(TEXT))
        top += LINE
    return top


def _tick(draw: ImageDraw.ImageDraw, left: int, top: int, color: Color) -> None:
    draw.line([(left + 3, top + 9), (left + 7, top + 13), (left + 14, top + 4)], color, 3, joint="curve")


def _dash(draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    """A step that is used up, whether or not it did what it says."""
    draw.line([(left + 4, top + 9), (left + 13, top + 9)], FAINT, 3)


def _arrow(draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    draw.polygon([(left + 4, top + 4), (left + 4, top + 14), (left + 13, top + 9)], ACCENT)


# ---------------------------------------------------------------------- text


@lru_cache(maxsize=8)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _wrapped(text: str, font: Font, width: int, most: int) -> list[str]:
    """Text in at most so many lines of at most this width in pixels; what does not fit ends in three dots."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        line, rest = _broken(rest, font, width)
        lines.append(line)
    if rest:
        last = lines[-1]
        while last and font.getlength(last + "...") > width:
            last = last[:-1]
        lines[-1] = last.rstrip() + "..."
    return lines or [""]


def _broken(text: str, font: Font, width: int) -> tuple[str, str]:
    """The longest beginning that fits, broken at a space where there is one, and the rest."""
    if font.getlength(text) <= width:
        return text, ""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    space = text.rfind(" ", 0, low + 1)
    cut = space if space > 0 else low
    return text[:cut].rstrip(), text[cut:].lstrip()
