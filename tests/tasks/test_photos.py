"""Tests of the world of photographs: what tasks are made of, what the checklist measures, and what earns nothing."""

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

from baselines.agents import AGENTS
from baselines.rollout import run_episodes
from baselines.run import main
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PICTURE, PlanStep
from imgedit_gym.core.registry import RETOUCH_TOOLS
from imgedit_gym.core.retouching import ASPECTS, DEGREES, PLACES, VALUES, VOCABULARY, WORDS, read_value, value_of
from imgedit_gym.core.rng import task_key
from imgedit_gym.engine import Engine
from imgedit_gym.tasks.photos.library import BUILT_IN, built_in, from_folder
from imgedit_gym.tasks.photos.source import Photos
from imgedit_gym.tasks.photos.splits import SPLITS
from imgedit_gym.tasks.photos.wording import GOALS, PHRASINGS, REQUIRED, REST

CPU = torch.device("cpu")


def source_of(split="train", size=64, **arguments) -> Photos:
    return Photos(image_size=size, max_plan_steps=8, split=split, device=CPU, **arguments)


def drawn(source, seeds):
    batch = source.allocate(len(seeds))
    keys = torch.tensor([task_key(seed, 0, source.stream) for seed in seeds])
    source.sample(batch, torch.arange(len(seeds)), keys)
    return batch


@pytest.fixture(scope="module")
def engine():
    made = Engine(24, tasks="photos", tools="retouch", image_size=64, split="test")
    made.reset(range(24), range(24))
    return made


# ---------------------------------------------------------------------- words


def test_the_words_of_retouching_keep_their_codes():
    # the codes that trained policies have seen
    assert VOCABULARY.version == 1
    assert VOCABULARY.targets == ("", "picture", *PLACES)
    assert VOCABULARY.values[:4] == ("", "slightly cleaner", "cleaner", "much cleaner")
    assert VOCABULARY.value_code("much richer") == 33
    assert VOCABULARY.target_code("lower right") == 10


def test_every_value_is_read_and_written():
    for value in VALUES:
        wish = read_value(value)
        assert value_of(wish.aspect, wish.direction, wish.degree) == value
        step = PlanStep("adjust", PICTURE, value)
        assert PlanStep.parse(step.text) == step
        assert VOCABULARY.decode(VOCABULARY.encode(step)) == step
    assert read_value("much") is read_value("much car") is read_value("slightly much brighter") is None
    assert len(VALUES) == len(WORDS) * len(DEGREES)


def test_every_goal_has_words():
    assert set(GOALS) == set(PHRASINGS) == set(REQUIRED)
    texts = [text for phrasings in PHRASINGS.values() for text in phrasings]
    assert len(set(texts)) == len(texts)
    assert {len(phrasings) for phrasings in PHRASINGS.values()} == {len(REST)}


# ---------------------------------------------------------------------- tasks


def test_no_photograph_is_in_two_splits():
    own = {split: set(source_of(split).photographs) for split in SPLITS}
    assert own["train"] and own["val"] and own["test"]
    assert not own["train"] & own["val"] and not own["train"] & own["test"] and not own["val"] & own["test"]
    assert own["test-long"] == own["test"]
    assert len({split.stream for split in SPLITS.values()}) == len(SPLITS)


def test_a_task_is_the_same_in_any_batch():
    source = source_of()
    many = drawn(source, range(12))
    backwards = drawn(source, list(reversed(range(12))))
    alone = drawn(source, [7])
    for name, tensor in many.tensors().items():
        assert torch.equal(tensor, backwards.tensors()[name].flip(0)), name
        assert torch.equal(tensor[7], alone.tensors()[name][0]), name
    assert torch.equal(source.originals(many)[7], source.originals(alone)[0])
    assert len({source.task_id(many, row) for row in range(12)}) == 12


