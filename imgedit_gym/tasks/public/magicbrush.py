"""MagicBrush: edits that people asked for and marked on photographs, up to three turns each."""

from __future__ import annotations

from collections.abc import Iterator

from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.tasks.public.base import Adapter, in_turns
from imgedit_gym.tasks.public.rows import Rows
from imgedit_gym.tasks.records import Record

TURNS = ("single", "multi")


class MagicBrush(Adapter):
    """MagicBrush (arXiv 2306.10012).

    Columns ``img_id``, ``turn_index``, ``source_img``, ``mask_img`` and ``instruction``.

    Args:
        path: A copy of ``osunlp/MagicBrush``, or that id.
        part: ``dev`` or ``train``. The test set is apart, and should stay out of training data.
        turns: ``single``: every turn is a task, on the picture it began with. ``multi``: all turns of a picture are one
            task, whose plan they are, on the first picture.
        mask: Whether the task says where the edit belongs. The mask is white there; only for single turns.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    title = "MagicBrush"
    licence = "CC BY 4.0"
    url = "https://huggingface.co/datasets/osunlp/MagicBrush"
    hub = "osunlp/MagicBrush"

    def __init__(self, path: str, part: str = "dev", turns: str = "single", mask: bool = False) -> None:
        super().__init__(path)
        if turns not in TURNS or (mask and turns == "multi"):
            raise ImgEditError(f"turns: expected 'single', or 'multi' without mask; found {turns!r}, mask {mask!r}")
        self._turns, self._mask = turns, mask
        columns = ("img_id", "turn_index", "source_img", "mask_img", "instruction")
        self._rows = Rows(path, part, columns, ("source_img", "mask_img"))

    def records(self) -> Iterator[Record]:
        """See :class:`Adapter`."""
        sessions: dict[str, list[tuple[int, int, str]]] = {}
        for row, words in self._rows:
            where, session = f"{self._rows.where}, row {row}", str(words["img_id"])
            try:
                turn = int(words["turn_index"])
            except (TypeError, ValueError, OverflowError):
                raise DataFileError(
                    f"{where}: turn_index: expected a whole number; found {words['turn_index']!r}"[:300]
                ) from None
            if self._turns == "multi":
                sessions.setdefault(session, []).append((turn, row, str(words["instruction"])))
                continue
            yield Record(
                id=f"{session}-{turn}",
                where=where,
                image=self._rows.image(row, "source_img"),
                instruction=words["instruction"],
                mask=self._rows.image(row, "mask_img") if self._mask else None,
            )
        for session, steps in sessions.items():
            steps.sort()
            requests = [request for _, _, request in steps]
            first = steps[0][1]
            where = f"{self._rows.where}, row {first}"
            yield in_turns(session, where, self._rows.image(first, "source_img"), requests)
