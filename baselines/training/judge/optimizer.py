"""Muon for the matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_TABLES = ("embed_tokens", "position_embedding", "word_embeddings", "token_type_embeddings")
"""Parts of the names of matrices whose rows are looked up: no Muon for them."""


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by Newton-Schulz steps, together for equal shapes.

    Unlike ``torch.optim.Muon`` it takes the patch embedding, too, and many small matrices at once.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).

    Args:
        params: Parameters with two or more dimensions; all but the first are taken as one.
        lr: Learning rate.
        momentum: Share of the old momentum.
        weight_decay: Decoupled.
        steps: Newton-Schulz steps.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.95, weight_decay: float = 0.01, steps: int = 4
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update."""
        for group in self.param_groups:
            stacks: dict[tuple[int, int], list[tuple[torch.Tensor, torch.Tensor]]] = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                held = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(held, group["momentum"]).flatten(1)
                stacks.setdefault((update.shape[0], update.shape[1]), []).append((parameter, update))
            for shape, members in stacks.items():
                updates = _orthogonal(torch.stack([update for _, update in members]), group["steps"])
                for (parameter, _), update in zip(members, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.view_as(parameter), alpha=-0.2 * max(shape) ** 0.5 * group["lr"])


def _orthogonal(stack: torch.Tensor, steps: int) -> torch.Tensor:
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    x = x.float()
    return x.mT if tall else x


class Optimizers:
    """Both optimizers with one learning-rate schedule.

    Args:
        named: Parameters by name.
        muon: Learning rate of the matrices.
        adam: Learning rate of the rest, embeddings included.
    """

    def __init__(self, named: Iterable[tuple[str, torch.Tensor]], muon: float, adam: float) -> None:
        matrices: list[torch.Tensor] = []
        rest: list[torch.Tensor] = []
        for name, parameter in named:
            plain = parameter.ndim < 2 or any(part in name for part in _TABLES)
            (rest if plain or name.startswith("aid.") else matrices).append(parameter)
        self.rates = (muon, adam)
        self.rest = rest
        self.both = (
            Muon(matrices, muon),
            torch.optim.AdamW(rest, adam, betas=(0.9, 0.98), weight_decay=0.0),
        )

    def step(self, scale: float) -> None:
        """One update with the learning rates times ``scale``; the gradients are cleared."""
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        for optimizer, rate in zip(self.both, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[Any]:
        """State of both."""
        return [optimizer.state_dict() for optimizer in self.both]

    def load_state_dict(self, states: list[Any]) -> None:
        """Take up a state."""
        for optimizer, state in zip(self.both, states, strict=True):
            optimizer.load_state_dict(state)
