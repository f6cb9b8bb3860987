"""Pictures, regions and plan steps for tools that models do the work of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import load_vocabulary

SIZE = 128
WHOLE, PART = (0, 0, SIZE, SIZE), (16, 40, 80, 112)


def steps_of(*steps: PlanStep) -> StepBatch:
    codes = torch.tensor([load_vocabulary().encode(step) for step in steps], dtype=torch.int32)
    return StepBatch(codes, lambda index: steps[index])


def boxed(*boxes, size: int = SIZE) -> RegionBatch:
    edges = torch.tensor(boxes, dtype=torch.int32)
    return RegionBatch(box_masks(edges, size), edges, edges)


def scene(number: int, size: int = SIZE) -> Image.Image:
    """Discs on a gradient: smooth, with edges."""
    ramp = np.linspace(60, 200, size, dtype=np.float32)
    turned = [ramp[:, None], ramp[None, :], ramp[::-1, None]]
    levels = np.stack([np.broadcast_to(turned[(number + i) % 3], (size, size)) for i in range(3)], -1)
    picture = Image.fromarray(levels.astype(np.uint8).copy())
    draw = ImageDraw.Draw(picture)
    for i, color in enumerate(("#c8321e", "#1e6ec8", "#28a03c")):
        at, radius = size * (3 + 5 * ((i + number) % 3)) // 16, size // 8
        draw.ellipse((at - radius, at, at + radius, at + 2 * radius), fill=color)
    return picture


def lettered(picture: Image.Image, text: str, at: tuple[int, int], height: int, color: str) -> Image.Image:
    ImageDraw.Draw(picture).text(at, text, font=ImageFont.load_default(height), fill=color)
    return picture


def batch_of(*pictures: Image.Image) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.array(picture)) for picture in pictures])


def build(source, **spec):
    return TOOLS.build(spec, stock=source.stock, vocabulary=source.vocabulary)


def check_batches(tool, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
    """The edits, which are confined to the regions and the same one by one, in any order, and when made again."""
    before = images.clone()
    made = tool.apply(images, regions, steps)
    assert [tool.problems[code] for code in made.problems.tolist()] == [""] * len(images)
    assert torch.equal(images, before)
    assert torch.equal(made.images[~regions.masks], images[~regions.masks])
    assert tool.deterministic
    for i in reversed(range(len(images))):
        at = torch.tensor([i])
        alone = tool.apply(images[at], regions.rows(at), steps.rows(at))
        assert torch.equal(alone.images[0], made.images[i])
    return made.images


def check_missing(source, id: str, modules, monkeypatch) -> None:
    """What is told where a package of the extra is missing."""
    import sys

    from imgedit_gym.models import pool

    pool.close()
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImgEditError, match=r"pip install 'imgedit-gym\["):
        build(source, id=id)
