"""Asking a model behind an HTTP server that speaks one of OpenAI's protocols: retries, limits, time-outs, the key."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.models import background
from imgedit_gym.models.limits import Limits, check_limits

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT = 60.0
_JITTER = random.Random()
"""Of its own, so that retries leave the random numbers of the program as they are."""

SHOWN = 200
"""Characters of a server's error that are shown."""


class Failure(Enum):
    """How a request can fail."""

    TIMEOUT = "no answer in time"
    UNREACHABLE = "no connection, or a broken one"
    BUSY = "too many requests, or an error of the server: 408, 409, 429 and 5xx"
    REFUSED = "an error of the request, or one that is not allowed: any other status"
    MALFORMED = "a reply that is not what was asked for"


class ServerError(Exception):
    """A request that failed.

    Attributes:
        failure: How.
        wait: Seconds that the server asks to wait; ``None`` if it does not say.
    """

    def __init__(self, message: str, failure: Failure, wait: float | None = None) -> None:
        super().__init__(message)
        self.failure, self.wait = failure, wait


class MalformedReply(ServerError):
    """A reply that is not what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Failure.MALFORMED)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What came of a request.

    Attributes:
        value: What was read; ``None`` where it failed.
        error: What went wrong; empty if nothing did.
        calls: How often the server was asked, failed attempts included.
        tokens: Tokens read and written, as far as the server says.
        seconds: Time it took.
        failure: How it failed; ``None`` if it did not.
    """

    value: T | None
    error: str
    calls: float
    tokens: float
    seconds: float
    failure: Failure | None = None


@dataclass
class _Connection:
    """What belongs to one process and its event loop."""

    pid: int
    client: Any
    limits: Limits


