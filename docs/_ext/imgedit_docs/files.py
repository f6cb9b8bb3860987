"""The folder of generated pages: files change only where their content does."""

from __future__ import annotations

from pathlib import Path


class Pages:
    """Collects generated files, writes those that changed and removes those that nobody made.

    Args:
        folder: Where they go.
        keep: Names of sub-folders that others look after.
    """

    def __init__(self, folder: Path, keep: tuple[str, ...] = ("pictures",)) -> None:
        self.folder = folder
        self._keep = keep
        self._made: set[Path] = set()

    def write(self, name: str, text: str) -> None:
        """Write a file, named from the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._made.add(path)
        text = text.rstrip() + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")

    def tidy(self) -> None:
        """Remove what was there before and has not been written this time."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.relative_to(self.folder).parts[0] in self._keep:
                continue
            if path.is_file() and path not in self._made:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
