"""Emu Edit's test set: seven kinds of edits with captions of before and after."""

from __future__ import annotations

from collections.abc import Iterator

from imgedit_gym.tasks.public.base import Adapter
from imgedit_gym.tasks.public.rows import Rows
from imgedit_gym.tasks.records import Record


class EmuEdit(Adapter):
    """The test set of Emu Edit (arXiv 2311.10089), columns ``idx``, ``task``, ``instruction``, ``image``.

    Args:
        path: A copy of ``facebook/emu_edit_test_set``, or that id.
        part: ``test`` or ``validation``.
        kinds: Only edits of these tasks, such as ``background``; ``None`` for all seven.

    Raises:
        ImgEditError: If it is not in the data set's format.
    """

    title = "Emu Edit test set"
    licence = "CC BY-NC 4.0: not for commercial use"
    url = "https://huggingface.co/datasets/facebook/emu_edit_test_set"
    hub = "facebook/emu_edit_test_set"

    def __init__(self, path: str, part: str = "test", kinds: list[str] | tuple[str, ...] | None = None) -> None:
        super().__init__(path)
        self._kinds = kinds
        self._rows = Rows(path, part, ("idx", "task", "instruction", "image"), ("image",))

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        for row, words in self._rows:
            if self._kinds is None or words["task"] in self._kinds:
                where = f"{self._rows.where}, row {row}"
                yield Record(str(words["idx"]), where, self._rows.image(row, "image"), words["instruction"])
