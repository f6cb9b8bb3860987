"""What takes part in the measurement: ways of running the same environments, the floor under them, and peers."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

import imgedit_gym  # noqa: F401  (registers the environment)
from benchmarks.throughput.script import Script
from benchmarks.throughput.setting import ENVIRONMENT, Setting
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.kernels.runtime import set_num_threads

LOADING = 400
"""Steps after which all tools that can be used should have been."""


class World(ABC):
    """Something that carries out segments of a script.

    Args:
        setting: How to make it.
        script: What to do.

    Attributes:
        label: Header of its column.
        needs: Module without which it is left out.
        scripted: Whether it is the same environments and the same actions, so that rewards must agree.
        device: Torch device of the work; single environments and peers stay on the CPU.
    """

    label: str
    needs: str = "imgedit_gym"
    scripted: bool = True
    device: str = ""

    def __init__(self, setting: Setting, script: Script) -> None:
        self.setting = setting
        self.script = script
        self.device = self.device or setting.device

    @abstractmethod
    def begin(self) -> None:
        """Start the first tasks."""

    @abstractmethod
    def prepare(self, segment: int) -> Any:
        """The actions of a segment in the form that :meth:`play` takes; not timed."""

    @abstractmethod
    def play(self, actions: Any) -> Any:
        """Carry out a segment: what is timed. Returns the sum of its rewards, if only on the device."""

    def steps(self, segment: int) -> int:
        """Environment steps of the segment that was just played."""
        return self.script.steps(segment)

    def finish(self) -> None:
        """Wait until everything that was begun is done."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)

    @abstractmethod
    def close(self) -> None:
        """Give everything back."""


class Batched(World):
    """The batched vector environment: what ``gymnasium.make_vec`` makes unless told otherwise."""

    label = "vector env"

    def __init__(self, setting: Setting, script: Script) -> None:
        super().__init__(setting, script)
        self.env = self.make()

    def make(self) -> VectorEnv:
        """The environments."""
        return make_batched(self.setting)

    def begin(self) -> None:
        """Start the first tasks."""
        self.env.reset(seed=self.setting.seed)

    def prepare(self, segment: int) -> Any:
        """``int64 [calls, B, 2]``; on the device if that is where the environment returns its results."""
        actions = self.script.actions[self.script.calls(segment)].astype(np.int64)
        return torch.from_numpy(actions).to(self.setting.device) if self.setting.output == "torch" else actions

    def play(self, actions: Any) -> Any:
        """Step through the calls."""
        total = 0.0
        for action in actions:
            _observations, reward, _, _, _ = self.env.step(action)
            total = total + reward.sum(dtype=_double(reward))
        return total

    def close(self) -> None:
        """Close the environments."""
        self.env.close()


class Sync(Batched):
    """Gymnasium's SyncVectorEnv of the single environment."""

    label = "Sync"
    device = "cpu"

    def make(self) -> VectorEnv:
        """The environments, on the CPU."""
        return SyncVectorEnv([partial(make_single, self.setting)] * self.setting.num_envs)

    def prepare(self, segment: int) -> Any:
        """``int64 [calls, B, 2]``."""
        return self.script.actions[self.script.calls(segment)].astype(np.int64)


class Async(Sync):
    """Gymnasium's AsyncVectorEnv of the single environment: one process each."""

    label = "Async"

    def make(self) -> VectorEnv:
        """The environments, on the CPU."""
        # Not a fork, which would share the locks of torch's threads and of Warp.
        return AsyncVectorEnv([partial(make_alone, self.setting)] * self.setting.num_envs, context="spawn")


class Loop(World):
    """A loop over single environments, which keeps nothing together."""

    label = "loop"
    device = "cpu"

    def __init__(self, setting: Setting, script: Script) -> None:
        super().__init__(setting, script)
        self.envs = [make_single(setting) for _ in range(setting.num_envs)]

    def begin(self) -> None:
        """Start the first tasks."""
        for index, env in enumerate(self.envs):
            env.reset(seed=self.setting.seed + index)

    def prepare(self, segment: int) -> Any:
        """Actions ``int64 [calls, B, 2]``, and who acts, by call."""
        calls = self.script.calls(segment)
        return self.script.actions[calls].astype(np.int64), self.script.acts[calls].tolist()

    def play(self, actions: Any) -> Any:
        """Step through the calls, one environment after the other."""
        total = 0.0
        for action, acts in zip(*actions, strict=True):
            for env, one, acting in zip(self.envs, action, acts, strict=True):
                if acting:
                    total += float(env.step(one)[1])
                else:
                    env.reset()
        return total

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()


class Copies(World):
    """The floor: fresh copies of observations that are there already, and nothing else."""

    label = "copies only"
    scripted = False

    def __init__(self, setting: Setting, script: Script) -> None:
        super().__init__(setting, script)
        n, size = setting.num_envs, setting.image_size
        self._held = {
            "image": torch.full((n, size, size, 3), 7, dtype=torch.uint8, device=setting.device),
            "plan_step": torch.ones(n, 3, dtype=torch.int64, device=setting.device),
            "progress": torch.ones(n, 2, device=setting.device),
        }
        self._copy: Callable[[torch.Tensor], Any] = torch.Tensor.clone
        if setting.output == "numpy":
            self._copy = _from_gpu if setting.on_gpu else _copied

    def begin(self) -> None:
        """Nothing to start."""

    def prepare(self, segment: int) -> Any:
        """One per call."""
        return range(len(self.script.actions[self.script.calls(segment)]))

    def play(self, actions: Any) -> Any:
        """Copy once a call, the last copies still held."""
        for _ in actions:
            _observations = {name: self._copy(tensor) for name, tensor in self._held.items()}
        return 0.0

    def close(self) -> None:
        """Nothing to close."""


