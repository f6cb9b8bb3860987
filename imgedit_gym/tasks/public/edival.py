"""EdiVal-Bench: three edits one after the other, about the objects of a photograph."""

from __future__ import annotations

import ast
import csv
import io
import zipfile
from collections.abc import Iterator
from functools import partial

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import MAX_BYTES
from imgedit_gym.tasks.folder import folder_of, inside, read_text
from imgedit_gym.tasks.public.base import Adapter, in_turns
from imgedit_gym.tasks.records import Image, Record

FILE = "oai_instruction_generation_output.csv"
IMAGES = "input_images_resize_512"
TURNS = 3


class EdiVal(Adapter):
    """EdiVal-Bench (arXiv 2509.13399): a table of instructions beside the images, packed or unpacked.

    The table has the columns ``image_index``, ``turns`` and ``instructions``, a list in Python's notation of the edits
    up to that turn. The edits of a task are its plan, and each is a requirement.

    Args:
        path: A folder with ``oai_instruction_generation_output.csv`` and ``input_images_resize_512.zip``, or the folder
            it unpacks to.
        turns: How many edits a task has, 1 to 3.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    title = "EdiVal-Bench"
    licence = "CC BY-SA 4.0"
    url = "https://huggingface.co/datasets/C-Tianyu/EdiVal"

    def __init__(self, path: str, turns: int = TURNS) -> None:
        super().__init__(path)
        if isinstance(turns, bool) or turns not in range(1, TURNS + 1):
            raise ImgEditError(f"turns: expected a whole number from 1 to {TURNS}; found {turns!r}")
        self._root, self._turns = folder_of(path), turns
        self._table = inside(self._root, FILE, path)
        packed = self._root / f"{IMAGES}.zip"
        self._zip = packed if packed.is_file() else None
        if self._zip is None and not (self._root / IMAGES).is_dir():
            raise ImgEditError(f"{path}: expected {IMAGES}.zip, or the folder {IMAGES}; found neither")

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        names = self._names()
        rows = csv.DictReader(io.StringIO(read_text(self._table, FILE)))
        missing = {"image_index", "turns", "instructions"} - set(rows.fieldnames or ())
        if missing:
            raise ImgEditError(f"{FILE}, line 1: expected the columns {', '.join(sorted(missing))} too")
        for row in rows:
            where = f"{FILE}, line {rows.line_num}"
            if row["turns"] != str(self._turns):
                continue
            index = row["image_index"]
            found = [name for end in ("jpg", "png") if (name := f"{index}_input_raw.{end}") in names]
            if not found:
                raise ImgEditError(f"{where}: expected an image {index}_input_raw.jpg or .png; found none")
            image = partial(self._image, names[found[0]], where)
            yield in_turns(str(index), where, image, _list(row["instructions"], self._turns, where))

    def _names(self) -> dict[str, str]:
        """Images by the end of their path."""
        if self._zip is None:
            return {file.name: f"{IMAGES}/{file.name}" for file in (self._root / IMAGES).iterdir()}
        try:
            with zipfile.ZipFile(self._zip) as packed:
                return {name.rsplit("/", 1)[-1]: name for name in packed.namelist()}
        except (OSError, zipfile.BadZipFile) as error:
            raise ImgEditError(f"{self._zip}: expected a zip file; {error}") from None

    def _image(self, name: str, where: str) -> Image:
        if self._zip is None:
            return inside(self._root, name, where)
        try:
            with zipfile.ZipFile(self._zip) as packed, packed.open(name) as file:
                return file.read(MAX_BYTES + 1)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, ValueError, EOFError) as error:
            raise ImgEditError(f"{where}: {self._zip.name}: expected {name}; {error}") from None


def _list(text: str, n: int, where: str) -> list[str]:
    """Texts from a list in Python's notation, which holds nothing but literals."""
    try:
        found = ast.literal_eval(text[:10_000])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != n or not all(isinstance(one, str) for one in found):
        raise ImgEditError(f"{where}: instructions: expected a list of {n} texts; found {text!r}"[:300])
    return [one.strip().strip('"') for one in found]
