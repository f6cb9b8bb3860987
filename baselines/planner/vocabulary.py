"""The planner's words: whatever has a name is one token, words of requests are too, and any other word is spelled."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import torch

from baselines.training.judge.kinds import CENTRE, WIDTH
from baselines.training.judge.vocabulary import ANSWER, ASK, IMAGE, PAD, UNKNOWN
from baselines.vision.encoder import WORD_PARTS, Vision
from imgedit_gym.art.goals import GoalBook
from imgedit_gym.core.plan import BACKGROUND, BADGE, HEADLINE, PICTURE, VERBS

END, LINE = "<end>", "\n"
SPECIAL = (PAD, UNKNOWN, IMAGE, ASK, ANSWER, END)
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}<q>{{ part['text'] }}{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image><a>{% endif %}{% endfor %}"
    "{% endfor %}"
)
"""The request comes first, so that the picture is read with it in mind."""

_PLAN_WORDS = (*VERBS[2:], "the", "with", "to", "as", PICTURE, BACKGROUND, HEADLINE, BADGE)
_LETTERS = string.ascii_lowercase + string.digits
INSIDE = "##"
"""How a letter begins that is not the first of a word that is spelled."""
FREE = slice(122, WIDTH)
"""Part of a word's embedding that begins at random."""

_CODE, _NAME = 0.6, 0.3
"""Length of a name's code in its first embedding, and of the part that is free."""


class PlanWords:
    """The vocabulary.

    Args:
        vision: Whose names and codes are taken over.
        headlines: Texts that plans may write.
        requests: Texts whose words are tokens.
    """

    def __init__(self, vision: Vision, headlines: Sequence[str], requests: Iterable[str]) -> None:
        self._vision = vision
        written = {text.lower(): text for text in headlines}
        self.names: tuple[str, ...] = tuple(sorted({written.get(phrase, phrase) for phrase in vision.words}))
        found = {word for text in requests for word in _words(text)}
        pieces = [*_LETTERS, *(INSIDE + letter for letter in _LETTERS), *string.punctuation]
        plain = dict.fromkeys((*_PLAN_WORDS, *pieces, *sorted(found)))
        known = set(self.names)
        self.tokens: tuple[str, ...] = (*SPECIAL, LINE, *(word for word in plain if word not in known), *self.names)
        self.ids = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def embeddings(self, seed: int = 3) -> torch.Tensor:
        """First values of the word embeddings, ``float32 [tokens, WIDTH]``: names begin with the codes of things."""
        draw = torch.Generator().manual_seed(seed)
        table = torch.zeros(len(self), WIDTH)
        table[:, FREE] = torch.randn(len(self), FREE.stop - FREE.start, generator=draw) / 10
        for name in self.names:
            row, word = table[self.ids[name]], self._vision.word(name)
            row[FREE] *= _NAME
            first = 0
            for part in WORD_PARTS:
                width = part.stop - part.start
                row[part] = _CODE * word[first : first + width]
                first += width
            if word[-3] > 0:  # an object, which has a middle
                row[CENTRE] = _CODE
        return table

    @cached_property
    def core(self) -> Any:
        """The tokenizer of the ``tokenizers`` library."""
        from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

        core = Tokenizer(models.WordPiece(dict(self.ids), unk_token=UNKNOWN, continuing_subword_prefix=INSIDE))
        core.normalizer = normalizers.BertNormalizer(clean_text=False, strip_accents=True, lowercase=True)
        core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        # what is no plain word to the model below; headlines stand as they are written, in capitals
        core.add_tokens(
            [AddedToken(name, single_word=True, normalized=name.islower()) for name in self.names if not _is_word(name)]
        )
        core.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
        core.add_tokens([AddedToken(LINE, normalized=False)])
        return core

    def tokenizer(self) -> Any:
        """The tokenizer in the form of the ``transformers`` library."""
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast(
            tokenizer_object=self.core,
            pad_token=PAD,
            unk_token=UNKNOWN,
            eos_token=END,
            extra_special_tokens=[IMAGE, ASK, ANSWER],
            clean_up_tokenization_spaces=False,
            padding_side="left",
            model_max_length=512,
        )

    def spelled(self, token: int) -> list[int]:
        """The letters of a word of requests; the token itself where it is none."""
        word = self.tokens[token]
        if token < len(SPECIAL) or not _is_word(word) or any(letter not in self.ids for letter in word):
            return [token]
        return [self.ids[word[0]], *(self.ids[INSIDE + letter] for letter in word[1:])]


def seen_requests(book: GoalBook) -> list[str]:
    """Phrasings of the goals that training may use."""
    return [text for goal in book.goals if goal.seen for text in goal.phrasings]


def _is_word(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9]+", text))


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if _is_word(word)]
