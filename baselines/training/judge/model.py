"""The model: a small Llava whose word embeddings and first attention layers begin with the codes of things."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from baselines.training.judge.kinds import CENTRE, KIND, WIDTH
from baselines.training.judge.vocabulary import ANSWER, CHAT_TEMPLATE, IMAGE, PAD, Words
from imgedit_gym.judges.vlm.mosaic import TILE

HEAD = 64
"""Width of an attention head of the language half."""


class TokenTable(Protocol):
    """A vocabulary; :class:`baselines.training.judge.vocabulary.Words` is one."""

    ids: dict[str, int]

    def __len__(self) -> int:
        """Number of tokens."""
        ...

    def embeddings(self) -> torch.Tensor:
        """First values of the word embeddings, ``float32 [tokens, WIDTH]``."""
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
    """

    places: int = 9
    vision_width: int = 192
    vision_layers: int = 4
    language_layers: int = 4
    inner: int = 512

    @property
    def edge(self) -> int:
        """Edge in pixels to which pictures are reduced."""
        return self.places * TILE


def build(shape: Shape, words: TokenTable) -> Any:
    """A ``LlavaForConditionalGeneration`` with its first weights."""
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
        hidden_size=WIDTH,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.language_layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=HEAD,
        vocab_size=len(words),
        max_position_embeddings=512,
        # so slow that most of each head does not depend on places
        rope_parameters={"rope_type": "default", "rope_theta": 1e10},
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
    model = LlavaForConditionalGeneration(config)
    model.generation_config.pad_token_id = words.ids[PAD]
    model.generation_config.eos_token_id = words.ids[ANSWER]
    _begin(model, words)
    return model


@torch.no_grad()
def _begin(model: Any, words: TokenTable) -> None:
    """Heads 0 and 1 of the first layers look for things of the word's code, head 2 for colours, looks and marks."""
    model.get_input_embeddings().weight.copy_(words.embeddings())
    draw = torch.Generator().manual_seed(5)
    unit = torch.eye(HEAD)
    for index, layer in enumerate(model.model.language_model.layers):
        attention = layer.self_attn
        for projection in (attention.q_proj.weight, attention.k_proj.weight):
            projection.normal_(0.0, 0.05, generator=draw)
        if index >= 2:
            continue
        for head, first in ((0, KIND.start), (1, KIND.start), (2, KIND.stop)):
            rows = slice(head * HEAD, (head + 1) * HEAD)
            for projection in (attention.q_proj.weight, attention.k_proj.weight):
                projection[rows] = 0.0
                projection[rows, first : first + HEAD] = 0.9 * unit
                if head == 1:
                    # middles alone, so that things can be counted
                    projection[rows.stop - 1] = 0.0
                    projection[rows.stop - 1, CENTRE] = 0.9
        if index == 0:
            # what was found brings its marks along
            for head in (0, 1):
                rows = slice(head * HEAD, (head + 1) * HEAD)
                attention.v_proj.weight[rows, HEAD : 2 * HEAD] += 0.3 * unit
                attention.o_proj.weight[2 * HEAD :, rows] += 0.3 * unit


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
    """Image tokens, ``float32 [n, places ** 2, WIDTH]``."""
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


def describe(shape: Shape) -> dict[str, int]:
    """The sizes by name."""
    return asdict(shape)
