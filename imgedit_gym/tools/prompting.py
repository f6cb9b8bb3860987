"""From a plan step to the words that a model is given."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PICTURE, VERBS, PlanStep

FIELDS = ("text", "verb", "target", "value")
"""What a template may name: the step's sentence and its three slots."""

DEFAULT = "default"
"""Key of the template for the verbs that have none of their own."""

INSTRUCTION: Mapping[str, str] = {DEFAULT: "{text}"}
"""For models that follow instructions: the step's sentence."""

CAPTION: Mapping[str, str] = {
    "remove": "empty background, nothing there",
    "replace": "{value}",
    "add": "{value}",
    "recolor": "{value} {target}",
    "set": "{value} background",
    "rewrite": 'the words "{value}"',
    "adjust": "{target}, {value}",
    DEFAULT: "{text}",
}
"""For inpainting models, which are told what is to be seen in the hole."""

AVOIDED: Mapping[str, str] = {"remove": "{target}", "replace": "{target}", DEFAULT: ""}
"""Negative prompts of inpainting models: what was there."""


class Wording:
    """Words for plan steps, from templates such as ``"{text}, photorealistic"``.

    Args:
        templates: One template for all steps, or templates by verb, the key ``"default"`` for the others; they may name
            :data:`FIELDS`.
        base: Templates for verbs that ``templates`` leaves out.
        name: What the templates are called in an error.

    Raises:
        ImgEditError: If a template names anything else, or a key is no verb.
    """

    def __init__(
        self,
        templates: str | Mapping[str, str] | None = None,
        base: Mapping[str, str] = INSTRUCTION,
        name: str = "prompt",
    ) -> None:
        own: Any = {} if templates is None else {DEFAULT: templates} if isinstance(templates, str) else templates
        if not isinstance(own, Mapping):
            raise ImgEditError(f"{name} must be a template, or templates by verb; found {templates!r}")
        # a template for all takes the place of those by verb, too
        self.templates = dict(own) if isinstance(templates, str) else {**base, **own}
        known = (*VERBS[1:], DEFAULT)
        for verb, template in self.templates.items():
            if verb not in known:
                raise ImgEditError(f"{name}: expected verbs, some of {known}; found {verb!r}")
            _check(template, name)

    def __call__(self, step: PlanStep) -> str:
        """The words for a plan step."""
        template = self.templates.get(step.verb, self.templates.get(DEFAULT, "{text}"))
        target = "the picture" if step.target == PICTURE else step.target
        return template.format(text=step.text, verb=step.verb, target=target, value=step.value).strip()


def _check(template: Any, name: str) -> None:
    if not isinstance(template, str):
        raise ImgEditError(f"{name}: expected a template such as '{{text}}'; found {template!r}")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ImgEditError(f"{name}: expected a template such as '{{text}}'; found {template!r}: {error}") from None
    for _, field, spec, conversion in parts:
        if field is not None and (field not in FIELDS or spec or conversion):
            raise ImgEditError(
                f"{name}: a template names some of {{{'}, {'.join(FIELDS)}}}; found {{{field}}} in {template!r}"
            )
