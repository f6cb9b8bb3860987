"""What the single and the vector environment share: spaces, observations, states, frames and checked arguments."""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.envs import registration
from gymnasium.vector import AutoresetMode

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.engine import Engine
from imgedit_gym.envs.episode import Words, screen_of
from imgedit_gym.rendering import describe, draw_frame

RENDER_MODES = ("rgb_array", "ansi")
STATE_VERSION = 3


def image_space(engine: Engine) -> spaces.Box:
    """Space of one environment's pictures."""
    return spaces.Box(0, 255, (engine.image_size, engine.image_size, 3), np.uint8)


def observation_space(engine: Engine) -> spaces.Dict:
    """Observation space of one environment of an engine."""
    return spaces.Dict(
        {
            "image": image_space(engine),
            "plan_step": spaces.MultiDiscrete(list(engine.vocabulary.nvec)),
            "progress": spaces.Box(0.0, 1.0, (2,), np.float32),
        }
    )


def observe(engine: Engine, budget: int) -> dict[str, torch.Tensor]:
    """What agents see of all environments, in fresh tensors."""
    return {
        "image": engine.canvas.clone(),
        "plan_step": engine.current_codes().long(),
        "progress": engine.progress(budget),
    }


def action_masks(engine: Engine) -> torch.Tensor:
    """Which tools and regions make sense now, ``bool [B, n_tools + n_regions]``."""
    tools = engine.tool_mask()
    return torch.cat([tools, tools.new_ones(len(tools), N_REGIONS)], 1)


def frame(engine: Engine, row: int, words: Words, render_mode: str) -> Any:
    """One environment as a picture or as text."""
    screen = screen_of(engine, row, words)
    return describe(screen) if render_mode == "ansi" else draw_frame(screen)


def get_state(engine: Engine, row: int) -> dict[str, Any]:
    """A copy of an environment's episode, which either environment takes."""
    return {"version": STATE_VERSION, "engine": engine.get_state(row)}


def set_state(engine: Engine, row: int, state: Mapping[str, Any]) -> None:
    """Put an environment into a state of :func:`get_state`.

    Raises:
        ImgEditError: If it is no such state, or one of another image size or plan length.
    """
    version = state.get("version") if isinstance(state, Mapping) else None
    if version != STATE_VERSION:
        found = type(state).__name__ if version is None else f"version {version!r}"
        raise ImgEditError(f"set_state takes what get_state gave, version {STATE_VERSION}; found {found}")
    engine.set_state(row, state["engine"])


def checked_render_mode(render_mode: Any) -> str | None:
    """A render mode, or an error that names the known ones."""
    if render_mode is None or render_mode in RENDER_MODES:
        return render_mode
    raise ImgEditError(f"render_mode must be None or one of {list(RENDER_MODES)}; found {render_mode!r}")


def checked_limit(limit: Any) -> int | None:
    """A number of steps, ``None`` for no limit, or an error."""
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and (limit > 0 or limit == -1)):
        return None if limit == -1 else limit
    raise ImgEditError(f"max_episode_steps must be None, -1 or a whole number of at least 1; found {limit!r}")


def checked_mode(mode: Any) -> AutoresetMode:
    """An autoreset mode, or an error that names the known ones."""
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = [one.value for one in AutoresetMode]
        raise ImgEditError(f"autoreset_mode must be an AutoresetMode or one of {known}; found {mode!r}") from None


def warn_of_no_mode(maker: str) -> None:
    """Say why ``render`` gives nothing."""
    gym.logger.warn(f"render() does nothing without a render_mode: gymnasium.{maker}(..., render_mode='rgb_array')")


def budget_of_make() -> int | None:
    """The step budget of the ``gymnasium.make`` that is building an environment; ``None`` without either.

    ``make`` tells ``max_episode_steps`` to its ``TimeLimit`` and to nobody else, so it is read from the call itself.
    """
    frame = sys._getframe()
    while frame.f_code is not registration.make.__code__:
        if frame.f_back is None:
            return None
        frame = frame.f_back
    limit, spec = frame.f_locals.get("max_episode_steps"), frame.f_locals.get("env_spec")
    if limit is None and spec is not None:
        limit = spec.max_episode_steps
    return limit if limit is not None and limit > 0 else None


def whole(value: Any) -> int:
    """A whole number of any library as a Python one; a truth value is none."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError("a truth value is no index")
    return operator.index(value)
