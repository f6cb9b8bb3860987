"""Rewriting text that was read: lines are found by optical character recognition, taken away, and written anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import check_whole
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.kernels.fill import fill_from_borders
from imgedit_gym.models import pool
from imgedit_gym.models.reading import Line, Reader, letters, similarity
from imgedit_gym.tools import confine
from imgedit_gym.tools.editor import EditorTool, Failure, Request

VERBS = ("rewrite",)
ALIKE = 0.75
"""Similarity of two texts from which on they count as the same, misread letters allowed for."""

SURE = 0.5
"""Confidence of the recogniser below which something is no text."""

READ_AT = 640
"""Edge in pixels that pictures are enlarged to for reading."""

_FINE, _SMALLEST = 4, 8
"""Text is drawn so many times larger and averaged; size of the smallest letters then."""


class RewriteRead(EditorTool):
    """Finds lines of text in the region, fills in what was behind their letters, and writes the step's text there.

    The lines are those that read like the step's target (``rewrite the open as closed``), or all in the region if none
    does and the step is to rewrite. The new text takes their place, height, slant and colour. Steps that remove take
    the lines away.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        font: Path of a TrueType or OpenType font; ``None`` for Pillow's own, which has Latin letters.
        threads: Threads of the recogniser, at least 1.
        verbs: Verbs of plan steps that the tool is for, some of ``rewrite``, ``replace`` and ``remove``.
        **editor: ``name``, ``margin``, ``least``, ``feather``, ``reach`` and ``cache``; see
            :class:`imgedit_gym.tools.editor.EditorTool`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the extra ``ocr`` is not installed.

    Source: PP-OCRv4 (PaddleOCR, Apache-2.0) as ``rapidocr-onnxruntime`` ships it.
    """

    id = "rewrite_read"

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        font: str | None = None,
        threads: int = 1,
        verbs: Sequence[str] | None = VERBS,
        feather: int = 1,
        **editor: Any,
    ) -> None:
        super().__init__(stock, vocabulary, verbs=verbs, feather=feather, **editor)
        if verbs is None or not set(verbs) <= {"rewrite", "replace", "remove"}:
            raise ImgEditError(f"verbs must be some of 'rewrite', 'replace' and 'remove'; found {verbs!r}")
        check_whole("threads", threads, 1, 64)
        self._font = font
        try:
            _face(font, 16)
            self._named = None if font is None else hashlib.sha256(Path(font).read_bytes()).hexdigest()[:16]
        except (OSError, ValueError, TypeError) as error:
            raise ImgEditError(f"font: expected a TrueType or OpenType file; found {font!r} ({error})") from None
        self._reader = pool.acquire(("reader", threads), lambda: Reader(threads))

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        return [RewriteRead.id, self.version, self._reader.name, self._named]

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`; each picture by itself."""
        return [self._rewritten(request) for request in requests]

    def _rewritten(self, request: Request) -> torch.Tensor | Failure:
        picture = request.picture
        lines = [line for line in read(self._reader, picture) if _inside(line, request.mask)]
        if not lines:
            return Failure("no text was found in the region")
        chosen = meant(lines, request.step)
        if not chosen:
            return Failure("no text in the region reads like the plan step's target")
        areas = [quad_mask(line.corners, len(picture)) for line in chosen]
        marks = [ink(picture, area) for area in areas]
        cleared = _cleared(picture, marks)
        text = request.step.value
        if request.step.verb == "remove" or not text:
            return cleared
        color = _color(picture, marks)
        return written(cleared, [line.corners for line in chosen], text, color, self._font)


def read(reader: Reader, picture: torch.Tensor) -> list[Line]:
    """Lines of text in a picture, ``uint8 [s, s, 3]``, in its own pixels."""
    side = len(picture)
    large = confine.resize(picture, max(READ_AT, side), max(READ_AT, side))
    scale = side / len(large)
    return [
        Line(line.corners * scale, line.text, line.confidence)
        for line in reader.find(large.numpy())
        if line.confidence >= SURE and letters(line.text)
    ]


def meant(lines: Sequence[Line], step: PlanStep) -> list[Line]:
    """The lines that a plan step is about."""
    whole = " ".join(line.text for line in lines)
    if similarity(whole, step.target) >= ALIKE:
        return list(lines)
    like = [line for line in lines if similarity(line.text, step.target) >= ALIKE]
    return like or (list(lines) if step.verb == "rewrite" else [])


