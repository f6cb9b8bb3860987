"""Tiny models of the CLIP and SigLIP families that have learned nothing."""

import transformers

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
SQUARE = {"height": 32, "width": 32}


def tokenizer():
    signs = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *signs, *(f"{sign}</w>" for sign in signs)]
    vocab = {word: code for code, word in enumerate(words)}
    return transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=64), len(vocab)


def build_clip(folder):
    words, size = tokenizer()
    config = transformers.CLIPConfig(
        text_config=TEXT | {"vocab_size": size, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
        vision_config=VISION,
        projection_dim=16,
    )
    pictures = transformers.CLIPImageProcessor(size=SQUARE, crop_size=SQUARE)
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(image_processor=pictures, tokenizer=words).save_pretrained(folder)


def build_siglip(folder):
    words, size = tokenizer()
    config = transformers.SiglipConfig(text_config=TEXT | {"vocab_size": size}, vision_config=VISION)
    transformers.SiglipModel(config).save_pretrained(folder)
    pictures = transformers.SiglipImageProcessor(size=SQUARE)
    transformers.CLIPProcessor(image_processor=pictures, tokenizer=words).save_pretrained(folder)
