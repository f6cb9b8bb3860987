import math
from types import SimpleNamespace

import pytest
import torch

import imgedit_gym.judges.vlm.asking as asking
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.base import JudgeError
from imgedit_gym.judges.questions import DIGITS, YES_NO
from imgedit_gym.judges.vlm.answers import AnswerTokens
from imgedit_gym.judges.vlm.judge import VlmJudge
from imgedit_gym.judges.vlm.loading import load_model
from imgedit_gym.models.loading import folder_digest

transformers = pytest.importorskip("transformers")

FAMILIES = ("llava", "idefics3", "qwen2-vl", "smolvlm")


def judge_of(tiny, family: str, **arguments) -> VlmJudge:
    if family == "smolvlm":
        pytest.importorskip("num2words")
    return VlmJudge(str(tiny(family)), smallest_mass=arguments.pop("smallest_mass", 0.0), **arguments)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["checklist", "rating"])
def test_every_family_judges(tiny, cases, family, mode):
    verdict = judge_of(tiny, family, mode=mode).judge(cases)
    assert verdict.valid.all()
    wanted = cases.wanted[..., 0] > 0
    assert ((verdict.requirements > 0.0) & (verdict.requirements < 1.0))[wanted].all()
    assert (verdict.requirements[~wanted] == 0.0).all()
    questions = 2.0 if mode == "rating" else wanted.sum(1) + 1.0
    assert torch.equal(verdict.calls, torch.as_tensor(questions).expand(5).float())
    assert (verdict.tokens > 100).all() and (verdict.seconds > 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_values_are_those_of_one_plain_pass(tiny, cases, family):
    """Against the model called by hand, one question at a time."""
    judge = judge_of(tiny, family)
    loaded = load_model(str(tiny(family)), None, "cpu", "auto")
    verdict = judge.judge(cases)
    questions = judge.questioner.questions(cases)
    vocabulary = loaded.processor.tokenizer.get_vocab()
    yes = [index for token, index in vocabulary.items() if token.strip("Ġ").lower() == "yes"]
    no = [index for token, index in vocabulary.items() if token.strip("Ġ").lower() == "no"]
    assert len(yes) == 4 and len(no) == 3
    from PIL import Image

    for question in questions[:3]:
        shown = [(cases.source if which == "source" else cases.canvas)[question.case] for which in question.pictures]
        inputs = loaded.processor(
            text=[asking.chat(loaded, question)],
            images=[[Image.fromarray(picture.numpy()) for picture in shown]],
            return_tensors="pt",
        )
        with torch.no_grad():
            shares = loaded.model(**inputs).logits[0, -1].double().softmax(-1)
        expected = float(shares[yes].sum() / (shares[yes].sum() + shares[no].sum()))
        value = verdict.quality if question.index < 0 else verdict.requirements[:, question.index]
        assert float(value[question.case]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_size_of_a_pass_does_not_matter(tiny, cases, family):
    whole, single = judge_of(tiny, family).judge(cases), judge_of(tiny, family, max_tokens=1).judge(cases)
    assert torch.allclose(whole.requirements, single.requirements, atol=2e-4)
    assert torch.allclose(whole.quality, single.quality, atol=2e-4)


def test_one_pass_judges_the_whole_batch(tiny, cases, monkeypatch):
    judge = judge_of(tiny, "llava")
    model = load_model(str(tiny("llava")), None, "cpu", "auto").model
    passes = []
    plain = type(model).forward

    def counted(self, *arguments, **named):
        passes.append(1)
        return plain(self, *arguments, **named)

    monkeypatch.setattr(type(model), "forward", counted)
    judge.judge(cases)
    assert len(passes) == 1


def test_the_answer_hangs_on_both_pictures(tiny, cases):
    judge = judge_of(tiny, "llava")
    first = judge.judge(cases).requirements
    # tasks 0 and 1 are there twice, with other canvases
    assert not torch.equal(first[0], first[3]) and not torch.equal(first[1], first[4])
    cases.batch.images[0] = 255 - cases.batch.images[0]
    assert not torch.equal(judge.judge(cases).requirements[0], first[0])


def test_too_little_probability_on_answers_is_no_judgement(tiny, cases):
    judge = judge_of(tiny, "llava", smallest_mass=0.9, on_error="invalid")
    verdict = judge.judge(cases)
    assert not verdict.valid.any() and "of the probability lies on a yes or no answer" in verdict.reasons[0]
    with pytest.raises(JudgeError, match="expected 90% or more"):
        judge_of(tiny, "llava", smallest_mass=0.9).judge(cases)


def tokenizer_of(*tokens: str) -> SimpleNamespace:
    return SimpleNamespace(get_vocab=lambda: {token: index for index, token in enumerate(tokens)})


def test_all_spellings_of_an_answer_count():
    tokens = AnswerTokens(tokenizer_of("yes", "Ġyes", "▁No", "NO", "maybe", "yesterday"), YES_NO, torch.device("cpu"))
    shares = torch.tensor([[0.1, 0.2, 0.05, 0.05, 0.5, 0.1]])
    (value,), (mass,) = tokens.read(shares.log())
    assert value == pytest.approx(0.75) and mass == pytest.approx(0.4)


def test_digits_give_the_expected_score():
    tokens = AnswerTokens(tokenizer_of(*"0123456789", "ten"), DIGITS, torch.device("cpu"))
    shares = torch.zeros(1, 11)
    shares[0, 3], shares[0, 9] = 0.5, 0.5
    assert tokens.read(shares.log())[0] == [pytest.approx((3 + 9) / 2 / 9, abs=1e-4)]


def test_numbers_that_are_none_are_no_answer(tiny):
    tokens = AnswerTokens(tokenizer_of("yes", "no"), YES_NO, torch.device("cpu"))
    (value,), (mass,) = tokens.read(torch.full((1, 2), math.nan))
    assert judge_of(tiny, "llava")._reply(YES_NO, value, mass, 1.0, 1.0, 0.1).error


def test_a_vocabulary_without_answers_is_told():
    with pytest.raises(ImgEditError, match=r"no single token for the yes or no answers \['no'\]"):
        AnswerTokens(tokenizer_of("yes", "nope"), YES_NO, torch.device("cpu"))


def test_templates_without_system_prompt_get_it_with_the_question(tiny, cases):
    judge = judge_of(tiny, "llava")
    question = judge.questioner.questions(cases)[0]
    loaded = load_model(str(tiny("llava")), None, "cpu", "auto")
    own = loaded.processor.chat_template
    try:
        assert "system: " + question.system[:20] in asking.chat(loaded, question)
        loaded.memo.clear()
        loaded.processor.chat_template = (
            "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + own
        )
        text = asking.chat(loaded, question)
        assert text.startswith("user: " + question.system[:20]) and question.text in text
    finally:
        loaded.processor.chat_template = own
        loaded.memo.clear()


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"model": "/nowhere/at/all"}, "expected a folder or hub id"),
        ({"smallest_mass": 2.0}, "smallest_mass must be"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"mode": "guess"}, "mode must be one of"),
        ({"dtype": "float33"}, "dtype must be"),
    ],
)
def test_bad_arguments_are_told(tiny, monkeypatch, arguments, message):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ImgEditError, match=message):
        VlmJudge(**{"model": str(tiny("llava")), **arguments})


def test_the_name_of_a_model_hangs_on_its_weights(tiny, tmp_path):
    import shutil

    folder = shutil.copytree(tiny("llava"), tmp_path / "copy")
    (folder / "generation_config.json").write_text("{}")
    one, two = (VlmJudge(str(path)).model for path in (tiny("llava"), folder))
    assert one != two
    digest = folder_digest(folder)
    assert digest in two
    (folder / "README.md").write_text("What is told of it is no part of it.")
    assert folder_digest(folder) == digest
    (folder / "config.json").write_text("{}")
    assert folder_digest(folder) != digest
