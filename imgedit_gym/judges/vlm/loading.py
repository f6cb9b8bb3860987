"""Loading vision-language models of transformers with their processors."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError

OWN_MODEL = Path(__file__).parents[2] / "weights" / "judge"
"""The model that comes with the package."""

SETTINGS = "judge.json"
PARTS = ("image_processor", "tokenizer", "video_processor", "feature_extractor", "chat_template")
_HASHED_WHOLE = 64 * 2**20
"""Files of up to so many bytes are named by their content, larger ones by size and time."""


@dataclass(frozen=True)
class Settings:
    """How a model is to be asked; a folder may bring its own in ``judge.json``.

    Attributes:
        pictures: ``"apart"``: it is shown the pictures one after another; ``"mosaic"``: laid into one, see
            :func:`imgedit_gym.judges.vlm.mosaic.mosaic`.
        edge: Edge in pixels to which pictures are reduced for a mosaic.
        prompt: ``"full"``: it is told everything; ``"question"``: the bare question.
        modes: What it can be used for.
    """

    pictures: str = "apart"
    edge: int = 0
    prompt: str = "full"
    modes: tuple[str, ...] = ("checklist", "rating")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that is ready.

    Attributes:
        name: Names the weights exactly.
        model: An ``AutoModelForImageTextToText`` in evaluation mode.
        processor: Its processor.
        settings: How it is to be asked.
        device: Where it is.
    """

    name: str
    model: Any
    processor: Any
    settings: Settings
    device: torch.device
    memo: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=4)
def load_model(model: str, revision: str | None, device: str, dtype: str) -> Loaded:
    """Load a model; one process loads it once.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the model cannot be loaded.
    """
    try:
        from transformers import AutoModelForImageTextToText
    except ImportError as error:
        raise ImgEditError(
            f"judge 'vlm' needs the extra 'models' (pip install 'imgedit-gym[models]'): {error}"
        ) from error
    where = torch.device(device)
    kind: Any = "auto" if dtype == "auto" else getattr(torch, dtype, None)
    if kind is None or not (kind == "auto" or isinstance(kind, torch.dtype)):
        raise ImgEditError(f"dtype must be 'auto' or the name of a torch type; found {dtype!r}")
    if kind == "auto" and where.type == "cpu":
        kind = torch.float32
    try:
        processor = _processor(model, revision)
        loaded: Any = AutoModelForImageTextToText.from_pretrained(model, revision=revision, dtype=kind)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ImgEditError(
            f"model {model!r}: expected a folder or hub id of an image-text-to-text model; {_first_line(error)}"
        ) from error
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "chat_template", None) is None:
        raise ImgEditError(f"model {model!r}: expected a processor with a tokenizer and a chat template")
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    loaded = loaded.to(where).eval().requires_grad_(False)
    commit = getattr(loaded.config, "_commit_hash", None)
    name = f"{model}@{commit}" if commit else f"{Path(model).name}@{_digest(Path(model))}"
    return Loaded(f"{name}, {loaded.dtype}", loaded, processor, _settings(Path(model)), where)


def _settings(folder: Path) -> Settings:
    path = folder / SETTINGS
    if not path.is_file():
        return Settings()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        settings = Settings(found["pictures"], int(found["edge"]), found["prompt"], tuple(found["modes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ImgEditError(f"{path}: expected pictures, edge, prompt and modes; {_first_line(error)}") from error
    if settings.pictures not in ("apart", "mosaic") or settings.prompt not in ("full", "question"):
        raise ImgEditError(f"{path}: expected pictures 'apart' or 'mosaic', prompt 'full' or 'question'; found {found}")
    return settings


def _processor(model: str, revision: str | None) -> Any:
    """The model's processor; put together without its video part where that lacks a package."""
    import transformers

    try:
        return transformers.AutoProcessor.from_pretrained(model, revision=revision)
    except (ImportError, ValueError) as error:
        failure = error
    try:
        written = dict(transformers.ProcessorMixin.get_processor_dict(model, revision=revision)[0])
        kind = getattr(transformers, written.pop("processor_class"))
        parts = {
            "image_processor": transformers.AutoImageProcessor.from_pretrained(model, revision=revision),
            "tokenizer": transformers.AutoTokenizer.from_pretrained(model, revision=revision),
        }
    except (OSError, KeyError, AttributeError, ValueError, ImportError):
        raise failure from None

    def check(self: Any, name: str, part: Any) -> Any:
        return type(None) if part is None else kind.check_argument_for_proper_class(self, name, part)

    # some talk of videos even where there are none
    plain = transformers.ProcessorMixin.apply_chat_template
    still = type(kind.__name__, (kind,), {"check_argument_for_proper_class": check, "apply_chat_template": plain})
    known = inspect.signature(kind.__init__).parameters
    settings = {key: value for key, value in written.items() if key in known and key not in PARTS}
    without: dict[str, Any] = {"video_processor": None} if "video_processor" in known else {}
    processor = still(**parts, **without, **settings)
    if processor.chat_template is None:
        processor.chat_template = parts["tokenizer"].chat_template or _template(model, revision)
    return processor


def _template(model: str, revision: str | None) -> str | None:
    """A chat template that stands in a file of its own."""
    from transformers.utils import cached_file

    path = cached_file(model, "chat_template.jinja", revision=revision, _raise_exceptions_for_missing_entries=False)
    return None if path is None else Path(path).read_text(encoding="utf-8")


def _digest(folder: Path) -> str:
    """Names the content of a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        status = path.stat()
        found.update(path.name.encode())
        if status.st_size <= _HASHED_WHOLE:
            found.update(path.read_bytes())
        else:
            found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()[:16]


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"
