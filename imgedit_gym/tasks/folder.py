"""A folder of images as a source of tasks: ``tasks="folder:PATH"``.

Beside the images stands ``tasks.jsonl``, one JSON object a line, or ``tasks.yaml``, a list of mappings, or a mapping
with the key ``tasks`` and, where wanted, ``name`` and ``licence``. Keys of a record:

================ ====================================================================================
key              content
================ ====================================================================================
``image``        file name inside the folder
``instruction``  the request
``plan``         list of lines; without it the request is the only step
``checklist``    list of requirements: in words, or mappings as in :mod:`imgedit_gym.tasks.users`
``mask``         file name of a mask of the image's size, light where the edit belongs
``objects``      list of ``{"name", "box"}``, boxes top, left, bottom, right in pixels of the image
``headline_box`` such a box
``split``        the split it belongs to; without it to every one
``id``           its name; without it its number
================ ====================================================================================

Or there are images alone, and the instructions come with the arguments.
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.images import SUFFIXES
from imgedit_gym.core.plan import normalise
from imgedit_gym.tasks.records import Record, RecordTasks, given_path, regions_for

FILES = ("tasks.jsonl", "tasks.yaml", "tasks.yml")
MAX_FILE = 16 << 20
"""Most bytes of a file of tasks."""

MAX_RECORDS = 100_000
MAX_DEPTH = 16
"""Most levels of lists and mappings in YAML."""

_OPTIONS = ("plan", "checklist", "objects", "headline_box")
KEYS = ("id", "image", "instruction", "mask", "split", *_OPTIONS)


class FolderTasks(RecordTasks):
    """The tasks of a folder.

    Args:
        path: The folder.
        image_size: Edge of the pictures in pixels, 64 to 512.
        max_plan_steps: Longest plan, 1 to 8.
        split: Records of another split are left out.
        device: Where tensors live.
        instructions: One request or several, each for every image; the folder has no file of tasks then.
        fit: How an image becomes square: ``letterbox``, ``crop`` or ``stretch``.
        licence: Licence of the images, to be shown.

    Raises:
        ImgEditError: If there is no such folder, or something in it is not what is expected: file, line and reason.
    """

    id = "folder"
    short: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(
        self,
        path: str | Path,
        image_size: int,
        max_plan_steps: int,
        split: str,
        device: torch.device,
        instructions: str | Sequence[str] | None = None,
        fit: str = "letterbox",
        licence: str | None = None,
    ) -> None:
        root = folder_of(path)
        told: dict[str, Any] = {}
        if instructions is not None:
            records = list(_bare(root, instructions))
            regions = regions_for(records)
        else:
            told, found = _read_tasks(root, path)
            records = [record for record, of in found if of in (None, split)]
            regions = regions_for(record for record, _ in found)  # the same for every split
            if not records:
                splits = sorted({str(of) for _, of in found})
                raise ImgEditError(f"{path}: expected records of the split {split!r}; found some of {splits}")
        name = normalise(str(told.get("name") or root.name or "root"), 60).replace("/", "_")
        credits = {"name": name, "licence": str(licence or told.get("licence") or "not stated")}
        super().__init__(records, name, credits, image_size, max_plan_steps, device, fit, regions=regions)


def folder_of(path: str | Path) -> Path:
    """A folder that is there, without links in its path.

    Raises:
        ImgEditError: If there is none.
    """
    if not isinstance(path, (str, Path)):
        raise ImgEditError(f"path: expected the path of a folder; found {path!r}")
    try:
        root = Path(path).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImgEditError(f"{path}: expected a folder; {reason}") from None
    if not root.is_dir():
        raise ImgEditError(f"{path}: expected a folder; found a file")
    return root


def inside(root: Path, name: Any, where: str) -> Path:
    """A file of a folder by its name.

    Args:
        root: The folder, resolved.
        name: What a record says; below the folder, links included.
        where: What the error message begins with.

    Raises:
        ImgEditError: If that is no file below the folder.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > 1000:
        raise ImgEditError(f"{where}: expected a file name; found {name!r}"[:300])
    relative = Path(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ImgEditError(f"{where}: expected a file inside the folder; found {name!r}")
    try:
        path = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImgEditError(f"{where}: expected a file inside the folder; {name!r}: {reason}") from None
    if not path.is_relative_to(root):
        raise ImgEditError(f"{where}: expected a file inside the folder; {name!r} is a link out of it")
    if not path.is_file():
        raise ImgEditError(f"{where}: expected a file; found {name!r}, which is none")
    return path


def read_text(path: Path, told: str, most: int = MAX_FILE) -> str:
    """A text file of bounded size.

    Raises:
        ImgEditError: If it is larger, cannot be read, or is not in UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ImgEditError(f"{told}: expected a file that can be read; {error.strerror}") from None
    if len(content) > most:
        raise ImgEditError(f"{told}: expected at most {most} bytes; found more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ImgEditError(
            f"{told}, line {line}: expected text in UTF-8; found byte {content[error.start]:#x}"
        ) from None


# ---------------------------------------------------------------------- images alone


def _bare(root: Path, instructions: str | Sequence[str]) -> Iterator[Record]:
    present = [name for name in FILES if (root / name).exists()]
    if present:
        raise ImgEditError(f"{root}: expected images alone, as instructions are given; found {present[0]} beside them")
    requests = [instructions] if isinstance(instructions, str) else instructions
    if not isinstance(requests, Sequence) or not requests or not all(isinstance(one, str) for one in requests):
        raise ImgEditError(f"instructions: expected a text or a list of texts; found {instructions!r}"[:300])
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not files:
        raise ImgEditError(f"{root}: expected images ({', '.join(SUFFIXES)}); found none")
    if len(files) * len(requests) > MAX_RECORDS:
        raise ImgEditError(f"{root}: expected at most {MAX_RECORDS} tasks; found {len(files) * len(requests)}")
    for file, (number, request) in itertools.product(files, enumerate(requests, start=1)):
        id = file.name if len(requests) == 1 else f"{file.name}/{number}"
        image = inside(root, file.name, str(root))
        yield Record(id, f"{root.name}/{file.name}", partial(given_path, image), request)


# ---------------------------------------------------------------------- a file of tasks


def _read_tasks(root: Path, path: str | Path) -> tuple[dict[str, Any], list[tuple[Record, str | None]]]:
    present = [name for name in FILES if (root / name).exists()]
    if len(present) != 1:
        found = " and ".join(present) or "none, and no instructions are given"
        raise ImgEditError(f"{path}: expected one of {', '.join(FILES)}; found {found}")
    told = f"{path}/{present[0]}"
    text = read_text(inside(root, present[0], str(path)), told)
    about, entries = _json_lines(text, told) if present[0].endswith("l") and "json" in present[0] else _yaml(text, told)
    if len(entries) > MAX_RECORDS:
        raise ImgEditError(f"{told}: expected at most {MAX_RECORDS} records; found {len(entries)}")
    if not entries:
        raise ImgEditError(f"{told}: expected one record at least; found none")
    return about, [
        _record(root, entry, f"{told}, line {line}", number) for number, (line, entry) in enumerate(entries, 1)
    ]


def _record(root: Path, entry: Any, where: str, number: int) -> tuple[Record, str | None]:
    if not isinstance(entry, dict):
        raise ImgEditError(f"{where}: expected a record with the keys 'image' and 'instruction'; found {_short(entry)}")
    for key in entry:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ImgEditError(f"{where}: expected keys out of {', '.join(KEYS)}; found {_short(key)}{hint}")
    for key in ("image", "instruction"):
        if key not in entry:
            raise ImgEditError(f"{where}: expected the key {key!r}; found {', '.join(sorted(entry)) or 'none'}")
    id, split, mask = entry.get("id", f"{number:04d}"), entry.get("split"), entry.get("mask")
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    for key, value in (("id", id), ("split", split if split is not None else "")):
        if not isinstance(value, str):
            raise ImgEditError(f"{where}: {key}: expected text; found {_short(value)}")
    image = partial(given_path, inside(root, entry["image"], f"{where}: image"))
    marked = None if mask is None else partial(given_path, inside(root, mask, f"{where}: mask"))
    options = {key: entry[key] for key in _OPTIONS if entry.get(key) is not None}
    return Record(id, where, image, entry["instruction"], marked, options), split


def _json_lines(text: str, told: str) -> tuple[dict[str, Any], list[tuple[int, Any]]]:
    entries = []
    for line, words in enumerate(text.split("\n"), start=1):
        if words.strip():
            try:
                entries.append((line, json.loads(words)))
            except (ValueError, RecursionError) as error:
                raise ImgEditError(f"{told}, line {line}: expected a JSON object; {error}") from None
    return {}, entries


def _yaml(text: str, told: str) -> tuple[dict[str, Any], list[tuple[int, Any]]]:
    try:
        import yaml
    except ImportError:
        raise ImgEditError(
            f"{told}: needs the extra: pip install imgedit-gym[datasets]; or write tasks.jsonl"
        ) from None
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader, depth = None, 0
    try:
        loader = safe(text)
        for event in yaml.parse(text, Loader=safe):
            line = event.start_mark.line + 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):  # a few of them can stand for more than memory holds
                raise ImgEditError(f"{told}, line {line}: expected everything written out; found an alias")
            if depth > MAX_DEPTH:
                raise ImgEditError(f"{told}, line {line}: expected at most {MAX_DEPTH} levels; found more")
        node = loader.get_single_node()
        entries, about = node, {}
        if isinstance(node, yaml.MappingNode):
            parts = {loader.construct_object(key, deep=True): value for key, value in node.value}
            unknown = sorted(map(str, set(parts) - {"name", "licence", "tasks"}))
            if unknown or "tasks" not in parts:
                raise ImgEditError(f"{told}: expected the keys tasks, name and licence; found {unknown or list(parts)}")
            entries = parts.pop("tasks")
            about = {key: loader.construct_object(value, deep=True) for key, value in parts.items()}
        if not isinstance(entries, yaml.SequenceNode):
            raise ImgEditError(f"{told}: expected a list of records; found none")
        built = [(one.start_mark.line + 1, loader.construct_object(one, deep=True)) for one in entries.value]
    except yaml.reader.ReaderError as error:
        # the loader in C counts bytes, the one in Python characters
        before = text.encode()[: error.position] if safe.__name__ == "CSafeLoader" else text[: error.position].encode()
        line = before.count(b"\n") + 1
        raise DataFileError(f"{told}, line {line}: expected YAML; {error.reason}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or " ".join(str(error).split())[:200]
        place = told if mark is None else f"{told}, line {mark.line + 1}"
        raise ImgEditError(f"{place}: expected YAML; {reason}") from None
    except (RecursionError, TypeError, ValueError) as error:
        if isinstance(error, ImgEditError):
            raise
        raise ImgEditError(f"{told}: expected YAML; {type(error).__name__}: {error}"[:300]) from None
    finally:
        if loader is not None:
            loader.dispose()
    return about, built


def _short(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    told = repr(value)
    return told if len(told) <= 80 else told[:77] + "..."