class Peer(World):
    """Another library's environments, under random actions."""

    scripted = False
    device = "cpu"

    def __init__(self, setting: Setting, script: Script) -> None:
        super().__init__(setting, script)
        self._resets = 0
        self._random = np.random.default_rng(setting.seed)
        self.env = self.make()

    @abstractmethod
    def make(self) -> Any:
        """The environments; under next-step autoreset."""

    def begin(self) -> None:
        """Start the first episodes."""
        self.env.reset()

    def prepare(self, segment: int) -> Any:
        """``int32 [calls, B]``."""
        calls = len(self.script.actions[self.script.calls(segment)])
        actions = int(getattr(self.env, "single_action_space", self.env.action_space).n)
        return self._random.integers(0, actions, (calls, self.setting.num_envs)).astype(np.int32)

    def play(self, actions: Any) -> Any:
        """Step through the calls, and count those that only started an episode."""
        total, self._resets = 0.0, 0
        for action in actions:
            _observations, reward, terminated, truncated, _ = self.env.step(action)
            total += float(reward.sum())
            self._resets += int(np.count_nonzero(terminated | truncated))
        return total

    def steps(self, segment: int) -> int:
        """Calls of all environments, less those that started an episode."""
        return len(self.script.actions[self.script.calls(segment)]) * self.setting.num_envs - self._resets

    def close(self) -> None:
        """Close the environments."""
        self.env.close()


class Minigrid(Peer):
    """Minigrid's empty room, seen in colours at the same picture size, in Gymnasium's SyncVectorEnv."""

    label = "Minigrid"
    needs = "minigrid"

    def make(self) -> Any:
        """The environments."""
        wrappers = importlib.import_module("minigrid.wrappers")
        tile = self.setting.image_size // 8

        def seen(env: gym.Env[Any, Any]) -> gym.Wrapper[Any, Any, Any, Any]:
            return wrappers.ImgObsWrapper(wrappers.RGBImgObsWrapper(env, tile_size=tile))

        return gym.make_vec("MiniGrid-Empty-8x8-v0", self.setting.num_envs, vectorization_mode="sync", wrappers=[seen])


class EnvPoolAtari(Peer):
    """EnvPool's Pong: four grey frames of 84 x 84 pixels, four emulator frames a step."""

    label = "EnvPool"
    needs = "envpool"

    def make(self) -> Any:
        """The environments."""
        envpool = importlib.import_module("envpool")
        return envpool.make_gymnasium(
            "Pong-v5", num_envs=self.setting.num_envs, seed=self.setting.seed, num_threads=self.setting.threads or 0
        )


WORLDS: dict[str, type[World]] = {
    "vector": Batched,
    "loop": Loop,
    "sync": Sync,
    "async": Async,
    "copy": Copies,
    "minigrid": Minigrid,
    "envpool": EnvPoolAtari,
}
"""What takes part, by name; ``vector`` is what the others are compared with."""

REFERENCE = "vector"


def make_single(setting: Setting) -> gym.Env[Any, Any]:
    """The single environment, on the CPU."""
    return gym.make(ENVIRONMENT, **setting.arguments())


def make_ready(setting: Setting) -> gym.Env[Any, Any]:
    """The single environment, in a process that has drawn the art and loaded the kernels."""
    env = make_single(setting)
    env.reset(seed=setting.seed)
    random = np.random.default_rng(setting.seed)
    unused = set(range(int(env.action_space.nvec[0])))  # type: ignore[attr-defined]
    for _ in range(LOADING):
        tools = np.flatnonzero(env.get_wrapper_attr("action_masks")()[:-N_REGIONS])
        new = [tool for tool in tools if tool in unused]
        tool = random.choice(new or tools)
        unused.discard(int(tool))
        _observation, _, terminated, truncated, _ = env.step(np.array([tool, random.integers(N_REGIONS)]))
        if not unused:
            break
        if terminated or truncated:
            env.reset()
    return env


def make_alone(setting: Setting) -> gym.Env[Any, Any]:
    """The single environment in a process of its own among many, which are better off with one thread each."""
    torch.set_num_threads(1)
    set_num_threads(1)
    return make_ready(setting)


def make_batched(setting: Setting) -> VectorEnv:
    """The batched vector environment.

    Raises:
        ImgEditError: If there is none.
    """
    if gym.spec(ENVIRONMENT).vector_entry_point is None:
        raise ImgEditError(f"{ENVIRONMENT} has no vector environment of its own here")
    return gym.make_vec(
        ENVIRONMENT, setting.num_envs, **setting.arguments(), device=setting.device, output=setting.output
    )


def installed() -> list[str]:
    """Names of :data:`WORLDS` that can be measured here."""
    return [name for name, world in WORLDS.items() if find_spec(world.needs) is not None]


def _double(reward: Any) -> Any:
    return torch.float64 if isinstance(reward, torch.Tensor) else np.float64


def _copied(tensor: torch.Tensor) -> np.ndarray:
    return tensor.numpy().copy()


def _from_gpu(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