def test_a_task_is_made_again_from_its_name():
    source = source_of()
    batch = drawn(source, [3])
    key = source.key_of(source.task_id(batch, 0))
    again = source.allocate(1)
    source.sample(again, torch.tensor([0]), torch.tensor([key]))
    assert torch.equal(batch.images, again.images)
    assert source.instruction(batch, 0) == source.instruction(again, 0)
    for wrong in ("adverts/train/12", "photos/test/12", "photos/train/xyz", "photos/train/" + "f" * 13):
        with pytest.raises(ImgEditError, match="expected photos/train/"):
            source.key_of(wrong)


@pytest.mark.parametrize(("split", "fewest", "most"), [("train", 1, 3), ("test-long", 4, 5)])
def test_plans_are_as_long_as_the_split_says(split, fewest, most):
    source = source_of(split)
    batch = drawn(source, range(24))
    lengths = batch.plan_length.tolist()
    assert min(lengths) == fewest and max(lengths) == most
    for row, length in enumerate(lengths):
        plan, wanted = source.oracle_plan(batch, row), source.requirements(batch, row)
        assert len(plan) == len(wanted) == length
        assert [one.step for one in wanted] == list(range(length))
        assert all(one.kind is Kind.RESTORED for one in wanted)
        assert source.check_plan(batch, row, plan).flawless
        aspects = [
            ASPECTS.index("shadow" if step.target != PICTURE else read_value(step.value).aspect) for step in plan
        ]
        assert aspects == sorted(aspects, reverse=True)


def test_knobs():
    assert set(drawn(source_of(faults=[2, 2]), range(8)).plan_length.tolist()) == {2}
    assert source_of("test-long", size=64).split.faults == (4, 5)
    short = Photos(image_size=64, max_plan_steps=2, split="test-long", device=CPU)
    assert set(drawn(short, range(4)).plan_length.tolist()) == {2}
    for wrong in ([0, 1], [2, 1], [1, 6], "12", [1.0, 2], [True, 2]):
        with pytest.raises(ImgEditError, match="faults must be"):
            source_of(faults=wrong)
    with pytest.raises(ImgEditError, match="unknown split 'test-art'"):
        source_of("test-art")


def test_the_shadow_has_a_label_and_a_name():
    source = source_of(faults=[3, 3])
    batch = drawn(source, range(24))
    shaded = [row for row in range(24) if batch.segments[row].any()]
    assert shaded
    for row in shaded:
        assert batch.segments[row].float().mean() == 0.25
        assert source.label_name(batch, row, 1) in PLACES
        assert any(step.target == source.label_name(batch, row, 1) for step in source.oracle_plan(batch, row))


# ---------------------------------------------------------------------- measuring


def test_doing_nothing_earns_nothing_and_the_original_everything(engine):
    untouched = engine.checklist.measure(engine.batch.images)
    assert untouched.requirements.max() == 0.0
    assert untouched.preservation.min() == untouched.quality.min() == 1.0
    engine.canvas.copy_(engine.tasks.originals(engine.batch))
    engine.by_oracle[:] = False
    verdict = engine.evaluate()
    assert verdict.score.min() == 1.0 and verdict.success.all()


