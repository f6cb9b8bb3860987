"""Tasks' pictures drawn otherwise, and edits shown whole, in part, faintly or coarsely; exactly judged."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from baselines.training.judge.asking import NEAR_LOOKS
from baselines.training.judge.looks import LUMA, give_looks
from baselines.training.judge.mixed import beyond
from baselines.training.judge.tooled import Bench, Edited
from benchmarks.checklist.definition import DOUBT, Drawn, Row, requirement_rows
from benchmarks.checklist.parts import HALF, blended, known_of_blends, known_of_coarse, known_of_parts
from benchmarks.checklist.staging import GROUND
from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import STOCK_PALETTE
from imgedit_gym.core.checklist import COLUMNS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, PATTERNS, TONES
from imgedit_gym.core.verdict import MET
from imgedit_gym.tasks.adverts.scene import SceneBatch

WAYS: dict[str, float] = {
    "drawn": 0.23,
    "planned": 0.06,
    "blended": 0.27,
    "parted": 0.29,
    "coarse": 0.05,
    "look": 0.02,
    "grain": 0.01,
    "blank": 0.01,
    "speckle": 0.01,
    "stranger": 0.05,
}
"""What may become of a picture, and how often it does."""

DILIGENCE = (0.2, 0.7, 0.95)
"""Shares of what a task asks for that drawn pictures carry out."""

MIXED = "blended", "parted"
"""Ways that show a part of an edit: all of it faintly, or one side of it."""

WORKED = (*MIXED, "coarse")
"""Ways that begin with an edit."""

WHOLE = 0.6, 0.25
"""Of the pictures that begin with an edit, shares in which it is a whole plan: carried out with the tools, drawn."""

REDUCED = 0.45, 0.9
"""Least and largest share of its edge to which a coarse picture was reduced."""

QUALITIES = 15, 60
"""Lowest and highest quality of a coarse picture that was a JPEG."""

SHARES = 0.3, 0.75
"""Least and most of an edit that a blended picture shows."""

FEWER = 0.5
"""Share kept of the questions answered with no about what a blend of at least half of an edit could carry out."""

MISHAP = 0.3
"""Chance of each thing that nobody asked for: an object moved, two swapped, one resized."""

EMPTY = 0.06
"""Share of drawn pictures from which everything is gone."""

_ORDER = (
    Kind.BACKGROUND,
    Kind.BACKGROUND_COLOR,
    Kind.COLOR,
    Kind.COUNT,
    Kind.ABSENT,
    Kind.PRESENT,
    Kind.HEADLINE,
    Kind.TONE,
)


class Spoiler:
    """Makes such pictures of the tasks of a bench.

    Args:
        bench: Whose tasks and edited pictures to take.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        tasks = bench.engine.tasks
        self._tasks, self._stock = tasks, tasks.stock
        self._members = [list(members) for members in tasks.tables.sets.members]
        self._planes: dict[int, list[torch.Tensor]] = {}

    def make(self, n: int, dice: random.Random, numbers: torch.Generator) -> Edited:
        """Make n pictures, and ask about them."""
        engine = self._bench.engine
        order = dice.sample(range(engine.num_envs), engine.num_envs)
        rows = [order[i % len(order)] for i in range(n)]
        index = torch.tensor(rows)
        ways = dice.choices(list(WAYS), list(WAYS.values()), k=n)
        before, edited = engine.batch.images[index], engine.canvas[index]
        # else hardly anything in these would be carried out, and doubt always be answered with no
        luck = [dice.random() if way in WORKED else 1.0 for way in ways]
        tools = [way == "planned" or at < WHOLE[0] for way, at in zip(ways, luck, strict=True)]
        whole = [WHOLE[0] <= at < sum(WHOLE) for at in luck]
        drawn, known = self._drawn(rows, whole, dice, numbers)
        if any(tools):
            edited[tools] = self._bench.carried_out(index[tools], dice)
        bases = [drawn[i] if whole[i] or (not tools[i] and dice.random() < 0.6) else edited[i] for i in range(n)]
        canvas = torch.stack([self._spoil(ways[i], before, bases[i], drawn, i, dice, numbers) for i in range(n)])
        known[[way != "drawn" for way in ways]] = torch.nan
        self._mix(ways, torch.stack(bases), canvas, index, known, dice)
        return self._bench.edited(canvas, index, dice, known)

    def _mix(
        self,
        ways: list[str],
        bases: torch.Tensor,
        canvas: torch.Tensor,
        index: torch.Tensor,
        known: torch.Tensor,
        dice: random.Random,
    ) -> None:
        """Blend and cut the pictures whose way says so, and write down what is known of these and of coarse ones.

        Args:
            ways: What becomes of each picture.
            bases: The edits, ``uint8 [n, S, S, 3]``.
            canvas: The pictures, ``uint8 [n, S, S, 3]``; filled in for blended and cut ones.
            index: Whose tasks they are, ``int64 [n]``.
            known: What is known by construction, ``float32 [n, R]``; filled in for blended, cut and coarse ones.
            dice: Random numbers.
        """
        engine = self._bench.engine
        faint, parted, coarse = (torch.tensor([way == name for way in ways]).nonzero().flatten() for name in WORKED)
        if len(faint):
            shares = torch.tensor([dice.uniform(*SHARES) for _ in faint])
            canvas[faint] = blended(engine.batch.images[index[faint]], bases[faint], shares)
            known[faint] = known_of_blends(engine, shares, index[faint])
            # else what the exact judge is divided about would mostly be answered with no
            met = engine.checklist.measure(bases[faint], index[faint]).requirements >= MET
            met &= (engine.batch.requirements[index[faint], :, COLUMNS.index("kind")] > 0) & (shares >= HALF)[:, None]
            dropped = torch.tensor([[dice.random() >= FEWER for _ in row] for row in met])
            known[faint] = torch.where(met & dropped, 1.0, known[faint])
        if len(parted):
            before = engine.batch.images[index[parted]]
            shown = torch.stack([_side(*pair, dice) for pair in zip(before, bases[parted], strict=True)])
            canvas[parted] = torch.where(shown[..., None], bases[parted], before)
            known[parted] = known_of_parts(engine, bases[parted], shown, index[parted])
        if len(coarse):
            known[coarse] = known_of_coarse(engine, bases[coarse], canvas[coarse], index[coarse])

    def _spoil(
        self,
        way: str,
        before: torch.Tensor,
        base: torch.Tensor,
        drawn: torch.Tensor,
        i: int,
        dice: random.Random,
        numbers: torch.Generator,
    ) -> torch.Tensor:
        match way:
            case "drawn":
                return drawn[i]
            case "planned" | "blended" | "parted":
                return base
            case "coarse":
                return _coarse(base, dice)
            case "look":
                tone = torch.tensor([dice.randrange(len(TONES))])
                return give_looks(base[None], torch.zeros(1, 3), tone, numbers)[0][0]
            case "grain":
                return _levels(base.float() + dice.uniform(8, 50) * torch.randn(base.shape, generator=numbers))
            case "blank":
                color = dice.choice(((255,) * 3, (0,) * 3, (dice.randrange(256),) * 3, dice.choices(range(256), k=3)))
                return torch.tensor(color, dtype=torch.uint8).expand_as(base).clone()
            case "speckle":
                return torch.randint(0, 256, base.shape, generator=numbers, dtype=torch.uint8)
        others = before if dice.random() < 0.4 else drawn
        return others[(i + 1) % len(others)]

    # ------------------------------------------------------------------ drawn anew from changed numbers

    def _drawn(
        self, rows: list[int], whole: list[bool], dice: random.Random, numbers: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The tasks' adverts with all or some of what is asked for carried out, then some wrongly, and mishaps.

        Returns:
            The pictures, ``uint8 [n, S, S, 3]``, and what is known of them by construction, ``float32 [n, R]``.
        """
        batch, n = self._bench.engine.batch, len(rows)
        scene = self._tasks.scene(batch).rows(torch.tensor(rows))
        tone, known = torch.full((n,), -1), torch.full((n, MAX_REQUIREMENTS), torch.nan)
        for i, row in enumerate(rows):
            advert = _Advert(self, scene, i, row, dice)
            tone[i] = advert.carry_out(1.0) if whole[i] else advert.vary()
            known[i] = advert.known(int(tone[i]))
        self._write_ink(scene)
        if n not in self._planes:
            size = batch.size
            shapes = ((n, size, size, 3), (n, size, size, 3), (n, size, size), (n, size, size))
            self._planes[n] = [torch.zeros(shape, dtype=torch.uint8) for shape in shapes]
        images, plates, segments, mattes = self._planes[n]
        self._tasks.renderer.draw(scene, torch.arange(n), images, plates, segments, mattes)
        return give_looks(images, torch.zeros(n, 3), tone, numbers)[0], known

    def _write_ink(self, scene: SceneBatch) -> None:
        """Letters without a panel stay readable on their ground."""
        plate = (scene.kind * VARIANTS + scene.variant).long()
        drawn = (scene.kind >= len(PATTERNS))[:, None]
        ground = torch.where(drawn, self._stock.plate_means[plate], scene.palette.mean(1))
        bright = (ground @ LUMA > 120)[:, None]
        ink = torch.where(bright, torch.tensor([28.0, 30.0, 46.0]), torch.tensor([250.0, 250.0, 246.0]))
        bare = scene.panel == 0
        scene.ink[bare, 0] = ink[bare]


class _Advert:
    """One advert's numbers, and what can be done to them."""

    def __init__(self, spoiler: Spoiler, scene: SceneBatch, i: int, row: int, dice: random.Random) -> None:
        self._members, self._stock, self._dice = spoiler._members, spoiler._stock, dice
        self._numbers = {name: tensor[i].numpy() for name, tensor in scene.tensors().items()}
        self._scene, self._i = scene, i
        self._sprite, self._place = self._numbers["sprite"], self._numbers["place"]
        self._before = {name: self._numbers[name].copy() for name in ("sprite", "place", *GROUND)}
        self._was = self._before["sprite"]
        batch = spoiler._bench.engine.batch
        self._plate = batch.plates[row]
        self._asked = requirement_rows(batch, row)
        wishes = [wish for wish in self._asked if wish["kind"] in _ORDER]
        self._wishes = sorted(wishes, key=lambda wish: _ORDER.index(Kind(wish["kind"])))
        self._do: dict[Kind, Callable[[Row, bool], None]] = {
            Kind.BACKGROUND: self._background,
            Kind.BACKGROUND_COLOR: self._background_color,
            Kind.COLOR: self._color,
            Kind.COUNT: self._count,
            Kind.ABSENT: self._absent,
            Kind.PRESENT: self._present,
            Kind.HEADLINE: self._headline,
        }

    def vary(self) -> int:
        """Change the numbers as is asked for, more or less, with mishaps; returns the look to give, -1 for none."""
        dice = self._dice
        tone = self.carry_out(dice.choice(DILIGENCE))
        if dice.random() < MISHAP:
            self._move(self._any())
        if dice.random() < MISHAP:
            self._swap(self._any(), self._any())
        if dice.random() < MISHAP and (slot := self._any()) >= 0:
            self._place[slot, 2] *= dice.choice((dice.uniform(0.5, 0.8), dice.uniform(1.15, 1.45)))
        if dice.random() < EMPTY:
            self._sprite[:] = -1
            self._set("text", -1)
            if dice.random() < 0.5:
                self._ground(dice.randrange(len(BACKGROUNDS)))
        return tone

    def carry_out(self, diligence: float) -> int:
        """Change the numbers in that share as is asked for; returns the look to give, -1 for none."""
        dice, tone = self._dice, -1
        for wish in self._wishes:
            right = dice.random() < diligence
            if not right and dice.random() < 0.35:
                continue
            if wish["kind"] == Kind.TONE:
                tone = wish["arg"] if right else dice.choice((-1, dice.randrange(len(TONES))))
            else:
                self._do[Kind(wish["kind"])](wish, right)
        return tone

    def known(self, tone: int) -> torch.Tensor:
        """What holds by definition under the look that is given, -1 for none, ``float32 [R]``, see ``Bench.edited``."""
        numbers = self._numbers
        displaced = (self._sprite == self._was) & (self._place != self._before["place"]).any(1) & (self._was >= 0)
        drawn = Drawn(
            was=self._was.tolist(),
            sprites=self._sprite.tolist(),
            tints=numbers["tint"].tolist(),
            ground=int(numbers["kind"]),
            text=int(numbers["text"]),
            tone=tone,
            other_ground=any((numbers[name] != self._before[name]).any() for name in GROUND),
            displaced=np.flatnonzero(displaced).tolist(),
        )
        known = torch.full((MAX_REQUIREMENTS,), torch.nan)
        for at, wish in enumerate(self._asked):
            if wish["kind"] in _ORDER and wish["kind"] != Kind.BACKGROUND_COLOR:
                known[at] = drawn.known(wish, self._members)
                if wish["kind"] == Kind.TONE and tone >= 0 and _alike(TONES[tone], TONES[wish["arg"]]):
                    known[at] = DOUBT
        return known

    def _set(self, name: str, value: int) -> None:
        getattr(self._scene, name)[self._i] = value

    def _any(self) -> int:
        held = np.flatnonzero(self._sprite >= 0)
        return int(self._dice.choice(held.tolist())) if len(held) else -1

    def _other(self) -> int:
        return self._dice.randrange(self._stock.n_objects)

    def _absent(self, wish: Row, right: bool) -> None:
        slot, dice = wish["slot"], self._dice
        banned = [j for j in self._members[wish["arg"]] if j not in self._was] if wish["arg"] >= 0 else []
        if right:
            self._sprite[slot] = -1
        elif banned and dice.random() < 0.5:
            self._sprite[slot], self._numbers["tint"][slot] = dice.choice(banned), -1
        else:
            [
                lambda: self._dye(slot),
                lambda: self._move(slot),
                lambda: self._swap(slot, self._any()),
                lambda: self._put(slot, self._other()),
            ][dice.randrange(4)]()

    def _present(self, wish: Row, right: bool) -> None:
        members = self._members[wish["arg"]]
        sprite = self._dice.choice(members) if right else self._other()
        slot = wish["slot"]
        empty = 0 <= slot < len(self._was) and self._was[slot] >= 0 and self._sprite[slot] < 0
        self._put(slot if empty else self._room(), sprite)

    def _put(self, slot: int, sprite: int) -> None:
        if slot >= 0:
            self._sprite[slot], self._numbers["tint"][slot] = sprite, -1

    def _count(self, wish: Row, right: bool) -> None:
        slots = [s for s, sprite in enumerate(self._sprite.tolist()) if sprite in self._members[wish["arg"]]]
        left = self._dice.randint(wish["slot"], wish["count"]) if right else self._dice.randint(0, len(slots))
        for slot in self._dice.sample(slots, max(len(slots) - left, 0)):
            self._sprite[slot] = -1

    def _color(self, wish: Row, right: bool) -> None:
        if right:
            self._numbers["tint"][wish["slot"]] = wish["arg"]
        else:
            self._dye(wish["slot"])

    def _dye(self, slot: int) -> None:
        self._numbers["tint"][slot] = self._dice.randrange(len(OBJECT_COLORS))

    def _background(self, wish: Row, right: bool) -> None:
        kinds = [k for k in range(len(BACKGROUNDS)) if bool(wish["arg"] >> k & 1) == right]
        self._ground(self._dice.choice(kinds))

    def _ground(self, kind: int) -> None:
        self._set("kind", kind)
        self._set("variant", self._dice.randrange(VARIANTS))
        if BACKGROUNDS[kind] == "plain":
            self._numbers["palette"][:] = [self._dice.uniform(20, 240) for _ in range(3)]
        elif kind < len(PATTERNS):
            self._numbers["palette"][:] = STOCK_PALETTE

    def _background_color(self, wish: Row, right: bool) -> None:
        color = wish["arg"] if right else self._dice.randrange(len(COLORS))
        aim = self._stock.colors[color].numpy()
        self._numbers["palette"][:] += aim - self._plate.float().mean((0, 1)).numpy()
        self._numbers["palette"].clip(2, 253, out=self._numbers["palette"])

    def _headline(self, wish: Row, right: bool) -> None:
        count = len(self._stock.headlines)
        self._set("text", wish["arg"] + self._dice.randrange(wish["count"]) if right else self._dice.randrange(count))

    def _move(self, slot: int) -> None:
        room = self._room()
        if slot >= 0 and room >= 0:
            self._place[slot, :2] = self._place[room, :2]

    def _swap(self, first: int, second: int) -> None:
        if min(first, second) >= 0:
            self._place[[first, second], :2] = self._place[[second, first], :2]

    def _room(self) -> int:
        """An empty slot whose place is free now; -1 if none is found."""
        held = (self._sprite >= 0) | (self._was >= 0)
        slots = np.flatnonzero(~held)
        if not len(slots) or not held.any():
            return -1
        busy, edge = self._place[held], float(np.median(self._place[held, 2]))
        below = bool(self._numbers["box"][0] < 0.5 * self._stock.size)
        top = (0.2 if below else 0.02) + 0.5 * edge
        for _ in range(16):
            y, x = self._dice.uniform(top, top + 0.78 - edge), self._dice.uniform(0.5 * edge, 1.0 - 0.5 * edge)
            apart = np.maximum(abs(busy[:, 0] - y), abs(busy[:, 1] - x))
            if bool((apart >= 0.48 * (busy[:, 2] + edge)).all()):
                slot = int(slots[-1])
                self._place[slot] = (y, x, edge, self._dice.uniform(0.15, 0.4))
                return slot
        return -1


def _side(source: torch.Tensor, base: torch.Tensor, dice: random.Random) -> torch.Tensor:
    """One side of what changed, ``bool [S, S]``."""
    angle = dice.uniform(0, 2 * math.pi)
    if dice.random() < 0.5:
        angle = dice.randrange(4) * math.pi / 2
    return ~beyond(source, base, angle, dice.uniform(0.25, 0.75))


def _alike(first: str, second: str) -> bool:
    """Whether some would take one look for the other."""
    return second in NEAR_LOOKS[first] or first in NEAR_LOOKS[second]


def _coarse(picture: torch.Tensor, dice: random.Random) -> torch.Tensor:
    """A picture that lost detail: reduced and enlarged again, or stored as a JPEG."""
    size = len(picture)
    if dice.random() < 0.5:
        edge = max(1, round(size * dice.uniform(*REDUCED)))
        planes = picture.permute(2, 0, 1)[None].float()
        for to in (edge, size):
            planes = F.interpolate(planes, (to, to), mode="bicubic", antialias=True)
        return _levels(planes[0].permute(1, 2, 0))
    stored = io.BytesIO()
    Image.fromarray(picture.numpy()).save(stored, "JPEG", quality=dice.randint(*QUALITIES))
    with Image.open(stored) as opened:
        return torch.from_numpy(np.array(opened.convert("RGB")))


def _levels(picture: torch.Tensor) -> torch.Tensor:
    return picture.round().clamp(0, 255).to(torch.uint8)
