"""What the pages show: an episode, what each tool does, tasks, regions and wrappers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from PIL import Image

import imgedit_gym  # noqa: F401  (registers the environments)
from imgedit_gym.core.registry import PIXEL_TOOLS, RETOUCH_TOOLS, TOOLS
from imgedit_gym.core.retouching import WORDS, read_value
from imgedit_gym.engine import Engine, oracle_regions
from imgedit_gym.rendering import OUTLINE
from imgedit_gym.wrappers import NumberedRegions

Drawn = tuple[Sequence[Image.Image], Any]
"""The frames of a picture, and what there is to say of it."""

PAPER = (248, 248, 246)
EPISODE_SEED = 6
"""A task of the split ``test`` with several kinds of edits."""


def episode(width: int = 900) -> Drawn:
    """An episode in which the oracle plays, as the environment renders it."""
    from baselines.agents.oracle import OracleAgent

    env = gym.make("ImageEdit-v0", split="test", render_mode="rgb_array")
    _, info = env.reset(seed=EPISODE_SEED)
    frames, agent = [env.render()], OracleAgent()
    agent.attach(env.unwrapped.engine)
    ended = False
    while not ended:
        action = agent.act({}, {"active": np.array([True])})[0]
        _, _, terminated, truncated, info = env.step(action)
        frames.append(env.render())
        ended = terminated or truncated
    env.close()
    shown = [Image.fromarray(frame) for frame in frames]
    height = round(shown[0].height * width / shown[0].width)
    small = [frame.resize((width, height), Image.Resampling.LANCZOS) for frame in shown]
    return small, {"instruction": info["instruction"], "plan": info["plan"], "score": info["scores"]["score"]}


def tasks(source: Any, split: str, columns: int = 6) -> Drawn:
    """The first pictures of a task source, side by side."""
    engine = Engine(columns, tasks=source, split=split, image_size=128)
    engine.reset(range(columns), range(columns))
    sheet = side_by_side([picture.numpy() for picture in engine.canvas])
    said = [engine.tasks.instruction(engine.batch, row) for row in range(columns)]
    return [sheet], said


def plans(planner: str) -> Drawn:
    """An advert, and what a planner says of it."""
    env = gym.make("ImageEdit-v0", planner=planner, split="test")
    observation, info = env.reset(seed=EPISODE_SEED)
    env.close()
    picture = Image.fromarray(enlarged(observation["image"], 256))
    return [picture], {"instruction": info["instruction"], "plan": info["plan"]}


def regions(provider: str, edge: int = 384, seed: int = EPISODE_SEED, **world: Any) -> Drawn:
    """The regions of a provider, outlined and numbered on a picture; by default on an advert."""
    world = world or {"split": "test"}
    env = NumberedRegions(gym.make("ImageEdit-v0", regions=provider, **world), edge=edge)
    observation, _ = env.reset(seed=seed)
    env.close()
    return [Image.fromarray(observation["numbered_regions"])], None


def tool(id: str) -> Drawn:
    """A picture before and after a tool, where it earns most beside the other tools of its file.

    What is said names the plan step and the verbs of the steps that the tool accepts.
    """
    trials = _trials(next(world for world, tools in TRIED.items() if id in tools))
    at = trials.tools.index(id)
    files = [TOOLS.factory(other).__module__ for other in trials.tools]
    others = [i for i, file in enumerate(files) if i != at and file == files[at]]
    scores = np.where(trials.is_for(id), trials.scores[at], np.nan)
    lead = np.where(scores < 0.9 * np.nanmax(scores), np.nan, scores)
    if others:
        lead -= np.nan_to_num(trials.scores[others]).mean(0)
    best = int(np.where(np.isnan(lead), -np.inf, lead).argmax())
    canvas, mask = trials.carry_out(at, best)
    source = trials.source(best)
    edge = SHOWN - SHOWN % len(source)
    pictures = [outlined(source, mask, edge), enlarged(canvas, edge)]
    return [side_by_side(pictures)], {"step": trials.steps[best], "verbs": trials.verbs(at)}


# ---------------------------------------------------------------------- trials of the tools

TRIED: dict[str, tuple[str, ...]] = {"adverts": PIXEL_TOOLS, "photos": RETOUCH_TOOLS, "headlines": ("rewrite_read",)}
"""By where they are tried, tools that need no model to be trained and no server."""

WORLDS: dict[str, dict[str, Any]] = {
    "adverts": {"split": "val"},
    "photos": {"tasks": {"id": "photos", "faults": [1, 1]}, "split": "train", "image_size": 192},
    "headlines": {"split": "val", "image_size": 256},
}
EPISODES = {"adverts": 96, "photos": 48, "headlines": 12}
SHOWN = 256


class Trials:
    """Tools tried on every step of some plans, each on the untouched picture.

    Args:
        n: How many tasks.
        tools: Ids of the tools.
        **world: Arguments of the engine.

    Attributes:
        steps: The steps in words.
        scores: What each tool earns at each step, ``[tools, steps]``; nan where the tool does not accept it.
    """

    def __init__(self, n: int, tools: Sequence[str] = PIXEL_TOOLS, **world: Any) -> None:
        self.tools = tuple(tools)
        self._first = 0 if "skip" in tools else 1
        given = [*(["skip"] if self._first else []), *tools]
        self.engine = engine = Engine(n, tools=given, **world)
        engine.reset(range(n), range(n))
        places = [(row, step, region) for row in range(n) for step, region in enumerate(oracle_regions(engine, row))]
        self.rows = torch.tensor([row for row, _, _ in places])
        self.index = torch.tensor([step for _, step, _ in places], dtype=torch.int32)
        self.regions = torch.tensor([region for _, _, region in places])
        plans = [engine.plan(row) for row in range(n)]
        self._planned = [plans[row][step] for row, step, _ in places]
        self.steps = [step.text for step in self._planned]
        self.scores = np.full((len(tools), len(places)), np.nan)
        for at in range(len(tools)):
            accepted = self._accepted(at).nonzero().flatten()
            if len(accepted):
                _, verdict = self._imagine(at, accepted)
                self.scores[at, accepted.numpy()] = verdict.score.numpy()

    def _imagine(self, tool: int, at: torch.Tensor) -> Any:
        rows, regions = self.rows[at], self.regions[at]
        actions = torch.stack([torch.full_like(regions, self._first + tool), regions], 1)
        canvas = self.engine.canvas.index_select(0, rows)
        return self.engine.imagine(canvas, self.index[at], actions, rows, alone=True)

    def _accepted(self, tool: int) -> torch.Tensor:
        from imgedit_gym.core.steps import StepBatch

        codes = torch.tensor([self.engine.vocabulary.encode(step) for step in self._planned], dtype=torch.int32)
        steps = StepBatch(codes.reshape(-1, 3), lambda i: self._planned[i])
        accepted: torch.Tensor = self.engine.tools[self._first + tool].accepts(steps)
        return accepted

    def verbs(self, tool: int) -> list[str]:
        """Verbs of the steps that a tool accepts, of all that occur."""
        accepted = self._accepted(tool).tolist()
        found = {step.verb for step, ok in zip(self._planned, accepted, strict=True) if ok}
        known = {step.verb for step in self._planned}
        return ["all"] if found == known and len(known) > 1 else sorted(found)

    def is_for(self, id: str) -> np.ndarray:
        """Whether each step is about what a tool is for; retouching tools do something at any other step, too."""
        own = getattr(TOOLS.factory(id), "own", None)
        if own is None:
            return np.ones(len(self.steps), bool)
        wishes = [read_value(step.value) for step in self._planned]
        return np.array([wish is not None and wish.aspect == WORDS[own][0] for wish in wishes])

    def source(self, at: int) -> np.ndarray:
        """The untouched picture of a step."""
        return self.engine.canvas[self.rows[at]].numpy()

    def carry_out(self, tool: int, at: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture after a tool, and the mask of the region."""
        one = torch.tensor([at])
        pictures, _ = self._imagine(tool, one)
        regions = self.engine.regions.regions(self.rows[one], self.regions[one])
        return pictures[0].numpy(), regions.masks[0].numpy()


