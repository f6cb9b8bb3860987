"""The model: a small Llava whose word embeddings and first attention layers begin with the codes of things."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from baselines.training.judge.kinds import (
    BEGIN,
    CENTRE,
    CHANGED,
    KIND,
    NAME,
    NEW,
    PLACE,
    PLACES,
    TERMS,
    TEXT,
    TINT,
    TYPE,
    WIDE,
)
from baselines.training.judge.vocabulary import ANSWER, CHAT_TEMPLATE, IMAGE, PAD, Words
from imgedit_gym.judges.vlm.mosaic import TILE

_TURNING = 6
"""Pairs of numbers of a head of the judge that depend on where a token stands; the others hardly do."""


class TokenTable(Protocol):
    """A vocabulary; :class:`baselines.training.judge.vocabulary.Words` is one."""

    ids: dict[str, int]

    def __len__(self) -> int:
        """Number of tokens."""
        ...

    def embeddings(self) -> torch.Tensor:
        """First values of the word embeddings, ``float32 [tokens, width]``."""
        ...

    def tokenizer(self) -> Any:
        """The tokenizer in the form of the ``transformers`` library."""
        ...


@dataclass(frozen=True)
class Shape:
    """Sizes of the model.

    Attributes:
        places: Tiles along an edge of the mosaic; the model has ``places ** 2`` image tokens.
        vision_width: Width of the vision half.
        vision_layers: Its layers.
        language_layers: Layers of the language half.
        inner: Width inside of the feed-forward layers.
        width: Width of the language half, and numbers in an image token.
        head: Width of each of its four attention heads.
        turn: Base of the rotations by which heads tell places: the larger, the more of a head does not depend on them.
    """

    places: int = PLACES
    vision_width: int = 192
    vision_layers: int = 4
    language_layers: int = 3
    inner: int = 512
    width: int = WIDE
    head: int = 96
    turn: float = 1e24

    @property
    def edge(self) -> int:
        """Edge in pixels to which pictures are reduced."""
        return self.places * TILE


def build(shape: Shape, words: TokenTable) -> Any:
    """A ``LlavaForConditionalGeneration`` with its first weights, its words' embeddings among them."""
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

    vision = SiglipVisionConfig(
        hidden_size=shape.vision_width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.vision_layers,
        num_attention_heads=shape.vision_width // 32,
        image_size=2 * shape.edge,
        patch_size=2 * TILE,
        vision_use_head=False,
    )
    text = LlamaConfig(
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.language_layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=shape.head,
        vocab_size=len(words),
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": shape.turn},
        pad_token_id=words.ids[PAD],
        bos_token_id=None,
        eos_token_id=words.ids[ANSWER],
        tie_word_embeddings=True,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=words.ids[IMAGE],
        image_seq_length=shape.places**2,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    model: Any = LlavaForConditionalGeneration(config)
    model.generation_config.pad_token_id = words.ids[PAD]
    model.generation_config.eos_token_id = words.ids[ANSWER]
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(words.embeddings()[:, : shape.width])
    return model


def still(width: int) -> list[int]:
    """The numbers of a head of that width that hardly depend on where a token stands."""
    return [*range(_TURNING, width // 2), *range(width // 2 + _TURNING, width)]


@torch.no_grad()
def lay_out(model: Any, shape: Shape) -> None:
    """First weights of the judge's attention: its first layer finds what words name, its second joins what words found.

    Head 0 looks for things by their codes; head 1 too, in their middles alone; head 2 for sets, in middles; head 3 for
    colours and types. Where there is nothing of the kind, they look at the question's beginning. What was found brings
    along its marks, and the places where it is.
    """
    draw = torch.Generator().manual_seed(5)
    at = still(shape.head)
    code = list(range(KIND.start, KIND.stop))
    marks = list(range(TINT.start, TYPE.stop))
    sets = list(range(TERMS.start, TERMS.stop))
    # and how much attention is left at the beginning: what was found has as much each
    where = [*range(PLACE.start, PLACE.stop), NEW, CHANGED, BEGIN]
    looks: tuple[tuple[list[int], float, bool, float], ...] = (
        (code, 1.2, False, 7.0),
        (code, 1.2, True, 12.0),
        (sets, 1.4, True, 10.0),
        (marks, 1.0, False, 3.0),
    )
    brings = ([*marks, NEW], where, where, marks)
    for index, layer in enumerate(model.model.language_model.layers):
        attention = layer.self_attn
        for projection in (attention.q_proj.weight, attention.k_proj.weight):
            projection.normal_(0.0, 0.05, generator=draw)
        for head in range(4):
            rows = [head * shape.head + i for i in at]
            if index == 0:
                parts, gain, middles, bar = looks[head]
                for projection in (attention.q_proj.weight, attention.k_proj.weight):
                    projection[head * shape.head : (head + 1) * shape.head] = 0.0
                    projection[rows[: len(parts)], parts] = gain
                    projection[rows[-2], CENTRE] = float(middles)
                attention.q_proj.weight[rows[-1], TEXT] = 3.0
                attention.k_proj.weight[rows[-1], TEXT] = -3.0
                attention.k_proj.weight[rows[-1], BEGIN] = 0.034 * bar
            if index == 1 and head in (1, 2):
                # every word looks at what names things
                attention.q_proj.weight[rows[0], TEXT] = attention.k_proj.weight[rows[0], NAME] = 2.0
            if index == 0 or (index == 1 and head in (1, 2)):
                brought = brings[head]
                attention.v_proj.weight[rows[: len(brought)], brought] += 0.4
                attention.o_proj.weight[brought, rows[: len(brought)]] += 0.4


def processor(shape: Shape, words: TokenTable, template: str = CHAT_TEMPLATE) -> Any:
    """The processor that goes with the model; ``template`` says how it is talked to."""
    from transformers import LlavaProcessor, SiglipImageProcessorPil

    image = SiglipImageProcessorPil(
        size={"height": 2 * shape.edge, "width": 2 * shape.edge},
        do_resize=False,
        do_convert_rgb=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return LlavaProcessor(
        image,
        words.tokenizer(),
        patch_size=2 * TILE,
        vision_feature_select_strategy="full",
        image_token=IMAGE,
        chat_template=template,
    )


def pixels(mosaics: torch.Tensor) -> torch.Tensor:
    """What the processor makes of mosaics: ``uint8 [n, S, S, 3]`` to ``float32 [n, 3, S, S]`` in [-1, 1]."""
    return mosaics.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def image_tokens(model: Any, mosaics: torch.Tensor) -> torch.Tensor:
    """Image tokens, ``float32 [n, places ** 2, width]``."""
    found = model.model.get_image_features(pixel_values=pixels(mosaics)).pooler_output
    return torch.stack(list(found))


def save(model: Any, shape: Shape, words: Words, folder: Path, **notes: Any) -> None:
    """Write the model in half precision with its processor and how it is to be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    half = build(shape, words)
    half.load_state_dict(model.state_dict())
    half.half().save_pretrained(folder)
    processor(shape, words).save_pretrained(folder)
    settings = {"pictures": "mosaic", "edge": shape.edge, "prompt": "question", "modes": ["checklist"], **notes}
    (folder / "judge.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
