"""The pool of models."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from imgedit_gym.models import pool


class Model:
    """Something that can be held weakly."""


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    before = pool.held()
    yield
    for key in set(pool.held()).difference(before):
        pool.close(key)


def test_a_model_is_built_once_for_each_key() -> None:
    first = pool.acquire(("a", "cpu"), Model)
    assert pool.acquire(("a", "cpu"), Model) is first
    assert pool.acquire(("a", "cuda"), Model) is not first


def test_all_who_ask_at_once_get_the_same_one() -> None:
    built: list[Model] = []
    entered, got = threading.Event(), []

    def build() -> Model:
        entered.wait(1.0)
        built.append(Model())
        return built[-1]

    askers = [threading.Thread(target=lambda: got.append(pool.acquire("shared", build))) for _ in range(4)]
    for asker in askers:
        asker.start()
    entered.set()
    for asker in askers:
        asker.join()
    assert len(built) == 1
    assert all(model is built[0] for model in got) and len(got) == 4


def test_a_failed_build_leaves_nothing() -> None:
    def fail() -> Model:
        raise RuntimeError("no weights")

    with pytest.raises(RuntimeError, match="no weights"):
        pool.acquire("broken", fail)
    assert "broken" not in pool.held()
    assert isinstance(pool.acquire("broken", Model), Model)


def test_one_model_may_be_built_from_another() -> None:
    outer = pool.acquire("outer", lambda: [pool.acquire("inner", Model)])
    assert outer[0] is pool.acquire("inner", Model)


def test_close_lets_go() -> None:
    kept, gone = pool.acquire("kept", Model), weakref.ref(pool.acquire("gone", Model))
    pool.close("gone")
    pool.close("never held")
    assert gone() is None
    assert pool.acquire("kept", Model) is kept
