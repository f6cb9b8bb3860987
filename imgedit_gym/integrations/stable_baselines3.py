"""Stable-Baselines3 on the batched environment: a ``VecEnv`` with which PPO and MaskablePPO train unchanged.

.. code-block:: python

    from stable_baselines3 import PPO

    from imgedit_gym.integrations.stable_baselines3 import make_vec_env

    model = PPO("MultiInputPolicy", make_vec_env(64, seed=0, image_size=64))
    model.learn(100_000)
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.envs.image_edit import ImageEditVectorEnv

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImgEditError(
        f"this bridge needs Stable-Baselines3: pip install 'imgedit-gym[baselines]'; found {error}"
    ) from error

P = ParamSpec("P")
T = TypeVar("T")

_OF_ONE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}
_ROW_OF_ALL = ("action_masks", "render")
_HELD_BACK = ("final_obs", "final_info")


def _takes_no_id(function: Callable[P, T]) -> Callable[P, T]:
    """Stable-Baselines3's own function of that name takes the environment's id first; here there is but one."""

    @wraps(function)
    def checked(*args: P.args, **arguments: P.kwargs) -> T:
        if args and isinstance(args[0], str):
            raise ImgEditError(
                f"make_vec_env: expected the number of environments first; found {args[0]!r}: "
                "leave it out, the environment is always ImageEdit-v0"
            )
        return function(*args, **arguments)

    return checked


@_takes_no_id
def make_vec_env(
    n_envs: int = 1,
    seed: int | None = None,
    wrappers: Sequence[Callable[[VectorEnv], VectorEnv]] | Callable[[VectorEnv], VectorEnv] = (),
    **arguments: Any,
) -> ImageEditVecEnv:
    """A batch of ``ImageEdit-v0`` for Stable-Baselines3.

    Args:
        n_envs: How many environments.
        seed: Environment i gets ``seed + i`` at the first reset.
        wrappers: Vector wrappers to put around the environment, the innermost first; or one.
        **arguments: As for ``gymnasium.make_vec("ImageEdit-v0", ...)``, less ``autoreset_mode`` and ``output``.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """
    env: VectorEnv = gym.make_vec(
        "ImageEdit-v0", num_envs=n_envs, autoreset_mode=AutoresetMode.SAME_STEP.value, **arguments
    )
    for wrapper in [wrappers] if callable(wrappers) else wrappers:
        env = wrapper(env)
    bridge = ImageEditVecEnv(env)
    if seed is not None:
        bridge.seed(seed)
    return bridge


class ImageEditVecEnv(VecEnv):
    """Stable-Baselines3's ``VecEnv`` over an :class:`ImageEditVectorEnv`, wrapped or not.

    It gives what a ``DummyVecEnv`` of monitored single environments gives for the same seeds and actions: the same
    observations, rewards (``float32 [B]``), dones and terminal observations. Infos are those of the vector environment
    cut into one mapping for each environment, numbers and arrays; on the step that ends an episode they are of the
    episode that has ended. ``TimeLimit.truncated`` is always there; ``terminal_observation`` and ``episode``, with
    its return `r`, its length `l` and the seconds `t` since the bridge was made, where an episode has ended. What the
    environments are reset to is told by ``reset_infos``.

    Episodes are recorded here as ``Monitor`` does it, so :meth:`env_is_wrapped` says yes to ``Monitor``.

    The environments share one engine and hence their attributes; :meth:`set_attr` sets them for all.

    Args:
        env: Made with ``autoreset_mode="SameStep"``, as Stable-Baselines3 expects of environments that they start the
            next episode within the step that ends one; and with NumPy's output.

    Raises:
        ImgEditError: If the environment is not such a one.
    """

    def __init__(self, env: VectorEnv) -> None:
        inner = env.unwrapped if isinstance(env, VectorEnv) else env
        if not isinstance(inner, ImageEditVectorEnv):
            raise ImgEditError(f"expected an ImageEditVectorEnv, wrapped or not; found {type(inner).__name__}")
        if inner.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ImgEditError(
                "Stable-Baselines3 needs autoreset_mode='SameStep'; "
                f"found {inner.autoreset_mode.value!r}. make_vec_env of this module sets it"
            )
        if inner.output != "numpy":
            raise ImgEditError(f"Stable-Baselines3 needs output='numpy'; found {inner.output!r}")
        self.env = env
        self._started = time.time()
        self._returns = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, dtype=np.int64)
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    # ------------------------------------------------------------------ episodes

    def reset(self) -> Any:
        """Start new episodes, from the seeds of :meth:`seed` if that was called since the last reset."""
        observations, infos = self.env.reset(seed=self._seeds)  # type: ignore[arg-type]
        self.reset_infos = _rows(infos, self.num_envs)
        self._returns[:], self._lengths[:] = 0.0, 0
        self._reset_seeds()
        return observations

    def set_options(self, options: list[dict] | dict | None = None) -> None:
        """Refuse options: a batch has none for single environments.

        Raises:
            ImgEditError: If there are any.
        """
        if options and (isinstance(options, dict) or any(options)):
            raise ImgEditError(f"the batched environment takes no options of single environments; found {options!r}")
        super().set_options(None)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Carry the actions out.

        Returns:
            Observations; rewards, ``float32 [B]``; dones, ``bool [B]``; infos.
        """
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        self._returns += rewards
        self._lengths += 1
        dones = terminated | truncated
        told = _rows(infos, self.num_envs)
        ended = np.flatnonzero(dones).tolist()
        if ended:
            last = _rows(infos["final_info"], self.num_envs)
            elapsed = round(time.time() - self._started, 6)
            for row in ended:
                self.reset_infos[row], told[row] = told[row], last[row]
                told[row]["terminal_observation"] = _row_of(infos["final_obs"], row)
                told[row]["episode"] = {
                    "r": round(float(self._returns[row]), 6),
                    "l": int(self._lengths[row]),
                    "t": elapsed,
                }
            self._returns[ended], self._lengths[ended] = 0.0, 0
        for info, cut in zip(told, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        return observations, rewards.astype(np.float32), dones, told

    def close(self) -> None:
        """Let go of the environments; may be called again."""
        self.env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A frame of each environment, ``uint8 [H, W, 3]``; needs the render mode ``rgb_array``."""
        if self.render_mode != "rgb_array":
            warnings.warn(f"the render mode is {self.render_mode!r}; pictures need 'rgb_array'", stacklevel=2)
            return [None] * self.num_envs
        return list(self.env.render() or ())  # type: ignore[arg-type]

    # ------------------------------------------------------------------ single environments

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of each environment; a method of one comes bound to its environment.

        Raises:
            AttributeError: If the environments have none of that name.
        """
        chosen = list(self._get_indices(indices))
        name = _OF_ONE.get(attr_name, attr_name)
        value = getattr(self._holder(name), name)
        if name in ImageEditVectorEnv.per_index:
            return [partial(value, row) for row in chosen]
        if name in _ROW_OF_ALL:
            return [partial(_row_of_call, value, row) for row in chosen]
        if callable(value) and not isinstance(value, type):
            raise AttributeError(f"single environments of a batch have no method {attr_name!r}")
        return [value] * len(chosen)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all environments.

        Raises:
            ImgEditError: If only some environments are meant: they share it.
        """
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise ImgEditError(f"the environments share {attr_name!r}: set it for all of them; found {indices!r}")
        holder = self._holder(attr_name) if self.has_attr(attr_name) else self.env.unwrapped
        if isinstance(holder, ImageEditVectorEnv):
            holder.set_attr(attr_name, [value] * self.num_envs if isinstance(value, (list, tuple)) else value)
        else:
            setattr(holder, attr_name, value)
        if attr_name == "render_mode":
            self.render_mode = value

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """What a method of single environments gives for each.

        Args:
            method_name: ``action_masks``, ``render``, or one of the methods of :class:`ImageEditVectorEnv` that read
                one environment, such as ``instruction`` and ``info``, without its index.
            *method_args: Arguments of the method.
            indices: Which environments, ``None`` for all.
            **method_kwargs: Arguments of the method by name.

        Raises:
            AttributeError: If there is no such method.
        """
        if method_name in _ROW_OF_ALL:
            chosen = list(self._get_indices(indices))
            rows = getattr(self._holder(method_name), method_name)(*method_args, **method_kwargs)
            return [None if rows is None else rows[row] for row in chosen]
        methods = self.get_attr(method_name, indices)
        if not all(callable(method) for method in methods):
            raise AttributeError(f"{method_name!r} is no method of the environments")
        return [method(*method_args, **method_kwargs) for method in methods]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Whether the environments are wrapped so; yes to ``Monitor``, whose work the bridge does itself."""
        found = issubclass(wrapper_class, Monitor) or any(isinstance(env, wrapper_class) for env in self._layers())
        return [found] * len(list(self._get_indices(indices)))

    # ------------------------------------------------------------------ inside

    def _layers(self) -> list[VectorEnv]:
        """The environment and what it wraps, the outermost first."""
        found = [self.env]
        while found[-1] is not self.env.unwrapped:
            found.append(found[-1].env)  # type: ignore[attr-defined]
        return found

    def _holder(self, name: str) -> VectorEnv:
        """The outermost layer with an attribute of that name."""
        for layer in self._layers():
            if hasattr(layer, name):
                return layer
        raise AttributeError(f"the environments have no attribute {name!r}")


def _row_of_call(method: Callable[..., Any], row: int, *args: Any, **kwargs: Any) -> Any:
    """What a method that serves all environments at once gives for one."""
    return method(*args, **kwargs)[row]


def _row_of(values: Any, row: int) -> Any:
    """One environment's share of batched arrays, copied."""
    if isinstance(values, dict):
        return {name: _row_of(value, row) for name, value in values.items()}
    return values[row].copy() if isinstance(values, np.ndarray) else values[row]


def _rows(infos: dict[str, Any], num_envs: int) -> list[dict[str, Any]]:
    """Infos of a batch as one mapping for each environment, without what is masked out or of ended episodes."""
    found: list[dict[str, Any]] = [{} for _ in range(num_envs)]
    for name, value in infos.items():
        if name.startswith("_") or name in _HELD_BACK:
            continue
        if isinstance(value, dict):
            shares: Any = _rows(value, num_envs)
        elif isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype != object:
            shares = value.tolist()
        else:
            shares = value
        mask = infos.get(f"_{name}")
        shown = [True] * num_envs if mask is None else mask.tolist()
        for info, share, here in zip(found, shares, shown, strict=True):
            if here:
                info[name] = share
    return found
