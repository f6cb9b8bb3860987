"""Adverts in which chosen requirements hold or do not, drawn by the renderer from changed numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.checklist.definition import Drawn, Row, requirement_rows
from benchmarks.checklist.looks import CLEARLY_NOT, LUMA
from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import STOCK_PALETTE
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, PATTERNS, TONES
from imgedit_gym.core.plan import VERBS
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.adverts.scene import SceneBatch

GROUND = "kind", "variant", "palette"
"""Numbers that a background is drawn from."""


@dataclass
class Truth:
    """What the renderer knows of one staged advert beside its numbers.

    Attributes:
        tone: Look the picture is given; empty for none.
        strength: Of that look.
        ground_color: Named colour the background is given; -1 none.
        astray: Whether the background, not what the requirement in question is about, became one nobody asked for.
        cases: What was done about each requirement.
    """

    tone: str = ""
    strength: float = 1.0
    ground_color: int = -1
    astray: bool = False
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
        self.sets = engine.tasks.tables.sets.members
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
        self.restore(row)
        wishes = self._row_wishes
        states = self._states(wishes, target, wanted)
        truth = Truth(cases=[""] * len(wishes))
        self._target = target
        order = list(self._set_requirement)
        indices = sorted(range(len(wishes)), key=lambda i: (order.index(Kind(wishes[i]["kind"])), i != target, i))
        for i in indices:
            self._current = i
            truth.cases[i] = self._set_requirement[Kind(wishes[i]["kind"])](row, wishes[i], states[i], truth)
        return truth, self.holds(row, wishes[target], truth)

    def restore(self, row: int) -> None:
        """Make an advert of the stage what it is in the task."""
        for name, values in self._numbers.items():
            values[row] = self._original[name][row]
        self._row_wishes = requirement_rows(self._engine.batch, row)

    def draw(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The adverts as they are set up now, and their backgrounds alone, ``uint8 [n, S, S, 3]`` each."""
        batch = self._engine.batch
        images, plates = torch.zeros_like(batch.images), torch.zeros_like(batch.plates)
        segments, mattes = torch.zeros_like(batch.segments), torch.zeros_like(batch.mattes)
        self._engine.tasks.renderer.draw(self.scene, rows, images, plates, segments, mattes)
        return images[rows].contiguous(), plates[rows].contiguous()

    # ------------------------------------------------------------------ what no requirement asks for

    def move(self, row: int) -> bool:
        """Put one object into a free place; says whether there is one."""
        slot, free = self._any_object(row), self._free_slot(row, -1)
        if slot < 0 or free < 0:
            return False
        places = self._numbers["place"][row]
        places[slot, :2] = places[free, :2]
        return True

    def swap(self, row: int) -> bool:
        """Let two objects change places; says whether there are two."""
        held = np.flatnonzero(self._numbers["sprite"][row] >= 0)
        if len(held) < 2:
            return False
        first, second = self.random.choice(held, 2, replace=False)
        places = self._numbers["place"][row]
        places[[first, second], :2] = places[[second, first], :2]
        return True

    def resize(self, row: int) -> bool:
        """Draw one object at another size; says whether there is one."""
        slot = self._any_object(row)
        if slot < 0:
            return False
        self._numbers["place"][row, slot, 2] *= float(self.random.choice([0.55, 0.65, 1.3, 1.4]))
        return True

    def misplace(self, row: int) -> bool:
        """Put wrong objects where the task asks for others, or for none; says whether it asks for either."""
        sprites, done = self._numbers["sprite"][row], False
        for wish in self._row_wishes:
            kind = Kind(wish["kind"])
            if kind == Kind.ABSENT:
                forbidden = [j for j in self.sets[wish["arg"]] if j not in sprites] if wish["arg"] >= 0 else []
                choices = forbidden or self._choices(row, wish["arg"], False)
                slot = wish["slot"]
            elif kind == Kind.PRESENT and self._adds(row, wish):
                choices = self._choices(row, wish["arg"], False)
                slot = self._free_slot(row, int(self._engine.batch.plan_cells[row, wish["step"]]))
            else:
                continue
            if choices and slot >= 0:
                sprites[slot] = self.random.choice(choices)
                done = True
        return done

    def empty(self, row: int, background: bool) -> None:
        """Take every object and the headline away, and optionally put another background behind them."""
        numbers = self._numbers
        numbers["sprite"][row] = -1
        numbers["text"][row] = -1
        if background:
            kinds = [kind for kind in range(len(PATTERNS), len(BACKGROUNDS)) if kind != numbers["kind"][row]]
            numbers["kind"][row] = self.random.choice(kinds)
            numbers["variant"][row] = self.random.integers(VARIANTS)

    def _any_object(self, row: int) -> int:
        held = np.flatnonzero(self._numbers["sprite"][row] >= 0)
        return int(self.random.choice(held)) if len(held) else -1

    def _adds(self, row: int, wish: Row) -> bool:
        return int(self._engine.batch.plan[row, wish["step"], 0]) == VERBS.index("add")

    # ------------------------------------------------------------------ what requirements ask for

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
        return self.drawn(row, truth).holds(wish, self.sets)

    def drawn(self, row: int, truth: Truth) -> Drawn:
        """What a staged advert shows now."""
        numbers, original = self._numbers, self._original
        kept = numbers["sprite"][row] == original["sprite"][row]
        displaced = kept & (numbers["place"][row] != original["place"][row]).any(1) & (original["sprite"][row] >= 0)
        return Drawn(
            was=original["sprite"][row].tolist(),
            sprites=numbers["sprite"][row].tolist(),
            tints=numbers["tint"][row].tolist(),
            ground=int(numbers["kind"][row]),
            text=int(numbers["text"][row]),
            tone=TONES.index(truth.tone) if truth.tone else -1,
            ground_color=truth.ground_color,
            other_ground=any((numbers[name][row] != original[name][row]).any() for name in GROUND),
            displaced=np.flatnonzero(displaced).tolist(),
        )

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
            if int(sprites[slot]) in self.sets[wish["arg"]] and not self._engine.batch.keep[row, slot + 1]
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
                others = [j for j in self.sets[arg] if j not in sprites]
                if others:
                    sprites[slot] = self.random.choice(others)
                    return f"replaced by the forbidden {self._name(sprites[slot])}"
            self._numbers["tint"][row, slot] = self.random.integers(len(OBJECT_COLORS))
            return f"recoloured to {COLORS[self._numbers['tint'][row, slot]]}"
        return "left"

    def _present(self, row: int, wish: Row, satisfied: bool, truth: Truth) -> str:
        sprites = self._numbers["sprite"][row]
        adds = self._adds(row, wish)
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
                taken |= set(self.sets[wish["arg"]])
            if not inside and wish["kind"] in (Kind.PRESENT, Kind.COUNT):
                taken |= set(self.sets[wish["arg"]])
        pool = self.sets[members] if inside else range(self._stock.n_objects)
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
        numbers["ink"][row, 0] = ink
