"""An agent or a trained policy as orchestrator: whatever begins, and acts on observations."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.engine import Engine

BUDGET = gym.spec("ImageEdit-v0").max_episode_steps or 1
"""Step budget of the registered environment, of which ``progress`` tells the share that is used."""


@dataclass(frozen=True)
class AgentContext:
    """What an agent may know before the first episode: the public sides of the environment.

    Attributes:
        tool_ids: Tools in action order.
        n_regions: Number of regions; 0 is the whole picture.
        max_plan_steps: Longest plan.
        image_size: Edge of the pictures in pixels.
        stock: The public stock of art that tools paste from.
        seed: For random numbers of one's own.
        rules: Which rules rule-based agents follow here; see :class:`imgedit_gym.core.task_source.TaskSource`.
    """

    tool_ids: tuple[str, ...]
    n_regions: int
    max_plan_steps: int
    image_size: int
    stock: Any
    seed: int
    rules: str = "adverts"

    @classmethod
    def of(cls, engine: Engine, seed: int) -> AgentContext:
        """The context that an engine gives."""
        stock, rules = engine.tasks.stock, getattr(engine.tasks, "rules", "adverts")
        return cls(engine.tool_ids, N_REGIONS, engine.max_plan_steps, engine.image_size, stock, seed, rules)

    def tool(self, id: str) -> int:
        """Index of a tool; 0, ``skip``, if the environment does not have it."""
        return self.tool_ids.index(id) if id in self.tool_ids else 0


def look(engine: Engine, active: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What an agent sees of all environments of an engine.

    Args:
        engine: The engine.
        active: Which episodes go on, ``bool [B]``.

    Returns:
        Observations: ``image`` ``uint8 [B, H, W, 3]``, ``plan_step`` ``int64 [B, 3]``, ``progress``
        ``float32 [B, 2]``. Infos: ``instruction`` and ``plan_step`` (lists of B texts), ``plan`` (B plans),
        ``plan_index`` ``int64 [B]``, ``tool_mask`` ``bool [B, tools]`` and ``active``.
    """
    rows = range(engine.num_envs)
    observations = {
        "image": engine.canvas.cpu().numpy().copy(),
        "plan_step": engine.current_codes().cpu().numpy().astype(np.int64),
        "progress": engine.progress(BUDGET).cpu().numpy(),
    }
    infos = {
        "instruction": instructions(engine),
        "plan": [engine.plan(row) for row in rows],
        "plan_step": [engine.current_step(row).text for row in rows],
        "plan_index": engine.step_index.cpu().numpy().astype(np.int64),
        "tool_mask": engine.tool_mask().cpu().numpy(),
        "active": active,
    }
    return observations, infos


def instructions(engine: Engine) -> list[str]:
    """The requests of all environments of an engine."""
    return [engine.tasks.instruction(engine.batch, row) for row in range(engine.num_envs)]


class AgentOrchestrator:
    """Has an agent carry out plans that are not its own.

    The agent is any object with the method ``act(observations, infos)``, which gives tool and region for all
    environments, ``int64 [B, 2]``, from what :func:`look` gives; those of environments that are not active are not
    used. Two further methods are called where the agent has them, once before a batch of plans is carried out:
    ``begin(context)`` with :class:`AgentContext`, and ``plan(images, instructions)`` with the source pictures
    ``uint8 [B, H, W, 3]`` and B requests, as many an agent takes its look at the picture there; the plans it makes
    are not used. Attributes ``version``, ``deterministic`` (True unless told) and ``privileged`` (False) are read.

    Args:
        agent: The agent, or ``"module:attribute"`` of what makes one, so that environments with it can be described
            in JSON.
        arguments: Keyword arguments of what makes the agent.
        seed: For the agent's own random numbers.

    Raises:
        ImgEditError: If there is no such module or attribute, or what it gives does not act.
    """

    id = "agent"

    def __init__(self, agent: Any, arguments: Mapping[str, Any] | None = None, seed: int = 0) -> None:
        made = _made(agent, arguments or {}) if isinstance(agent, str) else agent
        if not callable(getattr(made, "act", None)):
            raise ImgEditError(f"agent: expected an object with the method act(observations, infos); found {agent!r}")
        self._agent, self._seed = made, seed
        self.version = str(getattr(made, "version", "1"))
        self.deterministic = bool(getattr(made, "deterministic", True))
        self.privileged = bool(getattr(made, "privileged", False))

    def begin(self, engine: Engine, rows: torch.Tensor) -> None:
        """Let the agent begin, and look at the source pictures."""
        if hasattr(self._agent, "begin"):
            self._agent.begin(AgentContext.of(engine, self._seed))
        if hasattr(self._agent, "plan"):
            self._agent.plan(engine.batch.images.cpu().numpy().copy(), instructions(engine))

    def act(self, engine: Engine, rows: torch.Tensor) -> torch.Tensor:
        """What the agent chooses."""
        active = np.zeros(engine.num_envs, dtype=bool)
        active[rows.cpu().numpy()] = True
        chosen = np.asarray(self._agent.act(*look(engine, active)))
        if chosen.shape != (engine.num_envs, 2):
            expected = (engine.num_envs, 2)
            raise ImgEditError(f"agent: expected actions of the shape {expected}; found {chosen.shape}")
        if not np.can_cast(chosen.dtype, np.int64, "same_kind"):
            raise ImgEditError(f"agent: expected actions of integers; found {chosen.dtype}")
        return torch.from_numpy(chosen.astype(np.int64)[rows.cpu().numpy()])


def _made(target: str, arguments: Mapping[str, Any]) -> Any:
    module, _, attribute = target.partition(":")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImgEditError(f"agent: expected 'module:attribute'; found {target!r} ({error})") from None
    try:
        return factory(**arguments)
    except TypeError as error:
        raise ImgEditError(f"agent: expected arguments of {target}; found {dict(arguments)} ({error})") from None
