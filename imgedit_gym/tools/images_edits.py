"""An editor behind an HTTP server that speaks OpenAI's image edits: vLLM-Omni, SGLang, LiteLLM, or a hosted one."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.images import image_size, read_image
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.models import background, server
from imgedit_gym.models.pictures import png_of
from imgedit_gym.models.server import Answer, MalformedReply, Server, address_of, shown
from imgedit_gym.tools.editor import EditorTool, Failure, Request, checked

_LOG = logging.getLogger(__name__)

MASKS = ("transparent", "white")
FORMATS = ("PNG", "JPEG", "WEBP")
"""Formats of pictures that are taken from a server."""

_LONGEST_SIDE = 4096
_REASONS = {
    server.Failure.TIMEOUT: "no answer of the server within {timeout:g} s",
    server.Failure.UNREACHABLE: "the server could not be reached",
    server.Failure.BUSY: "the server is too busy, or broken",
    server.Failure.REFUSED: "the server refused the edit",
    server.Failure.MALFORMED: "the server's answer is no picture of the asked shape",
}
"""What agents read of a failure: few reasons, whatever a server says; its words are logged."""


class ImagesServer(Server):
    """A server with ``POST {base_url}/images/edits``; see :class:`imgedit_gym.models.server.Server`."""

    path = "/images/edits"
    longest_reply = 64 << 20


class ImagesEdits(EditorTool):
    """Has pictures edited by ``POST {base_url}/images/edits``, all edits of a step side by side.

    What can pass is tried again, later each time: time-outs, refused and broken connections, 408, 409, 429 and 5xx, for
    as long as ``Retry-After`` says if it does; replies that are no picture of the asked shape, once. Links in replies
    are not followed.

    The key is read from the environment when a request is made, and kept nowhere else.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        model: Name of the model, as the server has it.
        base_url: Address of the server up to ``/v1``.
        mask: How the region is told: ``"transparent"``, as OpenAI has it, by a field ``mask`` that is transparent where
            to edit; ``"white"``, as vLLM-Omni has it, by a field ``mask_image`` that is white there; ``None``: not at
            all. A server whose model takes no mask mostly ignores it. The edit is confined to the region in any case.
        size: Edge in pixels that pictures are sent in and asked for.
        seed: Mixed into the seed of every edit, which is sent; ``None`` to send none, for servers that take none, such
            as OpenAI's own.
        response_format: Sent; ``None`` to send none, for models that take none, such as OpenAI's ``gpt-image`` ones.
        extra: Further fields of the request, such as ``{"num_inference_steps": 8, "true_cfg_scale": 4.0}``.
        revision: Which weights the server has under this name; part of what edits are cached by.
        api_key_env: Environment variable that holds the key; where it is not set none is sent.
        concurrency: Requests under way at a time.
        requests_per_minute: Requests a minute at most; ``None`` for no limit.
        timeout: Seconds until a request is given up.
        retries: How often a failed request is made again.
        **editor: ``name``, ``prompt``, ``verbs``, ``margin``, ``least``, ``feather``, ``reach`` and ``cache``; see
            :class:`imgedit_gym.tools.editor.EditorTool`.

    Raises:
        ImgEditError: If an argument is not what is expected, or the HTTP client is not installed.
    """

    id = "images-edits"
    deterministic = False

    def __init__(
        self,
        stock: Stock,
        vocabulary: Vocabulary,
        *,
        model: str,
        base_url: str = "http://localhost:8000/v1",
        mask: str | None = "transparent",
        size: int = 1024,
        seed: int | None = 0,
        response_format: str | None = "b64_json",
        extra: Mapping[str, Any] | None = None,
        revision: str = "",
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        timeout: float = 120.0,
        retries: int = 3,
        **editor: Any,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be the name of a model on the server; found {model!r}")
        if mask is not None and mask not in MASKS:
            raise ImgEditError(f"mask must be one of {MASKS}, or None; found {mask!r}")
        if response_format is not None and not isinstance(response_format, str):
            raise ImgEditError(f"response_format must be text such as 'b64_json', or None; found {response_format!r}")
        if size is None:
            raise ImgEditError("size must be a whole number: servers have sizes of their own")
        super().__init__(stock, vocabulary, size=size, seed=0 if seed is None else seed, **editor)
        self._fields = _form_of(extra) | {"model": model, "n": "1", "size": f"{size}x{size}"}
        if response_format is not None:
            self._fields["response_format"] = response_format
        self._mask, self._timeout, self._sends_seed = mask, timeout, seed is not None
        self._server = ImagesServer(
            base_url,
            api_key_env=api_key_env,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            timeout=timeout,
            retries=retries,
        )
        self._asked = [address_of(base_url), revision, mask, self._fields]

    def identity(self) -> Any:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        return [ImagesEdits.id, self.version, *self._asked]

    def edit(self, requests: Sequence[Request]) -> list[torch.Tensor | Failure]:
        """See :class:`imgedit_gym.tools.editor.EditorTool`."""
        answers = background.run(self._edit_all(requests))
        failed = [answer.error for answer in answers if answer.value is None]
        if failed:
            _LOG.warning("%s: %d of %d edits failed; the first: %s", self.id, len(failed), len(answers), failed[0])
        return [self._result(answer) for answer in answers]

    async def _edit_all(self, requests: Sequence[Request]) -> list[Answer[torch.Tensor]]:
        return await background.together(self._edit(request) for request in requests)

    async def _edit(self, request: Request) -> Answer[torch.Tensor]:
        return await self._server.send(lambda: self._form(request), lambda body: read_reply(body, request))

    def _result(self, answer: Answer[torch.Tensor]) -> torch.Tensor | Failure:
        if answer.value is not None:
            return answer.value
        assert answer.failure is not None
        return Failure(_REASONS[answer.failure].format(timeout=self._timeout))

    def _form(self, request: Request) -> dict[str, Any]:
        """A multipart form: text fields, and files."""
        fields = {**self._fields, "prompt": request.prompt}
        if self._sends_seed:
            fields["seed"] = str(request.seed % 2**31)
        files = {"image": ("image.png", png_of(request.picture.numpy()), "image/png")}
        inside = request.mask.numpy()
        # where all may change, there is nothing to keep
        if self._mask is not None and not inside.all():
            if self._mask == "white":
                files["mask_image"] = ("mask.png", png_of(inside.astype(np.uint8) * 255), "image/png")
            else:
                opaque = np.zeros((*inside.shape, 4), np.uint8)
                opaque[..., 3] = np.where(inside, 0, 255)
                files["mask"] = ("mask.png", png_of(opaque), "image/png")
        return {"data": fields, "files": files}

    def close(self) -> None:
        """Close the connections and the cache's file; they are opened again when needed."""
        super().close()
        self._server.close()


