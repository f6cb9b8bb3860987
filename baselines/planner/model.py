"""The model: a small Llava whose vision half is the frozen encoder, and which reads the request before the picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from baselines.planner.marks import WEIGHTS as MARKS
from baselines.planner.marks import Marks
from baselines.planner.vocabulary import ANSWER, ASK, CHAT_TEMPLATE, END, PAD, PlanWords
from baselines.training.judge.model import Shape, build, processor
from baselines.vision import Vision

SETTINGS = "planner.json"
"""Beside the weights: edge of the reduced picture and digest of the encoder."""


def build_planner(vision: Vision, words: PlanWords, layers: int) -> Any:
    """A ``LlavaForConditionalGeneration`` with the encoder's weights and first weights behind it."""
    model = build(shape_of(vision, layers), words)
    model.model.vision_tower.load_state_dict(vision.tower.state_dict())
    projector = model.model.multi_modal_projector
    projector.linear_1.load_state_dict(vision.projector[0].state_dict())
    projector.linear_2.load_state_dict(vision.projector[2].state_dict())
    for part in (model.model.vision_tower, projector):
        part.requires_grad_(False)
    for config in (model.config.text_config, model.generation_config):
        config.eos_token_id = words.ids[END]
    return model


def shape_of(vision: Vision, layers: int) -> Shape:
    """Sizes of a model with this encoder."""
    tower = vision.tower.config
    return Shape(vision.places, tower.hidden_size, tower.num_hidden_layers, layers, tower.intermediate_size)


def save(model: Any, vision: Vision, words: PlanWords, layers: int, folder: Path, marks: Marks | None = None) -> None:
    """Write a model in half precision with its marks, its processor and how it is to be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    half = build_planner(vision, words, layers)
    half.load_state_dict(model.state_dict())
    half.half().save_pretrained(folder)
    processor(shape_of(vision, layers), words, CHAT_TEMPLATE).save_pretrained(folder)
    (folder / MARKS).unlink(missing_ok=True)
    if marks is not None:
        marks.save(folder, vision.digest)
    settings = {"pictures": "mosaic", "edge": vision.edge, "vision": vision.digest}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def prompt(model: Any, ids: dict[str, int], tokens: torch.Tensor, requests: Sequence[Sequence[int]]) -> dict[str, Any]:
    """What the language half reads before it writes: the request, then the picture; padded on the left.

    Args:
        model: The model.
        ids: Its special tokens by name.
        tokens: Image tokens, ``float [n, T, WIDTH]``.
        requests: Tokens of the n requests.

    Returns:
        ``inputs_embeds``, ``float32 [n, L, WIDTH]``, and ``attention_mask``, ``int64 [n, L]``.
    """
    longest = max(map(len, requests))
    rows = [[ids[PAD]] * (longest - len(asked)) + [ids[ASK], *asked] for asked in requests]
    text = torch.tensor(rows, device=tokens.device)
    embed = model.get_input_embeddings()
    after = torch.full((len(rows), 1), ids[ANSWER], device=tokens.device)
    mask = torch.ones(len(rows), longest + tokens.shape[1] + 2, dtype=torch.int64, device=tokens.device)
    mask[:, : longest + 1] = (text != ids[PAD]).long()
    embeds = torch.cat([embed(text), tokens.to(embed.weight.dtype), embed(after)], 1)
    return {"inputs_embeds": embeds, "attention_mask": mask}
