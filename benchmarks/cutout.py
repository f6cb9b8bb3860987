"""How well the tool ``cutout`` finds what stands in front.

``python -m benchmarks.cutout [--episodes 40] [--image-size 128] [--split test] [--seed 710000]``

Prints intersection over union of what is found with the truth: on adverts with the union of the objects, badges
among them, and with that of all that is drawn over the background, headlines too; on photographs of scikit-image, where
it is installed, with outlines drawn by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from baselines.cli import check_number, progress_bar, run_command
from benchmarks.tools import ground_class
from imgedit_gym.core.checklist import MAX_OBJECTS
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.engine import LARGEST_IMAGE, SMALLEST_IMAGE, Engine
from imgedit_gym.tools.cutout import in_front

EDGE = 256
"""Edge in pixels of the photographs' middle squares, at which they were outlined."""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.cutout", description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=40, help="how many adverts")
    parser.add_argument("--image-size", type=int, default=128, help="edge of the adverts, 64 to 512")
    parser.add_argument("--split", default="test", help="split of the adverts")
    parser.add_argument("--seed", type=int, default=710_000, help="seed of the first advert")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_number("--episodes", options.episodes, 1, 100_000)
    check_number("--image-size", options.image_size, SMALLEST_IMAGE, LARGEST_IMAGE)
    console = Console()
    table = Table(title=f"adverts of {options.split}, {options.image_size} pixels", title_justify="left")
    for name in ("background", "adverts", "IoU, objects", "IoU, all that is drawn", "nothing found"):
        table.add_column(name, justify="left" if name == "background" else "right")
    for ground, found in sorted(adverts(options).items()):
        objects, drawn, none = np.array(found).mean(0)
        table.add_row(ground, str(len(found)), f"{objects:.2f}", f"{drawn:.2f}", f"{none:.2f}")
    console.print(table)
    if find_spec("skimage") is None:
        return
    table = Table(title="photographs", title_justify="left")
    for name in ("photograph", "IoU"):
        table.add_column(name, justify="left" if name == "photograph" else "right")
    for name in OUTLINES:
        picture, truth = photograph(name)
        table.add_row(name, f"{overlap(in_front(picture), truth):.2f}")
    console.print(table)


def adverts(options: argparse.Namespace) -> dict[str, list[tuple[float, float, bool]]]:
    """Both measures of each advert and whether nothing was found, by the kind of background and for all."""
    found: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    engine = Engine(1, split=options.split, image_size=options.image_size)
    with progress_bar(Console(stderr=True)) as bar:
        for number in bar.track(range(options.episodes), description="adverts"):
            engine.reset([0], [options.seed + number])
            labels = engine.batch.segments[0].numpy()
            front = in_front(engine.canvas[0].numpy())
            measured = (
                overlap(front, (labels > 0) & (labels <= MAX_OBJECTS)),
                overlap(front, labels > 0),
                not front.any(),
            )
            for key in ("all", ground_class(BACKGROUNDS[int(engine.batch.background[0])])):
                found[key].append(measured)
    return found


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks, in [0, 1]."""
    return float((found & truth).sum() / max(int((found | truth).sum()), 1))


def photograph(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The middle square of a photograph of :data:`OUTLINES`, ``uint8 [EDGE, EDGE, 3]``, and what stands in front."""
    import skimage.data

    whole = Image.fromarray(getattr(skimage.data, name)())
    side = min(whole.size)
    left, top = (whole.width - side) // 2, (whole.height - side) // 2
    square = whole.crop((left, top, left + side, top + side)).resize((EDGE, EDGE), Image.Resampling.LANCZOS)
    drawn = Image.new("L", (EDGE, EDGE))
    OUTLINES[name](ImageDraw.Draw(drawn))
    return np.array(square), np.array(drawn) > 0


def _astronaut(draw: ImageDraw.ImageDraw) -> None:
    head = [(96, 88), (96, 62), (82, 48), (80, 25), (92, 12), (115, 8), (138, 12), (150, 30), (146, 48), (132, 60)]
    right = [(130, 85), (150, 100), (154, 130), (178, 148), (184, 180), (184, 256)]
    left = [(10, 256), (12, 195), (22, 160), (40, 135), (62, 122), (55, 98), (75, 77)]
    draw.polygon([*head, *right, *left], fill=1)
    draw.ellipse((141, 172, 250, 276), fill=1)


def _coffee(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((-4, 42, 242, 246), fill=1)
    draw.ellipse((47, 10, 198, 126), fill=1)


def _rocket(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(121, 243), (121, 84), (129, 75), (138, 84), (138, 243)], fill=1)


def _cat(draw: ImageDraw.ImageDraw) -> None:
    right = [(205, 0), (240, 60), (250, 130), (235, 190), (225, 225), (200, 256)]
    draw.polygon([(0, 0), *right, (0, 256)], fill=1)


OUTLINES: dict[str, Callable[[ImageDraw.ImageDraw], None]] = {
    "astronaut": _astronaut,
    "coffee": _coffee,
    "rocket": _rocket,
    "cat": _cat,
}
"""What stands in front in photographs of scikit-image: the astronaut and her helmet, cup and saucer, the rocket without
its towers, the cat."""


if __name__ == "__main__":
    sys.exit(main())
