"""Open-vocabulary detectors of transformers: from a text to boxes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.models import pool
from imgedit_gym.models.loading import expecting, load_model, name_of, transformers_library

MOST = 32
"""Detections of one text in one picture that are kept, the best ones."""


class Detector:
    """A model that finds what a text names. Made by :func:`load_detector`.

    Attributes:
        name: Names the weights exactly.
    """

    def __init__(self, name: str, model: Any, processor: Any) -> None:
        self.name = name
        self._model, self._processor = model, processor
        known = inspect.signature(processor.post_process_grounded_object_detection).parameters
        self._grounded = "input_ids" in known
        """Whether it reads one sentence, as GroundingDINO does; others read a list of phrases."""

    @torch.inference_mode()
    def boxes(self, pictures: torch.Tensor, texts: Sequence[str], threshold: float, overlap: float) -> list[np.ndarray]:
        """Where the pictures show what the texts name, all in one call.

        Args:
            pictures: ``uint8 [n, S, S, 3]``.
            texts: What to look for in each, not empty.
            threshold: Lowest score of a detection, in [0, 1].
            overlap: Of two boxes with a larger intersection over union only the better one stays.

        Returns:
            For each picture left, top, right, bottom in pixels, ``float32 [k, 4]``, the best first, k up to
            :data:`MOST`.
        """
        size = pictures.shape[1]
        images = list(pictures.cpu().numpy())
        sizes = torch.tensor([[size, size]] * len(images))
        if self._grounded:
            # the model tells phrases apart by their full stops
            asked: Any = [f"{text.lower().replace('.', ' ').strip()}." for text in texts]
        else:
            asked = [[text] for text in texts]
        lengths: dict[str, Any] = {"padding": True} if self._grounded else {"padding": "max_length"}
        longest = self._longest()
        if longest is not None:
            lengths |= {"truncation": True, "max_length": longest}
        inputs = self._processor(images=images, text=asked, return_tensors="pt", **lengths)
        inputs = inputs.to(self._model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self._model.dtype)
        found = self._model(**inputs)
        more = {"input_ids": inputs["input_ids"], "text_threshold": threshold} if self._grounded else {}
        results = self._processor.post_process_grounded_object_detection(
            found, threshold=threshold, target_sizes=sizes.to(self._model.device), **more
        )
        return [
            _apart(one["boxes"].float().cpu().numpy(), one["scores"].float().cpu().numpy(), size, overlap)
            for one in results
        ]

    def _longest(self) -> int | None:
        """How many tokens the model reads."""
        config = self._model.config
        text = getattr(config, "text_config", None)
        longest = getattr(config, "max_text_len", None) or getattr(text, "max_position_embeddings", None)
        return longest if isinstance(longest, int) else None


def _apart(boxes: np.ndarray, scores: np.ndarray, size: int, overlap: float) -> np.ndarray:
    """Boxes inside the picture that do not lie on better ones, the best first, ``float32 [k, 4]``."""
    usable = np.isfinite(boxes).all(1) & np.isfinite(scores)
    boxes, scores = np.clip(boxes[usable], 0, size), scores[usable]
    sides = boxes[:, 2:] - boxes[:, :2]
    large = (sides >= 1).all(1)
    boxes, scores, sides = boxes[large], scores[large], sides[large]
    areas = sides.prod(1)
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable").tolist():
        corner, end = np.maximum(boxes[kept, :2], boxes[at, :2]), np.minimum(boxes[kept, 2:], boxes[at, 2:])
        common = (end - corner).clip(0).prod(1)
        if (common <= overlap * (areas[kept] + areas[at] - common)).all():
            kept.append(at)
        if len(kept) == MOST:
            break
    return boxes[kept].astype(np.float32).reshape(-1, 4)


def load_detector(model: str, revision: str | None, device: str, dtype: str) -> Detector:
    """Load a model of ``AutoModelForZeroShotObjectDetection``: GroundingDINO, OWL-ViT, OWLv2; a process holds it once.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the model cannot be loaded.
    """

    def build() -> Detector:
        with expecting("an open-vocabulary detector", model):
            loaded = load_model("AutoModelForZeroShotObjectDetection", model, revision, device, dtype)
            processor = transformers_library().AutoProcessor.from_pretrained(
                model, revision=revision, trust_remote_code=False
            )
        if not hasattr(processor, "post_process_grounded_object_detection"):
            raise ImgEditError(
                f"model {model!r}: expected a processor that reads texts; found a {type(processor).__name__}"
            )
        return Detector(name_of(model, loaded), loaded, processor)

    return pool.acquire(("detector", model, revision, device, dtype), build)
