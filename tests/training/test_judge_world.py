import random
import re

import pytest
import torch

from baselines.training.judge.asking import Asker, pack
from baselines.training.judge.kinds import Codes, Kinds
from baselines.training.judge.looks import give_looks
from baselines.training.judge.pairs import Pairs, Recipe
from baselines.training.judge.vocabulary import Words
from baselines.training.judge.wording import NUMBERS, TAUGHT
from baselines.training.judge.world import World
from imgedit_gym.core.names import COLORS, TONES

PLACES = 9
RECIPE = Recipe(few=0.3, crowded=0.3, half=0.8)


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    return Kinds.load()


@pytest.fixture(scope="module")
def world(kinds: Kinds) -> World:
    return World(kinds, 96, PLACES, pool=64)


@pytest.fixture(scope="module")
def words(kinds: Kinds) -> Words:
    return Words(kinds, Codes.make(kinds, steps=5))


def made(world: World, seed: int, n: int = 48, recipe: Recipe = RECIPE) -> Pairs:
    return world.pairs(n, torch.Generator().manual_seed(seed), recipe)


def test_the_same_numbers_make_the_same_pairs(world: World):
    one = made(world, 5)
    pictures = one.after.clone(), one.kind.clone(), one.sprite.clone()
    two = made(world, 5)
    assert all(torch.equal(a, b) for a, b in zip(pictures, (two.after, two.kind, two.sprite), strict=True))
    assert not torch.equal(made(world, 6).sprite, pictures[2])


def test_objects_that_are_seen_have_a_middle(world: World, kinds: Kinds):
    pairs = made(world, 1)
    for row in range(len(pairs.kind)):
        sure = [
            int(j) for j, hidden in zip(pairs.sprite[row, 1], pairs.hidden[row], strict=True) if j >= 0 and not hidden
        ]
        if bool(pairs.half[row].any()):
            continue
        middles = sorted(pairs.kind[row, pairs.centre[row]].tolist())
        assert set(sure) <= set(middles) and all(kind < kinds.n_sprites for kind in middles)


def test_what_did_not_change_is_not_marked(world: World):
    pairs = made(world, 2, recipe=Recipe(few=1.0, toned=0.0, half=0.0))
    still = (pairs.before == pairs.after).flatten(1).all(1)
    assert bool(still.any()) and not bool(pairs.changed[still].any())
    changed = ~still
    assert bool(pairs.changed[changed].any(1).float().mean() > 0.95)


def test_half_removed_things_are_no_more_there_and_marked(world: World):
    pairs = made(world, 3, n=96)
    rows = pairs.half.any(1)
    assert bool(rows.any()) and bool(pairs.mess[rows].any(1).float().mean() > 0.8)
    assert not bool(pairs.mess[~rows].any())
    assert bool((pairs.sprite[:, 1][pairs.half] == -1).all())


def test_what_came_is_told_from_what_was_there(world: World):
    pairs, seen = made(world, 8, n=256), set()
    for row, (was, now) in enumerate(pairs.sprite.tolist()):
        for place in (pairs.centre[row] & ~pairs.mess[row]).nonzero().flatten().tolist():
            kind, new = int(pairs.kind[row, place]), int(pairs.new[row, place])
            slots = [s for s in range(len(now)) if now[s] == kind]
            if len(slots) == 1:
                assert new == int(pairs.came[row, slots[0]])
                assert not (new and pairs.kept[row, slots[0]])
                assert new == 1 or kind == was[slots[0]]
            seen.add((new, kind in was))
    # things that were elsewhere have come, too
    assert seen == {(1, False), (1, True), (0, True), (-1, True)}


def test_things_in_a_light_of_their_own_are_none(world: World):
    recipe = Recipe(few=0.0, toned=0.3, half=0.0, astray=1.0)
    pairs = made(world, 9, n=96, recipe=recipe)
    assert 10 < int(pairs.doubt.sum()) < int((pairs.sprite[:, 1] >= 0).sum()) // 4
    assert bool((pairs.tone[pairs.doubt.any(1)] == -1).all())  # under a look light cannot be told
    replaced = 0
    for row, slot in pairs.doubt.nonzero().tolist():
        was = int(pairs.sprite[row, 0, slot])
        assert int(pairs.sprite[row, 1, slot]) == -1 and bool(pairs.half[row, slot]) == (was >= 0)
        if was >= 0 and was not in pairs.sprite[row, 1].tolist():
            marked = pairs.mess[row] & (pairs.kind[row] == was)
            assert not bool((marked & pairs.centre[row]).any())
            replaced += bool(marked.any())
    assert replaced > 5
    # with things in the picture's light nothing is left in between
    assert not bool(made(world, 9, n=96, recipe=Recipe(few=0.0, half=0.0)).mess.any())


def test_strips_show_several_headlines(world: World, kinds: Kinds):
    pairs = made(world, 4, recipe=Recipe(strips=1.0))
    texts = [len(set(row[row >= kinds.first_headline].tolist())) for row in pairs.kind]
    assert max(texts) >= 3 and bool((pairs.sprite[:, 1] == -1).all())


