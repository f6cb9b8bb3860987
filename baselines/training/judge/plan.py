"""How long and from what the stages learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from baselines.training.judge.model import Shape
from baselines.training.judge.pairs import Recipe

STAGES = ("vision", "language", "joint", "further")
"""Of the judge; the last goes on with a finished one."""

EYES = "eyes"
"""The first of them for the image encoder of agents, whose tokens are narrower."""


@dataclass(frozen=True)
class Course:
    """One stage.

    Attributes:
        rounds: Updates of each round, at which share of the learning rates it begins, and over which share of it, at
            the end, they fall to nothing.
        pairs: Pairs in each update.
        rates: Learning rates of the matrices and of the rest.
        questions: Questions about each pair.
        sizes: Edges of the pictures in pixels, and how often each is drawn.
        recipe: How the pairs are made.
        counts: Questions about each picture of a task, beside those about what the task asks for: how many there are.
        tooled: Pictures in each update that the tools edited, beside the pairs.
        spoiled: Pictures in each update that were drawn otherwise, done by half, blended or worse, beside those.
        settling: Updates in which fresh aids learn to read the model before it learns from them.
        weights: How many times as often as others some kinds of question are asked about edited pictures.
        rough: Share of questions that are put roughly, see :class:`baselines.training.judge.asking.Wordings`.
    """

    rounds: tuple[tuple[int, float, float], ...]
    pairs: int
    rates: tuple[float, float]
    recipe: Recipe
    questions: int = 12
    counts: int = 0
    sizes: tuple[tuple[int, float], ...] = ((128, 1.0),)
    tooled: int = 0
    spoiled: int = 0
    rough: float = 0.0
    settling: int = 0
    weights: Mapping[str, float] | None = None

    @property
    def steps(self) -> int:
        """Updates in all."""
        return sum(steps for steps, _, _ in self.rounds)

    def scale(self, step: int) -> float:
        """Share of the learning rates at a step."""
        first = 0
        for steps, peak, decay in self.rounds:
            if step < first + steps:
                warm = min(1.0, (step - first + 1) / 40)
                return peak * warm * min(1.0, max(0.02, (first + steps - step) / steps / decay))
            first += steps
        return 0.0


@dataclass(frozen=True)
class Preset:
    """A whole training.

    Attributes:
        shape: Sizes of the model.
        courses: The stages by name; ``refit`` is ``vision`` that goes on with the vision half of another model.
        code_steps: Steps in which the codes are spread.
    """

    shape: Shape
    courses: dict[str, Course]
    code_steps: int = 500


_SIZES = ((128, 0.6), (64, 0.16), (96, 0.12), (192, 0.12))

_MORE = {"banned": 2.5, "present": 2.5, "span": 2.0}

FULL = Preset(
    Shape(vision_layers=7),
    {
        "vision": Course(
            ((7000, 1.0, 0.45), (4600, 0.5, 1.0), (700, 0.2, 1.0), (2500, 0.35, 1.0), (5000, 0.6, 1.0)),
            16,
            (3e-3, 2e-3),
            Recipe(few=0.2, free=0.06, crowded=0.85, strips=0.25),
            sizes=_SIZES,
        ),
        "refit": Course(
            ((7000, 0.5, 1.0),),
            16,
            (3e-3, 2e-3),
            Recipe(few=0.35, free=0.08, crowded=0.5, strips=0.1),
            sizes=_SIZES,
        ),
        "language": Course(
            ((3600, 1.0, 0.7),),
            8,
            (3e-3, 3e-3),
            Recipe(few=0.4, crowded=0.2),
            questions=14,
            sizes=((72, 1.0),),
            rough=0.15,
        ),
        "joint": Course(
            ((2000, 1.0, 0.9), (600, 0.6, 1.0), (3900, 0.8, 1.0), (3600, 0.7, 1.0)),
            6,
            (5e-4, 5e-4),
            Recipe(few=0.55, crowded=0.15, toned=0.25, half=0.25, astray=0.9, mixed=0.5),
            questions=8,
            counts=3,
            sizes=((128, 0.76), (64, 0.1), (96, 0.07), (192, 0.07)),
            tooled=16,
            spoiled=12,
            rough=0.2,
            weights=_MORE,
        ),
        "further": Course(
            ((5700, 0.8, 1.0),),
            6,
            (5e-4, 5e-4),
            Recipe(few=0.55, crowded=0.15, toned=0.25, half=0.25, astray=0.9, mixed=0.6),
            questions=7,
            counts=3,
            sizes=((128, 0.76), (64, 0.1), (96, 0.07), (192, 0.07)),
            tooled=12,
            spoiled=18,
            rough=0.25,
            settling=150,
            weights=_MORE,
        ),
    },
)

QUICK = Preset(
    replace(FULL.shape, vision_width=96, vision_layers=2, inner=256),
    {
        "vision": Course(((60, 1.0, 0.5),), 8, (3e-3, 2e-3), Recipe(few=0.2)),
        "refit": Course(((20, 0.5, 1.0),), 8, (3e-3, 2e-3), Recipe(few=0.3)),
        "language": Course(((60, 1.0, 0.5),), 8, (3e-3, 3e-3), Recipe(), questions=8),
        "joint": Course(
            ((20, 1.0, 0.8),),
            6,
            (1e-3, 1e-3),
            Recipe(few=0.5, astray=0.5, mixed=0.5),
            questions=6,
            counts=2,
            tooled=4,
            spoiled=2,
        ),
        "further": Course(
            ((10, 1.0, 0.8),), 4, (1e-3, 1e-3), Recipe(few=0.5), questions=6, tooled=3, spoiled=3, rough=0.3
        ),
    },
    code_steps=100,
)

PRESETS = {"full": FULL, "quick": QUICK}
