"""The model's words: everything that can be named is one token, however many words its name has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F

from baselines.training.judge.kinds import (
    BEGIN,
    CENTRE,
    FREE,
    KIND,
    NAME,
    TERMS,
    TEXT,
    TINT,
    TONE,
    TYPE,
    WIDE,
    Codes,
    Kinds,
)
from baselines.training.judge.wider import FRAMES, WIDER, spelled
from baselines.training.judge.wording import NUMBERS, SYNONYMS, TAUGHT, Pair
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES

PAD, UNKNOWN, IMAGE, ASK, ANSWER, YES, NO = "<pad>", "<unk>", "<image>", "<q>", "<a>", "yes", "no"
SPECIAL = (PAD, UNKNOWN, IMAGE, ASK, ANSWER)
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}<q>{{ part['text'] }}<a>{% endif %}{% endfor %}"
    "{% endfor %}"
)
_PARTS = re.compile(r"\{\w\}|\w+|[^\w\s]")
_NO_PLURAL = ("fast food", "sport gear", "clothing", "electronics", "jewellery")


@dataclass(frozen=True)
class Named:
    """What a phrase stands for; a word such as ``vintage`` stands for several things.

    Attributes:
        kinds: Kinds it names, ``bool [kinds]``.
        code: Unit vector near to the codes of those kinds, ``float32 [64]``; zeros if there are none.
        tint: Index of a colour, from 1; 0 none.
        tone: Index of a look; -1 none.
        term: Index of a category or attribute; -1 none.
    """

    kinds: torch.Tensor
    code: torch.Tensor
    tint: int = 0
    tone: int = -1
    term: int = -1

    def joined(self, other: Named) -> Named:
        """What stands for both."""
        code = F.normalize(self.code + other.code, dim=0)
        tint, tone, term = self.tint or other.tint, max(self.tone, other.tone), max(self.term, other.term)
        return Named(self.kinds | other.kinds, code, tint, tone, term)


class Words:
    """The vocabulary.

    Args:
        kinds: What can be named.
        codes: Codes of the kinds.
        tables: Questions whose words it has.
    """

    def __init__(self, kinds: Kinds, codes: Codes, tables: Sequence[Mapping[str, Pair]] = (TAUGHT, WIDER)) -> None:
        self.kinds, self.codes = kinds, codes
        self.named: dict[str, Named] = {}
        self._name_all()
        texts = [one for table in tables for text in _texts(table) for one in spelled(text)]
        texts += FRAMES if WIDER in tables else ()
        words = {word for text in texts for word in _PARTS.findall(text.lower()) if word[0] != "{"}
        words |= set(NUMBERS) | set("0123456789,'\"") | {"or", "and", "background", "headline", "rest", "else"}
        plain = sorted(words - set(self.named) - {YES, NO})
        self.tokens: tuple[str, ...] = (*SPECIAL, YES, NO, *plain, *sorted(self.named))
        self.ids = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def _name(self, phrase: str, named: Named) -> None:
        known = self.named.get(phrase)
        self.named[phrase] = named if known is None else known.joined(named)

    def _name_all(self) -> None:
        kinds, codes = self.kinds, self.codes
        none, zeros = kinds.mask(()), torch.zeros(codes.kinds.shape[1])
        for index, item in enumerate(kinds.catalogue.objects):
            for phrase in (item.name, *SYNONYMS.get(item.name, ())):
                self._name(phrase, Named(kinds.mask([index]), codes.kinds[index]))
        for index, (term, members) in enumerate(kinds.terms.items()):
            plural = [term + "s"] if term in kinds.catalogue.categories and term not in _NO_PLURAL else []
            for phrase in (term, *plural):
                if phrase not in self.named:
                    self._name(phrase, Named(members, codes.terms[index], term=index))
        badges = range(kinds.n_objects, kinds.n_sprites)
        self._name("badge", Named(kinds.mask(badges), F.normalize(codes.kinds[list(badges)].sum(0), dim=0)))
        for index, name in enumerate(BACKGROUNDS):
            at = kinds.n_sprites + index
            self._name(name, Named(kinds.mask([at]), codes.kinds[at]))
        for index, text in enumerate(kinds.book.headlines):
            at = kinds.first_headline + index
            self._name(text.lower(), Named(kinds.mask([at]), codes.kinds[at]))
        for index, name in enumerate(COLORS):
            self._name(name, Named(none, zeros, tint=1 + index))
        for index, name in enumerate(TONES):
            self._name(name, Named(none, zeros, tone=index))

    @cached_property
    def members(self) -> torch.Tensor:
        """Kinds that each token names, ``bool [tokens, kinds]``."""
        table = torch.zeros(len(self), len(self.kinds), dtype=torch.bool)
        for phrase, named in self.named.items():
            table[self.ids[phrase]] = named.kinds
        return table

    def embeddings(self, seed: int = 3) -> torch.Tensor:
        """First values of the word embeddings, ``float32 [tokens, WIDE]``: names begin with the codes of things."""
        draw = torch.Generator().manual_seed(seed)
        table = torch.zeros(len(self), WIDE)
        table[:, FREE] = torch.randn(len(self), FREE.stop - FREE.start, generator=draw) / 10
        for phrase, named in self.named.items():
            row = table[self.ids[phrase]]
            row[FREE] *= 0.3
            if bool(named.kinds.any()):
                row[NAME] = 0.3
            if named.term >= 0:
                row[TERMS.start + named.term] = 0.6
                alone = named.kinds & (self.kinds.types > 0)
                if bool(alone.any()):  # a beach is a background, too
                    row[KIND] = 0.6 * F.normalize(self.codes.kinds[alone].sum(0), dim=0)
            else:
                row[KIND] = 0.6 * named.code
            if named.tint:
                row[TINT] = 0.6 * self.codes.tints[named.tint]
            if named.tone >= 0:
                row[TONE.start + named.tone] = 0.6
            if bool(named.kinds[: self.kinds.n_sprites].any()):
                row[CENTRE] = 0.6
        for index, word in enumerate(("badge", "background", "headline")):
            table[self.ids[word], TYPE.start + index] = 0.6
        table[:, TEXT] = 0.3
        table[self.ids[ASK], TEXT], table[self.ids[ASK], BEGIN] = 0.0, 1.0
        return table

    @cached_property
    def is_set(self) -> torch.Tensor:
        """Whether a token names a category or an attribute, ``bool [tokens]``."""
        found = torch.zeros(len(self), dtype=torch.bool)
        found[[self.ids[phrase] for phrase, named in self.named.items() if named.term >= 0]] = True
        return found

    def encode(self, text: str) -> list[int]:
        """Tokens of one phrase or a text without names, as :meth:`tokenizer` reads them."""
        known = self.ids.get(text.lower())
        if known is not None:
            return [known]
        return [self.ids.get(part, self.ids[UNKNOWN]) for part in _PARTS.findall(text.lower())]

    def tokenizer(self) -> Any:
        """The tokenizer in the form of the ``transformers`` library."""
        from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        core = Tokenizer(models.WordLevel(dict(self.ids), unk_token=UNKNOWN))
        core.normalizer = normalizers.Lowercase()
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        core.add_tokens(
            [AddedToken(phrase, single_word=True, normalized=True) for phrase in sorted(self.named) if " " in phrase]
            + [
                AddedToken(phrase, single_word=True, normalized=True)
                for phrase in sorted(self.named)
                if " " not in phrase and not phrase.isalnum()
            ]
        )
        core.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
        return PreTrainedTokenizerFast(
            tokenizer_object=core,
            pad_token=PAD,
            unk_token=UNKNOWN,
            extra_special_tokens=[IMAGE, ASK, ANSWER],
            padding_side="left",
            model_max_length=512,
        )


def _texts(table: Mapping[str, Any]) -> list[str]:
    return [text for pair in table.values() for texts in pair for text in texts]


def unknown_words(words: Words, texts: Iterable[str]) -> list[str]:
    """Words of questions that the vocabulary does not have, sorted."""
    found = {part for text in texts for part in _PARTS.findall(text.lower()) if part[0] != "{"}
    return sorted(found - set(words.ids))
