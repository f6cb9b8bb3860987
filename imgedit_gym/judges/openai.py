"""A judge behind an OpenAI-compatible chat server: vLLM, SGLang, llama.cpp, or a hosted one."""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges import background
from imgedit_gym.judges.asking import Done, Group, QuestionJudge, Reply
from imgedit_gym.judges.base import Cases, is_number
from imgedit_gym.judges.limits import Limits, check_limits
from imgedit_gym.judges.questions import DIGITS, SMALLEST_MASS, YES_NO, Question

REPLIES = ("json", "logprobs")
_LONGEST_REPLY = 1 << 20
"""Bytes of a reply at most: no judgement is longer."""

_LONGEST_WAIT = 60.0
_MOST_URLS = 256
_SHOWN = 200
"""Characters of a server's error that are shown."""


class ServerError(Exception):
    """A request that failed.

    Attributes:
        again: Whether asking again may help.
        wait: Seconds that the server asks to wait; ``None`` if it does not say.
    """

    def __init__(self, message: str, again: bool, wait: float | None = None) -> None:
        super().__init__(message)
        self.again, self.wait = again, wait


@dataclass
class _Connection:
    """What belongs to one process and its event loop."""

    pid: int
    client: Any
    limits: Limits


class OpenAIJudge(QuestionJudge):
    """Asks a vision-language model behind ``POST {base_url}/chat/completions``.

    Pictures are sent as PNG data URLs. With ``reply="json"`` the answers to all questions about a picture come in one
    reply, under a JSON schema that the server enforces and that is checked again here. With ``reply="logprobs"`` each
    question is one request of one token, whose 20 likeliest alternatives give the probability of each answer; where
    less than half of the probability lies on valid answers, the judgement fails.

    What can pass is tried again, later each time: time-outs, refused and broken connections, 408, 409, 429 and 5xx, for
    as long as ``Retry-After`` says if it does; replies that are cut off, no JSON, out of bounds or the wrong number of
    answers, once. Then ``on_error`` decides.

    The key is read from the environment when a request is made, and kept nowhere else.

    Args:
        model: Name of the model, as the server has it.
        base_url: Address of the server up to ``/v1``.
        reply: ``"json"`` or ``"logprobs"``.
        api_key_env: Environment variable that holds the key; where it is not set none is sent.
        revision: Which weights the server has under this name; part of what judgements are cached by.
        temperature: 0 for the likeliest answer; above 0 for ``average``, whose samples get seeds of their own.
        concurrency: Requests under way at a time.
        requests_per_minute: Requests a minute at most; ``None`` for no limit.
        tokens_per_minute: Tokens a minute at most, read and written; ``None`` for no limit.
        timeout: Seconds until a request is given up.
        retries: How often a failed request is made again.
        extra: Further fields of the request, such as ``{"chat_template_kwargs": {"enable_thinking": False}}``.
        **questions: ``mode``, ``preservation``, ``quality``, ``combine`` and ``on_error``; see
            :class:`imgedit_gym.judges.asking.QuestionJudge`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the HTTP client is not installed.
    """

    id = "openai"
    deterministic = False
    waits = True

    def __init__(
        self,
        model: str,
        base_url: str = "http://localhost:8000/v1",
        *,
        reply: str = "json",
        api_key_env: str = "OPENAI_API_KEY",
        revision: str = "",
        temperature: float = 0.0,
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout: float = 60.0,
        retries: int = 5,
        extra: Mapping[str, Any] | None = None,
        **questions: Any,
    ) -> None:
        if reply not in REPLIES:
            raise ImgEditError(f"reply must be one of {REPLIES}; found {reply!r}")
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be the name of a model on the server; found {model!r}")
        if not isinstance(base_url, str) or not base_url.startswith(("http://", "https://")):
            raise ImgEditError(f"base_url must begin with http:// or https://; found {base_url!r}")
        for name, count, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ImgEditError(f"{name} must be a whole number of at least {least}; found {count!r}")
        if not is_number(temperature) or not 0 <= temperature < math.inf:
            raise ImgEditError(f"temperature must be a number of at least 0; found {temperature!r}")
        if not isinstance(api_key_env, str) or not api_key_env:
            raise ImgEditError("api_key_env must be the name of an environment variable")
        if extra is not None and not isinstance(extra, Mapping):
            raise ImgEditError(f"extra must be a mapping of fields of the request; found {extra!r}")
        check_limits(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, timeout=timeout)
        super().__init__(as_json=reply == "json", **questions)
        self.reply, self.retries, self.timeout = reply, retries, timeout
        self._model, self._url = model, base_url.rstrip("/") + "/chat/completions"
        self._key_name, self._temperature, self._extra = api_key_env, float(temperature), dict(extra or {})
        self._limits = (concurrency, requests_per_minute, tokens_per_minute)
        self.model = json.dumps([model, revision, reply, self._temperature, self._extra], sort_keys=True)
        self._connection: _Connection | None = None
        self._http = _http_library()

    # ------------------------------------------------------------------ asking

    def group(self, questions: Sequence[Question]) -> list[Group]:
        """All questions with yes or no about the same pictures go in one request, if it is to be answered in JSON."""
        if self.reply == "logprobs":
            return super().group(questions)
        groups: list[Group] = []
        for (_, scale, _), some in groupby(questions, key=lambda one: (one.case, one.scale, one.pictures)):
            asked = tuple(some)
            groups.extend([asked] if scale is YES_NO else [(one,) for one in asked])
        return groups

    def answer(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """See :class:`imgedit_gym.judges.asking.QuestionJudge`."""
        background.run(self._ask_all(cases, groups, done))

    async def answer_async(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """See :class:`imgedit_gym.judges.asking.QuestionJudge`."""
        await background.hop(self._ask_all(cases, groups, done))

    async def _ask_all(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """Ask all groups at once, as far as the limits allow; stop at the first failure if it will be raised."""
        pictures = _Pictures(cases)
        failed = asyncio.Event()

        async def ask(at: int, group: Group) -> None:
            if failed.is_set():
                return
            reply = await self._ask(lambda: self._request(cases, group, pictures), group)
            done(at, reply)
            if reply.error and self.on_error == "raise":
                failed.set()

        tasks = [asyncio.create_task(ask(at, group)) for at, group in enumerate(groups)]

        async def finish() -> None:
            await asyncio.gather(*tasks)

        ends = [asyncio.create_task(finish()), asyncio.create_task(failed.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if ends[0].done():
                ends[0].result()
        finally:
            for task in (*tasks, *ends):
                task.cancel()
            await asyncio.gather(*tasks, *ends, return_exceptions=True)

    async def _ask(self, request: Callable[[], dict[str, Any]], group: Group) -> Reply:
        """Make one request until it succeeds, or there is no use."""
        begun, tokens, malformed = time.monotonic(), 0.0, 0
        for attempt in range(self.retries + 1):
            try:
                limits = self._connected().limits
                async with limits.turn() as charge:
                    try:
                        body = await self._post(request())  # made only now: it holds pictures
                    except ServerError:
                        charge(0.0)
                        raise
                    if (spent := _tokens_of(body)) is not None:
                        tokens += spent
                        charge(spent)
                    values = read_logprobs(body, group[0]) if self.reply == "logprobs" else read_json(body, group)
                return Reply(values, "", attempt + 1, tokens, time.monotonic() - begun)
            except ServerError as error:
                malformed += isinstance(error, MalformedReply)
                if attempt == self.retries or not error.again or malformed > 1:
                    return Reply((), self._without_key(str(error)), attempt + 1, tokens, time.monotonic() - begun)
                wait = min(2.0**attempt * 0.5, 30.0) * random.uniform(0.5, 1.0)
                if error.wait is not None:
                    wait = min(error.wait, _LONGEST_WAIT)
                    limits.pause(wait)
                if not isinstance(error, MalformedReply):
                    await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    def _request(self, cases: Cases, group: Group, pictures: _Pictures) -> dict[str, Any]:
        first = group[0]
        prompt = first.prompt
        if len(group) > 1:
            prompt = self.questioner.together(cases.instruction(first.case), [one.text for one in group])
        shown: list[dict[str, Any]] = []
        for which in first.pictures:
            if len(first.pictures) > 1:
                shown.append({"type": "text", "text": "Original:" if which == "source" else "Edited:"})
            shown.append({"type": "image_url", "image_url": {"url": pictures.url(which, first.case)}})
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": first.system},
                {"role": "user", "content": [*shown, {"type": "text", "text": prompt}]},
            ],
            "temperature": self._temperature,
            "seed": cases.sample,
        }
        if self.reply == "logprobs":
            request |= {"max_tokens": 1, "logprobs": True, "top_logprobs": 20}
        else:
            form = {"name": "answers", "strict": True, "schema": schema_of(group)}
            request |= {
                "max_tokens": 64 + 16 * len(group),
                "response_format": {"type": "json_schema", "json_schema": form},
            }
        return request | self._extra

    # ------------------------------------------------------------------ HTTP

    async def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request.

        Raises:
            ServerError: If it fails.
        """
        http, key = self._http, os.environ.get(self._key_name, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}

        async def exchange() -> tuple[Any, bytes]:
            async with self._connected().client.stream("POST", self._url, json=request, headers=headers) as response:
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _LONGEST_REPLY:
                        raise MalformedReply(f"the reply is longer than {_LONGEST_REPLY} bytes")
            return response, content

        try:
            # the client's own time-out begins anew with every byte
            response, content = await asyncio.wait_for(exchange(), self.timeout)
        except (http.TimeoutException, asyncio.TimeoutError):
            raise ServerError(f"no answer within {self.timeout:g} s", again=True) from None
        except http.TransportError as error:
            raise ServerError(
                f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, True
            ) from None
        except http.HTTPError as error:
            raise ServerError(f"{type(error).__name__}: {error}", False) from None
        text = content.decode("utf-8", "replace")
        if response.status_code != 200:
            shown = " ".join(self._without_key(text).split())[:_SHOWN]
            again = response.status_code in (408, 409, 429) or response.status_code >= 500
            wait = retry_after(response.headers.get("retry-after"))
            raise ServerError(f"HTTP {response.status_code}: {shown}", again, wait)
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise MalformedReply(f"expected JSON; found {text[:_SHOWN]!r}") from None
        if not isinstance(body, dict):
            raise MalformedReply(f"expected a JSON object; found {text[:_SHOWN]!r}")
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
        super().close()
        held, self._connection = self._connection, None
        if held is not None and held.pid == os.getpid():
            background.run(held.client.aclose())


class MalformedReply(ServerError):
    """A reply that is not what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(message, again=True)


class _Pictures:
    """Pictures of a batch as data URLs; the latest are kept, as several requests in a row show the same."""

    def __init__(self, cases: Cases) -> None:
        self._pixels: dict[str, torch.Tensor] = {"source": cases.source, "canvas": cases.canvas}
        self._urls: dict[tuple[str, int], str] = {}

    def url(self, which: str, i: int) -> str:
        """A picture as a PNG data URL."""
        from PIL import Image

        if (which, i) not in self._urls:
            if len(self._urls) >= _MOST_URLS:
                self._urls.pop(next(iter(self._urls)))
            file = io.BytesIO()
            Image.fromarray(self._pixels[which][i].cpu().numpy()).save(file, "PNG")
            self._urls[which, i] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
        return self._urls[which, i]


# ---------------------------------------------------------------------- replies


def schema_of(group: Group) -> dict[str, Any]:
    """The JSON schema of the answers to some questions."""
    bounds = (
        {"type": "integer", "minimum": 0, "maximum": len(DIGITS.answers) - 1}
        if group[0].scale is DIGITS
        else {"type": "number", "minimum": 0, "maximum": 1}
    )
    answers = {"type": "array", "items": bounds, "minItems": len(group), "maxItems": len(group)}
    return {
        "type": "object",
        "properties": {"answers": answers},
        "required": ["answers"],
        "additionalProperties": False,
    }


def read_json(body: Mapping[str, Any], group: Group) -> tuple[float, ...]:
    """The values of the answers in a reply, in [0, 1].

    Raises:
        MalformedReply: If it is not exactly what :func:`schema_of` asks for.
    """
    choice = _choice(body)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise MalformedReply(f"expected text; found {_shown(message)}")
    if choice.get("finish_reason") == "length":
        raise MalformedReply(f"the reply was cut off: {text[-_SHOWN:]!r}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedReply(f"expected a JSON object; found {text[:_SHOWN]!r}") from None
    answers = found.get("answers") if isinstance(found, dict) and set(found) == {"answers"} else None
    if not isinstance(answers, list):
        raise MalformedReply(f"expected {{'answers': [...]}}; found {text[:_SHOWN]!r}")
    if len(answers) != len(group):
        raise MalformedReply(f"expected {len(group)} answers; found {len(answers)}")
    whole = group[0].scale is DIGITS
    highest = len(DIGITS.answers) - 1 if whole else 1
    for value in answers:
        number = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not number or not 0 <= value <= highest:
            kind = "a whole number" if whole else "a number"
            raise MalformedReply(f"expected {kind} from 0 to {highest}; found {value!r}"[:_SHOWN])
    return tuple(DIGITS.values[value] if whole else float(value) for value in answers)


def read_logprobs(body: Mapping[str, Any], question: Question) -> tuple[float, ...]:
    """The value of the first token's alternatives, in [0, 1].

    Raises:
        MalformedReply: If they are missing, not what they should be, or too little of the probability is on answers.
    """
    choice = _choice(body)
    try:
        alternatives = choice["logprobs"]["content"][0]["top_logprobs"]
        found = [(str(one["token"]), math.exp(min(float(one["logprob"]), 0.0))) for one in alternatives]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise MalformedReply(f"expected logprobs with top_logprobs; found {_shown(choice.get('logprobs'))}") from None
    value, mass = question.scale.expected(found)
    if not mass >= SMALLEST_MASS:
        raise MalformedReply(
            f"expected one of {question.scale.answers}; they have {mass:.2f} of the probability, "
            f"and {found[0][0]!r} is likeliest"
            if found
            else "expected top_logprobs; found none"
        )
    return (value,)


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


def _choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedReply(f"expected choices; found {_shown(body)}")
    return choices[0]


def _tokens_of(body: Mapping[str, Any]) -> float | None:
    """Tokens that a reply says it has cost; ``None`` if it does not."""
    usage = body.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return float(total) if isinstance(total, int) and 0 <= total < 1 << 31 else None


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]


def _http_library() -> Any:
    """httpx2, or httpx where Python is too old for it; what is used of them is the same."""
    for name in ("httpx2", "httpx"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImgEditError("judge 'openai' needs an HTTP client: pip install imgedit-gym[servers]")
