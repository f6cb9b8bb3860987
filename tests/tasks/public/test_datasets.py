"""Tests of public data sets, on small ones written in each one's own format."""

import csv
import io
import json
import zipfile

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

import imgedit_gym  # noqa: F401 - registers the environments
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.registry import TASKS
from imgedit_gym.tasks.public import DATASETS

SIZE = 64


def picture(level, size=(48, 48)) -> Image.Image:
    return Image.new("RGB", size, (level, 90, 120))


def packed(image, format="PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def opened(spec, split="train"):
    return TASKS.build(spec, image_size=SIZE, max_plan_steps=8, split=split, device=torch.device("cpu"))


def drawn(source, index=0):
    batch = source.allocate(1)
    source.sample(batch, torch.tensor([0]), torch.tensor([source.key(index)]))
    return batch


def told(source) -> list[tuple]:
    """Id, instruction, plan and requirements of every record."""
    batches = [drawn(source, index) for index in range(len(source))]
    return [
        (
            source.task_id(batch, 0),
            source.instruction(batch, 0),
            [step.text for step in source.oracle_plan(batch, 0)],
            [(one.text, one.step) for one in source.requirements(batch, 0)],
        )
        for batch in batches
    ]


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    library.disable_progress_bars()
    return library


def write_rows(datasets, folder, part, rows, images, saved=False):
    """A part of a data set as the hub holds it: parquet files with packed images."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name in images:
        columns[name] = [{"bytes": packed(one), "path": f"{name}.png"} for one in columns[name]]
    table = datasets.Dataset.from_dict(columns)
    for name in images:
        table = table.cast_column(name, datasets.Image())
    if saved:
        datasets.DatasetDict({part: table}).save_to_disk(str(folder))
    else:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        table.to_parquet(str(folder / "data" / f"{part}-00000-of-00001.parquet"))
    return folder


# ------------------------------------------------------------------ tables of the hub


def brush_rows():
    mask = Image.new("RGB", (48, 48))
    mask.paste((255, 255, 255), (0, 0, 24, 48))
    rows = []
    for session, turn, request in ((7, 1, "add a hat"), (7, 2, "Make it red."), (9, 1, "let it rain")):
        rows.append(
            {
                "img_id": str(session),
                "turn_index": turn,
                "source_img": picture(50 * turn),
                "mask_img": mask,
                "instruction": request,
                "target_img": picture(200),
            }
        )
    return rows


IMAGES = ("source_img", "mask_img", "target_img")


@pytest.mark.parametrize("saved", [False, True])
def test_magicbrush(datasets, tmp_path, saved):
    folder = write_rows(datasets, tmp_path / "mb", "dev", brush_rows(), IMAGES, saved)
    source = opened(f"dataset:magicbrush:{folder}")
    assert [one[:2] for one in told(source)] == [
        ("dataset/magicbrush/7-1", "add a hat"),
        ("dataset/magicbrush/7-2", "Make it red."),
        ("dataset/magicbrush/9-1", "let it rain"),
    ]
    assert (drawn(source, 1).images[0] == torch.tensor([100, 90, 120])).all()
    assert source.credits["licence"] == "CC BY 4.0" and "MagicBrush" in source.credits["url"]
    assert source.exact is False


def test_magicbrush_masks_turns_and_limits(datasets, tmp_path):
    folder = write_rows(datasets, tmp_path / "mb", "dev", brush_rows(), IMAGES)
    spec = {"id": "dataset", "name": "magicbrush", "path": str(folder)}
    marked = drawn(opened({**spec, "mask": True}))
    assert (marked.segments[0, :, :32] == 1).all() and (marked.segments[0, :, 32:] == 0).all()
    assert marked.keep[0, :2].tolist() == [1, 0]
    assert told(opened({**spec, "turns": "multi"}))[0] == (
        "dataset/magicbrush/7",
        "add a hat. Make it red.",
        ["add the hat", "Make it red"],
        [("add a hat", 0), ("Make it red.", 1)],
    )
    assert len(opened({**spec, "limit": 2})) == 2
    write_rows(datasets, folder, "train", brush_rows()[:1], IMAGES)
    assert len(opened({**spec, "part": "train"})) == 1 and len(opened(spec)) == 3


@pytest.mark.parametrize("turn", ["first", None, float("inf")])
def test_magicbrush_without_numbers_of_turns(datasets, tmp_path, turn):
    rows = [{**row, "turn_index": turn} for row in brush_rows()]
    folder = write_rows(datasets, tmp_path / "mb", "dev", rows, IMAGES)
    with pytest.raises(
        DataFileError, match=rf"{folder}, dev, row 0: turn_index: expected a whole number; found {turn!r}"
    ):
        opened(f"dataset:magicbrush:{folder}")


def test_gedit(datasets, tmp_path):
    rows = [
        {"key": f"k{index}", "task_type": kind, "instruction": request, "instruction_language": language}
        | {"input_image": picture(1), "input_image_raw": picture(60 * index, (80, 40)), "Intersection_exist": True}
        for index, (kind, request, language) in enumerate(
            (("color_alter", "turn it blue", "en"), ("color_alter", "把它变成蓝色", "cn"), ("ps_human", "smile", "en"))
        )
    ]
    folder = write_rows(datasets, tmp_path / "ge", "train", rows, ("input_image", "input_image_raw"))
    spec = {"id": "dataset", "name": "gedit", "path": str(folder)}
    assert [one[:2] for one in told(opened(spec))] == [
        ("dataset/gedit/k0", "turn it blue"),
        ("dataset/gedit/k2", "smile"),
    ]
    assert told(opened({**spec, "language": "cn"}))[0][1] == "把它变成蓝色"
    assert len(opened({**spec, "kinds": ["ps_human"]})) == 1
    image = drawn(opened(spec), 1).images[0]
    assert (image[32] == torch.tensor([120, 90, 120])).all() and (image[0] == 128).all(), "the raw image, letterboxed"
    assert opened(spec).credits["licence"] == "MIT"


def test_emu_edit(datasets, tmp_path):
    rows = [
        {"idx": index, "task": task, "instruction": f"{task} it", "hash": "x", "split": "test"}
        | {"input_caption": "a", "output_caption": "b", "image": picture(90)}
        for index, task in enumerate(("background", "style"))
    ]
    folder = write_rows(datasets, tmp_path / "emu", "test", rows, ("image",))
    spec = {"id": "dataset", "name": "emu-edit", "path": str(folder)}
    assert [one[:2] for one in told(opened(spec))] == [
        ("dataset/emu-edit/0", "background it"),
        ("dataset/emu-edit/1", "style it"),
    ]
    assert len(opened({**spec, "kinds": ["style"]})) == 1
    assert "not for commercial use" in opened(spec).credits["licence"]


def test_complex_edit(datasets, tmp_path):
    long = "Replace the sky with a storm, and " * 15
    edit = {
        "sequence": [{"instruction": f"Add lamp {n}", "concise": "x"} for n in range(1, 9)],
        "compound": [{"compound_instruction": long if n == 8 else f"all {n}", "reasoning": "x"} for n in range(1, 9)],
    }
    folder = write_rows(datasets, tmp_path / "ce", "test_real", [{"image": picture(5), "edit": edit}], ("image",))
    spec = {"id": "dataset", "name": "complex-edit", "path": str(folder)}
    (whole,) = told(opened(spec))
    assert whole[:2] == ("dataset/complex-edit/0000", long.strip()), "a long request is kept whole"
    assert whole[2] == [f"add the lamp {n}" for n in range(1, 9)]
    assert whole[3] == [(f"Add lamp {n}", n - 1) for n in range(1, 9)]
    (two,) = told(opened({**spec, "complexity": 2}))
    assert two[1:3] == ("all 2", ["add the lamp 1", "add the lamp 2"])


def test_what_is_wrong_with_tables(datasets, tmp_path):
    folder = write_rows(datasets, tmp_path / "mb", "dev", brush_rows(), IMAGES)
    spec = {"id": "dataset", "name": "magicbrush", "path": str(folder)}
    (tmp_path / "none").mkdir()
    (tmp_path / "bad" / "data").mkdir(parents=True)
    (tmp_path / "bad" / "data" / "dev-0.parquet").write_bytes(b"PAR1 no parquet")
    for changes, message in (
        ({"part": "test"}, "mb: expected parquet files of the part 'test'; found dev-00000-of-00001.parquet"),
        ({"path": str(tmp_path / "none")}, "none: expected parquet files of the part 'dev'; found none"),
        ({"path": str(tmp_path / "bad")}, "bad: expected a data set with the part 'dev'; "),
        ({"path": str(tmp_path / "away")}, "away: expected a folder, or an id of the hub such as"),
        ({"path": 5}, "dataset 'magicbrush': expected the path of a local copy; found 5"),
        ({"turns": "all"}, "turns: expected 'single', or 'multi' without mask; found 'all'"),
        ({"turns": "multi", "mask": True}, "found 'multi', mask True"),
        ({"limit": 0}, "limit: expected a whole number of at least 1; found 0"),
        ({"colour": "red"}, "dataset 'magicbrush' does not take these arguments"),
        ({"name": "gedit"}, "expected parquet files of the part 'train'"),
        ({"name": "gedit", "part": "dev"}, "mb, dev: expected the columns key, task_type, .*; found img_id"),
        ({"name": "magicbrsh"}, "unknown dataset 'magicbrsh'; did you mean magicbrush?"),
        ({"name": "complex-edit", "complexity": 9}, "complexity: expected a whole number from 1 to 8; found 9"),
        ({"name": "gedit", "language": "fr"}, "language: expected one of en, cn; found 'fr'"),
    ):
        with pytest.raises(ImgEditError, match=message) as caught:
            opened({**spec, **changes})
        assert "\n" not in str(caught.value)
    with pytest.raises(ImgEditError, match="task 'dataset': expected 'dataset:NAME:PATH'; found 'dataset:magicbrush'"):
        opened("dataset:magicbrush")


def test_damaged_images_in_tables(datasets, tmp_path):
    picture(60).save(tmp_path / "secret.png")
    folder = tmp_path / "mb"
    (folder / "data").mkdir(parents=True)
    picture(80).save(folder / "mine.png")
    damaged = {"bytes": packed(picture(1))[:40], "path": None}
    images = [damaged, None, *({"bytes": None, "path": path} for path in (str(tmp_path / "secret.png"), "mine.png"))]
    words = {"img_id": list("abcd"), "turn_index": [1] * 4, "instruction": ["x"] * 4}
    table = datasets.Dataset.from_dict(words | {"source_img": images, "mask_img": [None, damaged, damaged, damaged]})
    pyarrow = pytest.importorskip("pyarrow.parquet")
    pyarrow.write_table(table.data.table, folder / "data" / "dev-0.parquet")
    source = opened(f"dataset:magicbrush:{folder}")
    for index, message in (
        (0, "mb, dev, row 0: image: expected "),
        (1, "mb, dev, row 1: source_img: expected an image, or the path of one inside "),
        (2, "mb, dev, row 2: source_img: expected an image, or the path of one inside "),
    ):
        with pytest.raises(ImgEditError, match=message):
            drawn(source, index)
    assert drawn(source, 3).images[0, 0, 0].tolist() == [80, 90, 120]


# ------------------------------------------------------------------ folders


@pytest.mark.parametrize("above", ["", "Benchmark/singleturn"])
def test_imgedit(tmp_path, above):
    root = tmp_path / above
    (root / "animal").mkdir(parents=True)
    picture(70).save(root / "animal" / "12.jpg")
    entries = {
        "1082": {"id": "animal/12.jpg", "prompt": "Replace the cat by a dog.", "edit_type": "replace"},
        "1083": {"id": "animal/12.jpg", "prompt": "Remove the cat.", "edit_type": "remove"},
    }
    (root / "singleturn.json").write_text(json.dumps(entries))
    source = opened(f"dataset:imgedit:{tmp_path}")
    assert [one[:2] for one in told(source)] == [
        ("dataset/imgedit/1082", "Replace the cat by a dog."),
        ("dataset/imgedit/1083", "Remove the cat."),
    ]
    assert len(opened({"id": "dataset", "name": "imgedit", "path": str(tmp_path), "kinds": ["remove"]})) == 1
    assert source.credits["url"] == "https://huggingface.co/datasets/sysuyy/ImgEdit"
    for content, message in (
        ("[]", "singleturn.json: expected dict in JSON; found list"),
        ("{", "singleturn.json: expected JSON; "),
        ('{"5": {"id": "x"}}', "singleturn.json, '5': expected the keys id, prompt and edit_type"),
        ('{"5": {"id": "../x", "prompt": "x", "edit_type": "x"}}', "'5': id: expected a file inside the folder"),
    ):
        (root / "singleturn.json").write_text(content)
        with pytest.raises(ImgEditError, match=message):
            opened(f"dataset:imgedit:{tmp_path}")
    (root / "singleturn.json").unlink()
    with pytest.raises(ImgEditError, match="expected singleturn.json, here or in Benchmark/singleturn; found none"):
        opened(f"dataset:imgedit:{tmp_path}")


def test_kris(tmp_path):
    (tmp_path / "color_change").mkdir()
    picture(40).save(tmp_path / "color_change" / "1.jpg")
    entries = {
        "1": {"ori_img": "1.jpg", "ins_en": "Ripen it.", "explain_en": "A ripe one is yellow.", "gt_img": ""},
        "2": {"ori_img": ["1.jpg", "1.jpg"], "ins_en": "Join them."},
        "3": {"ori_img": ["1.jpg"], "ins_en": "Peel it."},
    }
    (tmp_path / "color_change" / "annotation.json").write_text(json.dumps(entries))
    spec = {"id": "dataset", "name": "kris", "path": str(tmp_path)}
    assert told(opened(spec)) == [
        (
            "dataset/kris/color_change/1",
            "Ripen it.",
            ["Ripen it."],
            [("Ripen it.", 0), ("A ripe one is yellow.", 0)],
        ),
        ("dataset/kris/color_change/3", "Peel it.", ["Peel it."], [("Peel it.", 0)]),
    ]
    assert told(opened({**spec, "hints": False}))[0][3] == [("Ripen it.", 0)]
    with pytest.raises(ImgEditError, match=r"expected folders with annotation.json, one a category; found none"):
        opened({**spec, "kinds": ["count_change"]})


@pytest.mark.parametrize("unpacked", [False, True])
def test_edival(tmp_path, unpacked):
    requests = ["Add bench on the left", '"Change the count of it to 4"', "Change the background to park"]
    with (tmp_path / "oai_instruction_generation_output.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_index", "turns", "task_type", "instructions", "bg_consistency"])
        for index in (0, 1):
            for turns in (1, 2, 3):
                table.writerow([index, turns, "[]", str(requests[:turns]), True])
    images = {"0_input_raw.jpg": packed(picture(30), "JPEG"), "1_input_raw.png": packed(picture(90))}
    if unpacked:
        (tmp_path / "input_images_resize_512").mkdir()
        for name, content in images.items():
            (tmp_path / "input_images_resize_512" / name).write_bytes(content)
    else:
        with zipfile.ZipFile(tmp_path / "input_images_resize_512.zip", "w") as file:
            for name, content in images.items():
                file.writestr(name, content)
    source = opened(f"dataset:edival:{tmp_path}")
    first, second = told(source)
    assert first == (
        "dataset/edival/0",
        "Add bench on the left. Change the count of it to 4. Change the background to park.",
        ["add the bench on the left", "Change the count of it to 4", "Change the background to park"],
        [("Add bench on the left", 0), ("Change the count of it to 4", 1), ("Change the background to park", 2)],
    )
    assert second[0] == "dataset/edival/1"
    assert (drawn(source, 1).images[0] == torch.tensor([90, 90, 120])).all()
    assert len(told(opened({"id": "dataset", "name": "edival", "path": str(tmp_path), "turns": 1}))[0][2]) == 1
    table = tmp_path / "oai_instruction_generation_output.csv"
    for content, message in (
        ("image_index,turns\n0,3\n", "line 1: expected the columns instructions too"),
        ("image_index,turns,instructions\n0,3,[]\n", r"line 2: instructions: expected a list of 3 texts; found '\[\]'"),
        ("image_index,turns,instructions\n0,3,open('x')\n", "line 2: instructions: expected a list of 3 texts"),
        ("image_index,turns,instructions\n8,3,[]\n", "line 2: expected an image 8_input_raw.jpg or .png; found none"),
    ):
        table.write_text(content)
        with pytest.raises(ImgEditError, match=message):
            opened(f"dataset:edival:{tmp_path}")


def test_archives_that_are_none(tmp_path):
    (tmp_path / "oai_instruction_generation_output.csv").write_text("image_index,turns,instructions\n")
    with pytest.raises(ImgEditError, match="expected input_images_resize_512.zip, or the folder"):
        opened(f"dataset:edival:{tmp_path}")
    (tmp_path / "input_images_resize_512.zip").write_bytes(b"no zip")
    with pytest.raises(ImgEditError, match="input_images_resize_512.zip: expected a zip file"):
        opened(f"dataset:edival:{tmp_path}")


# ------------------------------------------------------------------ all of them


def test_every_adapter_says_whose_it_is():
    for name in DATASETS.ids():
        adapter = DATASETS.factory(name)
        assert adapter.title and adapter.licence and adapter.url.startswith("https://")


def test_without_the_library(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    (tmp_path / "data").mkdir()
    with pytest.raises(ImgEditError, match=r"need the extra: pip install imgedit-gym\[datasets\]"):
        opened(f"dataset:magicbrush:{tmp_path}")


def test_environments_play_them(tmp_path):
    (tmp_path / "color_change").mkdir()
    picture(40).save(tmp_path / "color_change" / "1.jpg")
    entries = {str(n): {"ori_img": "1.jpg", "ins_en": f"request {n}"} for n in range(5)}
    (tmp_path / "color_change" / "annotation.json").write_text(json.dumps(entries))
    arguments = {"tasks": f"dataset:kris:{tmp_path}", "image_size": SIZE, "judge": "pixels"}
    envs = gym.make_vec("ImageEdit-v0", num_envs=4, **arguments)
    envs.reset(seed=5)
    env = gym.make("ImageEdit-v0", **arguments)
    for index in range(4):
        _, info = env.reset(seed=5 + index)
        assert info["task_id"] == envs.task_id(index)
        assert info["requirements"][0]["kind"] == Kind.INSTRUCTION.name.lower()
    assert env.unwrapped.credits["name"] == envs.unwrapped.credits["name"] == "KRIS-Bench"
    *_, infos = envs.step(np.zeros((4, 2), int))
    assert infos["judge"]["valid"].all()
    envs.close()
