"""The judge that compares pictures with captions, on tiny models of two families that are built here."""

import asyncio

import pytest
import torch

from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.judges import clip
from imgedit_gym.judges.base import JudgeError

transformers = pytest.importorskip("transformers")

from tests.judges.tiny_clip import SQUARE, VISION, build_clip, build_siglip  # noqa: E402 - needs transformers


@pytest.fixture(scope="module", params=[build_clip, build_siglip])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.__name__)
    torch.manual_seed(0)
    request.param(folder)
    return str(folder)


@pytest.fixture(scope="module")
def engine(started):
    return started(6)


def edited(engine):
    return engine.canvas.flip(1).contiguous()


@pytest.mark.parametrize("measure", clip.MEASURES)
def test_verdict_is_complete(measure, model, engine, cases_of):
    judge = JUDGES.build({"id": "clip", "model": model, "measure": measure})
    verdict = judge.judge(cases_of(engine, edited(engine)))
    asked = engine.batch.requirements[..., 0] > 0
    assert verdict.requirements.shape == asked.shape
    assert (verdict.requirements[~asked] == 0).all()
    for name, value in verdict.named_scores().items():
        assert torch.isfinite(value).all(), name
        assert ((value >= 0) & (value <= 1)).all(), name
    assert torch.equal(verdict.requirements, verdict.parts[measure])
    assert verdict.valid.all() and (verdict.calls == 1).all()
    assert judge.prompt_hash and model.rsplit("/", 1)[-1] in judge.model


def test_a_copy_of_the_source_earns_nothing_by_direction(model, engine, cases_of):
    judge = JUDGES.build({"id": "clip", "model": model})
    copy = judge.judge(cases_of(engine))
    assert (copy.requirements == 0).all() and (copy.score == 0).all()
    # a model that has learned nothing moves somewhere all the same
    assert (judge.judge(cases_of(engine, edited(engine))).requirements > 0).any()


def test_directional_similarity_is_the_cosine_of_the_steps(model, engine, cases_of):
    judge = clip.ClipJudge(model, full=1.0)
    cases = cases_of(engine, edited(engine))
    verdict = judge.judge(cases)
    encoder = clip.load_encoder(model, None, None, 64)
    step = encoder.pictures(cases.canvas)[0] - encoder.pictures(cases.source)[0]
    for row, (before, after) in enumerate(judge._captions(cases)[0]):
        assert before != after
        texts = encoder.texts([before, after])
        cosine = torch.nn.functional.cosine_similarity(step, texts[after] - texts[before], dim=0)
        assert float(verdict.requirements[0, row]) == pytest.approx(max(0.0, float(cosine)), abs=1e-5)


def test_batches_and_rows_do_not_matter(model, engine, cases_of):
    canvas = edited(engine)
    whole = clip.ClipJudge(model).judge(cases_of(engine, canvas))
    rows = torch.tensor([4, 1, 4])
    some = clip.ClipJudge(model, batch_size=2).judge(cases_of(engine, canvas[rows], rows))
    torch.testing.assert_close(some.score, whole.score[rows], atol=1e-4, rtol=0)


def test_the_cache_tells_judges_of_preservation_apart(model, engine, cases_of, tmp_path):
    cases, path = cases_of(engine, edited(engine)), str(tmp_path / "cache.sqlite")
    found = []
    for preservation in ("pixels", {"id": "pixels", "region": "step"}, "checklist"):
        plain = {"id": "clip", "model": model, "preservation": preservation}
        kept = JUDGES.build({"id": "cache", "path": path, "judge": plain})
        found.append(kept.judge(cases).preservation)
        assert torch.equal(found[-1], JUDGES.build(plain).judge(cases).preservation)
        kept.close()
    assert not torch.equal(found[0], found[2])


def test_async_is_the_same(model, engine, cases_of):
    judge, cases = clip.ClipJudge(model), cases_of(engine, edited(engine))
    assert torch.equal(asyncio.run(judge.judge_async(cases)).score, judge.judge(cases).score)


def test_a_broken_model_gives_no_judgement(model, engine, cases_of, monkeypatch):
    judge = clip.ClipJudge(model, on_error="invalid")
    pictures = judge._encoder.pictures

    def broken(given):
        found = pictures(given).clone()
        found[1] = torch.nan
        return found

    monkeypatch.setattr(judge._encoder, "pictures", broken)
    verdict = judge.judge(cases_of(engine, edited(engine)))
    assert verdict.valid.tolist() == [at != 1 for at in range(6)]
    assert verdict.reasons == {1: "expected embeddings of finite numbers; found others"}
    with pytest.raises(JudgeError, match="judge 'clip': 1 of 6 judgements failed; the first: expected embeddings"):
        clip.ClipJudge(model).judge(cases_of(engine, edited(engine)))


def test_every_kind_has_two_captions():
    before, after = clip.load_wording("clip_before.v2"), clip.load_wording("clip_after.v2")
    # what photographs ask for is told in the words of "other"
    kinds = {kind.name.lower() for kind in Kind if kind not in (Kind.NONE, Kind.RESTORED)} | {"banned", "span", "other"}
    assert set(before) == kinds
    assert set(after) == kinds | {"clean", "damaged"}
    assert all(before[kind] != after[kind] for kind in kinds)


@pytest.mark.parametrize(
    "arguments",
    [{"measure": "both"}, {"full": 0.0}, {"full": "1"}, {"batch_size": 0}, {"model": "/nowhere/to/be/found"}],
)
def test_bad_arguments(arguments, model):
    with pytest.raises(ImgEditError) as raised:
        JUDGES.build({"id": "clip", "model": model} | arguments)
    assert "\n" not in str(raised.value)


def test_a_model_without_captions_is_refused(tmp_path):
    config = transformers.CLIPVisionConfig(**VISION)
    transformers.CLIPVisionModel(config).save_pretrained(tmp_path)
    transformers.CLIPImageProcessor(size=SQUARE, crop_size=SQUARE).save_pretrained(tmp_path)
    with pytest.raises(ImgEditError, match="CLIP or SigLIP"):
        clip.ClipJudge(str(tmp_path))


def test_it_says_which_extra_is_missing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImgEditError, match=r"imgedit-gym\[models\]"):
        clip.ClipJudge("a-model-that-is-not-loaded")
