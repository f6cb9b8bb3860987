"""Questions: their wording, their scales, and what verdicts their answers make."""

import math

import pytest
import torch

from imgedit_gym.core.checklist import Kind, Requirement
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.judges.asking import Reply
from imgedit_gym.judges.base import JudgeError
from imgedit_gym.judges.prompting import Prompt, load_wording
from imgedit_gym.judges.questions import DIGITS, YES_NO, Questioner, question_of

WORDED = [
    (Kind.ABSENT, "no hamburger", "Is the hamburger gone from the edited picture?"),
    (
        Kind.ABSENT,
        "no steak and no new meat or fish",
        "Is the steak gone from the edited picture, and is no new meat or fish",
    ),
    (Kind.PRESENT, "at least 2 of carrot or pumpkin", "at least 2 of these: carrot or pumpkin?"),
    (Kind.COLOR, "the sports car is green", "Is the sports car green in"),
    (Kind.BACKGROUND, "background: beach or farm", "one of these: beach or farm?"),
    (Kind.BACKGROUND_COLOR, "the background is red", "Is the background of the edited picture red?"),
    (Kind.HEADLINE, "headline: GO & SEE or STAY", 'read "GO & SEE" or "STAY"?'),
    (Kind.TONE, "the picture is darker", "Has the picture as a whole become darker?"),
    (Kind.COUNT, "at most 3 of toys", "at most 3 of these: toys?"),
    (Kind.COUNT, "at least 1 and at most 3 of toys", "at least 1 and at most 3 of these: toys?"),
    (Kind.INSTRUCTION, "make {it} better", "carried out in full: make {it} better?"),
    (Kind.COLOR, "everything glows", "Is this true of the edited picture: everything glows?"),
]


@pytest.mark.parametrize(("kind", "text", "expected"), WORDED)
def test_requirements_as_questions(kind, text, expected):
    assert expected in question_of(Requirement(kind, text, 0))


def test_every_kind_that_an_advert_asks_for_has_its_own_wording(started, cases_of):
    engine = started(300)
    cases, seen = cases_of(engine), set()
    for i in range(300):
        for one in cases.requirements(i):
            seen.add(one.kind)
            assert "Is this true" not in question_of(one), one
    assert seen == set(Kind) - {Kind.NONE, Kind.INSTRUCTION, Kind.RESTORED}


def test_answers_of_a_scale():
    assert YES_NO.expected([(" Yes", 0.5), ("yes", 0.1), ("NO", 0.2), ("maybe", 0.2)]) == (
        pytest.approx(0.75),
        pytest.approx(0.8),
    )
    value, mass = DIGITS.expected([("9", 0.25), ("▁0", 0.25), ("10", 0.5)])
    assert (value, mass) == (0.5, 0.5)
    value, mass = YES_NO.expected([("I", 1.0)])
    assert math.isnan(value) and mass == 0.0


def test_prompts_are_named_by_their_hash(tmp_path):
    makers = [Questioner(mode, as_json=json) for mode in ("checklist", "rating") for json in (True, False)]
    assert len({one.prompt_hash for one in makers}) == 4
    # what is measured instead of asked for does not make the other answers others
    assert Questioner("checklist", quality=False).prompt_hash == Questioner("checklist").prompt_hash
    (tmp_path / "a.v1.txt").write_text("[user]\nonly\n")
    for name in ("a.v1", "missing.v1"):
        with pytest.raises(DataFileError, match="expected"):
            Prompt.load(name, tmp_path)
    (tmp_path / "w.v1.txt").write_text("absent\n")
    with pytest.raises(DataFileError, match="expected lines 'key: text'"):
        load_wording("w.v1", tmp_path)


# ------------------------------------------------------------------ verdicts


def test_checklist_mode_gives_each_requirement_its_answer(started, cases_of, scripted):
    engine = started(6, first=30)
    judge = scripted(lambda question: (question.index + 1) / 20 if question.channel == "execution" else 0.9)
    cases = cases_of(engine)
    verdict = judge.judge(cases)
    for i in range(6):
        n = len(cases.requirements(i))
        assert verdict.requirements[i].tolist() == pytest.approx([(j + 1) / 20 for j in range(n)] + [0.0] * (18 - n))
        assert verdict.execution[i] == pytest.approx(sum(range(1, n + 1)) / 20 / n)
    assert verdict.quality.tolist() == pytest.approx([0.9] * 6)
    assert verdict.valid.all() and not verdict.reasons
    assert (verdict.preservation > 0.999).all(), "the untouched picture is preserved in its pixels"
    assert (verdict.score - verdict.execution * (0.8 + 0.2 * 0.9)).abs().max() < 1e-5
    asked = len(judge.asked)
    assert verdict.calls.sum() == asked and verdict.tokens.sum() == 3 * asked and verdict.seconds.sum() == 0.5 * asked
    assert all("The request was: " in one.prompt and one.text in one.prompt for one in judge.asked)


