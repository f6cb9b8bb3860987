"""The photographs: those in scikit-image and scikit-learn, or those of a user's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import SUFFIXES, read_image

LONGEST = 1024
"""Longest edge in pixels at which a photograph is kept."""

SHORTEST = 64
MOST = 400
"""Most photographs of a folder."""


@dataclass(frozen=True)
class BuiltIn:
    """A photograph that comes with a package.

    Attributes:
        package: The package that holds it.
        path: Where in it.
        share: The split it is for.
        sha256: Of the file, so that a task is the same everywhere.
    """

    package: str
    path: str
    share: str
    sha256: str


BUILT_IN: tuple[BuiltIn, ...] = (
    BuiltIn(
        "skimage", "data/astronaut.png", "train", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
    ),
    BuiltIn("skimage", "data/chelsea.png", "train", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    BuiltIn("skimage", "data/coffee.png", "train", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    BuiltIn(
        "skimage",
        "data/motorcycle_left.png",
        "train",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    ),
    BuiltIn("skimage", "data/rocket.jpg", "val", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    BuiltIn(
        "sklearn",
        "datasets/images/china.jpg",
        "test",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    ),
    BuiltIn(
        "sklearn",
        "datasets/images/flower.jpg",
        "test",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    ),
)
"""Colour photographs that lie in the wheels themselves; nothing is downloaded."""

_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn"}


@dataclass(frozen=True, eq=False)
class Library:
    """Photographs on a device.

    Attributes:
        names: Name of each.
        shares: Split of each.
        pixels: All pixels in one line, ``uint8 [total]``.
        starts: Where each photograph begins, ``int64 [n]``.
        sizes: Height and width of each, ``int32 [n, 2]``.
        digest: Eight hexadecimal digits of the content.
    """

    names: tuple[str, ...]
    shares: tuple[str, ...]
    pixels: torch.Tensor
    starts: torch.Tensor
    sizes: torch.Tensor
    digest: str

    @classmethod
    def of(
        cls, names: Sequence[str], shares: Sequence[str], pictures: Sequence[np.ndarray], device: torch.device
    ) -> Library:
        """Lay pictures ``uint8 [H, W, 3]`` out."""
        digest = hashlib.sha256()
        for picture in pictures:
            digest.update(f"{picture.shape}".encode() + picture.tobytes())
        lengths = [picture.size for picture in pictures]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        sizes = np.array([picture.shape[:2] for picture in pictures], np.int32)
        return cls(
            names=tuple(names),
            shares=tuple(shares),
            pixels=torch.from_numpy(np.concatenate([picture.ravel() for picture in pictures])).to(device),
            starts=torch.from_numpy(starts).to(device),
            sizes=torch.from_numpy(sizes).to(device),
            digest=digest.hexdigest()[:8],
        )

    def of_share(self, share: str) -> tuple[int, ...]:
        """Indices of the photographs of a split."""
        return tuple(index for index, own in enumerate(self.shares) if own == share)


@lru_cache(maxsize=4)
def built_in(device: torch.device) -> Library:
    """The photographs that come with scikit-image and scikit-learn.

    Raises:
        ImgEditError: If a package is missing, or a file in it is not the one that tasks are made from.
    """
    pictures = []
    for one in BUILT_IN:
        path = _package(one.package) / one.path
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        found = hashlib.sha256(content).hexdigest()
        if found != one.sha256:
            raise ImgEditError(
                f"photos: expected {path.name} of {_DISTRIBUTIONS[one.package]} with the hash {one.sha256[:12]}; found "
                f"{found[:12] if content else 'no such file'} at {path}"
            )
        pictures.append(_opened(path))
    return Library.of([one.path for one in BUILT_IN], [one.share for one in BUILT_IN], pictures, device)


def from_folder(folder: str, device: torch.device) -> Library:
    """The photographs of a folder: of every five in the order of their contents one is for test and one for val.

    Names and dates do not matter, so that renaming or copying a folder leaves the splits as they are.

    Raises:
        ImgEditError: If there is no such folder, or no photograph in it, or one cannot be read.
    """
    try:
        root = Path(folder).expanduser()
        found = root.is_dir()
    except (TypeError, ValueError, RuntimeError):  # no path; a null byte; a user whose home is unknown
        found = False
    if not found:
        raise ImgEditError(f"photos: expected a folder of photographs; found none at {folder!r}")
    paths = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not 1 <= len(paths) <= MOST:
        raise ImgEditError(
            f"photos: expected 1 to {MOST} photographs ({', '.join(SUFFIXES)}) in {folder!r}; found {len(paths)}"
        )
    opened = {path: _opened(path) for path in paths}
    contents = {path: hashlib.sha256(picture.tobytes()).hexdigest() for path, picture in opened.items()}
    order, seen = [], set()
    for path in sorted(paths, key=lambda path: contents[path]):
        if contents[path] not in seen:  # the same photograph twice could be in two splits
            seen.add(contents[path])
            order.append(path)
    shares = [("train", "test", "train", "val", "train")[index % 5] for index in range(len(order))]
    return Library.of([path.name for path in order], shares, [opened[path] for path in order], device)


def _package(name: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ImgEditError(
            f"photos: expected {_DISTRIBUTIONS[name]}, which holds the photographs: pip install 'imgedit-gym[photos]'; "
            "or tasks={'id': 'photos', 'folder': PATH} for photographs of your own"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _opened(path: Path) -> np.ndarray:
    """A photograph, at most :data:`LONGEST` pixels long, ``uint8 [H, W, 3]``."""
    from PIL import Image

    pixels = read_image(path)
    if max(pixels.shape[:2]) > LONGEST:
        scaled = Image.fromarray(pixels)
        scaled.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=None)
        pixels = np.array(scaled)
    height, width = pixels.shape[:2]
    if min(height, width) < SHORTEST:
        raise ImgEditError(f"{path}: expected at least {SHORTEST} pixels a side; found {height} x {width}")
    return pixels
