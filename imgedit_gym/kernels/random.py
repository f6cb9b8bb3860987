"""Counter-based random numbers: a pure function of a key and a counter, equal on every device."""

import warp as wp

_INCREMENT = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
_MULTIPLY_1 = wp.constant(wp.uint64(0xBF58476D1CE4E5B9))
_MULTIPLY_2 = wp.constant(wp.uint64(0x94D049BB133111EB))


@wp.func
def random_bits(key: wp.int64, counter: int) -> wp.uint64:
    """64 random bits (splitmix64)."""
    z = wp.uint64(key) + _INCREMENT * (wp.uint64(counter) + wp.uint64(1))
    z = (z ^ (z >> wp.uint64(30))) * _MULTIPLY_1
    z = (z ^ (z >> wp.uint64(27))) * _MULTIPLY_2
    return z ^ (z >> wp.uint64(31))


@wp.func
def random_unit(key: wp.int64, counter: int) -> float:
    """A float in [0, 1)."""
    return float(int(random_bits(key, counter) >> wp.uint64(40))) * 5.9604644775390625e-08


@wp.func
def random_between(key: wp.int64, counter: int, low: float, high: float) -> float:
    """A float in [low, high)."""
    return low + (high - low) * random_unit(key, counter)


@wp.func
def random_below(key: wp.int64, counter: int, bound: int) -> int:
    """An integer in [0, bound)."""
    return int(random_bits(key, counter) >> wp.uint64(33)) % wp.max(bound, 1)
