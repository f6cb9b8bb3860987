"""Keys of episodes: 55-bit integers derived from seed, episode count and split, equal on every machine."""

from __future__ import annotations

_MASK = (1 << 64) - 1
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
    bits = mix64(mix64(seed & _MASK) ^ mix64(episode ^ (seed >> 64) ^ 0x5851F42D4C957F2D))
    return (stream << KEY_BITS) | (bits & ((1 << KEY_BITS) - 1))
