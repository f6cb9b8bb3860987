"""Running an agent over a batch of episodes on the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from baselines.agents.base import Agent, AgentContext
from imgedit_gym.core.plan import Plan
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.agent import BUDGET, instructions, look

__all__ = ["BUDGET", "Episode", "Step", "run_episodes", "with_tools"]


@dataclass
class Step:
    """One step of one episode."""

    text: str
    tool: str
    region: int
    reward: float
    problem: str


@dataclass
class Episode:
    """One finished episode; scores are the final verdict's.

    Where the judge failed on the final picture (``valid`` is False) they are those of the last judgement of the episode
    that did not fail, or nan, and must not be counted.
    """

    agent: str
    seed: int | None
    task_id: str
    instruction: str
    plan: tuple[str, ...]
    plan_given: bool
    steps: list[Step] = field(default_factory=list)
    score: float = 0.0
    execution: float = 0.0
    preservation: float = 0.0
    quality: float = 0.0
    success: bool = False
    valid: bool = True
    requirements: tuple[tuple[str, float], ...] = ()
    tool_calls: int = 0
    judge_calls: float = 0.0
    seconds: float = 0.0
    frames: list[np.ndarray] = field(default_factory=list)
    plan_steps: Plan = ()


def with_tools(arguments: dict[str, Any], agent: Agent) -> dict[str, Any]:
    """Arguments of an environment that has the tools an agent brings along, too."""
    if not agent.tools:
        return arguments
    own = arguments.get("tools", "pixel")
    return {**arguments, "tools": [*([own] if isinstance(own, (str, Mapping)) else own), *agent.tools]}


def run_episodes(
    name: str,
    agent: Agent,
    seeds: list[int],
    arguments: dict[str, Any],
    pictured: int = 0,
    progress: Callable[[int], None] = lambda done: None,
    keys: Sequence[int] | None = None,
) -> list[Episode]:
    """Run one episode per seed, all in one batch.

    Args:
        name: The agent's name in the results.
        agent: The agent.
        seeds: Seeds of the tasks.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`, without the planner; the agent's own tools
            are added.
        pictured: For how many of the episodes, from the first on, the picture after every step is kept.
        progress: Told how many plan steps have been carried out over all episodes.
        keys: Keys of the tasks, in place of those that the seeds draw.

    Returns:
        Episodes in the order of the seeds; seconds are the batch's share.
    """
    n = len(seeds)
    arguments = with_tools(arguments, agent)
    engine = Engine(n, **arguments, planner="oracle" if agent.privileged else "agent")
    if keys is None:
        engine.reset(range(n), seeds)
    else:
        engine.seed(range(n), seeds)
        engine.reset_keys(range(n), keys)
    context = AgentContext.of(engine, seeds[0] if seeds else 0)
    started = time.perf_counter()
    agent.begin(context)
    if agent.privileged or agent.simulator:
        agent.attach(engine)  # type: ignore[attr-defined]
    if not agent.privileged:
        plans = agent.plan(engine.batch.images.cpu().numpy().copy(), instructions(engine))
        if plans is not None:
            engine.set_plans(range(n), plans)
    episodes = [
        Episode(
            agent=name,
            seed=seed if keys is None else None,
            task_id=engine.tasks.task_id(engine.batch, row),
            instruction=engine.tasks.instruction(engine.batch, row),
            plan=tuple(step.text for step in engine.plan(row)),
            plan_given=not agent.privileged,
            plan_steps=engine.plan(row),
        )
        for row, seed in enumerate(seeds)
    ]
    for row in range(min(pictured, n)):
        episodes[row].frames.append(engine.batch.images[row].cpu().numpy().copy())
    verdict = engine.verdict
    done = 0
    while True:
        active = (engine.step_index < engine.plan_length).cpu().numpy()
        if not active.any():
            break
        actions = agent.act(*look(engine, active))
        rows = torch.from_numpy(np.flatnonzero(active)).to(engine.device)
        texts = [engine.current_step(row).text for row in rows.tolist()]
        result = engine.step(torch.from_numpy(np.where(active[:, None], actions, 0)), rows)
        verdict = result.verdict
        for row, text in zip(rows.tolist(), texts, strict=True):
            tool, region = (int(part) for part in actions[row])
            problem = engine.problem_text(tool, int(result.problems[row]))
            step = Step(text, engine.tool_ids[tool], region, float(result.reward[row]), problem)
            episodes[row].steps.append(step)
            episodes[row].tool_calls += int(tool > 0)
            if row < pictured:
                episodes[row].frames.append(engine.canvas[row].cpu().numpy().copy())
        done += len(rows)
        progress(done)
    share = (time.perf_counter() - started) / max(n, 1)
    for row, episode in enumerate(episodes):
        wanted = engine.tasks.requirements(engine.batch, row)
        values = verdict.requirements[row].tolist()
        episode.score = float(verdict.score[row])
        episode.execution = float(verdict.execution[row])
        episode.preservation = float(verdict.preservation[row])
        episode.quality = float(verdict.quality[row])
        episode.success = bool(verdict.success[row])
        episode.valid = bool(verdict.valid[row])
        episode.requirements = tuple((item.text, value) for item, value in zip(wanted, values, strict=False))
        episode.judge_calls = float(engine.judged[row])
        episode.seconds = share
    return episodes
