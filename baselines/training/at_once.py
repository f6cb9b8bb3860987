"""Several losses of one step, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import torch

Loss = tuple[torch.Tensor, dict[str, float]]
"""A loss, and values to log."""


def learn_at_once(
    threads: Executor, parameters: Sequence[torch.Tensor], losses: Sequence[Callable[[int], Loss]], step: int
) -> Loss:
    """Leave the gradient of several losses together, each made in a thread of its own.

    Args:
        threads: Run them.
        parameters: What learns.
        losses: Give a loss and values to log.
        step: Their argument.

    Returns:
        The sum of the losses, without a graph, and all values.
    """

    def work(loss_of: Callable[[int], Loss]) -> tuple[Loss, Sequence[torch.Tensor | None]]:
        loss, values = loss_of(step)
        return (loss.detach(), values), torch.autograd.grad(loss, parameters, allow_unused=True)

    done = list(threads.map(work, losses))
    for parameter, *gradients in zip(parameters, *(found for _, found in done), strict=True):
        # always in this order, whichever was ready first
        known = [gradient for gradient in gradients if gradient is not None]
        parameter.grad = sum(known[1:], known[0]) if known else None
    values = {name: value for (_, told), _ in done for name, value in told.items()}
    return torch.stack([loss for (loss, _), _ in done]).sum(), values
