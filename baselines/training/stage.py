"""A training loop that can be killed at any time, and its log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from baselines.training.checkpoint import checkpoint, read_checkpoint
from baselines.training.judge.optimizer import Optimizers

SAVE_SECONDS = 150.0
LOG_STEPS = 25


class Schedule(Protocol):
    """How long a stage learns and how fast; see :class:`baselines.training.judge.plan.Course`."""

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the matrices and of the rest."""
        ...

    @property
    def steps(self) -> int:
        """Updates in all."""
        ...

    def scale(self, step: int) -> float:
        """Share of the learning rates at a step."""
        ...


C = TypeVar("C", bound=Schedule)


class Log:
    """Running means on the terminal, in a file and for TensorBoard."""

    def __init__(self, folder: Path, stage: str, steps: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.stage, self.steps = stage, steps
        self._writer = SummaryWriter(str(folder / "tensorboard" / stage))
        self._file = folder / f"{stage}.jsonl"
        self._held: dict[str, list[float]] = {}

    def add(self, step: int, values: dict[str, float], seconds: float) -> None:
        """Take in one step's values; every few steps, and at the end, show the means."""
        for name, value in values.items():
            self._held.setdefault(name, []).append(value)
        if step % LOG_STEPS and step < self.steps:
            return
        means = {name: float(np.nanmean(held)) for name, held in self._held.items() if not np.isnan(held).all()}
        self._held = {}
        self.write(step, means, seconds)

    def write(self, step: int, means: dict[str, float], seconds: float) -> None:
        """Show values of a step."""
        for name, value in means.items():
            self._writer.add_scalar(name, value, step)
        with self._file.open("a") as file:
            file.write(json.dumps({"step": step, "cpu_seconds": round(seconds, 1), **means}) + "\n")
        shown = " ".join(f"{name} {value:.3f}" for name, value in means.items())
        print(f"{self.stage} {step}/{self.steps} cpu {seconds / 60:.1f} min {shown}", flush=True)


class Stage(Generic[C]):
    """A loop that can be killed at any time and goes on from its last checkpoint.

    Random numbers are drawn anew from seed and step, so that a run that was interrupted sees the same data.

    Args:
        folder: Where its checkpoint and log go.
        course: How long it learns and how fast.
        name: Its name.
        parts: Modules whose parameters learn, by name.
        chosen: Which of their parameters.
        settings: What the course is taught by beside its length, as text.

    Attributes:
        learning: The parameters that learn.

    Raises:
        ImgEditError: If the folder holds a checkpoint of other settings.
    """

    def __init__(
        self,
        folder: Path,
        course: C,
        name: str,
        parts: dict[str, torch.nn.Module],
        chosen: Callable[[str], bool],
        settings: str,
    ) -> None:
        self.folder, self.course, self.name, self.parts, self.settings = folder, course, name, parts, settings
        self.path = folder / f"{name}.pt"
        named = [
            (f"{part}.{key}", parameter)
            for part, module in parts.items()
            for key, parameter in module.named_parameters()
            if chosen(f"{part}.{key}")
        ]
        self._chosen = [key for key, _ in named]
        self.learning = [parameter for _, parameter in named]
        self.optimizers = Optimizers(named, *self.course.rates)
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = read_checkpoint(self.path, settings)
            for part, module in parts.items():
                module.load_state_dict(state["parts"][part])
            self.optimizers.load_state_dict(state["optimizers"])
            self.step, self.seconds = state["step"], state["seconds"]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.step >= self.course.steps

    def run(
        self,
        loss_of: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
        look: Callable[[int], dict[str, float]] = lambda step: {},
    ) -> None:
        """Learn.

        Args:
            loss_of: The loss of a step and values to log, from the number of the step. It may have left gradients
                itself, and give the loss without a graph.
            look: What is to be seen before a step, and in the end, of how far learning has come: logged as it is, and
                not counted as time of learning. It must not change what is learnt.
        """
        log = Log(self.folder, self.name, self.course.steps)
        saved = time.monotonic()
        began = time.process_time() - self.seconds

        def look_up() -> float:
            start = time.process_time()
            seen = look(self.step)
            if seen:
                log.write(self.step, seen, self.seconds)
            return time.process_time() - start

        while not self.done:
            began += look_up()
            loss, values = loss_of(self.step)
            if loss.requires_grad:
                loss.backward()
            elif all(parameter.grad is None for parameter in self.learning):
                raise RuntimeError("expected a loss with a graph, or gradients; found neither")
            self.optimizers.step(self.course.scale(self.step))
            self.step += 1
            self.seconds = time.process_time() - began
            log.add(self.step, {"loss": float(loss.detach()), **values}, self.seconds)
            if time.monotonic() - saved > SAVE_SECONDS or self.done:
                self.save()
                saved = time.monotonic()
        look_up()

    def save(self) -> None:
        """Write a checkpoint."""
        checkpoint(
            self.path,
            parts={part: module.state_dict() for part, module in self.parts.items()},
            optimizers=self.optimizers.state_dict(),
            step=self.step,
            seconds=self.seconds,
            settings=self.settings,
        )


def finished(path: Path, course: Schedule, settings: str) -> bool:
    """Whether a checkpoint is that of the end of a course."""
    return path.exists() and bool(read_checkpoint(path, settings)["step"] >= course.steps)
