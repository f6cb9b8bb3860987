"""The advert world as a source of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.goals import load_goals
from imgedit_gym.art.stock import Stock, load_stock
from imgedit_gym.core.checklist import BAN, LABEL_HEADLINE, MAX_OBJECTS, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, PATTERNS, TONES
from imgedit_gym.core.plan import BACKGROUND, HEADLINE, Plan
from imgedit_gym.core.plan_report import PlanReport, assess
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.runtime import launch, struct_fields, struct_of
from imgedit_gym.tasks.adverts.render import Renderer
from imgedit_gym.tasks.adverts.sample_kernels import sample_adverts
from imgedit_gym.tasks.adverts.scene import SceneBatch
from imgedit_gym.tasks.adverts.splits import Split, find_split
from imgedit_gym.tasks.adverts.symbolic import Lexicon, SymbolicTask
from imgedit_gym.tasks.adverts.tables import GoalTables
from imgedit_gym.tasks.adverts.vocabulary import checked_vocabulary
from imgedit_gym.tasks.generated import Generated
from imgedit_gym.tasks.pixel_checklist import PixelChecklist
from imgedit_gym.tasks.task_arrays import TaskArrays
from imgedit_gym.tasks.users import load_user_task


@dataclass(frozen=True)
class _Kept:
    """What belongs to one batch: its adverts as numbers, its tensors as a kernel takes them, and its checklist."""

    scene: SceneBatch
    arrays: Any
    checklist: PixelChecklist


class Adverts(Generated):
    """Procedural adverts with exact answers.

    Args:
        image_size: Edge of the pictures in pixels, 64 to 512.
        max_plan_steps: Longest plan, 1 to 8.
        split: One of :data:`imgedit_gym.tasks.adverts.splits.SPLITS`.
        device: Where tensors live.
        font: Path of another colour-emoji font to draw the objects from; ``None`` for OpenMoji.
        overlap: Share of objects that stand partly on another, in [0, 1]; ``None`` for the split's own.
        objects: Fewest and most objects, 1 to 9; ``None`` for the split's own.
        steps: Shortest and longest plan, 1 to 8; ``None`` for the split's own.

    Raises:
        ImgEditError: If an argument is out of its range, or the split needs a font and none is given.
    """

    exact = True
    split: Split

    def __init__(
        self,
        image_size: int,
        max_plan_steps: int,
        split: str,
        device: torch.device,
        font: str | None = None,
        overlap: float | None = None,
        objects: tuple[int, int] | list[int] | None = None,
        steps: tuple[int, int] | list[int] | None = None,
    ) -> None:
        chosen = find_split(split)
        if chosen.own_font and font is None:
            raise ImgEditError(
                f"split {split!r} needs another colour-emoji font: tasks={{'id': 'adverts', 'font': PATH}}, "
                "for example Debian's fonts-noto-color-emoji"
            )
        changes: dict[str, Any] = {}
        if overlap is not None:
            if not isinstance(overlap, (int, float)) or isinstance(overlap, bool) or not 0.0 <= overlap <= 1.0:
                raise ImgEditError(f"overlap must be in [0, 1]; found {overlap!r}")
            changes["overlap"] = float(overlap)
        for name, span, most in (("objects", objects, 9), ("steps", steps, 8)):
            if span is not None:
                changes[name] = _span(name, span, most)
        self.split = type(chosen)(**(chosen.__dict__ | changes))
        self.id = "adverts"
        art = "CC BY-SA 4.0 (OpenMoji)" if font is None else f"that of the font {font}"
        self.credits = {"name": "adverts", "licence": art}
        self.stream = chosen.stream
        self.max_plan_steps = max_plan_steps
        self.book = load_goals()
        self.stock: Stock = load_stock(image_size, device, self.book.headlines, self.book.badges, font)
        self.vocabulary = checked_vocabulary(self.stock.catalogue, self.book)
        self.tables = GoalTables(self.book, self.stock, self.vocabulary)
        self.renderer = Renderer(self.stock)
        self._lexicon = Lexicon.build(self.stock, self.tables.sets.members)
        self._split_arrays = self.tables.split(self.split)

    def allocate(self, n: int) -> TaskBatch:
        """Room for n tasks; see :class:`imgedit_gym.core.task_source.TaskSource`."""
        batch = TaskBatch.empty(n, self.stock.size, self.max_plan_steps, self.stock.device)
        batch.reader = self
        batch.kept = _Kept(
            scene=SceneBatch.empty(n, self.stock.device),
            arrays=struct_of(TaskArrays, {name: getattr(batch, name) for name in struct_fields(TaskArrays)}),
            checklist=PixelChecklist(batch, self.stock, self.tables.sets.tensor(self.stock.device)),
        )
        return batch

    def checklist(self, batch: TaskBatch) -> PixelChecklist:
        """The checklist of a batch that :meth:`allocate` made."""
        return cast(_Kept, batch.kept).checklist

    def scene(self, batch: TaskBatch) -> SceneBatch:
        """The adverts of a batch as numbers, for drawing variations of them."""
        return cast(_Kept, batch.kept).scene

    def sample(self, batch: TaskBatch, rows: torch.Tensor, keys: torch.Tensor) -> None:
        """Write adverts into rows of a batch; see :class:`imgedit_gym.core.task_source.TaskSource`."""
        scene, stock = self.scene(batch), self.stock
        for row in rows.tolist() if batch.texts else ():
            batch.texts.pop(row, None)
        used = torch.empty(len(rows), stock.n_objects, dtype=torch.uint8, device=stock.device)
        height, width = stock.texts.shape[1:]
        launch(
            sample_adverts,
            len(rows),
            [
                rows,
                keys,
                self._split_arrays,
                self.tables.arrays,
                stock.size,
                height,
                width,
                self.max_plan_steps,
                used,
                scene.arrays,
                batch.kept.arrays,
            ],
            stock.device,
        )
        self.renderer.draw(scene, rows, batch.images, batch.plates, batch.segments, batch.mattes)
        kinds = scene.kind[rows].long()
        plates = torch.where(kinds < len(PATTERNS), -1, kinds * VARIANTS + scene.variant[rows])
        self.checklist(batch).refresh(rows, plates)

    def load(self, batch: TaskBatch, row: int, options: Mapping[str, Any]) -> None:
        """Write a user's own task into a row; see :func:`imgedit_gym.tasks.users.load_user_task`."""
        load_user_task(batch, row, options, self.stock, self.vocabulary, self.tables.sets.named)
        self.checklist(batch).refresh(torch.tensor([row], device=batch.device))

    def instruction(self, batch: TaskBatch, row: int) -> str:
        """The request in words; two goals make two sentences."""
        if row in batch.texts:
            return batch.texts[row].instruction
        goals, phrasings = batch.goals[row].tolist(), batch.phrasings[row].tolist()
        parts = [
            self.book.goals[goal].phrasings[phrasing]
            for goal, phrasing in zip(goals, phrasings, strict=True)
            if goal >= 0
        ]
        return " Also: ".join(parts)

    def goal_names(self, batch: TaskBatch, row: int) -> tuple[str, ...]:
        """Names of the goals behind the request; empty for a user's own task."""
        return tuple(self.book.goals[goal].name for goal in batch.goals[row].tolist() if goal >= 0)

    def check_plan(self, batch: TaskBatch, row: int, plan: Plan) -> PlanReport:
        """Measures of a plan apart from its execution; see :mod:`imgedit_gym.core.plan_report`."""
        return assess(plan, SymbolicTask(batch, row, self._lexicon).carry_out)

    def requirements(self, batch: TaskBatch, row: int) -> tuple[Requirement, ...]:
        """The requirements in words, in the order of the checklist's rows."""
        if row in batch.texts:
            return batch.texts[row].requirements
        return tuple(
            Requirement(Kind(kind), self._sentence(batch, row, Kind(kind), slot, arg, count), step)
            for kind, step, slot, arg, count in batch.requirements[row].tolist()
            if kind
        )

    def label_name(self, batch: TaskBatch, row: int, label: int) -> str:
        """What stands at a segment label."""
        if label == 0:
            return BACKGROUND
        if label == LABEL_HEADLINE:
            return HEADLINE
        if not 1 <= label <= MAX_OBJECTS:
            return ""
        if row in batch.texts:
            names = batch.texts[row].names
            return names[label - 1] if label <= len(names) else ""
        sprite = int(batch.slots[row, label - 1])
        return self.stock.sprite_name(sprite) if sprite >= 0 else ""

    def _sentence(self, batch: TaskBatch, row: int, kind: Kind, slot: int, arg: int, count: int) -> str:
        name = self.label_name(batch, row, slot + 1)
        match kind:
            case Kind.ABSENT:
                return f"no {name}{BAN}{self._set_name(batch, row, arg)}"
            case Kind.PRESENT:
                return f"at least {count} of {self._set_name(batch, row, arg)}"
            case Kind.COLOR:
                return f"the {name} is {COLORS[arg]}"
            case Kind.BACKGROUND:
                return "background: " + " or ".join(k for i, k in enumerate(BACKGROUNDS) if arg >> i & 1)
            case Kind.BACKGROUND_COLOR:
                return f"the background is {COLORS[arg]}"
            case Kind.HEADLINE:
                return "headline: " + " or ".join(self.stock.headline(arg + i) for i in range(count))
            case Kind.TONE:
                return f"the picture is {TONES[arg]}"
            case Kind.COUNT:
                least = f"at least {slot} and " if slot else ""
                return f"{least}at most {count} of {self._set_name(batch, row, arg)}"
        return ""

    def _set_name(self, batch: TaskBatch, row: int, index: int) -> str:
        """A set in the words of the goal that asks for it."""
        members = self.tables.sets.members[index]
        for goal in batch.goals[row].tolist():
            if goal >= 0:
                clauses = self.book.goals[goal]
                for rule in clauses.forbid:
                    for some, terms in ((rule.any, rule.any_terms), (rule.instead, rule.instead_terms)):
                        if some and tuple(sorted(some)) == members:
                            return " or ".join(terms)
                for clause in (*clauses.want, *clauses.limit):
                    if tuple(sorted(clause.any)) == members:
                        return " or ".join(clause.any_terms)
        return self.tables.sets.names[index] or " or ".join(self.stock.sprite_name(i) for i in members)


def _span(name: str, span: Any, most: int) -> tuple[int, int]:
    if (
        isinstance(span, (tuple, list))
        and len(span) == 2
        and all(isinstance(end, int) and not isinstance(end, bool) for end in span)
        and 1 <= span[0] <= span[1] <= most
    ):
        return span[0], span[1]
    raise ImgEditError(f"{name} must be two whole numbers, 1 <= fewest <= most <= {most}; found {span!r}")
