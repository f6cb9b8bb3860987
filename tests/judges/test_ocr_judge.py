"""The judge that reads, on adverts and on a photograph."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from imgedit_gym.core.checklist import LABEL_HEADLINE, Kind, Requirement
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.judges import ocr

pytest.importorskip("rapidocr_onnxruntime")

TASKS = 24


@pytest.fixture(scope="module")
def judge():
    return JUDGES.build("ocr")


@pytest.fixture(scope="module")
def engine(started):
    return started(TASKS, first=100, image_size=128)


def headline_rows(engine):
    """Environment and requirement of every headline that is asked for."""
    return (engine.batch.requirements[..., 0] == Kind.HEADLINE).nonzero().tolist()


def with_headlines(engine, right):
    """The pictures with another headline drawn by the renderer: an asked one, or one that nobody asked for."""
    scene = engine.tasks.scene(engine.batch).rows(torch.arange(TASKS))
    for row, index in headline_rows(engine):
        first, count = engine.batch.requirements[row, index, 3:].tolist()
        scene.text[row] = first if right else (first + count) % len(engine.tasks.stock.headlines)
    images, plates = torch.zeros_like(engine.batch.images), torch.zeros_like(engine.batch.plates)
    segments, mattes = torch.zeros_like(engine.batch.segments), torch.zeros_like(engine.batch.mattes)
    engine.tasks.renderer.draw(scene, torch.arange(TASKS), images, plates, segments, mattes)
    return images


def test_it_reads_what_the_renderer_wrote(judge, engine, cases_of):
    asked = headline_rows(engine)
    assert len(asked) >= 4
    right = judge.judge(cases_of(engine, with_headlines(engine, True)))
    wrong = judge.judge(cases_of(engine, with_headlines(engine, False)))
    as_it_was = judge.judge(cases_of(engine))
    for row, index in asked:
        assert right.requirements[row, index] > 0.6
        assert wrong.requirements[row, index] < 0.5
        assert as_it_was.requirements[row, index] < 0.5


def test_it_says_what_it_does_not_judge(judge, engine, cases_of):
    verdict = judge.judge(cases_of(engine))
    kinds = engine.batch.requirements[..., 0]
    assert verdict.requirements[(kinds > 0) & (kinds != Kind.HEADLINE)].isnan().all()
    assert not verdict.requirements[(kinds == Kind.HEADLINE) | (kinds == 0)].isnan().any()
    asked = (kinds == Kind.HEADLINE).any(1)
    assert torch.equal(verdict.valid, asked)
    assert set(verdict.reasons) == set((~asked).nonzero().flatten().tolist())
    for name, value in verdict.named_scores().items():
        assert torch.isfinite(value).all() and ((value >= 0) & (value <= 1)).all(), name


def test_execution_is_the_mean_over_what_it_judges(judge, engine, cases_of):
    verdict = judge.judge(cases_of(engine, with_headlines(engine, True)))
    rows, columns = zip(*headline_rows(engine), strict=True)
    expected = verdict.requirements[list(rows), list(columns)]
    torch.testing.assert_close(verdict.execution[list(rows)], expected)
    others = (engine.batch.requirements[list(rows), :, 0] > 0).sum(1) > 1
    assert not verdict.success[list(rows)][others].any()


def test_batches_do_not_matter(judge, engine, cases_of):
    whole = judge.judge(cases_of(engine))
    rows = torch.tensor([row for row, _ in headline_rows(engine)][::-1])
    some = judge.judge(cases_of(engine, engine.canvas[rows], rows))
    torch.testing.assert_close(some.requirements, whole.requirements[rows], equal_nan=True)
    torch.testing.assert_close(some.score, whole.score[rows])


def kept_texts(engine):
    """A task that asks for a headline, and a badge that it keeps; ``None`` if there is none."""
    for row, _ in headline_rows(engine):
        for label in range(1, LABEL_HEADLINE):
            sprite = int(engine.batch.slots[row, label - 1])
            if sprite >= engine.tasks.stock.n_objects and bool(engine.batch.keep[row, label]):
                return row, label
    return None


def test_a_badge_that_is_painted_over_is_not_preserved(judge, started, cases_of):
    engine = started(120, first=300, image_size=128)
    found = kept_texts(engine)
    assert found is not None
    row, label = found
    rows = torch.tensor([row])
    canvas = engine.canvas[rows].clone()
    before = judge.judge(cases_of(engine, canvas, rows))
    assert before.preservation == 1 and before.preserved[0, label] == 1
    canvas[0][engine.batch.segments[row] == label] = 128
    after = judge.judge(cases_of(engine, canvas, rows))
    assert after.preserved[0, label] < 0.5 and after.preservation < 1


def photograph(text):
    """Something like a photograph, with a headline."""
    ticks = np.mgrid[0:240, 0:320] / 40.0
    waves = 120 + 60 * np.sin(ticks[0]) + 40 * np.cos(ticks[1] * 1.7)
    picture = Image.fromarray(np.stack([waves, waves * 0.8, waves * 0.6], -1).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 180, 300, 214), fill="white")
    draw.text((160, 197), text, "black", ImageFont.load_default(26), "mm")
    return np.asarray(picture)


@pytest.mark.parametrize("boxed", [True, False])
def test_it_reads_photographs(boxed, judge, make_engine, cases_of):
    engine = make_engine(1, image_size=256)
    entry = {"kind": "headline", "text": "OPEN ALL NIGHT"}
    engine.reset_user_task(
        0,
        {
            "image": photograph("CLOSED ON MONDAYS"),
            "instruction": "say that we are open all night",
            "headline_box": (180, 20, 214, 300),
            "checklist": [entry],
        },
    )
    if not boxed:
        engine.batch.headline_box[0] = 0
    right = np.asarray(Image.fromarray(photograph("Open all night!")).resize((256, 256), Image.Resampling.LANCZOS))
    for canvas, passes in ((engine.canvas, False), (torch.from_numpy(right.copy())[None], True)):
        verdict = judge.judge(cases_of(engine, canvas))
        assert bool(verdict.valid[0])
        assert bool(verdict.requirements[0, 0] >= 0.5) is passes


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("FRESH & FIT", "fresh&fit!", 1.0),
        ("", "", 1.0),
        ("", "NEW", 0.0),
        ("NEW", "OLD", 0.0),
        ("abcd", "abxy", 0.5),
    ],
)
def test_similarity(first, second, alike):
    assert ocr.similarity(first, second) == pytest.approx(alike)


def test_the_texts_of_a_requirement():
    three = Requirement(Kind.HEADLINE, "headline: GO VEGGIE or MEAT-FREE WEEK", 0)
    assert ocr.headline_texts(three, 2)[1:] == ["GO VEGGIE", "MEAT-FREE WEEK"]
    assert ocr.headline_texts(Requirement(Kind.HEADLINE, "headline: now or never", 0), 1) == ["now or never"]


@pytest.mark.parametrize("arguments", [{"alike": 0.4}, {"alike": 1}, {"alike": "x"}, {"threads": 0}, {"combine": "x"}])
def test_bad_arguments(arguments):
    with pytest.raises(ImgEditError):
        JUDGES.build({"id": "ocr"} | arguments)


def test_it_says_which_extra_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[ocr\]"):
        ocr.OcrJudge()


def test_in_an_ensemble_the_others_judge_the_rest(judge, engine, cases_of):
    both = JUDGES.build({"id": "ensemble", "members": {"ocr": judge, "exact": "checklist"}, "least_valid": 1})
    verdict = both.judge(cases_of(engine))
    exact = JUDGES.build("checklist").judge(cases_of(engine))
    others = (engine.batch.requirements[..., 0] > 0) & (engine.batch.requirements[..., 0] != Kind.HEADLINE)
    torch.testing.assert_close(verdict.requirements[others], exact.requirements[others])
    assert verdict.valid.all() and torch.isfinite(verdict.score).all()


def test_silence_is_no_score(judge, engine, cases_of):
    combined = JUDGES.build({"id": "product", "execution": judge, "preservation": "pixels", "quality": "pixels"})
    verdict = combined.judge(cases_of(engine))
    assert torch.equal(verdict.valid, judge.judge(cases_of(engine)).valid)
    assert torch.isfinite(verdict.score).all() and torch.isfinite(verdict.execution).all()
    two = JUDGES.build({"id": "ensemble", "members": [judge, judge], "least_valid": 1, "on_error": "invalid"})
    pooled = two.judge(cases_of(engine)).requirements[verdict.valid]
    torch.testing.assert_close(pooled, judge.judge(cases_of(engine)).requirements[verdict.valid], equal_nan=True)


def test_an_episode_under_it():
    import gymnasium as gym

    import imgedit_gym  # noqa: F401

    env = gym.make("ImageEdit-v0", judge="ocr", image_size=128)
    asked = []
    for seed in range(8):
        env.reset(seed=seed)
        _, reward, *_, info = env.step(env.action_space.sample())
        kinds = [one["kind"] for one in info["requirements"]]
        asked.append("headline" in kinds)
        assert info["judge"]["valid"] is asked[-1]
        assert np.isfinite(reward)
        assert all(np.isfinite(value) == asked[-1] for value in info["scores"].values())
        if asked[-1]:
            judged = [np.isfinite(one["value"]) for one in info["requirements"]]
            assert judged == [kind == "headline" for kind in kinds]
    assert any(asked) and not all(asked)
    env.close()
