"""Reading text in pictures, by optical character recognition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from PIL import Image

from imgedit_gym.core.errors import ImgEditError

LINE = 48
"""Height in pixels at which a line of text is read, the recogniser's own."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Line:
    """A line of text that was found.

    Attributes:
        corners: Column and row of its corners in pixels, ``float32 [4, 2]``, clockwise from where the text begins, at
            its top.
        text: What it reads.
        confidence: How sure the recogniser is, in [0, 1].
    """

    corners: np.ndarray
    text: str
    confidence: float


class Reader:
    """Reads text in pictures.

    Args:
        threads: Threads to use.

    Raises:
        ImgEditError: If the extra ``ocr`` is not installed.

    Attributes:
        name: Package and version.
    """

    def __init__(self, threads: int) -> None:
        try:
            from importlib.metadata import version

            from rapidocr_onnxruntime import RapidOCR
        except ImportError as error:
            raise ImgEditError(f"reading needs the extra 'ocr': pip install 'imgedit-gym[ocr]' ({error})") from None
        self.name = f"rapidocr-onnxruntime {version('rapidocr-onnxruntime')}"
        self._engine: Any = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=threads)

    def read(self, lines: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Text and confidence in [0, 1] of each line, ``uint8 [LINE, w, 3]``."""
        if not lines:
            return []
        found, _ = self._engine.text_rec([line[..., ::-1] for line in lines])  # the recogniser takes blue first
        return [(str(text), float(confidence)) for text, confidence, *_ in found]

    def find(self, picture: np.ndarray) -> list[Line]:
        """The lines of text in a picture, ``uint8 [H, W, 3]``, from top to bottom."""
        found, _ = self._engine(np.ascontiguousarray(picture[..., ::-1]), use_cls=False)
        return [Line(np.asarray(quad, np.float32), str(text), float(sure)) for quad, text, sure in found or ()]

    def search(self, picture: np.ndarray) -> str:
        """All texts found in a picture, ``uint8 [H, W, 3]``, from top to bottom."""
        return " ".join(line.text for line in self.find(picture))


def line_of(picture: np.ndarray, box: Box) -> np.ndarray:
    """A box of a picture as a line of text to be read, ``uint8 [LINE, w, 3]``."""
    top, left, bottom, right = box
    crop = Image.fromarray(picture[top:bottom, left:right])
    width = max(1, round(crop.width * LINE / crop.height))
    return np.asarray(crop.resize((width, LINE), Image.Resampling.BICUBIC))


def letters(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def similarity(first: str, second: str) -> float:
    """How alike two texts are, in [0, 1]: twice the letters they share in order, over all letters of both."""
    first, second = letters(first), letters(second)
    if not first or not second:
        return float(first == second)
    return SequenceMatcher(None, first, second, autojunk=False).ratio()
