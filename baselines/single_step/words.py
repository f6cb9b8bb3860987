"""Requests as tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

LONGEST = 64
"""Most tokens of a request; the rest is cut."""

PAD, UNKNOWN = "[PAD]", "[UNK]"


def make_tokenizer(texts: Iterable[str]) -> Any:
    """A tokenizer whose tokens are the words of some texts, in lower case; any other word is unknown."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    normalizer, splitter = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    table = {word: index for index, word in enumerate((PAD, UNKNOWN, *sorted(words)))}
    tokenizer = Tokenizer(models.WordLevel(table, unk_token=UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, model_max_length=LONGEST
    )


def tokenize(tokenizer: Any, texts: Sequence[str], device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and their mask, ``int64 [n, L]`` each."""
    found = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt", return_token_type_ids=False)
    return found["input_ids"].to(device), found["attention_mask"].to(device)
