"""What the environments share: an engine, starting episodes, showing them, autoreset, copies and pickling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.rng import checked_seed
from imgedit_gym.engine import Engine
from imgedit_gym.envs import shared
from imgedit_gym.envs.episode import Words, preserved_of, requirements_of
from imgedit_gym.envs.options import OPTIONS, Start, read_mask, read_seeds

OUTPUTS = ("numpy", "torch")

Arrays: TypeAlias = dict[str, Any]
"""Arrays of NumPy or torch by name, nested for some names."""


class EngineEnv(gym.Env[Any, Any]):
    """Base of the single environments: an engine of one environment.

    Attributes:
        engine: The engine.
        arguments: Keyword arguments that the environment is built from again.
        options: Keys that ``reset(options=...)`` takes.
    """

    metadata: dict[str, Any] = {"render_modes": list(shared.RENDER_MODES), "render_fps": 2}
    options: ClassVar[tuple[str, ...]] = OPTIONS
    rebuilt: ClassVar[tuple[str, ...]] = ("engine",)
    """Attributes that :meth:`_build` makes, and that are not pickled."""

    engine: Engine

    def __init__(self, arguments: dict[str, Any], render_mode: str | None) -> None:
        self.render_mode = shared.checked_render_mode(render_mode)
        self.arguments = arguments
        self._build()
        self._begun = False
        self._seeded = False
        self._words: Words | None = None

    def _build(self) -> None:
        """Make what is rebuilt from :attr:`arguments`."""
        self.engine = Engine(1, **self.arguments)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see the class for the options.

        Args:
            seed: Starts the sequence of tasks anew; without it the next task of the sequence is taken.
            options: What to edit instead of the next task; an episode started so does not use the sequence up.

        Raises:
            ImgEditError: If an option or the seed is not what is expected; the episode is then as it was.
        """
        seed = None if seed is None else checked_seed(seed)
        start = Start.read(options or {}, self.engine, self.options)
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(1 << 31))
        start.begin(self.engine, seed)
        self._restarted()
        self._begun = self._seeded = True
        return self._look()

    def _restarted(self) -> None:
        """Forget what is known of the episode before."""

    def render(self) -> Any:
        """The episode as a picture (``rgb_array``: ``uint8 [H, W, 3]``) or as text (``ansi``)."""
        if self.render_mode is None:
            shared.warn_of_no_mode("make")
            return None
        self._check_begun("render")
        return shared.frame(self.engine, 0, self._read(), self.render_mode)

    @property
    def credits(self) -> dict[str, str]:
        """Name and licence of what the tasks are made of, and its address where there is one."""
        return dict(self.engine.tasks.credits)

    def close(self) -> None:
        """Close what the judge has open, if anything. May be called again."""
        self.engine.close()

    # ------------------------------------------------------------------ looking

    def _observation(self) -> Any:
        raise NotImplementedError

    def _info(self) -> dict[str, Any]:
        raise NotImplementedError

    def _check_begun(self, what: str) -> None:
        if not self._begun:
            raise ResetNeeded(f"call reset() before {what}()")

    def _look(self) -> tuple[Any, dict[str, Any]]:
        """Observation and info of an episode whose words may be others now."""
        self._words = None
        return self._observation(), self._info()

    def _read(self) -> Words:
        if self._words is None:
            self._words = Words.read(self.engine, 0)
        return self._words

    # ------------------------------------------------------------------ copies

    def _state(self) -> dict[str, Any]:
        """A copy of the episode, for :meth:`_put_state`."""
        return shared.get_state(self.engine, 0)

    def _put_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a copied episode."""
        shared.set_state(self.engine, 0, state)
        self._begun = self._seeded = True
        self._words = None

    def __getstate__(self) -> dict[str, Any]:
        held = {name: value for name, value in self.__dict__.items() if name not in self.rebuilt}
        held["_pickled"] = self._state() if self._begun else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        state = held.pop("_pickled")
        self.__dict__.update(held)
        self._build()
        if state is not None:
            self._put_state(state)


class EngineVectorEnv(VectorEnv[Arrays, Any, Any]):
    """Base of the vector environments: an engine of B environments.

    Attributes:
        engine: The engine.
        arguments: Keyword arguments that the environment is built from again.
        per_index: Methods that read one environment.
    """

    metadata: dict[str, Any] = {"render_modes": list(shared.RENDER_MODES), "render_fps": 2}
    per_index: ClassVar[tuple[str, ...]] = ("task_id", "instruction", "plan", "requirements", "preserved", "info")
    per_batch: ClassVar[tuple[str, ...]] = ("render",)
    """Methods that read all environments, one after the other."""

    rebuilt: ClassVar[tuple[str, ...]] = ("engine",)
    """Attributes that :meth:`_build` makes, and that are not pickled."""

    engine: Engine

    def __init__(
        self,
        num_envs: int,
        autoreset_mode: str | AutoresetMode,
        output: str,
        render_mode: str | None,
        arguments: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> None:
        if output not in OUTPUTS:
            raise ImgEditError(f"output must be one of {OUTPUTS}; found {output!r}")
        self.output = output
        self.autoreset_mode = shared.checked_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = shared.checked_render_mode(render_mode)
        unknown = sorted(arguments.keys() - defaults.keys())
        if unknown:
            raise ImgEditError(f"unknown arguments {unknown}; expected some of {sorted(defaults)}")
        self.arguments: dict[str, Any] = {**defaults, **arguments}
        self.num_envs = num_envs
        self._build()
        self._begun = False
        self._done = torch.zeros(num_envs, dtype=torch.bool, device=self.engine.device)

    def _build(self) -> None:
        """Make what is rebuilt from :attr:`arguments`."""
        self.engine = Engine(self.num_envs, **self.arguments)

    def _set_spaces(self, observation: gym.spaces.Space[Any], action: gym.spaces.Space[Any]) -> None:
        """Take the spaces of one environment."""
        self.single_observation_space, self.single_action_space = observation, action
        self.observation_space = batch_space(observation, self.num_envs)
        self.action_space = batch_space(action, self.num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: Starts sequences of tasks anew: s stands for s, s + 1, ... by environment; a list gives each its own.
                Where it is ``None``, the next task of the sequence is taken.
            options: ``{"reset_mask": mask}`` with ``bool [B]`` resets these environments alone; the others stay as
                they are, and are masked out in the info.

        Raises:
            ImgEditError: If an option or seed is not what is expected; all episodes are then as they were.
            gymnasium.error.ResetNeeded: If the first ``reset`` is to leave environments out.
        """
        self._check_open()
        mask = read_mask(options or {}, self.num_envs)
        seeds = read_seeds(seed, self.num_envs)
        if not self._begun and not mask.all():
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        super().reset(seed=None if isinstance(seed, Sequence | np.ndarray) else seeds[0])
        if not self._begun:
            drawn = self.np_random.integers(1 << 31, size=self.num_envs).tolist() if None in seeds else seeds
            seeds = [other if own is None else own for own, other in zip(seeds, drawn, strict=True)]
        rows = mask.nonzero().flatten().tolist()
        self.engine.reset(rows, [seeds[row] for row in rows])
        self._restarted(rows)
        self._begun = True
        shown = mask.to(self.engine.device)
        self._done &= ~shown
        return self._observation(), self._info(shown)

    def _restarted(self, rows: Sequence[int]) -> None:
        """Forget what is known of the episodes before."""

    def _waiting(self) -> torch.Tensor:
        """Environments whose episodes have ended and that the next step starts anew, ``int64 [n]``.

        Raises:
            gymnasium.error.ResetNeeded: If nobody resets them.
        """
        rows = self._done.nonzero().flatten()
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            return rows[:0]
        if len(rows) and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episode of environment {int(rows[0])} has ended: "
                "call reset(options={'reset_mask': ...}) before step()"
            )
        return rows

    def _restart(self) -> dict[str, Any]:
        """Start the next episode where one has ended, in same-step mode; returns what is told of those that have."""
        done = self._done
        if self.autoreset_mode is not AutoresetMode.SAME_STEP or not bool(done.any()):
            return {}
        rows = done.nonzero().flatten()
        told = {"final_obs": self._final_observation(rows), "final_info": self._info(done)}
        told |= {"_final_obs": self._out(done), "_final_info": self._out(done.clone())}
        self.engine.advance(rows)
        self._restarted(rows.tolist())
        self._done = torch.zeros_like(done)
        return told

    def render(self) -> tuple[Any, ...] | None:
        """The episodes as pictures (``rgb_array``: ``uint8 [H, W, 3]`` each) or as texts (``ansi``)."""
        if self.render_mode is None:
            shared.warn_of_no_mode("make_vec")
            return None
        self._check_begun("render")
        words = (Words.read(self.engine, row) for row in range(self.num_envs))
        return tuple(shared.frame(self.engine, row, said, self.render_mode) for row, said in enumerate(words))

    @property
    def credits(self) -> dict[str, str]:
        """Name and licence of what the tasks are made of, and its address where there is one."""
        return dict(self.engine.tasks.credits)

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the engine and its memory."""
        engine = self.__dict__.pop("engine", None)  # there is none where the constructor has failed
        if engine is not None:
            engine.close()

    # ------------------------------------------------------------------ one environment on request

    def task_id(self, index: int) -> str:
        """Name of an environment's task."""
        row = self._row(index)
        return self.engine.tasks.task_id(self.engine.batch, row)

    def instruction(self, index: int) -> str:
        """The request of an environment in words."""
        row = self._row(index)
        return self.engine.tasks.instruction(self.engine.batch, row)

    def plan(self, index: int) -> list[str]:
        """The plan of an environment in words."""
        row = self._row(index)
        return [step.text for step in self.engine.plan(row)]

    def requirements(self, index: int) -> list[dict[str, Any]]:
        """The requirements of an environment, as in the info of the single environment."""
        row = self._row(index)
        return requirements_of(self.engine, row, Words.read(self.engine, row))

    def preserved(self, index: int) -> dict[str, float]:
        """How far each thing to be kept was kept, by name."""
        row = self._row(index)
        return preserved_of(self.engine, row, Words.read(self.engine, row))

    def info(self, index: int) -> dict[str, Any]:
        """The info of an environment, as the single environment gives it."""
        return self._info_of(self._row(index))

    # ------------------------------------------------------------------ what libraries ask for

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What a method gives for each environment, or an attribute once for each; as in ``SyncVectorEnv``.

        Args:
            name: One of :attr:`per_batch`, a method that takes an index, without it, or an attribute.
            *args: Further arguments of a method that takes an index.
            **kwargs: The same by name.
        """
        if name in self.per_index:
            return tuple(getattr(self, name)(index, *args, **kwargs) for index in range(self.num_envs))
        value = getattr(self, name)
        if name in self.per_batch:
            return tuple(value(*args, **kwargs))
        if callable(value):
            known = ", ".join((*self.per_batch, *self.per_index))
            raise ImgEditError(f"call: expected one of {known}; found {name!r}")
        return (value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute, once for each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of all environments; they share it, so a list must hold the same for all.

        Raises:
            ImgEditError: If the values differ, or are not as many as the environments.
        """
        if isinstance(values, (list, tuple)):
            if len(values) != self.num_envs or any(value != values[0] for value in values):
                raise ImgEditError(f"set_attr: expected {self.num_envs} equal values for {name!r}; found {values!r}")
            values = values[0]
        setattr(self, name, shared.checked_render_mode(values) if name == "render_mode" else values)

    # ------------------------------------------------------------------ inside

    def _observation(self) -> Arrays:
        raise NotImplementedError

    def _final_observation(self, rows: torch.Tensor) -> Arrays:
        raise NotImplementedError

    def _info(self, shown: torch.Tensor) -> dict[str, Any]:
        raise NotImplementedError

    def _info_of(self, row: int) -> dict[str, Any]:
        raise NotImplementedError

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the environment is closed")

    def _check_begun(self, what: str) -> None:
        self._check_open()
        if not self._begun:
            raise ResetNeeded(f"call reset() before {what}()")

    def _row(self, index: int) -> int:
        self._check_begun("asking for one environment")
        try:
            row = shared.whole(index)
        except TypeError:
            row = -1
        if not 0 <= row < self.num_envs:
            raise ImgEditError(f"expected an index from 0 to {self.num_envs - 1}; found {index!r}")
        return row

    def _out(self, tensor: torch.Tensor) -> Any:
        """A fresh tensor as it is handed out."""
        return tensor if self.output == "torch" else tensor.cpu().numpy()

    def _only(self, tensor: torch.Tensor, rows: torch.Tensor) -> Any:
        """Some rows of a tensor as they are handed out, zeros elsewhere."""
        if self.output == "torch":
            return torch.zeros_like(tensor).index_copy_(0, rows, tensor[rows])
        chosen = tensor[rows].cpu().numpy()
        found = np.zeros(tensor.shape, dtype=chosen.dtype)  # pages that nothing is written to cost nothing
        found[rows.cpu().numpy()] = chosen
        return found

    def _with_masks(self, values: Mapping[str, Any], shown: torch.Tensor) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in values.items():
            found[name] = self._with_masks(value, shown) if isinstance(value, Mapping) else self._out(value)
            found[f"_{name}"] = self._out(shown.clone())
        return found

    def _state(self, row: int) -> dict[str, Any]:
        """A copy of an environment's episode, for :meth:`_put_state`."""
        return shared.get_state(self.engine, row)

    def _put_state(self, row: int, state: Mapping[str, Any]) -> None:
        """Put an environment into a copied episode."""
        shared.set_state(self.engine, row, state)

    def __getstate__(self) -> dict[str, Any]:
        held = {name: value for name, value in self.__dict__.items() if name not in self.rebuilt}
        open_and_begun = self._begun and not self.closed
        held["_pickled"] = [self._state(row) for row in range(self.num_envs)] if open_and_begun else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        states = held.pop("_pickled")
        self.__dict__.update(held)
        if not self.closed:
            self._build()
        for row, state in enumerate(states or ()):
            self._put_state(row, state)
