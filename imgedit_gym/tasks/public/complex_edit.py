"""Complex-Edit: requests compounded of one to eight atomic edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.public.base import Adapter, in_turns
from imgedit_gym.tasks.public.rows import Rows
from imgedit_gym.tasks.records import Record

MOST = 8


class ComplexEdit(Adapter):
    """Complex-Edit (arXiv 2504.13143), columns ``image`` and ``edit``.

    ``edit`` has the atomic edits, ``sequence`` with ``instruction``, and the requests made of the first 1, 2, ... of
    them, ``compound`` with ``compound_instruction``. The atomic edits are the plan and the requirements.

    Args:
        path: A copy of ``UCSC-VLAA/Complex-Edit``, or that id.
        part: ``test_real`` for photographs, ``test_syn`` for generated pictures.
        complexity: How many atomic edits, 1 to 8.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    title = "Complex-Edit"
    licence = "CC BY-NC 4.0: not for commercial use"
    url = "https://huggingface.co/datasets/UCSC-VLAA/Complex-Edit"
    hub = "UCSC-VLAA/Complex-Edit"

    def __init__(self, path: str, part: str = "test_real", complexity: int = MOST) -> None:
        super().__init__(path)
        if not is_number(complexity) or complexity not in range(1, MOST + 1):
            raise ImgEditError(f"complexity: expected a whole number from 1 to {MOST}; found {complexity!r}")
        self._complexity = int(complexity)
        self._rows = Rows(path, part, ("image", "edit"), ("image",))

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        for row, words in self._rows:
            where = f"{self._rows.where}, row {row}"
            atomic = _texts(words["edit"], "sequence", "instruction", where)[: self._complexity]
            compound = _texts(words["edit"], "compound", "compound_instruction", where)
            if len(compound) < self._complexity or len(atomic) < self._complexity:
                raise ImgEditError(f"{where}: edit: expected {self._complexity} edits; found {len(compound)}")
            request = compound[self._complexity - 1]
            yield in_turns(f"{row:04d}", where, self._rows.image(row, "image"), atomic, request)


def _texts(edit: Any, key: str, inner: str, where: str) -> list[str]:
    steps = edit.get(key) if isinstance(edit, dict) else None
    if isinstance(steps, dict):  # datasets of old hold a list of mappings as a mapping of lists
        steps = [{inner: one} for one in steps.get(inner) or ()]
    if not isinstance(steps, list) or not all(isinstance(step, dict) and step.get(inner) for step in steps):
        raise ImgEditError(f"{where}: edit: expected a list {key!r} with the key {inner!r}; found {steps!r}"[:300])
    return [str(step[inner]) for step in steps]
