"""Weights of finished models, for trainings that go on with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from baselines.training.judge.vocabulary import UNKNOWN, Words
from baselines.training.judge.wider import RELATED
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.models.loading import load_image_text_model

WEIGHTS = "model.safetensors"

_LAYER = re.compile(r"vision_tower.*\.layers\.(\d+)\.")
_ADDING = ("out_proj", "fc2")
"""The parts of a layer that add to what is there."""


def is_vision(name: str) -> bool:
    """Whether a parameter belongs to the vision half."""
    return "vision_tower" in name or "projector" in name


def digest_of(folder: Path) -> str:
    """Short name of a model's weights.

    Raises:
        ImgEditError: If there are none.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ImgEditError(f"{path}: expected the weights of a finished model; found no such file")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@torch.no_grad()
def take_eyes(model: Any, folder: Path) -> None:
    """Give a model the tower of another one, which may have fewer layers, and its projector of tokens as wide or less.

    Args:
        model: The model.
        folder: Of the other one.

    Raises:
        ImgEditError: If its tower is a larger or another one, or its tokens are wider.
    """
    held = load_image_text_model(str(folder), None, "cpu", "float32").model.state_dict()
    state = model.state_dict()
    known = {name: value for name, value in held.items() if is_vision(name)}
    known |= _added(state, known)
    for name in sorted({*known, *filter(is_vision, state)}):
        found, wanted = (list(one[name].shape) if name in one else None for one in (known, state))
        narrower = found and wanted and "projector" in name and all(a <= b for a, b in zip(found, wanted, strict=True))
        if found != wanted and not narrower:
            raise ImgEditError(
                f"{folder}: expected a model with this preset's vision half: {name} of {wanted}; found {found}"
            )
    for name, value in known.items():
        # what its tokens do not say begins near to nothing
        state[name] *= 1.0 if value.shape == state[name].shape else 0.1
        state[name][tuple(slice(size) for size in value.shape)] = value
    model.load_state_dict(state)


@torch.no_grad()
def take_up(model: Any, words: Words, folder: Path) -> None:
    """Give a model the weights of another one, whose vocabulary may be smaller and whose tower may have fewer layers.

    Words that the other does not have begin as those that they are related to, or as its unknown word, layers of the
    tower by adding nothing.
    """
    held = load_image_text_model(str(folder), None, "cpu", "float32")
    state, ids = dict(held.model.state_dict()), held.processor.tokenizer.get_vocab()
    missing = [word for word in ids if word not in words.ids]
    if missing:
        raise ImgEditError(f"{folder}: expected a model of today's world; its words {missing[:5]} are not known")
    known = held.model.get_input_embeddings().weight
    draw = torch.Generator().manual_seed(11)
    table = torch.empty(len(words), known.shape[1])
    for word, row in words.ids.items():
        if word in ids:
            table[row] = known[ids[word]]
        else:
            table[row] = known[ids.get(RELATED.get(word, UNKNOWN), ids[UNKNOWN])]
            table[row] += 0.03 * torch.randn(len(table[row]), generator=draw)
    for name in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        state[name] = table
    wanted = model.state_dict()
    state |= _added(wanted, state)
    shapes = [{name: value.shape for name, value in one.items()} for one in (wanted, state)]
    unlike = [name for name in {**wanted, **state} if shapes[0].get(name) != shapes[1].get(name)]
    if unlike:
        raise ImgEditError(
            f"{folder}: expected a model of this preset's sizes; {unlike[0]} and {len(unlike) - 1} more differ"
        )
    model.load_state_dict(state)


def _added(wanted: Mapping[str, torch.Tensor], held: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights with which the tower's layers above the last one that is held begin by adding nothing."""
    layers = {name: int(found[1]) for name in [*wanted, *held] if (found := _LAYER.search(name))}
    top = max((layers[name] for name in held if name in layers), default=-1)
    return {
        name: value * float(not name.rpartition(".")[0].endswith(_ADDING))
        for name, value in wanted.items()
        if name in layers and layers[name] > top >= 0
    }
