"""What a training saves so that it can go on after it was stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError


def checkpoint(path: Path, **state: Any) -> None:
    """Write a checkpoint that is whole even if the process is killed meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def read_checkpoint(path: Path, settings: str) -> dict[str, Any]:
    """What a run has saved.

    Args:
        path: Of the checkpoint.
        settings: Of the run that goes on.

    Raises:
        ImgEditError: If it is not of a run with these settings.
    """
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state.get("settings") != settings:
        raise ImgEditError(
            f"{path}: expected a run with {settings}; found one with {state.get('settings', 'settings unknown')}. "
            "Finish that one, or choose another --out"
        )
    return state
