"""A judge behind an OpenAI-compatible chat server: vLLM, SGLang, llama.cpp, or a hosted one."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.asking import Done, Group, QuestionJudge, Reply
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.questions import DIGITS, SMALLEST_MASS, YES_NO, Question
from imgedit_gym.models import background
from imgedit_gym.models.chat_server import ChatServer, choice_of, object_of
from imgedit_gym.models.pictures import png_of
from imgedit_gym.models.server import MalformedReply, address_of, shown

REPLIES = ("json", "logprobs")
_MOST_URLS = 256


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
        if not is_number(temperature) or not 0 <= temperature < math.inf:
            raise ImgEditError(f"temperature must be a number of at least 0; found {temperature!r}")
        if extra is not None and not isinstance(extra, Mapping):
            raise ImgEditError(f"extra must be a mapping of fields of the request; found {extra!r}")
        super().__init__(as_json=reply == "json", **questions)
        self.reply = reply
        self._model, self._temperature, self._extra = model, float(temperature), dict(extra or {})
        self._server = ChatServer(
            base_url,
            api_key_env=api_key_env,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            timeout=timeout,
            retries=retries,
        )
        asked = [model, address_of(base_url), revision, reply, self._temperature, self._extra]
        self.model = json.dumps(asked, sort_keys=True)

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
            reply = await self._ask(cases, group, pictures)
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

    async def _ask(self, cases: Cases, group: Group, pictures: _Pictures) -> Reply:
        """Ask about one group."""

        def read(body: dict[str, Any]) -> tuple[float, ...]:
            return read_logprobs(body, group[0]) if self.reply == "logprobs" else read_json(body, group)

        answer = await self._server.ask(lambda: self._request(cases, group, pictures), read)
        return Reply(answer.value or (), answer.error, answer.calls, answer.tokens, answer.seconds)

    def _request(self, cases: Cases, group: Group, pictures: _Pictures) -> dict[str, Any]:
        first = group[0]
        prompt = first.prompt
        if len(group) > 1:
            prompt = self.questioner.together(cases.instruction(first.case), [one.text for one in group])
        pictured: list[dict[str, Any]] = []
        for which in first.pictures:
            if len(first.pictures) > 1:
                pictured.append({"type": "text", "text": "Original:" if which == "source" else "Edited:"})
            pictured.append({"type": "image_url", "image_url": {"url": pictures.url(which, first.case)}})
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": first.system},
                {"role": "user", "content": [*pictured, {"type": "text", "text": prompt}]},
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

    def close(self) -> None:
        """Close the connections; they are made again when needed."""
        super().close()
        self._server.close()


class _Pictures:
    """Pictures of a batch as data URLs; the latest are kept, as several requests in a row show the same."""

    def __init__(self, cases: Cases) -> None:
        self._pixels: dict[str, torch.Tensor] = {"source": cases.source, "canvas": cases.canvas}
        self._urls: dict[tuple[str, int], str] = {}

    def url(self, which: str, i: int) -> str:
        """A picture as a PNG data URL."""
        if (which, i) not in self._urls:
            if len(self._urls) >= _MOST_URLS:
                self._urls.pop(next(iter(self._urls)))
            content = png_of(self._pixels[which][i].cpu().numpy())
            self._urls[which, i] = "data:image/png;base64," + base64.b64encode(content).decode()
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
    answers = object_of(body, "answers")
    if len(answers) != len(group):
        raise MalformedReply(f"expected {len(group)} answers; found {len(answers)}")
    whole = group[0].scale is DIGITS
    highest = len(DIGITS.answers) - 1 if whole else 1
    for value in answers:
        number = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not number or not 0 <= value <= highest:
            kind = "a whole number" if whole else "a number"
            raise MalformedReply(f"expected {kind} from 0 to {highest}; found {shown(value)}")
    return tuple(DIGITS.values[value] if whole else float(value) for value in answers)


def read_logprobs(body: Mapping[str, Any], question: Question) -> tuple[float, ...]:
    """The value of the first token's alternatives, in [0, 1].

    Raises:
        MalformedReply: If they are missing, not what they should be, or too little of the probability is on answers.
    """
    choice = choice_of(body)
    try:
        alternatives = choice["logprobs"]["content"][0]["top_logprobs"]
        found = [(str(one["token"]), math.exp(min(float(one["logprob"]), 0.0))) for one in alternatives]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise MalformedReply(f"expected logprobs with top_logprobs; found {shown(choice.get('logprobs'))}") from None
    value, mass = question.scale.expected(found)
    if not mass >= SMALLEST_MASS:
        raise MalformedReply(
            f"expected one of {question.scale.answers}; they have {mass:.2f} of the probability, "
            f"and {found[0][0]!r} is likeliest"
            if found
            else "expected top_logprobs; found none"
        )
    return (value,)
