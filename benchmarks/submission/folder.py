"""Reading the folder of a submission: plain files of known names and bounded sizes, nothing followed, nothing run."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from benchmarks.strict_json import StrictError, decode, lines_of, parse, read_bytes
from benchmarks.submission.records import EpisodeRecord, Manifest
from benchmarks.submission.text import problem_of, texts_of
from benchmarks.suites.digest import sha256
from imgedit_gym.core.errors import ImgEditError

MANIFEST, EPISODES, PICTURES = "manifest.json", "episodes.jsonl", "pictures"
RUN = "run.json"
"""What a run of ``benchmarks.evaluate`` has in the place of a manifest."""

MAX_MANIFEST = 4 << 20
MAX_EPISODES = 64 << 20
MAX_LINE = 64 << 10
MAX_PICTURE = 4 << 20
MAX_FILES = 10_002
MAX_LINES = 10_000
MAX_FAULTS = 1000
PICTURE = re.compile(r"pictures/[0-9a-f]{64}\.png")
PROSE = ("description", "training")
"""Keys of the manifest whose texts may have several lines."""

_SHOWN = 120


@dataclass(frozen=True)
class Fault:
    """A broken rule.

    Attributes:
        check: Name of the rule.
        where: File, line or task.
        message: What was expected and what was found.
    """

    check: str
    where: str
    message: str


def check_folder(folder: Path) -> None:
    """Check that somebody who names a submission's folder has not named another one.

    Raises:
        ImgEditError: If there is none, or it is a run of ``benchmarks.evaluate``, or a folder of submissions.
    """
    if not folder.exists():
        raise ImgEditError(f"expected the folder of a submission; there is no {folder}")
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    if (folder / RUN).exists():
        raise ImgEditError(
            f"expected the folder of a submission; {folder} is a run of benchmarks.evaluate: "
            f"python -m benchmarks.submit prepare {folder} --out ... makes a submission of it"
        )
    inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if inside:
        raise ImgEditError(
            f"expected the folder of one submission; {folder} holds {len(inside)}: name one, such as {inside[0]}"
        )


def list_files(folder: Path) -> tuple[list[str], list[Fault]]:
    """Names of a submission's files, sorted, and what should not be there.

    Raises:
        StrictError: If it is no folder, or a link to one.
    """
    try:
        kind = os.lstat(folder).st_mode
    except OSError as error:
        raise StrictError("folder.missing", f"expected a folder; {error.strerror}") from None
    if not stat.S_ISDIR(kind):
        raise StrictError("folder.missing", "expected a folder, and no link to one")
    names: list[str] = []
    faults: list[Fault] = []
    for name, entry in _entries(folder):
        fault = _fault_of(name, entry)
        if fault is not None:
            faults.append(fault)
        elif not entry.is_dir(follow_symlinks=False):
            names.append(name)
        if len(names) + len(faults) > MAX_FILES:
            faults.append(Fault("folder.crowded", name, f"expected at most {MAX_FILES} files"))
            break
    return sorted(names), faults


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name, entry
            if entry.name == PICTURES and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry.path) as pictures:
                    yield from ((f"{PICTURES}/{picture.name}", picture) for picture in pictures)


def _fault_of(name: str, entry: os.DirEntry[str]) -> Fault | None:
    shown = ascii(name)[1:-1][:_SHOWN]
    if entry.is_symlink():
        return Fault("folder.link", shown, "expected no links")
    if entry.is_dir(follow_symlinks=False):
        return None if name == PICTURES else Fault("folder.unexpected", shown, f"expected no folder but {PICTURES}")
    if not entry.is_file(follow_symlinks=False):
        return Fault("folder.special", shown, "expected plain files")
    if name not in (MANIFEST, EPISODES) and not PICTURE.fullmatch(name):
        return Fault("folder.unexpected", shown, f"expected {MANIFEST}, {EPISODES} and {PICTURES}/<sha256>.png alone")
    return None


def read_manifest(folder: Path) -> tuple[Manifest | None, str, list[Fault]]:
    """The manifest, its hash, and what is wrong with it; ``None`` if it cannot be used."""
    try:
        content = _read(folder, MANIFEST, MAX_MANIFEST)
        record = parse(decode(content))
    except StrictError as error:
        return None, "", [Fault(error.check, MANIFEST, str(error))]
    faults = check_record(record, "manifest.v1.schema.json", "manifest.schema", MANIFEST)
    return (None if faults else Manifest(**record)), sha256(content), faults


def read_episodes(folder: Path) -> tuple[list[EpisodeRecord], str, list[Fault]]:
    """The episodes that can be read, the file's hash, and what is wrong with it."""
    try:
        content = _read(folder, EPISODES, MAX_EPISODES)
    except StrictError as error:
        return [], "", [Fault(error.check, EPISODES, str(error))]
    found: list[EpisodeRecord] = []
    faults: list[Fault] = []
    where = EPISODES
    try:
        if content.count(b"\n") > MAX_LINES:
            raise StrictError("file.size", f"expected at most {MAX_LINES} lines")
        for number, line in lines_of(content, MAX_LINE):
            where = f"{EPISODES}, line {number}"
            if len(faults) > MAX_FAULTS:
                break
            record = parse(line)
            wrong = check_record(record, "episode.v1.schema.json", "episodes.schema", where)
            faults.extend(wrong)
            if not wrong:
                found.append(EpisodeRecord.from_json(record))
    except StrictError as error:
        faults.append(Fault(error.check, where, str(error)))
    return found, sha256(content), faults


def read_picture(folder: Path, name: str, limit: int) -> bytes:
    """Content of a picture's file.

    Raises:
        StrictError: If it cannot be read or is too long.
    """
    return _read(folder, name, limit)


def read_bounded(folder: Path, name: str) -> bytes:
    """Content of any of a submission's files.

    Raises:
        StrictError: If it cannot be read or is too long.
    """
    return _read(folder, name, {MANIFEST: MAX_MANIFEST, EPISODES: MAX_EPISODES}.get(name, MAX_PICTURE))


def _read(folder: Path, name: str, limit: int) -> bytes:
    try:
        return read_bytes(folder / name, limit)
    except FileNotFoundError:
        raise StrictError("file.missing", f"expected the file {name}") from None
    except OSError as error:
        raise StrictError("file.unreadable", f"{name}: {error.strerror}") from None


def check_record(record: Any, schema: str, check: str, where: str) -> list[Fault]:
    """What is wrong with a JSON value against a schema, and with its texts; the first few faults."""
    errors = list(_first(_validator(schema).iter_errors(record), 3))
    faults = [Fault(check, where, _told(error)) for error in errors]
    for place, text in texts_of(record) if not faults else ():
        problem = problem_of(text, lines=place in PROSE)
        if problem:
            return [Fault("text.unicode", f"{where}, {place}", problem)]
    return faults


def _first(items: Iterator[Any], count: int) -> Iterator[Any]:
    for item, _ in zip(items, range(count), strict=False):
        yield item


def _told(error: Any) -> str:
    place = "/".join(str(part) for part in error.absolute_path) or "as a whole"
    message = ascii(error.message)[1:-1]
    return f"{place}: {message if len(message) <= _SHOWN else message[:_SHOWN] + '...'}"[: 3 * _SHOWN]


@lru_cache
def _validator(name: str) -> Draft202012Validator:
    text = (files("benchmarks.submission") / name).read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
