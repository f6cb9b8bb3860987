"""Tests of the frozen image encoder."""

import json
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from baselines.training.checkpoint import checkpoint
from baselines.training.judge.kinds import KIND, WIDTH
from baselines.training.judge.learn import Workshop
from baselines.training.judge.model import image_tokens
from baselines.training.judge.plan import PRESETS
from baselines.vision import Vision
from baselines.vision.encoder import WORD, to_lattice
from baselines.vision.export import export_vision
from baselines.vision.export import main as export
from baselines.vision.grounding import find_regions
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.engine import oracle_regions
from imgedit_gym.judges.vlm.mosaic import mosaic


@pytest.fixture(scope="module")
def vision() -> Vision:
    return Vision.load()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An encoder with its first weights, as a training would leave it, and the model it comes from."""
    training, folder = (tmp_path_factory.mktemp(name) for name in ("training", "vision"))
    shop = Workshop.open(PRESETS["quick"], training, 0).narrow()
    model = shop.model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    checkpoint(training / "eyes.pt", parts={"model": model.state_dict()}, step=7)
    export_vision(training, folder, "quick")
    return folder, model.eval(), shop


def test_an_export_sees_what_the_model_sees(exported, started):
    folder, model, shop = exported
    vision, engine = Vision.load(folder), started(3)
    before, after = engine.batch.images, engine.batch.images.flip(1)
    with torch.no_grad():
        wanted = image_tokens(model, mosaic(before, after, shop.preset.shape.edge))
    found = vision.tokens(after, before)
    assert found.shape == (3, 81, WIDTH)
    assert torch.allclose(found, wanted, atol=0.02 * float(wanted.abs().max()))
    assert torch.equal(vision.tokens(after), vision.tokens(after, after))
    assert not torch.allclose(vision.tokens(after), found, atol=1e-3)
    assert vision.tokens(after, hidden=True).shape == (3, 81, 96)
    assert vision.tokens(after[:0]).shape == (0, 81, WIDTH)


def test_pictures_are_arrays_or_tensors_with_a_batch_axis(vision, started):
    images = started(2).batch.images
    assert torch.equal(vision.tokens(images.numpy()), vision.tokens(images))
    for wrong in (images[0], images.float(), images.permute(0, 3, 1, 2)):
        with pytest.raises(ImgEditError, match=r"expected pictures uint8 \[n, H, W, 3\]"):
            vision.tokens(wrong)


@pytest.mark.parametrize("name", ["model.safetensors", "projector.safetensors", "codes.safetensors", "vision.json"])
def test_a_broken_file_is_told(exported, tmp_path, name):
    shutil.copytree(exported[0], tmp_path / "v")
    (tmp_path / "v" / name).write_bytes(b'{"kinds": ["a"], "words": [], "edge": 72}')
    with pytest.raises(DataFileError, match="expected the weights of an image encoder"):
        Vision.load(tmp_path / "v")


def test_words_and_kinds_go_with_the_codes(exported):
    folder, _, shop = exported
    vision = Vision.load(folder)
    assert len(vision.kinds) == len(vision.codes) == len(vision.types) == len(shop.kinds)
    assert torch.equal(vision.types, shop.kinds.types)
    codes = vision.codes
    for name in ("hamburger", "carrot", "beach"):
        word = vision.word(name)
        assert word.shape == (WORD,) and vision.kinds[int((codes @ word[:64]).argmax())] == name
    assert torch.equal(vision.word("BIG SALE"), vision.word("big sale"))
    assert not bool(vision.word("no such thing").any())
    headline, background = vision.word("headline")[-3:], vision.word("background")[-3:]
    assert headline.tolist() == [0, 0, 1] and background.tolist() == [0, 1, 0]


def test_weights_are_named_by_their_content(exported, tmp_path):
    folder = exported[0]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert Vision.load(tmp_path).digest == Vision.load(folder).digest
    (tmp_path / "projector.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DataFileError, match="expected the weights of an image encoder"):
        Vision.load(tmp_path)


def test_missing_folders_are_told(tmp_path, capsys):
    with pytest.raises(DataFileError, match="expected the weights"):
        Vision.load(tmp_path / "none")
    assert export([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "expected a checkpoint of the stage 'eyes'" in capsys.readouterr().err


def test_the_lattice_keeps_what_is_everywhere():
    tokens = torch.randn(1, 1, 5).expand(2, 81, 5)
    assert torch.allclose(to_lattice(tokens), tokens[:, :64], atol=1e-5)
    corner = torch.zeros(1, 81, 1)
    corner[0, 80] = 1.0
    cells = to_lattice(corner)[0, :, 0]
    assert int(cells.argmax()) == 63 and float(cells[:54].abs().max()) == 0.0


def test_what_is_there_is_seen(vision, started):
    engine = started(12, image_size=128, split="val")
    seen = vision.seen(vision.tokens(engine.canvas))
    objects = engine.tasks.stock.catalogue.objects
    found = total = 0
    for row, slots in enumerate(engine.batch.slots.tolist()):
        there = {vision.kinds[kind] for kind in seen[row].tolist()}
        names = {objects[slot].name for slot in slots if 0 <= slot < len(objects)}
        found, total = found + len(names & there), total + len(names)
    assert total > 20 and found / total > 0.8


def test_steps_are_grounded_by_sight(vision, started):
    engine = started(24, image_size=128, split="val")
    right = []
    for index in range(3):
        rows = (engine.plan_length > index).nonzero().flatten()
        steps = [engine.plan(row)[index] for row in rows.tolist()]
        found = find_regions(vision, vision.tokens(engine.canvas[rows]), steps)
        wanted = torch.tensor([oracle_regions(engine, row)[index] for row in rows.tolist()])
        first, second = (engine.regions.regions(rows, region).masks for region in (found, wanted))
        right += (first == second).flatten(1).all(1).tolist()
    assert len(right) > 40 and np.mean(right) > 0.9


def test_what_cannot_be_seen_is_the_whole_picture(vision, started):
    engine = started(2, image_size=128)
    steps = [PlanStep("adjust", "picture", "darker"), PlanStep("edit", "picture", "make it nice")]
    assert find_regions(vision, vision.tokens(engine.canvas), steps).tolist() == [0, 0]
    assert find_regions(vision, vision.tokens(engine.canvas[:0]), []).tolist() == []


def test_the_package_s_encoder_is_small_and_of_today_s_world(vision):
    from baselines.vision.encoder import WEIGHTS

    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 20e6
    settings = json.loads((WEIGHTS / "vision.json").read_text(encoding="utf-8"))
    assert len(settings["kinds"]) == len(vision.codes)
    assert vision.codes.shape[1] == KIND.stop - KIND.start