class Server:
    """A server with ``POST {base_url}{path}``, which answers with a JSON object. Base of the servers of one protocol.

    What can pass is tried again, later each time: time-outs, refused and broken connections, 408, 409, 429 and 5xx, for
    as long as ``Retry-After`` says if it does; replies that are not what was asked for, once.

    The key is read from the environment when a request is made, and kept nowhere else.

    Attributes:
        path: What follows the address.
        longest_reply: Bytes of a reply at most.

    Args:
        base_url: Address of the server up to ``/v1``.
        api_key_env: Environment variable that holds the key; where it is not set none is sent.
        concurrency: Requests under way at a time.
        requests_per_minute: Requests a minute at most; ``None`` for no limit.
        tokens_per_minute: Tokens a minute at most, read and written; ``None`` for no limit.
        timeout: Seconds until a request is given up.
        retries: How often a failed request is made again.

    Raises:
        ImgEditError: If an argument is not what is expected, or the HTTP client is not installed.
    """

    path: ClassVar[str]
    longest_reply: ClassVar[int]

    def __init__(
        self,
        base_url: str = "http://localhost:8000/v1",
        *,
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout: float = 60.0,
        retries: int = 5,
    ) -> None:
        if not isinstance(base_url, str) or not base_url.startswith(("http://", "https://")):
            raise ImgEditError(f"base_url must begin with http:// or https://; found {base_url!r}")
        for name, count, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ImgEditError(f"{name} must be a whole number of at least {least}; found {count!r}")
        if not isinstance(api_key_env, str) or not api_key_env:
            raise ImgEditError("api_key_env must be the name of an environment variable")
        check_limits(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, timeout=timeout)
        self.retries, self.timeout = retries, timeout
        self._url, self._key_name = base_url.rstrip("/") + self.path, api_key_env
        self._limits = (concurrency, requests_per_minute, tokens_per_minute)
        self._connection: _Connection | None = None
        self._warned = False
        self._http = _http_library()

    async def send(self, request: Callable[[], dict[str, Any]], read: Callable[[dict[str, Any]], T]) -> Answer[T]:
        """Make one request until it succeeds, or there is no use.

        Args:
            request: Makes what the HTTP client sends, such as ``{"json": ...}`` or ``{"data": ..., "files": ...}``,
                only when its turn has come: it may hold pictures.
            read: Reads the reply; raises :class:`MalformedReply` where it is not what was asked for.
        """
        begun, tokens, malformed = time.monotonic(), 0.0, 0
        for attempt in range(self.retries + 1):
            try:
                limits = self._connected().limits
                async with limits.turn() as charge:
                    try:
                        body = await self._post(request())
                    except ServerError as error:
                        # what comes too late, or cannot be read, was worked on all the same
                        if error.failure not in (Failure.TIMEOUT, Failure.MALFORMED):
                            charge(0.0)
                        raise
                    if (spent := _tokens_of(body)) is not None:
                        tokens += spent
                        charge(spent)
                    value = read(body)
                return Answer(value, "", attempt + 1, tokens, time.monotonic() - begun)
            except ServerError as error:
                self._warn(error, attempt)
                malformed += isinstance(error, MalformedReply)
                if attempt == self.retries or error.failure is Failure.REFUSED or malformed > 1:
                    told = self._without_key(str(error))
                    return Answer(None, told, attempt + 1, tokens, time.monotonic() - begun, error.failure)
                wait = min(2.0**attempt * 0.5, 30.0) * _JITTER.uniform(0.5, 1.0)
                if error.wait is not None:
                    wait = min(error.wait, _LONGEST_WAIT)
                    limits.pause(wait)
                if not isinstance(error, MalformedReply):
                    await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    def _warn(self, error: ServerError, attempt: int) -> None:
        """Tell of the first failed request, as retries take long and a failed judgement may be no error."""
        if self._warned:
            return
        self._warned = True
        again = f"it is made again up to {self.retries - attempt} times" if attempt < self.retries else "it is given up"
        _LOG.warning(
            "%s: a request failed: %s; %s. Later failures are not told.",
            address_of(self._url),
            self._without_key(str(error)),
            again,
        )

    async def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request.

        Raises:
            ServerError: If it fails.
        """
        http, key = self._http, os.environ.get(self._key_name, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        async def exchange() -> tuple[Any, bytearray]:
            async with self._connected().client.stream("POST", self._url, headers=headers, **request) as response:
                content = bytearray()
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > self.longest_reply:
                        raise MalformedReply(f"the reply is longer than {self.longest_reply} bytes")
            return response, content

        try:
            # the client's own time-out begins anew with every byte
            response, content = await asyncio.wait_for(exchange(), self.timeout)
        except http.ConnectTimeout:
            raise ServerError(f"no connection within {self.timeout:g} s", Failure.UNREACHABLE) from None
        except (http.TimeoutException, asyncio.TimeoutError):
            raise ServerError(f"no answer within {self.timeout:g} s", Failure.TIMEOUT) from None
        except http.TransportError as error:
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ServerError(told, Failure.UNREACHABLE) from None
        except http.HTTPError as error:
            raise ServerError(f"{type(error).__name__}: {error}", Failure.REFUSED) from None
        text = content.decode("utf-8", "replace")
        if response.status_code != 200:
            shown = " ".join(self._without_key(text).split())[:SHOWN]
            busy = response.status_code in (408, 409, 429) or response.status_code >= 500
            wait = retry_after(response.headers.get("retry-after"))
            failure = Failure.BUSY if busy else Failure.REFUSED
            raise ServerError(f"HTTP {response.status_code}: {shown}", failure, wait)
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise MalformedReply(f"expected JSON; found {text[:SHOWN]!r}") from None
        if not isinstance(body, dict):
            raise MalformedReply(f"expected a JSON object; found {text[:SHOWN]!r}")
        return body

    def _without_key(self, text: str) -> str:
        key = os.environ.get(self._key_name, "")
        return text.replace(key, "***") if key else text

    def _connected(self) -> _Connection:
        if self._connection is None or self._connection.pid != os.getpid():
            timeout = self._http.Timeout(self.timeout, pool=None)
            # the limits see to how many connections there are
            limits = self._http.Limits(max_connections=None, max_keepalive_connections=self._limits[0])
            client = self._http.AsyncClient(timeout=timeout, limits=limits)
            self._connection = _Connection(os.getpid(), client, Limits(*self._limits))
        return self._connection

    def close(self) -> None:
        """Close the connections; they are made again when needed."""
        held, self._connection = self._connection, None
        if held is not None and held.pid == os.getpid():
            background.run(held.client.aclose())


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, of a ``Retry-After`` header in either form; ``None`` if it is neither."""
    if header is None:
        return None
    try:
        wait = float(header)
    except ValueError:
        try:
            wait = parsedate_to_datetime(header).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return max(wait, 0.0) if math.isfinite(wait) else None


def shown(value: Any) -> str:
    """As much of a value as an error shows."""
    return repr(value)[:SHOWN]


def address_of(base_url: str) -> str:
    """Where a server is, without what may be secret in its address: user, password and query."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _tokens_of(body: Mapping[str, Any]) -> float | None:
    """Tokens that a reply says it has cost; ``None`` if it does not."""
    usage = body.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return float(total) if isinstance(total, int) and 0 <= total < 1 << 31 else None


def _http_library() -> Any:
    """httpx2, or httpx where Python is too old for it; what is used of them is the same."""
    for name in ("httpx2", "httpx"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImgEditError("asking a server needs an HTTP client: pip install 'imgedit-gym[servers]'")
