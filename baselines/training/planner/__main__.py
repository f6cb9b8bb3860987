"""The command that trains the planner: first a teacher's plans, then those of its own that pass the checklist.

``python -m baselines.training.planner --stage {imitation,self} [--preset quick|full] [--noise R] [--seed S]
[--device D] [--vision DIR] [--out DIR]``; the model, its card and ``measured.json`` go to the stage's folder in DIR. A
run that was interrupted goes on where it was left.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from baselines.cli import run_command


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.training.planner", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", choices=("imitation", "self"), default="self", help="the last stage to run")
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument("--noise", type=float, default=0.2, help="how often the teacher is wrong, in [0, 1]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vision", type=Path, help="folder of the image encoder; default: the package's")
    parser.add_argument("--out", type=Path, default=Path("runs/planner"), help="checkpoints, logs and models")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    return run_command(_run, parse_arguments(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    import torch

    torch.set_num_threads(options.threads)
    from baselines.training.planner.card import table
    from baselines.training.planner.hands import imitate_hands
    from baselines.training.planner.run import finish, imitate, open_desk, refine

    desk = open_desk(options.preset, options.out, options.seed, options.noise, options.device, options.vision)
    planner, _ = (imitate if options.stage == "imitation" else refine)(desk)
    facts = facts_of(planner, desk, options, "baselines.training.planner")
    folder = finish(planner, desk, options.stage, facts)
    if options.stage == "imitation":
        imitate_hands(desk, folder.parent / "orchestrator")
    print(table(facts["measured"]))
    print(f"wrote {folder.parent}")


def facts_of(planner: Any, desk: Any, options: argparse.Namespace, module: str) -> dict[str, Any]:
    """What a model's card tells of its training, and how good its plans are."""
    from dataclasses import replace

    from baselines.training.planner.card import minutes
    from baselines.training.planner.measure import measure
    from benchmarks.throughput.machine import describe_machine

    machine, count = describe_machine(options.device), desk.preset.measured
    told = {
        name: getattr(options, name)
        for name in ("stage", "orchestrator", "preset", "rounds", "noise", "without", "seed")
        if getattr(options, name, "") not in ("", None)
    }
    # where they lay tells nobody anything
    told |= {name: "DIR" for name in ("vision", "hands") if getattr(options, name, None) is not None}
    return {
        "command": " ".join([f"python -m {module}", *(f"--{name} {value}" for name, value in told.items())]),
        "machine": f"{machine['cpus']} x {machine['processor']}",
        "minutes": minutes(desk.folder),
        "noise": options.noise,
        "tasks": count,
        "measured": {
            "test": measure(planner, "test", count),
            "test, without marks": measure(replace(planner, marks=None), "test", count),
            "test-compose": measure(planner, "test-compose", count),
            "test-compose, each request apart": measure(planner, "test-compose", count, apart=True),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
