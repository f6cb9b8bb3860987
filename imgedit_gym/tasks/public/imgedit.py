"""ImgEdit-Bench: nine kinds of single edits on photographs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.folder import folder_of, inside
from imgedit_gym.tasks.public.base import Adapter
from imgedit_gym.tasks.public.files import read_json
from imgedit_gym.tasks.records import Record, given_path

FILE = "singleturn.json"


class ImgEditBench(Adapter):
    """The basic suite of ImgEdit-Bench (arXiv 2505.20275): ``singleturn.json`` beside folders of images.

    The file maps each key to ``id``, the image's path, ``prompt`` and ``edit_type``.

    Args:
        path: ``Benchmark/singleturn`` of the unpacked ``Benchmark.tar``, or a folder above it.
        kinds: Only edits of these types, such as ``replace``; ``None`` for all nine.

    Raises:
        ImgEditError: If there is no such folder.
    """

    title = "ImgEdit-Bench"
    licence = "see its page"
    url = "https://huggingface.co/datasets/sysuyy/ImgEdit"

    def __init__(self, path: str, kinds: list[str] | tuple[str, ...] | None = None) -> None:
        super().__init__(path)
        root = folder_of(path)
        places = [root / below / FILE for below in ("", "singleturn", "Benchmark/singleturn")]
        found = [place for place in places if place.is_file()]
        if not found:
            raise ImgEditError(f"{path}: expected {FILE}, here or in Benchmark/singleturn; found none")
        self._kinds, self._root, self._file = kinds, found[0].parent, found[0]

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        for key, entry in read_json(self._file, dict).items():
            where = f"{self._file}, {key!r}"
            if not isinstance(entry, dict) or not {"id", "prompt", "edit_type"} <= entry.keys():
                raise ImgEditError(f"{where}: expected the keys id, prompt and edit_type; found {entry!r}"[:300])
            if self._kinds is None or entry["edit_type"] in self._kinds:
                image = inside(self._root, entry["id"], f"{where}: id")
                yield Record(key, where, partial(given_path, image), entry["prompt"])
