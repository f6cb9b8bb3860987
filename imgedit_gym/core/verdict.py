"""What a judge says of a batch of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from imgedit_gym.core.errors import ImgEditError

Combine = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

MET = 0.5
"""A requirement, or a thing to be preserved, of at least this value passes."""

PRESERVED_FOR_SUCCESS, QUALITY_FOR_SUCCESS = 0.8, 0.5


def gated_product(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """``E * (0.6 + 0.4 P) * (0.8 + 0.2 Q)``: nothing is earned by preserving a picture that was not edited."""
    return execution * (0.6 + 0.4 * preservation) * (0.8 + 0.2 * quality)


@dataclass(frozen=True)
class Weighted:
    """``0.5 E + 0.3 P + 0.2 Q``: pays for doing nothing; there to show why the product is the default."""

    execution: float = 0.5
    preservation: float = 0.3
    quality: float = 0.2

    def __call__(self, execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        """The weighted sum."""
        return self.execution * execution + self.preservation * preservation + self.quality * quality


def geometric_mean(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Cube root of ``E P Q``."""
    # torch's float32 powers differ in the last bit between the body and the tail of a batch
    return ((execution * preservation * quality).double() ** (1.0 / 3.0)).float()


def minimum(execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """The smallest of the three."""
    return torch.minimum(execution, torch.minimum(preservation, quality))


@dataclass(frozen=True)
class Gated:
    """E where P and Q are at least so much, 0 elsewhere."""

    preservation: float = PRESERVED_FOR_SUCCESS
    quality: float = QUALITY_FOR_SUCCESS

    def __call__(self, execution: torch.Tensor, preservation: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        """E, or 0."""
        return torch.where((preservation >= self.preservation) & (quality >= self.quality), execution, 0.0)


COMBINATIONS: dict[str, Combine] = {
    "product": gated_product,
    "sum": Weighted(),
    "geometric": geometric_mean,
    "minimum": minimum,
    "gate": Gated(),
}


def combination(name: str) -> Combine:
    """A way of combining the three axes, by name.

    Raises:
        ImgEditError: If the name is unknown.
    """
    if not isinstance(name, str) or name not in COMBINATIONS:
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
        requirements: One result per requirement, ``float32 [B, R]`` in [0, 1]; at least 0.5 passes, 0 where there
            is none. nan where the judge does not judge it: E is the mean over the others, and without another judge
            there is no success.
        success: All requirements pass and little else was touched, ``bool [B]``.
        valid: Whether the judgement can be used, ``bool [B]``; a failed one is never a score.
        calls: Model calls it cost, ``float32 [B]``; 0 for measurements and for what was known already.
        preserved: Value of each segment label that must be preserved, ``float32 [B, N_LABELS]`` in [0, 1], 1 for the
            others; ``None`` if the judge does not look at them one by one.
        reasons: What went wrong, by index in the batch; empty where all is valid.
        tokens: Tokens it cost, read and written, ``float32 [B]``; ``None`` for none.
        seconds: Seconds the model or server spent on it, ``float32 [B]``, a shared call's in equal shares; ``None``
            for none.
        parts: What the judge's parts say, by name, in [0, 1]: ``float32 [B]``, or ``float32 [B, R]`` by requirement,
            to be weighed as ``requirements`` are.
    """

    execution: torch.Tensor
    preservation: torch.Tensor
    quality: torch.Tensor
    score: torch.Tensor
    requirements: torch.Tensor
    success: torch.Tensor
    valid: torch.Tensor
    calls: torch.Tensor
    preserved: torch.Tensor | None = None
    reasons: dict[int, str] = field(default_factory=dict)
    tokens: torch.Tensor | None = None
    seconds: torch.Tensor | None = None
    parts: dict[str, torch.Tensor] = field(default_factory=dict)

    def named_scores(self) -> dict[str, torch.Tensor]:
        """E, P, Q, the score and the parts by name, as ``info["scores"]`` has them."""
        axes = {"E": self.execution, "P": self.preservation, "Q": self.quality, "score": self.score}
        return axes | self.parts
