"""What an agent does, and what it gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from imgedit_gym.core.plan import Plan


@dataclass(frozen=True)
class AgentContext:
    """What an agent may know before the first episode: the public sides of the environment.

    Attributes:
        tool_ids: Tools in action order.
        n_regions: Number of regions; 0 is the whole picture.
        max_plan_steps: Longest plan.
        image_size: Edge of the pictures in pixels.
        stock: The public stock of art that tools paste from.
        seed: For an agent's own random numbers.
    """

    tool_ids: tuple[str, ...]
    n_regions: int
    max_plan_steps: int
    image_size: int
    stock: Any
    seed: int

    def tool(self, id: str) -> int:
        """Index of a tool; 0, ``skip``, if the environment does not have it."""
        return self.tool_ids.index(id) if id in self.tool_ids else 0


class Agent:
    """Base of the agents: plans once per episode, then acts step by step, all episodes of a batch at once.

    Attributes:
        privileged: Whether the agent is given the engine and the oracle's plan; then it is no competitor.
    """

    privileged: ClassVar[bool] = False

    def begin(self, context: AgentContext) -> None:
        """Prepare for a batch of episodes."""
        self.context = context

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """Plans for a batch of episodes.

        Args:
            images: ``uint8 [n, H, W, 3]``, the source pictures.
            instructions: n requests.

        Returns:
            One plan each, or ``None`` to leave the instruction as the only step.
        """
        return None

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """Actions for a batch of episodes.

        Args:
            observations: ``image`` ``uint8 [n, H, W, 3]``, ``plan_step`` ``int64 [n, 3]``, ``progress``
                ``float32 [n, 2]``.
            infos: ``instruction`` and ``plan_step`` (lists of n texts), ``plan`` (n plans), ``plan_index``
                ``int64 [n]``, ``tool_mask`` ``bool [n, tools]`` and ``active`` ``bool [n]``; actions of episodes
                that have ended are not used.

        Returns:
            Tool and region, ``int64 [n, 2]``.
        """
        raise NotImplementedError
