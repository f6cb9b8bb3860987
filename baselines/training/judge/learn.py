"""The stages: seeing and reading apart, against one fixed code, and then both together."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.training.ahead import Ahead
from baselines.training.at_once import Loss, learn_at_once
from baselines.training.checkpoint import checkpoint
from baselines.training.judge.asking import Asker, Packed, pack
from baselines.training.judge.kinds import FREE, KIND, PLACES, TERMS, TINT, WIDE, WIDTH, Codes, Kinds
from baselines.training.judge.losses import Aids, Letters, answer_loss, true_tokens, vision_loss
from baselines.training.judge.model import build, image_tokens, lay_out
from baselines.training.judge.pairs import Pairs, Places
from baselines.training.judge.plan import Course, Preset
from baselines.training.judge.spoiled import Spoiler
from baselines.training.judge.taking import digest_of, is_vision, take_eyes, take_up
from baselines.training.judge.tooled import Balance, Bench, Edited
from baselines.training.judge.vocabulary import Words
from baselines.training.judge.wider import WIDER
from baselines.training.judge.wording import TAUGHT
from baselines.training.judge.world import World
from baselines.training.stage import Stage
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.judges.vlm.mosaic import mosaic

REFILL_STEPS = 20
EPISODE_STEPS = 60
AGENTS_LAYERS = 4
"""Layers of the vision half whose tokens agents read, at most."""

TOKEN_NOISE = 0.05
"""Deviation of the noise on true image tokens from which the language half learns."""


@dataclass
class Workshop:
    """What all stages share.

    Attributes:
        preset: The training.
        kinds: What can be seen.
        words: What can be said.
        folder: Where checkpoints, logs and curves go.
        seed: Of all random choices.
    """

    preset: Preset
    kinds: Kinds
    words: Words
    folder: Path
    seed: int

    @classmethod
    def open(cls, preset: Preset, folder: Path, seed: int) -> Workshop:
        """Make the codes, or take up those of an earlier start.

        Raises:
            ImgEditError: If the preset has other places than tokens have numbers for, or the world's words changed.
        """
        if preset.shape.places != PLACES:
            raise ImgEditError(f"expected {PLACES} places along an edge; found {preset.shape.places}")
        kinds = Kinds.load()
        path = folder / "codes.pt"
        if path.exists():
            codes = Codes(**torch.load(path))
        else:
            codes = Codes.make(kinds, steps=preset.code_steps)
            checkpoint(path, **vars(codes))
        words = Words(kinds, codes)
        known = folder / "words.json"
        if not known.exists():
            known.write_text(json.dumps(words.tokens), encoding="utf-8")
        elif json.loads(known.read_text(encoding="utf-8")) != list(words.tokens):
            raise ImgEditError(f"{known}: expected the words of today's world; it has changed: train in another folder")
        return cls(preset, kinds, words, folder, seed)

    @property
    def settings(self) -> str:
        """What all stages' results depend on, beside how long they learn."""
        return f"--seed {self.seed}, {self.preset.shape}"

    def narrow(self) -> Workshop:
        """The same for a vision half whose tokens are those that agents read."""
        shape = self.preset.shape
        shape = replace(shape, width=WIDTH, vision_layers=min(shape.vision_layers, AGENTS_LAYERS))
        return replace(self, preset=replace(self.preset, shape=shape))

    def model(self) -> Any:
        """The model with its first weights."""
        torch.manual_seed(self.seed)
        model = build(self.preset.shape, self.words)
        if self.preset.shape.width == WIDE:
            lay_out(model, self.preset.shape)
        return model

    def asker(self, takes: torch.Tensor, rough: float) -> Asker:
        """Asks in all words that are taught."""
        table = dict(WIDER)
        for kind, (straight, turned) in TAUGHT.items():
            table[kind] = (straight + WIDER[kind][0], turned + WIDER[kind][1])
        return Asker(self.words, takes, table, rough=rough)

    def worlds(self, course: Course) -> list[World]:
        """One world for each size of the pictures."""
        return [World(self.kinds, size, self.preset.shape.places) for size, _ in course.sizes]


