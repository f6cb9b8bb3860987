"""A source of tasks: pictures, instructions and requirements. It draws here; it might as well read files."""

from __future__ import annotations

import io
from functools import partial

import torch
from PIL import Image

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.records import Record, RecordTasks

GROUNDS = {"navy": (20, 30, 80), "moss": (40, 60, 30), "wine": (80, 20, 40)}


class Squares(RecordTasks):
    """A light square on a dark ground, which is to become brighter and warmer.

    Args:
        image_size: Edge of the pictures in pixels.
        max_plan_steps: Longest plan.
        split: The same pictures belong to every split.
        device: Where tensors live.
        edge: Edge of the square in pixels of a picture of 64, 1 to 48.

    Raises:
        ImgEditError: If the edge is not what is expected.
    """

    id = "squares"

    def __init__(self, image_size: int, max_plan_steps: int, split: str, device: torch.device, edge: int = 24) -> None:
        if not isinstance(edge, int) or not 1 <= edge <= 48:
            raise ImgEditError(f"edge must be a whole number from 1 to 48; found {edge!r}")
        wanted = {
            "objects": [{"name": "square", "box": [8, 8, 8 + edge, 8 + edge]}],
            "checklist": [{"kind": "tone", "tone": "brighter"}, "the picture looks warmer"],
        }
        records = [
            Record(name, f"ground {name}", partial(draw, name, edge), "Make it brighter and warmer.", options=wanted)
            for name in GROUNDS
        ]
        super().__init__(records, "plain", {"name": "squares", "licence": "MIT"}, image_size, max_plan_steps, device)


def draw(ground: str, edge: int) -> bytes:
    """The picture as a PNG file."""
    picture, file = Image.new("RGB", (64, 64), GROUNDS[ground]), io.BytesIO()
    picture.paste((230, 220, 200), (8, 8, 8 + edge, 8 + edge))
    picture.save(file, "PNG")
    return file.getvalue()
