"""The command that makes all weights of the baselines from nothing.

``python -m baselines.training [--preset quick|full] [--seed S] [--jobs 2] [--device D] [--only a,b] [--out DIR]``:
the image encoder, then the orchestrators, the planners and the single-step editor, side by side, each by its own
command. The weights go to ``weights`` in DIR, laid out as ``baselines/weights``. A run that was interrupted goes on
learning where it was left; what follows learning, exports and measurements, is made again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from baselines.cli import check_folder, check_number, run_command
from baselines.training.jobs import Job, run_jobs
from baselines.training.judge.plan import EYES
from imgedit_gym.core.errors import ImgEditError

WEIGHTS = {
    "vision": {"vision": "vision"},
    "orchestrator": {"orchestrator/model": "orchestrator"},
    "imitation": {
        "planner/imitation/planner": "imitation/planner",
        "planner/imitation/orchestrator": "imitation/orchestrator",
    },
    "planner": {"planner/self/planner": "planner"},
    "ppo": {"ppo/model": "ppo"},
    "single_step": {"single_step/model": "single_step"},
}
"""What each training makes: folders in that of the command, and in its folder ``weights``."""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.training", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: small ones, in minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one core each")
    parser.add_argument("--device", default="cpu", help="torch device of all but the image encoder")
    parser.add_argument(
        "--only",
        default=",".join(WEIGHTS),
        help="some of these, separated by commas, and what they need; default: %(default)s",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/all"), help="checkpoints, logs, and the folder weights")
    return parser.parse_args(words)


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """The commands of all trainings, longest first among those that can begin at the same time.

    Args:
        options: What :func:`parse_arguments` gave.
    """
    out: Path = options.out
    seeded = ("--preset", options.preset, "--seed", str(options.seed))
    sees = ("--vision", str(out / "vision"), "--device", options.device)
    judge = ("--stage", EYES, *seeded, "--out", str(out / "judge"))

    def module(name: str, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", name, *words)

    hands = "baselines.training.orchestrator"
    planner = (*seeded, *sees, "--out", str(out / "planner"))
    export = (str(out / "judge"), str(out / "vision"), "--preset", options.preset)
    return [
        Job("encoder", module("baselines.training.judge", *judge)),
        Job("vision", module("baselines.vision.export", *export), ("encoder",)),
        Job("imitation", module("baselines.training.planner", "--stage", "imitation", *planner), ("vision",)),
        Job("ppo", module(hands, "--method", "ppo", *seeded, *sees, "--out", str(out / "ppo")), ("vision",)),
        Job("planner", module("baselines.training.planner", "--stage", "self", *planner), ("imitation",)),
        Job(
            "orchestrator",
            module(hands, "--method", "table", *seeded, *sees, "--out", str(out / "orchestrator")),
            ("vision",),
        ),
        Job(
            "single_step",
            module("baselines.training.single_step", *seeded, *sees, "--out", str(out / "single_step")),
            ("vision",),
        ),
    ]


def needed(jobs: list[Job], names: list[str]) -> list[Job]:
    """Some jobs and all that they need, in the order of the jobs.

    Raises:
        ImgEditError: If there is no job of a name.
    """
    by_name = {job.name: job for job in jobs}
    wanted, found = list(names), set[str]()
    if not names or not set(names) <= set(WEIGHTS):
        raise ImgEditError(f"--only: expected some of {', '.join(WEIGHTS)}; found {', '.join(names) or 'none'}")
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted += by_name[name].after
    return [job for job in jobs if job.name in found]


def gather(out: Path, names: list[str]) -> Path:
    """Copy what was made to ``weights``, laid out as ``baselines/weights``; returns that folder."""
    folder = out / "weights"
    try:
        for name in names:
            for made, kept in WEIGHTS.get(name, {}).items():
                shutil.copytree(out / made, folder / kept, dirs_exist_ok=True)
    except OSError as error:
        raise ImgEditError(f"expected a folder that can be copied to {folder}; {error}") from None
    return folder


def check_device(device: str) -> None:
    """Check that a torch device is there, before hours have gone by.

    Raises:
        ImgEditError: If it is not.
    """
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ImgEditError(f"--device: expected a torch device that is there; found {device!r}: {reason}") from None


def _run(options: argparse.Namespace) -> None:
    from rich.console import Console

    check_folder(options.out)
    check_number("--seed", options.seed, 0)
    check_number("--jobs", options.jobs, 1)
    names = [name.strip() for name in options.only.split(",") if name.strip()]
    jobs = needed(jobs_of(options), names)
    check_device(options.device)
    run_jobs(jobs, options.out, options.jobs, Console())
    print(f"wrote {gather(options.out, [job.name for job in jobs])}")


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0; 2 for bad input or a training that failed, of which one line on standard error tells; or 130
        where it was interrupted.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


if __name__ == "__main__":
    sys.exit(main())
