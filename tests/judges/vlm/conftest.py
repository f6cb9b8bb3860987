"""Tiny checkpoints of three families, with random weights and real processors."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

CHAT = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
LETTERS = [chr(code) for code in range(33, 127)]
ANSWERS = ["yes", "no", "Yes", "No", "ĠYes", "Ġno", "Ġyes", *"0123456789"]


def byte_tokenizer(special: list[str]):
    """A byte-level tokenizer in which the answers are words of their own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*letters, *ANSWERS]))}
    core = Tokenizer(models.BPE(vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<end>", pad_token="<pad>", extra_special_tokens=special, model_max_length=4096
    )


def text_sizes(tokenizer) -> dict:
    return {
        "vocab_size": len(tokenizer) + 3,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "pad_token_id": tokenizer.pad_token_id,
    }


def write_llava(folder: Path) -> Path:
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = byte_tokenizer(["<image>"])
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**text_sizes(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )
    return _write(folder, LlavaForConditionalGeneration(config), processor)


def write_smolvlm(folder: Path) -> Path:
    from transformers import (
        LlamaConfig,
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessorPil,
    )

    marks = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer = byte_tokenizer(marks)
    config = SmolVLMConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
        },
        text_config=LlamaConfig(**text_sizes(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    image = SmolVLMImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    return _write_in_parts(
        folder,
        SmolVLMForConditionalGeneration(config),
        tokenizer,
        image,
        {"processor_class": "SmolVLMProcessor", "image_seq_len": 4},
        CHAT.replace("IMAGE", "<image>"),
    )


def write_idefics3(folder: Path) -> Path:
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
        LlamaConfig,
    )

    marks = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer = byte_tokenizer(marks)
    config = Idefics3Config(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
        },
        text_config=LlamaConfig(**text_sizes(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    image = Idefics3ImageProcessorPil(
        size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    processor = Idefics3Processor(image, tokenizer, image_seq_len=4, chat_template=CHAT.replace("IMAGE", "<image>"))
    return _write(folder, Idefics3ForConditionalGeneration(config), processor)


def write_qwen2vl(folder: Path) -> Path:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

    marks = ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = byte_tokenizer(marks)
    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in marks}
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e4}
    config = Qwen2VLConfig(
        text_config={**text_sizes(tokenizer), "rope_parameters": rope},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 1},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    template = CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    return _write_in_parts(
        folder,
        Qwen2VLForConditionalGeneration(config),
        tokenizer,
        Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=56 * 56),
        {"processor_class": "Qwen2VLProcessor"},
        template,
    )


def _write_in_parts(folder: Path, model, tokenizer, image, processor: dict, template: str) -> Path:
    """What a processor with a video part would write, which itself needs torchvision."""
    _write(folder, model, tokenizer)
    image.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(processor))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def _write(folder: Path, model, processor) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


FAMILIES = {"llava": write_llava, "smolvlm": write_smolvlm, "idefics3": write_idefics3, "qwen2-vl": write_qwen2vl}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Folders of tiny checkpoints by family, built when first asked for."""
    built: dict[str, Path] = {}

    def folder_of(family: str) -> Path:
        if family not in built:
            torch.manual_seed(0)
            built[family] = FAMILIES[family](tmp_path_factory.mktemp(family.replace("-", "_")))
        return built[family]

    return folder_of


@pytest.fixture
def cases():
    """Five pictures of three tasks."""
    from imgedit_gym.core.registry import TASKS
    from imgedit_gym.judges.base import Cases

    tasks = TASKS.build("adverts", image_size=64, max_plan_steps=8, split="train", device=torch.device("cpu"))
    batch = tasks.allocate(3)
    tasks.sample(batch, torch.arange(3), torch.tensor([11, 12, 13]))
    canvas = batch.images[[0, 1, 2, 0, 1]].clone()
    canvas[3, 20:40, 20:40] = 255
    canvas[4] //= 2
    due = torch.full((5,), 8, dtype=torch.int32)
    return Cases(batch, tasks.checklist(batch), canvas, due, torch.tensor([0, 1, 2, 0, 1]))
