"""What measurements over tasks have in common: their options, and batches."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from baselines.cli import check_episodes, check_folder, check_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import LARGEST_IMAGE, SMALLEST_IMAGE
from imgedit_gym.tasks.adverts.splits import find_split

BATCH = 250
"""Environments played together; results may hang on it, because a batch shares one sequence of random numbers."""


def task_arguments(parser: argparse.ArgumentParser, episodes: int, split: str, out: str) -> None:
    """Add the options."""
    parser.add_argument("--episodes", type=int, default=episodes, help="tasks")
    parser.add_argument("--split", default=split, help="split of the tasks")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task; the next take the next ones")
    parser.add_argument("--image-size", type=int, default=128, help="edge of the pictures, 64 to 512")
    parser.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    parser.add_argument("--out", type=Path, default=Path(out), help="folder for results")


def check_tasks(options: argparse.Namespace, fewest: int = 1) -> None:
    """Look for mistakes before any work is done.

    Raises:
        ImgEditError: If something is not what is expected.
    """
    check_episodes(options, fewest)
    if find_split(options.split).own_font:
        raise ImgEditError(f"--split: expected one that needs no other font; found {options.split!r}")
    check_number("--image-size", options.image_size, SMALLEST_IMAGE, LARGEST_IMAGE)
    check_folder(options.out)


def batches(seeds: Sequence[int]) -> list[list[int]]:
    """The seeds in groups of at most :data:`BATCH`."""
    return [list(seeds[start : start + BATCH]) for start in range(0, len(seeds), BATCH)]