def test_rating_mode_rates_the_whole_and_the_quality_apart(started, cases_of, scripted):
    engine = started(4)
    judge = scripted(lambda question: 0.4 if question.channel == "execution" else 0.2, mode="rating")
    cases = cases_of(engine)
    verdict = judge.judge(cases)
    assert verdict.execution.tolist() == pytest.approx([0.4] * 4)
    assert verdict.quality.tolist() == pytest.approx([0.2] * 4)
    # four executions; the quality of a picture is shown without its source
    assert [one.pictures for one in judge.asked] == [("source", "canvas"), ("canvas",)] * 4
    for i, one in enumerate(judge.asked[::2]):
        assert cases.instruction(i) in one.prompt
        assert all(wanted.text in one.prompt for wanted in cases.requirements(i))


def test_what_is_kept_can_be_asked_for(started, cases_of, scripted):
    engine = started(5)
    judge = scripted(lambda question: 0.25 if question.channel == "preservation" else 1.0, preservation="ask")
    verdict = judge.judge(cases_of(engine))
    keep = engine.batch.keep > 0
    assert torch.equal(verdict.preserved == 0.25, keep)
    assert verdict.preservation.tolist() == pytest.approx([0.25] * 5)
    assert not verdict.success.any()
    names = {one.text for one in judge.asked if one.channel == "preservation"}
    assert "Is the background the same in both pictures?" in names


def test_equal_questions_about_equal_pictures_are_asked_once(started, cases_of, scripted):
    engine = started(2)
    judge, rows = scripted(), torch.tensor([0, 1, 0])
    verdict = judge.judge(cases_of(engine, engine.canvas[rows], rows))
    assert len({(one.prompt, one.case % 2) for one in judge.asked}) == len(judge.asked)
    assert verdict.score[0] == verdict.score[2]
    assert verdict.calls[2] == 0 and verdict.calls.sum() == len(judge.asked)


@pytest.mark.parametrize("bad", [Reply(()), Reply((0.5, 0.5)), Reply((1.5,)), Reply((math.nan,)), Reply(error="busy")])
def test_a_reply_that_cannot_be_used_is_no_judgement(started, cases_of, scripted, bad):
    engine = started(3)
    cases = cases_of(engine)

    def reply(question):
        return bad if question.case == 1 and question.channel == "execution" else 1.0

    verdict = scripted(reply, on_error="invalid").judge(cases)
    assert verdict.valid.tolist() == [True, False, True]
    assert list(verdict.reasons) == [1] and verdict.reasons[1]
    assert not verdict.success[1] and torch.isfinite(verdict.score).all()
    judge = scripted(reply)
    with pytest.raises(JudgeError, match="1 of 3 judgements failed; the first: "):
        judge.judge(cases)
    assert judge.statistics()["invalid"] == 1


def test_a_question_without_an_answer_is_no_judgement(started, cases_of, scripted):
    class Silent(scripted):
        def answer(self, cases, groups, done):
            done(0, Reply((0.5,)))

    verdict = Silent(on_error="invalid").judge(cases_of(started(2)))
    assert verdict.valid.tolist() == [False, False]
    assert verdict.reasons[1] == "no answer came"


def test_a_failed_judgement_masks_the_reward_and_is_counted(started, scripted):
    from imgedit_gym.core.registry import PIXEL_TOOLS

    failing = set()
    judge = scripted(lambda question: Reply(error="busy") if question.case in failing else 0.5, on_error="invalid")
    engine = started(3, judge=judge)
    blur = torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 3)
    failing.add(1)
    result = engine.step(blur)
    assert result.valid.tolist() == [True, False, True]
    assert result.reward[1] == 0.0
    assert engine.failed.tolist() == [0, 1, 0]
    failing.clear()
    assert engine.step(blur).valid.all() and engine.failed.tolist() == [0, 1, 0]


@pytest.mark.parametrize("mode", ["delta", "outcome", "additive"])
def test_reward_modes_work_with_a_model(started, scripted, mode):
    from imgedit_gym.core.registry import PIXEL_TOOLS

    engine = started(2, judge=scripted(lambda question: 0.5), reward_mode=mode)
    calls = engine.judged.clone()
    total = torch.zeros(2)
    length = int(engine.plan_length.max())
    for _ in range(length):
        rows = (engine.step_index < engine.plan_length).nonzero().flatten()
        result = engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), 0]] * 2), rows)
        assert result.valid.all() and torch.isfinite(result.reward).all()
        total += result.reward
    assert (engine.judged > calls).all()
    if mode == "outcome":
        assert torch.allclose(total, engine.verdict.score)


def test_arguments_are_checked(scripted):
    for arguments, message in (
        ({"mode": "guess"}, "mode must be one of"),
        ({"on_error": "zero"}, "on_error must be one of"),
        ({"combine": "x"}, "unknown score combination"),
        ({"preservation": "no such"}, "unknown judge 'no such'"),
    ):
        with pytest.raises(ImgEditError, match=message):
            scripted(**arguments)
