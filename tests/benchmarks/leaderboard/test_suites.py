"""Frozen suites are what they were, and say so if they are not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import suites
from benchmarks.suites import __main__ as command
from benchmarks.suites.digest import NEAR, PictureDigest, machine
from benchmarks.suites.draw import check_judge, compare, draw_suite, pinned, task_seed
from benchmarks.suites.recipe import RECIPES, Recipe, read_recipe
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES, TASKS


def differences(frozen, tasks):
    """Elsewhere than where it was frozen pixels may round differently; here they may not."""
    return [one for one in compare(frozen, tasks) if one.kind != "rounding" or frozen.drawn_on == machine()]


@pytest.mark.parametrize("name", suites.suite_ids())
def test_frozen_suites_are_drawn_as_they_were(name):
    frozen = suites.load_suite(name)
    assert differences(frozen, frozen.tasks[:: max(1, len(frozen.tasks) // 40)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", suites.suite_ids())
def test_every_task_of_frozen_suites_is_drawn_as_it_was(name):
    frozen = suites.load_suite(name)
    assert differences(frozen, frozen.tasks) == []


FROZEN = {
    "adverts-lite-v1": "e79385bd201c2f6c5d6a383867fd550e96b992eb67327f17ffedb134826d1a80",
    "adverts-v1": "b52fe40cd38e3afc01a2b6be7648373bb3a133b94afdf8f8614612d60a427371",
    "photos-v1": "c46ce81a843a82ccd69c98f19c8d19244d30e0c3bfe62388bd1aa4e3b9223b1e",
}
"""Hashes that stay as they are: a suite that has to change gets the next version instead."""


def test_frozen_suites_keep_their_hash():
    assert {name: suites.load_suite(name).sha256 for name in FROZEN} == FROZEN


@pytest.mark.parametrize("what", ["picture", "words"])
def test_a_change_of_what_is_drawn_is_noticed(what, monkeypatch):
    """The check itself: one pixel in the corner, or one word, in a task of a packaged suite."""
    frozen = suites.load_suite("adverts-lite-v1")
    source = TASKS.factory("adverts")
    if what == "picture":
        sample = source.sample

        def altered(self, batch, rows, keys):
            sample(self, batch, rows, keys)
            batch.images[:, 0, 0, 0] ^= 1

        monkeypatch.setattr(source, "sample", altered)
    else:
        instruction = source.instruction
        monkeypatch.setattr(source, "instruction", lambda self, batch, row: instruction(self, batch, row) + "!")
    kind = {"picture": "rounding", "words": "content"}[what]
    assert [one.kind for one in compare(frozen, frozen.tasks[:3])] == [kind] * 3
    assert what == "words" or frozen.drawn_on != machine() or differences(frozen, frozen.tasks[:3])


@pytest.mark.parametrize("name", suites.suite_ids())
def test_frozen_suites_name_what_they_are_played_with(name):
    frozen, recipe = suites.load_suite(name), RECIPES[name]
    assert frozen.environment == recipe.environment and frozen.budgets == recipe.budgets
    source = TASKS.build(recipe.tasks, image_size=64, max_plan_steps=8, split="train", device="cpu")
    assert frozen.judge == pinned(recipe.judge, source) and frozen.held_out == pinned(recipe.held_out, source)
    assert {split: len(tasks) for split, tasks in frozen.splits.items()} == recipe.splits
    assert len(frozen.by_id) == len(frozen.tasks) == len({task.seed for task in frozen.tasks})
    assert all(
        task.seed == task_seed(name, split, at) for split, own in frozen.splits.items() for at, task in enumerate(own)
    )


def test_every_recipe_is_frozen():
    assert set(suites.suite_ids()) == set(RECIPES)


def test_the_suites_share_no_task():
    every = [task.id for name in suites.suite_ids() for task in suites.load_suite(name).tasks]
    assert len(set(every)) == len(every)


def test_files_hold_all_of_a_suite(suite, suite_file):
    assert suites.load_suite(str(suite_file)) == suite
    assert suites.load_suite(str(suite_file)).sha256 == suite.sha256
    elsewhere = replace(suite, drawn_on={"machine": "other"})
    assert elsewhere.sha256 == suite.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["tasks"].pop(),
        lambda record: record["tasks"].reverse(),
        lambda record: record["tasks"][0].update(seed=1),
        lambda record: record["budgets"].update(steps=9),
        lambda record: record["judge"].update(version="2"),
        lambda record: record["environment"]["arguments"].update(image_size=128),
        lambda record: record.update(id="tiny-v2"),
        lambda record: record.update(schema=2),
        lambda record: record.pop("canary"),
        lambda record: record.pop("judge"),
        lambda record: record.update(more=1),
        lambda record: record["tasks"][0].pop("picture"),
    ],
)
def test_a_changed_file_is_refused(change, suite_file, tmp_path):
    record = json.loads(suite_file.read_text())
    change(record)
    (tmp_path / "x.json").write_text(json.dumps(record))
    with pytest.raises(ImgEditError, match="expected"):
        suites.load_suite(str(tmp_path / "x.json"))


def test_unknown_suites_are_told():
    with pytest.raises(ImgEditError, match="adverts-lite-v1"):
        suites.load_suite("adverts-v9")
    with pytest.raises(ImgEditError, match="expected the file"):
        suites.load_suite("nowhere.json")


def test_changed_tasks_are_noticed(suite):
    first, second, third = suite.tasks[:3]
    assert compare(suite, suite.tasks) == []
    other = replace(first, picture=second.picture)
    near = replace(second, picture=PictureDigest("0" * 64, second.picture.thumbnail))
    words = replace(third, content="0" * 32)
    found = compare(replace(suite, tasks=(other, near, words)), (other, near, words))
    assert [(one.task, one.kind) for one in found] == [
        (first.id, "picture"),
        (second.id, "rounding"),
        (third.id, "content"),
    ]


def test_thumbnails_tell_an_edit_from_rounding():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    rounded = np.clip(picture.astype(int) + rng.integers(-1, 2, picture.shape), 0, 255).astype(np.uint8)
    moved = picture.copy()
    moved[10:14, 10:14] = 255 - moved[10:14, 10:14] // 8
    digest = PictureDigest.of(picture)
    assert digest == PictureDigest.of(picture.copy())
    assert digest.sha256 != PictureDigest.of(rounded).sha256
    assert digest.distance(PictureDigest.of(rounded)) <= NEAR < digest.distance(PictureDigest.of(moved))


def test_a_salt_gives_other_tasks(suite):
    recipe = Recipe("tiny-v1", {"test": 2}, image_size=64)
    salted = draw_suite(recipe, salt=b"x" * 32)
    assert {task.id for task in salted.tasks}.isdisjoint(task.id for task in suite.tasks)
    assert [task.id for task in draw_suite(recipe).tasks] == [task.id for task in suite.tasks[:2]]


def test_another_judge_than_the_suite_names_is_refused(suite):
    for held_out, named in ((False, suite.judge), (True, suite.held_out)):
        judge = JUDGES.build(named["spec"])
        check_judge(judge, suite, held_out)
        judge.version = "2"
        with pytest.raises(ImgEditError, match="names the judge"):
            check_judge(judge, suite, held_out)


def test_recipes_are_files_that_say_everything(tmp_path):
    path = tmp_path / "mine-v1.json"
    content = {key: value for key, value in vars(Recipe("mine-v1", {"test": 3}, image_size=64)).items() if key != "id"}
    path.write_text(json.dumps(content))
    assert read_recipe(path) == Recipe("mine-v1", {"test": 3}, image_size=64)
    for change in (lambda: content.pop("judge"), lambda: content.update(more=1)):
        change()
        path.write_text(json.dumps(content))
        with pytest.raises(ImgEditError, match="expected the keys"):
            read_recipe(path)


def test_the_command(capsys, tmp_path, monkeypatch):
    assert command.main(["list", "adverts-lite-v1"]) == 0
    assert "100 tasks" in capsys.readouterr().out
    assert command.main(["check", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown suite")
    monkeypatch.setitem(RECIPES, "tiny-v1", Recipe("tiny-v1", {"test": 2}, image_size=64))
    assert command.main(["freeze", "tiny-v1", "--out", str(tmp_path)]) == 0
    assert command.main(["check", str(tmp_path / "tiny-v1.json")]) == 0
    assert "2 of 2 pictures equal bit by bit" in capsys.readouterr().out
    # what is frozen stays: the same again is no change, anything else is another version
    assert command.main(["freeze", "tiny-v1", "--out", str(tmp_path)]) == 0
    before = (tmp_path / "tiny-v1.json").read_bytes()
    monkeypatch.setitem(RECIPES, "tiny-v1", Recipe("tiny-v1", {"test": 3}, image_size=64))
    assert command.main(["freeze", "tiny-v1", "--out", str(tmp_path)]) == 2
    assert "expected the name of a new version" in capsys.readouterr().err
    assert (tmp_path / "tiny-v1.json").read_bytes() == before
