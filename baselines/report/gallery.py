"""A picture of final pictures: tasks down, the source and every agent across."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from baselines.report.episode import EpisodeView, by_task_and_agent, unique
from baselines.report.files import write_whole
from imgedit_gym.core.errors import ImgEditError

TILE = 192
BORDER = 5
GAP = 18
MARGIN = 28
HEADING, CAPTION = 24, 17
LINE = 1.3
"""Line height over font size."""

PAPER, INK, FAINT = "#ffffff", "#1c2230", "#5c6475"
SUCCESS, FAILURE, NEUTRAL = "#1a7f4b", "#c4342b", "#c9ced8"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def wrap(text: str, font: Font, width: int) -> list[str]:
    """Break a text into lines no wider than `width` pixels; a longer word is broken too."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        pieces = _break(word, font, width)
        lines[-1:] = [lines[-1], *pieces] if lines[-1] else pieces
    return lines


def _break(word: str, font: Font, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def shorten(text: str, font: Font, width: int) -> str:
    """Cut a text to `width` pixels, with an ellipsis where it was cut."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@dataclass(frozen=True)
class _Row:
    """A task of the gallery: the lines above it, and its pictures."""

    lines: list[str]
    source: EpisodeView
    finals: list[EpisodeView | None]

    @property
    def heading(self) -> int:
        return round(len(self.lines) * HEADING * LINE) + 8

    @property
    def height(self) -> int:
        return self.heading + TILE + 2 * BORDER + 6 + round(2 * CAPTION * LINE)


def draw_gallery(episodes: Sequence[EpisodeView], path: str | os.PathLike[str], *, max_tasks: int = 6) -> None:
    """Draw the source and every agent's final picture for the first few tasks.

    Args:
        episodes: At least one; of several episodes of an agent on a task the first is shown.
        path: PNG file to write.
        max_tasks: How many tasks at most.

    Raises:
        ImgEditError: If there is no episode.
    """
    if not episodes:
        raise ImgEditError("a gallery needs at least one episode; found none")
    agents = unique(episode.agent for episode in episodes)
    width = 2 * MARGIN + (1 + len(agents)) * (TILE + 2 * BORDER) + len(agents) * GAP
    tasks = unique(episode.task_id for episode in episodes)[:max_tasks]
    table = by_task_and_agent(episodes)
    rows = [_plan_row(table, task, agents, width - 2 * MARGIN) for task in tasks]
    height = 2 * MARGIN + sum(row.height for row in rows) + 2 * GAP * (len(rows) - 1)
    sheet = Image.new("RGB", (width, height), PAPER)
    top = MARGIN
    for number, row in enumerate(rows):
        if number:
            ImageDraw.Draw(sheet).line((MARGIN, top - GAP, width - MARGIN, top - GAP), NEUTRAL)
        _draw_row(sheet, row, agents, top)
        top += row.height + 2 * GAP
    content = io.BytesIO()
    sheet.save(content, "PNG", optimize=True)
    write_whole(path, content.getvalue())


def _plan_row(table: Mapping[tuple[str, str], EpisodeView], task: str, agents: Sequence[str], width: int) -> _Row:
    finals = [table.get((task, agent)) for agent in agents]
    source = next(final for final in finals if final is not None)
    return _Row(wrap(source.instruction, _font(HEADING), width), source, finals)


def _draw_row(sheet: Image.Image, row: _Row, agents: Sequence[str], top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(row.lines):
        draw.text((MARGIN, top + round(number * HEADING * LINE)), line, INK, _font(HEADING))
    top += row.heading
    # Ids differ in their last part, and only that fits below a picture.
    task = row.source.task_id.rpartition("/")[2]
    _draw_tile(sheet, (MARGIN, top), row.source.frames[0], NEUTRAL, "source", task, FAINT)
    for column, (agent, final) in enumerate(zip(agents, row.finals, strict=True), 1):
        at = (MARGIN + column * (TILE + 2 * BORDER + GAP), top)
        if final is None:
            _draw_tile(sheet, at, None, NEUTRAL, agent, "not run", FAINT)
            continue
        if not final.valid:
            _draw_tile(sheet, at, final.frames[-1], NEUTRAL, agent, "not judged", FAINT)
            continue
        colour, word = (SUCCESS, "success") if final.success else (FAILURE, "failure")
        _draw_tile(sheet, at, final.frames[-1], colour, agent, f"{final.score:.2f}  {word}", colour)


def _draw_tile(
    sheet: Image.Image,
    at: tuple[int, int],
    frame: np.ndarray | None,
    border: str,
    name: str,
    note: str,
    note_colour: str,
) -> None:
    """A bordered picture with two caption lines; without a frame an empty one."""
    left, top = at
    outer = TILE + 2 * BORDER
    draw = ImageDraw.Draw(sheet)
    thickness = 1 if frame is None else BORDER
    draw.rectangle((left, top, left + outer - 1, top + outer - 1), PAPER, border, thickness)
    if frame is not None:
        sheet.paste(_fit(frame), (left + BORDER, top + BORDER))
    font = _font(CAPTION)
    below = top + outer + 6
    draw.text((left, below), shorten(name, font, outer), INK, font)
    draw.text((left, below + round(CAPTION * LINE)), shorten(note, font, outer), note_colour, font)


def _fit(frame: np.ndarray) -> Image.Image:
    """The frame in a TILE x TILE square, its proportions kept."""
    picture = Image.fromarray(frame)
    scale = TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Whole factors stay exact to the pixel; others need a filter.
    method = Image.Resampling.NEAREST if scale == int(scale) else Image.Resampling.LANCZOS
    tile = Image.new("RGB", (TILE, TILE), PAPER)
    tile.paste(picture.resize(size, method), ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile
