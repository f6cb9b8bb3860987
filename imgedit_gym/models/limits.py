"""How fast a server may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError


class Rate:
    """So much a minute, evenly spaced: there are no bursts, and no minute holds more.

    Args:
        per_minute: How much; ``None`` for no limit.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._next = 0.0

    async def take(self, amount: float = 1.0) -> None:
        """Wait until it is this one's turn."""
        if self.per_minute is None:
            return
        now = asyncio.get_running_loop().time()
        start = max(self._next, now)
        self._next = start + amount * 60.0 / self.per_minute
        if start > now:
            await asyncio.sleep(start - now)

    def correct(self, amount: float) -> None:
        """Count so much more, or less if below 0, than was taken."""
        if self.per_minute is not None:
            self._next += amount * 60.0 / self.per_minute


class Limits:
    """Limits on requests to one server. Belongs to one event loop.

    Args:
        concurrency: Requests under way at a time.
        requests_per_minute: Requests a minute; ``None`` for no limit.
        tokens_per_minute: Tokens a minute, read and written; ``None`` for no limit. What a request will cost is taken
            to be what they cost on average so far, and put right once it is known.
    """

    def __init__(
        self, concurrency: int, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._requests, self._tokens = Rate(requests_per_minute), Rate(tokens_per_minute)
        self._expected = 1000.0
        self._paused_until = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[float], None]]:
        """Wait for a turn and hold it; yields what takes the tokens that the request has cost in the end.

        Where it is not called, because nobody knows, the request has cost what was expected.
        """
        async with self._slots:
            await self._requests.take()
            taken = self._expected
            await self._tokens.take(taken)
            while (rest := self._paused_until - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(rest)

            def charge(tokens: float) -> None:
                self._tokens.correct(tokens - taken)
                if tokens > 0:  # what was refused says nothing of what an answer costs
                    self._expected += 0.2 * (tokens - self._expected)

            yield charge

    def pause(self, seconds: float) -> None:
        """Ask for nothing for a while: the server said so."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)


def check_limits(**limits: float | None) -> None:
    """Raise an error for a limit that is not above 0.

    Raises:
        ImgEditError: If one is not.
    """
    for name, value in limits.items():
        if value is not None and (not is_number(value) or not value > 0):
            raise ImgEditError(f"{name} must be a number above 0, or None for no limit; found {value!r}")
