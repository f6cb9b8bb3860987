"""Tests of folders of images as tasks."""

import json
import os
import pickle
import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from PIL import Image

import imgedit_gym  # noqa: F401 - registers the environments
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.judges.pixels import PixelJudge
from imgedit_gym.tasks.folder import FolderTasks
from imgedit_gym.trajectory import engine_of, record_episode, replay

SIZE = 64


def picture(index, height=40, width=80) -> Image.Image:
    """A flat ground of a level of its own, with a dark box in the left half."""
    pixels = np.full((height, width, 3), 100 + 20 * index, np.uint8)
    pixels[height // 4 : height // 2, : width // 4] = (120, 20, 20)
    return Image.fromarray(pixels)


RECORDS = [
    {"image": "a.png", "instruction": "make it calmer"},
    {
        "image": "b.jpg",
        "instruction": "take the box away",
        "plan": ["remove the box", "adjust the picture to brighter"],
        "checklist": [
            {"kind": "absent", "object": "box", "step": 0},
            {"kind": "tone", "tone": "brighter"},
        ],
        "objects": [{"name": "box", "box": [10, 0, 20, 20]}],
    },
    {"image": "sub/c.png", "instruction": "paint it", "mask": "sub/mask.png", "id": "painted", "split": "test"},
    {"image": "a.png", "instruction": "make it sell", "checklist": ["it looks expensive"], "split": "train"},
]


def fill(folder, records=RECORDS):
    (folder / "sub").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        picture(index).save(folder / name)
    mask = np.zeros((40, 80), np.uint8)
    mask[:, 40:] = 255
    Image.fromarray(mask).save(folder / "sub" / "mask.png")
    if records:
        (folder / "tasks.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("folders") / "pets")


def open_folder(path, split="train", size=SIZE, **arguments) -> FolderTasks:
    return FolderTasks(path, image_size=size, max_plan_steps=8, split=split, device=torch.device("cpu"), **arguments)


def drawn(source, index=0):
    batch = source.allocate(1)
    source.sample(batch, torch.tensor([0]), torch.tensor([source.key(index)]))
    return batch


# ------------------------------------------------------------------ what is in it


def test_records_of_the_split_and_of_none(pets):
    assert len(open_folder(pets)) == 3 and len(open_folder(pets, "test")) == 3
    assert len(open_folder(pets, "other")) == 2
    batch = drawn(open_folder(pets, "test"), 2)
    assert open_folder(pets).task_id(batch, 0) == "folder/pets/painted"


def test_a_record_without_a_plan(pets):
    source = open_folder(pets)
    batch = drawn(source)
    assert source.task_id(batch, 0) == "folder/pets/0001"
    assert source.instruction(batch, 0) == "make it calmer"
    assert [step.text for step in source.oracle_plan(batch, 0)] == ["make it calmer"]
    (wanted,) = source.requirements(batch, 0)
    assert (wanted.kind, wanted.text) == (Kind.INSTRUCTION, "make it calmer")
    assert (batch.images[0, :16] == 128).all() and (batch.images[0, 48:] == 128).all(), "grey bars"
    assert (batch.images[0, 40:48] == 100).all(), "and the image between them"


def test_a_record_with_everything(pets):
    source = open_folder(pets)
    batch = drawn(source, 1)
    assert [step.text for step in source.oracle_plan(batch, 0)] == RECORDS[1]["plan"]
    assert [(one.kind, one.step) for one in source.requirements(batch, 0)] == [(Kind.ABSENT, 0), (Kind.TONE, 1)]
    assert source.label_name(batch, 0, 1) == "box"
    where = (batch.segments[0] == 1).nonzero()
    assert (where.min(0).values.tolist(), where.max(0).values.tolist()) == ([24, 0], [31, 15])
    assert all(source.check_plan(batch, 0, source.oracle_plan(batch, 0)).satisfied)


def test_words_and_masks(pets):
    source = open_folder(pets)
    assert [one.kind for one in source.requirements(drawn(source, 2), 0)] == [Kind.INSTRUCTION]
    marked = drawn(open_folder(pets, "test"), 2)
    assert (marked.segments[0, 16:48, 32:] == 1).all() and int((marked.segments[0] == 1).sum()) == 32 * 32


@pytest.mark.parametrize(("fit", "bars"), [("letterbox", True), ("crop", False), ("stretch", False)])
def test_fits(pets, tmp_path, fit, bars):
    batch = drawn(open_folder(fill(tmp_path / "fits", RECORDS[:1]), fit=fit))
    assert bool((batch.images[0, 0] == 128).all()) == bars


def test_yaml_says_the_same(pets, tmp_path):
    yaml = pytest.importorskip("yaml")
    fill(tmp_path / "pets", records=None)
    (tmp_path / "pets" / "tasks.yaml").write_text(yaml.safe_dump({"licence": "CC0-1.0", "tasks": RECORDS}))
    other, source = open_folder(tmp_path / "pets"), open_folder(pets)
    assert other.credits == {"name": "pets", "licence": "CC0-1.0"}
    assert source.credits == {"name": "pets", "licence": "not stated"}
    for index in range(3):
        one, two = drawn(source, index), drawn(other, index)
        assert one.texts == two.texts
        assert all(torch.equal(a, b) for a, b in zip(one.tensors().values(), two.tensors().values(), strict=True))


def test_images_alone_with_instructions(tmp_path):
    fill(tmp_path / "bare", records=None)
    source = open_folder(tmp_path / "bare", instructions=["make it calmer", "make it sell"], licence="mine")
    assert len(source) == 4, "two images of the folder itself, two requests each"
    found = {source.task_id(batch, 0): source.instruction(batch, 0) for batch in (drawn(source, i) for i in range(4))}
    assert found == {
        "folder/bare/a.png/1": "make it calmer",
        "folder/bare/a.png/2": "make it sell",
        "folder/bare/b.jpg/1": "make it calmer",
        "folder/bare/b.jpg/2": "make it sell",
    }
    assert source.credits["licence"] == "mine"
    assert open_folder(tmp_path / "bare", instructions="calm").key_of("folder/bare/b.jpg") == 1


# ------------------------------------------------------------------ episodes


def test_the_same_seed_gives_the_same_task_on_any_batch_size(pets):
    tasks = f"folder:{pets}"
    envs = gym.make_vec("ImageEdit-v0", num_envs=5, tasks=tasks, image_size=SIZE, judge="pixels")
    envs.reset(seed=11)
    ids = []
    for index in range(5):
        env = gym.make("ImageEdit-v0", tasks=tasks, image_size=SIZE, judge="pixels")
        observation, info = env.reset(seed=11 + index)
        ids.append(info["task_id"])
        seen = envs.observation(index)
        assert all(np.array_equal(observation[key], seen[key]) for key in observation)
        assert (info["task_id"], info["instruction"]) == (envs.task_id(index), envs.instruction(index))
        again, other = env.reset(options={"task_id": info["task_id"]})
        assert np.array_equal(again["image"], observation["image"]) and other["plan"] == info["plan"]
        env.close()
    envs.close()
    assert len(set(ids)) > 1
    env = gym.make("ImageEdit-v0", tasks=tasks, image_size=SIZE)
    with pytest.raises(ImgEditError, match=r"task_id: expected folder/pets/ and the id of a record; found 'x/y/z'"):
        env.reset(options={"task_id": "x/y/z"})


@pytest.mark.parametrize("more", [{"planner": "agent"}, {"planner": "rules"}, {"planner": "none", "regions": "cells"}])
def test_it_is_a_proper_environment(pets, more):
    env = gym.make(
        "ImageEdit-v0", tasks={"id": "folder", "path": str(pets)}, image_size=SIZE, judge="pixels", **more
    ).unwrapped
    check_env(env, skip_render_check=True)
    env.reset(seed=3)
    done = False
    while not done:
        _, reward, done, _, info = env.step(env.action(tool="exposure", region=0))
        assert np.isfinite(reward)
    copy = pickle.loads(pickle.dumps(env))
    assert copy._info()["task_id"] == info["task_id"]


def test_the_checklist_judge_says_where_it_cannot_judge(pets):
    env = gym.make("ImageEdit-v0", tasks=f"folder:{pets}", image_size=SIZE)
    _, info = env.reset(options={"task_id": "folder/pets/0001"})
    assert not info["judge"]["valid"] and "no measurement tells" in info["judge"]["reason"]
    assert np.isnan(info["scores"]["score"]), "never a silent zero"
    _, info = env.reset(options={"task_id": "folder/pets/0002"})
    assert info["judge"]["valid"] and info["scores"]["score"] == 0.0
    base = env.unwrapped
    region = base.engine.regions.find(0, 1)
    _, reward, *_, info = env.step(base.action(tool="fill_smooth", region=region))
    assert reward > 0.3 and info["judge"]["valid"]


def test_episodes_are_recorded_and_replayed(pets):
    env = gym.make("ImageEdit-v0", tasks=f"folder:{pets}", image_size=SIZE, judge=PixelJudge.id)
    trajectory = record_episode(env, lambda observation, info: env.unwrapped.action(tool="exposure", region=0), seed=4)
    assert trajectory.task_id.startswith("folder/pets/") and trajectory.user_task is None
    assert trajectory.env_kwargs["tasks"] == f"folder:{pets}"
    replay(trajectory)


def test_states_are_copied(pets):
    env = gym.make("ImageEdit-v0", tasks=f"folder:{pets}", image_size=SIZE).unwrapped
    env.reset(seed=1)
    state, task = env.get_state(), env._info()["task_id"]
    while env._info()["task_id"] == task:
        env.reset()
    assert env.set_state(state)[1]["task_id"] == task


# ------------------------------------------------------------------ what is wrong is told


def refused(folder, record=None, text=None, file="tasks.jsonl", **arguments) -> str:
    """The message that a folder with this record in line 2 of its file is refused with."""
    good = json.dumps(RECORDS[0])
    (folder / file).write_text(text if text is not None else f"{good}\n{json.dumps(record)}\n", encoding="utf-8")
    with pytest.raises(ImgEditError) as caught:
        open_folder(folder, **arguments)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "wrong", records=None)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (5, "expected a record with the keys 'image' and 'instruction'; found 5"),
        ({"image": "a.png"}, "expected the key 'instruction'; found image"),
        ({"instruction": "x"}, "expected the key 'image'; found instruction"),
        ({}, "expected the key 'image'; found none"),
        ({"image": "a.png", "instrction": "x"}, "found 'instrction'; did you mean 'instruction'?"),
        ({"image": "a.png", "instruction": 5}, "needs an 'instruction' (text); found 5"),
        ({"image": "a.png", "instruction": " "}, "needs an 'instruction' (text); found ' '"),
        ({"image": "a.png", "instruction": "much " * 500}, "instruction: expected at most 2000 characters"),
        ({"image": "z.png", "instruction": "x"}, "image: expected a file inside the folder; 'z.png': No such file"),
        ({"image": "sub", "instruction": "x"}, "image: expected a file; found 'sub', which is none"),
        ({"image": "../pets/a.png", "instruction": "x"}, "image: expected a file inside the folder; found '../pets/"),
        ({"image": "sub/../a.png", "instruction": "x"}, "image: expected a file inside the folder; found"),
        ({"image": "/etc/passwd", "instruction": "x"}, "image: expected a file inside the folder; found '/etc/passwd'"),
        ({"image": "a\0b", "instruction": "x"}, "image: expected a file inside the folder; 'a\\x00b': embedded null"),
        ({"image": 7, "instruction": "x"}, "image: expected a file name; found 7"),
        ({"image": "tasks.jsonl", "instruction": "x"}, "image: expected an image (PNG, JPEG"),
        ({"image": "a.png", "instruction": "x", "mask": "no.png"}, "mask: expected a file inside the folder"),
        ({"image": "a.png", "instruction": "x", "plan": []}, "a plan needs at least one step"),
        ({"image": "a.png", "instruction": "x", "plan": ["remove it"] * 9}, "max_plan_steps=8 steps; found 9"),
        ({"image": "a.png", "instruction": "x", "checklist": [{"kind": "gone"}]}, "checklist: kind must be one of"),
        ({"image": "a.png", "instruction": "x", "objects": [{"name": "x", "box": [0, 0, 90, 9]}]}, "box of 'x'"),
        ({"image": "a.png", "instruction": "x", "id": "0001"}, "id: expected each once; found '0001' 2 times"),
        ({"image": "a.png", "instruction": "x", "id": ""}, "id: expected 1 to 100 printable characters; found ''"),
        ({"image": "a.png", "instruction": "x", "id": [1]}, "id: expected text; found [1]"),
        ({"image": "a.png", "instruction": "x", "split": 3}, "split: expected text; found 3"),
    ],
)
def test_wrong_records(folder, record, message):
    told = refused(folder, record)
    line = 1 if "each once" in message else 2
    assert told.startswith(f"{folder}/tasks.jsonl, line {line}: ") and message in told


