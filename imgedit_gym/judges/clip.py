"""The judge that compares pictures with captions, by a CLIP or SigLIP model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F

from imgedit_gym.core.checklist import MAX_REQUIREMENTS
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict, combination
from imgedit_gym.judges.base import ON_ERROR, Cases, Judge, JudgeError
from imgedit_gym.judges.combinations import joined, weighed
from imgedit_gym.judges.prompting import hash_of, load_wording
from imgedit_gym.judges.questions import question_of
from imgedit_gym.models.background import in_thread
from imgedit_gym.models.loading import expecting, load_model, name_of, transformers_library

MEASURES = ("directional", "text")
DEFAULT_MODEL = "openai/clip-vit-base-patch32"
FULL = 0.4
"""Cosine of the two directions that is worth 1. Edits that people like seldom reach more."""

STILL = 1e-4
"""Length of the step between two unit embeddings below which a picture has not moved."""


class ClipJudge(Judge):
    """Compares pictures with captions of what they should show, each requirement for itself.

    ``"directional"``: whether the embedding moved from source to edited picture as it moves from a caption of the
    picture before to one of the picture after; a copy of the source has not moved and earns nothing. ``"text"``: the
    probability of the caption after, against the caption before, for the edited picture alone; a copy earns what the
    source earned. Both are parts of the verdict. Q is the probability of the caption of a clean picture against one of
    a damaged one. P is another judge's.

    Args:
        model: Folder or hub id of any CLIP or SigLIP model of transformers.
        measure: Which of the two is the value of a requirement: ``"directional"`` or ``"text"``.
        full: Cosine of the two directions that is worth 1, in (0, 1].
        preservation: Judge of how far the rest was kept.
        revision: Branch, tag or commit of the hub.
        device: Where the model runs; ``None`` for the pictures' device.
        batch_size: Pictures encoded at once.
        combine: How E, P and Q make the score: a name of :data:`imgedit_gym.core.verdict.COMBINATIONS`.
        on_error: ``"raise"``, or ``"invalid"`` to mark judgements that fail and go on.

    Raises:
        ImgEditError: If an argument is not what is expected, the model cannot be loaded, or the extra ``models`` is not
            installed.

    Source: directional similarity after Gal et al., "StyleGAN-NADA" (arXiv 2108.00946); pairs of captions for quality
    after Wang et al., "Exploring CLIP for Assessing the Look and Feel of Images" (arXiv 2207.12396).
    """

    id = "clip"

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        measure: str = "directional",
        full: float = FULL,
        preservation: Any = "pixels",
        revision: str | None = None,
        device: str | None = None,
        batch_size: int = 64,
        combine: str = "product",
        on_error: str = "raise",
    ) -> None:
        if on_error not in ON_ERROR:
            raise ImgEditError(f"on_error must be one of {ON_ERROR}; found {on_error!r}")
        if measure not in MEASURES:
            raise ImgEditError(f"measure must be one of {MEASURES}; found {measure!r}")
        if not isinstance(full, (int, float)) or not 0.0 < full <= 1.0:
            raise ImgEditError(f"full must be a number above 0 and at most 1; found {full!r}")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ImgEditError(f"batch_size must be a whole number of at least 1; found {batch_size!r}")
        self.measure, self.full, self.on_error = measure, float(full), on_error
        self.combine = combination(combine)
        self._before, self._after = load_wording("clip_before.v2"), load_wording("clip_after.v2")
        self.prompt_hash = hash_of(*(f"{k}: {v}" for words in (self._before, self._after) for k, v in words.items()))
        self._encoder = load_encoder(str(model), revision, device, batch_size)
        kept: Judge = JUDGES.build(preservation)
        # what is cached is all of a verdict, so how the rest is judged is part of it
        plain = json.dumps(preservation, sort_keys=True) if isinstance(preservation, (str, Mapping)) else kept.id
        self.model = f"{self._encoder.name}, {measure}, full {self.full}, preservation {plain.strip(chr(34))}"
        self._preservation = kept
        self.deterministic, self.waits = kept.deterministic, kept.waits

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        return self._join(cases, self._compare(cases), self._preservation.judge(cases))

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        compared = await in_thread(self._compare, cases)
        return self._join(cases, compared, await self._preservation.judge_async(cases))

    def _compare(self, cases: Cases) -> _Compared:
        started = time.perf_counter()
        n = len(cases)
        captions = self._captions(cases)
        sources, canvases, texts = self._embeddings(cases, captions)
        scale = self._encoder.scale

        step = canvases - sources
        moved = step.norm(dim=1) > STILL
        direction = F.normalize(step, dim=1)
        values = {measure: torch.zeros(n, MAX_REQUIREMENTS) for measure in MEASURES}
        for i, pairs in enumerate(captions):
            if not pairs:
                continue
            before, after = (torch.stack([texts[pair[at]] for pair in pairs]) for at in (0, 1))
            towards = F.normalize(after - before, dim=1) @ direction[i]
            values["directional"][i, : len(pairs)] = (towards * moved[i] / self.full).clamp(0.0, 1.0)
            margin = scale * ((after - before) @ canvases[i])
            values["text"][i, : len(pairs)] = torch.sigmoid(margin)
        clean, damaged = texts[self._after["clean"]], texts[self._after["damaged"]]
        quality = torch.sigmoid(scale * (canvases @ (clean - damaged)))
        finite = torch.isfinite(sources).all(1) & torch.isfinite(canvases).all(1)
        return _Compared(values, quality, finite, (time.perf_counter() - started) / max(n, 1))

    def _join(self, cases: Cases, compared: _Compared, kept: Verdict) -> Verdict:
        device = cases.canvas.device
        verdict = joined([kept])
        verdict.requirements = compared.values[self.measure].to(device)
        verdict.preserved = kept.preserved
        verdict.quality = compared.quality.to(device)
        verdict.calls = verdict.calls + 1.0
        spent = torch.full_like(verdict.calls, compared.seconds)
        verdict.seconds = spent if verdict.seconds is None else verdict.seconds + spent
        verdict.parts = {measure: found.to(device) for measure, found in compared.values.items()}
        verdict.parts |= {f"preservation/{name}": value for name, value in kept.parts.items()}
        verdict.valid = verdict.valid & compared.finite.to(device)
        for at in (~compared.finite).nonzero().flatten().tolist():
            verdict.reasons.setdefault(at, "expected embeddings of finite numbers; found others")
        failed = int((~verdict.valid).sum())
        if failed and self.on_error == "raise":
            reason = next(iter(verdict.reasons.values()), "no reason given")
            raise JudgeError(f"judge {self.id!r}: {failed} of {len(cases)} judgements failed; the first: {reason}")
        return weighed(verdict, cases, self.combine)

    def _captions(self, cases: Cases) -> list[list[tuple[str, str]]]:
        """The captions before and after of every requirement, by case."""
        return [
            [(question_of(one, self._before), question_of(one, self._after)) for one in cases.requirements(i)]
            for i in range(len(cases))
        ]

    def _embeddings(
        self, cases: Cases, captions: Sequence[Sequence[tuple[str, str]]]
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Unit embeddings of sources and canvases, ``float32 [N, d]``, and of all captions by text."""
        every = [caption for pairs in captions for pair in pairs for caption in pair]
        texts = self._encoder.texts([*every, self._after["clean"], self._after["damaged"]])
        tasks, which = cases.index.unique(return_inverse=True)
        sources = self._encoder.pictures(cases.batch.images.index_select(0, tasks))[which.cpu()]
        return sources, self._encoder.pictures(cases.canvas), texts

    def parts(self) -> dict[str, Judge]:
        """The judge of preservation."""
        return {"preservation": self._preservation}


