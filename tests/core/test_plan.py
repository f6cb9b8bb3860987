"""Tests of the plan grammar."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import FORMS, MAX_TEXT, PICTURE, VERBS, PlanError, PlanStep, normalise, parse_plan, read_plan

SEPARATORS = {"to", "with", "as"}
WORDS = st.sampled_from(
    [
        "the",
        "a",
        "an",
        "some",
        "to",
        "with",
        "as",
        "hamburger",
        "glass",
        "of",
        "wine",
        "red",
        "7",
        "non-veg",
        "&",
        "50%",
        "x-mas",
        "tree",
        "edit",
        "remove",
        "add",
        "set",
    ]
) | st.text("abcdefghijklmnopqrstuvwxyzäéß0123456789&%'-", min_size=1, max_size=9)
PHRASES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
# a target ends at the first separator, so none may stand inside it; a value may hold anything
TARGETS = PHRASES.filter(lambda phrase: not SEPARATORS & set(phrase.split()))


@given(TARGETS)
def test_remove_and_add_are_read_back(phrase):
    for step in (PlanStep("remove", phrase), PlanStep("add", PICTURE, phrase)):
        assert PlanStep.parse(step.text) == step


@given(TARGETS, PHRASES)
@example("car", "a bike with a bell")
def test_replace_is_read_back(target, value):
    step = PlanStep("replace", target, value)
    assert PlanStep.parse(step.text) == step


@given(st.sampled_from(("recolor", "set", "adjust")), TARGETS, PHRASES)
def test_change_is_read_back(verb, target, value):
    # only "replace … with" drops the article of its value
    step = PlanStep(verb, target, value)
    assert PlanStep.parse(step.text) == step


@given(TARGETS, PHRASES, st.booleans())
def test_rewrite_keeps_the_case_of_its_value(target, value, upper):
    step = PlanStep("rewrite", target, value.upper() if upper else value)
    assert PlanStep.parse(step.text) == step


@given(PHRASES)
def test_text_outside_the_grammar_is_an_edit(phrase):
    step = PlanStep.parse("please " + phrase.upper())
    assert step == PlanStep("edit", PICTURE, "please " + phrase.upper())
    assert PlanStep.parse(step.text) == step


@given(st.text(max_size=60))
@example("a . .")
@example("REMOVE  the\tBurger ...")
def test_reading_what_was_written_changes_nothing(text):
    step = PlanStep.parse(text)
    assert PlanStep.parse(step.text) == step


@given(st.text(max_size=400))
@example("x" * 1000)
@example("replace the " + "a " * 200 + "with b")
def test_any_text_is_one_printable_bounded_step(text):
    step = PlanStep.parse(text)
    assert step.verb in VERBS
    for phrase in (step.target, step.value):
        assert phrase.isprintable() and len(phrase) <= MAX_TEXT
    assert (step == PlanStep()) == (not normalise(text).rstrip(". "))


def test_targets_end_at_the_first_separator():
    # the one ambiguity of the grammar: a separator inside a target moves the border
    step = PlanStep("replace", "box with lid", "bag")
    assert PlanStep.parse(step.text) == PlanStep("replace", "box", "lid with the bag")
    assert PlanStep.parse("set the door to heaven to red") == PlanStep("set", "door", "heaven to red")


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Remove the Hamburger.", PlanStep("remove", "hamburger")),
        ("remove an apple", PlanStep("remove", "apple")),
        ("remove some fries", PlanStep("remove", "fries")),
        ("remove hamburger", PlanStep("remove", "hamburger")),
        ("remove theatre", PlanStep("remove", "theatre")),
        ("ADD A PUMPKIN", PlanStep("add", "picture", "pumpkin")),
        ("replace a car with an e-bike", PlanStep("replace", "car", "e-bike")),
        ("recolor the car to green", PlanStep("recolor", "car", "green")),
        ("set background to beach", PlanStep("set", "background", "beach")),
        ("rewrite the headline as FRESH & GREEN", PlanStep("rewrite", "headline", "FRESH & GREEN")),
        ("adjust the picture to darker", PlanStep("adjust", "picture", "darker")),
        ("Make it nicer", PlanStep("edit", "picture", "Make it nicer")),
        ("replace the car", PlanStep("edit", "picture", "replace the car")),
        ("remove", PlanStep("edit", "picture", "remove")),
        ("  \t\n . ", PlanStep()),
    ],
)
def test_examples(text, step):
    assert PlanStep.parse(text) == step


def test_phrases_are_normalised():
    step = PlanStep("remove", "  big \n\x00 dog\u200b ")
    assert step.target == "big dog"
    assert len(PlanStep("edit", "picture", "y" * 999).value) == MAX_TEXT


def test_unknown_verb():
    with pytest.raises(ImgEditError, match=r"unknown verb 'paint'.*expected one of"):
        PlanStep("paint", "car")


# ------------------------------------------------------------------ plans

TWO = (PlanStep("remove", "burger"), PlanStep("add", "picture", "carrot"))


@pytest.mark.parametrize(
    "plan",
    [
        "remove the burger\nadd the carrot",
        "1. remove the burger\n2) add the carrot\n",
        "\n - remove a burger\n\n * Add some carrot.",
        ["remove the burger", "add the carrot"],
        (("remove", "burger", ""), ["add", "picture", "carrot"]),
        TWO,
        [TWO[0], "add carrot"],
    ],
)
def test_forms_of_a_plan(plan):
    assert parse_plan(plan, 2) == TWO


def test_one_step_is_a_plan():
    assert parse_plan(TWO[0], 1) == TWO[:1]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("", "at least one step"),
        (" \n\t\n", "at least one step"),
        ([], "at least one step"),
        (["remove the burger", "  "], "no empty one"),
        (["..."], "no empty one"),
        ([PlanStep()], "no empty one"),
        (["edit"] * 3, "max_plan_steps=2 steps; found 3"),
        (5, "text or a sequence of steps; found int"),
        (None, "found NoneType"),
        ({"remove": "burger"}, "found dict"),
        ([5], "a plan step is text, a PlanStep or"),
        ([("remove", "burger")], r"\(verb, target, value\); found \('remove', 'burger'\)"),
        ([("remove", "burger", None)], r"\(verb, target, value\)"),
        ([("fry", "burger", "")], "unknown verb 'fry'"),
    ],
)
def test_what_is_no_plan(plan, message):
    with pytest.raises(ImgEditError, match=message) as caught:
        parse_plan(plan, 2)
    assert "\n" not in str(caught.value)


@given(st.lists(TARGETS, min_size=1, max_size=8))
def test_a_plan_is_read_back_line_by_line(targets):
    plan = tuple(PlanStep("remove", target) for target in targets)
    assert parse_plan("\n".join(f"{i}. {step.text}" for i, step in enumerate(plan, 1)), 8) == plan
    assert parse_plan([step.text for step in plan], 8) == plan


# ------------------------------------------------------------------ strict reading


def test_strict_reading_takes_what_the_grammar_has():
    assert read_plan("1. remove the burger\n\n - ADD some carrot.", 2) == TWO
    for form in FORMS:
        (step,) = read_plan(form, 1)
        assert step.verb == form.split()[0]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", 1, "at least one step"),
        ("\n \n", 1, "at least one step"),
        ("make it nice", 1, "one of: remove the X"),
        ("remove the burger\n\nreplace the car", 3, "one of: remove the X"),
        ("remove the burger\n...", 2, "one of: remove the X"),
        ("remove the burger\nadd the carrot\n\nadd the pea", 4, "no more than 2 steps"),
    ],
)
def test_strict_reading_names_the_line(text, line, expected):
    with pytest.raises(PlanError) as caught:
        read_plan(text, 2)
    error = caught.value
    assert error.line == line and error.expected.startswith(expected)
    assert str(error).startswith(f"line {line}: expected {expected}") and repr(error.text) in str(error)
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.line, copied.text, str(copied)) == (error.line, error.text, str(error))


@given(st.text(max_size=120))
def test_what_is_read_strictly_is_read_alike(text):
    try:
        steps = read_plan(text, 8)
    except PlanError:
        return
    assert steps == parse_plan(text, 8)
    assert not any(step.verb in ("", "edit") for step in steps)
