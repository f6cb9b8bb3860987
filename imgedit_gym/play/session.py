"""A person's episodes: what is shown of them, what can be done, and what is kept as a demonstration."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE, N_REGIONS
from imgedit_gym.envs.image_edit import ImageEditEnv
from imgedit_gym.trajectory import read_trajectories, trajectory_of, write_trajectories

AGENT = "human"
"""Name of the agent in what is kept."""

MARK = (255, 140, 0, 120)
"""Colour and opacity of a region that is pointed at."""


class Session:
    """Episodes of one person, each of which may be taken back step by step.

    Args:
        path: File to which demonstrations are added.
        seed: Of the first task; the next tasks follow from the next seeds.
        **arguments: What ``gymnasium.make("ImageEdit-v0")`` takes.

    Raises:
        ImgEditError: If an argument is not what is expected, or the file holds something else.
    """

    def __init__(self, path: Path, seed: int = 0, **arguments: Any) -> None:
        self.path = path
        if path.exists():
            read_trajectories(path)
        self._made = gym.make("ImageEdit-v0", disable_env_checker=True, max_episode_steps=-1, **arguments)
        unwrapped = self._made.unwrapped
        assert isinstance(unwrapped, ImageEditEnv)
        self.env = unwrapped
        self.tools = tuple((tool.id, _summary(tool)) for tool in self.env.engine.tools)
        self._info: dict[str, Any] = {}
        self._before: list[dict[str, Any]] = []
        self._kept = False
        self.seed = seed
        self.start(seed)

    def start(self, seed: int | None = None) -> None:
        """Begin the task of a seed; of the next one if none is given.

        Raises:
            ImgEditError: If the seed is no whole number of at least 0; the episode goes on then.
        """
        following = self.seed + 1 if seed is None else seed
        _, self._info = self.env.reset(seed=following)
        self.seed, self._before, self._kept = following, [], False

    def act(self, tool: str, region: int) -> None:
        """Use a tool in a region and go on to the next plan step.

        Raises:
            ImgEditError: If the episode is over, or there is no such tool or region.
        """
        action = self.env.action(tool, region)
        if self.over:
            raise ImgEditError("the plan is done: take a step back, or begin the next task")
        before = self.env.get_state()
        self._info = self.env.step(action)[4]
        self._before.append(before)
        self._kept = False

    def undo(self) -> None:
        """Take the last step back.

        Raises:
            ImgEditError: If there is none.
        """
        if not self._before:
            raise ImgEditError("nothing has been done that could be taken back")
        self._info = self.env.set_state(self._before.pop())[1]
        self._kept = False

    def keep(self) -> int:
        """Add the finished episode to the file of demonstrations.

        Returns:
            How many the file holds now.

        Raises:
            ImgEditError: If the episode is not over or is in the file already, or the file cannot be written.
        """
        if not self.over:
            raise ImgEditError("a demonstration is a whole episode: carry out or skip the rest of the plan first")
        if self._kept:
            raise ImgEditError("this episode is in the file already")
        kept = read_trajectories(self.path) if self.path.exists() else []
        kept.append(replace(trajectory_of(self.env, 0, AGENT), seed=self.seed))
        try:
            write_trajectories(self.path, kept)
        except OSError as error:
            raise ImgEditError(f"{self.path}: expected a file that can be written; {error.strerror}") from None
        self._kept = True
        return len(kept)

    def close(self) -> None:
        """Close the environment."""
        self._made.close()

    # ------------------------------------------------------------------ looking

    @property
    def over(self) -> bool:
        """Whether the plan is exhausted."""
        return not self._info["plan_step"]

    def state(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON has it."""
        info = self._info
        allowed = info["action_mask"][0].tolist()
        history = self.env.engine.history(0)
        rewards = [reward for *_, reward in history]
        return {
            "seed": self.seed,
            "task": info["task_id"],
            "instruction": info["instruction"],
            "plan": info["plan"],
            "step": info["plan_index"],
            "over": self.over,
            "requirements": [
                {"text": one["text"], "met": one["met"], "value": _number(one["value"]), "step": one["step"]}
                for one in info["requirements"]
            ],
            "preserved": {name: _number(value) for name, value in info["preserved"].items()},
            "scores": {name: _number(info["scores"][name]) for name in ("E", "P", "Q", "score")},
            "success": info["success"],
            "valid": info["judge"]["valid"],
            "reward": rewards[-1] if rewards else None,
            "total": math.fsum(rewards),
            "error": info["action_error"],
            "done": [
                {"tool": self.tools[tool][0], "region": region, "reward": reward}
                for tool, region, *_, reward in history
            ],
            "tools": [
                {"id": name, "about": about, "allowed": bool(fits)}
                for (name, about), fits in zip(self.tools, allowed, strict=True)
            ],
            "lattice": LATTICE,
            "kept": self._kept,
        }

    def picture(self, which: str) -> np.ndarray:
        """The ``"source"``, or the ``"canvas"`` as it is now, ``uint8 [S, S, 3]``.

        Raises:
            ImgEditError: If it is neither.
        """
        engine = self.env.engine
        if which not in ("source", "canvas"):
            raise ImgEditError(f"expected the picture 'source' or 'canvas'; found {which!r}")
        return (engine.batch.images if which == "source" else engine.canvas)[0].cpu().numpy().copy()

    def mask(self, region: int) -> np.ndarray:
        """Where a region lets a tool edit, ``bool [S, S]``.

        Raises:
            ImgEditError: If there is no such region.
        """
        if not 0 <= region < N_REGIONS:
            raise ImgEditError(f"expected a region from 0 to {N_REGIONS - 1}; found {region}")
        engine = self.env.engine
        row, index = torch.tensor([[0], [region]], device=engine.device)
        return engine.regions.regions(row, index, engine.steps_of(row)).masks[0].cpu().numpy().copy()


def overlay(mask: np.ndarray) -> np.ndarray:
    """A mask as a transparent picture to lay over another, ``uint8 [H, W, 4]``."""
    found = np.zeros((*mask.shape, 4), dtype=np.uint8)
    found[mask] = MARK
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _summary(tool: Any) -> str:
    return (type(tool).__doc__ or "").strip().split("\n")[0]
