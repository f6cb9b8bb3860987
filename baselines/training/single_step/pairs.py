"""Adverts, requests, and what a teacher who knows the oracle's plan makes of them, drawn by the renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from baselines.training.judge.looks import give_look
from baselines.training.single_step.house import HouseStock
from imgedit_gym.art.stock import STOCK_PALETTE
from imgedit_gym.core.checklist import COLUMNS, MAX_OBJECTS, Kind
from imgedit_gym.core.names import BACKGROUNDS, PATTERNS, TONES
from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.source import Adverts

LUMA = (0.299, 0.587, 0.114)
GRID = 16
"""What the teacher puts in stands in the middle of a cell of a grid of this many rows and columns."""

NEW_EDGE, NEW_SHADOW = 3.5 / GRID, 0.25
"""Edge of what the teacher puts in, as a share of the picture, and strength of its shadow."""

_REPLACE = VERBS.index("replace")


@dataclass(frozen=True)
class Pairs:
    """N edits.

    Attributes:
        before: Source pictures, ``uint8 [N, S, S, 3]``.
        after: What was to become of them, ``uint8 [N, S, S, 3]``.
        drawn: The same without the look of the whole, ``uint8 [N, S, S, 3]``.
        instructions: N requests.
    """

    before: torch.Tensor
    after: torch.Tensor
    drawn: torch.Tensor
    instructions: list[str]


class Teacher:
    """Carries out requests by changing the numbers that adverts are drawn from.

    It serves every requirement of the oracle's plan, each in the one way that :class:`HouseStock` chooses; what it adds
    stands on a grid, in one size. So a request and a picture have one answer, and a network that learns it need not
    draw all that would be right.

    Args:
        source: Whose adverts.
    """

    def __init__(self, source: Adverts) -> None:
        self.source, self.stock = source, source.stock
        self.house = HouseStock(source)
        self._planes: dict[tuple[str, int], dict[str, torch.Tensor]] = {}

    def draw_pairs(self, n: int, draw: torch.Generator) -> Pairs:
        """Edits of n adverts drawn at random from the source's split."""
        keys = torch.randint(0, 1 << KEY_BITS, (n,), generator=draw) | (self.source.stream << KEY_BITS)
        batch = self.source.allocate(n)
        self.source.sample(batch, torch.arange(n), keys)
        drawn, after = self.carry_out(batch)
        return Pairs(batch.images, after, drawn, [self.source.instruction(batch, row) for row in range(n)])

    def carry_out(self, batch: TaskBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """The teacher's results for a batch of tasks, without and with the look of the whole."""
        scene = self.source.scene(batch).rows(torch.arange(len(batch)))
        tones = [self._edit(batch, scene, row) for row in range(len(batch))]
        drawn = self._draw(scene)
        after = drawn.clone()
        for tone in set(tones) - {""}:
            rows = torch.tensor([row for row, one in enumerate(tones) if one == tone])
            after[rows] = give_look(tone, drawn[rows])
        return drawn, after

    def _draw(self, scene: SceneBatch) -> torch.Tensor:
        n, size = len(scene), self.stock.size
        planes = {part: torch.zeros(n, size, size, 3, dtype=torch.uint8) for part in ("images", "plates")}
        planes |= {part: torch.zeros(n, size, size, dtype=torch.uint8) for part in ("segments", "mattes")}
        self.source.renderer.draw(scene, torch.arange(n), **planes)
        return planes["images"]

    # ------------------------------------------------------------------ one advert

    def _edit(self, batch: TaskBatch, scene: SceneBatch, row: int) -> str:
        """Change an advert's numbers as its requirements ask; returns the look that is asked for, or nothing."""
        at = {name: tensor.numpy()[row : row + 1] for name, tensor in scene.tensors().items()}
        goal, tone = int(batch.goals[row, 0]), ""
        verbs = batch.plan[row, :, 0].tolist()
        wishes = [dict(zip(COLUMNS, values, strict=True)) for values in batch.requirements[row].tolist() if values[0]]
        kept = batch.keep[row].tolist()
        for wish in wishes:
            slot, arg = wish["slot"], wish["arg"]
            match Kind(wish["kind"]):
                case Kind.ABSENT:
                    at["sprite"][0, slot] = -1
                case Kind.PRESENT:
                    near = slot if verbs[wish["step"]] == _REPLACE else -1
                    self._put(at, self.house.object_for(goal, arg), near)
                case Kind.COLOR:
                    at["tint"][0, slot] = arg
                case Kind.COUNT:
                    self._limit(at, arg, wish["slot"], kept)
                case Kind.BACKGROUND:
                    self._set_ground(at, self.house.background_for(arg))
                case Kind.BACKGROUND_COLOR:
                    self._recolor_ground(at, batch.plates[row], arg)
                case Kind.HEADLINE:
                    at["text"][0] = arg
                case Kind.TONE:
                    tone = TONES[arg]
        return tone

    def _put(self, at: dict[str, np.ndarray], sprite: int, near: int) -> None:
        """Put an object where another stood, or into the first free site."""
        sprites, places = at["sprite"][0], at["place"][0]
        if near >= 0 and sprites[near] < 0:
            slot, (y, x) = near, places[near, :2]
        else:
            found = self._free_site(at)
            empty = np.flatnonzero(sprites < 0)
            if found is None or not len(empty):
                return
            slot, (y, x) = int(empty[-1]), found
        half = 0.5 * NEW_EDGE
        y, x = ((int(min(max(v, half), 1 - half) * GRID) + 0.5) / GRID for v in (y, x))
        sprites[slot], at["tint"][0, slot] = sprite, -1
        places[slot] = (y, x, NEW_EDGE, NEW_SHADOW)

    def _free_site(self, at: dict[str, np.ndarray]) -> tuple[float, float] | None:
        """The first site, row by row, that no object stands near."""
        sprites, places = at["sprite"][0], at["place"][0]
        held = places[sprites >= 0]
        upper = 0.195 if at["box"][0, 0] < 0.5 * self.stock.size else 0.025
        for i in range(9):
            y, x = upper + 0.26 * (i // 3 + 0.5), (i % 3 + 0.5) / 3
            gaps = np.abs(held[:, :2] - (y, x)).max(1) - 0.5 * (held[:, 2] + NEW_EDGE)
            if not len(gaps) or gaps.min() > -0.02:
                return y, x
        return None

    def _limit(self, at: dict[str, np.ndarray], members: int, most: int, kept: list[int]) -> None:
        """Take away what is too many, from the lower right on."""
        sprites, places = at["sprite"][0], at["place"][0]
        inside = self.source.tables.sets.members[members]
        slots = [s for s in range(MAX_OBJECTS) if int(sprites[s]) in inside and not kept[s + 1]]
        slots.sort(key=lambda s: (round(float(places[s, 0]) / 0.26), float(places[s, 1])))
        sprites[slots[most:]] = -1

    def _set_ground(self, at: dict[str, np.ndarray], kind: int) -> None:
        at["kind"][0], at["variant"][0] = kind, 0
        if kind < len(PATTERNS):
            at["palette"][0] = STOCK_PALETTE
        self._ink(at)

    def _recolor_ground(self, at: dict[str, np.ndarray], plate: torch.Tensor, color: int) -> None:
        """Shift a pattern's colours, its mean to the named colour; what would clip loses contrast instead."""
        aim = self.stock.colors[color].numpy()
        palette = at["palette"][0]
        palette += aim - plate.float().mean((0, 1)).numpy()
        room = np.minimum(aim - 2, 253 - aim)
        reach = np.abs(palette - aim).max(0)
        palette -= (1 - np.minimum(1, room / np.maximum(reach, 1))) * (palette - aim)
        self._ink(at)

    def _ink(self, at: dict[str, np.ndarray]) -> None:
        """Letters without a panel stay readable on a new ground."""
        if at["panel"][0]:
            return
        kind = int(at["kind"][0])
        if kind < len(PATTERNS):
            ground = at["palette"][0].mean(0)
        else:
            variants = len(self.stock.plate_means) // len(BACKGROUNDS)
            ground = self.stock.plate_means[kind * variants + int(at["variant"][0])].numpy()
        at["ink"][0, 0] = (28.0, 30.0, 46.0) if float(np.dot(ground, LUMA)) > 120 else (250.0, 250.0, 246.0)
