"""Asking a model behind an OpenAI-compatible chat server: vLLM, SGLang, llama.cpp, or a hosted one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from imgedit_gym.models.server import SHOWN, Answer, MalformedReply, Server, shown

T = TypeVar("T")

_LONGEST_REPLY = 1 << 20
"""Bytes of a reply at most: no answer is longer."""


class ChatServer(Server):
    """A server with ``POST {base_url}/chat/completions``; see :class:`imgedit_gym.models.server.Server`."""

    path = "/chat/completions"
    longest_reply = _LONGEST_REPLY

    async def ask(self, request: Callable[[], dict[str, Any]], read: Callable[[dict[str, Any]], T]) -> Answer[T]:
        """Make one request until it succeeds, or there is no use.

        Args:
            request: Makes the request's fields, only when its turn has come: they may hold pictures.
            read: Reads the reply; raises :class:`MalformedReply` where it is not what was asked for.
        """
        return await self.send(lambda: {"json": request()}, read)


def choice_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first choice of a reply.

    Raises:
        MalformedReply: If there is none.
    """
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedReply(f"expected choices; found {shown(body)}")
    return choices[0]


def object_of(body: Mapping[str, Any], key: str) -> list[Any]:
    """The list under the one key of the JSON object that a reply's text is.

    Raises:
        MalformedReply: If the text is anything else.
    """
    choice = choice_of(body)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise MalformedReply(f"expected text; found {shown(message)}")
    if choice.get("finish_reason") == "length":
        raise MalformedReply(f"the reply was cut off: {text[-SHOWN:]!r}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedReply(f"expected a JSON object; found {text[:SHOWN]!r}") from None
    items = found.get(key) if isinstance(found, dict) and set(found) == {key} else None
    if not isinstance(items, list):
        raise MalformedReply(f"expected {{{key!r}: [...]}}; found {text[:SHOWN]!r}")
    return items
