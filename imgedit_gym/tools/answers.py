"""What tools answer, checked: a contributor's mistake is told by tool and method before it does harm."""

from __future__ import annotations

from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.tools.base import Edited


def accepted(tool: Any, steps: StepBatch) -> torch.Tensor:
    """Which plan steps a tool accepts, ``bool [n]``.

    Raises:
        ImgEditError: If it answers something else.
    """
    return _expect(tool, "accepts", tool.accepts(steps), torch.bool, (len(steps),))


def checked(tool: Any, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
    """Problem code of each of n edits by a tool's ``check``, ``int64 [n]``.

    Raises:
        ImgEditError: If it answers something else.
    """
    return _expect(tool, "check", tool.check(regions, steps), torch.int64, (len(steps),))


def edited(tool: Any, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor | Edited:
    """What a tool's ``apply`` makes of pictures, ``uint8 [n, S, S, 3]``, or :class:`Edited` with such.

    Raises:
        ImgEditError: If it made something else.
    """
    shape, found = tuple(images.shape), tool.apply(images, regions, steps)
    if not isinstance(found, Edited):
        return _expect(tool, "apply", found, torch.uint8, shape)
    _expect(tool, "apply, images", found.images, torch.uint8, shape)
    _expect(tool, "apply, problems", found.problems, torch.int64, shape[:1])
    if found.raw is not None:
        _expect(tool, "apply, raw", found.raw, torch.uint8, shape)
    return found


def _expect(tool: Any, method: str, found: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    if isinstance(found, torch.Tensor) and found.dtype is dtype and found.shape == shape:
        return found
    told = f"{found.dtype} {list(found.shape)}" if hasattr(found, "dtype") and hasattr(found, "shape") else repr(found)
    kind = "" if isinstance(found, torch.Tensor) else f"{type(found).__name__} "
    raise ImgEditError(
        f"tool {tool.id!r}: {method} must return a tensor {dtype} {list(shape)}; found {kind}{told[:200]}"
    )
