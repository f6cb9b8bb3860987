"""Which tokens of a model's vocabulary stand for the answers of a question."""

from __future__ import annotations

from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.questions import Scale


class AnswerTokens:
    """Every token that is one of a scale's answers, in any case and with or without a space before it.

    Args:
        tokenizer: Of the model.
        scale: The answers.
        device: Where logits are.

    Raises:
        ImgEditError: If an answer is no single token of the model.
    """

    def __init__(self, tokenizer: Any, scale: Scale, device: torch.device) -> None:
        ids, answers = [], []
        for token, index in tokenizer.get_vocab().items():
            answer = scale.match(token)
            if answer is not None:
                ids.append(index)
                answers.append(answer)
        missing = [answer for at, answer in enumerate(scale.answers) if at not in answers]
        if missing:
            raise ImgEditError(
                f"the model's vocabulary has no single token for the {scale.name} answers {missing}; "
                "expected a model that writes each answer as one token"
            )
        self.scale = scale
        self._ids = torch.tensor(ids, device=device)
        self._values = torch.tensor([scale.values[answer] for answer in answers], dtype=torch.float64, device=device)

    def read(self, logits: torch.Tensor) -> tuple[list[float], list[float]]:
        """Expected value and mass of the valid answers.

        Args:
            logits: Of the next token, ``[n, vocabulary]``.

        Returns:
            Values in [0, 1], nan where no answer has any probability, and masses in [0, 1].
        """
        shares = logits.double().softmax(-1)[:, self._ids]
        mass = shares.sum(-1)
        value = (shares @ self._values) / mass
        # a batch of another size may differ in the last bits
        return value.clamp(0.0, 1.0).mul(1e4).round().div(1e4).tolist(), mass.clamp(max=1.0).tolist()
