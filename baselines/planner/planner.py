"""Plans from a vision-language model: the small one of this package, or any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from baselines.planner.joining import in_order
from baselines.planner.marks import Marks, due_of
from baselines.planner.model import SETTINGS, prompt
from baselines.planner.vocabulary import INSIDE
from baselines.training.judge.model import image_tokens
from imgedit_gym.art.catalogue import load_catalogue
from imgedit_gym.art.goals import load_goals
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.plan import FORMS, Plan
from imgedit_gym.engine import LONGEST_PLAN
from imgedit_gym.judges.vlm.mosaic import mosaic
from imgedit_gym.models.loading import load_image_text_model
from imgedit_gym.planners.decoding import write_plans
from imgedit_gym.planners.grammar import PlanGrammar, State

WEIGHTS = Path(__file__).parents[1] / "weights" / "planner"
"""Folder of the weights that come with the package."""

INSTRUCTION = (
    "Write a plan of at most {steps} edits that adapts this advertisement to a request. Each line is one edit: "
    "{forms}. Name things as they are commonly called; keep what the request does not concern.\nRequest: {request}"
)
"""What a model that was not trained by this package is told."""

_ROWS = 64
"""Plans written at a time."""


@dataclass(eq=False)
class Planner:
    """A model that writes plans, under the plan grammar.

    Attributes:
        model: An ``AutoModelForImageTextToText``.
        processor: Its processor.
        grammar: What it may write.
        edge: Edge in pixels that pictures are reduced to; 0 for a model with eyes of its own.
        name: Names the weights.
        vision: Digest of the image encoder behind it, if it is the package's.
        marks: Tells which things a plan must speak of; ``None`` for a planner that was not taught to.
    """

    model: Any
    processor: Any
    grammar: PlanGrammar
    edge: int = 0
    name: str = ""
    vision: str = ""
    marks: Marks | None = None

    @classmethod
    def load(
        cls, model: str | Path | None = None, device: str = "cpu", dtype: str = "auto", max_steps: int = LONGEST_PLAN
    ) -> Planner:
        """Read a planner.

        Args:
            model: Folder of one, or folder or hub id of any image-text-to-text model; the one that comes with the
                package if none is named.
            device: Where to compute.
            dtype: Name of a torch type, or ``"auto"``.
            max_steps: Longest plan.

        Raises:
            ImgEditError: If it cannot be loaded.
        """
        if model is None and not WEIGHTS.is_dir():
            raise ImgEditError(
                f"the planner's weights are not in {WEIGHTS}; make them with: python -m baselines.training.planner"
            )
        name = str(WEIGHTS if model is None else model)
        edge, vision = _settings(Path(name) / SETTINGS)
        loaded = load_image_text_model(name, None, device, dtype)
        marks = None
        if edge:
            config = loaded.model.config.get_text_config()
            marks = Marks.load(Path(name), config.hidden_size, config.num_hidden_layers, vision)
        if marks is not None:
            marks = marks.to(device)
        return cls.of(loaded.model, loaded.processor, edge, max_steps, loaded.name, vision, marks)

    @classmethod
    def of(
        cls,
        model: Any,
        processor: Any,
        edge: int,
        max_steps: int = LONGEST_PLAN,
        name: str = "",
        vision: str = "",
        marks: Marks | None = None,
    ) -> Planner:
        """A planner of a model at hand."""
        tokenizer = processor.tokenizer
        objects = [item.name for item in load_catalogue().objects]
        grammar = PlanGrammar(tokenizer, tokenizer.eos_token_id, objects, load_goals().headlines, max_steps)
        return cls(model, processor, grammar, edge, name, vision, marks)

    @property
    def own_marks(self) -> Marks:
        """The marks of a planner that has some.

        Raises:
            ImgEditError: If it has none.
        """
        if self.marks is None:
            raise ImgEditError(f"{self.name or 'the planner'}: expected one with marks; found none beside its weights")
        return self.marks

    def plan(
        self,
        images: torch.Tensor,
        requests: Sequence[str],
        temperature: float = 0.0,
        seeds: Sequence[Any] = (),
    ) -> list[Plan]:
        """Write one plan for each picture and request.

        Args:
            images: ``uint8 [n, H, W, 3]``.
            requests: n texts.
            temperature: 0 for the likeliest plan, token by token; above 0 plans are drawn.
            seeds: One for each, where plans are drawn; equal seeds give equal plans.
        """
        if self.edge:
            return self.plan_seen(self.look(images), requests, temperature, seeds)
        plans: list[Plan] = []
        for start in range(0, len(requests), _ROWS):
            part = slice(start, start + _ROWS)
            inputs = self.read(images[part], requests[part])
            plans += write_plans(self.model, self.grammar, inputs, temperature, seeds[part])
        return plans

    def look(self, images: torch.Tensor) -> torch.Tensor:
        """Image tokens, ``float32 [n, T, width]``, of pictures ``uint8 [n, H, W, 3]``; of the package's model alone."""
        with torch.inference_mode():
            parts = [
                image_tokens(self.model, mosaic(part, part, self.edge))
                for part in images.to(self.model.device).split(_ROWS)
            ]
        return torch.cat(parts)

    def plan_seen(
        self,
        tokens: torch.Tensor,
        requests: Sequence[str],
        temperature: float = 0.0,
        seeds: Sequence[Any] = (),
    ) -> list[Plan]:
        """The same from image tokens that are known; of the package's model alone.

        Steps come in an order in which none spoils another. Requests with words that have to be spelled are planned for
        without marks.
        """
        if temperature > 0 and len(seeds) != len(requests):
            raise ImgEditError(f"expected a seed for each of {len(requests)} requests; found {len(seeds)}")
        ids = self.processor.tokenizer.get_vocab()
        spelled = {index for token, index in ids.items() if token.startswith(INSIDE)}
        read = self.processor.tokenizer(list(requests), add_special_tokens=False)["input_ids"]
        plans: list[Plan] = []
        for start in range(0, len(requests), _ROWS):
            part = slice(start, start + _ROWS)
            seen = tokens[part].to(self.model.device)
            with torch.inference_mode():
                inputs = prompt(self.model, ids, seen, read[part])
            starts = None
            if self.marks is not None:
                starts = self._starts(self.marks, inputs, seen, temperature, seeds[part])
                # marks know nothing of requests with words that they were not taught
                known = [spelled.isdisjoint(request) for request in read[part]]
                starts = [start if ok else self.grammar.start for start, ok in zip(starts, known, strict=True)]
            plans += map(in_order, write_plans(self.model, self.grammar, inputs, temperature, seeds[part], starts))
        return plans

    def _starts(
        self, marks: Marks, inputs: dict[str, Any], tokens: torch.Tensor, temperature: float, seeds: Sequence[Any]
    ) -> list[State]:
        """States from which plans are written that speak of all objects that are due, and of no others."""
        starts = []
        for row, chances in enumerate(marks.chances(self.model, inputs, tokens)):
            due = set(due_of(chances, temperature, seeds[row] if temperature > 0 else None)) & self.grammar.things
            starts.append(self.grammar.start_with(due, self.grammar.things - due))
        return starts

    def read(self, images: torch.Tensor, requests: Sequence[str]) -> Any:
        """What a model with eyes of its own takes: pictures and requests, padded on the left."""
        texts = [self._chat(request) for request in requests]
        pictures = [[Image.fromarray(picture.cpu().numpy())] for picture in images]
        found = self.processor(text=texts, images=pictures, padding=True, return_tensors="pt")
        return found.to(self.model.device, dtype=self.model.dtype)

    def _chat(self, request: str) -> str:
        told = INSTRUCTION.format(steps=self.grammar.max_steps, forms="; ".join(FORMS), request=request)
        content = [{"type": "image"}, {"type": "text", "text": told}]
        return self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


def _settings(path: Path) -> tuple[int, str]:
    """Edge of the reduced picture and digest of the encoder; 0 and nothing for a model with eyes of its own."""
    if not path.is_file():
        return 0, ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        edge, vision = found["edge"], found["vision"]
        if not isinstance(edge, int) or not isinstance(vision, str) or not 0 < edge <= 4096:
            raise ValueError(f"edge {edge!r}, vision {vision!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(f"{path}: expected edge and vision of a trained planner; {error!r}") from None
    return edge, vision
