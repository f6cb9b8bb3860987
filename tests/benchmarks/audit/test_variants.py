from __future__ import annotations

from benchmarks.audit.variants import ORDER, WORDING, in_other_order, in_other_words, members, watched
from benchmarks.checklist.judging import finished_cases
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.judges.cache import StoredVerdicts
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.judges.prompting import load_wording
from imgedit_gym.models.store import Store


def test_the_order_of_the_pictures_is_turned(engine, asked):
    seen = []

    def note(question):
        seen.append((question.pictures, ORDER in question.system))
        return 0.5

    judge = asked(note)
    cases = finished_cases(engine, engine.canvas)
    with in_other_order(judge) as can:
        assert can
        judge.judge(cases)
    assert seen and set(seen) == {(("canvas", "source"), True)}
    seen.clear()
    judge.judge(cases)
    assert set(seen) == {(("source", "canvas"), False)}


def test_a_measurement_has_no_order():
    with in_other_order(JUDGES.build("product")) as can:
        assert not can


def test_a_model_with_fixed_places_for_its_pictures_has_no_order(asked):
    judge = asked(lambda question: 0.5)
    judge.fixed_order = True
    with in_other_order(judge) as can:
        assert not can


def test_words_are_others_and_come_back(engine, asked):
    texts = []

    def note(question):
        texts.append((question.text, question.prompt))
        return 0.5

    judge = asked(note)
    cases = finished_cases(engine, engine.canvas)
    judge.judge(cases)
    own = list(texts)
    texts.clear()
    instructions = [cases.instruction(i) for i in range(len(cases))]
    with in_other_words(judge, engine):
        assert all(cases.instruction(i) != text for i, text in enumerate(instructions))
        judge.judge(cases)
    assert len(texts) == len(own)
    assert all(first != second for first, second in zip(own, texts, strict=True))
    texts.clear()
    judge.judge(cases)
    assert texts == own


def test_the_paraphrase_has_a_question_for_every_kind():
    own, other = load_wording("wording.v2"), load_wording("paraphrase.v2", WORDING)
    assert set(own) == set(other)
    assert all(own[kind] != other[kind] for kind in own)
    assert all(own[kind].count("{") == other[kind].count("{") for kind in own)


def test_it_is_seen_whether_a_judge_reads(engine, asked):
    for judge, reads in (
        (JUDGES.build("checklist"), False),
        (JUDGES.build("pixels"), False),
        (asked(lambda q: 0.5), True),
        # looking up what is known of words is not reading them
        (JUDGES.build({"id": "cache", "judge": StoredVerdicts(ChecklistJudge(), Store())}), False),
    ):
        cases = watched(finished_cases(engine, engine.canvas))
        judge.judge(cases)
        assert ("instruction" in cases.read) is reads


def test_judges_inside_others_are_found(asked):
    inner = asked(lambda question: 0.5)
    judge = JUDGES.build({"id": "cache", "judge": {"id": "product", "execution": inner}})
    assert inner in list(members(judge))


def test_dependence_on_order_and_words_is_measured(card_of, asked):
    def fickle(question):
        return 0.9 if question.pictures[0] == "source" and "edited picture" in question.text else 0.1

    card, _ = card_of(asked(fickle), tasks=2)
    assert card["order"]["applicable"] and card["order"]["requirements"]["flips"] > 0.5
    assert card["words"]["applicable"] and card["words"]["requirements"]["flips"] > 0.5
    assert card["again"]["requirements"]["flips"] == 0.0
    assert card["cost"]["tokens_per_picture"] > 7.0
    steady, _ = card_of(asked(lambda question: 0.9), tasks=2)
    assert steady["order"]["requirements"]["difference"] == steady["words"]["requirements"]["difference"] == 0.0
