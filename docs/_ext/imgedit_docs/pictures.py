"""Pictures that the code draws, kept until the code changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

SOURCES = ("*.py", "*.toml", "*.json")
"""Files of the package that pictures depend on; weights are none of them."""


@cache
def code_digest(*roots: Path) -> str:
    """A hash of files, and of all code and data below folders."""
    digest = hashlib.sha256()
    for root in roots:
        if root.is_file():
            digest.update(root.read_bytes())
        for path in sorted(found for pattern in SOURCES for found in root.rglob(pattern)):
            if "weights" not in path.relative_to(root).parts:
                digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@dataclass
class Album:
    """Pictures by name. What is there from the same code and arguments is not drawn again.

    Attributes:
        folder: Where they are kept.
        code: Hash of the code that draws them.
    """

    folder: Path
    code: str

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._index = self.folder / "index.json"
        self._known: dict[str, Any] = json.loads(self._index.read_text()) if self._index.exists() else {}
        self._used: set[str] = set()
        self.drawn: list[str] = []

    def get(self, name: str, draw: Callable[[], tuple[Sequence[Image.Image], Any]], **how: Any) -> Any:
        """Make sure that a picture is there.

        Args:
            name: File name in the folder; what it ends with is the format.
            draw: Makes the frames, one for a picture that does not move, and what there is to say of them: anything
                JSON holds.
            **how: Arguments for saving, such as ``duration`` in milliseconds.

        Returns:
            What there is to say.
        """
        self._used.add(name)
        key = hashlib.sha256(json.dumps([self.code, name, how], default=str).encode()).hexdigest()
        known = self._known.get(name)
        if known is None or known["key"] != key or not (self.folder / name).exists():
            frames, said = draw()
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            moving = {"save_all": True, "append_images": frames[1:], "loop": 0} if len(frames) > 1 else {}
            frames[0].save(path, **moving, **how)
            self._known[name] = {"key": key, "said": said}
            self._index.write_text(json.dumps(self._known, indent=1))
            self.drawn.append(name)
        return self._known[name]["said"]

    def tidy(self) -> None:
        """Remove pictures that nobody asked for."""
        for name in set(self._known) - self._used:
            (self.folder / name).unlink(missing_ok=True)
            del self._known[name]
        self._index.write_text(json.dumps(self._known, indent=1))
