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
from baselines.training.judge.kinds import CENTRE, KIND, WIDTH
from baselines.training.judge.model import Shape, build, processor
from baselines.vision import Vision

SETTINGS = "planner.json"
"""Beside the weights: edge of the reduced picture and digest of the encoder."""

_HEAD = 64
"""Width of an attention head."""


def build_planner(vision: Vision, words: PlanWords, layers: int) -> Any:
    """A ``LlavaForConditionalGeneration`` with the encoder's weights and first weights behind it."""
    model = build(shape_of(vision, layers), words)
    _lay_out(model)
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
    return Shape(
        places=vision.places,
        vision_width=tower.hidden_size,
        vision_layers=tower.num_hidden_layers,
        language_layers=layers,
        inner=tower.intermediate_size,
        width=WIDTH,
        head=_HEAD,
        turn=1e10,
    )


@torch.no_grad()
def _lay_out(model: Any) -> None:
    """Heads 0 and 1 of the first layers look for things of the word's code, head 2 for colours, looks and marks."""
    draw = torch.Generator().manual_seed(5)
    unit = torch.eye(_HEAD)
    for index, layer in enumerate(model.model.language_model.layers):
        attention = layer.self_attn
        for projection in (attention.q_proj.weight, attention.k_proj.weight):
            projection.normal_(0.0, 0.05, generator=draw)
        if index >= 2:
            continue
        for head, first in ((0, KIND.start), (1, KIND.start), (2, KIND.stop)):
            rows = slice(head * _HEAD, (head + 1) * _HEAD)
            for projection in (attention.q_proj.weight, attention.k_proj.weight):
                projection[rows] = 0.0
                projection[rows, first : first + _HEAD] = 0.9 * unit
                if head == 1:
                    # middles alone, so that things can be counted
                    projection[rows.stop - 1] = 0.0
                    projection[rows.stop - 1, CENTRE] = 0.9
        if index == 0:
            # what was found brings its marks along
            for head in (0, 1):
                rows = slice(head * _HEAD, (head + 1) * _HEAD)
                attention.v_proj.weight[rows, _HEAD : 2 * _HEAD] += 0.3 * unit
                attention.o_proj.weight[2 * _HEAD :, rows] += 0.3 * unit


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
