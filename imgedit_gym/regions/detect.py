"""Regions that are the detections of what the plan step is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import BACKGROUND, NONE, PICTURE
from imgedit_gym.core.region import box_masks
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.models.detector import load_detector
from imgedit_gym.models.segmenter import load_segmenter
from imgedit_gym.regions.base import cell_boxes
from imgedit_gym.regions.pictures import CELLS, Found, PictureRegions
from imgedit_gym.regions.sam import DEFAULT_MODEL as DEFAULT_SAM
from imgedit_gym.regions.sam import checked_batch_size

DEFAULT_MODEL = "IDEA-Research/grounding-dino-tiny"
NAMES = ("nearest", "all")
_SAM_ARGUMENTS = ("id", "model", "revision", "device", "dtype")


class DetectRegions(PictureRegions):
    """Region 0 is the whole picture; the others are the detections of the plan step's target.

    What is looked for is the step's target, of free text the whole text. A cell stands for the detection that covers
    most of it, or for all of them together; where there is none its region is empty. Steps about the picture as a
    whole, its background or something to be added have nothing to look for: there a cell stands for itself.

    Args:
        model: Folder or hub id of GroundingDINO, OWL-ViT or OWLv2 in the format of transformers.
        threshold: Lowest score of a detection, in [0, 1].
        overlap: Of two detections with a larger intersection over union only the better one stays, in [0, 1].
        names: What a cell stands for: ``"nearest"``, the detection that covers most of the cell; ``"all"``, every
            detection in one mask, whatever the cell.
        refine: ``"sam"``, or a mapping with the id ``"sam"`` and the arguments ``model``, ``revision``, ``device`` and
            ``dtype`` of that provider: masks inside the boxes. ``None``: the boxes themselves.
        revision: Branch, tag or commit of the hub.
        device: Where the model runs; ``None`` for the pictures' device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.
        batch_size: Pictures in a call of the model; see :class:`imgedit_gym.regions.sam.SamRegions`.

    Raises:
        ImgEditError: If an argument is not what is expected; once the engine is built, if a model cannot be loaded, or
            the extra ``models`` is not installed.

    Source: Liu et al., "Grounding DINO" (arXiv 2303.05499); Minderer et al., "Simple Open-Vocabulary Object Detection
    with Vision Transformers" (arXiv 2205.06230); boxes refined by masks after Ren et al., "Grounded SAM"
    (arXiv 2401.14159).
    """

    id = "detect"
    short = ("model",)

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        threshold: float = 0.25,
        overlap: float = 0.6,
        names: str = "nearest",
        refine: Any = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        batch_size: int = 1,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be a folder or a hub id; found {model!r}")
        for name, value in (("threshold", threshold), ("overlap", overlap)):
            if not is_number(value) or not 0.0 <= value <= 1.0:
                raise ImgEditError(f"{name} must be a number from 0 to 1; found {value!r}")
        if names not in NAMES:
            raise ImgEditError(f"names must be one of {NAMES}; found {names!r}")
        self.threshold, self.overlap, self.names = float(threshold), float(overlap), names
        self.batch_size = checked_batch_size(batch_size)
        self._where = (model, revision, device, dtype)
        self._refine = _refinement(refine)

    @property
    def settings(self) -> str:
        """See :class:`imgedit_gym.regions.pictures.PictureRegions`."""
        refined = "" if self._segmenter is None else self._segmenter.name
        return f"{self._detector.name} {self.threshold} {self.overlap} {self.names} {refined}"

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch, and load the models unless the process holds them."""
        super().attach(batch)
        model, revision, device, dtype = self._where
        self._detector = load_detector(model, revision, device or str(batch.device), dtype)
        self._segmenter = None
        if self._refine is not None:
            given = {"model": DEFAULT_SAM, "revision": None, "device": device, "dtype": dtype} | self._refine
            self._segmenter = load_segmenter(
                given["model"], given["revision"], given["device"] or str(batch.device), given["dtype"]
            )
        boxes = cell_boxes(batch.size, torch.device("cpu"))[1:]
        self._lattice = box_masks(boxes, batch.size).numpy()

    def query(self, steps: StepBatch | None, at: int) -> str:
        """What to look for; empty where there is nothing to look for."""
        if steps is None:
            raise ImgEditError("regions 'detect' hang on the plan step: expected the steps; found None")
        step = steps.read(at)
        if step.verb == "edit":
            return step.value
        return "" if step.target in (PICTURE, BACKGROUND, NONE) else step.target

    def find_all(self, pictures: torch.Tensor, queries: Sequence[str]) -> list[Found]:
        """The detections in pictures."""
        found: list[Found | None] = [
            None if query else Found.of_masks(self._lattice, np.arange(CELLS)) for query in queries
        ]
        asked = [at for at, query in enumerate(queries) if query]
        for start in range(0, len(asked), self.batch_size):
            part = asked[start : start + self.batch_size]
            boxes = self._detector.boxes(pictures[part], [queries[at] for at in part], self.threshold, self.overlap)
            for at, these in zip(part, boxes, strict=True):
                found[at] = self._named(self._masks(pictures[at], these))
        return [one for one in found if one is not None]

    def _masks(self, picture: torch.Tensor, boxes: np.ndarray) -> np.ndarray:
        """Masks of detections, ``bool [k, S, S]``; a box where refinement finds nothing in it."""
        size = len(picture)
        pixels = np.concatenate([np.floor(boxes[:, 1::-1]), np.ceil(boxes[:, :1:-1])], 1).astype(np.int32)
        whole = box_masks(torch.from_numpy(pixels), size).numpy()
        if self._segmenter is None or not len(boxes):
            return whole
        fine = self._segmenter.in_boxes(picture, boxes)
        return np.where(np.any(fine, axis=(1, 2), keepdims=True), fine, whole)

    def _named(self, masks: np.ndarray) -> Found:
        """What each cell stands for."""
        if not len(masks):
            return Found.of_masks(masks, np.full(CELLS, -1))
        if self.names == "all":
            return Found.of_masks(np.any(masks, axis=0, keepdims=True), np.zeros(CELLS, dtype=int))
        covered = self._lattice.reshape(CELLS, -1).astype(np.float32) @ masks.reshape(len(masks), -1).T.astype(
            np.float32
        )
        # of those that cover as much the best detection is first
        return Found.of_masks(masks, np.where(covered.max(1) > 0, covered.argmax(1), -1))


def _refinement(refine: Any) -> dict[str, Any] | None:
    """Arguments of the model that refines boxes; ``None`` for none.

    Raises:
        ImgEditError: If they are none.
    """
    if refine is None:
        return None
    given = {"id": refine} if isinstance(refine, str) else refine
    if not isinstance(given, Mapping) or given.get("id") != "sam" or set(given) - set(_SAM_ARGUMENTS):
        raise ImgEditError(
            f"refine must be None, 'sam' or a mapping with id 'sam' and keys {_SAM_ARGUMENTS[1:]}; found {refine!r}"
        )
    return {key: value for key, value in given.items() if key != "id"}
