"""Models that a process holds, each once: whoever needs one asks the pool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

_MODELS: dict[Hashable, Any] = {}
_BUILDING: dict[Hashable, threading.Lock] = {}
_TABLES = threading.Lock()


def acquire(key: Hashable, build: Callable[[], T]) -> T:
    """The model of a key, built by the first who asks for it; others wait until it is ready.

    Args:
        key: Names the model and all it depends on: its kind, weights, revision, device and type.
        build: Makes the model. If it raises, nothing is kept and the next who asks builds again. It may acquire other
            models, not its own.
    """
    with _TABLES:
        building = _BUILDING.setdefault(key, threading.Lock())
    with building:
        if key not in _MODELS:
            _MODELS[key] = build()
        model: T = _MODELS[key]
        return model


def held() -> tuple[Hashable, ...]:
    """Keys of the models that are held, in the order they were built."""
    return tuple(_MODELS)


def close(key: Hashable | None = None) -> None:
    """Let go of a model, or of all; they are built again when needed.

    Memory is free once nobody else holds the model; on a GPU it goes back to the driver then.

    Args:
        key: Which; ``None`` for all. One that is not held is no error.
    """
    for one in held() if key is None else (key,):
        _MODELS.pop(one, None)
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
