"""Recipes: from which part of which photograph a task is made, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch

from imgedit_gym.core.retouching import (
    ASPECTS,
    BLUR,
    BRIGHT_GAMMA,
    CAST_GAIN,
    CAST_VEIL,
    DARK_GAMMA,
    DEEP_HAZE,
    EVEN_HAZE,
    GAIN,
    LINEAR_CONTRAST,
    MIDTONE_CONTRAST,
    NOISE,
    PRINT_FADE,
    PRINT_SATURATION,
    SATURATION,
    SPECKS,
    STREAK,
    VEIL,
)
from imgedit_gym.kernels.runtime import struct_of
from imgedit_gym.tasks.photos.recipe_arrays import RecipeArrays

MAX_FAULTS = 5
"""Most faults of one picture."""

NOISE_FAULT, BLUR_FAULT, HAZE, SHADOW, EXPOSURE, CAST, CONTRAST, FADING = range(len(ASPECTS))

KINDS: tuple[tuple[str, str], ...] = (
    ("grain", "specks"),
    ("soft focus", "streak"),
    ("even haze", "deep haze"),
    ("hard shadow", "soft shadow"),
    ("less light", "bent curve"),
    ("coloured light", "coloured veil"),
    ("flat picture", "flat middle tones"),
    ("pale colours", "faded print"),
)
"""Both kinds of fault of each aspect: each is undone by a tool of its own."""

JITTER = 0.06
"""By how much a fault is weaker or stronger than its degree says, as a share."""


@dataclass(frozen=True, eq=False)
class RecipeBatch:
    """N recipes.

    Attributes:
        crop: Photograph, top, left and edge of the square in its pixels, and whether it is mirrored, ``int32 [N, 5]``.
        count: How many faults, ``int32 [N]``.
        faults: Aspect, kind, direction and degree of each, in the order in which they were made,
            ``int32 [N, MAX_FAULTS, 4]``.
        amounts: Numbers of each, ``float32 [N, MAX_FAULTS, 4]``; see :func:`strengths`.
        box: Place of the shadow in pixels, ``int32 [N, 4]``: top, left, bottom, right; zeros without one.
        noise_key: What the noise is made from, ``int64 [N]``.
    """

    crop: torch.Tensor
    count: torch.Tensor
    faults: torch.Tensor
    amounts: torch.Tensor
    box: torch.Tensor
    noise_key: torch.Tensor

    @classmethod
    def empty(cls, n: int, device: torch.device) -> RecipeBatch:
        """Room for n recipes."""

        def whole(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=torch.int32, device=device)

        return cls(
            crop=whole(5),
            count=whole(),
            faults=whole(MAX_FAULTS, 4),
            amounts=torch.zeros(n, MAX_FAULTS, 4, device=device),
            box=whole(4),
            noise_key=torch.zeros(n, dtype=torch.int64, device=device),
        )

    @cached_property
    def arrays(self) -> Any:
        """The tensors as one argument of a kernel, memory shared."""
        return struct_of(RecipeArrays, {f.name: getattr(self, f.name) for f in fields(self)})


def strengths() -> torch.Tensor:
    """What each degree of each fault is, before it is jittered, ``float32 [2 * aspects, 4, 3, 4]``.

    By aspect and kind, direction, and degree. The last number tells how it is jittered: 0 multiplies it, 1 raises it to
    a power.
    """
    table = torch.zeros(2 * len(ASPECTS), 4, 3, 4)

    def put(aspect: int, kind: int, direction: int, numbers: list[tuple[float, ...]], power: float) -> None:
        for degree, row in enumerate(numbers):
            table[2 * aspect + kind, direction, degree, : len(row)] = torch.tensor(row)
            table[2 * aspect + kind, direction, degree, 3] = power

    def single(values: tuple[float, ...]) -> list[tuple[float, ...]]:
        return [(value,) for value in values]

    put(NOISE_FAULT, 0, 0, single(NOISE), 0.0)
    put(NOISE_FAULT, 1, 0, single(SPECKS), 0.0)
    put(BLUR_FAULT, 0, 0, single(BLUR), 0.0)
    put(BLUR_FAULT, 1, 0, single(STREAK), 0.0)
    put(HAZE, 0, 0, single(EVEN_HAZE), 1.0)
    put(HAZE, 1, 0, single(DEEP_HAZE), 1.0)
    for kind in (0, 1):
        put(SHADOW, kind, 0, single(GAIN), 1.0)
    put(EXPOSURE, 0, 0, single(GAIN), 1.0)
    put(EXPOSURE, 1, 0, single(DARK_GAMMA), 1.0)
    put(EXPOSURE, 1, 1, single(BRIGHT_GAMMA), 1.0)
    for direction in range(len(CAST_GAIN)):
        put(CAST, 0, direction, list(CAST_GAIN[direction]), 1.0)
        veils = [tuple(strength * part for part in CAST_VEIL[direction]) for strength in VEIL]
        put(CAST, 1, direction, veils, 0.0)
    put(CONTRAST, 0, 0, single(LINEAR_CONTRAST), 1.0)
    put(CONTRAST, 1, 0, single(MIDTONE_CONTRAST), 0.0)
    put(FADING, 0, 0, single(SATURATION), 1.0)
    put(FADING, 1, 0, list(zip(PRINT_FADE, PRINT_SATURATION, strict=True)), 0.0)
    return table
