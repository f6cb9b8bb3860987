"""Edited pictures as honest work leaves them: done, half done, done wrongly, by the renderer, the oracle and agents."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from baselines.agents.oracle import OracleAgent
from baselines.agents.random import RandomAgent
from baselines.agents.rule_based import RuleBasedAgent
from baselines.agents.tables import table_tool
from baselines.rollout import run_episodes
from benchmarks.checklist.drawings import known_of_drawing, with_looks
from benchmarks.checklist.parts import blended, known_of_blends, known_of_coarse, known_of_parts
from benchmarks.checklist.staging import Stage, Truth
from imgedit_gym.core.checklist import COLUMNS, MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.engine import Engine

DRAWN = 2
"""Requirements of a task that are drawn, each satisfied and not."""


@dataclass(frozen=True)
class Pictures:
    """Edited pictures of some tasks.

    Attributes:
        name: How they came about.
        origin: ``"renderer"``, ``"oracle"``, ``"agents"`` or ``"tools"``.
        canvas: ``uint8 [n, S, S, 3]``.
        rows: The task of each, ``int64 [n]``.
        known: What is known by construction: 1 where a requirement holds, 0 where it does not, ``DOUBT`` where nobody
            can tell, nan where nothing is known, ``float32 [n, R]``.
    """

    name: str
    origin: str
    canvas: torch.Tensor
    rows: torch.Tensor
    known: torch.Tensor

    @classmethod
    def of(cls, name: str, origin: str, canvas: torch.Tensor, rows: torch.Tensor | None = None) -> Pictures:
        """Pictures of which nothing is known by construction; of all tasks if no rows are given."""
        rows = torch.arange(len(canvas)) if rows is None else rows
        return cls(name, origin, canvas.contiguous(), rows, torch.full((len(canvas), MAX_REQUIREMENTS), torch.nan))


@dataclass(frozen=True)
class Reference:
    """What honest work makes of B tasks, to hold other pictures against.

    Attributes:
        done: The oracle's whole plan, ``uint8 [B, S, S, 3]``.
        half: The first half of the oracle's plan, steps rounded down; tasks of one step have none.
        has_half: Whether there is one, ``bool [B]``.
        part: A part of the oracle's plan, from no step to all but one.
        failed: The honest failed try: every step of the plan in its order, with the tool that the step asks for, but
            at the wrong thing.
    """

    done: torch.Tensor
    half: torch.Tensor
    has_half: torch.Tensor
    part: torch.Tensor
    failed: torch.Tensor


def make_reference(engine: Engine, seeds: Sequence[int], arguments: dict[str, Any], seed: int) -> Reference:
    """Play the oracle and the failed try.

    Args:
        engine: Fresh episodes of the seeds.
        seeds: Seed of each environment.
        arguments: Keyword arguments of the engine.
        seed: Of the random choices.
    """
    random = np.random.default_rng((seed, 1))
    episodes = run_episodes("oracle", OracleAgent(width=2), list(seeds), arguments, pictured=len(seeds))
    lengths = [len(episode.frames) - 1 for episode in episodes]

    def frames(at: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(np.stack([episode.frames[i] for episode, i in zip(episodes, at, strict=True)]))

    return Reference(
        done=frames(lengths),
        half=frames([length // 2 for length in lengths]),
        has_half=torch.tensor([length > 1 for length in lengths]),
        part=frames([int(random.integers(length)) for length in lengths]),
        failed=wrong_places(engine, random),
    )


def wrong_places(engine: Engine, random: np.random.Generator) -> torch.Tensor:
    """Carry out every plan with the table's tools, each step at something that it is not about.

    That is an object which the task says to keep, or where there is none the background; steps that concern the whole
    picture are carried out there, too.
    """
    batch, canvas = engine.batch, engine.batch.images.clone()
    for index in range(int(batch.plan_length.max())):
        rows = (batch.plan_length > index).nonzero().flatten()
        actions = torch.zeros(len(rows), 2, dtype=torch.int64)
        for i, row in enumerate(rows.tolist()):
            kept = [label for label in range(1, MAX_OBJECTS + 1) if bool(batch.keep[row, label])]
            label = int(random.choice(kept)) if kept else 0
            step = engine.tasks.oracle_plan(batch, row)[index]
            actions[i] = torch.tensor([engine.tool_ids.index(table_tool(step)), engine.regions.find(row, label)])
        at = torch.full((len(rows),), index, dtype=torch.int32)
        canvas[rows] = engine.imagine(canvas[rows], at, actions, rows)[0]
    return canvas


def _known_of_wrong_places(engine: Engine) -> torch.Tensor:
    """The whole has no look that one object was given, ``float32 [B, R]``."""
    toned = engine.batch.requirements[:, :, COLUMNS.index("kind")] == Kind.TONE
    one_object = (engine.batch.keep[:, 1 : MAX_OBJECTS + 1] > 0).any(1, keepdim=True)
    return torch.where(toned & one_object, 0.0, torch.nan)


def honest_edits(
    engine: Engine, seeds: Sequence[int], arguments: dict[str, Any], reference: Reference, seed: int
) -> Iterator[Pictures]:
    """Edited pictures of every kind, one lot at a time.

    Args:
        engine: Fresh episodes of the seeds.
        seeds: Seed of each environment.
        arguments: Keyword arguments of the engine.
        reference: What :func:`make_reference` gave.
        seed: Of the random choices.
    """
    random = np.random.default_rng((seed, 2))
    stage = Stage(engine, seed)
    yield from _drawn(engine, stage, random)
    yield Pictures.of("part of the plan", "oracle", reference.part)
    yield Pictures.of("whole plan", "oracle", reference.done)
    for name, agent in (("rule-based", RuleBasedAgent()), ("random", RandomAgent())):
        episodes = run_episodes(name, agent, list(seeds), arguments, pictured=len(seeds))
        finals = np.stack([episode.frames[-1] for episode in episodes])
        yield Pictures.of(f"{name} agent", "agents", torch.from_numpy(finals))
    yield from _rearranged(engine, stage, random)
    before, rows = engine.batch.images, torch.arange(len(seeds))
    yield Pictures("wrong places", "tools", reference.failed, rows, _known_of_wrong_places(engine))
    left = left_half(before, reference.done)
    half = torch.where(left[..., None], reference.done, before)
    yield Pictures("left half of what changed", "tools", half, rows, known_of_parts(engine, reference.done, left))
    shares = torch.from_numpy(random.uniform(*BLENDED, len(rows))).float()
    mixed = blended(before, reference.done, shares)
    yield Pictures("blended", "tools", mixed, rows, known_of_blends(engine, shares))
    some = torch.from_numpy(random.random(len(rows)) < 0.5)[:, None, None, None]
    base = torch.where(some, reference.part, reference.done)
    coarse = with_artefacts(base, random)
    yield Pictures("artefacts", "tools", coarse, rows, known_of_coarse(engine, base, coarse))


N_LOTS = 2 * DRAWN + 2 + 2 + 3 + 4
"""Lots of :func:`honest_edits`."""


def _drawn(engine: Engine, stage: Stage, random: np.random.Generator) -> Iterator[Pictures]:
    """Some requirements of every task, satisfied and not, by the renderer; rare kinds first."""
    kinds = engine.batch.requirements[:, :, 0]
    counts = torch.bincount(kinds.flatten().long(), minlength=16)
    targets = []
    for row in range(len(kinds)):
        mine = [(int(counts[kind]), random.random(), at) for at, kind in enumerate(kinds[row].tolist()) if kind]
        targets.append([at for *_, at in sorted(mine)][:DRAWN])
    for number in range(DRAWN):
        for wanted in (True, False):
            rows = torch.tensor([row for row, mine in enumerate(targets) if len(mine) > number], dtype=torch.int64)
            if not len(rows):
                continue
            staged = [stage.set_up(row, targets[row][number], wanted)[0] for row in rows.tolist()]
            done = "carried out" if wanted else "not carried out"
            yield _pictures(engine, stage, f"drawn {number + 1}, {done}", "renderer", rows, staged)


def _rearranged(engine: Engine, stage: Stage, random: np.random.Generator) -> Iterator[Pictures]:
    """Drawings with some requirements carried out, in which one object was moved, swapped with another or resized."""
    counts = (engine.batch.requirements[:, :, 0] != 0).sum(1).tolist()
    for name, change in (("moved", stage.move), ("swapped", stage.swap), ("resized", stage.resize)):
        truths: list[Truth] = []
        rows = []
        for row, count in enumerate(counts):
            truth, _ = stage.set_up(row, int(random.integers(count)), bool(random.integers(2)))
            if change(row):
                rows.append(row)
                truths.append(truth)
        index = torch.tensor(rows, dtype=torch.int64)
        if rows:
            yield _pictures(engine, stage, name, "tools", index, truths)


def _pictures(
    engine: Engine, stage: Stage, name: str, origin: str, rows: torch.Tensor, truths: Sequence[Truth]
) -> Pictures:
    """The adverts of some tasks as they are set up now, with their looks, and what is known of them."""
    plain, plates = stage.draw(rows)
    known = [
        known_of_drawing(engine, stage, row, truth, plain[i : i + 1], plates[i : i + 1])
        for i, (row, truth) in enumerate(zip(rows.tolist(), truths, strict=True))
    ]
    return Pictures(name, origin, with_looks(plain, truths), rows, torch.stack(known))


def left_half(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Columns on the left that hold half of what changed, ``bool [n, S, S]``."""
    changed = (before != after).any(-1)
    columns = changed.sum(1).cumsum(1)
    return (columns <= 0.5 * columns[:, -1:])[:, None].expand_as(changed)


BLENDED = 0.3, 0.7
"""Least and largest share of the edit in a blend."""

QUALITIES = 20, 50
"""Of JPEG, lowest and highest."""

REDUCED = 0.6, 0.85
"""Least and largest share of its edge to which a picture is reduced."""


def with_artefacts(pictures: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Pictures as models' decoders leave them, ``uint8 [n, S, S, 3]``: blocks and ringing (JPEG), or little detail."""
    found = []
    for pixels in pictures.cpu().numpy():
        picture, size = Image.fromarray(pixels), pixels.shape[1::-1]
        if random.random() < 0.5:
            held = io.BytesIO()
            picture.save(held, "JPEG", quality=int(random.integers(QUALITIES[0], QUALITIES[1] + 1)))
            picture = Image.open(held).convert("RGB")
        else:
            edge = max(1, round(size[0] * random.uniform(*REDUCED)))
            picture = picture.resize((edge, edge), Image.Resampling.BICUBIC).resize(size, Image.Resampling.BICUBIC)
        found.append(np.asarray(picture))
    return torch.from_numpy(np.stack(found))
