"""Vision-language models ready to be asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError, reason_of
from imgedit_gym.models.loading import load_image_text_model

OWN_MODEL = Path(__file__).parents[2] / "weights" / "judge"
"""The model that comes with the package."""

SETTINGS = "judge.json"


@dataclass(frozen=True)
class Settings:
    """How a model is to be asked; a folder may bring its own in ``judge.json``.

    Attributes:
        pictures: ``"apart"``: it is shown the pictures one after another; ``"mosaic"``: laid into one, see
            :func:`imgedit_gym.judges.vlm.mosaic.mosaic`.
        edge: Edge in pixels to which pictures are reduced for a mosaic.
        prompt: ``"full"``: it is told everything; ``"question"``: the bare question.
        modes: What it can be used for.
    """

    pictures: str = "apart"
    edge: int = 0
    prompt: str = "full"
    modes: tuple[str, ...] = ("checklist", "rating")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that is ready.

    Attributes:
        name: Names the weights exactly.
        model: An ``AutoModelForImageTextToText`` in evaluation mode.
        processor: Its processor.
        settings: How it is to be asked.
        device: Where it is.
    """

    name: str
    model: Any
    processor: Any
    settings: Settings
    device: torch.device
    memo: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=4)
def load_model(model: str, revision: str | None, device: str, dtype: str) -> Loaded:
    """Load a model; one process loads it once.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the model cannot be loaded.
    """
    found = load_image_text_model(model, revision, device, dtype)
    return Loaded(found.name, found.model, found.processor, _settings(Path(model)), found.device)


def _settings(folder: Path) -> Settings:
    path = folder / SETTINGS
    if not path.is_file():
        return Settings()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        settings = Settings(found["pictures"], int(found["edge"]), found["prompt"], tuple(found["modes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ImgEditError(f"{path}: expected pictures, edge, prompt and modes; {reason_of(error)}") from error
    if settings.pictures not in ("apart", "mosaic") or settings.prompt not in ("full", "question"):
        raise ImgEditError(f"{path}: expected pictures 'apart' or 'mosaic', prompt 'full' or 'question'; found {found}")
    return settings
