"""Episodes on the same tasks, and their final pictures judged twice: by the judge in question and by the exact one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from baselines.rollout import BUDGET
from benchmarks.checklist.judging import finished_cases, judge_finished
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.engine import Engine
from imgedit_gym.envs.shared import action_masks, observe
from imgedit_gym.judges.base import Judge, ask

Policy = Callable[[dict[str, torch.Tensor], torch.Tensor], torch.Tensor]
"""From observations and action masks ``bool [B, n_tools + n_regions]`` to tools and regions, ``int64 [B, 2]``."""

Outcome = dict[str, torch.Tensor]
"""``said`` and ``exact``, scores ``float64 [B]``; ``said_success`` and ``exact_success``, ``bool [B]``; and ``valid``,
where the judge in question could judge."""


def play(engine: Engine, seeds: Sequence[int], policy: Policy) -> None:
    """Play one episode a seed to its end, whose picture is then the engine's canvas."""
    engine.reset(range(len(seeds)), seeds)
    while len(rows := (engine.step_index < engine.plan_length).nonzero().flatten()):
        engine.step(policy(observe(engine, BUDGET), action_masks(engine)), rows)


def random_policy(random: torch.Generator) -> Policy:
    """Any tool that accepts the plan step, and any region."""

    def act(observations: dict[str, torch.Tensor], masks: torch.Tensor) -> torch.Tensor:
        tools = torch.multinomial(masks[:, :-N_REGIONS].float(), 1, generator=random)
        return torch.cat([tools, torch.randint(N_REGIONS, tools.shape, generator=random)], 1)

    return act


def judge_both(engine: Engine, judge: Judge) -> Outcome:
    """Judge the canvases of finished episodes.

    Args:
        engine: Its own judge is the exact one.
        judge: The judge in question.

    Raises:
        ImgEditError: If it can judge none of them.
    """
    exact = judge_finished(engine, engine.canvas)
    said = ask(judge, finished_cases(engine, engine.canvas))
    if not bool(said.valid.any()):
        reason = next(iter(said.reasons.values()), "no reason given")
        raise ImgEditError(f"judge {judge.id!r} could judge none of {engine.num_envs} pictures: {reason}")
    return {
        "said": said.score.double(),
        "exact": exact.score.double(),
        "said_success": said.success,
        "exact_success": exact.success,
        "valid": said.valid,
    }
