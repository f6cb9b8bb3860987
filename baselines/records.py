"""Finished episodes as trajectories for files, and as views for the report."""

from __future__ import annotations

from typing import Any

from baselines.report import EpisodeView, StepView
from baselines.rollout import Episode
from imgedit_gym.trajectory import Trajectory, judged_or_none


def to_view(episode: Episode) -> EpisodeView:
    """An episode whose pictures were kept, for the gallery and the page."""
    return EpisodeView(
        agent=episode.agent,
        task_id=episode.task_id,
        instruction=episode.instruction,
        plan=episode.plan,
        frames=tuple(episode.frames),
        steps=tuple(StepView(s.text, s.tool, s.region, s.reward, s.problem) for s in episode.steps),
        requirements=episode.requirements,
        score=episode.score,
        execution=episode.execution,
        preservation=episode.preservation,
        quality=episode.quality,
        success=episode.success,
        valid=episode.valid,
    )


def to_trajectory(episode: Episode, arguments: dict[str, Any], versions: dict[str, str]) -> Trajectory:
    """An episode as one line of ``trajectories.jsonl``, from which its pictures can be made again."""
    return Trajectory(
        env_id="ImageEdit-v0",
        env_kwargs={**arguments, "planner": "agent" if episode.plan_given else "oracle"},
        versions=versions,
        agent=episode.agent,
        seed=episode.seed,
        task_id=episode.task_id,
        instruction=episode.instruction,
        plan=list(episode.plan),
        plan_given=episode.plan_given,
        steps=[
            {"tool": step.tool, "region": step.region, "reward": step.reward, "problem": step.problem}
            for step in episode.steps
        ],
        scores={
            "E": judged_or_none(episode.execution),
            "P": judged_or_none(episode.preservation),
            "Q": judged_or_none(episode.quality),
            "score": judged_or_none(episode.score),
        },
        requirements=[{"text": text, "value": judged_or_none(value)} for text, value in episode.requirements],
        success=episode.success,
        return_=sum(step.reward for step in episode.steps),
        valid=episode.valid,
    )
