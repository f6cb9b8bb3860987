"""Loading pipelines of diffusers: from a folder or the hub, each once, without running code that comes with them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError, reason_of
from imgedit_gym.models import pool
from imgedit_gym.models.loading import folder_digest, load_processor
from imgedit_gym.models.safe_weights import check_folder

OFFLOADS = ("model", "sequential")
LIBRARIES = ("diffusers", "transformers")
"""Where the parts of a pipeline may come from that nobody vouches for."""

_INDEX = "model_index.json"
_LONGEST_INDEX = 1 << 20
_DENOISERS = ("transformer", "unet")


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A pipeline that is ready.

    Attributes:
        name: Names the weights exactly.
        pipe: The ``DiffusionPipeline``.
        device: Where it computes.
        lock: To be held while it is called: its scheduler has a state.
    """

    name: str
    pipe: Any
    device: torch.device
    lock: threading.Lock = field(default_factory=threading.Lock)


def load_pipeline(
    model: str,
    *,
    revision: str | None = None,
    variant: str | None = None,
    pipeline: str | None = None,
    device: str | torch.device = "cpu",
    dtype: str = "auto",
    offload: str | None = None,
    compile: bool = False,
    trust: bool = False,
) -> Pipeline:
    """A pipeline of the process-wide pool, loaded by the first who asks for it.

    Weights are safetensors. Code that comes with a model, and parts from libraries other than diffusers and
    transformers, are refused unless ``trust`` is set; a class of one's own is named by ``pipeline`` instead.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        variant: Which of several sets of weights, such as ``"fp16"``.
        pipeline: The class to load, ``"module:Class"`` of a ``DiffusionPipeline``; ``None`` for the one of diffusers
            that the model names.
        device: A torch device.
        dtype: Name of a torch type; ``"auto"``: float32 on a CPU, bfloat16 elsewhere.
        offload: ``"model"`` keeps only the part that computes on the GPU, ``"sequential"`` only its layer; slower,
            less memory. ``None`` keeps all there.
        compile: Compile the denoiser with ``torch.compile`` on its first call.
        trust: Run code that comes with the model, and read pickled weights.

    Raises:
        ImgEditError: If diffusers is not installed, an argument is not what is expected, or the model cannot be loaded.
    """
    if not isinstance(model, str) or not model:
        raise ImgEditError(f"model must be the folder or hub id of a diffusers pipeline; found {model!r}")
    if offload is not None and offload not in OFFLOADS:
        raise ImgEditError(f"offload must be one of {OFFLOADS}, or None; found {offload!r}")
    where = torch.device(device)
    if offload is not None and where.type == "cpu":
        raise ImgEditError(f"offload={offload!r} brings parts to a GPU and back: expected a GPU; found device {where}")
    kind = getattr(torch, "float32" if where.type == "cpu" else "bfloat16") if dtype == "auto" else None
    kind = kind or getattr(torch, str(dtype), None)
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise ImgEditError(f"dtype must be 'auto' or the name of a floating-point torch type; found {dtype!r}")
    how = (revision, variant, pipeline, where, kind, offload, compile, trust)
    return pool.acquire(("diffusers", model, *map(str, how)), lambda: _load(model, *how))


def _load(
    model: str,
    revision: str | None,
    variant: str | None,
    pipeline: str | None,
    where: torch.device,
    kind: torch.dtype,
    offload: str | None,
    compile: bool,
    trust: bool,
) -> Pipeline:
    diffusers = _diffusers()
    loader = diffusers.DiffusionPipeline if pipeline is None else _own_class(pipeline, diffusers.DiffusionPipeline)
    arguments: dict[str, Any] = {"trust_remote_code": trust, "use_safetensors": None if trust else True}
    try:
        folder = Path(model)
        if not folder.is_dir():
            folder = Path(loader.download(model, revision=revision, variant=variant, **arguments))
        parts = _check_index(folder, loader if pipeline is not None else None, trust, diffusers)
        if not trust:
            held = [folder / name for name, source in parts.items() if source[0] is not None]
            for part in sorted({part if part.is_dir() else folder for part in held}):
                check_folder(part, model, f"diffusers.{loader.__name__}")
        arguments["dtype" if _version(diffusers) >= (0, 42) else "torch_dtype"] = kind
        pipe = loader.from_pretrained(
            folder, variant=variant, local_files_only=True, **arguments, **_replaced(folder, parts)
        )
    except ImgEditError:
        raise
    except (OSError, ValueError, ImportError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ImgEditError(
            f"model {model!r}: expected a folder or hub id of a diffusers pipeline with safetensors; {reason_of(error)}"
        ) from error
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False)
    if compile:
        for name in _DENOISERS:
            if isinstance(getattr(pipe, name, None), torch.nn.Module):
                getattr(pipe, name).compile()
    if offload == "model":
        pipe.enable_model_cpu_offload(device=where)
    elif offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=where)
    else:
        pipe.to(where)
    return Pipeline(f"{_name(model, folder, revision)}, {kind}", pipe, where)


