"""Segment-anything models of transformers: from points and boxes to masks."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.models import pool
from imgedit_gym.models.loading import expecting, load_model, name_of, transformers_library

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet; what SAM 1 and 2 have learned with."""

_EMBEDDED = 8
"""Pictures whose embeddings are kept, up to 16 MB each."""

_NEED_PIXELS = ("SamHQModel",)
"""Models that use more of the encoder than the embedding."""


class Segmenter:
    """A promptable segmentation model. Made by :func:`load_segmenter`.

    Pictures are square, so that all the models' own processors do to them is to resize and to normalise; it is done
    here, as those of SAM 2 and 3 need torchvision.

    Attributes:
        name: Names the weights exactly.
    """

    def __init__(self, name: str, model: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.name = name
        self._model = model
        self._embedded: dict[bytes, Any] = {}
        edge = model.config.prompt_encoder_config.image_size
        self._edge = int(edge if isinstance(edge, int) else edge[0])
        self._mean, self._std = (
            torch.tensor(part, device=model.device).view(1, 3, 1, 1) * 255.0 for part in (mean, std)
        )

    @torch.inference_mode()
    def at_points(self, pictures: torch.Tensor, points: torch.Tensor) -> np.ndarray:
        """The best mask at each point, all points of all pictures in one call.

        Args:
            pictures: ``uint8 [n, S, S, 3]``.
            points: x and y in pixels, the same for every picture, ``float32 [p, 2]``.

        Returns:
            ``bool [n, p, S, S]``; the mask of the three that the model thinks best of.
        """
        n, size = len(pictures), pictures.shape[1]
        asked = (points * (self._edge / size)).to(self._model.device, self._model.dtype)
        asked = asked.expand(n, *asked.shape)[:, :, None].contiguous()
        labels = torch.ones(asked.shape[:3], dtype=torch.int32, device=asked.device)
        found = self._model(
            pixel_values=self._inputs(pictures), input_points=asked, input_labels=labels, multimask_output=True
        )
        best = found.iou_scores.float().argmax(2)
        chosen = found.pred_masks.take_along_dim(best[:, :, None, None, None], 2)[:, :, 0]
        return _enlarged(chosen, size)

    @torch.inference_mode()
    def in_boxes(self, picture: torch.Tensor, boxes: np.ndarray) -> np.ndarray:
        """The mask of what each box of a picture encloses.

        Args:
            picture: ``uint8 [S, S, 3]``.
            boxes: Left, top, right, bottom in pixels, ``float32 [k, 4]``.

        Returns:
            ``bool [k, S, S]``.
        """
        size = len(picture)
        asked = torch.from_numpy(boxes * (self._edge / size)).to(self._model.device, self._model.dtype)
        found = self._model(**self._shown(picture), input_boxes=asked[None], multimask_output=False)
        return _enlarged(found.pred_masks[:, :, 0], size)[0]

    def _shown(self, picture: torch.Tensor) -> dict[str, Any]:
        """What the model is told of a picture: its embedding, which stays for what else is looked for in it."""
        if type(self._model).__name__ in _NEED_PIXELS:
            return {"pixel_values": self._inputs(picture[None])}
        key = hashlib.sha256(picture.cpu().numpy().tobytes()).digest()
        if key not in self._embedded:
            while len(self._embedded) >= _EMBEDDED:
                self._embedded.pop(next(iter(self._embedded)))
            self._embedded[key] = self._model.get_image_embeddings(self._inputs(picture[None]))
        return {"image_embeddings": self._embedded[key]}

    def _inputs(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the model sees of pictures, ``[n, 3, edge, edge]``."""
        planes = pictures.to(self._model.device).permute(0, 3, 1, 2).float()
        edge = (self._edge, self._edge)
        resized = F.interpolate(planes, edge, mode="bilinear", antialias=True).round().clamp(0, 255)
        return ((resized - self._mean) / self._std).to(self._model.dtype)


def _enlarged(logits: torch.Tensor, size: int) -> np.ndarray:
    """Masks of small logits, ``[n, k, h, w]`` to ``bool [n, k, size, size]``."""
    full = F.interpolate(logits.float(), (size, size), mode="bilinear", align_corners=False)
    return (full > 0).cpu().numpy()


def load_segmenter(model: str, revision: str | None, device: str, dtype: str) -> Segmenter:
    """Load a model of ``AutoModelForMaskGeneration``: SAM 1 to 3, SAM-HQ, EdgeTAM; one process holds it once.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the model cannot be loaded.
    """

    def build() -> Segmenter:
        with expecting("a segment-anything model", model):
            loaded = load_model("AutoModelForMaskGeneration", model, revision, device, dtype)
            mean, std = _normalisation(model, revision)
        if not hasattr(loaded.config, "prompt_encoder_config"):
            raise ImgEditError(f"model {model!r}: expected a segment-anything model; found a {type(loaded).__name__}")
        return Segmenter(name_of(model, loaded), loaded, mean, std)

    return pool.acquire(("segmenter", model, revision, device, dtype), build)


def _normalisation(model: str, revision: str | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel that the model has learned with."""
    try:
        written = transformers_library().ImageProcessingMixin.get_image_processor_dict(model, revision=revision)[0]
    except OSError:
        written = {}
    written = written.get("image_processor", written)
    found = tuple(tuple(written.get(key) or usual) for key, usual in (("image_mean", _MEAN), ("image_std", _STD)))
    for values in found:
        if len(values) != 3 or not all(isinstance(value, (int, float)) for value in values):
            raise ValueError(f"expected three numbers as image_mean and image_std; found {list(values)}")
    return found[0], found[1]