@cache
def _trials(world: str) -> Trials:
    return Trials(EPISODES[world], TRIED[world], **WORLDS[world])


# ---------------------------------------------------------------------- putting pictures together


def enlarged(picture: np.ndarray, edge: int) -> np.ndarray:
    """A picture at another size, without blur."""
    return np.array(Image.fromarray(picture).resize((edge, edge), Image.Resampling.NEAREST))


def outlined(picture: np.ndarray, mask: np.ndarray, edge: int, width: int = 2) -> np.ndarray:
    """A picture enlarged, with a line around a region."""
    large = np.array(Image.fromarray(mask).resize((edge, edge), Image.Resampling.NEAREST))
    inner = np.pad(large, width)
    eroded = large.copy()
    for y in range(2 * width + 1):
        for x in range(2 * width + 1):
            eroded &= inner[y : y + edge, x : x + edge]
    pixels = enlarged(picture, edge)
    pixels[large & ~eroded] = OUTLINE
    return pixels


def side_by_side(pictures: Sequence[np.ndarray], gap: int = 8) -> Image.Image:
    """Pictures of one height in a row, on nothing, so that the page shows between them."""
    height = len(pictures[0])
    width = sum(picture.shape[1] for picture in pictures) + gap * (len(pictures) - 1)
    row, left = Image.new("RGBA", (width, height), (0, 0, 0, 0)), 0
    for picture in pictures:
        row.paste(Image.fromarray(picture), (left, 0))
        left += picture.shape[1] + gap
    return row


def stacked(rows: Sequence[Image.Image], gap: int = 8) -> Image.Image:
    """Rows of one width below each other, on nothing."""
    column = Image.new("RGBA", (rows[0].width, sum(row.height + gap for row in rows) - gap), (0, 0, 0, 0))
    for at, row in enumerate(rows):
        column.paste(row, (0, at * (row.height + gap)))
    return column
