"""Agents that fail in some episodes of a batch and go on in the others."""

from __future__ import annotations

from baselines.agents.base import Agent


class FallibleAgent(Agent):
    """An agent that tells in which episodes of the batch it failed; they count as 0.

    Attributes:
        failures: Why, by episode of the batch; emptied by ``begin``.
    """

    failures: dict[int, str]
