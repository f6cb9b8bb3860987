"""Tests of making things one step ahead."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from baselines.training.ahead import Ahead


def test_things_are_made_in_order_and_one_step_ahead():
    made: list[int] = []
    reached = {step: threading.Event() for step in range(7)}

    def make(step: int) -> str:
        made.append(step)
        reached[step].set()
        return f"for {step}"

    with Ahead(make, 7) as ahead:
        for step in range(2, 6):
            assert ahead[step] == f"for {step}" == ahead[step]
            assert reached[step + 1].wait(10.0)
    assert made == [2, 3, 4, 5, 6]


def test_many_threads_get_the_same_thing():
    with ThreadPoolExecutor(4) as threads, Ahead(lambda step: [step], 5) as ahead:
        for step in range(5):
            first, *others = threads.map(lambda _, step=step: ahead[step], range(4))
            assert first == [step] and all(other is first for other in others)


def test_what_goes_wrong_is_told_when_it_is_needed():
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("no two")
        return step

    with Ahead(make, 9) as ahead:
        assert ahead[0] == 0 and ahead[1] == 1
        with pytest.raises(ValueError, match="no two"):
            ahead[2]


def test_nothing_is_made_beyond_the_end_or_once_more():
    made: list[int] = []
    with Ahead(made.append, 3) as ahead:
        for step in range(3):
            ahead[step]
        for step in (1, 3):
            with pytest.raises(IndexError, match=f"expected a step from 2 and before 3; found {step}"):
                ahead[step]
    assert made == [0, 1, 2]