def begin(
    shop: Workshop,
    name: str,
    parts: dict[str, torch.nn.Module],
    chosen: Callable[[str], bool],
    origin: str = "",
    course: str | None = None,
) -> Stage[Course]:
    """A stage of the training, where it was left; ``origin`` says what else it began with."""
    return Stage(shop.folder, shop.preset.courses[course or name], name, parts, chosen, shop.settings + origin)


class Drawer:
    """Draws pairs for a stage, each step's from its own random numbers."""

    def __init__(self, shop: Workshop, course: Course, salt: int) -> None:
        self.course, self.worlds = course, shop.worlds(course)
        self._seed = (shop.seed * 1_000_003 + salt) * 1_000_003
        self._filled: dict[int, int] = {}

    def draw(self, step: int) -> tuple[Pairs, random.Random, torch.Generator]:
        """Pairs of a step, with random numbers for what else is needed."""
        numbers = torch.Generator().manual_seed(self._seed + step)
        dice = random.Random(self._seed + step)
        which = dice.choices(range(len(self.worlds)), [share for _, share in self.course.sizes])[0]
        world, fill = self.worlds[which], step // REFILL_STEPS
        if self._filled.get(which) != fill:
            world.refill(torch.Generator().manual_seed(self._seed - 1 - fill))
            self._filled[which] = fill
        pairs = world.pairs(self.course.pairs, numbers, self.course.recipe)
        pairs.after = _grained(pairs.after, numbers)
        return pairs, dice, numbers


