"""A chat server that speaks enough of the OpenAI protocol to be asked.

It answers yes with the share of pixels that differ between the pictures it is sent, in either form of reply.
"""

from __future__ import annotations

import base64
import io
import json
import math

import numpy as np
from PIL import Image

from tests import serving as scripted


def serving(port: int = 0):
    """The server while it runs; see :class:`tests.serving.ScriptedServer`."""
    return scripted.serving(lambda content, kind: json.loads(content), completion, port)


def pictures_of(body) -> list[np.ndarray]:
    """The pictures of a request."""
    found = []
    for part in body["messages"][1]["content"]:
        if part["type"] == "image_url":
            head, _, data = part["image_url"]["url"].partition(",")
            assert head == "data:image/png;base64"
            found.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))))
    return found


def truth_of(body) -> float:
    """What this server answers: the share of pixels that differ, and 0.875 about a single picture."""
    pictures = pictures_of(body)
    return 0.875 if len(pictures) < 2 else float((pictures[0] != pictures[1]).any(-1).mean())


def completion(body, text=None, finish="stop"):
    """The server's answer to a request."""
    value = truth_of(body)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    if body.get("logprobs"):
        tokens = [("Yes", 0.9 * value), (" no", 0.9 * (1 - value)), ("Maybe", 0.1)]
        if "digit" in body["messages"][1]["content"][-1]["text"]:
            tokens = [("9", 0.9 * value), ("0", 0.9 * (1 - value)), ("Maybe", 0.1)]
        tops = [{"token": token, "logprob": math.log(p) if p else -9999.0} for token, p in tokens]
        choice["logprobs"] = {"content": [{"token": tops[0]["token"], "logprob": -0.1, "top_logprobs": tops}]}
        choice["message"]["content"] = tops[0]["token"]
    elif text is None:
        answers = body["response_format"]["json_schema"]["schema"]["properties"]["answers"]
        one = round(9 * value) if answers["items"]["type"] == "integer" else value
        choice["message"]["content"] = json.dumps({"answers": [one] * answers["minItems"]})
    return {"choices": [choice], "usage": {"total_tokens": 100}}


def said(text, finish="stop"):
    """An action that answers with this text."""
    return lambda body: completion(body, text, finish)
