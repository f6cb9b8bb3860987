"""How long and from what the planner learns."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("imitation", "self")


@dataclass(frozen=True)
class Course:
    """One stretch of learning.

    Attributes:
        steps: Updates.
        batch: Plans in each.
        rates: Learning rates of the matrices and of the rest.
    """

    steps: int
    batch: int = 32
    rates: tuple[float, float] = (3e-3, 2e-3)

    def scale(self, step: int) -> float:
        """Share of the learning rates at a step: up within 30 steps, and down to nothing over the last 85 per cent."""
        rest = (self.steps - step) / self.steps / 0.85
        return min(1.0, (step + 1) / 30) * min(1.0, max(rest, 0.02))


@dataclass(frozen=True)
class Preset:
    """A whole training.

    Attributes:
        name: Its name.
        layers: Layers of the language half.
        tasks: Tasks that the teacher plans for.
        imitation: How it is imitated.
        rounds: Rounds of self-training.
        tried: Tasks that own plans are drawn for in each.
        samples: Plans drawn for each task.
        temperature: How far they are scattered.
        again: How the ones that pass are learnt.
        measured: Tasks of a measurement.
        shown: Episodes of which the teacher shows tools and regions.
        hands: How they are imitated.
    """

    name: str
    layers: int
    tasks: int
    imitation: Course
    rounds: int
    tried: int
    samples: int
    temperature: float
    again: Course
    measured: int
    shown: int
    hands: Course


FULL = Preset(
    "full",
    4,
    20000,
    Course(3000, 16),
    1,
    3000,
    5,
    1.0,
    Course(400, rates=(1.5e-3, 1e-3)),
    200,
    640,
    Course(600, 64, (1e-3, 1e-3)),
)
QUICK = Preset("quick", 3, 1600, Course(360, 16), 1, 320, 3, 1.0, Course(60, 16, (1e-3, 7e-4)), 24, 64, Course(80, 32))
PRESETS = {preset.name: preset for preset in (FULL, QUICK)}
