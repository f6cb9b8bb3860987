"""Tests of the kernels' random numbers."""

import pytest
import torch
import warp as wp

from imgedit_gym.core.rng import mix64
from imgedit_gym.kernels.random import random_below, random_between, random_bits, random_unit
from imgedit_gym.kernels.runtime import launch

N = 20_000
CPU = torch.device("cpu")


@wp.kernel
def _draw(
    keys: wp.array(dtype=wp.int64),
    bits: wp.array(dtype=wp.int64),
    units: wp.array(dtype=wp.float32),
    spans: wp.array(dtype=wp.float32),
    below: wp.array(dtype=wp.int32),
):
    i = wp.tid()
    bits[i] = wp.int64(random_bits(keys[i], i))
    units[i] = random_unit(keys[i], i)
    spans[i] = random_between(keys[i], i, -2.0, 3.0)
    below[i] = random_below(keys[i], i, 10)


def draw(keys: torch.Tensor) -> list[torch.Tensor]:
    n = len(keys)
    out = [
        torch.zeros(n, dtype=torch.int64),
        torch.zeros(n),
        torch.zeros(n),
        torch.zeros(n, dtype=torch.int32),
    ]
    launch(_draw, n, [keys, *out], CPU)
    return out


@pytest.fixture(scope="module", params=["one key, many counters", "many keys"])
def drawn(request):
    keys = torch.full((N,), 12345) if request.param.startswith("one") else torch.arange(N) * 7919
    return draw(keys)


def test_bits_are_splitmix64():
    keys = torch.tensor([0, 1, 2**53, 987654321])
    bits = draw(keys)[0]
    expected = [mix64(key + i * 0x9E3779B97F4A7C15 & (1 << 64) - 1) for i, key in enumerate(keys.tolist())]
    assert [value % (1 << 64) for value in bits.tolist()] == expected


def test_units_are_uniform(drawn):
    units = drawn[1]
    assert units.min() >= 0.0 and units.max() < 1.0
    shares = torch.histc(units, 20, 0.0, 1.0) / N
    assert (shares - 0.05).abs().max() < 0.008
    assert abs(float(units.mean()) - 0.5) < 0.01


def test_neighbours_are_independent(drawn):
    units = drawn[1] - 0.5
    for lag in (1, 2, 7):
        assert abs(float((units[:-lag] * units[lag:]).mean() * 12)) < 0.04


def test_spans(drawn):
    spans = drawn[2]
    assert spans.min() >= -2.0 and spans.max() < 3.0
    assert torch.allclose(spans, -2.0 + 5.0 * drawn[1], atol=1e-5)


def test_whole_numbers(drawn):
    counts = torch.bincount(drawn[3], minlength=10)
    assert len(counts) == 10
    assert (counts / N - 0.1).abs().max() < 0.01


def test_equal_across_calls_and_batches():
    keys = torch.arange(1000) * 31
    whole = draw(keys)
    for first, second in zip(whole, draw(keys), strict=True):
        assert torch.equal(first, second)
    for first, part in zip(whole, draw(keys[:10]), strict=True):
        assert torch.equal(first[:10], part)
