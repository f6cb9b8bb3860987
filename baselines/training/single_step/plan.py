"""How long and from what the single-step editor learns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from baselines.single_step.model import Shape


@dataclass(frozen=True)
class Course:
    """The updates.

    Attributes:
        rounds: Updates of each round, at which share of the learning rates it begins, and over which share of it, at
            the end, they fall to nothing.
        batch: Edits in each update.
        rates: Learning rates of the matrices and of the rest.
        warm: Updates at the beginning of a round in which the rates rise.
    """

    rounds: tuple[tuple[int, float, float], ...]
    batch: int = 16
    rates: tuple[float, float] = (5e-3, 3e-3)
    warm: int = 20

    @property
    def steps(self) -> int:
        """Updates in all."""
        return sum(steps for steps, _, _ in self.rounds)

    def scale(self, step: int) -> float:
        """Share of the learning rates at a step."""
        first = 0
        for steps, peak, decay in self.rounds:
            if step < first + steps:
                rise = min(1.0, (step - first + 1) / self.warm)
                return peak * rise * min(1.0, max(0.02, (first + steps - step) / steps / decay))
            first += steps
        return 0.0


@dataclass(frozen=True)
class Preset:
    """A whole training.

    Attributes:
        shape: Sizes of the network.
        course: The updates.
        image_size: Edge of the adverts in pixels.
        pool: Edits that are drawn at a time.
        passes: Times that each is learned from before others are drawn, every time with other noise.
        noise_only: Share of the edits whose result is learned from noise alone; the others are shown some of it.
        forgotten: Share of the words made unknown.
    """

    shape: Shape
    course: Course
    image_size: int = 128
    pool: int = 512
    passes: int = 4
    noise_only: float = 0.75
    forgotten: float = 0.04

    def lasting(self, steps: int) -> Preset:
        """The same with so many updates, in one round."""
        return replace(self, course=replace(self.course, rounds=((steps, 1.0, 0.6),)))


PRESETS = {
    "full": Preset(Shape(), Course(((760, 1.0, 0.6),))),
    "quick": Preset(Shape(channels=(32, 64), words=64, text_layers=1), Course(((150, 1.0, 0.6),)), pool=128),
}
