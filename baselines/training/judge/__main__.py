"""The command that trains the small vision-language judge."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

_ENVIRONMENT = {
    # large blocks are kept and used again: half of the time went into asking the kernel for pages
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    # threads that wait leave the cores to others
    "OMP_WAIT_POLICY": "PASSIVE",
}


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(prog="python -m baselines.training.judge", description=__doc__)
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument(
        "--stage",
        choices=("all", "vision", "language", "joint", "further", "measure", "eyes"),
        default="all",
        help="eyes: the image encoder of agents, not the judge",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/judge"), help="checkpoints, logs, and the model at last")
    parser.add_argument(
        "--start",
        type=Path,
        help="a finished model: further goes on with it; vision, eyes and all with its vision half",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="threads of each product; vision and language run at once, and so do the halves of joint and further",
    )
    parser.add_argument("--episodes", type=int, default=200, help="tasks of the measurement")
    parser.add_argument("--font", help="another emoji font, to measure on the split test-art")
    parser.add_argument("--note", action="append", default=[], help="line for the model card")
    arguments = parser.parse_args()
    if arguments.start and arguments.stage not in ("further", "vision", "eyes", "all"):
        parser.error(f"--start goes with --stage further, vision, eyes or all; found --stage {arguments.stage}")
    if arguments.stage == "further" and not arguments.start:
        parser.error("--stage further goes on with a finished model: name its folder with --start")
    if any(os.environ.get(name) != value for name, value in _ENVIRONMENT.items()):
        os.environ.update(_ENVIRONMENT)
        os.execv(sys.executable, [sys.executable, "-m", "baselines.training.judge", *sys.argv[1:]])
    import torch

    torch.set_num_threads(arguments.threads)
    from baselines.training.judge.run import run, run_measurements

    if arguments.stage != "measure":
        run(arguments.stage, arguments.preset, arguments.out, arguments.seed, arguments.start)
    if arguments.stage in ("measure", "all"):
        run_measurements(
            arguments.out, arguments.preset, arguments.seed, arguments.episodes, arguments.font, arguments.note
        )


if __name__ == "__main__":
    main()
