"""The action mask as a part of the observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from imgedit_gym.wrappers.base import AddingWrapper, Addition, VectorAddingWrapper


class _ActionMask(Addition):
    def added_spaces(self, env: Any, action_space: spaces.Space[Any]) -> dict[str, Any]:
        if isinstance(action_space, spaces.MultiDiscrete):
            size = int(action_space.nvec.sum())
        else:
            assert isinstance(action_space, spaces.Discrete)
            size = int(action_space.n)
        return {"action_mask": spaces.MultiBinary(size)}

    def show(self, notes: Sequence[Any], images: Any, masks: Any) -> dict[str, Any]:
        return {"action_mask": masks.clone() if isinstance(masks, torch.Tensor) else masks.copy()}


class ActionMaskObservation(_ActionMask, AddingWrapper, RecordConstructorArgs):
    """Adds ``action_mask`` to the observation: what makes sense now, ``MultiBinary`` as ``action_masks()`` has it.

    It has ``n_tools + n_regions`` entries, or one for each action where :class:`JointDiscreteAction` is beneath.

    Args:
        env: An ``ImageEdit-v0``, wrapped or not.

    Raises:
        ImgEditError: If it is none, or its observations have that key.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        AddingWrapper.__init__(self, env)


class VectorActionMaskObservation(_ActionMask, VectorAddingWrapper, RecordConstructorArgs):
    """:class:`ActionMaskObservation` of a batch: ``action_mask`` is ``int8 [B, n]``."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        VectorAddingWrapper.__init__(self, env)
