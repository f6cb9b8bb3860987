"""The floor: an agent that changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from baselines.agents.base import Agent


class NoOpAgent(Agent):
    """Skips every step."""

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """``skip`` everywhere."""
        return np.zeros((len(observations["image"]), 2), dtype=np.int64)
