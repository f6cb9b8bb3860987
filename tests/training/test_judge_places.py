"""What stands at each place of pictures that tools edited, and what is learnt of it."""

import random
from dataclasses import dataclass, replace

import pytest
import torch

from baselines.training.judge import spoiled
from baselines.training.judge.kinds import CHANGED, PLACE, WIDE, Codes, Kinds
from baselines.training.judge.losses import true_tokens, vision_loss
from baselines.training.judge.pairs import Places
from baselines.training.judge.recognised import EVERY
from baselines.training.judge.tooled import Bench, Edited
from baselines.training.judge.vocabulary import Words
from baselines.training.judge.world import World

N = 24


@dataclass
class Shown:
    """Edited pictures, what is seen at their places, and the objects of their tasks."""

    edited: Edited
    places: Places
    slots: torch.Tensor


@pytest.fixture(scope="module")
def words() -> Words:
    kinds = Kinds.load()
    return Words(kinds, Codes.make(kinds, steps=5))


@pytest.fixture(scope="module")
def world(words: Words) -> World:
    return World(words.kinds, 128, 9, pool=16)


@pytest.fixture(scope="module")
def bench(words: Words) -> Bench:
    return Bench(words, N)


@pytest.fixture(scope="module")
def untouched(bench: Bench, world: World) -> Places:
    bench.begin(3)
    edited = bench.edited(bench.engine.canvas.clone(), torch.arange(N), random.Random(0))
    return bench.places(edited, world)


@pytest.fixture(scope="module")
def edits(bench: Bench, world: World) -> list[Shown]:
    dice, spoiler, found = random.Random(1), spoiled.Spoiler(bench), []
    bench.begin(3)
    for _ in range(3):
        for edited in (bench.play(dice), spoiler.make(32, dice, torch.Generator().manual_seed(0))):
            slots = bench.engine.batch.slots[edited.rows].clone()
            found.append(Shown(edited, bench.places(edited, world), slots))
    return found


def test_nothing_is_new_where_nothing_was_done(untouched: Places, words: Words):
    assert bool(untouched.marked.all())
    assert not bool(untouched.changed.any() | untouched.mess.any() | (untouched.new != 0).any())
    # of what was not changed only a part is told
    assert float((untouched.kind >= 0).float().mean()) == pytest.approx(1 / EVERY, abs=0.02)
    assert bool((untouched.kind[untouched.centre & (untouched.kind >= 0)] < words.kinds.n_sprites).all())


def test_new_things_are_where_the_exact_judge_found_them(edits: list[Shown]):
    middles = []
    for shown in edits:
        found, places = shown.edited.found, shown.places
        for row, (things, qualities) in enumerate(zip(found.finds.tolist(), found.find_quality.tolist(), strict=True)):
            sure = {thing for thing, quality in zip(things, qualities, strict=True) if thing >= 0 and quality >= 0.65}
            new = places.new[row] == 1
            assert set(places.kind[row, new].tolist()) <= sure
            assert bool((places.changed[row] | ~new).all())
            middles += [thing in places.kind[row, new & places.centre[row]] for thing in sure]
    assert len(middles) > 30 and sum(middles) / len(middles) > 0.85


def test_of_a_thing_that_is_half_gone_the_rest_is_seen(bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spoiled, "WAYS", {"parted": 1.0})
    dice = random.Random(2)
    bench.begin(5)
    for _ in range(3):
        bench.play(dice)
    edited = spoiled.Spoiler(bench).make(144, dice, torch.Generator().manual_seed(0))
    places = bench.places(edited, world)
    for row, place in places.mess.nonzero().tolist():
        assert int(places.kind[row, place]) in bench.engine.batch.slots[edited.rows[row]].tolist()
        assert not bool(places.changed[row, place] | places.centre[row, place] | (places.new[row, place] == 1))
    assert int(places.mess.sum()) >= 3


def test_bare_ground_is_told_only_where_it_is_the_old_one(edits: list[Shown], words: Words):
    bare = 0
    for shown in edits:
        places, found = shown.places, shown.edited.found
        kinds = places.kind
        ground = (kinds >= words.kinds.n_sprites) & (kinds < words.kinds.first_headline) & places.changed
        for row in ground.any(1).nonzero().flatten().tolist():
            assert float(found.preserved[row, 0]) >= 0.65
            bare += 1
    assert bare > 3


def test_a_look_does_not_say_what_was_changed(bench: Bench, world: World):
    bench.begin(6)
    rows = torch.arange(4)
    darker = (bench.engine.batch.images[rows].float() * 0.8).to(torch.uint8)
    places = bench.places(bench.edited(darker, rows, random.Random(0)), world)
    assert not bool(places.marked.any() | (places.new == 1).any())


def test_nothing_is_learnt_of_what_is_not_known(edits: list[Shown], words: Words):
    places = edits[1].places
    assert not bool(places.marked.all())
    noise = torch.randn(*places.kind.shape, WIDE, generator=torch.Generator().manual_seed(0))
    tokens = (true_tokens(places, words) + 0.1 * noise).requires_grad_()
    vision_loss(tokens, places, words)[0].backward()
    slopes = tokens.grad
    assert slopes is not None and bool(slopes.isfinite().all())
    assert bool((slopes[~places.marked][..., CHANGED] == 0).all())
    unknown = slopes[places.marked][places.kind[places.marked] < 0]
    assert bool((unknown[:, CHANGED] != 0).any())
    rest = torch.ones(WIDE, dtype=torch.bool)
    rest[CHANGED], rest[PLACE] = False, False
    assert bool((slopes[places.kind < 0][:, rest] == 0).all())
    nothing = replace(places, kind=torch.full_like(places.kind, -1), marked=torch.zeros_like(places.marked))
    assert bool(vision_loss(tokens, nothing, words)[0].isfinite())
