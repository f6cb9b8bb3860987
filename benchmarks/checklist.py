"""Is the exact judge right? Oracle episodes, attacks, and the renderer's own answers against its verdicts.

``python -m benchmarks.checklist [--episodes 5000] [--split train] [--seed 0] [--image-size 128] [--repeats 1]
[--parts oracle,attacks,requirements] [--markdown] [--out DIR]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from scipy.stats import binomtest

from baselines.agents.oracle import OracleAgent
from baselines.report.files import write_whole
from baselines.rollout import Episode, run_episodes
from baselines.statistics import mean_interval
from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import STOCK_PALETTE
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, PATTERNS, TONES
from imgedit_gym.core.plan import VERBS
from imgedit_gym.engine import LARGEST_IMAGE, SMALLEST_IMAGE, Engine
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.splits import find_split

SCHEMA = 1
PARTS = ("oracle", "attacks", "requirements")
BATCH = 250
"""Environments judged together."""

ALL_DUE = 99
FAILS = 0.01
"""An attack fails if it succeeds on no more than this share of the tasks."""

EXAMPLES = 25
"""Wrong judgements of each kind that are written down."""

Float3 = tuple[float, float, float]


# ---------------------------------------------------------------------------------------------- pictures

LUMA: Float3 = (0.299, 0.587, 0.114)
SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
"""The widespread sepia matrix, row by row for red, green and blue."""


def _quantised(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.round().clamp(0, 255).to(torch.uint8)


def _saturated(pictures: torch.Tensor, share: float) -> torch.Tensor:
    grey = (pictures * torch.tensor(LUMA)).sum(-1, keepdim=True)
    return grey + share * (pictures - grey)


def _graded(pictures: torch.Tensor, gain: Sequence[float], offset: float = 0.0) -> torch.Tensor:
    return pictures * torch.tensor(gain) + offset


def _sepia(pictures: torch.Tensor, share: float) -> torch.Tensor:
    return pictures + share * (pictures @ torch.tensor(SEPIA).T - pictures)


def _blurred(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = max(1, round(3 * sigma))
    ticks = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (ticks / sigma) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    planes = F.pad(pictures.permute(0, 3, 1, 2), (reach,) * 4, mode="reflect")
    planes = F.conv2d(F.conv2d(planes, weights, groups=3), weights.transpose(2, 3), groups=3)
    return planes.permute(0, 2, 3, 1)


def give_tone(pictures: torch.Tensor, tone: str, strength: float = 1.0) -> torch.Tensor:
    """A look, made independently of the editing tools.

    Args:
        pictures: ``uint8 [n, S, S, 3]``.
        tone: One of :data:`imgedit_gym.core.names.TONES`.
        strength: 1 is clearly visible.

    Returns:
        ``uint8 [n, S, S, 3]``.
    """
    x, s = pictures.float(), strength
    pixel = pictures.shape[1] / 128
    looks: dict[str, Callable[[], torch.Tensor]] = {
        "brighter": lambda: _graded(x, (1 + 0.22 * s,) * 3, 14 * s),
        "darker": lambda: _graded(x, (1 - 0.34 * s,) * 3),
        "warmer": lambda: _graded(x, (1 + 0.14 * s, 1.0, 1 - 0.22 * s)),
        "cooler": lambda: _graded(x, (1 - 0.2 * s, 1.0, 1 + 0.15 * s)),
        "vivid": lambda: _saturated(x, 1 + 0.6 * s),
        "muted": lambda: _saturated(x, 1 - 0.5 * s),
        "monochrome": lambda: _saturated(x, 0.0),
        "vintage": lambda: _sepia(x, 0.85 * s),
        "contrasty": lambda: _graded(x, (1 + 0.5 * s,) * 3, -59 * s),
        "soft": lambda: _blurred(x, 1.5 * s * pixel),
        "crisp": lambda: x + 1.2 * s * (x - _blurred(x, pixel)),
    }
    return _quantised(looks[tone]())


CLEARLY_NOT: dict[str, tuple[str, ...]] = {
    "brighter": ("darker", "cooler", "muted", "soft"),
    "darker": ("brighter", "warmer", "muted", "crisp"),
    "warmer": ("cooler", "brighter", "darker", "muted", "soft"),
    "cooler": ("warmer", "brighter", "darker", "soft"),
    "vivid": ("muted", "monochrome", "brighter", "darker", "soft"),
    "muted": ("vivid", "monochrome", "brighter", "darker", "crisp"),
    "monochrome": ("muted", "vivid", "darker", "soft"),
    "vintage": ("cooler", "vivid", "monochrome", "brighter", "warmer", "muted"),
    "contrasty": ("soft", "muted", "brighter", "darker"),
    "soft": ("crisp", "brighter", "darker", "muted"),
    "crisp": ("soft", "brighter", "darker", "vivid"),
}
"""Looks that nobody would take for the one asked for; those that some would are left out."""

VISIBLE = 4.0
"""Mean change in levels of 255 below which a change of colour is not clearly visible."""


def written_over(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture with a text in large letters over its middle."""
    size = picture.shape[0]
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(9, size // 11))
    lines, line = [], ""
    for word in text.split():
        if line and draw.textlength(f"{line} {word}", font=font) > 0.92 * size:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    middle = "\n".join([*lines, line])
    edge = max(1, size // 90)
    draw.multiline_text(
        (size / 2, size / 2), middle, "black", font, "mm", align="center", stroke_width=edge, stroke_fill="white"
    )
    return np.asarray(image)


# ---------------------------------------------------------------------------------------------- statistics


def rate(count: int, total: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval; ``None`` where there is nothing to count."""
    if not total:
        return {"count": count, "of": total, "rate": None, "ci95": [None, None]}
    low, high = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return {"count": count, "of": total, "rate": count / total, "ci95": [float(low), float(high)]}


@dataclass
class Tally:
    """Scores and successes of final pictures."""

    scores: list[float] = field(default_factory=list)
    successes: list[bool] = field(default_factory=list)

    def summary(self, seed: int) -> dict[str, Any]:
        """Mean score and success rate with intervals."""
        return {
            "tasks": len(self.scores),
            "score": mean_interval(self.scores, seed) if self.scores else None,
            "success": rate(sum(self.successes), len(self.successes)),
        }


# ---------------------------------------------------------------------------------------------- attacks

FILTERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "grey": lambda x: _quantised(_saturated(x.float(), 0.0)),
    "sepia": lambda x: _quantised(_sepia(x.float(), 1.0)),
    "blur": lambda x: _quantised(_blurred(x.float(), x.shape[1] / 48)),
    "brighten": lambda x: _quantised(_graded(x.float(), (1.35,) * 3)),
    "darken": lambda x: _quantised(_graded(x.float(), (0.6,) * 3)),
    "invert": lambda x: 255 - x,
}


def attack_pictures(engine: Engine, finals: torch.Tensor | None, seed: int) -> dict[str, torch.Tensor]:
    """What a cheat would hand in for each task of an engine, by name of the attack.

    Args:
        engine: Fresh episodes.
        finals: Final pictures of the oracle on the same tasks, ``uint8 [B, S, S, 3]``; ``None`` leaves out the
            attacks made of them.
        seed: Of the noise.
    """
    source = engine.batch.images
    noise = torch.Generator().manual_seed(seed)
    attacks = {
        "unchanged": source,
        "white": torch.full_like(source, 255),
        "blank grey": torch.full_like(source, 128),
        "noise": torch.randint(0, 256, source.shape, generator=noise, dtype=torch.uint8),
    }
    if finals is not None and len(finals) > 1:
        attacks["another task's result"] = finals.roll(1, 0)
    texts = [engine.tasks.instruction(engine.batch, row) for row in range(len(source))]
    painted = [written_over(picture.numpy(), text) for picture, text in zip(source, texts, strict=True)]
    attacks["instruction painted on"] = torch.from_numpy(np.stack(painted))
    return attacks | {f"filter: {name}": made(source) for name, made in FILTERS.items()}


def judge_attacks(engine: Engine, finals: torch.Tensor | None, seed: int, tallies: dict[str, Tally]) -> None:
    """Judge the final pictures of every attack, all requirements due.

    A task that asks for nothing but a look is left out for the filters: there they are no attack.
    """
    kinds = engine.batch.requirements[:, :, 0]
    more_than_tone = ((kinds != 0) & (kinds != Kind.TONE)).any(1)
    due = torch.full((engine.num_envs,), ALL_DUE, dtype=torch.int32)
    for name, pictures in attack_pictures(engine, finals, seed).items():
        verdict = engine.judge.judge(engine.batch, engine.checklist, pictures.contiguous(), due)
        counted = more_than_tone if name.startswith("filter") else torch.ones_like(more_than_tone)
        tally = tallies.setdefault(name, Tally())
        tally.scores += verdict.score[counted].tolist()
        tally.successes += verdict.success[counted].tolist()


# ---------------------------------------------------------------------------------------------- staging

Row = dict[str, int]


def requirement_rows(engine: Engine, row: int) -> list[Row]:
    """The requirements of a task, by column name."""
    table = engine.batch.requirements[row].tolist()
    return [dict(zip(COLUMNS, values, strict=True)) for values in table if values[0]]


@dataclass
class Truth:
    """What the renderer knows of one staged advert beside its numbers.

    Attributes:
        tone: Look the picture is given; empty for none.
        strength: Of that look.
        ground_color: Named colour the background is given; -1 none.
        astray: Whether the background, not what the requirement in question is about, became one nobody asked for.
        changed: Slots in which a new object stands.
        cases: What was done about each requirement.
    """

    tone: str = ""
    strength: float = 1.0
    ground_color: int = -1
    astray: bool = False
    changed: set[int] = field(default_factory=set)
    cases: list[str] = field(default_factory=list)


class Stage:
    """Makes adverts in which chosen requirements hold, by changing the numbers they are drawn from.

    Args:
        engine: Whose tasks are varied; episodes must have begun.
        seed: Of the random choices.
    """

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine = engine
        self._stock = engine.tasks.stock
        self._members = engine.tasks.tables.sets.members
        self._colors = self._stock.colors.numpy()
        self.scene: SceneBatch = engine.tasks.scene(engine.batch).rows(torch.arange(engine.num_envs))
        self._numbers = {name: tensor.numpy() for name, tensor in self.scene.tensors().items()}
        self._original = {name: values.copy() for name, values in self._numbers.items()}
        self.random = np.random.default_rng(seed)
        self._set_requirement: dict[Kind, Callable[[int, Row, bool, Truth], str]] = {
            Kind.BACKGROUND: self._background,
            Kind.BACKGROUND_COLOR: self._background_color,
            Kind.COLOR: self._color,
            Kind.COUNT: self._count,
            Kind.ABSENT: self._absent,
            Kind.PRESENT: self._present,
            Kind.HEADLINE: self._headline,
            Kind.TONE: self._tone,
        }

    def set_up(self, row: int, target: int, wanted: bool) -> tuple[Truth, bool]:
        """Stage one advert: the target requirement as wanted, the others satisfied or not at random.

        Args:
            row: Task of the batch.
            target: Index of a requirement of the task.
            wanted: Whether it is to be satisfied.

        Returns:
            What was staged, and whether the requirement holds now; the latter may differ from what was wanted
            where, say, no free place was left.
        """
        for name, values in self._numbers.items():
            values[row] = self._original[name][row]
        wishes = requirement_rows(self._engine, row)
        self._row_wishes = wishes
        states = self._states(wishes, target, wanted)
        truth = Truth(cases=[""] * len(wishes))
        self._target = target
        order = list(self._set_requirement)
        indices = sorted(range(len(wishes)), key=lambda i: (order.index(Kind(wishes[i]["kind"])), i != target, i))
        for i in indices:
            self._current = i
            truth.cases[i] = self._set_requirement[Kind(wishes[i]["kind"])](row, wishes[i], states[i], truth)
        return truth, self.holds(row, wishes[target], truth)

    def _states(self, wishes: list[Row], target: int, wanted: bool) -> list[bool]:
        """Which requirements to satisfy: those that count the same things go along with the target."""
        states = [bool(state) for state in self.random.integers(0, 2, len(wishes))]
        aim = wishes[target]
        for i, wish in enumerate(wishes):
            if wish["kind"] == aim["kind"] == Kind.PRESENT and wish["arg"] == aim["arg"]:
                if wanted and wish["count"] <= aim["count"]:
                    states[i] = True
                if not wanted and wish["count"] >= aim["count"]:
                    states[i] = False
        states[target] = wanted
        return states

    def holds(self, row: int, wish: Row, truth: Truth) -> bool:
        """Whether a staged advert satisfies a requirement, by definition."""
        numbers, arg, slot = self._numbers, wish["arg"], wish["slot"]
        sprites = numbers["sprite"][row]
        match Kind(wish["kind"]):
            case Kind.ABSENT:
                back = arg >= 0 and any(int(sprites[i]) in self._members[arg] for i in truth.changed)
                return bool(sprites[slot] != self._original["sprite"][row, slot]) and not back
            case Kind.PRESENT:
                return self._held(row, arg) >= wish["count"]
            case Kind.COLOR:
                return bool(numbers["tint"][row, slot] == arg)
            case Kind.BACKGROUND:
                return bool(arg >> int(numbers["kind"][row]) & 1)
            case Kind.BACKGROUND_COLOR:
                return truth.ground_color == arg
            case Kind.HEADLINE:
                return bool(arg <= numbers["text"][row] < arg + wish["count"])
            case Kind.TONE:
                return truth.tone == TONES[arg]
            case Kind.COUNT:
                return slot <= self._held(row, arg) <= wish["count"]
        raise ImgEditError(f"requirement of an unknown kind: {wish['kind']}")

    def _held(self, row: int, members: int) -> int:
        return sum(int(sprite) in self._members[members] for sprite in self._numbers["sprite"][row])

    # ------------------------------------------------------------------ one kind each

    def _background(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        numbers = self._numbers
        if not satisfied and self._leave_ground(truth):
            return "left"
        kinds = [k for k in range(len(BACKGROUNDS)) if bool(wish["arg"] >> k & 1) == satisfied]
        kind = int(self.random.choice(kinds))
        numbers["kind"][row] = kind
        numbers["variant"][row] = self.random.integers(VARIANTS)
        if BACKGROUNDS[kind] == "plain":
            numbers["palette"][row] = self.random.uniform(20, 240, 3)
        elif kind < len(PATTERNS):
            numbers["palette"][row] = STOCK_PALETTE
        self._ink(row)
        return f"to {BACKGROUNDS[kind]}"

    def _background_color(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        mean = self._engine.batch.plates[row].float().mean((0, 1)).numpy()
        named = wish["arg"]
        if not satisfied:
            if self._leave_ground(truth):
                return "left"
            named = int(self.random.choice([c for c in range(len(COLORS)) if c != wish["arg"]]))
        palette = self._numbers["palette"][row]
        palette += self._colors[named] - mean
        # what would clip loses contrast instead, so that the mean stays
        room = np.minimum(self._colors[named] - 2, 253 - self._colors[named])
        reach = np.abs(palette - self._colors[named]).max(0)
        palette -= (1 - np.minimum(1, room / np.maximum(reach, 1))) * (palette - self._colors[named])
        truth.ground_color = named
        self._ink(row)
        return f"to {COLORS[named]}"

    def _color(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        named = wish["arg"]
        if not satisfied:
            if self.random.random() < 0.5:
                return "left"
            named = int(self.random.choice([c for c in range(len(OBJECT_COLORS)) if c != wish["arg"]]))
        self._numbers["tint"][row, wish["slot"]] = named
        return f"to {COLORS[named]}"

    def _count(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        if self._row_wishes[self._target]["kind"] == Kind.COUNT and self._current != self._target:
            return "as another asks"
        if any(self._row_wishes[i]["kind"] == Kind.COUNT and truth.cases[i] for i in range(len(self._row_wishes))):
            return "as another asks"
        sprites = self._numbers["sprite"][row]
        slots = [
            slot
            for slot in range(len(sprites))
            if int(sprites[slot]) in self._members[wish["arg"]] and not self._engine.batch.keep[row, slot + 1]
        ]
        fewest, most = wish["slot"], wish["count"]
        aims = list(range(fewest, most + 1)) if satisfied else [most + 1] * 3 + [fewest - 1] * (fewest > 0)
        left = min(int(self.random.choice(aims)), len(slots))
        for slot in self.random.permutation(slots)[left:]:
            sprites[slot] = -1
        return f"{left} left of {len(slots)}, at most {most}"

    def _absent(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        slot, arg = wish["slot"], wish["arg"]
        sprites = self._numbers["sprite"][row]
        if satisfied:
            sprites[slot] = -1
            return "removed"
        chance = self.random.random()
        if self._current == self._target and chance < 0.4:
            if chance < 0.2 and arg >= 0:
                others = [j for j in self._members[arg] if j not in sprites]
                if others:
                    sprites[slot] = self.random.choice(others)
                    truth.changed.add(slot)
                    return f"replaced by the forbidden {self._name(sprites[slot])}"
            self._numbers["tint"][row, slot] = self.random.integers(len(OBJECT_COLORS))
            return f"recoloured to {COLORS[self._numbers['tint'][row, slot]]}"
        return "left"

    def _present(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        sprites = self._numbers["sprite"][row]
        adds = int(self._engine.batch.plan[row, wish["step"], 0]) == VERBS.index("add")
        if not satisfied and self.random.random() < 0.5:
            return "nothing put in"
        choices = self._choices(row, wish["arg"], satisfied)
        if not choices:
            return "nothing fits"
        sprite = int(self.random.choice(choices))
        slot = wish["slot"]
        if adds or sprites[slot] >= 0:
            slot = self._free_slot(row, int(self._engine.batch.plan_cells[row, wish["step"]]) if adds else -1)
            if slot < 0:
                return "no free place"
        sprites[slot] = sprite
        truth.changed.add(slot)
        where = "in the old place" if slot == wish["slot"] and not adds else "in a free place"
        return f"{self._name(sprite)} {where}" + ("" if satisfied else ", which is outside the set")

    def _headline(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        if not satisfied and self.random.random() < 0.5:
            return "left"
        asked = range(wish["arg"], wish["arg"] + wish["count"])
        rows = list(asked) if satisfied else [i for i in range(len(self._stock.headlines)) if i not in asked]
        self._numbers["text"][row] = self.random.choice(rows)
        return f"to {self._stock.headline(int(self._numbers['text'][row]))}"

    def _tone(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        tone = TONES[wish["arg"]]
        if not satisfied:
            # an unasked look would make every other requirement hard to judge, for people too
            if self._current != self._target or self.random.random() < 0.5:
                return "left"
            tone = str(self.random.choice(CLEARLY_NOT[tone]))
        truth.tone = tone
        truth.strength = float(self.random.uniform(0.9, 1.15))
        return f"{TONES[wish['arg']]} asked, {tone} given"

    # ------------------------------------------------------------------ what they share

    def _leave_ground(self, truth: Truth) -> bool:
        """Whether a background that is not to be as asked stays as it was."""
        about_ground = self._current == self._target
        left = bool(self.random.random() < (0.5 if about_ground else 0.8))
        truth.astray = not left and not about_ground
        return left

    def _name(self, sprite: int) -> str:
        return self._stock.sprite_name(int(sprite))

    def _choices(self, row: int, members: int, inside: bool) -> list[int]:
        """Objects of a set, or of none that the task names; none forbidden, none in the picture already."""
        taken = set(self._numbers["sprite"][row].tolist()) | set(self._original["sprite"][row].tolist())
        for wish in self._row_wishes:
            if wish["kind"] == Kind.ABSENT and wish["arg"] >= 0:
                taken |= set(self._members[wish["arg"]])
            if not inside and wish["kind"] in (Kind.PRESENT, Kind.COUNT):
                taken |= set(self._members[wish["arg"]])
        pool = self._members[members] if inside else range(self._stock.n_objects)
        return [j for j in pool if j not in taken]

    def _free_slot(self, row: int, cell: int) -> int:
        """An empty slot, its place set to a free site, the one nearest to a lattice cell if one is named; or -1."""
        sprites, places = self._numbers["sprite"][row], self._numbers["place"][row]
        free = [slot for slot in range(len(sprites)) if self._original["sprite"][row, slot] < 0 and sprites[slot] < 0]
        edge = float(np.median(places[self._original["sprite"][row] >= 0, 2]))
        busy = [
            self._numbers["place"][row, slot]
            for slot in range(len(sprites))
            if sprites[slot] >= 0 or self._original["sprite"][row, slot] >= 0
        ]
        clear = [
            (y, x)
            for y, x in self._sites(row)
            if all(max(abs(y - at[0]), abs(x - at[1])) >= 0.5 * (edge + at[2]) for at in busy)
        ]
        if not clear or not free:
            return -1
        at = clear[int(self.random.integers(len(clear)))]
        if cell >= 0:
            cy, cx = (cell // 8 + 0.5) / 8, (cell % 8 + 0.5) / 8
            at = min(clear, key=lambda site: abs(site[0] - cy) + abs(site[1] - cx))
        slot = free[-1]
        places[slot] = (*at, edge, self.random.uniform(0.15, 0.4))
        return slot

    def _sites(self, row: int) -> list[tuple[float, float]]:
        """Centres of the grid that adverts are laid out on, rows and columns as shares of the picture."""
        plan = self._engine.batch.plan[row, :, 0].tolist()
        objects = int((self._original["sprite"][row] >= 0).sum()) + plan.count(VERBS.index("add"))
        columns = 4 if objects > 9 else 3
        upper = 0.195 if self._numbers["box"][row, 0] < 0.5 * self._stock.size else 0.025
        return [(upper + 0.26 * (i + 0.5), (j + 0.5) / columns) for i in range(3) for j in range(columns)]

    def _ink(self, row: int) -> None:
        """Letters without a panel stay readable on a new ground."""
        numbers = self._numbers
        if numbers["panel"][row]:
            return
        kind = int(numbers["kind"][row])
        if kind < len(PATTERNS):
            ground = numbers["palette"][row].mean(0)
        else:
            ground = self._stock.plate_means[kind * VARIANTS + int(numbers["variant"][row])].numpy()
        ink = (28.0, 30.0, 46.0) if float(np.dot(ground, LUMA)) > 120 else (250.0, 250.0, 246.0)
        numbers["ink"][row, 0] = ink * numbers["light"][row]


# ---------------------------------------------------------------------------------------------- requirements


@dataclass(frozen=True)
class Judgement:
    """One requirement of one drawn advert, as it is and as the judge sees it."""

    kind: str
    seed: int
    requirement: str
    staged: str
    beside: tuple[str, ...]
    background: str
    astray: bool
    holds: bool
    value: float

    @property
    def wrong(self) -> bool:
        """Whether the judge is mistaken."""
        return (self.value >= 0.5) != self.holds

    @property
    def case(self) -> str:
        """What was done, without the names of things."""
        if self.kind == Kind.TONE.name:
            return self.staged.replace("left", "no tone given")
        words = ("removed", "recoloured", "replaced by the forbidden", "in the old place", "in a free place", "left of")
        found = next((word for word in words if word in self.staged), "changed" if self.staged[:3] == "to " else "")
        outside = ", outside the set" if "outside" in self.staged else ""
        return (found or self.staged) + outside


def judge_drawings(engine: Engine, seeds: Sequence[int], seed: int, repeats: int) -> list[Judgement]:
    """Draw every requirement of every task satisfied and not, and judge both.

    Args:
        engine: Fresh episodes of the seeds.
        seeds: Seed of each environment, for the record.
        seed: Of the random choices.
        repeats: Pairs of drawings for each requirement.
    """
    stage = Stage(engine, seed)
    counts = (engine.batch.requirements[:, :, 0] != 0).sum(1)
    found: list[Judgement] = []
    for target in range(int(counts.max())):
        rows = (counts > target).nonzero().flatten()
        for wanted in (True, False) * repeats:
            found += _judge_drawing(engine, stage, rows, target, wanted, seeds)
    return found


def _judge_drawing(
    engine: Engine, stage: Stage, rows: torch.Tensor, target: int, wanted: bool, seeds: Sequence[int]
) -> list[Judgement]:
    """One drawing of each of some tasks, their requirement ``target`` satisfied or not."""
    staged = [stage.set_up(row, target, wanted) for row in rows.tolist()]
    images, plates = torch.zeros_like(engine.batch.images), torch.zeros_like(engine.batch.plates)
    engine.tasks.renderer.draw(stage.scene, rows, images, plates, torch.zeros_like(engine.batch.segments))
    plain = images[rows].contiguous()
    canvas = plain.clone()
    for i, (truth, _) in enumerate(staged):
        if truth.tone:
            canvas[i : i + 1] = give_tone(plain[i : i + 1], truth.tone, truth.strength)
    due = torch.full((len(rows),), ALL_DUE, dtype=torch.int32)
    verdict = engine.judge.judge(engine.batch, engine.checklist, canvas, due, rows)
    found = []
    for i, row in enumerate(rows.tolist()):
        truth, holds = staged[i]
        if not _is_clear(engine, row, target, truth, holds, plain[i : i + 1], plates[row : row + 1]):
            continue
        words = [item.text for item in engine.tasks.requirements(engine.batch, row)]
        beside = tuple(f"{words[j]}: {case}" for j, case in enumerate(truth.cases) if j != target)
        now, was = int(stage.scene.kind[row]), int(engine.batch.background[row])
        found.append(
            Judgement(
                kind=Kind(int(engine.batch.requirements[row, target, 0])).name,
                seed=seeds[row],
                requirement=words[target],
                staged=truth.cases[target],
                beside=beside,
                background=BACKGROUNDS[was] + (f", now {BACKGROUNDS[now]}" if now != was else ""),
                astray=truth.astray,
                holds=holds,
                value=float(verdict.requirements[i, target]),
            )
        )
    return found


def _is_clear(
    engine: Engine, row: int, target: int, truth: Truth, holds: bool, picture: torch.Tensor, plate: torch.Tensor
) -> bool:
    """Whether a drawing is what it was staged to be: the look visible, the background's colour not turned by it."""
    kind, arg = Kind(int(engine.batch.requirements[row, target, 0])), int(engine.batch.requirements[row, target, 3])
    if kind == Kind.TONE and TONES[arg] not in ("soft", "crisp"):
        asked = give_tone(picture, TONES[arg], truth.strength)
        return bool((asked.float() - picture.float()).abs().mean() >= VISIBLE)
    if kind == Kind.BACKGROUND_COLOR:
        toned = give_tone(plate, truth.tone, truth.strength) if truth.tone else plate
        apart = (engine.tasks.stock.colors - toned.float().mean((0, 1, 2))).norm(dim=1)
        return bool(apart.argmin() == arg) == holds
    return True


def _errors(judgements: Sequence[Judgement]) -> dict[str, Any]:
    positives = [one for one in judgements if one.holds]
    negatives = [one for one in judgements if not one.holds]
    return {
        "positives": len(positives),
        "negatives": len(negatives),
        "false_fail": rate(sum(one.wrong for one in positives), len(positives)),
        "false_pass": rate(sum(one.wrong for one in negatives), len(negatives)),
    }


def summarise_drawings(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Error rates by kind of requirement, and by what was done; with some of the wrong judgements."""
    kinds = [kind.name for kind in Kind if kind is not Kind.NONE]
    table: dict[str, Any] = {}
    for kind in kinds:
        every = [one for one in judgements if one.kind == kind]
        mine = [one for one in every if not one.astray]
        cases = sorted({(one.holds, one.case) for one in mine})
        table[kind] = _errors(mine) | {
            "cases": [
                {"holds": holds, "case": case} | {"wrong": rate(sum(one.wrong for one in same), len(same))}
                for holds, case in cases
                for same in [[one for one in mine if (one.holds, one.case) == (holds, case)]]
            ],
            "astray": _errors([one for one in every if one.astray]),
            "examples": [asdict(one) for one in mine if one.wrong][:EXAMPLES],
        }
    table["all"] = _errors([one for one in judgements if not one.astray])
    return table


# ---------------------------------------------------------------------------------------------- the whole


def summarise_oracle(episodes: Sequence[Episode], seed: int) -> dict[str, Any]:
    """How well the oracle's plan with the best tools does."""
    full = [episode.execution >= 0.999 for episode in episodes]
    short = sorted((episode for episode in episodes if episode.execution < 0.999), key=lambda one: one.score)
    return {
        "tasks": len(episodes),
        "full_execution": rate(sum(full), len(full)),
        "score": mean_interval([episode.score for episode in episodes], seed),
        "success": rate(sum(episode.success for episode in episodes), len(episodes)),
        "lowest": [
            {
                "seed": episode.seed,
                "score": episode.score,
                "missed": [f"{text} ({value:.2f})" for text, value in episode.requirements if value < 0.999],
                "steps": [f"{step.text}: {step.tool}" for step in episode.steps],
            }
            for episode in short[:EXAMPLES]
        ],
    }


def measure(
    seeds: Sequence[int],
    arguments: dict[str, Any],
    parts: Sequence[str] = PARTS,
    repeats: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Run the parts on the tasks of some seeds.

    Args:
        seeds: One task each.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
        parts: Some of :data:`PARTS`.
        repeats: Pairs of drawings for each requirement.
        progress: Told how many tasks are done.

    Returns:
        One entry a part.
    """
    episodes: list[Episode] = []
    tallies: dict[str, Tally] = {}
    judgements: list[Judgement] = []
    engine: Engine | None = None
    for start in range(0, len(seeds), BATCH):
        batch = list(seeds[start : start + BATCH])
        finals = None
        if "oracle" in parts:
            played = run_episodes("oracle", OracleAgent(), batch, arguments, pictured=len(batch))
            finals = torch.from_numpy(np.stack([episode.frames[-1] for episode in played]))
            for episode in played:
                episode.frames = []
            episodes += played
        if engine is None or engine.num_envs != len(batch):
            engine = Engine(len(batch), **arguments)
        engine.reset(range(len(batch)), batch)
        if "attacks" in parts:
            judge_attacks(engine, finals, batch[0], tallies)
        if "requirements" in parts:
            judgements += judge_drawings(engine, batch, batch[0], repeats)
        progress(start + len(batch))
    results: dict[str, Any] = {}
    if "oracle" in parts:
        results["oracle"] = summarise_oracle(episodes, seeds[0])
    if "attacks" in parts:
        results["attacks"] = {name: tally.summary(seeds[0]) for name, tally in tallies.items()}
        for row in results["attacks"].values():
            row["fails"] = (row["success"]["rate"] or 0.0) <= FAILS
    if "requirements" in parts:
        results["requirements"] = summarise_drawings(judgements)
    return results


# ---------------------------------------------------------------------------------------------- tables

Grid = tuple[str, Sequence[str], Sequence[tuple[str, ...]]]
"""A title, column headers and rows of text."""


def percent(share: dict[str, Any]) -> str:
    """A rate with its interval, in percent."""
    if share["rate"] is None:
        return "–"
    low, high = share["ci95"]
    return f"{100 * share['rate']:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def mean_text(interval: dict[str, Any] | None) -> str:
    """A mean with its interval."""
    if interval is None:
        return "–"
    low, high = interval["ci95"]
    return f"{interval['mean']:.3f} [{low:.3f}, {high:.3f}]"


def grids(results: dict[str, Any]) -> list[Grid]:
    """The results as tables of text."""
    made: list[Grid] = []
    if "oracle" in results:
        row = results["oracle"]
        cells = (str(row["tasks"]), percent(row["full_execution"]), mean_text(row["score"]), percent(row["success"]))
        made.append(("oracle", ("tasks", "E >= 0.999, %", "score", "success, %"), [cells]))
    if "attacks" in results:
        rows = [
            (name, str(row["tasks"]), mean_text(row["score"]), percent(row["success"]), "yes" if row["fails"] else "NO")
            for name, row in results["attacks"].items()
        ]
        made.append(("attacks", ("attack", "tasks", "score", "success, %", "fails"), rows))
    if "requirements" in results:
        rows = [
            (kind, str(row["positives"]), str(row["negatives"]), percent(row["false_fail"]), percent(row["false_pass"]))
            for kind, row in results["requirements"].items()
        ]
        headers = ("requirement", "satisfied", "not satisfied", "false fail, %", "false pass, %")
        made.append(("requirements", headers, rows))
        rows = [
            (
                kind,
                str(row["astray"]["positives"]),
                str(row["astray"]["negatives"]),
                percent(row["astray"]["false_fail"]),
                percent(row["astray"]["false_pass"]),
            )
            for kind, row in results["requirements"].items()
            if "astray" in row and row["astray"]["positives"] + row["astray"]["negatives"]
        ]
        made.append(("requirements beside a background that nobody asked for", headers, rows))
    return made


def markdown(grid: Grid) -> str:
    """A table in Markdown, under its title."""
    title, headers, rows = grid
    lines = ["| " + " | ".join(cells) + " |" for cells in (headers, *rows)]
    lines.insert(1, "|" + "---|" * len(headers))
    return f"**{title}**\n\n" + "\n".join(lines) + "\n"


def print_grids(tables: Sequence[Grid], console: Console, as_markdown: bool) -> None:
    """Print tables for a terminal, or in Markdown."""
    for grid in tables:
        if as_markdown:
            print(markdown(grid))
            continue
        table = Table(title=grid[0], title_justify="left")
        for header in grid[1]:
            table.add_column(header)
        for row in grid[2]:
            table.add_row(*row)
        console.print(table)


# ---------------------------------------------------------------------------------------------- command line


def task_arguments(parser: argparse.ArgumentParser, episodes: int, split: str, out: str) -> None:
    """Add what measurements over tasks have in common."""
    parser.add_argument("--episodes", type=int, default=episodes, help="tasks")
    parser.add_argument("--split", default=split, help="split of the tasks")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task; the next take the next ones")
    parser.add_argument("--image-size", type=int, default=128, help="edge of the pictures, 64 to 512")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--out", type=Path, default=Path(out), help="folder for results")


def check_tasks(options: argparse.Namespace, fewest: int = 1) -> None:
    """Look for mistakes before any work is done.

    Raises:
        ImgEditError: If something is not what is expected.
    """
    if not fewest <= options.episodes <= 100_000:
        raise ImgEditError(f"--episodes: expected {fewest} to 100000; found {options.episodes}")
    if options.seed < 0:
        raise ImgEditError(f"--seed: expected a whole number of at least 0; found {options.seed}")
    if find_split(options.split).own_font:
        raise ImgEditError(f"--split: expected one that needs no other font; found {options.split!r}")
    if not SMALLEST_IMAGE <= options.image_size <= LARGEST_IMAGE:
        raise ImgEditError(f"--image-size: expected {SMALLEST_IMAGE} to {LARGEST_IMAGE}; found {options.image_size}")
    try:
        write_whole(options.out / ".probe", b"")
        (options.out / ".probe").unlink()
    except OSError as error:
        raise ImgEditError(f"--out: expected a folder that can be written; {options.out}: {error.strerror}") from None


def write_results(results: dict[str, Any], options: argparse.Namespace, name: str) -> Path:
    """Write results with the arguments they came from; returns the file."""
    words = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    path: Path = options.out / name
    text = json.dumps({"schema": SCHEMA, "arguments": words} | results, indent=2, allow_nan=False)
    write_whole(path, text.encode())
    return path


def progress_bar(console: Console) -> Progress:
    """A bar for a known number of tasks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.checklist", description=(__doc__ or "").splitlines()[0])
    task_arguments(parser, 5000, "train", "runs/checklist")
    parser.add_argument("--repeats", type=int, default=1, help="pairs of drawings for each requirement")
    parser.add_argument("--parts", default=",".join(PARTS), help="names, separated by commas")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    try:
        _run(options)
    except ImgEditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    check_tasks(options)
    parts = [part.strip() for part in options.parts.split(",")]
    if not set(parts) <= set(PARTS):
        raise ImgEditError(f"--parts: expected some of {', '.join(PARTS)}; found {options.parts!r}")
    if not 1 <= options.repeats <= 100:
        raise ImgEditError(f"--repeats: expected 1 to 100; found {options.repeats}")
    console = Console(stderr=options.markdown)
    seeds = range(options.seed, options.seed + options.episodes)
    arguments = {"tasks": "adverts", "split": options.split, "image_size": options.image_size}
    with progress_bar(console) as progress:
        bar = progress.add_task("tasks", total=len(seeds))
        results = measure(seeds, arguments, parts, options.repeats, lambda done: progress.update(bar, completed=done))
    path = write_results(results, options, "checklist.json")
    print_grids(grids(results), console, options.markdown)
    console.print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
