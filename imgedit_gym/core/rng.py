"""Keys of episodes: 55-bit integers derived from seed, episode count and split, equal on every machine."""

from __future__ import annotations

import operator
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError

_MASK = (1 << 64) - 1
_EPISODE = 0x5851F42D4C957F2D
_NOISE = 0x2545F4914F6CDD1D
KEY_BITS = 48
"""Random bits of a task key; the split's number stands above them, so that splits never share a task."""


def mix64(value: int) -> int:
    """The splitmix64 finaliser: a bijection on 64-bit integers."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def task_key(seed: int, episode: int, stream: int) -> int:
    """The key of a task.

    Args:
        seed: Seed of the environment, any non-negative integer.
        episode: How many episodes the environment has started since it was seeded.
        stream: Number of the split, in ``[0, 64)``.

    Returns:
        A non-negative integer below 2**54 whose upper bits are the stream.
    """
    bits = mix64(mix64(seed & _MASK) ^ mix64(episode ^ (seed >> 64) ^ _EPISODE))
    return (stream << KEY_BITS) | (bits & ((1 << KEY_BITS) - 1))


def noise_seed(key: int, step: int) -> int:
    """The seed of what a tool draws at a plan step.

    Args:
        key: Key of the task, or any other whole number that stands for it.
        step: Index of the plan step.

    Returns:
        A non-negative integer below 2**63.
    """
    return mix64(mix64(key & _MASK) ^ mix64(step ^ _NOISE)) >> 1


def checked_seed(seed: Any) -> int:
    """A seed as a Python number.

    Raises:
        ImgEditError: If it is no whole number of at least 0.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ImgEditError(f"a seed must be a whole number of at least 0; found {seed!r}")
    return number


def seed_words(seed: int) -> tuple[int, int]:
    """The lower 64 bits of a seed and the 64 above them, as signed integers that an ``int64`` tensor holds."""
    return _signed(seed), _signed(seed >> 64)


def seed_of(low: int, high: int) -> int:
    """The seed of two words: the inverse of :func:`seed_words` below 2**128."""
    return (low & _MASK) | ((high & _MASK) << 64)


def task_keys(seeds: torch.Tensor, episodes: torch.Tensor, stream: int) -> torch.Tensor:
    """The keys of n tasks: :func:`task_key` on tensors.

    Args:
        seeds: Both words of each seed, ``int64 [n, 2]``; see :func:`seed_words`.
        episodes: How many episodes each environment has started since it was seeded, ``int64 [n]``.
        stream: Number of the split, in ``[0, 64)``.

    Returns:
        ``int64 [n]``.
    """
    bits = _mix64(_mix64(seeds[:, 0]) ^ _mix64(episodes ^ seeds[:, 1] ^ _EPISODE))
    return (bits & ((1 << KEY_BITS) - 1)) | (stream << KEY_BITS)


def _mix64(value: torch.Tensor) -> torch.Tensor:
    # int64 wraps as uint64 does; only shifts to the right have to be told to bring in zeros
    value = value + _signed(0x9E3779B97F4A7C15)
    value = (value ^ _shifted(value, 30)) * _signed(0xBF58476D1CE4E5B9)
    value = (value ^ _shifted(value, 27)) * _signed(0x94D049BB133111EB)
    return value ^ _shifted(value, 31)


def _shifted(value: torch.Tensor, bits: int) -> torch.Tensor:
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value
