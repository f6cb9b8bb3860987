"""Tiny segmentation models and detectors that have learned nothing."""

import json

import torch
import transformers

EDGE = 64
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "a", "the", "car", "dog", "mug", "tree"]
LETTERS = [chr(code) for code in range(97, 123)]


def _sam_parts():
    """Configurations of the parts of SAM 1, which SAM-HQ has too."""
    return {
        "vision_config": {
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": EDGE,
            "patch_size": 8,
            "mlp_dim": 32,
            "global_attn_indexes": [1],
            "window_size": 4,
            "num_pos_feats": 8,
        },
        "prompt_encoder_config": {"hidden_size": 16, "image_size": EDGE, "patch_size": 8, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "iou_head_hidden_dim": 16,
        },
    }


def build_sam_hq(folder):
    parts = _sam_parts()
    parts["mask_decoder_config"]["vit_dim"] = 16
    torch.manual_seed(3)
    transformers.SamHQModel(transformers.SamHQConfig(**parts)).save_pretrained(folder)


def build_sam3(folder):
    vit = transformers.Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=112,
        patch_size=14,
        window_size=4,
        global_attn_indexes=[1],
        pretrain_image_size=56,
    )
    vision = transformers.Sam3VisionConfig(
        backbone_config=vit, fpn_hidden_size=32, backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]
    )
    config = transformers.Sam3TrackerConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 112, "patch_size": 14, "mask_input_channels": 8},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2, "mlp_dim": 64, "iou_head_hidden_dim": 32},
    )
    torch.manual_seed(3)
    transformers.Sam3TrackerModel(config).save_pretrained(folder)


def build_sam(folder):
    config = transformers.SamConfig(**_sam_parts())
    torch.manual_seed(3)
    transformers.SamModel(config).save_pretrained(folder)
    pictures = transformers.SamImageProcessor(
        size={"longest_edge": EDGE}, pad_size={"height": EDGE, "width": EDGE}, mask_size={"longest_edge": EDGE // 4}
    )
    transformers.SamProcessor(image_processor=pictures).save_pretrained(folder)


def build_sam2(folder):
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=12,
        image_size=[EDGE, EDGE],
        blocks_per_stage=[1, 2, 7, 2],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 14, 7],
        window_positional_embedding_background_size=[7, 7],
        global_attention_blocks=[5, 7, 9],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[EDGE // 4] * 2, [EDGE // 8] * 2, [EDGE // 16] * 2],
        fpn_hidden_size=32,
    )
    config = transformers.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": EDGE, "patch_size": 16, "mask_input_channels": 8},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2, "mlp_dim": 64, "iou_head_hidden_dim": 32},
    )
    torch.manual_seed(4)
    transformers.Sam2Model(config).save_pretrained(folder)
    # as the processor of such a model is saved; making one needs torchvision
    written = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "size": {"height": EDGE, "width": EDGE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(written), encoding="utf-8")


def build_grounding_dino(folder):
    vocab = {word: code for code, word in enumerate(dict.fromkeys([*WORDS, *LETTERS, *(f"##{a}" for a in LETTERS)]))}
    config = transformers.GroundingDinoConfig(
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=4,
        num_feature_levels=4,
        encoder_n_points=2,
        decoder_n_points=2,
        max_text_len=16,
        backbone_config=transformers.SwinConfig(
            window_size=7,
            embed_dim=12,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 1, 1],
            image_size=64,
            out_features=["stage2", "stage3", "stage4"],
            out_indices=[2, 3, 4],
        ),
        text_config={
            "model_type": "bert",
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 37,
            "vocab_size": len(vocab),
            "max_position_embeddings": 64,
        },
    )
    torch.manual_seed(5)
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    pictures = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 128, "longest_edge": 128})
    words = transformers.BertTokenizer(vocab=vocab)
    transformers.GroundingDinoProcessor(image_processor=pictures, tokenizer=words).save_pretrained(folder)


def _owl(folder, config, model, pictures, processor):
    signs = [chr(code) for code in range(33, 127)]
    # a text that begins with token 0 is no text to these models
    words = ["<pad>", "<|startoftext|>", "<|endoftext|>", *signs, *(f"{sign}</w>" for sign in signs)]
    text = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 16,
        "vocab_size": len(words),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    torch.manual_seed(6)
    made = model(config(text_config=text, vision_config=vision, projection_dim=32))
    for layer in (made.box_head.dense0, made.box_head.dense1, made.box_head.dense2):
        torch.nn.init.normal_(layer.weight, std=0.02)  # as they are, boxes have no area
    made.save_pretrained(folder)
    vocab = {word: code for code, word in enumerate(words)}
    tokenizer = transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=16)
    processor(image_processor=pictures(size={"height": 32, "width": 32}), tokenizer=tokenizer).save_pretrained(folder)


def build_owlvit(folder):
    kinds = (transformers.OwlViTConfig, transformers.OwlViTForObjectDetection)
    _owl(folder, *kinds, transformers.OwlViTImageProcessor, transformers.OwlViTProcessor)


def build_owlv2(folder):
    kinds = (transformers.Owlv2Config, transformers.Owlv2ForObjectDetection)
    _owl(folder, *kinds, transformers.Owlv2ImageProcessor, transformers.Owlv2Processor)
