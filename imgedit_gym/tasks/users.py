"""Users' own tasks: an image with an instruction, and optionally objects, a plan and a checklist.

What a renderer would know is estimated: the clean plate is the image with the named objects filled from their
surroundings. A checklist is a list of mappings, each with the key ``kind`` (lower case) and what the kind needs:

================== ==========================================================
kind               further keys
================== ==========================================================
absent             ``object``: a name from ``objects``
color              ``object``, ``color``
present            ``object``: an object or category of the stock; ``count`` (1)
background         ``background``: a kind or a list of kinds
background_color   ``color``
headline           ``text``; needs ``headline_box``
tone               ``tone``
================== ==========================================================

There may be one requirement each of the last four kinds, which are about the picture as a whole. An entry that is text,
or of kind ``instruction`` with a ``text``, is a requirement that no measurement tells.

Without a checklist the instruction itself is the only requirement, of kind ``instruction``. Judges that ask a model can
tell whether it was carried out; judgements of the checklist judge are invalid then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.checklist import (
    BAN,
    LABEL_HEADLINE,
    LABEL_PICTURE,
    MAX_OBJECTS,
    MAX_REQUIREMENTS,
    Kind,
    Requirement,
)
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import MAX_SIDE, Placement, fit_image, rgb_pixels
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep, normalise, parse_plan
from imgedit_gym.core.tasks import TaskBatch, TaskTexts
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.kernels.fill import fill_from_borders

_ONE_OF_EACH = (Kind.BACKGROUND, Kind.BACKGROUND_COLOR, Kind.HEADLINE, Kind.TONE)
"""Kinds that a picture is measured for once."""

_UNMEASURED = (0, -1, 0)
"""Slot, argument and count of a requirement that nothing measures."""

OPTIONS = ("image", "instruction", "objects", "headline_box", "plan", "checklist", "mask")
MAX_WORDS = 2000
"""Longest instruction, and longest requirement in words, in characters."""

MARKED = "marked area"
"""Name of what a mask marks."""

_REACH = "top, left, bottom, right in pixels of the image given"


@dataclass(frozen=True)
class UserTask:
    """What is said of a task of a user's own, checked.

    Attributes:
        instruction: The request.
        plan: Its plan; the request itself where none is given.
        names: Objects, by label from 1 on; a marked area is the last.
        boxes: Top, left, bottom, right of the objects in pixels of the batch.
        marked: Whether a mask marks where the edit belongs.
        headline_box: The headline's box, or ``None``.
        wanted: Each requirement with its slot, argument and count.
    """

    instruction: str
    plan: Plan
    names: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    marked: bool
    headline_box: tuple[int, int, int, int] | None
    wanted: tuple[tuple[Requirement, tuple[int, int, int]], ...]

    @classmethod
    def read(
        cls, options: Mapping[str, Any], place: Placement, max_steps: int, stock: Stock, set_index: Callable[[str], int]
    ) -> UserTask:
        """Check options, all but the pixels of image and mask.

        Args:
            options: See :func:`load_user_task`.
            place: Where the image lies in the batch's pictures.
            max_steps: Longest plan.
            stock: The art, for objects to be recognised and headlines to be read.
            set_index: Index of the object set of a name, -1 for none.

        Raises:
            ImgEditError: If an option is not what is expected.
        """
        instruction = options.get("instruction")
        if not isinstance(instruction, str) or not normalise(instruction):
            raise ImgEditError(f"a task of your own needs an 'instruction' (text); found {instruction!r}")
        instruction = _whole(instruction, "instruction")
        marked = options.get("mask") is not None
        names, boxes = _objects(options.get("objects", ()), place, MAX_OBJECTS - marked)
        if marked:
            names.append(MARKED)
        headline_box = options.get("headline_box")
        text_box = None
        if headline_box is not None:
            text_box = _fitted(_scaled(headline_box, place, "headline_box"), stock, place.size)
        plan = options.get("plan")
        steps = parse_plan(plan, max_steps) if plan is not None else (PlanStep("edit", PICTURE, instruction),)
        checklist = options.get("checklist", ())
        wanted = _requirements(checklist, names, stock, set_index, text_box is not None, len(steps))
        if not wanted:
            wanted = [(Requirement(Kind.INSTRUCTION, instruction, len(steps) - 1), _UNMEASURED)]
        return cls(instruction, steps, tuple(names), tuple(boxes), marked, text_box, tuple(wanted))

    def write(
        self,
        batch: TaskBatch,
        row: int,
        picture: np.ndarray,
        marks: np.ndarray | None,
        task_id: str,
        stock: Stock,
        vocabulary: Vocabulary,
        set_index: Callable[[str], int],
    ) -> None:
        """Write the task into a row of a batch.

        Args:
            batch: The batch.
            row: Which row.
            picture: The image at the batch's size, ``uint8 [S, S, 3]``.
            marks: The mask at the batch's size, ``bool [S, S]``, where there is one.
            task_id: Name of the task.
            stock: The art.
            vocabulary: Codes of plan steps.
            set_index: Index of the object set of a name, -1 for none.
        """
        segments = np.zeros((batch.size, batch.size), np.uint8)
        box, names = self.headline_box, self.names
        if box is not None:
            segments[box[0] : box[2], box[1] : box[3]] = LABEL_HEADLINE
        spared = set()
        if marks is not None:
            segments[marks] = len(names)
            spared.add(len(names))
        for label, (top, left, bottom, right) in enumerate(self.boxes, start=1):
            segments[top:bottom, left:right] = label
            if marks is not None and marks[top:bottom, left:right].mean() > 0.5:
                spared.add(label)
        image = torch.from_numpy(picture).to(batch.device)
        labels = torch.from_numpy(segments).to(batch.device)
        batch.images[row] = image
        batch.segments[row] = labels
        batch.mattes[row] = torch.where(labels == 0, 255, 0)
        whole = torch.tensor([[0, 0, batch.size, batch.size]], dtype=torch.int32, device=batch.device)
        batch.plates[row] = fill_from_borders(image[None], (labels != 0)[None], whole)[0]
        batch.slots[row] = -1
        for slot, name in enumerate(names):
            known = set_index(name)
            batch.slots[row, slot] = known if 0 <= known < stock.n_objects else -2
        batch.light[row] = 1.0
        batch.background[row] = -1
        batch.headline[row] = -1 if box is None else -2
        batch.headline_panel[row] = 0
        batch.headline_box[row] = torch.tensor(box or (0, 0, 0, 0), dtype=torch.int32)
        _write_rows(batch, row, self.wanted, len(names), box is not None)
        batch.keep[row, sorted(spared)] = 0
        batch.plan[row] = 0
        batch.plan_labels[row] = LABEL_PICTURE
        batch.plan_cells[row] = -1
        for index, step in enumerate(self.plan):
            batch.plan[row, index] = torch.tensor(vocabulary.encode(step), dtype=torch.int32)
            if step.target in names:
                batch.plan_labels[row, index] = names.index(step.target) + 1
            elif marks is not None and step.verb == "edit":
                batch.plan_labels[row, index] = len(names)
        batch.plan_length[row] = len(self.plan)
        batch.keys[row] = -1
        batch.goals[row] = -1
        requirements = tuple(requirement for requirement, _ in self.wanted)
        batch.texts[row] = TaskTexts(task_id, self.instruction, self.plan, requirements, names)


def load_user_task(
    batch: TaskBatch,
    row: int,
    options: Mapping[str, Any],
    stock: Stock,
    vocabulary: Vocabulary,
    set_index: Callable[[str], int],
) -> None:
    """Write a user's own task into a row of a batch.

    Args:
        batch: The batch.
        row: Which row.
        options: ``image`` (``uint8 [H, W, 3]`` or a Pillow image, resized to the batch's size), ``instruction``
            (text), and optionally ``objects`` (a list of ``{"name", "box"}``), ``headline_box`` (a box), ``plan``
            (what :func:`imgedit_gym.core.plan.parse_plan` takes), ``checklist`` (see the module) and ``mask``
            (``bool`` or ``uint8 [H, W]``, or a Pillow image: where the edit belongs; all else is to be preserved).
        stock: The art, for objects to be recognised and headlines to be read.
        vocabulary: Codes of plan steps.
        set_index: Index of the object set of a name, -1 for none.

    Raises:
        ImgEditError: If an option is not what is expected; the row is left as it was.
    """
    image, mask = _pixels(options.get("image")), options.get("mask")
    picture, place = fit_image(image, batch.size, "stretch")
    task = UserTask.read(options, place, batch.plan.shape[1], stock, set_index)
    marks = None if mask is None else read_marks(mask, place, "stretch")
    digest = hashlib.sha256(picture.tobytes() + options["instruction"].encode()).hexdigest()[:12]
    task.write(batch, row, picture, marks, f"user/{digest}", stock, vocabulary, set_index)


def read_marks(mask: Any, place: Placement, fit: str, where: str = "mask") -> np.ndarray:
    """Where a mask marks the pictures of a batch.

    Args:
        mask: ``bool`` or ``uint8 [H, W]``, ``uint8 [H, W, 3]`` or a Pillow image of the size of the image; marked
            where it is true, or lighter than middle grey.
        place: Where the image lies.
        fit: How it was fitted, one of :data:`imgedit_gym.core.images.FITS`.
        where: What the error message begins with.

    Returns:
        ``bool [S, S]``, some of it true.

    Raises:
        ImgEditError: If it is no such mask, or marks nothing.
    """
    from PIL import Image

    if isinstance(mask, Image.Image):
        mask = rgb_pixels(mask, where)
    shape = (place.height, place.width)
    if not isinstance(mask, np.ndarray) or mask.dtype not in (np.bool_, np.uint8) or mask.shape[:2] != shape:
        found = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ImgEditError(f"{where}: expected a mask of the image's {shape[0]} x {shape[1]} pixels; found {found}")
    if mask.ndim == 3:
        mask = mask.mean(2)
    marks = fit_image(np.where(mask > (0 if mask.dtype == np.bool_ else 127), 255, 0).astype(np.uint8), place.size, fit)
    if not (marks[0] > 127).any():
        raise ImgEditError(f"{where}: expected some of it to be marked; found nothing, or too little to be seen")
    return marks[0] > 127


def _pixels(image: Any) -> np.ndarray:
    """An image that was handed over, as pixels."""
    from PIL import Image

    if isinstance(image, Image.Image):
        image = rgb_pixels(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ImgEditError(f"a task of your own needs an 'image' as uint8 [H, W, 3] or a Pillow image; found {found}")
    height, width = image.shape[:2]
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise ImgEditError(f"image: expected 1 to {MAX_SIDE} pixels a side; found {height} x {width}")
    return image


def _whole(text: str, where: str) -> str:
    """A text on one line, nothing of it lost."""
    told = normalise(text, len(text))
    if len(told) > MAX_WORDS:
        raise ImgEditError(f"{where}: expected at most {MAX_WORDS} characters; found {len(told)}")
    return told


def _scaled(box: Any, place: Placement, where: str) -> tuple[int, int, int, int]:
    edges = box if isinstance(box, (tuple, list)) and len(box) == 4 else ("",)
    if not all(isinstance(edge, (int, float)) and isfinite(edge) for edge in edges):
        raise ImgEditError(f"{where}: expected {_REACH}; found {box!r}")
    top, left, bottom, right = box
    inside = 0 <= top < bottom <= place.height and 0 <= left < right <= place.width
    top, left, bottom, right = place.box(box)
    if not inside or top >= bottom or left >= right:
        raise ImgEditError(f"{where}: expected {_REACH}, not empty and inside it; found {box!r}")
    return top, left, bottom, right


def _fitted(box: tuple[int, int, int, int], stock: Stock, size: int) -> tuple[int, int, int, int]:
    """A box of the stock's text extent around the middle of the given one."""
    height, width = stock.texts.shape[1:]
    top = min(max((box[0] + box[2] - height) // 2, 0), size - height)
    left = min(max((box[1] + box[3] - width) // 2, 0), size - width)
    return top, left, top + height, left + width


def _objects(objects: Any, place: Placement, most: int) -> tuple[list[str], list[tuple[int, int, int, int]]]:
    if not isinstance(objects, Sequence) or isinstance(objects, str) or len(objects) > most:
        raise ImgEditError(f"objects: expected a list of at most {most}; found {objects!r}")
    names, boxes = [], []
    for item in objects:
        if not isinstance(item, Mapping) or set(item) != {"name", "box"} or not isinstance(item["name"], str):
            raise ImgEditError(f"objects: expected mappings with the keys 'name' and 'box'; found {item!r}")
        names.append(normalise(item["name"]).lower())
        boxes.append(_scaled(item["box"], place, f"box of {item['name']!r}"))
    if any(BAN in name for name in names):
        raise ImgEditError(f"objects: expected names without {BAN!r}; found {names}")
    if len(set(names)) != len(names):
        raise ImgEditError(f"objects: expected names that differ; found {names}")
    return names, boxes


def _choice(entry: Mapping[str, Any], key: str, known: Sequence[str]) -> int:
    if entry.get(key) not in known:
        raise ImgEditError(f"checklist: {key} must be one of {', '.join(known)}; found {entry.get(key)!r}")
    return known.index(entry[key])


def _requirements(
    checklist: Any,
    names: list[str],
    stock: Stock,
    set_index: Callable[[str], int],
    has_headline: bool,
    n_steps: int,
) -> list[tuple[Requirement, tuple[int, int, int]]]:
    """Each requirement with its slot, argument and count."""
    if not isinstance(checklist, Sequence) or isinstance(checklist, str) or len(checklist) > MAX_REQUIREMENTS:
        raise ImgEditError(f"checklist: expected a list of at most {MAX_REQUIREMENTS} entries; found {checklist!r}")
    rows = []
    for entry in checklist:
        if isinstance(entry, str):
            entry = {"kind": "instruction", "text": entry}
        if not isinstance(entry, Mapping) or not isinstance(entry.get("kind"), str):
            raise ImgEditError(f"checklist: expected texts, or mappings with the key 'kind'; found {entry!r}")
        step = entry.get("step", n_steps - 1)
        if not isinstance(step, int) or not 0 <= step < n_steps:
            raise ImgEditError(f"checklist: step must be a plan step from 0 to {n_steps - 1}; found {step!r}")
        kind, text, slot, arg, count = _requirement(entry, names, stock, set_index, has_headline)
        rows.append((Requirement(kind, text, step), (slot, arg, count)))
    kinds = [requirement.kind for requirement, _ in rows]
    doubles = sorted(kind.name.lower() for kind in _ONE_OF_EACH if kinds.count(kind) > 1)
    if doubles:
        raise ImgEditError(f"checklist: expected at most one requirement of each of {doubles}; found several")
    return rows


def _requirement(
    entry: Mapping[str, Any], names: list[str], stock: Stock, set_index: Callable[[str], int], has_headline: bool
) -> tuple[Kind, str, int, int, int]:
    match entry["kind"]:
        case "absent":
            slot = _choice(entry, "object", names)
            return Kind.ABSENT, f"no {names[slot]}", slot, -1, 0
        case "color":
            slot, color = _choice(entry, "object", names), _choice(entry, "color", COLORS[:7])
            return Kind.COLOR, f"the {names[slot]} is {COLORS[color]}", slot, color, 0
        case "present":
            members = set_index(str(entry.get("object")))
            count = entry.get("count", 1)
            if members < 0 or not isinstance(count, int) or not 1 <= count <= MAX_OBJECTS:
                raise ImgEditError(
                    f"checklist: expected an object or category of the stock and a count; found {entry!r}"
                )
            return Kind.PRESENT, f"at least {count} of {entry['object']}", 0, members, count
        case "background":
            kinds = entry.get("background")
            kinds = list(kinds) if kinds and isinstance(kinds, (list, tuple)) else [kinds]
            mask = sum({1 << _choice({"background": kind}, "background", BACKGROUNDS) for kind in kinds})
            return Kind.BACKGROUND, "background: " + " or ".join(kinds), 0, mask, 0
        case "background_color":
            color = _choice(entry, "color", COLORS)
            return Kind.BACKGROUND_COLOR, f"the background is {COLORS[color]}", 0, color, 0
        case "headline":
            if not has_headline or not isinstance(entry.get("text"), str) or not normalise(entry["text"]):
                raise ImgEditError(
                    f"checklist: a headline needs its 'text' and the option 'headline_box'; found {entry!r}"
                )
            text = normalise(entry["text"])
            return Kind.HEADLINE, f"headline: {text}", 0, stock.text_row(text), 1
        case "tone":
            tone = _choice(entry, "tone", TONES)
            return Kind.TONE, f"the picture is {TONES[tone]}", 0, tone, 0
        case "instruction":
            if not isinstance(entry.get("text"), str) or not normalise(entry["text"]):
                raise ImgEditError(f"checklist: a requirement of kind 'instruction' needs its 'text'; found {entry!r}")
            return Kind.INSTRUCTION, _whole(entry["text"], "checklist"), *_UNMEASURED
    known = "absent, color, present, background, background_color, headline, tone, instruction"
    raise ImgEditError(f"checklist: kind must be one of {known}; found {entry['kind']!r}")


def _write_rows(
    batch: TaskBatch,
    row: int,
    wanted: Sequence[tuple[Requirement, tuple[int, int, int]]],
    n_names: int,
    has_headline: bool,
) -> None:
    batch.requirements[row] = 0
    batch.keep[row] = 0
    batch.keep[row, 0] = 1
    batch.keep[row, 1 : n_names + 1] = 1
    batch.keep[row, LABEL_HEADLINE] = int(has_headline)
    for index, (requirement, (slot, arg, count)) in enumerate(wanted):
        columns = [int(requirement.kind), requirement.step, slot, arg, count]
        batch.requirements[row, index] = torch.tensor(columns, dtype=torch.int32)
        if requirement.kind in (Kind.ABSENT, Kind.COLOR):
            batch.keep[row, slot + 1] = 0
        if requirement.kind in (Kind.BACKGROUND, Kind.BACKGROUND_COLOR):
            batch.keep[row, 0] = 0
        if requirement.kind is Kind.HEADLINE:
            batch.keep[row, LABEL_HEADLINE] = 0
