"""Tests of the rules planner and of what it sees."""

from collections import Counter

import pytest
import torch

from imgedit_gym.art.goals import load_goals
from imgedit_gym.art.stock import Stock
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.planners.detector import (
    Detection,
    Scene,
    background_kind,
    detect,
    ground,
    look,
    read_headline,
)
from imgedit_gym.planners.rules import RulesPlanner, known_goals, make_plan, recognise
from imgedit_gym.tasks.adverts.source import Adverts

N = 48


@pytest.fixture(scope="module")
def adverts():
    source = Adverts(image_size=128, max_plan_steps=8, split="train", device=torch.device("cpu"))
    batch = source.allocate(N)
    keys = (source.stream << KEY_BITS) | (torch.arange(N) * 7919 + 11)
    source.sample(batch, torch.arange(N), keys)
    return source, batch


@pytest.fixture(scope="module")
def scenes(adverts):
    source, batch = adverts
    return look(batch.images, source.stock)


def scene_of(*detections: Detection, **changes) -> Scene:
    told = {"headline": None, "headline_at_top": True, "background": "plain", "color": "white", "known": True}
    return Scene(tuple(detections), **(told | changes))


def found(stock: Stock, name: str, row: float = 0.5, column: float = 0.5) -> Detection:
    return Detection(stock.catalogue.index(name), name, 0.9, row, column, 0.2)


def test_objects_are_found(adverts, scenes):
    source, batch = adverts
    right = said = there = 0
    for row, scene in enumerate(scenes):
        truth = Counter(s for s in batch.slots[row].tolist() if 0 <= s < source.stock.n_objects)
        guess = Counter(d.sprite for d in scene.detections if d.sprite < source.stock.n_objects)
        right += (truth & guess).total()
        said += guess.total()
        there += truth.total()
    assert right / said > 0.9
    assert right / there > 0.9


def test_objects_are_found_where_they_stand(adverts, scenes):
    source, batch = adverts
    scene = source.scene(batch)
    for row in range(N):
        for slot, sprite in enumerate(batch.slots[row].tolist()):
            hit = next((d for d in scenes[row].detections if d.sprite == sprite), None)
            if sprite >= 0 and hit is not None:
                place = scene.place[row, slot].tolist()
                assert abs(hit.row - place[0]) < 0.04 and abs(hit.column - place[1]) < 0.04


def test_headlines_and_backgrounds_are_read(adverts):
    source, batch = adverts
    texts = read_headline(batch.images, source.stock)
    kinds = background_kind(batch.images, source.stock)
    true_texts = [source.stock.headline(row) for row in batch.headline.tolist()]
    true_kinds = [BACKGROUNDS[row] for row in batch.background.tolist()]
    assert sum(text == true for text, true in zip(texts, true_texts, strict=True)) >= N - 1
    assert sum(kind == true for kind, true in zip(kinds, true_kinds, strict=True)) >= N - 2


def test_no_headline_is_read_where_there_is_none(adverts):
    source, batch = adverts
    assert read_headline(batch.plates[:8], source.stock) == [None] * 8


def test_bare_backgrounds_hold_no_objects(adverts):
    source, batch = adverts
    assert sum(len(some) for some in detect(batch.plates[:16], source.stock)) == 0


def test_each_picture_is_seen_alike_in_any_batch(adverts, scenes):
    source, batch = adverts
    alone = look(batch.images[5:6], source.stock)[0]
    assert [d.sprite for d in alone.detections] == [d.sprite for d in scenes[5].detections]
    assert (alone.headline, alone.background, alone.color) == (
        scenes[5].headline,
        scenes[5].background,
        scenes[5].color,
    )


