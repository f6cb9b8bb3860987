"""What an agent does, and what it gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from imgedit_gym.core.plan import Plan
from imgedit_gym.orchestrators.agent import AgentContext

__all__ = ["Agent", "AgentContext"]


class Agent:
    """Base of the agents: plans once per episode, then acts step by step, all episodes of a batch at once.

    Attributes:
        privileged: Whether the agent is given the engine and the oracle's plan; then it is no competitor.
        simulator: Whether the agent is given the engine to look ahead with, and no plan: a competitor for those who
            own a simulator and the judge.
        worlds: Rules of the worlds that it was made for, see
            :class:`imgedit_gym.core.task_source.TaskSource`; ``None`` for any.
        given: What it is given beyond pictures and words, for the notes beneath tables; empty for nothing.
        tools: Tools that it brings along, beside those of the environment: ids, or ids with arguments.
    """

    privileged: ClassVar[bool] = False
    simulator: ClassVar[bool] = False
    worlds: ClassVar[tuple[str, ...] | None] = None
    given: ClassVar[str] = ""
    tools: Sequence[Any] = ()

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
