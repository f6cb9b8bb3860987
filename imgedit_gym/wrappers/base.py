"""What the wrappers share: reading the engine beneath, and adding keys to single and batched observations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.envs.image_edit import ImageEditEnv, ImageEditVectorEnv


class Addition(ABC):
    """Something that observations get in addition: the one definition behind a wrapper's single and vector class.

    What depends on the episode is read as a note first. In same-step mode an episode's last observation is handed
    out when the engine is in the next episode already, so its note is taken before the step, one step ahead.
    """

    @abstractmethod
    def added_spaces(self, env: ImageEditEnv | ImageEditVectorEnv, action_space: spaces.Space[Any]) -> dict[str, Any]:
        """Spaces of the new keys for one environment.

        Args:
            env: The environment beneath all wrappers.
            action_space: Action space of one environment as the wrapper finds it.
        """

    def notes(self, engine: Engine, rows: Sequence[int], ahead: int) -> list[Any]:
        """What the engine tells about environments, ``ahead`` steps from now."""
        return [None] * len(rows)

    @abstractmethod
    def show(self, notes: Sequence[Any], images: Any, masks: Any) -> dict[str, Any]:
        """Values of the new keys.

        Args:
            notes: Of n environments.
            images: ``uint8 [n, S, S, 3]``, an array or a tensor.
            masks: Action masks, ``int8 [n, ...]``, an array or a tensor.

        Returns:
            By key a fresh array or tensor ``[n, ...]``, or a list of n texts.
        """


class AddingWrapper(gym.Wrapper[Any, Any, Any, Any], Addition):
    """Adds keys to the observations of one environment."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.Wrapper.__init__(self, env)
        inner = single_inside(env)
        self.observation_space = _extended(env.observation_space, self.added_spaces(inner, env.action_space))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see the environment."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._with(observation, info), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step; see the environment."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._with(observation, info), reward, terminated, truncated, info

    def _with(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
        mask = info["action_mask"]
        flat = np.concatenate(mask) if isinstance(mask, tuple) else mask
        notes = self.notes(single_inside(self).engine, [0], 0)
        shown = self.show(notes, observation["image"][None], flat[None])
        return {**observation, **{key: value[0] for key, value in shown.items()}}


class VectorAddingWrapper(VectorWrapper[Any, Any, Any, Any, Any], Addition):
    """Adds keys to the observations of a batch, the last ones of episodes in ``final_obs`` included."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        VectorWrapper.__init__(self, env)
        self._inner = vector_inside(env)
        added = self.added_spaces(self._inner, env.single_action_space)
        self.single_observation_space = _extended(env.single_observation_space, added)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start episodes; see the environment."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._with(observations, infos), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take a step in every environment; see the environment."""
        ending = ending_rows(self._inner)
        notes = self.notes(self._inner.engine, ending, 1) if ending else []
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if ending:
            infos["final_obs"] = self._with_final(infos["final_obs"], infos["final_info"]["action_mask"], ending, notes)
        return self._with(observations, infos), rewards, terminated, truncated, infos

    def action_masks(self) -> Any:
        """What makes sense now in each environment, as what is wrapped says it."""
        return self.env.action_masks()  # type: ignore[attr-defined]

    def _with(self, observations: Mapping[str, Any], infos: Mapping[str, Any]) -> dict[str, Any]:
        notes = self.notes(self._inner.engine, range(self.num_envs), 0)
        shown = self.show(notes, observations["image"], infos["action_mask"])
        return {**observations, **{key: self._handed(value) for key, value in shown.items()}}

    def _with_final(
        self, observations: Mapping[str, Any], masks: Any, rows: list[int], notes: list[Any]
    ) -> dict[str, Any]:
        """Last observations of the episodes that have ended, with zeros and empty texts for the others."""
        shown = self.show(notes, observations["image"][rows], masks[rows])
        found: dict[str, Any] = dict(observations)
        for key, values in shown.items():
            if isinstance(values, list):
                texts = dict(zip(rows, values, strict=True))
                found[key] = tuple(texts.get(row, "") for row in range(self.num_envs))
            else:
                found[key] = spread(self._handed(values), rows, self.num_envs)
        return found

    def _handed(self, value: Any) -> Any:
        """A value as the environment hands things out: texts as a tuple, the rest as NumPy or torch."""
        if isinstance(value, list):
            return tuple(value)
        if self._inner.output == "torch" and isinstance(value, np.ndarray):
            return torch.from_numpy(value).to(self._inner.engine.device)
        return value


def spread(values: Any, rows: list[int], num_envs: int) -> Any:
    """Values of some environments as an array or tensor over all, zeros elsewhere."""
    shape = (num_envs, *values.shape[1:])
    found = values.new_zeros(shape) if isinstance(values, torch.Tensor) else np.zeros(shape, dtype=values.dtype)
    found[rows] = values
    return found


def ending_rows(env: ImageEditVectorEnv) -> list[int]:
    """Environments whose episodes the next step ends and, in same-step mode, replaces; none in other modes."""
    if env.autoreset_mode is not AutoresetMode.SAME_STEP or env.closed or not env._begun:
        return []
    after = env.engine.step_index + 1
    ends = after >= env.engine.plan_length
    if env.max_episode_steps is not None:
        ends = ends | (after >= env.max_episode_steps)
    return ends.nonzero().flatten().tolist()


def single_inside(env: gym.Env[Any, Any]) -> ImageEditEnv:
    """The single environment beneath wrappers, or an error."""
    inner = env.unwrapped
    if not isinstance(inner, ImageEditEnv):
        raise ImgEditError(f"expected an ImageEditEnv, wrapped or not; found {type(inner).__name__}")
    return inner


def vector_inside(env: VectorEnv[Any, Any, Any]) -> ImageEditVectorEnv:
    """The vector environment beneath wrappers, or an error."""
    inner = env.unwrapped
    if not isinstance(inner, ImageEditVectorEnv):
        raise ImgEditError(f"expected an ImageEditVectorEnv, wrapped or not; found {type(inner).__name__}")
    return inner


def _extended(space: spaces.Space[Any], added: Mapping[str, spaces.Space[Any]]) -> spaces.Dict:
    """A space of observations with further keys."""
    if not isinstance(space, spaces.Dict):
        raise ImgEditError(f"expected observations in a Dict; found {type(space).__name__}")
    doubled = sorted(added.keys() & space.keys())
    if doubled:
        raise ImgEditError(f"observations have {doubled} already")
    return spaces.Dict({**space.spaces, **added})