def read_reply(body: Mapping[str, Any], request: Request) -> torch.Tensor:
    """The picture of a reply, ``uint8 [h, w, 3]``.

    Raises:
        MalformedReply: If there is none, it is too large, or of another shape than what was sent.
    """
    data = body.get("data")
    if not isinstance(data, list) or len(data) != 1 or not isinstance(data[0], dict):
        raise MalformedReply(f"expected one picture under 'data'; found {shown(body)}")
    text = data[0].get("b64_json")
    if not isinstance(text, str):
        if data[0].get("url"):
            raise MalformedReply("expected a picture; found a link to one: ask for response_format='b64_json'")
        raise MalformedReply(f"expected a picture under 'b64_json'; found {shown(data[0])}")
    try:
        content = base64.b64decode(text, validate=True)
        if max(sides := image_size(content, "reply")) > _LONGEST_SIDE:
            raise MalformedReply(f"expected at most {_LONGEST_SIDE} pixels a side; found {sides[0]} x {sides[1]}")
        picture = torch.from_numpy(read_image(content, "reply", FORMATS))
    except (binascii.Error, ValueError) as error:
        raise MalformedReply(str(error)) from None
    found = checked(picture, request)
    if isinstance(found, Failure):
        raise MalformedReply(found.reason)
    return found


def _form_of(extra: Mapping[str, Any] | None) -> dict[str, str]:
    """Further fields of a form, as text."""
    if extra is not None and not (isinstance(extra, Mapping) and all(isinstance(name, str) for name in extra)):
        raise ImgEditError(f"extra must be a mapping of fields of the request; found {extra!r}")
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in (extra or {}).items()
    }
