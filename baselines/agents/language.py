"""A language model's plans, and the learned orchestrator for their steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.agents.learned import LearnedAgent
from imgedit_gym.core.plan import PICTURE, Plan, PlanStep


class LanguageAgent(LearnedAgent):
    """Plans in words: the detector of the rules tells a language model what it finds in the picture.

    It needs a model, so no table has it unless it is asked for.

    Args:
        model: Folder or hub id of a causal language model; with ``base_url`` the model's name on the server.
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
        model: str,
        base_url: str | None = None,
        orchestrator: str | Path | None = None,
        device: str = "cpu",
        **options: Any,
    ) -> None:
        from imgedit_gym.planners.language import LanguageWriter

        self._load_hands(orchestrator, device)
        self._writer = LanguageWriter(model, base_url, device=device, **options)

    def plan(self, images: np.ndarray, instructions: Sequence[str]) -> Sequence[Plan] | None:
        """The model's plans; a request that it has none for is its own only step."""
        stock, longest = self.context.stock, self.context.max_plan_steps
        written = self._writer.write(torch.from_numpy(images).to(stock.device), instructions, stock, longest)
        return [
            plan or (PlanStep("edit", PICTURE, request),)
            for (plan, _), request in zip(written, instructions, strict=True)
        ]
