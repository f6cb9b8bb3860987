"""The command that trains the single-step editor; see ``docs/single_step.md``."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from baselines.cli import check_folder, check_number, run_command, write_json

MODEL = "model"
"""Folder of the finished editor in that of the training."""

STEPS = (1, 2, 4)
"""Denoising steps that are compared."""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.training.single_step", description=__doc__)
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--steps", type=int, default=None, help="updates")
    parser.add_argument("--episodes", type=int, default=100, help="tasks of the measurement")
    parser.add_argument("--vision", type=Path, default=None, help="folder of the image encoder; the package's own")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/single_step"),
        help="checkpoint, logs, and the weights in its folder model",
    )
    parser.add_argument("--note", action="append", default=[], help="line for the model card about what it cannot do")
    return parser.parse_args(words)


def train(options: argparse.Namespace) -> Path:
    """Train and measure as the options say; returns the folder of the finished pipeline.

    Raises:
        ImgEditError: If an option is not what is expected.
    """
    import torch

    from baselines.single_step.model import STEPS as OWN
    from baselines.training.single_step.plan import PRESETS

    check_folder(options.out)
    check_number("--seed", options.seed, 0)
    check_number("--threads", options.threads, 1)
    check_number("--episodes", options.episodes, 1)
    preset = PRESETS[options.preset]
    if options.steps is not None:
        check_number("--steps", options.steps, 1)
        preset = preset.lasting(options.steps)
    torch.set_num_threads(options.threads)
    from baselines.training.single_step.card import card_of
    from baselines.training.single_step.learn import EditorTraining
    from baselines.training.single_step.measure import draw_sheet, measure
    from baselines.vision import Vision

    vision = Vision.load(options.vision, options.device)
    training = EditorTraining(preset, options.out, options.seed, vision, options.device)
    training.run()
    folder = training.save(options.out / MODEL, options.vision)
    found = {steps: measure(folder, options.episodes, steps=steps, image_size=preset.image_size) for steps in STEPS}
    by_steps = {steps: one for steps, (one, _) in found.items()}
    measured = by_steps[OWN]
    draw_sheet(found[OWN][1], options.out / "samples.png")
    write_json(
        options.out / "measured.json",
        {"steps": OWN, "by_steps": {str(steps): one.as_json() for steps, one in by_steps.items()}},
    )
    command = "python -m baselines.training.single_step " + shlex.join(_told(options))
    card = card_of(training, command, options.threads, measured, by_steps, options.note)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def _told(options: argparse.Namespace) -> list[str]:
    """The options that decide the result."""
    words = ["--preset", options.preset, "--seed", str(options.seed)]
    words += ["--vision", "DIR"] if options.vision is not None else []
    return words + (["--steps", str(options.steps)] if options.steps is not None else [])


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    return run_command(lambda chosen: print(f"wrote {train(chosen)}"), options)


if __name__ == "__main__":
    sys.exit(main())
