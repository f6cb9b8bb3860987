"""What is asked of a model about a picture: each requirement as a question, and the answers a question can have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imgedit_gym.core.checklist import BAN, Kind, Requirement
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.prompting import Prompt, hash_of, load_wording

MODES = ("checklist", "rating")
EXECUTION, PRESERVATION, QUALITY = "execution", "preservation", "quality"
WHOLE = -1
"""Index of a question that is not about one requirement or one thing that is kept, but about all."""

SMALLEST_MASS = 0.5
"""Share of the probability that must lie on valid answers for a judgement to be one."""


@dataclass(frozen=True)
class Scale:
    """The answers a question can have.

    Attributes:
        name: Its name.
        answers: The answers, in lower case; a model writes each as one token.
        values: What each is worth, in [0, 1].
    """

    name: str
    answers: tuple[str, ...]
    values: tuple[float, ...]

    def match(self, token: str) -> int | None:
        """Which answer a token is, whatever its case and the space around it; ``None`` if it is none."""
        word = token.strip(" \n\t▁Ġ").lower()  # the last two: how tokenizers write a space
        return self.answers.index(word) if word in self.answers else None

    def expected(self, probabilities: Iterable[tuple[str, float]]) -> tuple[float, float]:
        """Mean value over the valid answers, and the probability they have together.

        Args:
            probabilities: Tokens and their probabilities; tokens that stand for the same answer add up.

        Returns:
            Value in [0, 1], nan where no answer is valid; and mass in [0, 1].
        """
        value = mass = 0.0
        for token, probability in probabilities:
            at = self.match(token)
            if at is not None:
                value, mass = value + probability * self.values[at], mass + probability
        return (min(value / mass, 1.0) if mass > 0.0 else math.nan), min(mass, 1.0)


YES_NO = Scale("yes or no", ("yes", "no"), (1.0, 0.0))
DIGITS = Scale("digit", tuple("0123456789"), tuple(digit / 9 for digit in range(10)))


@dataclass(frozen=True)
class Question:
    """One question about one picture.

    Attributes:
        case: Index of the picture among the cases.
        channel: ``"execution"``, ``"preservation"`` or ``"quality"``: what the answer counts for.
        index: Row of the requirement or segment label that it is about; :data:`WHOLE` for all.
        text: The bare question, such as ``"Is the hamburger gone from the edited picture?"``.
        system: What the model is told before the pictures.
        prompt: What it is told after them, the question in it.
        scale: The valid answers.
        pictures: Which pictures it is shown, in order: ``"source"``, ``"canvas"``.
    """

    case: int
    channel: str
    index: int
    text: str
    system: str
    prompt: str
    scale: Scale = YES_NO
    pictures: tuple[str, ...] = ("source", "canvas")


class Questioner:
    """Makes the questions of a judgement.

    Args:
        mode: ``"checklist"``: a question with yes or no for each requirement. ``"rating"``: one question with a digit
            for all of them, and quality rated apart, from the edited picture alone.
        preservation: Whether to ask for each thing that must be kept whether it was.
        quality: Whether to ask for quality.
        as_json: Whether the model is to answer with a JSON object instead of one word or digit.

    Attributes:
        prompt_hash: Names everything that may be asked.
    """

    def __init__(self, mode: str, preservation: bool = False, quality: bool = True, as_json: bool = False) -> None:
        self.mode, self.preservation, self.quality, self.as_json = mode, preservation, quality, as_json
        self.checklist = Prompt.load("checklist.v1")
        self.rate_execution, self.rate_quality = Prompt.load("execution.v1"), Prompt.load("quality.v1")
        self.wording, self.answers = load_wording("wording.v2"), load_wording("answers.v1")
        prompts = (self.checklist, self.rate_execution, self.rate_quality)
        lines = (*self.wording.items(), *self.answers.items())
        self.prompt_hash = hash_of(
            f"{mode} {as_json}",
            *(f"{prompt.name}\n{prompt.system}\n{prompt.user}" for prompt in prompts),
            *(f"{key}: {text}" for key, text in lines),
        )

    def questions(self, cases: Cases) -> list[Question]:
        """The questions of all cases; those of a case stand together."""
        return [question for i in range(len(cases)) for question in self._of_case(cases, i)]

    def _of_case(self, cases: Cases, i: int) -> list[Question]:
        instruction, wanted = cases.instruction(i), cases.requirements(i)
        found = []
        if self.mode == "rating":
            listed = "\n".join(f"- {one.text}" for one in wanted) or f"- {instruction}"
            rate = self.rate_execution
            prompt = rate.fill(instruction=instruction, requirements=listed, answer=self._answer("digit"))
            found.append(Question(i, EXECUTION, WHOLE, instruction, rate.system, prompt, DIGITS))
        else:
            for row, one in enumerate(wanted):
                found.append(self._yes_no(i, EXECUTION, row, question_of(one, self.wording), instruction))
        if self.preservation:
            for label, name in cases.kept(i).items():
                asked = self.wording["kept"].format(name or "rest")
                found.append(self._yes_no(i, PRESERVATION, label, asked, instruction))
        if self.quality and self.mode == "rating":
            rate = self.rate_quality
            found.append(
                Question(
                    i,
                    QUALITY,
                    WHOLE,
                    rate.name,
                    rate.system,
                    rate.fill(answer=self._answer("digit")),
                    DIGITS,
                    ("canvas",),
                )
            )
        elif self.quality:
            found.append(self._yes_no(i, QUALITY, WHOLE, self.wording["quality"], instruction))
        return found

    def together(self, instruction: str, texts: Sequence[str]) -> str:
        """The prompt of several questions with yes or no about one picture; of one the same as its own."""
        asked = texts[0] if len(texts) == 1 else "\n".join(f"{at}. {text}" for at, text in enumerate(texts, start=1))
        answer = self._answer("word", len(texts))
        return self.checklist.fill(instruction=instruction, question=asked, answer=answer)

    def _yes_no(self, case: int, channel: str, index: int, text: str, instruction: str) -> Question:
        return Question(case, channel, index, text, self.checklist.system, self.together(instruction, [text]))

    def _answer(self, kind: str, count: int = 1) -> str:
        return self.answers[f"json_{kind}"].format(count=count) if self.as_json else self.answers[kind]


OTHER = "other"
"""The wording of a requirement in words of its own."""

_FORMS: dict[Kind, re.Pattern[str]] = {
    Kind.ABSENT: re.compile(r"no (.+)"),
    Kind.PRESENT: re.compile(r"at least (\d+) of (.+)"),
    Kind.COLOR: re.compile(r"the (.+) is (\w+)"),
    Kind.BACKGROUND: re.compile(r"background: (.+)"),
    Kind.BACKGROUND_COLOR: re.compile(r"the background is (\w+)"),
    Kind.HEADLINE: re.compile(r"headline: (.+)"),
    Kind.TONE: re.compile(r"the picture is (\w+)"),
    Kind.COUNT: re.compile(r"at most (\d+) of (.+)"),
    Kind.INSTRUCTION: re.compile(r"(.+)"),
}


_FULLER: dict[Kind, tuple[str, re.Pattern[str]]] = {
    Kind.ABSENT: ("banned", re.compile(rf"no (.+){BAN}(.+)")),
    Kind.COUNT: ("span", re.compile(r"at least (\d+) and at most (\d+) of (.+)")),
}
"""Forms that ask for more: that nothing of a set has come in the thing's stead, or that some are left."""


def question_of(requirement: Requirement, wording: dict[str, str] | None = None) -> str:
    """A requirement as a question whose answer is yes where it is met.

    Args:
        requirement: As a task source puts it into words; one in other words is asked for as it stands.
        wording: A question with blanks by kind, from a file of prompts; by default the package's.
    """
    wording = load_wording() if wording is None else wording
    key, words = parts_of(requirement)
    if requirement.kind is Kind.HEADLINE and key != OTHER:
        words = (" or ".join(f'"{text}"' for text in words[0].split(" or ")),)
    return wording[key].format(*words)


def parts_of(requirement: Requirement) -> tuple[str, tuple[str, ...]]:
    """Which wording asks for a requirement.

    Args:
        requirement: As a task source puts it into words.

    Returns:
        A key of the file of wordings, :data:`OTHER` for words of its own, and the words in that wording's blanks.
    """
    key, form = _FULLER.get(requirement.kind, ("", None))
    found = None if form is None else form.fullmatch(requirement.text)
    if found is not None:
        return key, found.groups()
    form = _FORMS.get(requirement.kind)
    found = None if form is None else form.fullmatch(requirement.text)
    return (OTHER, (requirement.text,)) if found is None else (requirement.kind.name.lower(), found.groups())
