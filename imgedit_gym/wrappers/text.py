"""The instruction and the plan step in words as a part of the observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.words import CHARSET, plain
from imgedit_gym.engine import Engine
from imgedit_gym.wrappers.base import AddingWrapper, Addition, VectorAddingWrapper


class _Text(Addition):
    max_length: int

    def added_spaces(self, env: Any, action_space: spaces.Space[Any]) -> dict[str, Any]:
        if not isinstance(self.max_length, int) or isinstance(self.max_length, bool) or self.max_length < 1:
            raise ImgEditError(f"max_length must be a whole number of at least 1; found {self.max_length!r}")
        space = spaces.Text(self.max_length, min_length=0, charset=CHARSET)
        return {"instruction": space, "plan_step_text": spaces.Text(self.max_length, min_length=0, charset=CHARSET)}

    def notes(self, engine: Engine, rows: Sequence[int], ahead: int) -> list[tuple[str, str]]:
        found = []
        for row in rows:
            plan, index = engine.plan(row), int(engine.step_index[row]) + ahead
            step = plan[index].text if index < len(plan) else ""
            instruction = engine.tasks.instruction(engine.batch, row)
            found.append((plain(instruction, self.max_length), plain(step, self.max_length)))
        return found

    def show(self, notes: Sequence[tuple[str, str]], images: Any, masks: Any) -> dict[str, Any]:
        return {"instruction": [note[0] for note in notes], "plan_step_text": [note[1] for note in notes]}


class TextObservation(_Text, AddingWrapper, RecordConstructorArgs):
    """Adds ``instruction`` and ``plan_step_text`` to the observation, as ``Text`` in printable ASCII.

    The plan step is empty once the plan is exhausted. Texts outside ASCII are brought into it, see
    :func:`imgedit_gym.core.words.plain`; the unchanged ones are in ``info``.

    Gymnasium's ``AsyncVectorEnv`` reads ``Text`` wrongly through shared memory; give it ``shared_memory=False``, or
    use the vector environment and :class:`VectorTextObservation`. Stable-Baselines3 has no ``Text``.

    Args:
        env: An ``ImageEdit-v0``, wrapped or not.
        max_length: Longest text in characters; longer ones are cut.

    Raises:
        ImgEditError: If an argument is not what is expected, or observations have these keys.
    """

    def __init__(self, env: gym.Env[Any, Any], max_length: int = 256) -> None:
        RecordConstructorArgs.__init__(self, max_length=max_length)
        self.max_length = max_length
        AddingWrapper.__init__(self, env)


class VectorTextObservation(_Text, VectorAddingWrapper, RecordConstructorArgs):
    """:class:`TextObservation` of a batch: tuples of B texts, which are written for every step."""

    def __init__(self, env: VectorEnv[Any, Any, Any], max_length: int = 256) -> None:
        RecordConstructorArgs.__init__(self, max_length=max_length)
        self.max_length = max_length
        VectorAddingWrapper.__init__(self, env)
