"""What the next step of a training needs is made while this one is learned from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Makes things in the order of the steps, in a thread of its own, one step ahead.

    ``ahead[step]`` gives what is made for a step, to any thread, as often as it is asked for until the next step is.

    Args:
        make: Makes what a step needs. It must not hand out what it writes to again.
        stop: The first step for which nothing is made.
    """

    def __init__(self, make: Callable[[int], T], stop: int) -> None:
        self._make, self._stop = make, stop
        self._thread = ThreadPoolExecutor(1)
        self._made: dict[int, Future[T]] = {}
        self._asking = Lock()

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def __getitem__(self, step: int) -> T:
        with self._asking:
            least = min(self._made, default=step)
            if not least <= step < self._stop:
                raise IndexError(f"expected a step from {least} and before {self._stop}; found {step}")
            for one in range(step, min(step + 2, self._stop)):
                if one not in self._made:
                    self._made[one] = self._thread.submit(self._make, one)
            self._made = {one: future for one, future in self._made.items() if one >= step}
            wanted = self._made[step]
        return wanted.result()
