"""Plans from a language model that cannot see: it is told what a detector finds in the picture."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from imgedit_gym.models.server import Failure, MalformedReply
from imgedit_gym.planners.decoding import write_plans
from imgedit_gym.planners.detector import Scene, look
from imgedit_gym.planners.examples import load_examples
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


@dataclass(frozen=True)
class Written:
    """What a language model wrote for one request.

    Attributes:
        plan: Its plan; ``None`` if it gave none.
        error: Why there is none; empty if there is one.
        unreached: Whether that was no fault of the model: its server did not answer.
    """

    plan: Plan | None
    error: str = ""
    unreached: bool = False


class LanguageWriter:
    """Asks a language model for plans, in words.

    A model of transformers writes under the plan grammar, so that whatever it writes parses. One behind an
    OpenAI-compatible server answers with a JSON object under a schema; a reply that is none, or holds a line that is no
    plan step, is asked for once more. Where that fails too there is no plan, and a reason.

    Args:
        model: Folder or hub id of a causal language model; with ``base_url`` the model's name on the server.
        base_url: Address of a server up to ``/v1``; ``None`` for a model of transformers.
        temperature: 0 for the likeliest plan; above 0 plans are drawn.
        seed: Of what is drawn.
        examples: How many worked examples come first; the package has two. Those with more steps than a plan may have
            are left out.
        device: Where a model of transformers computes.
        dtype: Name of a torch type, or ``"auto"``.
        extra: Further fields of a request to the server.
        **server: What else :class:`imgedit_gym.models.server.Server` takes.

    Attributes:
        deterministic: Whether the same picture and request give the same plan: not behind a server.

    Raises:
        ImgEditError: If an argument is not what is expected, or the model cannot be loaded.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        examples: int = 2,
        device: str = "cpu",
        dtype: str = "auto",
        extra: Mapping[str, Any] | None = None,
        **server: Any,
    ) -> None:
        if not isinstance(model, str) or not model:
            raise ImgEditError(f"model must be the name of a language model; found {model!r}")
        if not temperature >= 0:
            raise ImgEditError(f"temperature must be a number of at least 0; found {temperature!r}")
        known = load_examples()
        if isinstance(examples, bool) or not isinstance(examples, int) or not 0 <= examples <= len(known):
            raise ImgEditError(f"examples must be a whole number from 0 to {len(known)}; found {examples!r}")
        if base_url is None and server:
            raise ImgEditError(f"{', '.join(sorted(server))}: only with base_url, the address of a server")
        self._model, self._temperature, self._seed = model, temperature, seed
        self._examples = known[:examples]
        self._extra = dict(extra or {})
        self._server = None if base_url is None else ChatServer(base_url, **server)
        self._local = load_language_model(model, None, device, dtype) if base_url is None else None
        self.deterministic = base_url is None

    def write(self, images: torch.Tensor, requests: Sequence[str], stock: Stock, longest: int) -> list[Written]:
        """Plans for pictures.

        Args:
            images: ``uint8 [n, H, W, 3]``.
            requests: One for each picture.
            stock: Art that may be brought in, and that is looked for in the pictures.
            longest: Steps of a plan at most.

        Returns:
            n plans, or why there is none.
        """
        scenes = look(images, stock)
        told = [describe(scene, request) for scene, request in zip(scenes, requests, strict=True)]
        rules = rules_of(stock, longest)
        if self._local is not None:
            return [Written(plan) for plan in self._write(rules, told, stock, longest)]
        return [
            Written(answer.value, answer.error, answer.failure not in (None, Failure.MALFORMED))
            for answer in background.run(self._ask(rules, told, longest))
        ]

    # ------------------------------------------------------------------ a model of transformers

    def _write(self, rules: str, told: Sequence[str], stock: Stock, longest: int) -> list[Plan]:
        assert self._local is not None
        tokenizer = self._local.processor
        objects = [item.name for item in stock.catalogue.objects]
        grammar = PlanGrammar(tokenizer, tokenizer.eos_token_id, objects, stock.headlines, longest)
        plans: list[Plan] = []
        for start in range(0, len(told), _ROWS):
            texts = [_prompt(tokenizer, self._messages(rules, text, longest)) for text in told[start : start + _ROWS]]
            inputs = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
            inputs = {name: inputs[name].to(self._local.device) for name in ("input_ids", "attention_mask")}
            seeds = [self._seed_of(text) for text in told[start : start + _ROWS]]
            plans += write_plans(self._local.model, grammar, inputs, self._temperature, seeds)
        return plans

    # ------------------------------------------------------------------ a server

    async def _ask(self, rules: str, told: Sequence[str], longest: int) -> list[Any]:
        server = self._server
        assert server is not None
        read = partial(_read, longest=longest)
        return await background.together(
            [server.ask(partial(self._request, rules, one, longest), read) for one in told]
        )

    def _seed_of(self, told: str) -> int:
        """A seed of its own for each text, wherever it stands in a batch; below 2**31, which servers expect."""
        return zlib.crc32(f"{self._seed} {told}".encode()) & 0x7FFFFFFF

    def _messages(self, rules: str, told: str, longest: int, as_json: bool = False) -> list[dict[str, str]]:
        """The conversation: the rules with the first example, the others, and the task."""
        form = JSON_FORM if as_json else ""
        shown = [example for example in self._examples if len(example.plan) <= longest]
        asked = [_scene(one.things, one.background, one.headline, one.request) + form for one in shown] + [told + form]
        asked[0] = f"{rules}\n{asked[0]}"
        messages = [{"role": "system", "content": SYSTEM}]
        for text, example in zip(asked, shown, strict=False):
            steps = [step.text for step in example.plan]
            answer = json.dumps({"plan": steps}) if as_json else "\n".join(steps)
            messages += [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        return [*messages, {"role": "user", "content": asked[-1]}]

    def _request(self, rules: str, told: str, longest: int) -> dict[str, Any]:
        lines = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": longest}
        schema = {
            "type": "object",
            "properties": {"plan": lines},
            "required": ["plan"],
            "additionalProperties": False,
        }
        return {
            "model": self._model,
            "messages": self._messages(rules, told, longest, as_json=True),
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


class LanguagePlanner(LanguageWriter):
    """Plans the tasks of an environment with a language model, in words.

    Where the model gives no plan the request itself is the only step.

    Args:
        tasks: Where the tasks come from.
        model: See :class:`LanguageWriter`.
        base_url: See there.
        **options: What else it takes.

    Attributes:
        notes: Why the plan of a row is the request itself, by row of the batch.
    """

    id = "language"
    version = "2"
    follows_oracle = False

    def __init__(self, tasks: TaskSource, model: str, base_url: str | None = None, **options: Any) -> None:
        super().__init__(model, base_url, **options)
        self._tasks = tasks
        self.notes: dict[int, str] = {}

    def plan(self, batch: TaskBatch, rows: torch.Tensor) -> Sequence[Plan] | None:
        """See :class:`imgedit_gym.planners.base.Planner`."""
        requests = [self._tasks.instruction(batch, row) for row in rows.tolist()]
        pictures = batch.images[rows.to(batch.device)]
        plans: list[Plan] = []
        written = self.write(pictures, requests, self._tasks.stock, batch.plan.shape[1])
        for row, request, one in zip(rows.tolist(), requests, written, strict=True):
            self.notes.pop(row, None)
            if one.plan is None:
                self.notes[row] = one.error
                _LOG.warning("no plan for row %d, its request is the only step: %s", row, one.error)
            plans.append(one.plan or (PlanStep("edit", PICTURE, request),))
        return plans


def rules_of(stock: Stock, max_steps: int) -> str:
    """What a language model is told of plans.

    Args:
        stock: Art that may be brought in.
        max_steps: Longest plan.
    """
    return FORM.format(
        steps=max_steps,
        forms="; ".join(FORMS),
        objects=", ".join(item.name for item in stock.catalogue.objects),
        colors=", ".join(OBJECT_COLORS),
        more=", ".join(COLORS[len(OBJECT_COLORS) :]),
        places=", ".join(BACKGROUNDS),
        tones=", ".join(TONES),
    )


def describe(scene: Scene, request: str) -> str:
    """What a language model is told of a task.

    Args:
        scene: What a detector found in the picture.
        request: The request in words.
    """
    things = ", ".join(found.name for found in scene.detections)
    return _scene(things, f"{scene.background}, {scene.color}", scene.headline, request)


def _scene(things: str, ground: str, headline: str | None, request: str) -> str:
    return (
        f"The picture shows these objects: {things or 'none'}. Background: {ground}. "
        f"Headline: {headline or 'none'}.\nRequest: {request}\n"
    )


def _prompt(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    """The conversation in the form the model was taught to talk in, if it was."""
    if getattr(tokenizer, "chat_template", None) is None:
        told = "".join(f"{'Plan:' if one['role'] == 'assistant' else ''}\n{one['content']}" for one in messages)
        return f"{told.lstrip()}Plan:\n"
    return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)


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
