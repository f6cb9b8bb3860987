"""Tests of the single-step editor: its teacher, its training, its pipeline."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from PIL import Image
from safetensors.torch import load_file, save_file

from baselines.single_step.model import (
    GRID,
    N_RETOUCH,
    Layers,
    Shape,
    see,
    to_bytes,
    to_unit,
)
from baselines.single_step.pipeline import SingleStepPipeline
from baselines.single_step.words import make_tokenizer, tokenize
from baselines.training.judge.looks import give_look
from baselines.training.single_step.__main__ import main
from baselines.training.single_step.house import HouseStock
from baselines.training.single_step.learn import NAME, EditorTraining
from baselines.training.single_step.measure import measure
from baselines.training.single_step.pairs import Teacher
from baselines.training.single_step.plan import PRESETS, Course
from baselines.training.stage import Stage
from baselines.vision import Vision
from baselines.vision.encoder import WEIGHTS
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.names import TONES
from imgedit_gym.engine import Engine

TINY = replace(
    PRESETS["quick"],
    shape=Shape(channels=(16, 32), words=16, text_layers=1, heads=2),
    course=Course(((4, 1.0, 0.6),), batch=4),
    image_size=64,
    pool=8,
    passes=1,
)
PROMPTS = ["Make this an alcohol-free advertisement.", "Make the poster suitable for vegans."]


@pytest.fixture(scope="module")
def vision() -> Vision:
    return Vision.load()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, vision) -> EditorTraining:
    training = EditorTraining(TINY, tmp_path_factory.mktemp("whole"), 0, vision, "cpu")
    training.run()
    return training


@pytest.fixture(scope="module")
def folder(trained):
    return trained.save(trained.folder / "model")


@pytest.fixture(scope="module")
def pipe(folder) -> SingleStepPipeline:
    found = SingleStepPipeline.from_pretrained(folder, dtype=torch.float32)
    found.set_progress_bar_config(disable=True)
    return found


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    engine = Engine(2, split="val", image_size=96)
    engine.reset(range(2), [0, 1])
    return engine.batch.images.clone()


# ------------------------------------------------------------------ the teacher


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine(48, split="train")
    engine.reset(range(48), range(700, 748))
    return engine


def test_the_teacher_satisfies_the_checklist(engine):
    _, after = Teacher(engine.tasks).carry_out(engine.batch)
    engine.canvas.copy_(after)
    measured = engine.checklist.measure(after)
    asked = engine.batch.requirements[:, :, 0] > 0
    assert float((measured.requirements[asked] >= 0.5).float().mean()) > 0.95
    assert float(measured.preservation.mean()) > 0.97
    assert float(measured.quality.mean()) > 0.95


def test_the_teacher_leaves_what_nothing_is_asked_of(engine):
    drawn, _ = Teacher(engine.tasks).carry_out(engine.batch)
    verbs = engine.batch.plan[:, :, 0]
    still = torch.tensor([all(verb in (0, 2, 3, 4, 7) for verb in row) for row in verbs.tolist()])
    far = (engine.batch.segments == 0) & (engine.batch.mattes == 255)
    same = (drawn == engine.batch.images).all(-1)
    shares = [float(same[row][far[row]].float().mean()) for row in still.nonzero().flatten().tolist()]
    assert len(shares) > 10 and min(shares) > 0.7


def test_the_teacher_needs_few_things(engine):
    house = HouseStock(engine.tasks)
    assert len(house.objects_used) < 25 and len(house.backgrounds_used) < 15
    for goal, members in house.demands:
        chosen = house.object_for(goal, members)
        assert chosen in engine.tasks.tables.sets.members[members] and chosen in house.objects(goal, members)
    for goal, _ in engine.tasks.split.goal_rows(engine.tasks.book):
        mask = int(engine.tasks.tables._tensors["background"][goal])
        assert not mask or mask >> house.background_for(mask) & 1
    with pytest.raises(ImgEditError, match="breaks no rule"):
        house.object_for(0, next(i for i, m in enumerate(engine.tasks.tables.sets.members) if not house.objects(0, i)))


def test_pairs_hang_on_their_random_numbers_alone(engine):
    teacher = Teacher(engine.tasks)
    first, second, other = (teacher.draw_pairs(6, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.after, second.after) and first.instructions == second.instructions
    assert not torch.equal(first.before, other.before)


@pytest.mark.parametrize("tone", TONES)
def test_looks_are_seen(pictures, tone):
    looked = give_look(tone, pictures)
    assert looked.dtype == torch.uint8 and looked.shape == pictures.shape
    assert float((looked.float() - pictures.float()).abs().mean()) > 0.5


# ------------------------------------------------------------------ layers over pictures


def test_levels_survive():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(-1, -1, -1, 3)
    assert torch.equal(to_bytes(to_unit(levels)), levels)


@pytest.mark.parametrize("size", [64, 100, 128])
def test_what_is_not_edited_stays_bit_by_bit(size):
    picture = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    gate = torch.full((2, 1, 64, 64), -4.0)
    gate[:, :, 20:30, 20:30] = 9.0
    layers = Layers(torch.ones(2, 3, 64, 64), gate, 0.01 * torch.randn(2, N_RETOUCH, GRID, GRID).clamp(-1, 1))
    laid, edited = layers.compose(to_unit(picture))
    assert torch.equal(laid, edited)
    inside = torch.zeros(size, size, dtype=torch.bool)
    near = slice(int(18 / 64 * size), int(32 / 64 * size) + 1)
    inside[near, near] = True
    assert torch.equal(to_bytes(edited)[:, ~inside], picture[:, ~inside])
    core = slice(int(22 / 64 * size), int(28 / 64 * size))
    assert bool((to_bytes(edited)[:, core, core] == 255).all())


def test_a_change_of_colours_reaches_everything():
    picture = torch.full((1, 64, 64, 3), 100, dtype=torch.uint8)
    retouch = torch.zeros(1, N_RETOUCH, GRID, GRID)
    retouch[:, 9:12] = 0.8
    layers = Layers(torch.zeros(1, 3, 64, 64), torch.full((1, 1, 64, 64), -9.0), retouch)
    edited = to_bytes(layers.compose(to_unit(picture))[1])
    assert set(edited.unique().tolist()) == {202}


def test_words_are_tokens():
    tokenizer = make_tokenizer(["Go veggie!", "go on"])
    ids, mask = tokenize(tokenizer, ["GO on", "go elsewhere !"], "cpu")
    assert ids.shape == mask.shape == (2, 3) and mask.sum(1).tolist() == [2, 3]
    assert ids[0, 0] == ids[1, 0] and ids[1, 1] == tokenizer.unk_token_id and ids[0, 2] == tokenizer.pad_token_id


# ------------------------------------------------------------------ training


def test_rates_rise_and_fall():
    course = Course(((100, 1.0, 0.5), (50, 0.5, 1.0)), warm=10)
    scales = [course.scale(step) for step in range(150)]
    assert scales[0] == pytest.approx(0.1) and scales[30] == 1.0 and scales[99] < 0.05
    assert max(scales[100:]) <= 0.5 and scales[-1] < 0.05 and course.scale(150) == 0.0
    assert PRESETS["full"].lasting(7).course.steps == 7


def test_a_killed_training_goes_on_to_the_same_weights(trained, tmp_path, vision, monkeypatch):
    plain, steps = Stage.save, []

    class Killed(Exception):
        pass

    def stop(self: Stage) -> None:
        plain(self)
        steps.append(self.step)
        if len(steps) == 3:
            raise Killed

    monkeypatch.setattr("baselines.training.stage.SAVE_SECONDS", -1.0)
    monkeypatch.setattr(Stage, "save", stop)
    with pytest.raises(Killed):
        EditorTraining(TINY, tmp_path, 0, vision, "cpu").run()
    monkeypatch.setattr(Stage, "save", plain)
    again = EditorTraining(TINY, tmp_path, 0, vision, "cpu")
    again.run()
    assert steps == [1, 2, 3]
    whole = trained.editor.state_dict()
    assert all(torch.equal(value, whole[name]) for name, value in again.editor.state_dict().items())
    with pytest.raises(ImgEditError, match="seed 0"):
        EditorTraining(TINY, tmp_path, 1, vision, "cpu").run()


def test_losses_are_logged(trained):
    pytest.importorskip("tensorboard")
    assert list((trained.folder / "tensorboard" / NAME).iterdir())


def test_it_learns(vision, tmp_path):
    preset = replace(TINY, course=Course(((25, 1.0, 0.6),), batch=8, warm=3), passes=100)
    training = EditorTraining(preset, tmp_path, 0, vision, "cpu")
    before = float(training.loss(0)[0].detach())
    training.run()
    assert float(training.loss(0)[0].detach()) < 0.8 * before


@pytest.mark.slow
def test_the_command_makes_an_editor(tmp_path, capsys):
    words = ["--preset", "quick", "--steps", "3", "--episodes", "3", "--out", str(tmp_path), "--note", "It is new."]
    assert main(words) == 0
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "--preset quick --seed 0 --steps 3" in card and "| ABSENT |" in card and "- It is new." in card
    assert set(json.loads((tmp_path / "measured.json").read_text())["by_steps"]) == {"1", "2", "4"}
    with Image.open(tmp_path / "samples.png") as sheet:
        assert sheet.width > 100
    assert main(["--episodes", "0", "--out", str(tmp_path)]) == 2
    assert "--episodes" in capsys.readouterr().err


# ------------------------------------------------------------------ the pipeline


def test_a_saved_editor_edits_as_before(pipe, trained, pictures):
    whole = SingleStepPipeline(
        unet=trained.editor.unet,
        scheduler=trained.scheduler,
        text_encoder=trained.editor.text_encoder,
        tokenizer=trained.tokenizer,
    )
    whole.set_progress_bar_config(disable=True)
    first, second = (
        one.layers(PROMPTS, pictures, generator=torch.Generator().manual_seed(0)).layer for one in (pipe, whole)
    )
    assert torch.allclose(first, second, atol=0.02) and float(first.abs().mean()) > 0.001


def test_every_kind_of_picture(pipe, pictures):
    many = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    found = pipe(PROMPTS, pictures, generator=many, output_type="np").images
    assert found.shape == (2, 96, 96, 3) and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    pils = [Image.fromarray(one) for one in pictures.numpy()]
    many = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    again = pipe(PROMPTS, pils, generator=many).images
    assert np.array_equal(np.stack([np.asarray(one) for one in again]), (found * 255).round().astype(np.uint8))
    alone = pipe(PROMPTS[1], pils[1], generator=torch.Generator().manual_seed(1), return_dict=False)[0][0]
    assert np.abs(np.asarray(alone).astype(int) - np.asarray(again[1]).astype(int)).max() <= 2
    assert pipe(PROMPTS[0], pictures[0], output_type="pt").images.shape == (1, 3, 96, 96)


def test_bad_input_is_told(pipe, pictures):
    with pytest.raises(ImgEditError, match="a request for each picture; found 1 for 2"):
        pipe(PROMPTS[:1], pictures)
    for bad in (pictures.float(), "picture.png", []):
        with pytest.raises(ImgEditError, match="expected PIL pictures"):
            pipe(PROMPTS[0], bad)


def test_another_encoder_is_told(folder, tmp_path, pictures):
    import shutil

    shutil.copytree(folder, tmp_path / "model")
    index = tmp_path / "model" / "model_index.json"
    index.write_text(index.read_text().replace(Vision.load().digest, "0" * 16))
    other = SingleStepPipeline.from_pretrained(tmp_path / "model", dtype=torch.float32)
    other.set_progress_bar_config(disable=True)
    with pytest.raises(DataFileError, match="0000000000000000"):
        other(PROMPTS[0], pictures[0])


def test_what_is_seen_lies_on_the_grid(vision, pictures):
    seen = see(vision, pictures)
    assert seen.shape[2:] == (GRID, GRID) and bool(seen.isfinite().all())


def test_an_editor_brings_another_image_encoder_along(trained, pictures, tmp_path):
    own = tmp_path / "encoder"
    shutil.copytree(WEIGHTS, own)
    codes = load_file(own / "codes.safetensors")
    save_file({name: value + (name == "kinds") * 0.01 for name, value in codes.items()}, own / "codes.safetensors")
    other = Vision.load(own)
    assert other.digest != trained.vision.digest
    training = EditorTraining(TINY, tmp_path / "training", 0, other, "cpu")
    folder = training.save(tmp_path / "with", own)
    found = SingleStepPipeline.from_pretrained(folder, dtype=torch.float32)
    assert found._encoder.digest == other.digest
    measured, _ = measure(folder, 2, image_size=64)
    assert measured.episodes == 2
    with pytest.raises(ImgEditError, match="expected an editor that works; .*image encoder"):
        measure(training.save(tmp_path / "without"), 2, image_size=64)