def _grained(pictures: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Some pictures with the grain that editors leave."""
    rows = (torch.rand(len(pictures), generator=draw) < 0.15).nonzero().flatten()
    if len(rows):
        strength = 1.0 + 4.0 * torch.rand(len(rows), 1, 1, 1, generator=draw)
        noise = strength * torch.randn(pictures[rows].shape, generator=draw)
        pictures[rows] = (pictures[rows] + noise).round().clamp(0, 255).to(torch.uint8)
    return pictures


def autocast() -> Any:
    """Matrix products in bfloat16, which many CPUs do several times faster."""
    return torch.autocast("cpu", torch.bfloat16)


def learn_vision(shop: Workshop, start: Path | None = None, name: str = "vision") -> Any:
    """The vision half learns to write the code of what stands at each place.

    Args:
        shop: The workshop.
        start: Folder of a finished model whose vision half it goes on with, even if its tokens were narrower.
        name: Of the stage.
    """
    model = shop.model()
    torch.manual_seed(shop.seed + 2)
    letters = Letters(shop.words, shop.preset.shape.places, shop.preset.shape.width)
    parts: dict[str, torch.nn.Module] = {"model": model, "aid": letters}
    origin = ""
    if start is not None:
        origin = f", begun with {digest_of(start)}"
        if not (shop.folder / f"{name}.pt").exists():
            take_eyes(model, start)
    course = "vision" if start is None else "refit"
    stage = begin(shop, name, parts, lambda part: is_vision(part) or part[:4] == "aid.", origin, course)
    if stage.done:
        return model
    drawer, edge = Drawer(shop, stage.course, 1), shop.preset.shape.edge

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        pairs, _, _ = drawer.draw(step)
        with autocast():
            tokens = image_tokens(model, mosaic(pairs.before, pairs.after, edge)).float()
        loss, values = vision_loss(tokens, pairs, shop.words)
        spelling = letters.loss(tokens, pairs)
        return loss + 2.0 * spelling, {**values, "letters": float(spelling.detach())}

    stage.run(loss_of)
    return model


def learn_language(shop: Workshop) -> tuple[Any, Aids]:
    """The language half learns to answer from true image tokens with noise."""
    model = shop.model()
    torch.manual_seed(shop.seed + 1)
    aids = Aids(shop.words)
    stage = begin(shop, "language", {"model": model, "aid": aids}, lambda name: not is_vision(name))
    if stage.done:
        return model, aids
    course = stage.course
    drawer = Drawer(shop, course, 2)
    asker = shop.asker(drawer.worlds[0].takes, course.rough)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        pairs, dice, numbers = drawer.draw(step)
        packed = pack(asker.ask(pairs, course.questions, dice))
        tokens = true_tokens(pairs, shop.words)
        tokens += TOKEN_NOISE * torch.randn(tokens.shape, generator=numbers)
        with autocast():
            answers, logits, aid = answer_loss(model, aids, tokens, packed, shop.words, pairs)
        loss = 2.0 * answers + 0.5 * sum(aid.values())
        return loss, {"answers": float(answers.detach()), **_floats(aid), **rights(logits, packed)}

    stage.run(loss_of)
    return model, aids


def _floats(values: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in values.items()}


def rights(logits: torch.Tensor, packed: Packed) -> dict[str, float]:
    """Share of right answers in all, and by kind of question."""
    right = ((logits > 0) == packed.answer).tolist()
    found = {"right": float(np.mean(right))}
    for kind in dict.fromkeys(packed.kind):
        found[f"right/{kind}"] = float(np.mean([r for r, k in zip(right, packed.kind, strict=True) if k == kind]))
    return found


@torch.no_grad()
def match_codes(model: Any, pairs: Pairs, shop: Workshop) -> None:
    """Give image tokens the length that the language half knows, and nothing where it knows nothing."""
    tokens = image_tokens(model, mosaic(pairs.before, pairs.after, shop.preset.shape.edge))
    truth, last = true_tokens(pairs, shop.words), model.model.multi_modal_projector.linear_2
    for part in (KIND, TINT, TERMS):
        gain = (tokens[..., part] * truth[..., part]).sum() / (truth[..., part] ** 2).sum()
        last.weight[part] /= gain
        last.bias[part] /= gain
    last.weight[FREE], last.bias[FREE] = 0.0, 0.0


def learn_together(shop: Workshop) -> Any:
    """Both halves learn to answer from pictures, drawn ones and such as the tools made."""
    vision, language = torch.load(shop.folder / "vision.pt"), torch.load(shop.folder / "language.pt")
    model = shop.model()
    state = language["parts"]["model"]
    state.update({name: value for name, value in vision["parts"]["model"].items() if is_vision(name)})
    model.load_state_dict(state)
    aids = Aids(shop.words)
    aids.load_state_dict(language["parts"]["aid"])
    fresh = not (shop.folder / "joint.pt").exists()
    stage = begin(shop, "joint", {"model": model, "aid": aids}, lambda name: True)
    if stage.done:
        return model
    drawer = Drawer(shop, stage.course, 3)
    if fresh:
        match_codes(model, drawer.draw(0)[0], shop)
    _teach(shop, stage, model, aids, drawer)
    return model


def learn_further(shop: Workshop, start: Path) -> Any:
    """A finished model goes on learning as it did in the stage before.

    Args:
        shop: The workshop.
        start: Folder of the model to begin with.
    """
    model = shop.model()
    torch.manual_seed(shop.seed + 3)
    aids = Aids(shop.words)
    fresh = not (shop.folder / "further.pt").exists()
    origin = f", begun with {digest_of(start)}"
    stage = begin(shop, "further", {"model": model, "aid": aids}, lambda name: True, origin)
    if stage.done:
        return model
    if fresh:
        take_up(model, shop.words, start)
    _teach(shop, stage, model, aids, Drawer(shop, stage.course, 4))
    return model


Lot = tuple[torch.Tensor, Places, Packed]
"""Edited pictures beside those of before, what is seen where, and questions."""


def _teach(shop: Workshop, stage: Stage[Course], model: Any, aids: Aids, drawer: Drawer) -> None:
    """Learn to answer from pictures: drawn ones, and at the same time such as the tools made.

    A run that was interrupted plays other episodes until the next ones begin, and is not the same to the last digit.
    """
    course, edge = stage.course, shop.preset.shape.edge
    asker = shop.asker(drawer.worlds[0].takes, course.rough)
    bench, balance = Bench(shop.words, course.tooled), Balance(course.weights)
    spoiler = Spoiler(bench)
    begun = -1

    def make(step: int) -> tuple[torch.Tensor, Pairs, Packed, list[Lot | None]]:
        nonlocal begun
        pairs, dice, numbers = drawer.draw(step)
        packed, seen = pack(asker.ask(pairs, course.questions, dice)), mosaic(pairs.before, pairs.after, edge)
        # the next pictures are drawn over these
        drawn = seen, replace(pairs, before=pairs.before[:0], after=pairs.after[:0]), packed
        if begun != step // EPISODE_STEPS:
            # anew every so often, so that a run that was interrupted finds its way back to the same episodes
            begun = step // EPISODE_STEPS
            bench.begin(begun)
            bench.play(dice)
        edits = [bench.play(dice)]
        if course.spoiled:
            edits.append(spoiler.make(course.spoiled, dice, numbers))
        places = [bench.places(edited, drawer.worlds[0]) for edited in edits]
        edits[0].after = _grained(edits[0].after, numbers)
        return *drawn, [ask(*edited, dice) for edited in zip(edits, places, strict=True)]

    def ask(edited: Edited, places: Places, dice: random.Random) -> Lot | None:
        asked = [balance.pick(row, course.questions, asker.wordings, dice, asker.drop) for row in edited.asked]
        for row, shown in zip(asked, edited.shown, strict=True):
            if shown.sure:  # where there is nothing, it may be that the exact judge cannot make it out
                row += [asker.wordings.put(*one, dice, asker.drop) for one in asker.count(shown, course.counts, dice)]
        keep = [row for row, some in enumerate(asked) if some]
        if not keep:
            return None
        seen = mosaic(edited.before[keep], edited.after[keep], edge)
        return (
            seen,
            places.rows(keep),
            pack([asked[r] for r in keep]),
        )

    def of_drawn(step: int) -> Loss:
        laid, pairs, packed, _ = made[step]
        with autocast():
            tokens = image_tokens(model, laid).float()
            settling = step < course.settling
            answers, logits, extra = answer_loss(model, aids, tokens, packed, shop.words, pairs, settling)
        seen, values = vision_loss(tokens, pairs, shop.words)
        loss = answers + 0.15 * sum(extra.values()) + 0.35 * seen
        return loss, {"answers": float(answers.detach()), **_floats(extra), **values, **rights(logits, packed)}

    def of_edited(which: int, name: str, step: int) -> Loss:
        lots = made[step][-1]
        lot = lots[which]
        if lot is None:
            return 0.0 * stage.learning[0].sum(), {}
        laid, places, packed = lot
        with autocast():
            tokens = image_tokens(model, laid).float()
            answers, logits, _ = answer_loss(model, None, tokens, packed, shop.words)
        seen, values = vision_loss(tokens, places, shop.words)
        told = {f"{name}/{key}": values[key] for key in ("right_object", "right_new")}
        told |= {f"{name}/{key}": value for key, value in rights(logits, packed).items()}
        share = len(laid) / sum(len(one[0]) for one in lots if one is not None)
        return share * (1.5 * answers + 0.35 * seen), {f"answers/{name}": float(answers.detach()), **told}

    losses: list[Callable[[int], Loss]] = [of_drawn, partial(of_edited, 0, "tools")]
    if course.spoiled:
        losses.append(partial(of_edited, 1, "spoiled"))
    with ThreadPoolExecutor(2) as threads, Ahead(make, course.steps) as made:
        stage.run(lambda step: learn_at_once(threads, stage.learning, losses, step))
