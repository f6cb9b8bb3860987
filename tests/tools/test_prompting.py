"""From plan steps to what models are told."""

from __future__ import annotations

import pytest

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.tools.prompting import AVOIDED, CAPTION, Wording

REPLACE = PlanStep("replace", "hamburger", "carrot")


def test_models_that_follow_instructions_get_the_sentence() -> None:
    assert Wording()(REPLACE) == "replace the hamburger with the carrot"
    assert Wording()(PlanStep.parse("Make it look like a rainy evening")) == "Make it look like a rainy evening"


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("replace the hamburger with the carrot", "carrot"),
        ("add the pumpkin", "pumpkin"),
        ("recolor the car to green", "green car"),
        ("set the background to beach", "beach background"),
        ("rewrite the headline as FRESH & GREEN", 'the words "FRESH & GREEN"'),
        ("adjust the picture to darker", "the picture, darker"),
        ("put a hat on the cat", "put a hat on the cat"),
    ],
)
def test_inpainting_models_are_told_what_is_to_be_seen(text: str, caption: str) -> None:
    assert Wording(None, CAPTION)(PlanStep.parse(text)) == caption


def test_what_was_there_is_to_be_avoided() -> None:
    avoided = Wording(None, AVOIDED)
    assert avoided(REPLACE) == "hamburger" and avoided(PlanStep("add", "picture", "pumpkin")) == ""


def test_users_templates_come_first() -> None:
    assert Wording("{text}, photorealistic", CAPTION)(REPLACE).endswith("carrot, photorealistic")
    by_verb = Wording({"replace": "{value} instead of {target}"}, CAPTION)
    assert by_verb(REPLACE) == "carrot instead of hamburger"
    assert by_verb(PlanStep("add", "picture", "pumpkin")) == "pumpkin"


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ("{words}", "names some of"),
        ("{text.__class__}", "names some of"),
        ("{text!r}", "names some of"),
        ("{0}", "names some of"),
        ("{", "expected a template"),
        ({"paint": "{text}"}, "expected verbs"),
        ({"add": 3}, "expected a template"),
        (["{text}"], "a template, or templates by verb"),
    ],
)
def test_anything_else_is_refused(templates, message: str) -> None:
    with pytest.raises(ImgEditError, match=message):
        Wording(templates)
