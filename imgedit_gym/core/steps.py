"""A batch of plan steps: codes for kernels, words for models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from imgedit_gym.core.plan import PlanStep


def _no_noise(index: int) -> int:
    """The seed where nobody has given any."""
    return 0


@dataclass
class StepBatch:
    """The current plan step of N environments.

    Attributes:
        codes: Verb, target and value, ``int32 [N, 3]``.
        read: Gives the plan step of an index in words, free text included; called only where words are needed.
        noise: Gives the seed of an index for tools that draw, below 2**63: it hangs on the task and the number of the
            plan step alone, not on the batch; called only where something is drawn.
    """

    codes: torch.Tensor
    read: Callable[[int], PlanStep]
    noise: Callable[[int], int] = _no_noise

    def __len__(self) -> int:
        return len(self.codes)

    def rows(self, index: torch.Tensor) -> StepBatch:
        """The steps at these indices."""
        return StepBatch(self.codes[index], lambda i: self.read(int(index[i])), lambda i: self.noise(int(index[i])))

    def part(self, part: slice) -> StepBatch:
        """The steps of a stretch, as views."""
        first = part.start
        return StepBatch(self.codes[part], lambda i: self.read(first + i), lambda i: self.noise(first + i))

    @property
    def values(self) -> torch.Tensor:
        """Codes of the value slot, ``int64 [N]``."""
        return self.codes[:, 2].long()

    @property
    def verbs(self) -> torch.Tensor:
        """Codes of the verb slot, ``int64 [N]``."""
        return self.codes[:, 0].long()
