import random

import pytest
import torch

from baselines.training.judge.asking import Wordings
from baselines.training.judge.kinds import KIND, TERMS, Codes, Kinds
from baselines.training.judge.vocabulary import ANSWER, ASK, IMAGE, UNKNOWN, Words
from baselines.training.judge.wording import FREELY, SYNONYMS, TAUGHT
from imgedit_gym.core.names import BACKGROUNDS, COLORS, TONES


@pytest.fixture(scope="module")
def words() -> Words:
    kinds = Kinds.load()
    return Words(kinds, Codes.make(kinds, steps=300))


def test_codes_tell_names_apart(words: Words):
    kinds, codes = words.kinds, words.codes
    likeness = codes.kinds @ codes.kinds.T
    assert float((likeness - torch.eye(len(kinds))).max()) < 0.5
    members = torch.stack(list(kinds.terms.values()))
    near = codes.terms @ codes.kinds.T
    assert float(near[members].min()) > float(near[~members].max())


def test_everything_of_the_world_is_one_token(words: Words):
    kinds = words.kinds
    names = [item.name for item in kinds.catalogue.objects] + list(kinds.terms)
    names += [*BACKGROUNDS, *COLORS, *TONES, *(text for text in kinds.book.headlines)]
    for name in names:
        assert len(words.encode(name)) == 1, name


def test_synonyms_stand_for_the_same(words: Words):
    for name, others in SYNONYMS.items():
        for other in others:
            assert bool((words.named[other].kinds & words.named[name].kinds).any()), other


def test_words_begin_as_codes(words: Words):
    table = words.embeddings()
    code = words.codes.kinds[words.kinds.catalogue.index("hamburger")]
    for name in ("hamburger", "burger"):
        assert torch.allclose(table[words.ids[name], KIND], 0.6 * code)
    # a set has a number of its own, which its members' tokens have too
    for row in (table[words.ids["fruit"]], table[words.ids["fruits"]]):
        assert not bool(row[KIND].any()) and int((row[TERMS] > 0.5).sum()) == 1
        mask = words.kinds.within[:, int(row[TERMS].argmax())] > 0
        assert torch.equal(mask, words.kinds.terms["fruit"])


@pytest.mark.parametrize("kind", list(TAUGHT))
def test_the_tokenizer_reads_questions_as_they_were_learned(words: Words, kind: str):
    tokenizer = words.tokenizer()
    dice, wordings = random.Random(0), Wordings(words, TAUGHT)
    phrases = dice.sample(sorted(words.named), 3)
    quoted = " or ".join(f'"{phrase.upper()}"' for phrase in phrases)
    texts = {"x": phrases[0], "c": "red", "t": "vivid", "n": "2", "m": "1", "l": " or ".join(phrases), "q": quoted}
    mark, either = words.ids['"'], words.ids["or"]
    encoded = {blank: words.encode(text) for blank, text in texts.items()}
    encoded["l"] = [i for p in phrases for i in (*words.encode(p), either)][:-1]
    encoded["q"] = [i for p in phrases for i in (mark, *words.encode(p), mark, either)][:-1]
    for text in (*TAUGHT[kind][0], *TAUGHT[kind][1]):
        one = Wordings(words, {kind: ((text,), ())}).put(kind, encoded, True, dice)
        whole = text
        for blank, filling in texts.items():
            whole = whole.replace(f"{{{blank}}}", filling)
        assert tokenizer(f"{ASK}{whole}{ANSWER}", add_special_tokens=False)["input_ids"] == one.ids, text
    assert kind in wordings


def test_a_turned_question_turns_its_answer(words: Words):
    wordings = Wordings(words, {"absent": (("gone {x}?",), ("still {x}?",))})
    slots = {"x": words.encode("dog")}
    put = [wordings.put("absent", slots, True, random.Random(seed)) for seed in range(40)]
    still = words.ids["still"]
    assert {(still in one.ids, one.answer) for one in put} == {(True, False), (False, True)}


def test_free_wordings_are_not_taught(words: Words):
    taught = {text for pair in TAUGHT.values() for texts in pair for text in texts}
    assert not taught & {text for pair in FREELY.values() for texts in pair for text in texts}


def test_unknown_words_are_one_token(words: Words):
    tokenizer = words.tokenizer()
    assert tokenizer("zyzzyva", add_special_tokens=False)["input_ids"] == [words.ids[UNKNOWN]]
    assert tokenizer(IMAGE, add_special_tokens=False)["input_ids"] == [words.ids[IMAGE]]
