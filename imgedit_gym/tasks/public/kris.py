"""KRIS-Bench: edits that take knowledge of the world, in 22 categories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.folder import folder_of, inside
from imgedit_gym.tasks.public.base import Adapter
from imgedit_gym.tasks.public.files import read_json
from imgedit_gym.tasks.records import Record, given_path

FILE = "annotation.json"


class KrisBench(Adapter):
    """KRIS-Bench (arXiv 2505.16707): a folder a category, each with ``annotation.json`` and images.

    The file maps each number to ``ori_img``, ``ins_en`` and ``explain_en``. What should come of the edit,
    ``explain_en``, is a requirement beside the request itself. Tasks with several images are left out.

    Args:
        path: The unpacked ``KRIS_Bench``.
        kinds: Only these categories; ``None`` for all.
        hints: Whether ``explain_en`` is a requirement.

    Raises:
        ImgEditError: If there is no such folder.
    """

    title = "KRIS-Bench"
    licence = "see its page"
    url = "https://github.com/mercurystraw/Kris_Bench"

    def __init__(self, path: str, kinds: list[str] | tuple[str, ...] | None = None, hints: bool = True) -> None:
        super().__init__(path)
        root = folder_of(path)
        self._files = [file for file in sorted(root.glob(f"*/{FILE}")) if kinds is None or file.parent.name in kinds]
        self._hints = hints
        if not self._files:
            raise ImgEditError(f"{path}: expected folders with {FILE}, one a category; found none")

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        for file in self._files:
            for number, entry in read_json(file, dict).items():
                where = f"{file}, {number!r}"
                if not isinstance(entry, dict) or not {"ori_img", "ins_en"} <= entry.keys():
                    raise ImgEditError(f"{where}: expected the keys ori_img and ins_en; found {entry!r}"[:300])
                names = entry["ori_img"]
                names = [names] if isinstance(names, str) else names
                if not isinstance(names, list) or len(names) != 1:
                    continue
                image = inside(file.parent, names[0], f"{where}: ori_img")
                told = [one for one in (entry["ins_en"], entry.get("explain_en") if self._hints else None) if one]
                id = f"{file.parent.name}/{number}"
                yield Record(id, where, partial(given_path, image), entry["ins_en"], options={"checklist": told})
