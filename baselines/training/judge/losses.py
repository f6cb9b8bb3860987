"""What the two halves learn from: the code of each place, and the answers to packed questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from baselines.training.judge.asking import Packed
from baselines.training.judge.kinds import (
    CENTRE,
    CHANGED,
    FILL,
    FREE,
    KIND,
    MESS,
    N_TINTS,
    NEW,
    PLACE,
    PLACES,
    TERMS,
    TINT,
    TONE,
    TYPE,
    WIDE,
)
from baselines.training.judge.pairs import Pairs, Places
from baselines.training.judge.vocabulary import NO, YES, Words
from imgedit_gym.art.sprites import _largest_face
from imgedit_gym.art.stock import HEADLINE_HEIGHT, HEADLINE_WIDTH
from imgedit_gym.core.names import TONES

SHARP = 14.0
"""Scale of the products of codes in the vision half's loss."""

MOST = 7
"""Counts from here on are one class."""


def true_tokens(places: Places, words: Words) -> torch.Tensor:
    """The image tokens that a perfect vision half would write, ``float32 [n, T, WIDE]``."""
    codes, kinds = words.codes, words.kinds
    n, tiles = places.kind.shape
    tokens = torch.zeros(n, tiles, WIDE)
    kind = places.kind.clamp_min(0)
    tokens[..., KIND] = codes.kinds[kind]
    tokens[..., TINT] = codes.tints[places.tint.clamp_min(0)] * (places.tint >= 0)[..., None]
    toned = places.tone >= 0
    tokens[..., TONE] = (F.one_hot(places.tone.clamp_min(0), len(TONES)) * toned[:, None]).float()[:, None]
    tokens[..., CHANGED] = places.changed.float() - 0.5
    tokens[..., CENTRE] = places.centre.float()
    tokens[..., MESS] = places.mess.float()
    tokens[..., PLACE] = 0.5 * torch.eye(PLACES**2)
    tokens[..., TYPE] = 0.5 * F.one_hot(kinds.types, 3).float()[kind]
    # as long for new things as for others: what looks for things is to find all of them alike
    tokens[..., NEW] = (places.new == 1).float() - 0.5
    tokens[..., TERMS] = 0.5 * kinds.within[kind]
    tokens[..., FILL] = 0.5 * kinds.fill[kind]
    return tokens


def vision_loss(tokens: torch.Tensor, places: Places, words: Words) -> tuple[torch.Tensor, dict[str, float]]:
    """Distance of image tokens from the truth, and its parts by name; narrow tokens say nothing of sets.

    Of a place whose kind is not known only which place it is and, if that is, whether it was changed is learnt.
    """
    codes = words.codes
    last = FREE.start if tokens.shape[-1] == WIDE else FILL
    truth = true_tokens(places, words)[..., :last]
    tokens = tokens[..., :last]
    sure, aim = places.kind >= 0, places.kind.clamp_min(0)
    types = words.kinds.types[aim]
    logits = SHARP * tokens[..., KIND] @ codes.kinds.T
    weight = torch.tensor([1.0, 0.3, 0.6])[types] * torch.where(places.mess, 0.5, 1.0) * sure
    error = F.cross_entropy(logits.flatten(0, 1), aim.flatten(), reduction="none").view_as(weight)
    kind = (weight * error).sum() / weight.sum().clamp_min(1.0)
    told = (places.tint >= 0) & sure
    tint = _mean(F.cross_entropy(SHARP * tokens[..., TINT][told] @ codes.tints.T, places.tint[told], reduction="none"))
    heard = places.tone >= -1
    tone = _mean(_errors(12.0 * (tokens[heard][..., TONE] - 0.5), truth[heard][..., TONE]))
    marks = _mean(_errors(12.0 * tokens[places.marked][..., CHANGED], places.changed[places.marked].float()))
    for at, mark in ((CENTRE, places.centre), (MESS, places.mess)):
        marks = marks + _mean(_errors(12.0 * (tokens[..., at][sure] - 0.5), mark[sure].float()))
    known = (places.new >= 0) & (types == 0) & sure
    new = _mean(_errors(12.0 * tokens[..., NEW][known], places.new[known].float()))
    sets = _errors(24.0 * (tokens[..., TERMS] - 0.25), 2.0 * truth[..., TERMS])
    sets = (weight[..., None] * sets).sum() / weight.sum().clamp_min(1.0)  # nothing in narrow tokens
    type_ = _mean(F.cross_entropy(8.0 * tokens[..., TYPE][sure], types[sure], reduction="none"))
    apart = (tokens - truth) ** 2
    near = apart.sum(-1) - apart[..., NEW] * (places.new < 0) - apart[..., TINT].sum(-1) * (places.tint < -1)
    near = near - apart[..., TONE].sum(-1) * ~heard[:, None] - apart[..., CHANGED] * ~places.marked[:, None]
    near = _mean(near[sure])
    place = F.cross_entropy(24.0 * tokens[..., PLACE].transpose(1, 2), torch.arange(PLACES**2).expand(len(tokens), -1))
    total = kind + tint + 3.0 * tone + marks + new + 0.4 * sets + 0.3 * type_ + 0.3 * near + 0.1 * place
    parts = {"kind": kind, "tint": tint, "tone": tone, "marks": marks, "new": new, "sets": sets, "near": near}
    with torch.no_grad():
        right = logits.argmax(-1) == aim
        whole = ~places.mess & sure
        found = {name: float(part.detach()) for name, part in parts.items()}
        for name, index in (("object", 0), ("background", 1), ("headline", 2)):
            found[f"right_{name}"] = float(right[(types == index) & whole].float().mean())
        found["right_new"] = float(((tokens[..., NEW] > 0.0) == (places.new == 1))[known].float().mean())
    return total, found


