"""The command that trains the planner from experience, after its own stages.

``python -m baselines.training.loop [--orchestrator {learned,oracle}] [--hands DIR] [--preset quick|full] [--rounds N]
[--noise R] [--without experience,pruning,practice] [--seed S] [--device D] [--vision DIR] [--out DIR]``. Each round
draws plans, has them carried out, keeps those that earn much, takes out steps that did not help, and learns what is
left; the learned orchestrator tries all choices at the steps of some of them and learns the best. ``rounds.json`` in
DIR, a table and TensorBoard tell how it went. The stages of ``python -m baselines.training.planner`` run first where
DIR has not got them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from baselines.cli import check_number, run_command

PARTS = ("experience", "pruning", "practice")


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; wrong words end the program with status 2."""
    parser = argparse.ArgumentParser("python -m baselines.training.loop", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--orchestrator", choices=("learned", "oracle"), default="learned", help="who carries plans out"
    )
    parser.add_argument("--hands", type=Path, help="folder of the learned orchestrator; default: the package's")
    parser.add_argument("--preset", choices=("full", "quick"), default="full", help="quick: a small one, in minutes")
    parser.add_argument("--rounds", type=int, help="how many; default: one")
    parser.add_argument("--noise", type=float, default=0.2, help="how often the teacher is wrong, in [0, 1]")
    parser.add_argument("--without", default="", help=f"what to leave out, of: {', '.join(PARTS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vision", type=Path, help="folder of the image encoder; default: the package's")
    parser.add_argument("--out", type=Path, default=Path("runs/planner"), help="checkpoints, logs and the model")
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
    from rich.console import Console
    from rich.table import Table

    from baselines.orchestrator.orchestrator import Orchestrator
    from baselines.planner.execution import TrainedHands
    from baselines.training.loop.practice import Practice
    from baselines.training.loop.run import PRESETS, Switches, improve
    from baselines.training.planner.__main__ import facts_of
    from baselines.training.planner.card import table as card_table
    from baselines.training.planner.run import finish, open_desk
    from imgedit_gym.core.errors import ImgEditError
    from imgedit_gym.core.registry import ORCHESTRATORS

    left_out = [name.strip() for name in options.without.split(",") if name.strip()]
    if not set(left_out) <= set(PARTS):
        raise ImgEditError(f"--without: expected some of {PARTS}; found {options.without!r}")
    desk = open_desk(options.preset, options.out, options.seed, options.noise, options.device, options.vision)
    preset = PRESETS[options.preset]
    if options.rounds is not None:
        check_number("--rounds", options.rounds, 1)
        preset = replace(preset, rounds=options.rounds)
    told = f"--orchestrator {options.orchestrator}" + (f" --without {','.join(sorted(left_out))}" if left_out else "")
    switches = Switches("experience" not in left_out, "pruning" not in left_out, told)
    trained = (
        None if options.orchestrator == "oracle" else Orchestrator.load(options.hands, desk.vision, options.device)
    )
    practice = None
    if trained is not None and switches.experience and "practice" not in left_out:
        practice = Practice(
            trained, desk.folder, preset.practised, preset.practice, options.seed, f"{desk.settings}, {told}"
        )
    hands = ORCHESTRATORS.build("oracle") if trained is None else TrainedHands(trained)
    planner, reports = improve(desk, preset, hands, switches, practice)
    facts = facts_of(planner, desk, options, "baselines.training.loop")
    folder = finish(planner, desk, "loop", facts)
    shown = Table(*dict.fromkeys(name for report in reports for name in report))
    for report in reports:
        shown.add_row(
            *(f"{report[str(column.header)]:.3f}" if column.header in report else "" for column in shown.columns)
        )
    if trained is not None and practice is not None:
        trained.save(folder.parent / "orchestrator", (folder / "README.md").read_text(encoding="utf-8"))
    Console(width=200).print(shown)
    print(f"rounds: plans for {preset.measured} tasks of val, in the oracle's hands; the last planner on other tasks:")
    print(card_table(facts["measured"]))
    print(f"wrote {folder.parent}")


if __name__ == "__main__":
    sys.exit(main())
