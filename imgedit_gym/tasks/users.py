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

There may be one requirement each of the last four kinds, which are about the picture as a whole.

Without a checklist the instruction itself is the only requirement, of kind ``instruction``. Judges that ask a model can
tell whether it was carried out; the checklist judge cannot, and finds 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, MAX_REQUIREMENTS, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import MAX_SIDE, fit_image, rgb_pixels
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep, normalise, parse_plan
from imgedit_gym.core.tasks import TaskBatch, TaskTexts
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.kernels.fill import fill_from_borders

_ONE_OF_EACH = (Kind.BACKGROUND, Kind.BACKGROUND_COLOR, Kind.HEADLINE, Kind.TONE)
"""Kinds that a picture is measured for once."""

OPTIONS = ("image", "instruction", "objects", "headline_box", "plan", "checklist")
_REACH = "top, left, bottom, right in pixels of the image given"


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
            (what :func:`imgedit_gym.core.plan.parse_plan` takes) and ``checklist`` (see the module).
        stock: The art, for objects to be recognised and headlines to be read.
        vocabulary: Codes of plan steps.
        set_index: Index of the object set of a name, -1 for none.

    Raises:
        ImgEditError: If an option is not what is expected; the row is left as it was.
    """
    picture, scale = _picture(options.get("image"), batch.size)
    instruction = options.get("instruction")
    if not isinstance(instruction, str) or not normalise(instruction):
        raise ImgEditError(f"a task of your own needs an 'instruction' (text); found {instruction!r}")
    names, boxes = _objects(options.get("objects", ()), scale, batch.size)
    headline_box = options.get("headline_box")
    text_box = (0, 0, 0, 0) if headline_box is None else _scaled(headline_box, scale, "headline_box", batch.size)
    text_box = _fitted(text_box, stock, batch.size) if headline_box is not None else text_box
    plan = options.get("plan")
    steps: Plan = (
        parse_plan(plan, batch.plan.shape[1]) if plan is not None else (PlanStep("edit", PICTURE, instruction),)
    )
    wanted = _requirements(options.get("checklist", ()), names, stock, set_index, headline_box is not None, len(steps))
    if not wanted:
        wanted = [(Requirement(Kind.INSTRUCTION, normalise(instruction), len(steps) - 1), (0, -1, 0))]

    segments = np.zeros((batch.size, batch.size), np.uint8)
    if headline_box is not None:
        segments[text_box[0] : text_box[2], text_box[1] : text_box[3]] = LABEL_HEADLINE
    for label, (top, left, bottom, right) in enumerate(boxes, start=1):
        segments[top:bottom, left:right] = label
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
    batch.headline[row] = -2 if headline_box is not None else -1
    batch.headline_panel[row] = 0
    batch.headline_box[row] = torch.tensor(text_box, dtype=torch.int32)
    _write_rows(batch, row, wanted, len(names), headline_box is not None)
    batch.plan[row] = 0
    batch.plan_labels[row] = 255
    batch.plan_cells[row] = -1
    for index, step in enumerate(steps):
        batch.plan[row, index] = torch.tensor(vocabulary.encode(step), dtype=torch.int32)
        if step.target in names:
            batch.plan_labels[row, index] = names.index(step.target) + 1
    batch.plan_length[row] = len(steps)
    batch.keys[row] = -1
    batch.goals[row] = -1
    digest = hashlib.sha256(picture.tobytes() + instruction.encode()).hexdigest()[:12]
    batch.texts[row] = TaskTexts(
        task_id=f"user/{digest}",
        instruction=normalise(instruction),
        plan=steps,
        requirements=tuple(requirement for requirement, _ in wanted),
        names=tuple(names),
    )


def _picture(image: Any, size: int) -> tuple[np.ndarray, tuple[float, float]]:
    """The image at the batch's size, and how far rows and columns were scaled."""
    from PIL import Image

    if isinstance(image, Image.Image):
        image = rgb_pixels(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ImgEditError(f"a task of your own needs an 'image' as uint8 [H, W, 3] or a Pillow image; found {found}")
    height, width = image.shape[:2]
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise ImgEditError(f"image: expected 1 to {MAX_SIDE} pixels a side; found {height} x {width}")
    square, place = fit_image(image, size, "stretch")
    return square, place.scale


def _scaled(box: Any, scale: tuple[float, float], where: str, size: int) -> tuple[int, int, int, int]:
    edges = box if isinstance(box, (tuple, list)) and len(box) == 4 else ("",)
    if not all(isinstance(edge, (int, float)) and isfinite(edge) for edge in edges):
        raise ImgEditError(f"{where}: expected {_REACH}; found {box!r}")
    top, left, bottom, right = (round(edge * scale[i % 2]) for i, edge in enumerate(box))
    if not (0 <= top < bottom <= size and 0 <= left < right <= size):
        raise ImgEditError(f"{where}: expected {_REACH}, not empty and inside it; found {box!r}")
    return top, left, bottom, right


def _fitted(box: tuple[int, int, int, int], stock: Stock, size: int) -> tuple[int, int, int, int]:
    """A box of the stock's text extent around the middle of the given one."""
    height, width = stock.texts.shape[1:]
    top = min(max((box[0] + box[2] - height) // 2, 0), size - height)
    left = min(max((box[1] + box[3] - width) // 2, 0), size - width)
    return top, left, top + height, left + width


def _objects(objects: Any, scale: tuple[float, float], size: int) -> tuple[list[str], list[tuple[int, int, int, int]]]:
    if not isinstance(objects, Sequence) or len(objects) > MAX_OBJECTS:
        raise ImgEditError(f"objects: expected a list of at most {MAX_OBJECTS}; found {objects!r}")
    names, boxes = [], []
    for item in objects:
        if not isinstance(item, Mapping) or set(item) != {"name", "box"} or not isinstance(item["name"], str):
            raise ImgEditError(f"objects: expected mappings with the keys 'name' and 'box'; found {item!r}")
        names.append(normalise(item["name"]).lower())
        boxes.append(_scaled(item["box"], scale, f"box of {item['name']!r}", size))
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
        raise ImgEditError(f"checklist: expected a list of at most {MAX_REQUIREMENTS} mappings; found {checklist!r}")
    rows = []
    for entry in checklist:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("kind"), str):
            raise ImgEditError(f"checklist: expected mappings with the key 'kind'; found {entry!r}")
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
    known = "absent, color, present, background, background_color, headline, tone"
    raise ImgEditError(f"checklist: kind must be one of {known}; found {entry['kind']!r}")


def _write_rows(
    batch: TaskBatch, row: int, wanted: list[tuple[Requirement, tuple[int, int, int]]], n_names: int, has_headline: bool
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
