"""What regions cost: time and memory of each new picture.

``python -m benchmarks.regions [--regions R | --untrained SHAPE] [--image-size 256] [--pictures 4] [--device cpu]``

R is an id or a JSON object. What a model has learned does not matter to its cost, so ``--untrained`` measures models of
the published shapes without their weights: ``sam`` (ViT-B), ``sam2`` (Hiera-tiny), ``grounding-dino`` (Swin-tiny),
``owlvit`` (ViT-B/32).
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from baselines.cli import check_number, plugin_spec, progress_bar, run_command
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.registry import REGIONS
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import LARGEST_IMAGE, SMALLEST_IMAGE, Engine

MB = 2**20


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks.regions", description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--regions", default="superpixels", help="id, or a JSON object with the key id")
    which.add_argument("--untrained", choices=sorted(UNTRAINED), help="a model of this shape that has learned nothing")
    parser.add_argument("--image-size", type=int, default=256, help="edge of the pictures, 64 to 512")
    parser.add_argument("--pictures", type=int, default=4, help="how many pictures")
    parser.add_argument("--device", default="cpu", help="torch device")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    check_number("--image-size", options.image_size, SMALLEST_IMAGE, LARGEST_IMAGE)
    check_number("--pictures", options.pictures, 1, 1000)
    with tempfile.TemporaryDirectory() as folder:
        if options.untrained:
            id, build = UNTRAINED[options.untrained]
            build(Path(folder))
            spec: Any = {"id": id, "model": folder}
        else:
            spec = plugin_spec("--regions", options.regions, REGIONS)
        before = _peak(options.device)
        engine = Engine(options.pictures, regions=spec, image_size=options.image_size, device=options.device)
        engine.reset(range(options.pictures), range(options.pictures))
        loaded = _peak(options.device)
        seconds, spent = _measure(engine, options.pictures)
    memory = [before, loaded, _peak(options.device)]
    table = Table(title=f"{options.untrained or options.regions}, {options.pictures} pictures of {options.image_size}")
    for name in ("seconds", "processor seconds", "MB before", "MB loaded", "MB at most"):
        table.add_column(name, justify="right")
    table.add_row(f"{seconds:.3g}", f"{spent:.3g}", *(f"{value / MB:.0f}" for value in memory))
    Console().print(table)


def _measure(engine: Engine, pictures: int) -> tuple[float, float]:
    """Wall-clock and processor seconds of a new picture, the first one not counted if there are more."""
    step = PlanStep("remove", "hamburger")
    codes = torch.tensor([engine.vocabulary.encode(step)], dtype=torch.int32, device=engine.device)
    steps = StepBatch(codes, lambda i: step)
    walls, works = [], []
    with progress_bar(Console(stderr=True)) as bar:
        for row in bar.track(range(pictures), description="pictures"):
            wall, work = time.perf_counter(), time.process_time()
            at = torch.tensor([[row], [1]], device=engine.device)
            engine.regions.regions(at[0], at[1], steps)
            walls.append(time.perf_counter() - wall)
            works.append(time.process_time() - work)
    counted = slice(1, None) if pictures > 1 else slice(None)
    walls, works = walls[counted], works[counted]
    return sum(walls) / len(walls), sum(works) / len(works)


def _peak(device: str) -> float:
    """Most memory used so far in bytes: the process's on a CPU, torch's on a GPU."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


# ---------------------------------------------------------------------- models that have learned nothing


def _transformers() -> Any:
    from imgedit_gym.models.loading import transformers_library

    return transformers_library()


def _sam(folder: Path) -> None:
    library = _transformers()
    library.SamModel(library.SamConfig()).save_pretrained(folder)


def _sam2(folder: Path) -> None:
    library = _transformers()
    library.Sam2Model(library.Sam2Config()).save_pretrained(folder)


def _grounding_dino(folder: Path) -> None:
    library = _transformers()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "hamburger"]
    swin = library.SwinConfig(window_size=7, out_features=["stage2", "stage3", "stage4"])
    model = library.GroundingDinoForObjectDetection(library.GroundingDinoConfig(backbone_config=swin))
    model.save_pretrained(folder)
    tokenizer = library.BertTokenizer(vocab={word: code for code, word in enumerate(words)})
    library.GroundingDinoProcessor(library.GroundingDinoImageProcessor(), tokenizer).save_pretrained(folder)


def _owlvit(folder: Path) -> None:
    library = _transformers()
    library.OwlViTForObjectDetection(library.OwlViTConfig()).save_pretrained(folder)
    signs = [chr(code) for code in range(97, 123)]
    words = ["<pad>", "<|startoftext|>", "<|endoftext|>", *signs, *(f"{sign}</w>" for sign in signs)]
    vocab = {word: code for code, word in enumerate(words)}
    tokenizer = library.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=16)
    library.OwlViTProcessor(library.OwlViTImageProcessor(), tokenizer).save_pretrained(folder)


UNTRAINED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "sam": ("sam", _sam),
    "sam2": ("sam", _sam2),
    "grounding-dino": ("detect", _grounding_dino),
    "owlvit": ("detect", _owlvit),
}


if __name__ == "__main__":
    sys.exit(main())
