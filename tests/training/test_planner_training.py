"""The planner's training: it goes on where it was left, keeps what is worth keeping, and its commands work."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("tensorboard")

from baselines.planner import Planner
from baselines.planner.execution import Executed, execute
from baselines.training.loop import experience
from baselines.training.loop.experience import Experience
from baselines.training.loop.run import PRESETS, Switches, improve
from baselines.training.planner.learn import Desk, learn
from baselines.training.planner.lessons import Item, Lessons, draw
from baselines.training.planner.mending import assembled, mended
from baselines.training.planner.plan import QUICK, Course
from baselines.training.planner.run import refine
from baselines.training.stage import Stage
from baselines.vision import Vision
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.registry import ORCHESTRATORS

COURSE = Course(5, 4, (1e-3, 1e-3))


@pytest.fixture(scope="module")
def vision():
    return Vision.load()


@pytest.fixture(autouse=True)
def few_are_watched(monkeypatch):
    monkeypatch.setattr("baselines.training.planner.learn.WATCHED", 2)


@pytest.fixture(scope="module")
def lessons(vision):
    def right(chunk):
        return [Item(row, text, chunk.tasks.oracle_plan(chunk.batch, row)) for row, text in enumerate(chunk.requests)]

    return Lessons.collect(draw(vision.tokens, 10, 0), right)


def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path, vision, lessons, monkeypatch):
    def weights(folder):
        desk = Desk(QUICK, folder, 0, 0.2, vision)
        planner = desk.planner()
        learn(planner, desk, "some", COURSE, lambda: lessons)
        return planner.model.state_dict()

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = weights(whole)
    rows = [json.loads(line) for line in (whole / "some.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "val/coverage" in row] == [0, 1, 2, 3, 4, 5]
    assert [row["step"] for row in rows if "loss" in row] == [5]

    class Killed(Exception):
        pass

    plain = Stage.save

    def stop(self):
        plain(self)
        if self.step == 2:
            raise Killed

    monkeypatch.setattr("baselines.training.stage.SAVE_SECONDS", -1.0)
    monkeypatch.setattr(Stage, "save", stop)
    with pytest.raises(Killed):
        weights(killed)
    monkeypatch.setattr(Stage, "save", plain)
    found = weights(killed)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    frozen = [name for name in expected if "vision_tower" in name]
    untaught = Desk(QUICK, tmp_path, 0, 0.2, vision).planner().model.state_dict()
    assert frozen and all(torch.equal(expected[name], untaught[name]) for name in frozen)


def test_a_finished_training_asks_for_no_lessons(tmp_path, vision, lessons):
    desk = Desk(QUICK, tmp_path, 0, 0.2, vision)
    learn(desk.planner(), desk, "some", replace(COURSE, steps=1), lambda: lessons)

    def make():
        raise AssertionError("not needed")

    learn(desk.planner(), desk, "some", replace(COURSE, steps=1), make)


@dataclass
class FakeChunk:
    """Tasks whose plans are executed on paper."""

    seeds: list[int]
    requests: list[str]
    spec: dict
    tasks: object = None


GOOD, IDLE, BAD = PlanStep("remove", "car"), PlanStep("add", "picture", "carrot"), PlanStep("remove", "sun")


@pytest.fixture
def on_paper(monkeypatch):
    """A world in which the good step earns 0.6, the bad one costs 0.3, and the idle one does nothing."""

    def fake(seeds, plans, orchestrator, arguments):
        return [Executed(0.2 + 0.6 * (GOOD in plan) - 0.3 * (BAD in plan), False, 0.2) for plan in plans]

    monkeypatch.setattr(experience, "execute", fake)

    class Tasks:
        class split:
            name = "train"

    return FakeChunk([1, 2], ["one", "two"], {}, Tasks())


def test_the_best_plan_of_a_task_is_kept_if_it_is_good_enough(on_paper):
    gathered = Experience(None, 0.7, prune=False)
    kept = gathered.gather(on_paper, [[(BAD, GOOD), (GOOD, IDLE), (IDLE,)], [(IDLE,), (BAD, GOOD)]])
    assert kept == [Item(0, "one", (GOOD, IDLE))]
    row = gathered.tally.row()
    assert row["kept"] == 0.5 and row["kept score"] == pytest.approx(0.8) and row["executions"] == 5


def test_steps_that_do_not_help_are_pruned(on_paper):
    gathered = Experience(None, 0.3)
    kept = gathered.gather(on_paper, [[(IDLE, BAD, GOOD, IDLE)], [(GOOD,)]])
    assert kept == [Item(0, "one", (GOOD,)), Item(1, "two", (GOOD,))]
    assert gathered.tally.pruned == 3 and gathered.tally.row()["kept score"] == pytest.approx(0.8)


def test_plans_are_carried_out_on_their_tasks():
    seeds = [3, 4]
    orchestrator = ORCHESTRATORS.build({"id": "oracle", "width": 2})
    arguments = {"split": "test", "image_size": 64}
    own = execute(seeds, [None, None], orchestrator, arguments)
    assert all(one.score > one.before for one in own) and execute(seeds, [None, None], orchestrator, arguments) == own
    idle = execute(seeds, [(PlanStep("remove", "nothing"),)] * 2, orchestrator, arguments)
    assert [one.score for one in idle] == pytest.approx([one.before for one in own])


@pytest.mark.slow
def test_the_commands_make_a_planner(tmp_path):
    command = [sys.executable, "-m", "baselines.training.planner", "--preset", "quick", "--out", str(tmp_path)]
    subprocess.run([*command, "--stage", "imitation"], check=True)
    assert (tmp_path / "imitation" / "orchestrator" / "config.json").is_file()
    subprocess.run([*command, "--stage", "self"], check=True)
    loop = [sys.executable, "-m", "baselines.training.loop", "--preset", "quick", "--out", str(tmp_path)]
    hands = ["--hands", str(tmp_path / "imitation" / "orchestrator")]
    done = subprocess.run([*loop, *hands], check=True, capture_output=True, text=True)
    assert "round 1" in done.stdout
    rounds = json.loads((tmp_path / "rounds.json").read_text())
    assert [one["round"] for one in rounds] == [0, 1] and 0 <= rounds[1]["coverage"] <= 1
    folder = tmp_path / "loop" / "planner"
    assert "normalised" in (folder / "README.md").read_text()
    assert Planner.load(folder).edge == 72


def test_any_model_learns_plans_through_adapters(tmp_path, started):
    pytest.importorskip("peft")
    from baselines.training.planner.lora import Example, adapt, example_loss, fine_tune, save_adapters
    from tests.judges.vlm.conftest import write_llava

    torch.manual_seed(0)
    planner = Planner.load(write_llava(tmp_path / "model"), max_steps=2)
    images = started(2).batch.images
    requests = ["make it red", "make it a party"]
    plans = planner.plan(images, requests)
    assert all(1 <= len(plan) <= 2 for plan in plans)
    adapt(planner, 4)
    learning = [name for name, one in planner.model.named_parameters() if one.requires_grad]
    assert learning and all("lora" in name and "vision" not in name for name in learning)
    examples = [
        Example(image, request, (PlanStep("adjust", "picture", tone),))
        for image, request, tone in zip(images, requests, ("soft", "crisp"), strict=True)
    ]
    before = float(example_loss(planner, examples).detach())
    fine_tune(planner, examples, 30, 4, 2e-2, 0)
    after = float(example_loss(planner, examples).detach())
    # the model itself is random and stays so
    assert after < before - 0.3
    save_adapters(planner, tmp_path / "adapters")
    loaded = Planner.load(tmp_path / "adapters", max_steps=2)
    assert loaded.plan(images, requests) == planner.plan(images, requests)


def test_plans_are_mended_where_leaving_steps_out_is_enough(vision):
    (chunk,) = list(draw(vision.tokens, 8, 2, mixture=((1.0, {}),)))
    for row in range(len(chunk.seeds)):
        right = chunk.tasks.oracle_plan(chunk.batch, row)
        wrong = (right[0], PlanStep("remove", "no such thing"), *right[1:])
        assert mended(chunk, row, right) == right == mended(chunk, row, wrong)
        others = [name for name in chunk.seen(row) if all(step.target != name for step in right)]
        assert all(mended(chunk, row, (PlanStep("recolor", name, "blue"), *right)) == right for name in others)


def test_plans_are_assembled_of_what_several_have(vision):
    (chunk,) = list(draw(vision.tokens, 8, 2, mixture=((1.0, {}),)))
    for row in range(len(chunk.seeds)):
        right = chunk.tasks.oracle_plan(chunk.batch, row)
        whole = assembled(chunk, row, [right, right[:1]], 8)
        assert chunk.tasks.check_plan(chunk.batch, row, whole).flawless
        if len(right) > 1:
            parts = assembled(chunk, row, [right[:-1], right[-1:]], 8)
            assert set(parts) == set(right) and chunk.tasks.check_plan(chunk.batch, row, parts).flawless
            assert assembled(chunk, row, [right[:-1]], 8) == ()


def test_what_was_learnt_before_stays_among_what_is_learnt(tmp_path, vision):
    few = replace(QUICK, layers=1, tasks=16, tried=16, samples=1, rounds=1, imitation=COURSE, again=COURSE)
    (tmp_path / "self").mkdir()

    def plans_of(chunk):
        return [chunk.tasks.oracle_plan(chunk.batch, row) for row in range(len(chunk.requests))]

    desk = Desk(few, tmp_path / "self", 0, 0.2, vision)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselines.training.planner.run.sampled", lambda _, chunk, *rest: [[p] for p in plans_of(chunk)])
        _, learnt = refine(desk)
    teachers = Lessons.load(tmp_path / "self" / "imitation.lessons.pt", desk.settings)
    own = learnt.items[len(teachers.items) :]
    assert learnt.items[: len(teachers.items)] == teachers.items and own
    half = len(own) // 2
    assert [(one.request, one.plan) for one in own[:half]] == [(one.request, one.plan) for one in own[half:]]
    assert len(learnt.tokens) == max(item.row for item in learnt.items) + 1


def test_a_longer_loop_is_not_cut_short(tmp_path, vision):
    (tmp_path / "rounds.json").write_text(json.dumps([{"round": number} for number in range(4)]))
    desk = Desk(QUICK, tmp_path, 0, 0.2, vision)
    with pytest.raises(ImgEditError, match="up to 1 rounds; found one of 3: pass --rounds 3"):
        improve(desk, PRESETS["quick"], ORCHESTRATORS.build("oracle"), Switches())
