from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmarks import checklist
from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.names import TONES
from imgedit_gym.engine import Engine

ARGUMENTS = {"tasks": "adverts", "split": "train", "image_size": 128}
TASKS = 8


@pytest.fixture(scope="module")
def results() -> dict:
    return checklist.measure(range(TASKS), ARGUMENTS)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine(TASKS, **ARGUMENTS)
    made.reset(range(TASKS), list(range(TASKS)))
    return made


def test_oracle_passes(results):
    oracle = results["oracle"]
    assert oracle["tasks"] == TASKS
    assert oracle["score"]["mean"] > 0.85
    assert oracle["full_execution"]["rate"] >= 0.75


def test_attacks_fail(results):
    assert {"unchanged", "white", "noise", "another task's result", "filter: invert"} <= set(results["attacks"])
    for name, row in results["attacks"].items():
        assert row["fails"], name
        assert row["success"]["count"] == 0, name
        assert row["score"]["mean"] < 0.5 * results["oracle"]["score"]["mean"], name


def test_most_requirements_are_judged_rightly(results):
    total = results["requirements"]["all"]
    assert total["positives"] > 20 and total["negatives"] > 20
    assert total["false_fail"]["rate"] < 0.2
    assert total["false_pass"]["rate"] < 0.1
    kinds = {kind.name for kind in Kind} - {"NONE"}
    assert kinds | {"all"} == set(results["requirements"])


def test_tables_have_a_row_for_everything(results):
    grids = checklist.grids(results)
    assert [grid[0] for grid in grids][:3] == ["oracle", "attacks", "requirements"]
    for title, headers, rows in grids:
        assert all(len(row) == len(headers) for row in rows), title
    text = checklist.markdown(grids[1])
    assert text.count("\n|") == len(results["attacks"]) + 2


def test_results_are_json(results):
    assert json.loads(json.dumps(results, allow_nan=False))["attacks"]["white"]["tasks"] == TASKS


def test_the_same_seeds_give_the_same_results(results):
    again = checklist.measure(range(TASKS), ARGUMENTS)
    assert again == results


@pytest.mark.parametrize("wanted", [True, False])
def test_staging_gives_what_is_wanted(engine, wanted):
    stage = checklist.Stage(engine, seed=3)
    for row in range(TASKS):
        for target, wish in enumerate(checklist.requirement_rows(engine, row)):
            truth, holds = stage.set_up(row, target, wanted)
            assert len(truth.cases) == len(checklist.requirement_rows(engine, row))
            if Kind(wish["kind"]) is not Kind.PRESENT:
                assert holds == wanted, truth.cases


def test_staging_leaves_the_task_alone(engine):
    before = {name: tensor.clone() for name, tensor in engine.tasks.scene(engine.batch).tensors().items()}
    images = engine.batch.images.clone()
    checklist.judge_drawings(engine, range(TASKS), seed=1, repeats=1)
    assert torch.equal(engine.batch.images, images)
    for name, tensor in engine.tasks.scene(engine.batch).tensors().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_changes_a_picture_as_its_name_says(tone):
    random = np.random.default_rng(0)
    picture = torch.from_numpy(random.integers(60, 190, (1, 64, 64, 3), dtype=np.uint8))
    seen = checklist.give_tone(picture, tone)
    assert seen.shape == picture.shape and seen.dtype == torch.uint8
    a, b = picture.float(), seen.float()
    chroma = (b.amax(-1) - b.amin(-1)).mean() - (a.amax(-1) - a.amin(-1)).mean()
    warmth = (b[..., 0] - b[..., 2]).mean() - (a[..., 0] - a[..., 2]).mean()
    changed = {
        "brighter": b.mean() - a.mean(),
        "darker": a.mean() - b.mean(),
        "warmer": warmth,
        "cooler": -warmth,
        "vivid": chroma,
        "muted": -chroma,
        "monochrome": -chroma,
        "vintage": warmth,
        "contrasty": b.std() - a.std(),
        "soft": a.std() - b.std(),
        "crisp": b.std() - a.std(),
    }
    assert float(changed[tone]) > 3
    assert tone not in checklist.CLEARLY_NOT[tone]


def test_text_is_painted_over_the_middle():
    picture = np.full((128, 128, 3), 90, np.uint8)
    written = checklist.written_over(picture, "Make this advertisement more vegetarian-friendly.")
    assert written.shape == picture.shape
    middle = written[32:96]
    assert (middle != 90).mean() > 0.1
    assert (written[:8] == 90).all()


def test_rates():
    assert checklist.rate(0, 0)["rate"] is None
    none = checklist.rate(0, 400)
    assert none["rate"] == 0.0 and 0.0 < none["ci95"][1] < 0.01
    assert checklist.percent(checklist.rate(1, 2)).startswith("50.00 [")


@pytest.mark.parametrize(
    "words",
    [
        ["--episodes", "0"],
        ["--seed", "-1"],
        ["--split", "nowhere"],
        ["--split", "test-art"],
        ["--image-size", "32"],
        ["--parts", "oracle,more"],
        ["--repeats", "0"],
        ["--out", "/dev/null/here"],
    ],
)
def test_bad_input_is_one_line(words, tmp_path, capsys):
    start = [] if "--out" in words else ["--out", str(tmp_path)]
    assert checklist.main([*start, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_command_writes_and_prints(tmp_path, capsys):
    words = ["--episodes", "2", "--image-size", "64", "--parts", "attacks", "--markdown", "--out", str(tmp_path)]
    assert checklist.main(words) == 0
    assert "| unchanged | 2 |" in capsys.readouterr().out
    written = json.loads((tmp_path / "checklist.json").read_text())
    assert written["arguments"]["episodes"] == 2
    assert "another task's result" not in written["attacks"]
    assert [path.name for path in tmp_path.iterdir()] == ["checklist.json"]
