"""Tokenizers and a language model without a download."""

from __future__ import annotations

from typing import Any

from imgedit_gym.art.catalogue import load_catalogue
from imgedit_gym.planners.grammar import PlanGrammar

TEXT = ["remove replace add recolor set rewrite adjust the with to as background headline picture badge", "plan steps"]
HEADLINES = ("BIG SALE", "DON'T MISS OUT", "BOO!", "50% OFF, TODAY")


def syllables() -> Any:
    """A byte-level tokenizer of some pieces of words, as many language models have."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(TEXT + [item.name for item in load_catalogue().objects[:60]], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<end>", padding_side="left")


def grammar_of(tokenizer: Any, max_steps: int = 4) -> PlanGrammar:
    """The grammar over a tokenizer's tokens."""
    objects = [item.name for item in load_catalogue().objects]
    return PlanGrammar(tokenizer, tokenizer.eos_token_id, objects, HEADLINES, max_steps)


def tiny_model(tokenizer: Any) -> Any:
    """A language model that has learnt nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8192,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config).eval()
