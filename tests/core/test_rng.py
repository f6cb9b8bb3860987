"""Tests of episode keys."""

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from imgedit_gym.core.rng import KEY_BITS, mix64, seed_of, seed_words, task_key, task_keys

MASK = (1 << 64) - 1
U64 = st.integers(0, MASK)


def unmix64(value: int) -> int:
    """The inverse of splitmix64's finaliser, from its definition."""
    value ^= (value >> 31) ^ (value >> 62)
    value = value * pow(0x94D049BB133111EB, -1, 1 << 64) & MASK
    value ^= (value >> 27) ^ (value >> 54)
    value = value * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & MASK
    value ^= (value >> 30) ^ (value >> 60)
    return (value - 0x9E3779B97F4A7C15) & MASK


@given(U64)
@example(0)
@example(MASK)
def test_mixing_can_be_undone(value):
    assert 0 <= mix64(value) <= MASK
    assert unmix64(mix64(value)) == value


def test_mixing_is_splitmix64():
    # the first numbers of the reference implementation seeded with 0
    assert [mix64(i * 0x9E3779B97F4A7C15 & MASK) for i in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


@given(st.integers(0, 1 << 80), st.integers(0, 1 << 40), st.integers(0, 63))
def test_keys_are_in_their_stream(seed, episode, stream):
    key = task_key(seed, episode, stream)
    assert key == task_key(seed, episode, stream)
    assert key >> KEY_BITS == stream
    assert 0 <= key < 1 << 54


EDGES = st.sampled_from([(1 << 63) - 1, 1 << 63, MASK])
SEEDS = st.one_of(st.integers(0, 1 << 70), st.integers(0, (1 << 128) - 1), EDGES)


@given(st.lists(st.tuples(SEEDS, st.integers(0, (1 << 63) - 1)), min_size=1, max_size=9), st.integers(0, 63))
def test_keys_of_a_batch_are_those_of_its_members(members, stream):
    seeds = torch.tensor([seed_words(seed) for seed, _ in members])
    keys = task_keys(seeds, torch.tensor([episode for _, episode in members]), stream)
    assert keys.tolist() == [task_key(seed, episode, stream) for seed, episode in members]


@given(SEEDS)
def test_words_hold_the_seed(seed):
    words = torch.tensor(seed_words(seed))
    assert seed_of(*words.tolist()) == seed


def test_keys_differ():
    keys = {task_key(seed, episode, 0) for seed in range(300) for episode in range(30)}
    assert len(keys) == 9000
    assert task_key(1 << 64, 0, 0) != task_key(0, 0, 0)
    assert not keys & {task_key(seed, episode, 1) for seed in range(300) for episode in range(30)}


def test_bits_are_balanced():
    keys = [task_key(seed, 0, 0) for seed in range(2000)]
    for bit in range(KEY_BITS):
        share = sum(key >> bit & 1 for key in keys) / len(keys)
        assert 0.44 < share < 0.56
