from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from benchmarks.audit.attacks import CROP, attacks
from benchmarks.audit.edits import N_LOTS, honest_edits, left_half, with_artefacts
from benchmarks.checklist.definition import DOUBT, requirement_rows
from benchmarks.checklist.drawings import known_of_drawing
from benchmarks.checklist.judging import judge_finished
from benchmarks.checklist.staging import Stage, Truth
from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.names import TONES
from imgedit_gym.engine import Engine

ARGUMENTS = {"tasks": "adverts", "split": "test", "image_size": 64}
TASKS = 6


@pytest.fixture(scope="module")
def lots(engine, reference):
    return list(honest_edits(engine, range(TASKS), ARGUMENTS, reference, 0))


@pytest.fixture(scope="module")
def attacked(engine, reference):
    return {attack.name: attack for attack in attacks(engine, reference, 0)}


REARRANGED = "moved", "swapped", "resized"
CONSTRUCTED = (*REARRANGED, "left half of what changed", "blended", "wrong places", "artefacts")


def test_lots_come_from_everywhere(lots):
    assert {lot.origin for lot in lots} == {"renderer", "oracle", "agents", "tools"}
    assert len(lots) <= N_LOTS and len({lot.name for lot in lots}) == len(lots)
    for lot in lots:
        assert lot.canvas.dtype == torch.uint8 and len(lot.canvas) == len(lot.rows) == len(lot.known)
        known = lot.known[~lot.known.isnan()]
        assert lot.origin == "renderer" or lot.name in CONSTRUCTED or not len(known)


def test_drawings_are_of_both_kinds(lots):
    for lot in lots:
        if lot.origin == "renderer" or lot.name in REARRANGED:
            known = lot.known[(lot.known == 0) | (lot.known == 1)]
            assert len(known) > 5 and 0.1 < float(known.mean()) < 0.9, lot.name


def test_rearranged_pictures_are_others(engine, lots):
    by_name = {lot.name: lot for lot in lots}
    for name in ("moved", "swapped", "resized", "blended", "artefacts", "left half of what changed", "wrong places"):
        lot = by_name[name]
        assert bool((lot.canvas != engine.batch.images[lot.rows]).flatten(1).any(1).any()), name


def test_the_oracle_is_right_and_the_failed_try_is_not(engine, reference):
    done, half, failed = (
        judge_finished(engine, pictures).score for pictures in (reference.done, reference.half, reference.failed)
    )
    assert done.mean() > 0.8
    assert failed.mean() < half[reference.has_half].mean() < done.mean()
    assert (failed < done).all()


def test_half_of_what_changed():
    before = torch.zeros(1, 4, 8, 3, dtype=torch.uint8)
    after = before.clone()
    after[0, 1:3, 2:6] = 9
    left = left_half(before, after)
    assert left.shape == (1, 4, 8) and bool(left[0, :, 2:4].all()) and not bool(left[0, :, 4:].any())


def test_artefacts_change_every_picture_a_little(reference):
    found = with_artefacts(reference.done, np.random.default_rng(0))
    assert torch.equal(found, with_artefacts(reference.done, np.random.default_rng(0)))
    assert found.shape == reference.done.shape and found.dtype == torch.uint8
    apart = (found.int() - reference.done.int()).abs().float().flatten(1)
    assert (apart.mean(1) > 0.3).all() and (apart.mean(1) < 25).all()


def test_attacks_are_pictures_of_their_tasks(engine, attacked):
    assert torch.equal(attacked["unchanged copy"].canvas, engine.batch.images)
    for attack in attacked.values():
        assert attack.canvas.shape[1:] == engine.batch.images.shape[1:] and attack.canvas.dtype == torch.uint8
        assert len(attack.canvas) == len(attack.rows)
    painted = [attack.canvas for name, attack in attacked.items() if "painted" in name]
    for pictures in painted:
        share = (pictures != engine.batch.images).any(-1).float().mean()
        assert 0.02 < float(share) < 0.8
    assert len({bytes(pictures.numpy()) for pictures in painted}) == len(painted)


def test_looks_are_no_attack_on_tasks_about_looks(engine, attacked):
    kinds = engine.batch.requirements[:, :, 0]
    only = ((kinds == 0) | (kinds == Kind.TONE)).all(1).nonzero().flatten().tolist()
    assert not set(only) & set(attacked["blur"].rows.tolist())


def test_what_the_plan_is_about_is_cropped_away(engine, attacked):
    attack = attacked["crop away"]
    edge, size = round(CROP * engine.batch.size), engine.batch.size
    assert 0 < edge < size
    for picture, row in zip(attack.canvas, attack.rows.tolist(), strict=True):
        labels = engine.batch.plan_labels[row, : int(engine.batch.plan_length[row])]
        assert ((labels > 0) & (labels < 13)).any()
        assert not torch.equal(picture, engine.batch.images[row])


