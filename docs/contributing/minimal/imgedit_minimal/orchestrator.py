"""An orchestrator: from plan and picture to tools and regions, for the planning environment."""

from __future__ import annotations

import torch

from imgedit_gym.engine import Engine


class FirstTool:
    """Takes the first tool that accepts the step, in the whole picture; ``skip`` where none does."""

    id = "first-tool"
    version = "1"
    deterministic = True
    privileged = False

    def begin(self, engine: Engine, rows: torch.Tensor) -> None:
        """Nothing to take in."""

    def act(self, engine: Engine, rows: torch.Tensor) -> torch.Tensor:
        """Tool and region 0, ``int64 [n, 2]``."""
        fits = engine.tool_mask()[rows].clone()
        fits[:, 0] = False  # skip accepts everything
        tools = fits.int().argmax(1)
        return torch.stack([tools, torch.zeros_like(tools)], 1)
