"""The splits of the photo world: no photograph is in two of them."""

from __future__ import annotations

from dataclasses import dataclass

from imgedit_gym.core.errors import ImgEditError


@dataclass(frozen=True)
class Split:
    """How a split draws its tasks.

    Attributes:
        name: What users write.
        stream: Number that keeps its keys apart from every other split's.
        share: Which photographs: ``"train"``, ``"val"`` or ``"test"``.
        faults: Fewest and most faults of a picture.
    """

    name: str
    stream: int
    share: str
    faults: tuple[int, int] = (1, 3)


SPLITS: dict[str, Split] = {
    split.name: split
    for split in (
        Split("train", 0, "train"),
        Split("val", 1, "val"),
        Split("test", 2, "test"),
        Split("test-long", 3, "test", faults=(4, 5)),
    )
}


def find_split(name: str) -> Split:
    """A split by name.

    Raises:
        ImgEditError: If there is none of that name.
    """
    if name not in SPLITS:
        raise ImgEditError(f"unknown split {name!r} of photos; expected one of: {', '.join(SPLITS)}")
    return SPLITS[name]
