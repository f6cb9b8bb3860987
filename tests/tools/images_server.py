"""A server of image edits that speaks enough of the OpenAI protocol to be asked.

It inverts the picture and answers in the size it is asked for, as a PNG.
"""

from __future__ import annotations

import base64
import io
from email.parser import BytesParser
from email.policy import HTTP

import numpy as np
from PIL import Image

from tests import serving as scripted


def serving(port: int = 0):
    """The server while it runs; see :class:`tests.serving.ScriptedServer`."""
    return scripted.serving(read_form, edited, port)


def read_form(content: bytes, kind: str) -> dict[str, str | bytes]:
    """Fields of a multipart form: text, and files as they are."""
    assert kind.startswith("multipart/form-data; boundary=")
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
    fields: dict[str, str | bytes] = {}
    for part in form.iter_parts():
        name, data = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        assert name not in fields
        if part.get_filename() is None:
            fields[name] = data.decode()
        else:
            assert part.get_content_type() == "image/png"
            fields[name] = data
    return fields


def pixels(file: bytes) -> np.ndarray:
    """A picture that was sent."""
    return np.asarray(Image.open(io.BytesIO(file)))


def file_of(picture: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(file, kind, **options)
    return file.getvalue()


def sent(file: bytes) -> dict:
    """A reply with a picture."""
    return {"created": 1, "data": [{"b64_json": base64.b64encode(file).decode()}]}


def edited(form) -> dict:
    """The server's answer to a request."""
    width, height = (int(side) for side in form["size"].split("x"))
    picture = Image.fromarray(255 - pixels(form["image"])).resize((width, height))
    return sent(file_of(picture, compress_level=1))
