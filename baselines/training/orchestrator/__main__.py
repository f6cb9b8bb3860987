"""The command that trains the orchestrator; see ``docs/orchestrator.md``."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from baselines.cli import check_folder, check_number, run_command
from imgedit_gym.core.errors import ImgEditError

MODEL = "model"
"""Folder of the finished orchestrator in that of the training."""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.training.orchestrator", description=__doc__)
    parser.add_argument("--method", choices=("table", "ppo"), default="table")
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument(
        "--out", type=Path, default=None, help="checkpoints, curves, and the weights in its folder model"
    )
    parser.add_argument("--steps", type=int, default=None, help="updates (table) or steps in the environment (ppo)")
    parser.add_argument("--vision", type=Path, default=None, help="folder of the image encoder; the package's own")
    parser.add_argument("--pixels", action="store_true", help="without the image encoder and its words")
    parser.add_argument("--table", type=Path, default=None, help="outcome table to share; one in --out by itself")
    parser.add_argument(
        "--reward", choices=("delta", "additive"), default="delta", help="additive: each step alone, table only"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    return parser.parse_args(words)


def train(options: argparse.Namespace) -> Path:
    """Train as the options say; returns the folder of the finished orchestrator.

    Raises:
        ImgEditError: If an option is not what is expected.
    """
    import torch

    from baselines.training.orchestrator.card import card_of
    from baselines.training.orchestrator.plan import PPO_PRESETS, TABLE_PRESETS
    from baselines.vision import Vision

    torch.set_num_threads(options.threads)
    folder = options.out or Path("runs/orchestrator") / options.method
    check_folder(folder)
    check_number("--seed", options.seed, 0)
    if options.steps is not None:
        check_number("--steps", options.steps, 1)
    if options.method == "ppo" and (options.table is not None or options.reward != "delta"):
        raise ImgEditError("--table and --reward: expected only with --method table")
    vision = None if options.pixels else Vision.load(options.vision, options.device)
    presets: dict[str, Any] = TABLE_PRESETS if options.method == "table" else PPO_PRESETS
    preset = presets[options.preset]
    if options.steps is not None:
        preset = preset.lasting(options.steps)
    if options.pixels:
        preset = replace(preset, shape=replace(preset.shape, codes=False))
    training: Any
    if options.method == "table":
        from baselines.training.orchestrator.table import TableTraining

        training = TableTraining(preset, folder, options.seed, vision, options.device, options.table, options.reward)
    else:
        from baselines.training.orchestrator.ppo import PPOTraining

        training = PPOTraining(preset, folder, options.seed, vision, options.device)
    orchestrator = training.run()
    command = "python -m baselines.training.orchestrator " + shlex.join(_told(options))
    card = card_of(orchestrator, folder, options.method, command, preset)
    orchestrator.save(folder / MODEL, card, method=options.method, preset=options.preset, seed=options.seed)
    return folder / MODEL


def _told(options: argparse.Namespace) -> list[str]:
    """The options that decide the result."""
    words = ["--method", options.method, "--preset", options.preset, "--seed", str(options.seed)]
    words += ["--steps", str(options.steps)] if options.steps is not None else []
    words += ["--vision", "DIR"] if options.vision is not None else []
    words += ["--reward", options.reward] if options.reward != "delta" else []
    return words + (["--pixels"] if options.pixels else [])


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input, of which one line on standard error tells.
    """
    options = parse_arguments(sys.argv[1:] if words is None else words)
    return run_command(lambda chosen: print(f"wrote {train(chosen)}"), options)


if __name__ == "__main__":
    sys.exit(main())