def test_wrong_objects_do_not_satisfy(engine, attacked):
    attack = attacked["wrong object in the right place"]
    verdict = judge_finished(engine, attack.canvas, attack.rows)
    done = verdict.requirements[engine.batch.requirements[attack.rows, :, 0] == Kind.ABSENT]
    assert (done < 0.5).float().mean() > 0.9


@pytest.fixture(scope="module")
def many():
    engine = Engine(40, **ARGUMENTS)
    engine.reset(range(40), range(40))
    return engine


def drawn_anew(engine, stage, row, truth):
    plain, plates = stage.draw(torch.tensor([row]))
    return known_of_drawing(engine, stage, row, truth, plain, plates)


def asked(engine, kind):
    """Tasks, and where they ask for this kind first."""
    for row in range(engine.num_envs):
        kinds = [wish["kind"] for wish in requirement_rows(engine.batch, row)]
        if kind in kinds:
            yield row, kinds.index(kind), requirement_rows(engine.batch, row)[kinds.index(kind)]


def test_what_was_moved_is_known_not_to_be_gone(many):
    stage, rows = Stage(many, 5), list(asked(many, Kind.ABSENT))
    for row, at, wish in rows:
        stage.restore(row)
        places = stage.scene.place[row]
        places[wish["slot"], :2] = 1.0 - places[wish["slot"], :2]
        assert float(drawn_anew(many, stage, row, Truth())[at]) == 0.0
    assert len(rows) > 20


def test_what_was_moved_may_have_come_anew_or_not(many):
    stage, seen = Stage(many, 5), Counter()
    for row, at, wish in asked(many, Kind.ABSENT):
        members = many.tasks.tables.sets.members[wish["arg"]] if wish["arg"] >= 0 else ()
        stage.restore(row)
        sprites, places = stage.scene.sprite[row], stage.scene.place[row]
        sprites[wish["slot"]] = -1
        for slot in (sprites >= 0).nonzero().flatten().tolist():
            before = places[slot].clone()
            places[slot, 2] *= 0.8
            value = float(drawn_anew(many, stage, row, Truth())[at])
            assert value == (DOUBT if int(sprites[slot]) in members else 1.0)
            seen[value] += 1
            places[slot] = before
    assert seen[DOUBT] > 3 and seen[1.0] > 20


def test_nobody_sees_the_colour_of_a_thing_in_a_picture_without_any(many):
    stage, told = Stage(many, 5), Counter()
    for row, at, _ in asked(many, Kind.COLOR):
        stage.set_up(row, at, True)
        for tone in ("", "monochrome"):
            told[tone, float(drawn_anew(many, stage, row, Truth(tone=tone))[at])] += 1
    assert set(told) == {("", 1.0), ("monochrome", DOUBT)}


def test_nobody_sees_anything_in_a_picture_that_is_washed_out(many):
    stage = Stage(many, 5)
    for row in range(3):
        count = len(requirement_rows(many.batch, row))
        known = drawn_anew(many, stage, row, Truth(tone="brighter", strength=40.0))
        assert bool((known[:count] == DOUBT).all()) and bool(known[count:].isnan().all())


def test_another_background_may_give_a_look(many):
    stage, rows = Stage(many, 5), list(asked(many, Kind.TONE))
    for row, at, wish in rows:
        assert float(drawn_anew(many, stage, row, Truth())[at]) in (0.0, DOUBT)
        stage.scene.variant[row] = (int(stage.scene.variant[row]) + 1) % VARIANTS
        assert math.isnan(float(drawn_anew(many, stage, row, Truth())[at]))
        assert float(drawn_anew(many, stage, row, Truth(tone=TONES[wish["arg"]]))[at]) in (1.0, DOUBT)
    assert len(rows) > 5


def test_one_object_gives_the_whole_no_look(engine, lots):
    lot = next(lot for lot in lots if lot.name == "wrong places")
    toned = engine.batch.requirements[..., COLUMNS.index("kind")] == Kind.TONE
    assert bool(lot.known[~toned].isnan().all()) and bool(((lot.known[toned] == 0) | lot.known[toned].isnan()).all())
    assert bool((lot.known[toned] == 0).any())


def test_what_artefacts_turn_round_is_in_doubt(engine, lots, reference):
    lot = next(lot for lot in lots if lot.name == "artefacts")
    found, done, part = (
        engine.checklist.measure(pictures, lot.rows).requirements >= 0.5
        for pictures in (lot.canvas, reference.done, reference.part)
    )
    doubted = lot.known == DOUBT
    assert bool((doubted | lot.known.isnan()).all()) and bool(doubted.any())
    for row in range(TASKS):
        assert any(torch.equal(doubted[row], found[row] != base[row]) for base in (done, part))
