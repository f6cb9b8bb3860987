"""Regions that a segment-anything model finds at the lattice's cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.models.segmenter import load_segmenter
from imgedit_gym.regions.base import cell_boxes
from imgedit_gym.regions.pictures import CELLS, Found, PictureRegions

DEFAULT_MODEL = "facebook/sam-vit-base"


class SamRegions(PictureRegions):
    """Region 0 is the whole picture; region i is what a segment-anything model finds at the middle of cell i - 1.

    A picture is embedded once and asked at all cells at once, when the first of its regions is needed. Masks of
    several cells may overlap or be the same; one may be empty.

    Args:
        model: Folder or hub id of SAM 1 to 3, SAM-HQ or EdgeTAM in the format of transformers.
        revision: Branch, tag or commit of the hub.
        device: Where the model runs; ``None`` for the pictures' device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.
        batch_size: Pictures in a call of the model. With 1, masks do not depend on which pictures are asked for
            together, bit by bit; with more they may by some pixels of their borders.

    Raises:
        ImgEditError: If an argument is not what is expected; once the engine is built, if the model cannot be loaded,
            or the extra ``models`` is not installed.

    Source: Kirillov et al., "Segment Anything" (arXiv 2304.02643).
    """

    id = "sam"
    short = ("model",)

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        batch_size: int = 1,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be a folder or a hub id; found {model!r}")
        self.batch_size = checked_batch_size(batch_size)
        self._where = (model, revision, device, dtype)

    @property
    def settings(self) -> str:
        """See :class:`imgedit_gym.regions.pictures.PictureRegions`."""
        return self._model.name

    def attach(self, batch: TaskBatch) -> None:
        """Take the task batch, and load the model unless the process holds it."""
        super().attach(batch)
        model, revision, device, dtype = self._where
        self._model = load_segmenter(model, revision, device or str(batch.device), dtype)
        boxes = cell_boxes(batch.size, torch.device("cpu"))[1:].float()
        self._middles = torch.stack([boxes[:, 1] + boxes[:, 3], boxes[:, 0] + boxes[:, 2]], 1) / 2

    def find_all(self, pictures: torch.Tensor, queries: Sequence[str]) -> list[Found]:
        """The masks at all cells of pictures."""
        every = np.arange(CELLS)
        return [
            Found.of_masks(masks, every)
            for part in pictures.split(self.batch_size)
            for masks in self._model.at_points(part, self._middles)
        ]


def checked_batch_size(batch_size: int) -> int:
    """A batch size.

    Raises:
        ImgEditError: If it is no whole number of at least 1.
    """
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
        raise ImgEditError(f"batch_size must be a whole number of at least 1; found {batch_size!r}")
    return batch_size