def _errors(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of each."""
    return F.binary_cross_entropy_with_logits(logits, truth, reduction="none")


def _mean(values: torch.Tensor) -> torch.Tensor:
    """Their mean; 0 if there are none."""
    return values.sum() / max(values.numel(), 1)


class Letters(nn.Module):
    """Which letters stand at a place of a headline: what reading begins with; for the training alone.

    Args:
        words: The vocabulary.
        places: Tiles along an edge of the mosaic.
        width: Numbers in an image token.
    """

    def __init__(self, words: Words, places: int, width: int = WIDE) -> None:
        super().__init__()
        kinds = words.kinds
        texts = kinds.book.headlines
        letters = sorted({letter for text in texts for letter in text if letter != " "})
        self.read = nn.Linear(width, len(letters))
        self.places, self.first = places, kinds.first_headline
        self.table = torch.zeros(len(texts), places, len(letters))
        for row, text in enumerate(texts):
            for letter, left, right in letter_spans(text):
                if letter != " ":
                    for column in range(places):
                        shown = min(right, (column + 1) / places) - max(left, column / places)
                        if shown > 0.3 * (right - left):
                            self.table[row, column, letters.index(letter)] = 1.0

    def loss(self, tokens: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """Cross-entropy of the letters at the places of headlines."""
        row, place = (pairs.kind >= self.first).nonzero(as_tuple=True)
        truth = self.table[pairs.kind[row, place] - self.first, place % self.places]
        logits = self.read(tokens[row, place])
        return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(4.0))


def letter_spans(text: str, edge: int = 512) -> list[tuple[str, float, float]]:
    """Left and right end of each letter of a headline, as shares of the picture's width."""
    height, width = round(HEADLINE_HEIGHT * edge), round(HEADLINE_WIDTH * edge)
    face = _largest_face(text, width * 0.96, height * 0.86)
    ends = [face.getlength(text[:count]) for count in range(len(text) + 1)]
    left = 0.5 * edge - 0.5 * ends[-1]
    return [(text[i], (left + ends[i]) / edge, (left + ends[i + 1]) / edge) for i in range(len(text))]


class Aids(nn.Module):
    """What the language half must be able to tell after its first layers, beside the answers; for the training alone.

    Args:
        words: The vocabulary.
    """

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.found = nn.Linear(WIDE, len(_MARKS) + MOST + 1 + PLACES**2 + N_TINTS)
        self.together = nn.Linear(WIDE, len(_MARKS) + MOST + 1 + PLACES**2)
        self.members, self.is_set = words.members, words.is_set
        self.n_sprites = words.kinds.n_sprites
        self.is_sprite = words.kinds.types == 0
        self.single = (words.members.sum(1) == 1) & words.members[:, : words.kinds.n_objects].any(1)
        self.joins = torch.zeros(len(words), dtype=torch.bool)
        self.joins[[words.ids[word] for word in ("or", ",", '"') if word in words.ids]] = True


_MARKS = ("seen", "changed", "mess", "new")


def answer_loss(
    model: Any,
    aids: Aids | None,
    tokens: torch.Tensor,
    packed: Packed,
    words: Words,
    pairs: Pairs | None = None,
    settling: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Answers to packed questions.

    Args:
        model: The model; its language half is used.
        aids: Further aims of the training; with ``pairs``.
        tokens: Image tokens, ``[n, T, WIDE]``.
        packed: The questions.
        words: The vocabulary.
        pairs: What is seen at each place.
        settling: Whether the aids learn to read the model, but the model not yet from them.

    Returns:
        Cross-entropy, logits of yes less no ``[Q]``, and the losses of the aids.
    """
    language = model.model.language_model
    n, places = tokens.shape[:2]
    text = model.get_input_embeddings()(packed.ids)
    hidden = torch.cat([tokens, text], 1)
    length = hidden.shape[1]
    position = torch.cat([torch.arange(places).expand(n, places), places + packed.position], 1)
    segment = torch.cat([torch.full((n, places), -2), packed.segment], 1)
    index = torch.arange(length)
    allowed = (index[None] <= index[:, None])[None] & (
        (segment[:, None, :] == -2) | (segment[:, None, :] == segment[:, :, None])
    )
    mask = torch.zeros(n, 1, length, length).masked_fill_(~allowed[:, None], -1e9)
    turns = language.rotary_emb(hidden, position)
    extra: dict[str, torch.Tensor] = {}
    names = None if aids is None or pairs is None else _names(aids, packed)
    for at, layer in enumerate(language.layers):
        if at == 0 and names is not None and pairs is not None:
            extra["attention"] = _attention_loss(layer, hidden, turns, mask, packed, pairs, names)
        hidden = layer(hidden, attention_mask=mask, position_ids=position, position_embeddings=turns, use_cache=False)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        if at in (0, 1) and aids is not None and names is not None and pairs is not None:
            name = "found" if at == 0 else "together"
            state = hidden[:, places:]
            extra[name] = _readout_loss(aids, at, state.detach() if settling else state, names, packed, pairs)
    last = language.norm(hidden[:, places:][packed.row, packed.at])
    choices = model.get_input_embeddings().weight[[words.ids[YES], words.ids[NO]]]
    logits = last @ choices.T
    # beside yes and no, all other words are wrong
    whole = last @ model.get_input_embeddings().weight.T
    target = torch.where(packed.answer, words.ids[YES], words.ids[NO])
    return F.cross_entropy(whole, target), logits[:, 0] - logits[:, 1], extra


@dataclass
class _Names:
    """Every token that names kinds.

    Attributes:
        row: Its pair, ``int64 [W]``.
        place: Where it stands among the words, ``int64 [W]``.
        members: What it names, ``bool [W, kinds]``.
        is_set: Whether that is a category or attribute, ``bool [W]``.
        coded: What of it is found by its code, and not as a member of a set, ``bool [W, kinds]``.
        listed: What is named by it and the words before it in the same list, ``bool [W, kinds]``.
    """

    row: torch.Tensor
    place: torch.Tensor
    members: torch.Tensor
    is_set: torch.Tensor
    coded: torch.Tensor
    listed: torch.Tensor


def _names(aids: Aids, packed: Packed) -> _Names:
    row, place = aids.members[packed.ids].any(-1).nonzero(as_tuple=True)
    ids = packed.ids[row, place]
    members = aids.members[ids]
    listed = members.clone()
    links = aids.joins[packed.ids].tolist()
    spots = list(zip(row.tolist(), place.tolist(), packed.segment[row, place].tolist(), strict=True))
    for i in range(1, len(spots)):
        (was, left, before), (now, right, after) = spots[i - 1], spots[i]
        if was == now and before == after and all(links[now][left + 1 : right]):
            listed[i] |= listed[i - 1]
    is_set = aids.is_set[ids]
    return _Names(row, place, members, is_set, members & ~(is_set[:, None] & aids.is_sprite), listed)


def _attention_loss(
    layer: Any,
    hidden: torch.Tensor,
    turns: tuple[torch.Tensor, torch.Tensor],
    mask: torch.Tensor,
    packed: Packed,
    pairs: Pairs,
    names: _Names,
) -> torch.Tensor:
    """A word looks at what it names, or at the question where there is nothing.

    Head 0 looks at any place with the thing that is named, head 1 at its middle, head 2 at middles of a set's things.
    """
    places = pairs.kind.shape[1]
    row, place = names.row, names.place
    normed = layer.input_layernorm(hidden)
    attention = layer.self_attn
    width = attention.head_dim
    asked = places + place
    cosine, sine = turns
    half = width // 2

    def turned(x: torch.Tensor, c: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return x * c + torch.cat([-x[..., half:], x[..., :half]], -1) * s

    coded = names.coded.gather(1, pairs.kind[row])
    of_set = (names.members & ~names.coded).gather(1, pairs.kind[row])
    middle = pairs.centre[row]
    loss = hidden.new_zeros(())
    for head, truth in enumerate((coded, coded & middle, of_set & middle)):
        rows = slice(head * width, (head + 1) * width)
        keys = turned(F.linear(normed, attention.k_proj.weight[rows]), cosine, sine)
        query = turned(
            F.linear(normed[row, asked], attention.q_proj.weight[rows]), cosine[row, asked], sine[row, asked]
        )
        # pairs stand in order, so their words can be multiplied pair by pair
        logits = torch.einsum("qc,qkc->qk", query, keys[row]) / width**0.5 + mask[row, 0, asked]
        share = logits.log_softmax(-1)
        if head == 0:
            hit = share[:, :places].masked_fill(~truth, -1e4).logsumexp(-1)
            miss = share[:, places:].logsumexp(-1)
            loss = loss - torch.where(truth.any(-1), hit, miss).mean()
        else:
            # in equal parts at every middle and at the question's beginning: how many there are can be read from that
            begin = share.gather(1, (asked - packed.position[row, place])[:, None])[:, 0]
            parts = 1 + truth.sum(1)
            loss = loss - (((share[:, :places] * truth).sum(1) + begin) / parts + parts.log()).mean()
    return loss


def _readout_loss(
    aids: Aids, layer: int, hidden: torch.Tensor, names: _Names, packed: Packed, pairs: Pairs
) -> torch.Tensor:
    """What is known of a word's things after a layer: whether, how many, where; after the second, of its whole list."""
    row, place = names.row, names.place
    state = F.rms_norm(hidden[row, place], (WIDE,))
    seen = (names.members if layer == 0 else names.listed).gather(1, pairs.kind[row])
    middles = seen & pairs.centre[row]
    sprites = names.members[:, : aids.n_sprites].any(1)
    out = aids.found(state) if layer == 0 else aids.together(state)
    marks, count, where = out[:, : len(_MARKS)], out[:, len(_MARKS) :][:, : MOST + 1], out[:, len(_MARKS) + MOST + 1 :]
    new = pairs.new[row]
    truth = [seen, seen & pairs.changed[row], seen & pairs.mess[row], seen & (new == 1)]
    told = torch.ones_like(marks)
    told[:, 3] = (~(seen & (new < 0)).any(1)).float()
    aims = torch.stack([one.any(1) for one in truth], 1).float()
    loss = 2.0 * (told * F.binary_cross_entropy_with_logits(marks, aims, reduction="none")).mean()
    loss = loss + F.cross_entropy(count[sprites], middles[sprites].sum(1).clamp_max(MOST))
    error = F.binary_cross_entropy_with_logits(where[:, : PLACES**2], middles.float(), reduction="none")
    loss = loss + 0.3 * error[sprites].sum(1).mean()
    tint = torch.where(seen, pairs.tint[row], -1).amax(1)
    dyed = aids.single[packed.ids[row, place]] & (tint >= 0)
    if layer == 0 and bool(dyed.any()):
        loss = loss + F.cross_entropy(where[dyed, PLACES**2 :], tint[dyed])
    return loss
