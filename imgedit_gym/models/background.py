"""Where judges and planners wait: one event loop in a thread of the process, and one thread for what computes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class _Loop:
    """An event loop in a thread; a fork gets one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        if self._pid != os.getpid():
            self._lock = threading.Lock()  # another thread may have held it when the process was forked
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="imgedit-gym-models", daemon=True).start()
            return self._loop


_LOOP = _Loop()
_COMPUTING = threading.Lock()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine that runs on the shared loop.

    Raises:
        RuntimeError: If called on that loop, which would wait for itself.
    """
    loop = _LOOP.get()
    if _running() is loop:
        work.close()
        raise RuntimeError("called on the loop that would have to do the work: await it instead")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # an interrupt must not leave requests behind
        raise


async def hop(work: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that runs on the shared loop, from whatever loop."""
    loop = _LOOP.get()
    if _running() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await coroutines at the same time; where one fails, or this is cancelled, the others are cancelled, too."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Await a function that computes: in a thread, one at a time, as models and buffers are shared."""

    def alone() -> T:
        with _COMPUTING:
            return work(*arguments)

    return await asyncio.to_thread(alone)


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