def ruined(name, source, original):
    generator = torch.Generator().manual_seed(0)
    match name:
        case "blank":
            return torch.zeros_like(source) + 128
        case "mean colour":
            return original.float().mean((1, 2), keepdim=True).round().to(torch.uint8).expand_as(source)
        case "noise":
            return torch.randint(0, 256, source.shape, dtype=torch.uint8, generator=generator)
        case "another picture":
            return original.roll(1, 0)
        case "mirrored":
            return original.flip(2)
        case "negative":
            return 255 - original
    return original.roll(source.shape[1] // 8, 1)


@pytest.mark.parametrize("name", ["blank", "mean colour", "noise", "another picture", "mirrored", "negative", "moved"])
def test_ruined_pictures_earn_nothing(engine, name):
    picture = ruined(name, engine.batch.images, engine.tasks.originals(engine.batch)).contiguous()
    engine.canvas.copy_(picture)
    engine.by_oracle[:] = False
    verdict = engine.evaluate()
    assert verdict.score.mean() < 0.05
    assert not verdict.success.any()


def test_no_single_tool_does_it(engine):
    rows = torch.arange(engine.num_envs)
    for tool in range(1, len(engine.tools)):
        engine.by_oracle[:] = False
        actions = torch.tensor([[tool, 0]]).repeat(len(rows), 1)
        _, verdict = engine.imagine(engine.batch.images, torch.zeros(len(rows), dtype=torch.int32), actions, rows)
        assert verdict.score.mean() < 0.4, engine.tool_ids[tool]
        assert verdict.success.float().mean() < 0.25, engine.tool_ids[tool]


def test_a_tool_that_does_nothing_is_not_believed(engine):
    found = engine.checklist.measure(engine.batch.images.clone())
    assert found.requirements.max() == 0.0


def test_what_is_measured_does_not_depend_on_the_batch(engine):
    canvas = engine.tasks.originals(engine.batch) // 2 + 40
    whole = engine.checklist.measure(canvas)
    rows = torch.tensor([5, 2, 5])
    part = engine.checklist.measure(canvas[rows], rows)
    for name in ("requirements", "preserved", "preservation", "quality"):
        assert torch.equal(getattr(whole, name)[rows], getattr(part, name))


def test_the_oracle_does_nearly_all_of_it():
    arguments = {"tasks": "photos", "tools": "retouch", "image_size": 64, "split": "test"}
    episodes = run_episodes("oracle", AGENTS.build("oracle", width=2), list(range(12)), arguments)
    assert np.mean([episode.score for episode in episodes]) > 0.9
    assert np.mean([episode.success for episode in episodes]) > 0.75


def test_the_command_plays_photographs(tmp_path):
    words = ["--tasks", "photos", "--episodes", "3", "--image-size", "64", "--out", str(tmp_path)]
    assert main(words) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    played = ["oracle", "rule-based", "single-step", "random", "no-op", "text-overlay"]
    assert [name for name in played if name in results["agents"]] == played
    assert results["agents"]["no-op"]["score"]["mean"] == 0.0 < results["agents"]["oracle"]["score"]["mean"]
    assert (tmp_path / "index.html").is_file() and (tmp_path / "gallery.png").is_file()
    assert main([*words, "--agents", "learned"]) == 2


# ---------------------------------------------------------------------- environments


def test_many_are_as_one():
    arguments = {"tasks": "photos", "tools": "retouch", "image_size": 64}
    envs = gym.make_vec("ImageEdit-v0", num_envs=3, **arguments)
    assert envs.single_action_space.nvec.tolist() == [1 + len(RETOUCH_TOOLS), 65]
    assert envs.single_observation_space["plan_step"].nvec.tolist() == list(VOCABULARY.nvec)
    single = gym.make("ImageEdit-v0", **arguments)
    together, _ = envs.reset(seed=5)
    alone, info = single.reset(seed=7)
    assert np.array_equal(together["image"][2], alone["image"])
    assert envs.instruction(2) == info["instruction"]
    actions = np.array([[1, 0], [2, 5], [3, 9]])
    together, rewards, *_ = envs.step(actions)
    alone, reward, *_ = single.step(actions[2])
    assert np.array_equal(together["image"][2], alone["image"])
    assert rewards[2] == reward
    envs.close()
    single.close()


def test_branching_remakes_the_hidden_original():
    one = Engine(2, tasks="photos", tools="retouch", image_size=64)
    one.reset([0, 1], [3, 4])
    one.step(torch.tensor([[1, 0], [2, 0]]))
    state = one.get_state(1)
    other = Engine(1, tasks="photos", tools="retouch", image_size=64)
    other.reset([0], [99])
    other.set_state(0, state)
    assert torch.equal(other.tasks.originals(other.batch)[0], one.tasks.originals(one.batch)[1])
    for engine, row in ((one, 1), (other, 0)):
        engine.canvas[row] = engine.tasks.originals(engine.batch)[row]
    assert other.evaluate().score[0] == one.evaluate().score[1]


def test_a_picture_of_ones_own():
    env = gym.make("ImageEdit-v0", tasks="photos", tools="retouch", image_size=64)
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    plan = ["adjust the picture to brighter", "adjust the left to much brighter"]
    _, info = env.reset(options={"image": picture, "instruction": "Make it friendlier.", "plan": plan})
    assert info["plan"] == plan and not info["judge"]["valid"]
    assert info["requirements"][0]["kind"] == "instruction"
    _, _, _, _, info = env.step(env.unwrapped.action(tool="exposure_gain", region=0))
    assert info["action_error"] == "" and info["changed_pixels"] > 0
    with pytest.raises(ImgEditError, match="expected image, instruction and plan"):
        env.reset(options={"image": picture, "instruction": "x", "checklist": [{"kind": "tone", "tone": "darker"}]})
    _, info = env.reset(seed=1)
    assert info["task_id"].startswith("photos/train/")
    env.close()


# ---------------------------------------------------------------------- photographs


def test_the_photographs_are_those_of_the_packages():
    library = built_in(CPU)
    assert library.names == tuple(one.path for one in BUILT_IN)
    assert library.sizes.min() >= 300
    assert "CC BY 2.0" in source_of("test").credits["licence"]
    assert library.digest == "2d1fe06c"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("imgedit_gym.tasks.photos.library.find_spec", lambda name: None)
    built_in.cache_clear()
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[photos\]"):
        source_of()
    built_in.cache_clear()


def test_another_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("imgedit_gym.tasks.photos.library._package", lambda name: tmp_path)
    built_in.cache_clear()
    with pytest.raises(ImgEditError, match="no such file"):
        source_of()
    built_in.cache_clear()


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    for index in range(6):
        field = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(field).resize((160, 120), Image.Resampling.BICUBIC).save(tmp_path / f"{index}.png")
    return tmp_path


def test_a_folder_of_ones_own(folder):
    shares = [source_of(split, folder=str(folder)) for split in ("train", "val", "test")]
    assert sorted(index for source in shares for index in source.photographs) == list(range(6))
    source = shares[0]
    batch = drawn(source, [0, 1])
    assert source.task_id(batch, 0).startswith(f"photos-{source.library.digest}/train/")
    short = Engine(1, tasks=f"photos:{folder}", tools="retouch", image_size=64)
    short.reset([0], [0])
    assert torch.equal(short.batch.images[0], batch.images[0])
    (folder / "3.png").rename(folder / "another name.png")
    assert source_of(folder=str(folder)).library.digest == source.library.digest


def test_a_folder_below_ones_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert source_of(folder=f"~/{folder.name}").library.digest == source_of(folder=str(folder)).library.digest


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-that-name/photos", 7])
def test_what_is_no_path_is_no_folder(path):
    with pytest.raises(ImgEditError, match="expected a folder of photographs"):
        from_folder(path, CPU)


def test_bad_folders(tmp_path, folder):
    with pytest.raises(ImgEditError, match="found none at"):
        from_folder(str(tmp_path / "nowhere"), CPU)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImgEditError, match="expected 1 to 400 photographs"):
        from_folder(str(empty), CPU)
    Image.new("RGB", (100, 100)).save(empty / "one.png")
    with pytest.raises(ImgEditError, match="'val' needs more photographs"):
        source_of("val", folder=str(empty))
    Image.new("RGB", (300, 20)).save(empty / "long.png")
    with pytest.raises(ImgEditError, match=r"long\.png: expected at least 64 pixels"):
        from_folder(str(empty), CPU)
    (folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(ImgEditError, match=r"0\.png"):
        from_folder(str(folder), CPU)
    Image.new("RGB", (100, 100)).save(tmp_path / "empty" / "long.png")
    assert len(from_folder(str(empty), CPU).names) == 1  # the same photograph twice is one
