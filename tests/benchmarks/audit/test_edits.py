from __future__ import annotations

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
from imgedit_gym.core.checklist import COLUMNS, Kind
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
        assert lot.canvas.dtype == torch.uint8 and len(lot.canvas) == len(lot.rows) == len(lot.drawn)
        known = lot.drawn[~lot.drawn.isnan()]
        assert lot.origin == "renderer" or lot.name in CONSTRUCTED or not len(known)


def test_drawings_are_of_both_kinds(lots):
    drawn = torch.cat([lot.drawn for lot in lots])
    known = drawn[~drawn.isnan()]
    assert 0.2 < float(known.mean()) < 0.8


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


def test_what_was_moved_is_known_not_to_be_gone(engine):
    stage, told = Stage(engine, 5), []
    for row in range(TASKS):
        for target, wish in enumerate(requirement_rows(engine.batch, row)):
            if wish["kind"] != Kind.ABSENT:
                continue
            truth, holds = stage.set_up(row, target, False)
            places = stage.scene.place[row]
            places[wish["slot"], :2] = 1.0 - places[wish["slot"], :2]
            rows = torch.tensor([row])
            plain, plates = stage.draw(rows)
            known = known_of_drawing(engine, stage, row, truth, plain, plates)
            assert not holds and known[target] == 0.0
            told.append(known)
    assert len(told) > 3 and bool((torch.stack(told) == 1).any())


def test_nobody_sees_the_colour_of_a_thing_in_a_picture_without_any():
    engine = Engine(40, **ARGUMENTS)
    engine.reset(range(40), range(40))
    stage, told = Stage(engine, 5), Counter()
    for row in range(40):
        wishes = requirement_rows(engine.batch, row)
        colored = [at for at, wish in enumerate(wishes) if wish["kind"] == Kind.COLOR]
        if colored:
            stage.set_up(row, colored[0], True)
            plain, plates = stage.draw(torch.tensor([row]))
            for tone in ("", "monochrome"):
                known = known_of_drawing(engine, stage, row, Truth(tone=tone), plain, plates)
                told[tone, float(known[colored[0]])] += 1
                assert bool(known[len(wishes) :].isnan().all())
    assert set(told) == {("", 1.0), ("monochrome", DOUBT)}


def test_one_object_gives_the_whole_no_look(engine, lots):
    lot = next(lot for lot in lots if lot.name == "wrong places")
    toned = engine.batch.requirements[..., COLUMNS.index("kind")] == Kind.TONE
    assert bool(lot.drawn[~toned].isnan().all()) and bool(((lot.drawn[toned] == 0) | lot.drawn[toned].isnan()).all())
    assert bool((lot.drawn[toned] == 0).any())


def test_what_artefacts_turn_round_is_in_doubt(engine, lots, reference):
    lot = next(lot for lot in lots if lot.name == "artefacts")
    found, done, part = (
        engine.checklist.measure(pictures, lot.rows).requirements >= 0.5
        for pictures in (lot.canvas, reference.done, reference.part)
    )
    doubted = lot.drawn == DOUBT
    assert bool((doubted | lot.drawn.isnan()).all()) and bool(doubted.any())
    for row in range(TASKS):
        assert any(torch.equal(doubted[row], found[row] != base[row]) for base in (done, part))