def test_links_out_of_the_folder(folder, tmp_path):
    picture(0).save(tmp_path / "secret.png")
    os.symlink(tmp_path / "secret.png", folder / "link.png")
    os.symlink(tmp_path, folder / "up")
    for name in ("link.png", "up/secret.png"):
        told = refused(folder, {"image": name, "instruction": "x"})
        assert told.endswith(f"line 2: image: expected a file inside the folder; '{name}' is a link out of it")
    os.symlink(folder / "a.png", folder / "inner.png")
    (folder / "tasks.jsonl").write_text(json.dumps({"image": "inner.png", "instruction": "x"}))
    assert len(open_folder(folder)) == 1
    (folder / "tasks.jsonl").unlink()
    os.symlink(tmp_path / "tasks.jsonl", folder / "tasks.jsonl")
    (tmp_path / "tasks.jsonl").write_text(json.dumps(RECORDS[0]))
    with pytest.raises(ImgEditError, match="'tasks.jsonl' is a link out of it"):
        open_folder(folder)


def test_wrong_files(folder):
    assert refused(folder, text='{"image": "a.png",\n').startswith(f"{folder}/tasks.jsonl, line 1: expected a JSON")
    assert "line 1: expected a JSON object" in refused(folder, text="[" * 100_000)
    assert refused(folder, text="\n\n") == f"{folder}/tasks.jsonl: expected one record at least; found none"
    (folder / "tasks.jsonl").write_bytes(b'{"image": "a.png"}\n\xff\xfe\n')
    with pytest.raises(ImgEditError, match="tasks.jsonl, line 2: expected text in UTF-8; found byte 0xff"):
        open_folder(folder)
    with (folder / "tasks.jsonl").open("wb") as sparse:
        sparse.truncate((16 << 20) + 1)
    with pytest.raises(ImgEditError, match="tasks.jsonl: expected at most 16777216 bytes; found more"):
        open_folder(folder)
    (folder / "tasks.yaml").write_text("[]")
    with pytest.raises(ImgEditError, match=r"expected one of tasks.jsonl, .*; found tasks.jsonl and tasks.yaml"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- image: a.png\n  instruction: x\n- image: b.jpg\n", "tasks.yaml, line 3: expected the key 'instruction'"),
        ("tasks:\n- image: [\n", "tasks.yaml, line 3: expected YAML; "),
        ("a: &a [1]\nb: *a\n", "tasks.yaml, line 2: expected everything written out; found an alias"),
        ("- !!python/object/apply:os.system ['true']\n", "tasks.yaml, line 1: expected YAML; could not determine"),
        ("words", "tasks.yaml: expected a list of records; found none"),
        ("", "tasks.yaml: expected a list of records; found none"),
        ("records: []\n", "tasks.yaml: expected the keys tasks, name and licence; found ['records']"),
        ("[" * 3000, "tasks.yaml, line 1: expected at most 16 levels; found more"),
        ("- image: a.png\n  instruction: 2026-01-01\n", "line 1: a task of your own needs an 'instruction'"),
    ],
)
def test_wrong_yaml(folder, text, message):
    pytest.importorskip("yaml")
    told = refused(folder, text=text, file="tasks.yaml")
    assert message in told or message.replace("tasks.yaml: ", "tasks.yaml, line ") in told


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_signs_that_yaml_does_not_take(folder, monkeypatch, loader):
    yaml = pytest.importorskip("yaml")
    if loader == "SafeLoader":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    (folder / "tasks.jsonl").unlink(missing_ok=True)
    (folder / "tasks.yaml").write_bytes("- image: é.png\n\n- image: b\x01.png\n".encode())
    with pytest.raises(DataFileError, match=r"tasks\.yaml, line 3: expected YAML; \w+ characters are not allowed"):
        open_folder(folder)