@pytest.mark.parametrize("tone", TONES)
def test_every_look_shows(world: World, tone: str):
    pictures = made(world, 7, n=4, recipe=Recipe(toned=0.0)).after
    wanted = torch.full((4,), TONES.index(tone))
    changed, _ = give_looks(pictures, torch.zeros(4, 3), wanted, torch.Generator().manual_seed(0))
    assert float((changed.float() - pictures.float()).abs().mean()) > 0.5
    same, _ = give_looks(pictures, torch.zeros(4, 3), wanted - len(TONES) - 1, torch.Generator().manual_seed(0))
    assert torch.equal(same, pictures)


# ------------------------------------------------------------------ answers


class Reader:
    """Answers questions from what the pairs say, from their words alone."""

    def __init__(self, pairs: Pairs, words: Words) -> None:
        self.pairs, self.words = pairs, words

    def answer(self, row: int, kind: str, text: str) -> bool:
        pairs, words = self.pairs, self.words
        after = [
            int(j) for j, hidden in zip(pairs.sprite[row, 1], pairs.hidden[row], strict=True) if j >= 0 and not hidden
        ]
        named = [words.named[name] for name in self._names(text)]
        members = torch.stack([one.kinds for one in named]).any(0) if named else None
        numbers = [NUMBERS.index(n) + 1 if n in NUMBERS else int(n) for n in self._numbers(text)]
        have = sum(bool(members[j]) for j in after) if members is not None else 0
        match kind:
            case "absent":
                return have == 0 and not any(
                    bool(members[int(j)]) for j, half in zip(pairs.sprite[row, 0], pairs.half[row], strict=True) if half
                )
            case "present":
                return have >= numbers[0]
            case "any":
                return have > 0
            case "count":
                return have <= numbers[0]
            case "span":
                return numbers[0] <= have <= numbers[1]
            case "background":
                return bool(members[words.kinds.n_sprites + pairs.ground[row, 1]])
            case "background_color":
                return named[0].tint - 1 == int(pairs.color[row])
            case "headline":
                return bool(members[words.kinds.first_headline + pairs.text[row, 1]])
            case "tone":
                return named[0].tone == int(pairs.tone[row])
            case "quality":
                return not bool(pairs.half[row].any())
        raise AssertionError(kind)

    def _names(self, text: str) -> list[str]:
        return [token for token in text.split("\t") if token in self.words.named]

    def _numbers(self, text: str) -> list[str]:
        return [token for token in text.split("\t") if token in NUMBERS or re.fullmatch(r"\d", token)]


@pytest.mark.parametrize("recipe", (RECIPE, Recipe(few=0.2, half=0.5, astray=1.0)))
def test_answers_are_those_that_the_words_ask_for(world: World, words: Words, recipe: Recipe):
    straight = {kind: (pair[0], ()) for kind, pair in TAUGHT.items()}
    asker, seen = Asker(words, world.takes, straight, drop=0.0), set()
    for seed in range(6):
        pairs = made(world, 20 + seed, recipe=recipe)
        reader = Reader(pairs, words)
        for row, asked in enumerate(asker.ask(pairs, 12, random.Random(seed))):
            for one in asked:
                if one.kind in ("kept", "color"):
                    continue
                text = "\t".join(words.tokens[index] for index in one.ids)
                assert reader.answer(row, one.kind, text) == one.answer, (one.kind, text)
                seen.add((one.kind, one.answer))
    assert len(seen) == 20


def test_colours_and_things_kept(world: World, words: Words):
    straight = {kind: (TAUGHT[kind][0], ()) for kind in ("color", "kept")}
    asker, answers = Asker(words, world.takes, straight, drop=0.0), {True: 0, False: 0}
    pairs = made(world, 40, n=96)
    for row, asked in enumerate(asker.ask(pairs, 8, random.Random(3))):
        for one in asked:
            tokens = [words.tokens[index] for index in one.ids]
            things = [t for t in tokens if t in words.named and bool(words.named[t].kinds.any()) and t not in COLORS]
            if not things:
                continue
            slots = [s for s in range(12) if bool(words.named[things[0]].kinds[pairs.sprite[row, 1, s].clamp_min(0)])]
            slots = [s for s in slots if pairs.sprite[row, 1, s] >= 0]
            if one.kind == "kept":
                assert one.answer == any(bool(pairs.kept[row, s]) for s in slots)
            else:
                color = next(COLORS.index(t) for t in tokens if t in COLORS)
                assert one.answer == any(int(pairs.dye[row, s]) == color for s in slots)
            answers[one.answer] += 1
    assert min(answers.values()) > 100


def test_questions_are_balanced(world: World, words: Words):
    asker = Asker(words, world.takes)
    pairs, dice = made(world, 50, n=128), random.Random(1)
    packed = pack(asker.ask(pairs, 12, dice))
    assert 0.42 < float(packed.answer.float().mean()) < 0.58
    for kind in set(packed.kind):
        mine = torch.tensor([one == kind for one in packed.kind])
        assert 0.25 < float(packed.answer[mine].float().mean()) < 0.75, kind


def test_packed_questions_keep_apart(world: World, words: Words):
    pairs = made(world, 60, n=4)
    asked = Asker(words, world.takes).ask(pairs, 5, random.Random(2))
    packed = pack(asked)
    for index, (row, at) in enumerate(zip(packed.row.tolist(), packed.at.tolist(), strict=True)):
        assert words.tokens[int(packed.ids[row, at])] == "<a>"
        mine = packed.segment[row] == packed.segment[row, at]
        assert packed.ids[row][mine].tolist() == asked[row][index % 5].ids
        assert packed.position[row][mine].tolist() == list(range(int(mine.sum())))
