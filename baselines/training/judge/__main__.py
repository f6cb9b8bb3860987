"""The command that trains the small vision-language judge."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

_MALLOC = {
    # large blocks are kept and used again: half of the time went into asking the kernel for pages
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(prog="python -m baselines.training.judge", description=__doc__)
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument("--stage", choices=("all", "vision", "language", "joint"), default="all")
    parser.add_argument("--out", type=Path, default=Path("runs/judge"), help="checkpoints, logs, and the model at last")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="threads of a stage; vision and language run at once")
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in _MALLOC.items()):
        os.environ.update(_MALLOC)
        os.execv(sys.executable, [sys.executable, "-m", "baselines.training.judge", *sys.argv[1:]])
    import torch

    torch.set_num_threads(arguments.threads)
    from baselines.training.judge.run import run

    run(arguments.stage, arguments.preset, arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
