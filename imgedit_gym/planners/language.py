"""Plans from a language model that cannot see: it is told what a detector finds in the picture."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, TONES
from imgedit_gym.core.plan import FORMS, PICTURE, Plan, PlanError, PlanStep, read_plan
from imgedit_gym.core.task_source import TaskSource
from imgedit_gym.core.tasks import TaskBatch
from imgedit_gym.models import background
from imgedit_gym.models.chat_server import ChatServer, object_of
from imgedit_gym.models.loading import load_language_model
from imgedit_gym.models.server import MalformedReply
from imgedit_gym.planners.decoding import write_plans
from imgedit_gym.planners.detector import Scene, look
from imgedit_gym.planners.grammar import PlanGrammar

SYSTEM = "You plan edits of advertisements. You are given a request and a list of what a picture shows."
FORM = (
    "Write a plan of 1 to {steps} edits that makes the advertisement meet the request, and changes nothing else. Each "
    "edit is one of: {forms}. X is an object of the picture where one is taken away, replaced or recolored. Objects "
    "that can be brought in: {objects}. COLOR: {colors}, for the background also {more}. PLACE: {places}. "
    "TONE: {tones}. Change the background first and the tone last."
)
JSON_FORM = ' Answer with a JSON object {"plan": ["first edit", "second edit"]} and nothing else.'

_ROWS = 8
"""Plans that a local model writes at a time."""

_LOG = logging.getLogger(__name__)


class LanguagePlanner:
    """Asks a language model for plans, in words.

    A model of transformers writes under the plan grammar, so that whatever it writes parses. One behind an
    OpenAI-compatible server answers with a JSON object under a schema; a reply that is none, or holds a line that is no
    plan step, is asked for once more. Where that fails too the request itself is the only step, and
    :attr:`notes` says why.

    Args:
        tasks: Where the tasks come from.
        model: Folder or hub id of a causal language model; with ``base_url`` the model's name on the server.
        base_url: Address of a server up to ``/v1``; ``None`` for a model of transformers.
        temperature: 0 for the likeliest plan; above 0 plans are drawn.
        seed: Of what is drawn.
        device: Where a model of transformers computes.
        dtype: Name of a torch type, or ``"auto"``.
        extra: Further fields of a request to the server.
        **server: What else :class:`imgedit_gym.models.server.Server` takes.

    Attributes:
        notes: Why the plan of a row is the request itself, by row of the batch.

    Raises:
        ImgEditError: If an argument is not what is expected, or the model cannot be loaded.
    """

    id = "language"
    version = "1"
    follows_oracle = False

    def __init__(
        self,
        tasks: TaskSource,
        model: str,
        base_url: str | None = None,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        device: str = "cpu",
        dtype: str = "auto",
        extra: Mapping[str, Any] | None = None,
        **server: Any,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be the name of a language model; found {model!r}")
        if not temperature >= 0:
            raise ImgEditError(f"temperature must be a number of at least 0; found {temperature!r}")
        if base_url is None and server:
            raise ImgEditError(f"{', '.join(sorted(server))}: only with base_url, the address of a server")
        self._tasks, self._model, self._temperature, self._seed = tasks, model, temperature, seed
        self._extra = dict(extra or {})
        self._server = None if base_url is None else ChatServer(base_url, **server)
        self._local = load_language_model(model, None, device, dtype) if base_url is None else None
        self.deterministic = base_url is None
        self.notes: dict[int, str] = {}

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """See :class:`imgedit_gym.planners.base.Planner`."""
        scenes = look(batch.images[rows.to(batch.device)], self._tasks.stock)
        requests = [self._tasks.instruction(batch, row) for row in rows.tolist()]
        longest = batch.plan.shape[1]
        told = [
            describe(scene, request, self._tasks.stock, longest)
            for scene, request in zip(scenes, requests, strict=True)
        ]
        if self._local is not None:
            return self._write(told, longest)
        plans: list[Plan] = []
        for row, request, answer in zip(rows.tolist(), requests, background.run(self._ask(told, longest)), strict=True):
            self.notes.pop(row, None)
            if answer.value is None:
                self.notes[row] = answer.error
                _LOG.warning("no plan for row %d, its request is the only step: %s", row, answer.error)
            plans.append(answer.value or (PlanStep("edit", PICTURE, request),))
        return plans

    # ------------------------------------------------------------------ a model of transformers

    def _write(self, told: Sequence[str], longest: int) -> list[Plan]:
        assert self._local is not None
        tokenizer, stock = self._local.processor, self._tasks.stock
        objects = [item.name for item in stock.catalogue.objects]
        grammar = PlanGrammar(tokenizer, tokenizer.eos_token_id, objects, stock.headlines, longest)
        plans: list[Plan] = []
        for start in range(0, len(told), _ROWS):
            texts = [_prompt(tokenizer, text) for text in told[start : start + _ROWS]]
            inputs = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
            inputs = {name: inputs[name].to(self._local.device) for name in ("input_ids", "attention_mask")}
            seeds = [self._seed_of(text) for text in told[start : start + _ROWS]]
            plans += write_plans(self._local.model, grammar, inputs, self._temperature, seeds)
        return plans

    # ------------------------------------------------------------------ a server

    async def _ask(self, told: Sequence[str], longest: int) -> list[Any]:
        server = self._server
        assert server is not None
        asked = [server.ask(partial(self._request, text, longest), partial(_read, longest=longest)) for text in told]
        return await background.together(asked)

    def _seed_of(self, told: str) -> int:
        """A seed of its own for each text, wherever it stands in a batch; below 2**31, which servers expect."""
        return zlib.crc32(f"{self._seed} {told}".encode()) & 0x7FFFFFFF

    def _request(self, told: str, longest: int) -> dict[str, Any]:
        lines = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": longest}
        schema = {
            "type": "object",
            "properties": {"plan": lines},
            "required": ["plan"],
            "additionalProperties": False,
        }
        return {
            "model": self._model,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": told + JSON_FORM}],
            "temperature": self._temperature,
            "seed": self._seed_of(told),
            "max_tokens": 64 * longest,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "plan", "strict": True, "schema": schema},
            },
        } | self._extra

    def close(self) -> None:
        """Close the connections to a server; they are made again when needed."""
        if self._server is not None:
            self._server.close()


def describe(scene: Scene, request: str, stock: Stock, max_steps: int) -> str:
    """What a language model is told of a task.

    Args:
        scene: What a detector found in the picture.
        request: The request in words.
        stock: Art that may be brought in.
        max_steps: Longest plan.
    """
    things = ", ".join(found.name for found in scene.detections) or "none"
    form = FORM.format(
        steps=max_steps,
        forms="; ".join(FORMS),
        objects=", ".join(item.name for item in stock.catalogue.objects),
        colors=", ".join(OBJECT_COLORS),
        more=", ".join(COLORS[len(OBJECT_COLORS) :]),
        places=", ".join(BACKGROUNDS),
        tones=", ".join(TONES),
    )
    return (
        f"{form}\nThe picture shows these objects: {things}. Background: {scene.background}, {scene.color}. "
        f"Headline: {scene.headline or 'none'}.\nRequest: {request}\n"
    )


def _prompt(tokenizer: Any, told: str) -> str:
    """The text in the form the model was taught to talk in, if it was."""
    if getattr(tokenizer, "chat_template", None) is None:
        return f"{SYSTEM}\n{told}Plan:\n"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": told}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def _read(body: dict[str, Any], longest: int) -> Plan:
    """The plan of a server's reply.

    Raises:
        MalformedReply: If it holds none.
    """
    lines = object_of(body, "plan")
    if not all(isinstance(line, str) for line in lines):
        raise MalformedReply(f"expected lines of text; found {lines!r}"[:200])
    try:
        return read_plan("\n".join(lines), longest)
    except PlanError as error:
        raise MalformedReply(str(error)) from None
