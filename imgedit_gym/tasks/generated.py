"""What worlds have in common that make each task from a key: names of tasks, and plans in words."""

from __future__ import annotations

from typing import Protocol

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.core.vocabulary import Vocabulary


class _Split(Protocol):
    @property
    def name(self) -> str: ...


class Generated:
    """A part of such a task source.

    Attributes:
        id: Of the source.
        split: Its split.
        stream: Number of the split's random stream.
        vocabulary: Of its plans.
    """

    id: str
    split: _Split
    stream: int
    vocabulary: Vocabulary

    def key_of(self, task_id: str) -> int:
        """The key of a task id such as ``adverts/test/2a4f…``.

        Raises:
            ImgEditError: If it is none of this source and split.
        """
        source, _, rest = task_id.partition("/")
        split, _, digits = rest.partition("/")
        try:
            bits = int(digits, 16)
        except ValueError:
            bits = -1
        if source != self.id or split != self.split.name or not 0 <= bits < 1 << KEY_BITS:
            raise ImgEditError(
                f"task_id: expected {self.id}/{self.split.name}/ and up to 12 hexadecimal digits; found {task_id!r}"
            )
        return (self.stream << KEY_BITS) | bits

    def task_id(self, batch: TaskBatch, row: int) -> str:
        """Name of a task, by which it is made again."""
        if row in batch.texts:
            return batch.texts[row].task_id
        bits = int(batch.keys[row]) & ((1 << KEY_BITS) - 1)
        return f"{self.id}/{self.split.name}/{bits:012x}"

    def oracle_plan(self, batch: TaskBatch, row: int) -> Plan:
        """The plan that serves every requirement."""
        if row in batch.texts:
            return batch.texts[row].plan
        length = int(batch.plan_length[row])
        return tuple(self.vocabulary.decode(codes) for codes in batch.plan[row, :length].tolist())