@dataclass(frozen=True)
class _Compared:
    """What the model says of N pictures.

    Attributes:
        values: By measure, ``float32 [N, R]``.
        quality: ``float32 [N]``.
        finite: Where the embeddings are numbers, ``bool [N]``.
        seconds: Time for each picture.
    """

    values: dict[str, torch.Tensor]
    quality: torch.Tensor
    finite: torch.Tensor
    seconds: float


class Encoder:
    """A CLIP or SigLIP model that embeds pictures and captions.

    Args:
        model: Folder or hub id.
        revision: Branch, tag or commit of the hub.
        device: Where the model runs; ``None`` for the pictures' device.
        batch_size: Pictures encoded at once.

    Raises:
        ImgEditError: If the model cannot be loaded, or the extra ``models`` is not installed.

    Attributes:
        name: Names the weights exactly.
        scale: How much a difference of cosines is worth, as the model has learned it.
    """

    def __init__(self, model: str, revision: str | None, device: str | None, batch_size: int) -> None:
        with expecting("a CLIP or SigLIP model", model):
            self._model = load_model("AutoModel", model, revision, "cpu", "auto")
            self._processor = transformers_library().AutoProcessor.from_pretrained(
                model, revision=revision, trust_remote_code=False
            )
        if not (hasattr(self._model, "get_image_features") and hasattr(self._model, "get_text_features")):
            kind = type(self._model).__name__
            raise ImgEditError(f"judge 'clip': expected a CLIP or SigLIP model; {model!r} is a {kind}")
        self.name = name_of(model, self._model)
        self.scale = float(self._model.logit_scale.detach().exp())
        self._longest = self._model.config.text_config.max_position_embeddings
        self._device, self._batch_size = device, batch_size
        self._known: dict[str, torch.Tensor] = {}

    @torch.inference_mode()
    def pictures(self, pictures: torch.Tensor) -> torch.Tensor:
        """Unit embeddings of pictures, ``uint8 [n, H, W, 3]``, as ``float32 [n, d]`` on the CPU."""
        self._move(pictures.device)
        found = []
        for start in range(0, len(pictures), self._batch_size):
            part = list(pictures[start : start + self._batch_size].cpu().numpy())
            inputs = self._processor.image_processor(images=part, return_tensors="pt")
            found.append(_pooled(self._model.get_image_features(pixel_values=inputs["pixel_values"].to(self._at))))
        return F.normalize(torch.cat(found), dim=1) if found else torch.zeros(0, 1)

    @torch.inference_mode()
    def texts(self, captions: Sequence[str]) -> dict[str, torch.Tensor]:
        """Unit embeddings of captions by text, ``float32 [d]`` on the CPU; each is encoded only once."""
        new = [text for text in dict.fromkeys(captions) if text not in self._known]
        for start in range(0, len(new), self._batch_size):
            part = new[start : start + self._batch_size]
            # SigLIP has learned with captions of this length; CLIP looks at the last word and does not mind
            inputs = self._processor.tokenizer(
                part, padding="max_length", truncation=True, max_length=self._longest, return_tensors="pt"
            )
            named = {
                name: value.to(self._at) for name, value in inputs.items() if name in ("input_ids", "attention_mask")
            }
            embedded = F.normalize(_pooled(self._model.get_text_features(**named)), dim=1)
            self._known |= dict(zip(part, embedded, strict=True))
        return {text: self._known[text] for text in captions}

    @property
    def _at(self) -> torch.device:
        return next(self._model.parameters()).device

    def _move(self, device: torch.device) -> None:
        target = torch.device(self._device) if self._device is not None else device
        if self._at != target:
            self._model.to(target)


@lru_cache(maxsize=2)
def load_encoder(model: str, revision: str | None, device: str | None, batch_size: int) -> Encoder:
    """Load a model; built once per process and setting, and shared."""
    return Encoder(model, revision, device, batch_size)


def _pooled(found: Any) -> torch.Tensor:
    """The embedding in what a model returns, whatever the version of transformers."""
    embedding = found if isinstance(found, torch.Tensor) else found.pooler_output
    return embedding.float().cpu()