def _diffusers() -> Any:
    try:
        import diffusers

        diffusers.DiffusionPipeline  # noqa: B018 - imported on first use, with all that it needs
    except (ImportError, RuntimeError) as error:
        raise ImgEditError(
            f"pipelines of diffusers need the extra 'models' (pip install 'imgedit-gym[models]'): {reason_of(error)}"
        ) from error
    return diffusers


def _version(diffusers: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in diffusers.__version__.split(".")[:2])


def _own_class(named: Any, base: type) -> Any:
    module, _, name = named.partition(":") if isinstance(named, str) else ("", "", "")
    found = None
    if module and name:
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError as error:
            raise ImgEditError(f"pipeline {named!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ImgEditError(f"pipeline must be 'module:Class' of a diffusers DiffusionPipeline; found {named!r}")
    return found


def _check_index(folder: Path, own: type | None, trust: bool, diffusers: Any) -> dict[str, Any]:
    """Refuse folders that are no pipelines, and those whose parts are code of their own.

    Returns:
        Library and class of each part by name.

    Raises:
        ImgEditError: If this is one.
    """
    path = folder / _INDEX
    try:
        if path.stat().st_size > _LONGEST_INDEX:
            raise ValueError("it is longer than any index")
        index = json.loads(path.read_text(encoding="utf-8"))
        named = index["_class_name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImgEditError(f"{path}: expected the index of a diffusers pipeline; {reason_of(error)}") from None
    parts = {part: source for part, source in index.items() if part[:1] != "_" and isinstance(source, list)}
    if trust:
        return parts
    if own is not None and named != own.__name__:
        raise ImgEditError(f"{path}: expected a pipeline of the class {own.__name__}; found {named!r}")
    if own is None and not (isinstance(named, str) and _is_public(diffusers, named)):
        raise ImgEditError(
            f"{path}: expected a pipeline class of diffusers; found {named!r}: name a class of your own with "
            "pipeline='module:Class', or set trust=True to run the code in that folder"
        )
    for part, source in parts.items():
        known = len(source) == 2 and all(one is None or isinstance(one, str) for one in source)
        library = source[0] if known else "?"
        if known and library is not None and library not in LIBRARIES:
            known = hasattr(diffusers.pipelines, library)  # such as the safety checker of Stable Diffusion
        if not known or (library and (folder / part / f"{library}.py").exists()):
            raise ImgEditError(
                f"{path}: expected {part} to come from one of {LIBRARIES}; found {source!r}: "
                "set trust=True to load it nevertheless"
            )
    return parts


def _is_public(diffusers: Any, name: str) -> bool:
    found = getattr(diffusers, name, None) if name.isidentifier() else None
    return isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)


def _replaced(folder: Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts that are not loaded by diffusers itself: processors whose part for videos needs a package that is missing.

    No pipeline for pictures uses that part.
    """
    if importlib.util.find_spec("torchvision") is not None:
        return {}
    processors = (name for name, source in parts.items() if "Processor" in str(source[1]) and "VL" in str(source[1]))
    return {name: load_processor(str(folder / name)) for name in processors}


def _name(model: str, folder: Path, revision: str | None) -> str:
    if Path(model).is_dir():
        return f"{folder.name}@{folder_digest(folder)}"
    commit = re.search(r"snapshots[/\\]([0-9a-f]{40})", str(folder))
    return f"{model}@{commit[1] if commit else revision or 'main'}"
