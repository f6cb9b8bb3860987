"""What stands at each place of pictures that tools edited, and what is learnt of it."""

import random
from dataclasses import replace

import pytest
import torch

from baselines.training.judge.kinds import CHANGED, PLACE, WIDE, Codes, Kinds
from baselines.training.judge.losses import true_tokens, vision_loss
from baselines.training.judge.pairs import Places
from baselines.training.judge.spoiled import Spoiler
from baselines.training.judge.tooled import Bench, Edited
from baselines.training.judge.vocabulary import Words
from baselines.training.judge.world import World


@pytest.fixture(scope="module")
def words() -> Words:
    kinds = Kinds.load()
    return Words(kinds, Codes.make(kinds, steps=5))


@pytest.fixture(scope="module")
def world(words: Words) -> World:
    return World(words.kinds, 128, 9, pool=16)


@pytest.fixture(scope="module")
def edits(words: Words, world: World) -> list[tuple[Edited, Places]]:
    bench, dice, found = Bench(words, 24), random.Random(1), []
    bench.begin(3)
    untouched = bench.engine.canvas.clone()
    whole = bench.edited(untouched, torch.arange(24), dice)
    found.append((whole, bench.places(whole, world)))
    for _ in range(3):
        edited = bench.play(dice)
        found.append((edited, bench.places(edited, world)))
    spoiled = Spoiler(bench).make(16, dice, torch.Generator().manual_seed(0))
    return [*found, (spoiled, bench.places(spoiled, world))]


def test_nothing_is_new_where_nothing_was_done(edits: list[tuple[Edited, Places]], words: Words):
    _, places = edits[0]
    assert not bool(places.changed.any() | places.mess.any() | (places.new != 0).any())
    # of what was not changed only a part is told
    assert 0.2 < float((places.kind >= 0).float().mean()) < 0.5
    assert bool((places.kind[places.centre & (places.kind >= 0)] < words.kinds.n_sprites).all())


def test_new_things_are_where_the_exact_judge_found_them(edits: list[tuple[Edited, Places]]):
    middles = []
    for edited, places in edits[1:]:
        found = edited.found
        for row, (things, qualities) in enumerate(zip(found.finds.tolist(), found.find_quality.tolist(), strict=True)):
            sure = {thing for thing, quality in zip(things, qualities, strict=True) if thing >= 0 and quality >= 0.65}
            new = places.new[row] == 1
            assert set(places.kind[row, new].tolist()) <= sure
            assert bool((places.changed[row] | ~new).all())
            shown = set(places.kind[row, new & places.centre[row]].tolist())
            middles += [thing in shown for thing in sure]
    assert len(middles) > 20 and sum(middles) / len(middles) > 0.9


def test_what_is_not_gone_is_not_called_background(edits: list[tuple[Edited, Places]], words: Words):
    rest = 0
    for edited, places in edits[1:]:
        assert not bool((places.mess & (places.centre | (places.new == 1))).any())
        rest += int(places.mess.sum())
        ground = (places.kind >= words.kinds.n_sprites) & (places.kind < words.kinds.first_headline)
        assert not bool((ground & places.mess).any())
        assert len(edited.rows) == len(places.kind)
    assert rest > 0


def test_nothing_is_learnt_of_what_cannot_be_told(edits: list[tuple[Edited, Places]], words: Words):
    _, places = edits[2]
    tokens = (true_tokens(places, words) + 0.1 * torch.randn(*places.kind.shape, WIDE)).requires_grad_()
    loss, _ = vision_loss(tokens, places, words)
    loss.backward()
    assert tokens.grad is not None and bool(tokens.grad.isfinite().all())
    unknown = tokens.grad[places.kind < 0]
    told = torch.ones(WIDE, dtype=torch.bool)
    told[CHANGED] = False
    told[PLACE] = False
    assert bool((unknown[:, told] == 0).all()) and bool((unknown[:, CHANGED] != 0).any())
    nothing = replace(places, kind=torch.full_like(places.kind, -1))
    assert bool(vision_loss(tokens, nothing, words)[0].isfinite())
