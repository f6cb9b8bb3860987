"""Agents by name, by module and class, saved by Stable-Baselines3, or behind an HTTP server."""

from __future__ import annotations

import importlib
from typing import Any

from baselines.agents import AGENTS
from baselines.agents.base import Agent
from benchmarks.strict_json import parse
from imgedit_gym.core.errors import ImgEditError

ALSO = {"sb3": "benchmarks.evaluate.sb3:Sb3Agent", "http": "benchmarks.evaluate.http:HttpAgent"}
"""Agents that need arguments, and so are not among the baselines."""


def find_agent(spec: str) -> Agent:
    """Build an agent.

    Args:
        spec: A name, ``module:Class``, ``module:object`` for an agent that is built already, or a JSON object with the
            key ``id`` for one of the first two and further arguments.

    Raises:
        ImgEditError: If there is no such agent, or it does not take the arguments.
    """
    arguments: dict[str, Any] = {"id": spec}
    if spec.lstrip().startswith("{"):
        arguments = parse(spec)
    id = arguments.pop("id", None)
    if not isinstance(id, str):
        raise ImgEditError(f"--agent: expected a JSON object with the key 'id'; found {spec!r}")
    made = _target_of(id)
    if isinstance(made, Agent) and not arguments:
        return made
    try:
        agent = made(**arguments)
    except TypeError as error:
        raise ImgEditError(f"agent {id!r} does not take these arguments: {error}") from error
    if not isinstance(agent, Agent):
        raise ImgEditError(f"--agent: expected a subclass of baselines.agents.base.Agent; found {type(agent).__name__}")
    return agent


def access_of(agent: Agent | type[Agent]) -> dict[str, bool]:
    """What manifests say of what an agent is given beyond pictures and words."""
    return {"privileged": bool(agent.privileged), **({"simulator": True} if agent.simulator else {})}


def _target_of(id: str) -> Any:
    target = ALSO.get(id, id)
    if ":" not in target:
        return AGENTS.factory(target)
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImgEditError(f"--agent: expected module:Class that can be imported; {id!r}: {error}") from None
