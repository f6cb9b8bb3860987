"""What has been measured so far, in one file, so that a run that is stopped goes on where it was."""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from baselines.report.files import write_whole
from benchmarks.overoptimisation.play import Outcome
from imgedit_gym.core.errors import ImgEditError

NAME = "checkpoint.pt"


@dataclass
class Point:
    """How the agent does at some point of its training.

    Attributes:
        steps: Environment steps that it has been trained for.
        judged: Pictures that the judge judged for it.
        tool_calls: Tool calls that it made.
        outcome: Of its episodes on the tasks.
    """

    steps: int
    judged: int
    tool_calls: int
    outcome: Outcome


@dataclass
class Measured:
    """What has been measured.

    Attributes:
        settings: What was to be measured, as text.
        tries: Outcomes of random tries at the tasks, one for each round.
        points: The agent's training.
        parameters: The agent at the latest point.
    """

    settings: str
    tries: list[Outcome] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write everything, in place of what was written before."""
        content = io.BytesIO()
        torch.save(asdict(self), content)
        write_whole(folder / NAME, content.getvalue())


def load(folder: Path, settings: str) -> Measured:
    """What a run that was stopped has measured, or nothing yet.

    Raises:
        ImgEditError: If the folder holds a run that was to measure something else.
    """
    path = folder / NAME
    if not path.exists():
        return Measured(settings)
    try:
        found = torch.load(path, weights_only=True)
        found["points"] = [Point(**point) for point in found["points"]]
        measured = Measured(**found)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise ImgEditError(f"{path}: expected a checkpoint of this command; {type(error).__name__}") from None
    if measured.settings != settings:
        raise ImgEditError(
            f"{path}: expected an unfinished run with these options; found one with {measured.settings}. "
            "Finish it, delete the file, or choose another --out"
        )
    return measured
