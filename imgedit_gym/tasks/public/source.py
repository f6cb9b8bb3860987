"""Public data sets as a source of tasks: ``tasks="dataset:magicbrush:PATH"``."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.tasks.public import DATASETS
from imgedit_gym.tasks.records import RecordTasks


class DatasetTasks(RecordTasks):
    """The tasks of a public data set.

    Args:
        name: One of :data:`imgedit_gym.tasks.public.DATASETS`.
        image_size: Edge of the pictures in pixels, 64 to 512.
        max_plan_steps: Longest plan, 1 to 8.
        split: Not used: the data set's own parts are told apart by its adapter's argument ``part``.
        device: Where tensors live.
        path: A local copy, or an id of the hub; by default the data set's own id.
        fit: How an image becomes square: ``letterbox``, ``crop`` or ``stretch``.
        limit: How many records are taken up, from the first on; ``None`` for all.
        **arguments: What the adapter takes, such as ``part``.

    Raises:
        ImgEditError: If there is no such data set, or something is not in its format.
    """

    id = "dataset"
    short: ClassVar[tuple[str, ...]] = ("name", "path")

    def __init__(
        self,
        name: str,
        image_size: int,
        max_plan_steps: int,
        split: str,
        device: torch.device,
        path: str | None = None,
        fit: str = "letterbox",
        limit: int | None = None,
        **arguments: Any,
    ) -> None:
        if not isinstance(name, str):
            raise ImgEditError(f"name: expected one of {', '.join(DATASETS.ids())}; found {name!r}")
        if limit is not None and (not is_number(limit) or limit != int(limit) or limit < 1):
            raise ImgEditError(f"limit: expected a whole number of at least 1; found {limit!r}")
        factory = DATASETS.factory(name)
        place = getattr(factory, "hub", "") if path is None else str(path) if isinstance(path, Path) else path
        if not isinstance(place, str) or not place:
            raise ImgEditError(f"dataset {name!r}: expected the path of a local copy; found {path!r}")
        adapter = DATASETS.build({"id": name, **arguments}, path=place)
        records = tuple(islice(adapter.records(), limit))
        credits = {"name": adapter.title, "licence": adapter.licence, "url": adapter.url}
        super().__init__(records, name, credits, image_size, max_plan_steps, device, fit, look=False)
