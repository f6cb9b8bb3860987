"""What a judge says of a batch of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from imgedit_gym.core.errors import ImgEditError

Combine = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def gated_product(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """``E * (0.6 + 0.4 P) * (0.8 + 0.2 Q)``: nothing is earned by preserving a picture that was not edited."""
    return execution * (0.6 + 0.4 * preservation) * (0.8 + 0.2 * quality)


def weighted_sum(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """``0.5 E + 0.3 P + 0.2 Q``: pays for doing nothing; there to show why the product is the default."""
    return 0.5 * execution + 0.3 * preservation + 0.2 * quality


def geometric_mean(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Cube root of ``E P Q``."""
    return (execution * preservation * quality) ** (1.0 / 3.0)


def minimum(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """The smallest of the three."""
    return torch.minimum(execution, torch.minimum(preservation, quality))


COMBINATIONS: dict[str, Combine] = {
    "product": gated_product,
    "sum": weighted_sum,
    "geometric": geometric_mean,
    "minimum": minimum,
}


def combination(name: str) -> Combine:
    """A way of combining the three axes, by name.

    Raises:
        ImgEditError: If the name is unknown.
    """
    if name not in COMBINATIONS:
        raise ImgEditError(f"unknown score combination {name!r}; expected one of {sorted(COMBINATIONS)}")
    return COMBINATIONS[name]


@dataclass
class Verdict:
    """Judgements of B pictures.

    Attributes:
        execution: E, share of the requirements carried out, ``float32 [B]`` in [0, 1].
        preservation: P, share of what must be preserved that was, ``float32 [B]`` in [0, 1].
        quality: Q, freedom from damage, ``float32 [B]`` in [0, 1].
        score: The three combined, ``float32 [B]`` in [0, 1].
        requirements: One result per requirement, ``float32 [B, R]`` in [0, 1]; at least 0.5 passes.
        success: All requirements pass and little else was touched, ``bool [B]``.
        valid: Whether the judgement can be used, ``bool [B]``; a failed one is never a score.
        calls: Model calls it cost, ``float32 [B]``; 0 for measurements.
        reasons: What went wrong, by index in the batch; empty where all is valid.
    """

    execution: torch.Tensor
    preservation: torch.Tensor
    quality: torch.Tensor
    score: torch.Tensor
    requirements: torch.Tensor
    success: torch.Tensor
    valid: torch.Tensor
    calls: torch.Tensor
    reasons: dict[int, str] = field(default_factory=dict)
