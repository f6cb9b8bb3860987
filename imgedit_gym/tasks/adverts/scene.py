"""Adverts as numbers: what stands where, in which colours."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_OBJECTS
from imgedit_gym.kernels.runtime import struct_of
from imgedit_gym.tasks.adverts.scene_arrays import SceneArrays


@dataclass(frozen=True, eq=False)
class SceneBatch:
    """N adverts.

    Attributes:
        kind: Background kind, ``int32 [N]``, an index of ``BACKGROUNDS``.
        variant: Which drawing of that kind, ``int32 [N]``.
        palette: The two colours of a pattern, ``float32 [N, 2, 3]`` in [0, 255].
        light: Ambient light on objects, ``float32 [N, 3]``.
        sprite: ``int32 [N, MAX_OBJECTS]``, index into the stock; -1 for an empty slot.
        place: ``float32 [N, MAX_OBJECTS, 4]``: centre row, centre column and edge as shares of the picture, and
            strength of the shadow in [0, 1].
        tint: ``int32 [N, MAX_OBJECTS]``, index of a named colour the object is given; -1 as drawn.
        text: Row of the headline in the stock, ``int32 [N]``; -1 none.
        panel: 1 where the headline stands on a panel, ``int32 [N]``.
        box: The headline's box in pixels, ``int32 [N, 4]``: top, left, bottom, right.
        ink: Colours of text and panel, ``float32 [N, 2, 3]``.
    """

    kind: torch.Tensor
    variant: torch.Tensor
    palette: torch.Tensor
    light: torch.Tensor
    sprite: torch.Tensor
    place: torch.Tensor
    tint: torch.Tensor
    text: torch.Tensor
    panel: torch.Tensor
    box: torch.Tensor
    ink: torch.Tensor

    @classmethod
    def empty(cls, n: int, device: torch.device) -> SceneBatch:
        """Room for n adverts."""

        def whole(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=torch.int32, device=device)

        def real(*shape: int) -> torch.Tensor:
            return torch.zeros(n, *shape, dtype=torch.float32, device=device)

        return cls(
            kind=whole(),
            variant=whole(),
            palette=real(2, 3),
            light=real(3),
            sprite=whole(MAX_OBJECTS) - 1,
            place=real(MAX_OBJECTS, 4),
            tint=whole(MAX_OBJECTS) - 1,
            text=whole() - 1,
            panel=whole(),
            box=whole(4),
            ink=real(2, 3),
        )

    def __len__(self) -> int:
        return len(self.kind)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def rows(self, index: torch.Tensor) -> SceneBatch:
        """Copies of the adverts at these indices."""
        return SceneBatch(**{name: tensor[index].clone() for name, tensor in self.tensors().items()})

    @cached_property
    def arrays(self) -> Any:
        """The tensors as one argument of a kernel, memory shared."""
        return struct_of(SceneArrays, self.tensors())
