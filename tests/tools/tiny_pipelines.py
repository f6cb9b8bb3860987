"""Pipelines of diffusers with random weights, a few kilobytes each: the loading paths and calls of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

_BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    characters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *characters, *(one + "</w>" for one in characters)]
    return CLIPTokenizer(vocab={token: at for at, token in enumerate(tokens)}, merges=[], model_max_length=77)


def _clip_config(**more: Any) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=2 + 2 * 94,
        **more,
    )


def _qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    codes, letters = list(_BYTES), [chr(code) for code in _BYTES]
    for byte in range(256):
        if byte not in _BYTES:
            letters.append(chr(256 + len(codes) - len(_BYTES)))
            codes.append(byte)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    special += [f"<|{name}|>" for name in ("vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")]
    tokenizer = Qwen2Tokenizer(vocab={token: at for at, token in enumerate([*letters, *special])}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    return tokenizer


# ---------------------------------------------------------------------- Stable Diffusion


def _unet(channels: int, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=32,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        **{"cross_attention_dim": 32, **more},
    )


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=[8, 16],
        norm_num_groups=4,
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
    )


def _stable_diffusion(kind: str, channels: int) -> Any:
    import diffusers
    from transformers import CLIPTextModel

    return getattr(diffusers, kind)(
        vae=_vae(),
        text_encoder=CLIPTextModel(_clip_config()),
        tokenizer=_clip_tokenizer(),
        unet=_unet(channels),
        scheduler=diffusers.PNDMScheduler(skip_prk_steps=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _stable_diffusion_xl(kind: str, channels: int, ids: int) -> Any:
    import diffusers
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    wide = {"projection_dim": 32, "hidden_act": "gelu"}
    unet = _unet(
        channels,
        cross_attention_dim=64,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=32 + 8 * ids,
    )
    return getattr(diffusers, kind)(
        vae=_vae(),
        text_encoder=CLIPTextModel(_clip_config(**wide)),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config(**wide)),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(),
        **({"requires_aesthetics_score": False} if "Inpaint" in kind else {}),
    )


# ---------------------------------------------------------------------- FLUX


def _kontext(kind: str) -> Any:
    import diffusers
    from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -5.0), ("\u2581", -2.0)]
    tokenizer = T5Tokenizer(vocab=[*words, *((chr(code), -3.0) for code in range(97, 123))], extra_ids=0)
    return getattr(diffusers, kind)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKL(
            sample_size=32,
            in_channels=3,
            out_channels=3,
            block_out_channels=(4,),
            layers_per_block=1,
            latent_channels=1,
            norm_num_groups=1,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.0609,
            scaling_factor=1.5035,
        ),
        text_encoder=CLIPTextModel(_clip_config(projection_dim=32)),
        tokenizer=_clip_tokenizer(),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=len(tokenizer) + 8, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
        ),
        tokenizer_2=tokenizer,
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
        ),
    )


def _klein(kind: str) -> Any:
    import diffusers
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _qwen_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return getattr(diffusers, kind)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_flux2_vae(),
        text_encoder=Qwen3ForCausalLM(
            Qwen3Config(
                intermediate_size=16,
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                vocab_size=len(tokenizer) + 8,
                max_position_embeddings=512,
            )
        ),
        tokenizer=tokenizer,
        transformer=_flux2_transformer(guidance_embeds=False),
    )


def _flux2_transformer(**more: Any) -> Any:
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4],
        **more,
    )


def _flux2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        block_out_channels=(4,),
        layers_per_block=1,
        latent_channels=1,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


# ---------------------------------------------------------------------- Qwen


def _qwen(kind: str) -> Any:
    import diffusers
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
    )

    tokenizer = _qwen_tokenizer()

    class Still(Qwen2VLProcessor):
        """Without the part for videos, which needs torchvision."""

        def check_argument_for_proper_class(self, name: str, part: Any) -> Any:
            return type(None) if part is None else super().check_argument_for_proper_class(name, part)

        def save_pretrained(self, folder: str, **more: Any) -> None:
            self.image_processor.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
            Path(folder, "processor_config.json").write_text(json.dumps({"processor_class": "Qwen2VLProcessor"}))
            Path(folder, "chat_template.jinja").write_text(self.chat_template)

    Still.__name__, Still.__module__ = "Qwen2VLProcessor", Qwen2VLProcessor.__module__
    processor = Still(
        image_processor=Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56),
        tokenizer=tokenizer,
        video_processor=None,
        chat_template="{% for m in messages %}{{m['content']}}{% endfor %}",
    )
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad")}
    ids |= {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer) + 8,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
            "rope_theta": 1e6,
        },
        vision_config={"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16},
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    parts = {
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
        "vae": diffusers.AutoencoderKLQwenImage(
            base_dim=24,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        "text_encoder": Qwen2_5_VLForConditionalGeneration(config).eval(),
        "tokenizer": tokenizer,
        "processor": processor,
        "transformer": diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=3,
            joint_attention_dim=16,
            guidance_embeds=False,
            axes_dims_rope=(8, 4, 4),
        ),
    }
    return getattr(diffusers, kind)(**parts)


BUILDERS = {
    "StableDiffusionInstructPix2PixPipeline": lambda kind: _stable_diffusion(kind, 8),
    "StableDiffusionXLInstructPix2PixPipeline": lambda kind: _stable_diffusion_xl(kind, 8, 6),
    "StableDiffusionInpaintPipeline": lambda kind: _stable_diffusion(kind, 9),
    "StableDiffusionXLInpaintPipeline": lambda kind: _stable_diffusion_xl(kind, 9, 6),
    "FluxKontextPipeline": _kontext,
    "FluxKontextInpaintPipeline": _kontext,
    "Flux2KleinPipeline": _klein,
    "Flux2KleinInpaintPipeline": _klein,
    "QwenImageEditPipeline": _qwen,
    "QwenImageEditPlusPipeline": _qwen,
    "QwenImageEditInpaintPipeline": _qwen,
}

SETTINGS: dict[str, dict[str, Any]] = {kind: {"steps": 2, "size": 32, "guidance_scale": 2.0} for kind in BUILDERS}
"""Arguments of the tool that keep them fast."""

for _kind in ("Flux2KleinPipeline", "Flux2KleinInpaintPipeline"):
    SETTINGS[_kind] |= {"size": 64, "call": {"text_encoder_out_layers": [1], "max_sequence_length": 64}}
for _kind in ("FluxKontextPipeline", "FluxKontextInpaintPipeline"):
    SETTINGS[_kind]["call"] = {"max_sequence_length": 48}
for _kind in ("QwenImageEditPipeline", "QwenImageEditPlusPipeline", "QwenImageEditInpaintPipeline"):
    SETTINGS[_kind] = {"steps": 2, "size": 32, "negative_prompt": " ", "call": {"true_cfg_scale": 2.0}}


def build(kind: str, folder: Path) -> Path:
    """A pipeline of a class, saved."""
    torch.manual_seed(0)
    BUILDERS[kind](kind).save_pretrained(folder)
    return folder
