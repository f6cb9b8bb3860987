"""Rows of data sets in the hub's format: parquet files, what ``save_to_disk`` wrote, or an id of the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.records import Image


class Rows:
    """The rows of one part of a data set, images left packed until they are wanted.

    Args:
        path: A folder with parquet files, whose names begin with the part (``data/dev-00000-of-00004.parquet``), or
            that ``datasets`` saved to; otherwise an id of the hub.
        part: Which part, in the data set's own words.
        columns: Columns that must be there.
        images: Which of them are images.

    Raises:
        ImgEditError: If there is no such data set, part or column, or ``datasets`` is not installed.
    """

    def __init__(self, path: str, part: str, columns: Sequence[str], images: Sequence[str]) -> None:
        self.where, self._root = f"{path}, {part}", Path(path).expanduser().resolve()
        table = _load(path, part)
        missing = [column for column in columns if column not in table.column_names]
        if missing:
            raise ImgEditError(
                f"{self.where}: expected the columns {', '.join(columns)}; found {', '.join(table.column_names)}"
            )
        for column in images:
            table = _packed(table, column, self.where)
        self._words = table.select_columns([column for column in columns if column not in images])
        self._table = table

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and words of each row, without its images."""
        yield from enumerate(self._words)

    def image(self, row: int, column: str) -> partial[Image]:
        """What gives an image of a row."""
        return partial(self._image, row, column)

    def _image(self, row: int, column: str) -> Image:
        found = self._table.select_columns([column])[row][column] or {}
        if found.get("bytes"):
            return bytes(found["bytes"])
        if found.get("path"):
            file = (self._root / found["path"]).resolve()
            if file.is_file() and file.is_relative_to(self._root):
                return file
        raise ImgEditError(
            f"{self.where}, row {row}: {column}: expected an image, or the path of one inside {self._root}"
        )


def _packed(table: Any, column: str, where: str) -> Any:
    """A table whose images in a column come as bytes or paths, for our own reader to unpack."""
    from datasets import Image as ImageFeature

    kind = table.features[column]
    if not isinstance(kind, ImageFeature) and not (isinstance(kind, dict) and "bytes" in kind):
        raise ImgEditError(f"{where}: expected images in the column {column!r}; found {kind}"[:300])
    return table.cast_column(column, ImageFeature(decode=False))


def _load(path: str, part: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise ImgEditError("public data sets need the extra: pip install imgedit-gym[datasets]") from None
    root = Path(path).expanduser()
    try:
        if not root.exists():
            return _of_the_hub(path, part)
        if (root / "dataset_dict.json").is_file() or (root / "state.json").is_file():
            found = datasets.load_from_disk(str(root))
            if isinstance(found, datasets.DatasetDict):
                if part not in found:
                    raise ImgEditError(f"{path}: expected the part {part!r}; found {', '.join(found)}")
                found = found[part]
            return found
        files = sorted(str(file) for file in root.rglob("*.parquet"))
        mine = [file for file in files if Path(file).name.startswith((f"{part}-", f"{part}.")) or _below(file, part)]
        if not mine:
            found_files = ", ".join(Path(file).name for file in files[:5]) or "none"
            raise ImgEditError(f"{path}: expected parquet files of the part {part!r}; found {found_files}")
        return datasets.Dataset.from_parquet(mine, keep_in_memory=False)
    except ImgEditError:
        raise
    except Exception as error:  # datasets raises what its many readers raise
        reason = " ".join(str(error).split())[:200]
        raise ImgEditError(f"{path}: expected a data set with the part {part!r}; {reason}") from None


def _below(file: str, part: str) -> bool:
    return Path(file).parent.name == part


def _of_the_hub(path: str, part: str) -> Any:
    import datasets

    if path.count("/") != 1 or path.startswith((".", "/", "~")):
        raise ImgEditError(f"{path}: expected a folder, or an id of the hub such as 'osunlp/MagicBrush'")
    return datasets.load_dataset(path, split=part)
