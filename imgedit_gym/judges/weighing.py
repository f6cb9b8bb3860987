"""What findings in pictures are worth: execution, score and success, while only some requirements count."""

from __future__ import annotations

from typing import Protocol

import torch

from imgedit_gym.core.verdict import MET, PRESERVED_FOR_SUCCESS, QUALITY_FOR_SUCCESS, Combine
from imgedit_gym.kernels.weigh import weigh_requirements


class Findings(Protocol):
    """What is found in B pictures, whichever requirements count by now; see :class:`Verdict`."""

    @property
    def requirements(self) -> torch.Tensor:
        """Value of each requirement, ``float32 [B, R]``."""
        ...

    @property
    def preserved(self) -> torch.Tensor | None:
        """Value of each label, ``float32 [B, N_LABELS]``."""
        ...

    @property
    def preservation(self) -> torch.Tensor:
        """P, ``float32 [B]``."""
        ...

    @property
    def quality(self) -> torch.Tensor:
        """Q, ``float32 [B]``."""
        ...


def weigh(
    found: Findings, wanted: torch.Tensor, due: torch.Tensor, combine: Combine
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What findings are worth while only some requirements count: no look at the pictures is needed for it.

    Args:
        found: What was found in B pictures.
        wanted: Requirements of their tasks, ``int32 [B, R, 5]``, as in ``TaskBatch.requirements``.
        due: ``int32 [B]``. Requirements whose plan step is below it count; the others earn nothing yet. Where it is
            below 0, plan step ``-1 - due`` is judged by itself: only its requirements count, and those of earlier
            steps that ask for at least n of something, since what a step brings in is the first where the steps before
            were not taken.
        combine: How E, P and Q make the score.

    Returns:
        Execution ``float32 [B]``, score ``float32 [B]``, and success ``bool [B]``: every requirement counts and
        passes, everything to be preserved passes, preservation is at least 0.8 and quality at least 0.5.
    """
    execution, success = weigh_requirements(found.requirements, wanted, due)
    success &= (found.preservation >= PRESERVED_FOR_SUCCESS) & (found.quality >= QUALITY_FOR_SUCCESS)
    if found.preserved is not None:
        success &= (found.preserved >= MET).all(1)
    return execution, combine(execution, found.preservation, found.quality), success


def execution_of(values: torch.Tensor, wanted: torch.Tensor, due: torch.Tensor) -> torch.Tensor:
    """E of values by requirement, ``float32 [B, R]``; see :func:`weigh`."""
    return weigh_requirements(values, wanted, due)[0]
