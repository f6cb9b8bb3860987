"""Loading vision-language models and language models of transformers."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError, reason_of
from imgedit_gym.models.safe_weights import from_safetensors

PARTS = ("image_processor", "tokenizer", "video_processor", "feature_extractor", "chat_template")

_TELLING = ("*.md", "*.png", "*.jpg", "*.svg", "measured.json")
"""Files that tell of a model; no answer depends on them."""

_HASHED_WHOLE = 64 * 2**20
"""Files of up to so many bytes are named by their content, larger ones by size and time."""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model that is ready.

    Attributes:
        name: Names the weights exactly.
        model: The model in evaluation mode.
        processor: Its processor; of a language model, its tokenizer.
        device: Where it is.
    """

    name: str
    model: Any
    processor: Any
    device: torch.device


@lru_cache(maxsize=4)
def load_image_text_model(model: str, revision: str | None, device: str, dtype: str) -> Pretrained:
    """Load an ``AutoModelForImageTextToText``; one process loads it once.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the model cannot be loaded.
    """
    with expecting("an image-text-to-text model", model):
        loaded = load_model("AutoModelForImageTextToText", model, revision, device, dtype)
        processor = load_processor(model, revision)
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "chat_template", None) is None:
        raise ImgEditError(f"model {model!r}: expected a processor with a tokenizer and a chat template")
    return _ready(model, loaded, processor, tokenizer)


@lru_cache(maxsize=4)
def load_language_model(model: str, revision: str | None, device: str, dtype: str) -> Pretrained:
    """Load an ``AutoModelForCausalLM`` with its tokenizer; as :func:`load_image_text_model`."""
    with expecting("a language model", model):
        loaded = load_model("AutoModelForCausalLM", model, revision, device, dtype)
        tokenizer = transformers_library().AutoTokenizer.from_pretrained(
            model, revision=revision, trust_remote_code=False
        )
    return _ready(model, loaded, tokenizer, tokenizer)


def load_model(loader: str, model: str, revision: str | None, device: str, dtype: str) -> Any:
    """Weights of transformers, of safetensors alone, in evaluation mode and where they are to compute.

    Args:
        loader: Name of a class of transformers, such as ``"AutoModel"``.
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, elsewhere what the weights are stored in.

    Raises:
        ImgEditError: If transformers is not installed, or the weights are pickled.
        OSError, ValueError, KeyError, ImportError: If the model cannot be loaded; see :func:`expecting`.
    """
    where = torch.device(device)
    kind = getattr(transformers_library(), loader)
    loaded = from_safetensors(kind, model, revision, dtype=kind_of(dtype, where))
    return loaded.to(where).eval().requires_grad_(False)


@contextmanager
def expecting(what: str, model: str) -> Iterator[None]:
    """Say what was expected where a model cannot be loaded.

    Args:
        what: Such as ``"a language model"``.
        model: Folder or hub id.

    Raises:
        ImgEditError: If an error was raised.
    """
    try:
        yield
    except ImgEditError:
        raise
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ImgEditError(f"model {model!r}: expected a folder or hub id of {what}; {reason_of(error)}") from error


def transformers_library() -> Any:
    """The package transformers.

    Raises:
        ImgEditError: If it is not installed, or does not go with torch.
    """
    try:
        import transformers

        transformers.AutoModelForImageTextToText  # noqa: B018 - absent where torch is too old
    except (ImportError, AttributeError) as error:
        raise ImgEditError(
            f"models of transformers need the extra 'models' (pip install 'imgedit-gym[models]'): {error}"
        ) from error
    return transformers


def kind_of(dtype: str, where: torch.device) -> Any:
    """The torch type of a name; of ``"auto"`` float32 on a CPU and ``"auto"`` elsewhere.

    Raises:
        ImgEditError: If there is none of that name.
    """
    kind: Any = "auto" if dtype == "auto" else getattr(torch, dtype, None)
    if kind is None or not (kind == "auto" or isinstance(kind, torch.dtype)):
        raise ImgEditError(f"dtype must be 'auto' or the name of a torch type; found {dtype!r}")
    return torch.float32 if kind == "auto" and where.type == "cpu" else kind


def _ready(model: str, loaded: Any, processor: Any, tokenizer: Any) -> Pretrained:
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Pretrained(name_of(model, loaded), loaded, processor, loaded.device)


def name_of(model: str, loaded: Any) -> str:
    """Names weights exactly: folder and content, or hub id and commit; and their type.

    Args:
        model: Folder or hub id.
        loaded: What was loaded from there.
    """
    commit = getattr(loaded.config, "_commit_hash", None)
    name = f"{model}@{commit}" if commit else f"{Path(model).name}@{folder_digest(Path(model))}"
    return f"{name}, {loaded.dtype}"


def load_processor(model: str, revision: str | None = None) -> Any:
    """The model's processor; put together without its video part where that lacks a package."""
    import transformers

    try:
        return transformers.AutoProcessor.from_pretrained(model, revision=revision, trust_remote_code=False)
    except (ImportError, ValueError) as error:
        failure = error
    try:
        written = dict(transformers.ProcessorMixin.get_processor_dict(model, revision=revision)[0])
        kind = getattr(transformers, written.pop("processor_class"))
        parts = {
            "image_processor": transformers.AutoImageProcessor.from_pretrained(
                model, revision=revision, trust_remote_code=False
            ),
            "tokenizer": transformers.AutoTokenizer.from_pretrained(model, revision=revision, trust_remote_code=False),
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


def folder_digest(folder: Path) -> str:
    """Names the content of a folder and the folders in it; hidden files, and what tells of a model, are left out."""
    found = hashlib.sha256()
    named = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    for name, path in sorted(named.items()):
        if any(part.startswith(".") for part in name.parts) or any(map(name.match, _TELLING)):
            continue
        status = path.stat()
        found.update(name.as_posix().encode())
        if status.st_size <= _HASHED_WHOLE:
            found.update(path.read_bytes())
        else:
            found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return found.hexdigest()[:16]
