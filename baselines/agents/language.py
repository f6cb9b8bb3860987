"""A language model's plans, and the learned orchestrator for their steps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from baselines.agents.learned import LearnedAgent
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep

if TYPE_CHECKING:
    from imgedit_gym.planners.language import LanguageWriter

_LOG = logging.getLogger(__name__)


class LanguageAgent(LearnedAgent):
    """Plans in words: the detector of the rules tells a language model what it finds in the picture.

    It needs a model, so it has no name among the agents.

    Args:
        model: Folder or hub id of a causal language model, with ``base_url`` the model's name on the server; or a
            writer that is there already.
        base_url: Address of an OpenAI-compatible server up to ``/v1``.
        orchestrator: Folder of an orchestrator; the package's if none is named.
        device: Where to compute.
        **options: What else :class:`imgedit_gym.planners.language.LanguageWriter` takes.

    Raises:
        ImgEditError: If the model cannot be loaded, or an argument is not what is expected.
    """

    given = "a language model"

    def __init__(
        self,
        model: str | LanguageWriter,
        base_url: str | None = None,
        orchestrator: str | Path | None = None,
        device: str = "cpu",
        **options: Any,
    ) -> None:
        from imgedit_gym.planners.language import LanguageWriter

        self._load_hands(orchestrator, device)
        self._writer = LanguageWriter(model, base_url, device=device, **options) if isinstance(model, str) else model

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """The model's plans; a request that it writes no plan for is its own only step.

        Raises:
            ImgEditError: If its server does not answer.
        """
        stock, longest = self.context.stock, self.context.max_plan_steps
        written = self._writer.write(torch.from_numpy(images).to(stock.device), instructions, stock, longest)
        for request, one in zip(instructions, written, strict=True):
            if one.unreached:
                raise ImgEditError(f"language model: expected a plan for {request!r}; {one.error}")
            if one.plan is None:
                _LOG.warning("no plan for %r, it is the only step: %s", request, one.error)
        return [
            one.plan or (PlanStep("edit", PICTURE, request),)
            for request, one in zip(instructions, written, strict=True)
        ]

    def close(self) -> None:
        """Close the connections to a server."""
        self._writer.close()