@pytest.mark.parametrize("size", [96, 200])
def test_pictures_of_other_sizes_are_seen_too(adverts, size):
    source, _ = adverts
    noise = torch.randint(0, 256, (2, size, size, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    for scene in look(noise, source.stock):
        assert not scene.known
        assert scene.headline is None


def test_keywords_tell_goals():
    for goal in known_goals():
        assert goal.name in {told.name for told in recognise(f"Please: {goal.keywords[0].upper()}!")}


def test_two_requests_make_two_goals():
    told = recognise("Make it vegan. Also: Something spooky, please.")
    assert {goal.name for goal in told} == {"vegan", "halloween"}


def test_keywords_match_whole_words_only():
    assert not recognise("A carpet.")


def test_goals_kept_for_evaluation_are_unknown():
    unseen = [goal for goal in load_goals().goals if not goal.seen]
    assert not {goal.name for goal in known_goals()} & {goal.name for goal in unseen}
    requests = [text for goal in unseen for text in goal.phrasings]
    assert sum(bool(recognise(text)) for text in requests) / len(requests) < 0.1


def test_unknown_request_is_kept_as_text(adverts):
    source, _ = adverts
    assert make_plan("Qwerty.", scene_of(), source.stock, 8) == (PlanStep("edit", "picture", "Qwerty."),)


def test_forbidden_objects_are_replaced_each_by_another(adverts):
    stock = adverts[0].stock
    scene = scene_of(found(stock, "steak"), found(stock, "hamburger"), found(stock, "carrot"), background="farm")
    plan = make_plan("Make it vegetarian.", scene, stock, 8)
    assert [(step.verb, step.target) for step in plan] == [
        ("replace", "steak"),
        ("replace", "hamburger"),
        ("rewrite", "headline"),
    ]
    assert plan[0].value != plan[1].value and "carrot" not in {plan[0].value, plan[1].value}


def test_what_a_replacement_brings_does_not_count_as_wanted(adverts):
    stock = adverts[0].stock
    plan = make_plan("nut-free", scene_of(found(stock, "peanuts")), stock, 8)
    assert [step.verb for step in plan] == ["replace", "add", "rewrite"]


def test_nothing_is_done_about_what_suits(adverts):
    stock = adverts[0].stock
    scene = scene_of(headline="GO VEGGIE", background="kitchen")
    assert make_plan("vegetarian", scene, stock, 8) == (PlanStep("edit", "picture", "vegetarian"),)


def test_plans_fit_the_budget(adverts):
    stock = adverts[0].stock
    scene = scene_of(found(stock, "steak"), found(stock, "hamburger"))
    assert len(make_plan("vegetarian", scene, stock, 2)) == 2


def test_planner_agrees_with_most_oracle_plans_whose_goal_it_knows(adverts):
    source, batch = adverts
    plans = RulesPlanner(source).plan(batch, torch.arange(N))
    assert plans is not None and len(plans) == N and all(plans)
    known = agree = 0
    for row, plan in enumerate(plans):
        told = {goal.name for goal in recognise(source.instruction(batch, row))}
        if told == set(source.goal_names(batch, row)):
            known += 1
            oracle = source.oracle_plan(batch, row)
            agree += {(s.verb, s.target) for s in plan} == {(s.verb, s.target) for s in oracle}
    assert known > 0.5 * N
    assert agree > 0.7 * known


def test_planner_needs_no_answers(adverts):
    source, batch = adverts
    plans = RulesPlanner(source).plan(batch, torch.arange(4))
    saved = {name: getattr(batch, name).clone() for name in ("plates", "segments", "slots", "plan", "background")}
    try:
        for name in saved:
            getattr(batch, name).zero_()
        assert RulesPlanner(source).plan(batch, torch.arange(4)) == plans
    finally:
        for name, tensor in saved.items():
            getattr(batch, name).copy_(tensor)


def test_grounding(adverts):
    stock = adverts[0].stock
    scene = scene_of(found(stock, "steak", 0.3, 0.8), found(stock, "carrot", 0.6, 0.2))
    assert ground(scene, PlanStep("remove", "steak")) == 1 + 2 * 8 + 6
    assert ground(scene, PlanStep("adjust", "picture", "darker")) == 0
    assert ground(scene, PlanStep("rewrite", "headline", "X")) in range(1, 17)
    bottom = scene_of(headline="X", headline_at_top=False)
    assert ground(bottom, PlanStep("rewrite", "headline", "X")) > 48


def test_cells_for_adding_are_clear(adverts, scenes):
    for step in (PlanStep("add", "picture", "carrot"), PlanStep("set", "background", "beach")):
        for scene in scenes:
            region = ground(scene, step)
            assert 1 <= region < N_REGIONS
            row, column = ((region - 1) // 8 + 0.5) / 8, ((region - 1) % 8 + 0.5) / 8
            for hit in scene.detections:
                assert max(abs(hit.row - row), abs(hit.column - column)) > 0.4 * hit.edge