def test_regions_where_none_are_named(tmp_path, monkeypatch):
    def provider(name, records, split="train", regions=None):
        folder = fill(tmp_path / name, [{**one, "split": one.get("split", "train")} for one in records])
        named = {} if regions is None else {"regions": regions}
        return Engine(1, tasks=f"folder:{folder}", image_size=SIZE, split=split, **named).regions.id

    plain, boxed, masked, _ = RECORDS
    assert provider("boxed", [plain, boxed]) == provider("masked", [plain, masked]) == "segments"
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[photos\].*'cells' need none"):
        provider("refused", [plain])
    assert provider("cells", [plain], regions="cells") == "cells"
    monkeypatch.undo()
    pytest.importorskip("skimage")
    assert provider("plain", [plain]) == "superpixels"
    assert provider("named", [plain], regions="segments") == "segments"
    env = gym.make("ImageEdit-v0", tasks=f"folder:{tmp_path / 'plain'}", image_size=SIZE)
    recording = record_episode(env, lambda *_: [1, 20], seed=0)
    assert recording.env_kwargs["regions"] == "superpixels"
    assert np.array_equal(replay(recording)[-1], env.unwrapped.engine.canvas[0].numpy())
    unnamed = {key: value for key, value in recording.env_kwargs.items() if key != "regions"}
    assert engine_of(replace(recording, env_kwargs=unnamed)).regions.id == "segments"
    env.close()


