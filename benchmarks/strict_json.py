"""Reading JSON that a stranger wrote: bounded in size and depth, no key twice, real numbers and text only."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import ImgEditError

MAX_DEPTH = 16
_STRINGS = re.compile(r'"(?:[^"\\]|\\.|\\\Z)*(?:"|\Z)', re.DOTALL)
"""Strings, one that is never closed included: otherwise looking for its end again and again would take forever."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class StrictError(ImgEditError):
    """A file or text is not what it should be.

    Attributes:
        check: Name of the rule that is broken, such as ``json.depth``.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


def read_bytes(path: Path, limit: int) -> bytes:
    """Content of a plain file, never through a link.

    Raises:
        StrictError: If it is no plain file or longer than the limit.
        OSError: If it cannot be read.
    """
    # without O_NONBLOCK opening a pipe would wait for somebody to write
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise StrictError("folder.special", "expected a plain file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise StrictError("file.size", f"expected at most {limit} bytes")
    return content


def decode(content: bytes) -> str:
    """Text of UTF-8 without a byte-order mark.

    Raises:
        StrictError: If it is none.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictError("json.encoding", f"expected UTF-8; {error.reason} at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise StrictError("json.encoding", "expected no byte-order mark")
    return text


def parse(text: str, depth: int = MAX_DEPTH) -> Any:
    """What a JSON text says.

    Raises:
        StrictError: If it is none, nested deeper than ``depth``, has a key twice, a number that is not finite or too
            long, or half of a surrogate pair.
    """
    _check_depth(text, depth)
    try:
        return json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
        )
    except StrictError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictError("json.syntax", f"expected JSON; {error}") from None


def read_json(path: Path, limit: int, depth: int = MAX_DEPTH) -> Any:
    """Content of a JSON file; see :func:`read_bytes` and :func:`parse`."""
    return parse(decode(read_bytes(path, limit)), depth)


def lines_of(content: bytes, longest: int) -> Iterator[tuple[int, str]]:
    """Lines of a file with their numbers, from 1; the last must end like the others.

    Raises:
        StrictError: If a line is too long, empty, or not ended.
    """
    if content and not content.endswith(b"\n"):
        raise StrictError("json.syntax", "expected a line break at the end; the file seems to be cut off")
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if len(line) > longest:
            raise StrictError("file.size", f"line {number}: expected at most {longest} bytes")
        if not line.strip():
            raise StrictError("json.syntax", f"line {number}: expected a JSON object; found an empty line")
        yield number, decode(line)


def _check_depth(text: str, most: int) -> None:
    depth = 0
    for character in re.sub(r"[^\[\]{}]+", "", _STRINGS.sub("", text)):
        depth += 1 if character in "[{" else -1
        if depth > most:
            raise StrictError("json.depth", f"expected at most {most} levels of nesting")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (double, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise StrictError("json.double-key", f"expected each key once; found {double[:40]!a} again")
    for key, value in pairs:
        for text in (key, value) if isinstance(value, str) else (key,):
            _check_text(text)
        if isinstance(value, list):
            for item in value:
                if isinstance(item, str):
                    _check_text(item)
    return found


def _check_text(text: str) -> None:
    if _SURROGATE.search(text):
        raise StrictError("json.encoding", "expected text; found half of a surrogate pair")


def _refuse(constant: str) -> float:
    raise StrictError("json.number", f"expected a number; found {constant}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise StrictError("json.number", f"expected a finite number; found {digits[:40]}")
    return value


def _whole(digits: str) -> int:
    if len(digits) > 40:
        raise StrictError("json.number", f"expected at most 40 digits; found {len(digits)}")
    return int(digits)
