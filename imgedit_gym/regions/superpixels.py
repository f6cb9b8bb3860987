"""Regions that are superpixels: patches of one colour that follow the edges of a photograph."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import LATTICE
from imgedit_gym.regions.pictures import CELLS, Found, PictureRegions

MOST = 4 * CELLS


class SuperpixelRegions(PictureRegions):
    """Region 0 is the whole picture; region i is the superpixel that covers most of cell i - 1.

    Superpixels that cover most of no cell are joined to the one that covers most of the cell in which they lie, so
    that the regions tile the picture. They are made without random numbers and without a model.

    Args:
        segments: About how many superpixels a picture has, 4 to 256.
        compactness: How much nearness counts against likeness of colour: at 1 superpixels cling to edges, at 100 they
            are almost squares.
        sigma: Width of the blur before, in pixels; 0 for none.

    Raises:
        ImgEditError: If an argument is not what is expected, or scikit-image is not installed.

    Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods" (TPAMI 2012), as
    implemented by scikit-image.
    """

    id = "superpixels"

    def __init__(self, segments: int = CELLS, compactness: float = 10.0, sigma: float = 1.0) -> None:
        if not isinstance(segments, int) or isinstance(segments, bool) or not 4 <= segments <= MOST:
            raise ImgEditError(f"segments must be a whole number from 4 to {MOST}; found {segments!r}")
        if not is_number(compactness) or not 0.01 <= compactness <= 1000.0:
            raise ImgEditError(f"compactness must be a number from 0.01 to 1000; found {compactness!r}")
        if not is_number(sigma) or not 0.0 <= sigma <= 32.0:
            raise ImgEditError(f"sigma must be a number from 0 to 32; found {sigma!r}")
        try:
            from skimage.segmentation import slic
        except ImportError as error:
            raise ImgEditError(
                f"regions 'superpixels' need the extra 'photos' (pip install 'imgedit-gym[photos]'), "
                f"regions 'cells' need none: {error}"
            ) from error
        self._slic, self._version = slic, version("scikit-image")
        self.segments, self.compactness, self.sigma = segments, float(compactness), float(sigma)

    @property
    def settings(self) -> str:
        """See :class:`imgedit_gym.regions.pictures.PictureRegions`."""
        return f"{self.segments} {self.compactness} {self.sigma} {self._version}"

    def find_all(self, pictures: torch.Tensor, queries: Sequence[str]) -> list[Found]:
        """The superpixels of pictures, one picture after another."""
        return [self._find(picture) for picture in pictures.cpu().numpy()]

    def _find(self, picture: np.ndarray) -> Found:
        labels = self._slic(
            picture,
            n_segments=self.segments,
            compactness=self.compactness,
            sigma=self.sigma,
            start_label=0,
            channel_axis=-1,
        )
        n, size = int(labels.max()) + 1, len(labels)
        lines = np.searchsorted([round(i * size / LATTICE) for i in range(1, LATTICE)], np.arange(size), side="right")
        cells = lines[:, None] * LATTICE + lines
        shared = np.bincount((cells * n + labels).ravel(), minlength=CELLS * n).reshape(CELLS, n)
        owners = shared.argmax(1)
        joined = owners[shared.argmax(0)]
        joined[owners] = owners
        names, tiles = np.unique(joined[labels], return_inverse=True)
        tiles = tiles.reshape(labels.shape)
        return Found.of_masks(tiles == np.arange(len(names))[:, None, None], np.searchsorted(names, owners))
