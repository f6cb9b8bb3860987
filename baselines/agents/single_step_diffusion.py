"""One call of a small neural editor for the whole instruction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from baselines.agents.base import Agent, AgentContext
from baselines.single_step import PIPELINE, WEIGHTS
from imgedit_gym.core.errors import ImgEditError

TOOL = "single_step_editor"


class SingleStepDiffusionAgent(Agent):
    """Hands the picture and the request to a diffusion model that was trained on adverts, once and as a whole.

    It makes no plan and chooses nothing: what the model makes of the picture is the result.

    Args:
        model: Folder of a pipeline; the package's if none is named.
        steps: Denoising steps; the pipeline's own number if none is named.
        device: Where to compute; the environment's device if none is named.

    Raises:
        ImgEditError: If weights are missing; it names the command that makes them.
    """

    worlds = ("adverts",)

    def __init__(self, model: str | Path | None = None, steps: int | None = None, device: str | None = None) -> None:
        folder = WEIGHTS if model is None else Path(model)
        if not (folder / "model_index.json").is_file():
            raise ImgEditError(
                f"no trained weights in {folder}; make them with: python -m baselines.training.single_step --out DIR"
            )
        tool: dict[str, Any] = {
            "id": "diffusers",
            "name": TOOL,
            "model": str(folder),
            "pipeline": PIPELINE,
            "margin": None,
        }
        further: dict[str, Any] = {"steps": steps, "device": device}
        tool |= {name: value for name, value in further.items() if value is not None}
        self.tools = (tool,)

    def begin(self, context: AgentContext) -> None:
        """See :class:`baselines.agents.base.Agent`.

        Raises:
            ImgEditError: If the environment does not have the editor among its tools.
        """
        super().begin(context)
        if not context.tool(TOOL):
            raise ImgEditError(f"expected the tool {TOOL!r} in the environment; found {', '.join(context.tool_ids)}")

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The editor, on the whole picture."""
        actions = np.zeros((len(infos["active"]), 2), dtype=np.int64)
        actions[:, 0] = self.context.tool(TOOL)
        return actions
