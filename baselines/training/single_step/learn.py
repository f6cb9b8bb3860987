"""Learning to edit in one call from what a teacher made of adverts."""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from baselines.single_step.model import EDGE, Editor, Layers, make_scheduler, make_text_encoder, see, to_unit
from baselines.single_step.pipeline import ENCODER, SingleStepPipeline
from baselines.single_step.words import LONGEST, UNKNOWN, make_tokenizer, tokenize
from baselines.training.single_step.pairs import Teacher
from baselines.training.single_step.plan import Preset
from baselines.training.stage import Stage
from baselines.vision import Vision
from baselines.vision.encoder import WEIGHTS as OWN_ENCODER
from baselines.vision.encoder import digest_of
from imgedit_gym.judges.vlm.mosaic import resize
from imgedit_gym.tasks.adverts.source import Adverts

NAME = "editor"
GATE, GOAL = 0.3, 0.1
"""Weights of the losses of the gate and of naming the goal."""

CHANGED = 4
"""Levels of 255 by which a pixel must differ to count as changed."""


_CHUNK = 32
"""Edits drawn at once."""


@dataclass(frozen=True)
class Lessons:
    """N edits as the network takes them.

    Attributes:
        source: Pictures in [-1, 1], ``float32 [N, 3, EDGE, EDGE]``.
        after: What was to become of them, likewise.
        drawn: The same without the look of the whole, likewise.
        changed: Share of each pixel that is to change, ``float32 [N, 1, EDGE, EDGE]``.
        seen: See :func:`baselines.single_step.model.see`.
        ids: Tokens of the requests, ``int64 [N, L]``.
        mask: Which of them are no padding, ``int64 [N, L]``.
        goal: Index of the goal, ``int64 [N]``.
    """

    source: torch.Tensor
    after: torch.Tensor
    drawn: torch.Tensor
    changed: torch.Tensor
    seen: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    goal: torch.Tensor

    @classmethod
    def join(cls, parts: Sequence[Lessons]) -> Lessons:
        """Several as one."""
        return cls(*(torch.cat([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def rows(self, index: torch.Tensor) -> Lessons:
        """Some of them."""
        return Lessons(*(getattr(self, one.name)[index] for one in fields(self)))

    def padded(self, longest: int) -> Lessons:
        """The same with so many tokens."""
        more = longest - self.ids.shape[1]
        return replace(self, ids=F.pad(self.ids, (0, more)), mask=F.pad(self.mask, (0, more)))


class EditorTraining:
    """Trains the editor.

    Args:
        preset: How.
        folder: Where checkpoints and logs go.
        seed: Of everything random.
        vision: The frozen encoder that it sees with.
        device: Where it learns.
    """

    def __init__(self, preset: Preset, folder: Path, seed: int, vision: Vision, device: str) -> None:
        self.preset, self.folder, self.seed, self.vision = preset, folder, seed, vision
        self.device = torch.device(device)
        self.source = Adverts(preset.image_size, 8, "train", torch.device("cpu"))
        self.teacher = Teacher(self.source)
        goals = [self.source.book.goals[first] for first, _ in self.source.split.goal_rows(self.source.book)]
        self.goals = [goal.phrasings for goal in goals]
        self._goal_of = {text: index for index, texts in enumerate(self.goals) for text in texts}
        self.tokenizer = make_tokenizer(text for texts in self.goals for text in texts)
        self.scheduler = make_scheduler()
        self._pool: tuple[int, Lessons] | None = None
        self.seconds = 0.0
        """CPU seconds that it has learned for."""
        torch.manual_seed(seed)
        self.editor = Editor(preset.shape, len(self.tokenizer), LONGEST).to(self.device)
        # which goal a request is about: words are understood sooner if that is asked, too; not part of the editor
        self.aid = nn.Linear(preset.shape.words, len(self.goals)).to(self.device)

    @property
    def settings(self) -> str:
        """What a checkpoint must have been made with."""
        return f"seed {self.seed}, encoder {self.vision.digest}, {self.preset}"

    def run(self) -> None:
        """Learn, or go on with it."""
        parts = {"editor": self.editor, "aid": self.aid}
        stage = Stage(self.folder, self.preset.course, NAME, parts, lambda _: True, self.settings)
        self.editor.train()
        stage.run(self.loss)
        self.seconds = stage.seconds
        self.editor.eval()

    def save(self, folder: Path, encoder: Path | None = None) -> Path:
        """Write the editor as a pipeline in half precision.

        Args:
            folder: Where to.
            encoder: Folder of the image encoder that it sees through, to be copied with it; ``None`` for the package's.

        Returns:
            The folder.
        """
        editor = copy.deepcopy(self.editor).cpu().half()
        words = make_text_encoder(self.preset.shape, len(self.tokenizer), LONGEST, pooler=True).half()
        words.load_state_dict(editor.text_encoder.state_dict(), strict=False)
        nn.init.zeros_(words.pooler.dense.weight)
        nn.init.zeros_(words.pooler.dense.bias)
        SingleStepPipeline(
            unet=editor.unet,
            scheduler=self.scheduler,
            text_encoder=words,
            tokenizer=self.tokenizer,
            vision=self.vision.digest,
        ).save_pretrained(folder)
        if encoder is not None and self.vision.digest != digest_of(OWN_ENCODER):
            shutil.copytree(encoder, folder / ENCODER, dirs_exist_ok=True)
        return folder

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of an update, and its parts."""
        preset, device = self.preset, self.device
        draw = self._random(f"update {step}")
        lessons = self._lessons_of(step)
        n, words = lessons.ids.shape
        last = self.scheduler.config.num_train_timesteps - 1
        times = torch.randint(0, last, (n,), generator=draw)
        times = torch.where(torch.rand(n, generator=draw) < preset.noise_only, last, times).to(device)
        noise = torch.randn(lessons.source.shape, generator=draw).to(device)
        noisy = self.scheduler.add_noise(lessons.after, noise, times)
        forgotten = (torch.rand(n, words, generator=draw) < preset.forgotten).to(device) & (lessons.mask > 0)
        ids = torch.where(forgotten, self.tokenizer.convert_tokens_to_ids(UNKNOWN), lessons.ids)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            layers, mean = self.editor(noisy, times, lessons.source, lessons.seen, ids, lessons.mask)
            named = self.aid(mean)
        losses = _losses(layers, lessons)
        losses["goal"] = F.cross_entropy(named.float(), lessons.goal)
        loss = losses["picture"] + losses["layer"] + GATE * losses["gate"] + GOAL * losses["goal"]
        return loss, {name: float(value.detach()) for name, value in losses.items()}

    def _random(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(random.Random(f"{self.seed} {purpose}").getrandbits(62))

    def _lessons_of(self, step: int) -> Lessons:
        """What an update learns from: some of the pool, which is drawn anew after so many passes."""
        preset = self.preset
        batch, each = preset.course.batch, preset.pool // preset.course.batch
        number, at = divmod(step, each * preset.passes)
        if self._pool is None or self._pool[0] != number:
            self._pool = (number, self._draw(self._random(f"pool {number}")))
        turn, place = divmod(at, each)
        order = torch.randperm(preset.pool, generator=self._random(f"order {number} {turn}"))
        return self._pool[1].rows(order[place * batch : (place + 1) * batch].to(self.device))

    def _draw(self, draw: torch.Generator) -> Lessons:
        parts = [self._some(draw) for _ in range(0, self.preset.pool, _CHUNK)]
        longest = max(part.ids.shape[1] for part in parts)
        return Lessons.join([part.padded(longest) for part in parts]).rows(torch.arange(self.preset.pool))

    def _some(self, draw: torch.Generator) -> Lessons:
        pairs = self.teacher.draw_pairs(_CHUNK, draw)
        pictures = [to_unit(part, EDGE).to(self.device) for part in (pairs.before, pairs.after, pairs.drawn)]
        differs = (pairs.drawn.short() - pairs.before.short()).abs().amax(-1) > CHANGED
        ids, mask = tokenize(self.tokenizer, pairs.instructions, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            seen = see(self.vision, pairs.before)
        source, after, drawn = pictures
        return Lessons(
            source=source,
            after=after,
            drawn=drawn,
            changed=resize(differs[:, None].float(), EDGE, EDGE).to(self.device),
            seen=seen.float(),
            ids=ids,
            mask=mask,
            goal=torch.tensor([self._goal_of[text] for text in pairs.instructions], device=self.device),
        )


def _losses(layers: Layers, lessons: Lessons) -> dict[str, torch.Tensor]:
    """How far the picture, what is painted and where it is are from the teacher's, small edits as weighty as large."""
    changed = lessons.changed
    _, picture = layers.compose(lessons.source, snap=False)
    weight = 1.0 + 2.0 * changed / (changed.mean((1, 2, 3), keepdim=True) + 0.03)
    weight = weight / weight.mean((1, 2, 3), keepdim=True)
    inside = weight * changed

    def mean_of(errors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return (errors * weights).mean()

    return {
        "picture": mean_of(F.smooth_l1_loss(picture, lessons.after, reduction="none", beta=0.1), weight),
        "layer": mean_of(F.smooth_l1_loss(layers.layer, lessons.drawn, reduction="none", beta=0.1), inside),
        "gate": mean_of(F.binary_cross_entropy_with_logits(layers.gate, changed, reduction="none"), weight),
    }
