"""Learning plans: next tokens of plans that a teacher or the planner itself has written."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F

from baselines.planner.marks import Marks, Places
from baselines.planner.model import build_planner, prompt, shape_of
from baselines.planner.planner import Planner
from baselines.planner.vocabulary import CHAT_TEMPLATE, PAD, PlanWords, seen_requests
from baselines.training.judge.kinds import WIDTH
from baselines.training.judge.model import processor
from baselines.training.planner.lessons import Chunk, Lessons, draw
from baselines.training.planner.marking import Marked, in_order_of_picture, marked, marks_loss
from baselines.training.planner.measure import PLAIN, on_paper, write
from baselines.training.planner.plan import Course, Preset
from baselines.training.stage import Stage
from baselines.vision import Vision
from imgedit_gym.art.goals import load_goals

SPELLED = 0.03
"""Share of the words of requests that are spelled out, so that spelling means something where it is needed."""

WATCHED = 48
"""Tasks of the split ``val`` whose plans tell, on paper, how far learning has come."""

LOOKS = 6
"""How often that is looked at in a stage, at its beginning first and at its end last."""

_AT_ONCE = 512
"""Pictures whose places are read at once."""


@dataclass
class Desk:
    """What all stages share.

    Attributes:
        preset: The training.
        folder: Where checkpoints, logs and models go.
        seed: Of all random choices.
        noise: How often the teacher is wrong, in [0, 1].
        vision: The frozen encoder.
        device: Where to learn.
    """

    preset: Preset
    folder: Path
    seed: int
    noise: float
    vision: Vision
    device: str = "cpu"

    @property
    def settings(self) -> str:
        """What all stages' results depend on, beside how long they learn."""
        preset = self.preset
        told = f"--preset {preset.name} --noise {self.noise} --seed {self.seed}, encoder {self.vision.digest}"
        return f"{told}, {preset.layers} layers with marks, {preset.tasks} and {preset.tried} tasks"

    @cached_property
    def words(self) -> PlanWords:
        """The vocabulary."""
        book = load_goals()
        return PlanWords(self.vision, book.headlines, seen_requests(book))

    def planner(self) -> Planner:
        """A planner with its first weights."""
        torch.manual_seed(self.seed)
        vision, layers = self.vision, self.preset.layers
        model = build_planner(vision, self.words, layers).to(self.device)
        marks = Marks(Places(vision.kinds, vision.types, vision.codes), WIDTH, layers // 2).to(self.device)
        shaped = processor(shape_of(vision, layers), self.words, CHAT_TEMPLATE)
        return Planner.of(model, shaped, vision.edge, vision=vision.digest, marks=marks)


def plan_loss(
    planner: Planner,
    words: PlanWords,
    tokens: torch.Tensor,
    requests: Sequence[list[int]],
    plans: Sequence[list[int]],
    truth: Marked | None = None,
) -> tuple[torch.Tensor, float]:
    """Cross-entropy of the tokens of plans, of which the first are requests and pictures, and of their marks.

    Args:
        planner: Whose model learns.
        words: Its vocabulary.
        tokens: Image tokens, ``float [n, T, width]``.
        requests: Tokens of the requests.
        plans: Tokens of the plans, with the end.
        truth: Marks that the plans give to the pictures' places; without them the words alone count.

    Returns:
        The loss, and the share of plans of which every token is the likeliest.
    """
    model, pad = planner.model, words.ids[PAD]
    inputs = prompt(model, words.ids, tokens, requests)
    longest = max(map(len, plans))
    written = torch.tensor([plan + [pad] * (longest - len(plan)) for plan in plans], device=tokens.device)
    embed = model.get_input_embeddings()
    mask = torch.cat([inputs["attention_mask"], (written != pad).long()], 1)
    read = model.model.language_model(
        inputs_embeds=torch.cat([inputs["inputs_embeds"], embed(written)], 1),
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp_min(0),
        use_cache=False,
        output_hidden_states=truth is not None,
    )
    logits = read.last_hidden_state[:, -longest - 1 : -1] @ embed.weight.T
    loss = F.cross_entropy(logits.float().flatten(0, 1), written.flatten(), ignore_index=pad)
    if truth is not None:
        places, marks = slice(-longest - 1 - tokens.shape[1], -longest - 1), planner.own_marks
        loss = loss + marks_loss(marks, read.hidden_states[marks.layer][:, places], truth)
    with torch.no_grad():
        right = ((logits.argmax(-1) == written) | (written == pad)).all(1)
    return loss, float(right.float().mean())


def learn(
    planner: Planner, desk: Desk, name: str, course: Course, make: Callable[[], Lessons], settings: str = ""
) -> Lessons:
    """Learn, from where an earlier run of this name was left.

    What is learnt is kept in ``NAME.lessons.pt``, so that a run that goes on need not make it again.

    Args:
        planner: Whose model learns.
        desk: What the stages share.
        name: Of the checkpoint and the log.
        course: How long it learns and how fast.
        make: What to learn; asked for unless an earlier run has kept it, and before a checkpoint is read.
        settings: What this stage depends on beside what all do.

    Returns:
        What was learnt.
    """
    words, tokenizer = desk.words, planner.processor.tokenizer
    settings = f"{desk.settings}{settings and ', '}{settings}"
    path = desk.folder / f"{name}.lessons.pt"
    if path.exists():
        lessons = Lessons.load(path, settings)
    else:
        lessons = make()
        lessons.save(path, settings)
    parts = {"model": planner.model.model.language_model, "marks": planner.own_marks}
    stage = Stage(desk.folder, course, name, parts, lambda _: True, settings)
    items, places = lessons.items, planner.own_marks.places
    shown = torch.cat([places.seen(part) for part in lessons.tokens.split(_AT_ONCE)])
    truth = marked([item.plan for item in items], shown[[item.row for item in items]], places)
    requests = tokenizer([item.request for item in items], add_special_tokens=False)["input_ids"]
    rows = shown.tolist()
    plans = [planner.grammar.write(in_order_of_picture(item.plan, rows[item.row], places)) for item in items]

    looks = {round(course.steps * at / (LOOKS - 1)) for at in range(LOOKS)}

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        dice = random.Random(f"{desk.seed} {name} {step}")
        chosen = [dice.randrange(len(plans)) for _ in range(course.batch)]
        asked = [_spell(requests[at], words, dice) for at in chosen]
        with torch.autocast(torch.device(desk.device).type, torch.bfloat16):
            tokens = lessons.tokens[[items[at].row for at in chosen]].to(desk.device).float()
            told = Marked(truth.shown[chosen].to(desk.device), truth.verbs[chosen].to(desk.device))
            loss, right = plan_loss(planner, words, tokens, asked, [plans[at] for at in chosen], told)
        return loss, {"right": right}

    if not stage.done:
        watched = list(draw(planner.look, WATCHED, 0, "val", PLAIN))
        planner.model.train()
        stage.run(loss_of, lambda step: _look_at(planner, watched) if step in looks else {})
    planner.model.eval()
    return lessons


def _look_at(planner: Planner, chunks: Sequence[Chunk]) -> dict[str, float]:
    """What the plans for some tasks are worth so far, by the checklist."""
    planner.model.eval()
    found = on_paper(write(planner, chunks))
    planner.model.train()
    return {f"val/{name}": value for name, value in found.items()}


def _spell(request: list[int], words: PlanWords, dice: random.Random) -> list[int]:
    return [piece for token in request for piece in (words.spelled(token) if dice.random() < SPELLED else [token])]
