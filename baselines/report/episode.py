"""One finished episode as the report shows it: pictures, words and numbers, nothing of the environment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from imgedit_gym.core.errors import ImgEditError

MET = 0.5
"""A requirement of at least this value counts as met."""


@dataclass(frozen=True)
class StepView:
    """One step of an episode.

    Attributes:
        text: The plan step in words.
        tool: Id of the tool that was used.
        region: Region index; 0 is the whole picture, i is lattice cell i - 1, row by row.
        reward: Reward of the step.
        problem: Why the action did nothing; empty if it did something.
    """

    text: str
    tool: str
    region: int
    reward: float
    problem: str


@dataclass(frozen=True)
class EpisodeView:
    """One episode of one agent on one task.

    Attributes:
        agent: Name of the agent.
        task_id: Name of the task.
        instruction: The abstract instruction.
        plan: Plan steps in words.
        frames: ``uint8 [H, W, 3]`` each: the source, then the canvas after each step.
        steps: The steps taken, one fewer than frames.
        requirements: Sentence and final value in [0, 1] of each; see :data:`MET`.
        score: Final score in [0, 1].
        execution: Final E in [0, 1].
        preservation: Final P in [0, 1].
        quality: Final Q in [0, 1].
        success: Whether the episode counts as a success.
        valid: Whether the judge could judge the final picture; if not, the numbers say nothing and are not shown.

    Raises:
        ImgEditError: If frames are not one more than steps, or not pictures.
    """

    agent: str
    task_id: str
    instruction: str
    plan: tuple[str, ...]
    frames: tuple[np.ndarray, ...]
    steps: tuple[StepView, ...]
    requirements: tuple[tuple[str, float], ...]
    score: float
    execution: float
    preservation: float
    quality: float
    success: bool
    valid: bool = True

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.steps) + 1:
            wanted = len(self.steps) + 1
            raise ImgEditError(f"{wanted - 1} steps need {wanted} frames; found {len(self.frames)}")
        for frame in self.frames:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ImgEditError(f"frames must be uint8 [H, W, 3]; found {frame.dtype} {list(frame.shape)}")


def unique(values: Iterable[str]) -> list[str]:
    """Values without repetitions, in the order of their first appearance."""
    return list(dict.fromkeys(values))


def by_task_and_agent(episodes: Sequence[EpisodeView]) -> dict[tuple[str, str], EpisodeView]:
    """Episodes by task and agent; of several episodes of a pair the first."""
    found: dict[tuple[str, str], EpisodeView] = {}
    for episode in episodes:
        found.setdefault((episode.task_id, episode.agent), episode)
    return found
