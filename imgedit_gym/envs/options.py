"""What ``reset`` takes, read and checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan, parse_plan
from imgedit_gym.core.rng import checked_seed
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.users import OPTIONS as USER_OPTIONS

OPTIONS = ("task_id", *USER_OPTIONS)
"""Keys of ``reset(options=...)`` of the single environment."""

VECTOR_OPTIONS = ("reset_mask",)
"""Keys of ``reset(options=...)`` of the vector environment."""


@dataclass(frozen=True)
class Start:
    """What an episode of the single environment starts from."""

    key: int | None = None
    plan: Plan | None = None
    user: dict[str, Any] | None = None

    @classmethod
    def read(cls, options: Mapping[str, Any], engine: Engine, known: Sequence[str] = OPTIONS) -> Start:
        """Check options before anything changes.

        Args:
            options: What ``reset`` was given.
            engine: Where the episode is to start.
            known: Keys that the environment takes.

        Raises:
            ImgEditError: If a key is unknown, keys exclude each other, or a task id or plan is not one.
        """
        _check_keys(options, known)
        own = [key for key in USER_OPTIONS if key != "plan" and options.get(key) is not None]
        task_id, plan = options.get("task_id"), options.get("plan")
        if own and task_id is not None:
            raise ImgEditError(f"reset options: either task_id or a task of your own; found task_id and {own}")
        steps = None if plan is None else parse_plan(plan, engine.max_plan_steps)
        if own:
            return cls(user={key: value for key, value in options.items() if value is not None})
        if task_id is None:
            return cls(plan=steps)
        if not isinstance(task_id, str):
            raise ImgEditError(f"task_id: expected text; found {task_id!r}")
        return cls(key=engine.tasks.key_of(task_id), plan=steps)

    def begin(self, engine: Engine, seed: int | None) -> None:
        """Start the episode in row 0; a seed starts the sequence of tasks anew."""
        if self.user is not None:
            engine.reset_user_task(0, self.user)
        elif self.key is not None:
            engine.reset_keys([0], [self.key])
        else:
            engine.reset([0], [seed])
        if seed is not None and (self.user is not None or self.key is not None):
            engine.seed([0], [seed])
        if self.plan is not None:
            engine.set_plan(0, self.plan)


def read_mask(options: Mapping[str, Any], num_envs: int) -> torch.Tensor:
    """Which environments of a batch are to be reset, ``bool [B]`` on the CPU.

    Raises:
        ImgEditError: If a key is unknown, or the mask is not a boolean array of B entries, one of them true.
    """
    _check_keys(options, VECTOR_OPTIONS)
    mask = options.get("reset_mask")
    if mask is None:
        return torch.ones(num_envs, dtype=torch.bool)
    if not isinstance(mask, (np.ndarray, torch.Tensor)) or mask.dtype not in (np.bool_, torch.bool):
        found = f"dtype {mask.dtype}" if hasattr(mask, "dtype") else type(mask).__name__
        raise ImgEditError(f"reset_mask: expected a boolean array of NumPy or torch; found {found}")
    if mask.shape != (num_envs,):
        raise ImgEditError(f"reset_mask: expected the shape ({num_envs},); found {tuple(mask.shape)}")
    if not mask.any():
        raise ImgEditError("reset_mask: expected at least one environment to reset; found none")
    return torch.as_tensor(mask).cpu().clone()


def read_seeds(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    """A seed for each environment of a batch: a number s stands for s, s + 1, and so on.

    Raises:
        ImgEditError: If the length is another, or a seed is no whole number of at least 0.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, (Sequence, np.ndarray)) and not isinstance(seed, (str, bytes)):
        seeds = list(seed)
        if len(seeds) != num_envs:
            raise ImgEditError(f"seed: expected one for each of the {num_envs} environments; found {len(seeds)}")
        return [None if one is None else checked_seed(one) for one in seeds]
    first = checked_seed(seed)
    return [first + i for i in range(num_envs)]


def _check_keys(options: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(str(key) for key in options if key not in known)
    if unknown:
        raise ImgEditError(f"unknown reset options {unknown}; expected some of {list(known)}")
