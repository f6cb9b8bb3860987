"""One number for tool and region, with a mask that is exact for the pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.engine import Engine
from imgedit_gym.envs import shared
from imgedit_gym.wrappers.base import ending_rows, single_inside, spread, vector_inside

_CHUNK = 64
"""Environments whose regions are drawn at once; more only need more memory."""


def joint_masks(engine: Engine, rows: Sequence[int], ahead: int = 0) -> torch.Tensor:
    """Which pairs of tool and region can be carried out, ``bool [n, n_tools * n_regions]``.

    A pair is allowed where the tool finds no problem with the plan step and the region, so that an edit is made,
    though it may change no pixel. ``skip`` is allowed for the whole picture only: elsewhere it is the same action.

    Args:
        engine: The engine.
        rows: Which environments.
        ahead: How many steps from now, within the episode.
    """
    found = torch.zeros(len(rows), len(engine.tools), N_REGIONS, dtype=torch.bool, device=engine.device)
    index = torch.tensor(list(rows), dtype=torch.int64, device=engine.device)
    every = torch.arange(N_REGIONS, device=engine.device)
    for start in range(0, len(index), _CHUNK):
        part = index[start : start + _CHUNK]
        repeated = part.repeat_interleave(N_REGIONS)
        steps = engine.steps_of(part, ahead)
        each = steps.rows(torch.arange(len(part), device=engine.device).repeat_interleave(N_REGIONS))
        regions = engine.regions.regions(repeated, every.repeat(len(part)), each)
        for number, tool in enumerate(engine.tools[1:], 1):
            fine = (engine.check(number, regions, each) == 0).reshape(len(part), N_REGIONS)
            found[start : start + len(part), number] = fine & tool.accepts(steps)[:, None]
    found[:, 0, 0] = True
    return found.flatten(1)


class JointDiscreteAction(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Makes the action ``Discrete(n_tools * n_regions)``: ``tool * n_regions + region``.

    ``action_masks()`` and ``info["action_mask"]`` (``int8``, for ``action_space.sample``) tell for each pair of tool
    and region whether it can be carried out; see :func:`joint_masks`. The environment's own two masks cannot say
    that a tool does not go with a region.

    Args:
        env: An ``ImageEdit-v0`` with its own action space.

    Raises:
        ImgEditError: If it is none.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._inner = single_inside(env)
        self.action_space = _joint_space(env.action_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see the environment."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, self._with_mask(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry the action out.

        Raises:
            ImgEditError: If the action is outside the action space; nothing has changed then.
        """
        try:
            pair = divmod(shared.whole(action), N_REGIONS)
        except TypeError:
            raise ImgEditError(f"expected a whole number below {self.action_space.n}; found {action!r}") from None  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, info = self.env.step(np.array(pair))
        return observation, reward, terminated, truncated, self._with_mask(info)

    def action_masks(self) -> np.ndarray:
        """Which actions can be carried out now, ``bool [n_tools * n_regions]``."""
        return joint_masks(self._inner.engine, [0])[0].cpu().numpy()

    def action(self, tool: str | int = "skip", region: int = 0) -> int:
        """The action that uses a tool in a region; see :meth:`ImageEditEnv.action`."""
        chosen = self._inner.action(tool, region)
        return int(chosen[0]) * N_REGIONS + int(chosen[1])

    def describe_action(self, action: Any) -> tuple[str, int]:
        """Id of the tool and index of the region: the inverse of :meth:`action`."""
        return self._inner.describe_action(divmod(shared.whole(action), N_REGIONS))

    def _with_mask(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "action_mask": self.action_masks().astype(np.int8)}


class VectorJointDiscreteAction(VectorWrapper[Any, Any, Any, Any, Any], RecordConstructorArgs):
    """:class:`JointDiscreteAction` of a batch: actions are whole numbers ``[B]``.

    The masks are worked out once a step, for every region of every environment.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        VectorWrapper.__init__(self, env)
        self._inner = vector_inside(env)
        self.single_action_space = _joint_space(env.single_action_space)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start episodes; see the environment."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return observations, self._with_masks(infos)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry the actions out.

        Raises:
            ImgEditError: If an action is outside the action space; nothing has changed then.
        """
        if isinstance(actions, torch.Tensor):
            pairs: Any = torch.stack([actions.div(N_REGIONS, rounding_mode="floor"), actions % N_REGIONS], -1)
        else:
            numbers = np.asarray(actions)
            if numbers.dtype.kind not in "iu":
                raise ImgEditError(f"actions: expected whole numbers; found {' '.join(repr(actions).split())[:80]}")
            pairs = np.stack([numbers // N_REGIONS, numbers % N_REGIONS], -1)
        ending = ending_rows(self._inner)
        last = joint_masks(self._inner.engine, ending, 1) if ending else None
        observations, rewards, terminated, truncated, infos = self.env.step(pairs)
        if last is not None:
            masks = spread(self._handed(last.to(torch.int8)), ending, self.num_envs)
            infos["final_info"] = {**infos["final_info"], "action_mask": masks}
        return observations, rewards, terminated, truncated, self._with_masks(infos)

    def action_masks(self) -> Any:
        """Which actions can be carried out now, ``bool [B, n_tools * n_regions]``."""
        return self._handed(joint_masks(self._inner.engine, range(self.num_envs)))

    def _with_masks(self, infos: dict[str, Any]) -> dict[str, Any]:
        masks = joint_masks(self._inner.engine, range(self.num_envs))
        return {**infos, "action_mask": self._handed(masks.to(torch.int8))}

    def _handed(self, tensor: torch.Tensor) -> Any:
        return tensor if self._inner.output == "torch" else tensor.cpu().numpy()


def _joint_space(space: spaces.Space[Any]) -> spaces.Discrete:
    """One number for the two of the environment's own action space."""
    if not isinstance(space, spaces.MultiDiscrete) or space.nvec.shape != (2,):
        raise ImgEditError(f"expected the action space of ImageEdit-v0, tool and region; found {space}")
    return spaces.Discrete(int(space.nvec.prod()))
