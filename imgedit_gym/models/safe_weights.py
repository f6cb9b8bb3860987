"""Weights from outside are safetensors: reading pickled ones can run code that they bring with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imgedit_gym.core.errors import ImgEditError

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""How names of pickled weights end."""

INDEX = ".safetensors.index.json"
_SAFE, _ADAPTER, _MAX_FILE = ".safetensors", "adapter_config.json", 64 << 20

_Find = Callable[[str], Path | None]
"""Gives a file of a model by its name, if there is one."""


def from_safetensors(loader: Any, model: str, revision: str | None, **arguments: Any) -> Any:
    """``loader.from_pretrained`` that reads safetensors and nothing else, and runs no code that comes with the model.

    Args:
        loader: A class of transformers.
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        **arguments: Of ``from_pretrained``.

    Raises:
        ImgEditError: If weights would be unpickled; nothing of them has been read then.
        OSError, ValueError, KeyError, ImportError: If something else is wrong with the model.
    """
    from safetensors import SafetensorError

    how = f"transformers.{loader.__name__}"
    folder = Path(model)
    if folder.is_dir():
        check_folder(folder, model, how)
    else:
        _check_named(_of_hub(model, revision), model, how)
    try:
        return loader.from_pretrained(
            model, revision=revision, use_safetensors=True, trust_remote_code=False, **arguments
        )
    except OSError as error:
        if not folder.is_dir() and "safetensors" in str(error):
            raise refusal(model, "other weights alone", how) from error
        raise
    except (SafetensorError, RuntimeError) as error:  # a damaged file; weights of another shape
        raise ValueError(str(error)) from error


def check_folder(folder: Path, told: str, how: str) -> None:
    """Refuse a folder of a model whose weights are pickled, or name pickled ones.

    Args:
        folder: The folder; folders in it are not looked into.
        told: What the error message begins with.
        how: The class that reads such models, for the advice on how to convert them.

    Raises:
        ImgEditError: If this is one.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    pickled = [name for name in names if name.endswith(PICKLED) and name != "training_args.bin"]
    if pickled and not any(name.endswith((_SAFE, INDEX)) for name in names):
        raise refusal(told, ", ".join(pickled[:3]), how)
    here = {name: folder / name for name in names}
    _check_named(here.get, told, how, [name for name in names if name.endswith(INDEX)])


def refusal(told: str, found: str, how: str) -> ImgEditError:
    """What to say of pickled weights.

    Args:
        told: Folder or hub id of the model.
        found: What was found.
        how: The class that reads such models.
    """
    return ImgEditError(
        f"model {told!r}: expected weights as safetensors; found {found}: pickled weights can run code when they are "
        f"read. If you trust who made them, convert them once: {how}.from_pretrained({told!r}, use_safetensors=False)"
        ".save_pretrained(NEW_FOLDER), and copy the other files beside them"
    )


def _check_named(find: _Find, told: str, how: str, indices: list[str] | None = None) -> None:
    """Refuse weights that the files of a model lead to, if they are none of safetensors."""
    for name in [f"model{INDEX}"] if indices is None else indices:
        shards = _entries(find(name), told).get("weight_map")
        for shard in sorted(map(str, shards.values())) if isinstance(shards, dict) else []:
            if not shard.endswith(_SAFE):
                raise refusal(told, f"{shard} in {name}", how)
    named = _entries(find("config.json"), told).get("transformers_weights")
    if named is not None and not str(named).endswith((_SAFE, INDEX)):
        raise refusal(told, f"{named} in config.json", how)
    if find(_ADAPTER) is not None:
        if find(f"adapter_model{_SAFE}") is None:
            raise refusal(told, f"{_ADAPTER} without adapter_model{_SAFE}", "peft.AutoPeftModel")
        if find("config.json") is None:
            base = str(_entries(find(_ADAPTER), told).get("base_model_name_or_path"))
            if Path(base).is_dir():
                check_folder(Path(base), base, how)
            else:
                _check_named(_of_hub(base, None), base, how)


def _entries(path: Path | None, told: str) -> dict[str, Any]:
    """What a JSON file of a model says by key; nothing if there is none."""
    if path is None:
        return {}
    try:
        if path.stat().st_size > _MAX_FILE:
            raise ValueError(f"expected at most {_MAX_FILE} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("expected an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ImgEditError(f"model {told!r}: {path.name}: expected JSON; {error}") from None
    return found


def _of_hub(model: str, revision: str | None) -> _Find:
    """Files of a model of the hub, fetched when asked for."""
    from transformers.utils import cached_file

    def find(name: str) -> Path | None:
        path = cached_file(model, name, revision=revision, _raise_exceptions_for_missing_entries=False)
        return None if path is None else Path(path)

    return find