def quad_mask(corners: np.ndarray, side: int, margin: float = 0.12) -> torch.Tensor:
    """Pixels of a line of text, ``bool [side, side]``, with a margin as a share of its height."""
    middle = corners.mean(0)
    right, down = _axes(corners)
    width, height = np.linalg.norm(right), np.linalg.norm(down)
    more = np.array([1 + 2 * margin * height / max(width, 1e-6), 1 + 2 * margin])
    half = np.stack([right * more[0] / 2, down * more[1] / 2])
    grown = [middle + a * half[0] + b * half[1] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    area = Image.new("L", (side, side))
    ImageDraw.Draw(area).polygon([tuple(point) for point in grown], fill=1)
    return torch.from_numpy(np.array(area)).bool()


def ink(picture: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """How much each pixel of an area differs from the area's ground, in units in which letters are above 1.

    The ground is the median of the area's rim. The threshold between letters and ground is Otsu's (1979).

    Returns:
        ``float32 [s, s]``, 0 outside the area.
    """
    inner = ~_grown(~area)
    rim = area & ~inner if bool(inner.any()) else area
    pixels = picture.float()
    ground = pixels[rim].median(0).values
    apart = (pixels - ground).abs().amax(-1) * area
    return apart / max(_otsu(apart[area].numpy()), 12.0)


def _cleared(picture: torch.Tensor, marks: Sequence[torch.Tensor]) -> torch.Tensor:
    """The picture with letters and the pixels next to them filled from what is around."""
    covered = torch.stack([_grown(mark > 0.6) & (mark > 0) for mark in marks]).any(0)
    box = torch.tensor([[0, 0, *picture.shape[:2]]], dtype=torch.int32)
    return fill_from_borders(picture[None], covered[None], box)[0]


def _color(picture: torch.Tensor, marks: Sequence[torch.Tensor]) -> tuple[int, int, int]:
    """The letters' colour: the median of the pixels that differ most from their ground."""
    mark = torch.stack(list(marks)).amax(0)
    strong = mark > 1.0
    if not bool(strong.any()):
        strong = mark > 0
    strong = mark >= mark[strong].quantile(0.5)
    red, green, blue = (int(level) for level in picture[strong].median(0).values)
    return red, green, blue


def written(
    picture: torch.Tensor,
    places: Sequence[np.ndarray],
    text: str,
    color: tuple[int, int, int],
    font: str | None = None,
) -> torch.Tensor:
    """Write a text over the places of old lines, shared out among them by their lengths.

    Args:
        picture: ``uint8 [s, s, 3]``.
        places: Corners of the old lines, as in :class:`imgedit_gym.models.reading.Line`.
        text: What to write.
        color: Red, green and blue.
        font: Path of a font; ``None`` for Pillow's own.

    Returns:
        ``uint8 [s, s, 3]``, fresh.
    """
    side = len(picture)
    cover = np.zeros((side, side), np.float32)
    for corners, words in zip(places, shared_out(text, places), strict=True):
        if words:
            cover = np.maximum(cover, _coverage(corners, words, side, font))
    share = torch.from_numpy(cover)[..., None]
    mixed = picture.float() * (1.0 - share) + torch.tensor(color, dtype=torch.float32) * share
    return mixed.round().clamp(0, 255).to(torch.uint8)


def shared_out(text: str, places: Sequence[np.ndarray]) -> list[str]:
    """Words of a text for each of some lines, in order, about as long as the lines are."""
    words = text.split()
    lengths = [max(float(np.linalg.norm(_axes(corners)[0])), 1.0) for corners in places]
    total, signs = sum(lengths), sum(len(word) + 1 for word in words)
    shares: list[list[str]] = [[] for _ in places]
    line, used, written_signs, room = 0, 0.0, 0, 0.0
    room = lengths[0] / total * signs
    for word in words:
        middle = written_signs + (len(word) + 1) / 2
        while middle > used + room and line < len(places) - 1:
            used += room
            line += 1
            room = lengths[line] / total * signs
        shares[line].append(word)
        written_signs += len(word) + 1
    return [" ".join(share) for share in shares]


def _coverage(corners: np.ndarray, text: str, side: int, font: str | None) -> np.ndarray:
    """A line of text where an old one was, ``float32 [side, side]`` in [0, 1]."""
    right, down = _axes(corners)
    width, height = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    size = max(_SMALLEST, round(height * _FINE))
    left, top, end, bottom = _face(font, size).getbbox(text, anchor="ls")
    while size > _SMALLEST and (bottom - top > height * _FINE or end - left > width * _FINE):
        size -= 1
        left, top, end, bottom = _face(font, size).getbbox(text, anchor="ls")
    drawn = Image.new("L", (max(1, round(width * _FINE)), max(1, round(height * _FINE))))
    at = (drawn.width - (end - left)) / 2 - left, (drawn.height - (bottom - top)) / 2 - top
    ImageDraw.Draw(drawn).text(at, text, font=_face(font, size), fill=255, anchor="ls")
    # from pixels of the picture, drawn finely, to pixels of the drawing
    start = corners.mean(0) - right / 2 - down / 2
    across, along = right / width, down / height
    step = np.array([across, along])
    shift = -_FINE * (step @ start)
    a, b, d, e = step.flatten()
    fine = drawn.transform(
        (side * _FINE, side * _FINE),
        Image.Transform.AFFINE,
        (a, b, shift[0], d, e, shift[1]),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(fine.resize((side, side), Image.Resampling.BOX), np.float32) / 255.0


def _axes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sides of a line of text, along it and down, at right angles, as vectors of columns and rows."""
    right = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    down = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    normal = np.array([-right[1], right[0]]) / max(float(np.linalg.norm(right)), 1e-6)
    return right, normal * max(float(normal @ down), 1.0)


def _grown(mask: torch.Tensor) -> torch.Tensor:
    """A mask and the pixels next to it."""
    return torch.nn.functional.max_pool2d(mask[None].float(), 3, stride=1, padding=1)[0] > 0


def _inside(line: Line, mask: torch.Tensor) -> bool:
    column, row = (min(max(int(at), 0), len(mask) - 1) for at in line.corners.mean(0))
    return bool(mask[row, column])


def _otsu(values: np.ndarray) -> float:
    """The threshold that leaves the least variance within two classes of levels from 0 to 255."""
    counts = np.bincount(np.clip(values, 0, 255).astype(np.int64), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    mass = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(np.nanargmax(np.nan_to_num(between))) + 1.0


@lru_cache(maxsize=256)
def _face(font: str | None, size: int) -> Any:
    if font is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(font, size)
