"""The judge that asks a vision-language model which runs here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.asking import ASK, Done, Group, QuestionJudge, Reply
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.questions import SMALLEST_MASS, Scale
from imgedit_gym.judges.vlm.answers import AnswerTokens
from imgedit_gym.judges.vlm.asking import ask
from imgedit_gym.judges.vlm.loading import OWN_MODEL, Loaded, load_model


class VlmJudge(QuestionJudge):
    """Reads answers off the probabilities of a model's next token: smooth, repeatable, a batch in few passes.

    In ``"checklist"`` mode the value of a requirement is P(yes) / (P(yes) + P(no)); in ``"rating"`` mode execution and
    quality are the expected digit, in two questions. Where too little probability lies on valid answers the judgement
    is not one.

    Args:
        model: Folder or hub id of any ``AutoModelForImageTextToText`` of transformers; ``None`` for the small model
            that comes with the package and judges adverts, which knows ``"checklist"`` alone.
        mode: ``"checklist"`` or ``"rating"``.
        revision: Branch, tag or commit of the hub.
        device: Where the model runs; ``None`` for the pictures' device.
        dtype: Name of a torch type, such as ``"bfloat16"``; ``"auto"``: float32 on a CPU, elsewhere as stored.
        smallest_mass: Probability that must lie on valid answers, in [0, 1].
        max_tokens: Tokens read in one pass at most, padding included, unless one picture's questions are more: what
            bounds memory.
        preservation: Who says how far the rest was kept: a judge, or ``"ask"``.
        quality: Who says how free of damage the picture is: ``"ask"``, or a judge.
        combine: How E, P and Q make the score.
        on_error: ``"raise"`` or ``"invalid"``.

    Raises:
        ImgEditError: If an argument is not what is expected, the model cannot be loaded, or the extra ``models`` is not
            installed.

    Source: expected score over digit tokens after UniWorld-V2 (arXiv 2510.16888).
    """

    id = "vlm"

    def __init__(
        self,
        model: str | None = None,
        mode: str = "checklist",
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        smallest_mass: float = SMALLEST_MASS,
        max_tokens: int = 16384,
        preservation: Any = "pixels",
        quality: Any = ASK,
        combine: str = "product",
        on_error: str = "raise",
    ) -> None:
        super().__init__(mode, preservation=preservation, quality=quality, combine=combine, on_error=on_error)
        if not isinstance(smallest_mass, (int, float)) or not 0.0 <= smallest_mass <= 1.0:
            raise ImgEditError(f"smallest_mass must be a number in [0, 1]; found {smallest_mass!r}")
        if not isinstance(max_tokens, int) or max_tokens < 1:
            raise ImgEditError(f"max_tokens must be a whole number of at least 1; found {max_tokens!r}")
        if model is None and not (OWN_MODEL / "config.json").is_file():
            raise ImgEditError(f"judge 'vlm': expected the package's own model in {OWN_MODEL.parent.name}; found none")
        self._where = str(OWN_MODEL) if model is None else str(Path(model).expanduser())
        self._revision, self._device, self._dtype = revision, device, dtype
        self.smallest_mass, self.max_tokens = float(smallest_mass), max_tokens
        loaded = self._load("cpu" if device is None else device)
        if mode not in loaded.settings.modes:
            raise ImgEditError(
                f"mode {mode!r}: this model can be asked in {', '.join(loaded.settings.modes)}; "
                "name another model for other modes"
            )
        stored, _, kind = loaded.name.rpartition(", ")
        # what "auto" comes to hangs on where the pictures are
        self.model = f"{stored}, {kind if dtype != 'auto' else 'auto'}, mass {self.smallest_mass}"
        self.fixed_order = loaded.settings.pictures == "mosaic"

    def _load(self, device: str) -> Loaded:
        return load_model(self._where, self._revision, device, self._dtype)

    def _where_for(self, cases: Cases) -> str:
        return str(cases.canvas.device) if self._device is None else self._device

    def answering(self, cases: Cases) -> str:
        """See :class:`imgedit_gym.judges.asking.QuestionJudge`; numbers are of another type elsewhere."""
        return f"{self.model}, {torch.device(self._where_for(cases)).type}"

    def answer(self, cases: Cases, groups: Sequence[Group], done: Done) -> None:
        """See :class:`imgedit_gym.judges.asking.QuestionJudge`."""
        loaded = self._load(self._where_for(cases))
        questions = [question for (question,) in groups]
        started = time.perf_counter()
        for part in ask(loaded, cases, questions, self.max_tokens):
            scales: dict[str, list[int]] = {}
            for at, index in enumerate(part.at):
                scales.setdefault(questions[index].scale.name, []).append(at)
            seconds = (time.perf_counter() - started) / len(part.at)
            for members in scales.values():
                scale = questions[part.at[members[0]]].scale
                values, masses = _tokens(loaded, scale).read(part.logits[members])
                for at, value, mass in zip(members, values, masses, strict=True):
                    reply = self._reply(scale, value, mass, part.calls[at], float(part.tokens[at]), seconds)
                    done(part.at[at], reply)
            started = time.perf_counter()

    def _reply(self, scale: Scale, value: float, mass: float, calls: float, tokens: float, seconds: float) -> Reply:
        # not a number is not above it either
        if not mass >= self.smallest_mass:
            least = f"expected {self.smallest_mass:.0%} or more"
            error = f"{mass:.0%} of the probability lies on a {scale.name} answer; {least}"
            return Reply((), error, calls, tokens, seconds)
        return Reply((value,), "", calls, tokens, seconds)


def _tokens(loaded: Loaded, scale: Scale) -> AnswerTokens:
    if scale.name not in loaded.memo:
        loaded.memo[scale.name] = AnswerTokens(loaded.processor.tokenizer, scale, loaded.device)
    return loaded.memo[scale.name]
