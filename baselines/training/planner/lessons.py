"""What the planner learns from: train adverts as image tokens, requests, and plans for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from baselines.training.checkpoint import checkpoint, read_checkpoint
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import Plan, PlanStep
from imgedit_gym.core.registry import TASKS
from imgedit_gym.core.rng import seed_words, task_keys
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.engine import LONGEST_PLAN

CHUNK = 64
"""Tasks drawn at a time."""

MIXTURE: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.6, {}),
    (0.2, {"steps": (5, 8), "objects": (6, 9)}),
    (0.2, {"steps": (2, 5), "objects": (4, 7), "overlap": 0.7}),
)
"""Shares of the tasks, and knobs of the split they are drawn with: as they are, long, and with things in the way."""

Look = Callable[[torch.Tensor], torch.Tensor]
"""From pictures ``uint8 [n, H, W, 3]`` to image tokens ``float [n, T, width]``."""


@dataclass
class Chunk:
    """Some tasks.

    Attributes:
        tasks: Their source.
        batch: The tasks.
        tokens: Image tokens of the source pictures, ``float16 [n, T, width]``.
        requests: What is asked for.
        seeds: Seeds by which an engine starts the tasks.
        spec: The task source as engines take it.
    """

    tasks: Any
    batch: TaskBatch
    tokens: torch.Tensor
    requests: list[str]
    seeds: list[int]
    spec: dict[str, Any]

    def seen(self, row: int) -> list[str]:
        """Names of the objects in a picture."""
        things = [thing for thing in self.batch.slots[row].tolist() if 0 <= thing < self.tasks.stock.n_objects]
        return [self.tasks.stock.sprite_name(thing) for thing in things]


@dataclass(frozen=True)
class Item:
    """A request and a plan for it.

    Attributes:
        row: Whose picture: of a chunk, or of all lessons.
        request: What is asked for.
        plan: What is to be learnt.
    """

    row: int
    request: str
    plan: Plan


@dataclass
class Lessons:
    """Pictures and requests with the plans to learn.

    Attributes:
        tokens: Image tokens of each picture once, ``float16 [n, T, width]``.
        items: What is to be learnt of them.
        facts: What there is to tell about how they were made.
    """

    tokens: torch.Tensor
    items: list[Item]
    facts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def collect(cls, chunks: Iterable[Chunk], write: Callable[[Chunk], list[Item]]) -> Lessons:
        """Lessons from tasks.

        Args:
            chunks: The tasks.
            write: What is to be learnt from a chunk.

        Raises:
            ImgEditError: If that is nothing.
        """
        tokens: list[torch.Tensor] = []
        items: list[Item] = []
        for chunk in chunks:
            written = write(chunk)
            rows = sorted({item.row for item in written})
            first = sum(map(len, tokens))
            items += [replace(item, row=first + rows.index(item.row)) for item in written]
            tokens.append(chunk.tokens[rows])
        if not items:
            raise ImgEditError("there is nothing to learn: no plan was good enough; draw more tasks or plans")
        return cls(torch.cat(tokens), items)

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """All of some lessons, with the facts of the last ones."""
        items: list[Item] = []
        first = 0
        for part in parts:
            items += [replace(item, row=first + item.row) for item in part.items]
            first += len(part.tokens)
        return cls(torch.cat([part.tokens for part in parts]), items, parts[-1].facts)

    def save(self, path: Path, settings: str) -> None:
        """Keep them, with what they depend on."""
        items = [asdict(item) for item in self.items]
        checkpoint(path, settings=settings, tokens=self.tokens, items=items, facts=self.facts)

    @classmethod
    def load(cls, path: Path, settings: str) -> Lessons:
        """Those of an earlier run.

        Raises:
            ImgEditError: If they depend on something else.
        """
        state = read_checkpoint(path, settings)
        items = [
            Item(item["row"], item["request"], tuple(PlanStep(**step) for step in item["plan"]))
            for item in state["items"]
        ]
        return cls(state["tokens"], items, state["facts"])


def draw(
    look: Look,
    n: int,
    seed: int,
    split: str = "train",
    mixture: tuple[tuple[float, dict[str, Any]], ...] = MIXTURE,
    device: str = "cpu",
) -> Iterator[Chunk]:
    """Draw tasks, always the same for a seed.

    Args:
        look: What makes image tokens.
        n: How many tasks.
        seed: Of all random choices, from 0.
        split: Split of the adverts.
        mixture: Shares and knobs.
        device: Where to draw.
    """
    where = torch.device(device)
    first = 0
    for share, knobs in mixture:
        spec = {"id": "adverts", **knobs}
        tasks = TASKS.build(spec, image_size=128, max_plan_steps=LONGEST_PLAN, split=split, device=where)
        for start in range(first, first + round(share * n), CHUNK):
            count = min(CHUNK, first + round(share * n) - start)
            batch = tasks.allocate(count)
            seeds = [seed * 10_000_019 + start + at for at in range(count)]
            words = torch.tensor([seed_words(one) for one in seeds], device=where)
            keys = task_keys(words, torch.zeros(count, dtype=torch.int64, device=where), tasks.stream)
            tasks.sample(batch, torch.arange(count, device=where), keys)
            requests = [tasks.instruction(batch, row) for row in range(count)]
            yield Chunk(tasks, batch, look(batch.images).half().cpu(), requests, seeds, spec)
        first += round(share * n)
