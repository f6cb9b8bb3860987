"""The world of photographs as a source of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from imgedit_gym.art.goals import load_goals
from imgedit_gym.art.stock import StockOnDemand
from imgedit_gym.core.checklist import COLUMNS, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PICTURE, Plan
from imgedit_gym.core.plan_report import PlanReport, assess
from imgedit_gym.core.retouching import ASPECTS, DEGREES, PLACES, VOCABULARY, value_of
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.kernels.runtime import launch, struct_fields, struct_of
from imgedit_gym.tasks.generated import Generated
from imgedit_gym.tasks.photos.checklist import PhotoChecklist
from imgedit_gym.tasks.photos.darkroom import Darkroom
from imgedit_gym.tasks.photos.library import built_in, from_folder
from imgedit_gym.tasks.photos.recipe import CAST, EXPOSURE, MAX_FAULTS
from imgedit_gym.tasks.photos.splits import Split, find_split
from imgedit_gym.tasks.photos.symbolic import SymbolicPhoto
from imgedit_gym.tasks.photos.task_kernels import SHADOW_LABEL, write_tasks
from imgedit_gym.tasks.photos.wording import EVEN_LIGHT, GOALS, PHRASINGS, REQUIRED, REST, goal_of
from imgedit_gym.tasks.task_arrays import TaskArrays
from imgedit_gym.tasks.users import load_user_task

NOT_HERE = ("objects", "headline_box", "checklist")
"""Options of a user's own task that only adverts can measure."""

LICENCE = (
    "photographs of scikit-image under the licences that its data module names; china.jpg by danielbuechele and "
    "flower.jpg by vultilion under CC BY 2.0"
)

_ARG = COLUMNS.index("arg")
_DIRECTIONS = {EXPOSURE: 2, CAST: 4}


@dataclass(frozen=True)
class _Kept:
    """What belongs to one batch: its pictures' making, its tensors as a kernel takes them, and its checklist."""

    darkroom: Darkroom
    arrays: Any
    checklist: PhotoChecklist


