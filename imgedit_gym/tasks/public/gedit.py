"""GEdit-Bench: requests that users made to editors, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.public.base import Adapter
from imgedit_gym.tasks.public.rows import Rows
from imgedit_gym.tasks.records import Record

LANGUAGES = ("en", "cn")


class GEditBench(Adapter):
    """GEdit-Bench (arXiv 2504.17761).

    Columns ``key``, ``task_type``, ``instruction``, ``instruction_language`` and ``input_image_raw``.

    Args:
        path: A copy of ``stepfun-ai/GEdit-Bench``, or that id.
        part: The part it is published as.
        language: ``en`` or ``cn``.
        kinds: Only edits of these types, such as ``color_alter``; ``None`` for all eleven.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    title = "GEdit-Bench"
    licence = "MIT"
    url = "https://huggingface.co/datasets/stepfun-ai/GEdit-Bench"
    hub = "stepfun-ai/GEdit-Bench"

    def __init__(
        self, path: str, part: str = "train", language: str = "en", kinds: list[str] | tuple[str, ...] | None = None
    ) -> None:
        super().__init__(path)
        if language not in LANGUAGES:
            raise ImgEditError(f"language: expected one of {', '.join(LANGUAGES)}; found {language!r}")
        self._language, self._kinds = language, kinds
        columns = ("key", "task_type", "instruction", "instruction_language", "input_image_raw")
        self._rows = Rows(path, part, columns, ("input_image_raw",))

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        for row, words in self._rows:
            if words["instruction_language"] == self._language and (
                self._kinds is None or words["task_type"] in self._kinds
            ):
                where = f"{self._rows.where}, row {row}"
                yield Record(str(words["key"]), where, self._rows.image(row, "input_image_raw"), words["instruction"])