def test_folders_that_are_none(folder, tmp_path):
    for path, message in (
        (tmp_path / "absent", "absent: expected a folder; No such file or directory"),
        (folder / "a.png", "a.png: expected a folder; found a file"),
        ("a\0b", "expected a folder; embedded null"),
        (5, "path: expected the path of a folder; found 5"),
        (folder, "expected one of tasks.jsonl, tasks.yaml, tasks.yml; found none, and no instructions are given"),
    ):
        with pytest.raises(ImgEditError, match=message):
            open_folder(path)
    for instructions, message in (
        ([], r"instructions: expected a text or a list of texts; found \[\]"),
        (5, "instructions: expected a text or a list of texts; found 5"),
        ([" "], "wrong/a.png: a task of your own needs an 'instruction'"),
    ):
        with pytest.raises(ImgEditError, match=message):
            open_folder(folder, instructions=instructions)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImgEditError, match=r"empty: expected images \(.png, .*\); found none"):
        open_folder(tmp_path / "empty", instructions="x")
    with pytest.raises(ImgEditError, match="fit must be one of letterbox, crop, stretch; found 'wide'"):
        open_folder(folder, instructions="x", fit="wide")
    (folder / "tasks.jsonl").write_text(json.dumps(RECORDS[2]))
    with pytest.raises(ImgEditError, match=r"expected records of the split 'train'; found some of \['test'\]"):
        open_folder(folder)
    with pytest.raises(ImgEditError, match="expected images alone, as instructions are given; found tasks.jsonl"):
        open_folder(folder, instructions="x")


def test_damage_is_told_when_a_task_is_drawn(folder):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "b.jpg", quality=95)
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((40, 80), np.uint8)).save(folder / "sub" / "mask.png")
    records = [RECORDS[0], {"image": "b.jpg", "instruction": "x"}, {**RECORDS[2], "split": None}]
    (folder / "tasks.jsonl").write_text("\n".join(map(json.dumps, records)))
    source = open_folder(folder)
    batch = drawn(source)
    before = batch.images.clone()
    for index, message in ((1, "line 2: image: expected a whole image"), (2, "line 3: mask: expected some of it")):
        with pytest.raises(ImgEditError, match=f"tasks.jsonl, {message}"):
            source.sample(batch, torch.tensor([0]), torch.tensor([index]))
    assert torch.equal(batch.images, before)


def test_only_so_many_drawn_tasks_are_kept(pets, monkeypatch):
    source = open_folder(pets)
    source._kept = 1
    first = drawn(source).images
    drawn(source, 1)
    assert len(source._ready) == 1
    assert torch.equal(drawn(source).images, first)