class Photos(Generated):
    """Photographs with hidden faults, to be brought back to what they were.

    Args:
        image_size: Edge of the pictures in pixels, 64 to 512.
        max_plan_steps: Longest plan, 1 to 8.
        split: One of :data:`imgedit_gym.tasks.photos.splits.SPLITS`.
        device: Where tensors live.
        folder: Photographs of one's own; ``None`` for those of scikit-image and scikit-learn.
        faults: Fewest and most faults of a picture, 1 to 5; ``None`` for the split's own.

    Raises:
        ImgEditError: If an argument is out of its range, photographs are missing, or the split has none.
    """

    exact = True
    split: Split
    short = ("folder",)
    rules = "retouching"
    """The rules that rule-based planners and agents follow here."""

    tools = ("retouch", "rewrite_panel")
    """What the baselines are given here: the retouching tools, and one to write with for agents that try that."""

    def __init__(
        self,
        image_size: int,
        max_plan_steps: int,
        split: str,
        device: torch.device,
        folder: str | None = None,
        faults: tuple[int, int] | list[int] | None = None,
    ) -> None:
        chosen = find_split(split)
        if faults is not None:
            chosen = replace(chosen, faults=_span(faults))
        most = min(chosen.faults[1], max_plan_steps)
        self.split = replace(chosen, faults=(min(chosen.faults[0], most), most))
        self.image_size, self.max_plan_steps, self.device = image_size, max_plan_steps, device
        self.stream = self.split.stream
        self.library = built_in(device) if folder is None else from_folder(folder, device)
        self.id = "photos" if folder is None else f"photos-{self.library.digest}"
        self.credits = {"name": self.id, "licence": LICENCE if folder is None else "not told"}
        self.photographs = self.library.of_share(self.split.share)
        if not self.photographs:
            raise ImgEditError(
                f"photos: the split {split!r} needs more photographs, of every five it gets one; "
                f"found {len(self.library.names)} in {folder!r}"
            )
        self.vocabulary = VOCABULARY
        book = load_goals()
        self.stock = StockOnDemand(image_size, device, book.headlines, book.badges)
        aspects, degrees = len(ASPECTS), len(DEGREES)
        goals = torch.zeros(aspects, 4, dtype=torch.int32)
        values = torch.zeros(aspects, 4, degrees, dtype=torch.int32)
        for aspect, name in enumerate(ASPECTS):
            for direction in range(_DIRECTIONS.get(aspect, 1)):
                goals[aspect, direction] = goal_of(aspect, direction)
                for degree in range(degrees):
                    values[aspect, direction, degree] = VOCABULARY.value_code(value_of(name, direction, degree))
        self._goals, self._values = goals.to(device), values.to(device)
        self._places = torch.tensor([VOCABULARY.target_code(place) for place in PLACES], dtype=torch.int32).to(device)

    def allocate(self, n: int) -> TaskBatch:
        """Room for n tasks."""
        batch = TaskBatch.empty(n, self.image_size, self.max_plan_steps, self.device)
        batch.reader = self
        darkroom = Darkroom(batch, self.library, self.photographs, self.split.faults)
        batch.kept = _Kept(
            darkroom=darkroom,
            arrays=struct_of(TaskArrays, {name: getattr(batch, name) for name in struct_fields(TaskArrays)}),
            checklist=PhotoChecklist(darkroom),
        )
        return batch

    def checklist(self, batch: TaskBatch) -> PhotoChecklist:
        """The checklist of a batch that :meth:`allocate` made."""
        return cast(_Kept, batch.kept).checklist

    def originals(self, batch: TaskBatch) -> torch.Tensor:
        """The hidden originals, ``uint8 [B, S, S, 3]``: for evaluation, never for an agent."""
        return cast(_Kept, batch.kept).darkroom.originals

    def sample(self, batch: TaskBatch, rows: torch.Tensor, keys: torch.Tensor) -> None:
        """Write photographs into rows of a batch; see :class:`imgedit_gym.core.task_source.TaskSource`."""
        kept = cast(_Kept, batch.kept)
        for row in rows.tolist() if batch.texts else ():
            batch.texts.pop(row, None)
        darkroom, phrasings = kept.darkroom, len(REST)
        batch.keep[rows] = 0
        darkroom.develop(rows, keys)
        batch.plates[rows] = batch.images[rows]
        batch.mattes[rows] = 255
        writing = [rows, keys, darkroom.recipes.arrays, self._goals, self._values, VOCABULARY.target_code(PICTURE)]
        writing += [self._places, phrasings, self.image_size, kept.arrays, darkroom.fault_row]
        launch(write_tasks, len(rows), writing, self.device)

    def load(self, batch: TaskBatch, row: int, options: Mapping[str, Any]) -> None:
        """Write a user's own picture into a row; see :func:`imgedit_gym.tasks.users.load_user_task`.

        It has no hidden original, so whether the instruction was carried out only a model can tell; the checklist
        measures what was kept.

        Raises:
            ImgEditError: If an option is not what is expected, or one that only adverts can measure.
        """
        given = [key for key in NOT_HERE if options.get(key) is not None]
        if given:
            raise ImgEditError(f"photos: expected image, instruction and plan for a task of your own; found {given}")
        load_user_task(batch, row, options, cast(Any, self.stock), self.vocabulary, lambda name: -1)
        batch.keep[row, 0] = 1
        self.checklist(batch).refresh(torch.tensor([row], device=batch.device))

    def instruction(self, batch: TaskBatch, row: int) -> str:
        """The request in words: it speaks of two faults at most, and says that there are more where there are."""
        if row in batch.texts:
            return batch.texts[row].instruction
        phrasings = batch.phrasings[row].tolist()
        goals = [goal for goal in batch.goals[row].tolist() if goal >= 0]
        parts = [PHRASINGS[GOALS[goal]][phrasing] for goal, phrasing in zip(goals, phrasings, strict=False)]
        if int(batch.plan_length[row]) > len(goals):
            parts.append(REST[phrasings[0]])
        return " ".join(parts)

    def goal_names(self, batch: TaskBatch, row: int) -> tuple[str, ...]:
        """What the request speaks of; empty for a user's own task."""
        return tuple(GOALS[goal] for goal in batch.goals[row].tolist() if goal >= 0)

    def check_plan(self, batch: TaskBatch, row: int, plan: Plan) -> PlanReport:
        """Measures of a plan apart from its execution; see :mod:`imgedit_gym.core.plan_report`.

        A fault counts as gone where the steps about it come to its degree. In which order they come is not looked at.
        """
        faults = () if row in batch.texts else self.oracle_plan(batch, row)
        return assess(plan, SymbolicPhoto(faults, batch.keep[row].nonzero().flatten().tolist()).carry_out)

    def requirements(self, batch: TaskBatch, row: int) -> tuple[Requirement, ...]:
        """The requirements in words, in the order of the checklist's rows."""
        if row in batch.texts:
            return batch.texts[row].requirements
        found = []
        for kind, step, _, goal, _ in batch.requirements[row].tolist():
            if kind:
                text = REQUIRED[GOALS[goal]].format(self.label_name(batch, row, SHADOW_LABEL))
                found.append(Requirement(Kind(kind), text, step))
        return tuple(found)

    def label_name(self, batch: TaskBatch, row: int, label: int) -> str:
        """What stands at a segment label: the picture, or the place of a shadow."""
        if label == 0:
            return PICTURE
        if label != SHADOW_LABEL or row in batch.texts:
            return ""
        for step, goal in enumerate(batch.requirements[row, :MAX_FAULTS, _ARG].tolist()):
            if goal == EVEN_LIGHT and batch.requirements[row, step, 0]:
                return self.vocabulary.targets[int(batch.plan[row, step, 1])]
        return ""


def _span(faults: Any) -> tuple[int, int]:
    if (
        isinstance(faults, (tuple, list))
        and len(faults) == 2
        and all(isinstance(end, int) and not isinstance(end, bool) for end in faults)
        and 1 <= faults[0] <= faults[1] <= MAX_FAULTS
    ):
        return faults[0], faults[1]
    raise ImgEditError(f"faults must be two whole numbers, 1 <= fewest <= most <= {MAX_FAULTS}; found {faults!r}")
