"""Plans from language models, written under the plan grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from imgedit_gym.core.plan import Plan
from imgedit_gym.planners.grammar import PlanGrammar, State


class Constrained:
    """Lets a model choose among the tokens that the grammar allows, the likeliest or by chance.

    Chance is that of each row alone, so that a plan does not depend on what is written beside it.

    Args:
        grammar: What may be written.
        rows: Plans written at a time.
        temperature: 0 for the likeliest token; above 0 tokens are drawn.
        seeds: One for each row, where tokens are drawn.
        starts: State in which each row begins; that of the grammar if none are named.
    """

    def __init__(
        self,
        grammar: PlanGrammar,
        rows: int,
        temperature: float,
        seeds: Sequence[Any],
        starts: Sequence[State] | None = None,
    ) -> None:
        self._grammar, self._temperature = grammar, temperature
        self._states = [grammar.start] * rows if starts is None else list(starts)
        self._draws = [np.random.default_rng(seed) for seed in seeds] if temperature > 0 else []
        self._begun = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the next tokens, ``float32 [rows, vocabulary]``; as ``generate`` asks for them."""
        if self._begun:
            last = input_ids[:, -1].tolist()
            self._states = [self._grammar.advance(s, t) for s, t in zip(self._states, last, strict=True)]
        self._begun = True
        out = torch.full_like(scores, -torch.inf)
        for row, state in enumerate(self._states):
            tokens = self._grammar.allowed(state).to(scores.device)
            if self._grammar.owes(state) and bool(scores[row, self._grammar.end] > scores[row, tokens].max()):
                # it would rather end: then at least nothing else is written before what is due
                self._states[row] = self._grammar.press(state)
            chosen = scores[row, tokens]
            if self._draws and len(tokens) > 1:
                # the largest of the scores with Gumbel noise is a draw from their softmax
                noise = torch.from_numpy(self._draws[row].gumbel(size=len(tokens)))
                chosen = (chosen / self._temperature).double() + noise.to(scores.device)
            out[row, tokens] = chosen.to(out.dtype)
        return out


@torch.inference_mode()
def write_plans(
    model: Any,
    grammar: PlanGrammar,
    inputs: Mapping[str, Any],
    temperature: float = 0.0,
    seeds: Sequence[Any] = (),
    starts: Sequence[State] | None = None,
) -> list[Plan]:
    """Let a model write one plan for each row of its inputs.

    Args:
        model: Of the ``transformers`` library, with ``generate``.
        grammar: What may be written.
        inputs: What the model takes, padded on the left, with ``attention_mask``.
        temperature: 0 for the likeliest plan, token by token; above 0 plans are drawn.
        seeds: What ``numpy.random.default_rng`` takes, one for each row, where plans are drawn.
        starts: State of the grammar in which each row begins, such as one of :meth:`PlanGrammar.start_with`.
    """
    rows = len(inputs["attention_mask"])
    written = model.generate(
        **inputs,
        logits_processor=[Constrained(grammar, rows, temperature, seeds, starts)],
        max_new_tokens=grammar.longest,
        do_sample=False,
        eos_token_id=grammar.end,
        pad_token_id=grammar.end,
    )
    begin = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    return [grammar.read(row) for row in written[:, begin:].tolist()]
