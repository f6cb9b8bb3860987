"""Learning from the outcome table: rounds of trying everything along the way, and of supervised learning on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.orchestrator.explore import Explored, Explorer, source_states
from baselines.orchestrator.measure import measure
from baselines.orchestrator.network import Network, vocabulary_words
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.orchestrator.outcomes import OutcomeTable, Table, judge_name, tool_versions
from baselines.training.checkpoint import checkpoint, read_checkpoint
from baselines.training.orchestrator.curve import Curve, Pace
from baselines.training.orchestrator.lessons import Lessons
from baselines.training.orchestrator.plan import CROWDED, TablePreset
from baselines.vision import Vision
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine

SAVE_SECONDS = 60.0
LOG_STEPS = 20
TABLE = "outcomes.sqlite"
CHECKPOINT = "table.pt"
REWARDS = ("delta", "additive")
WARM = 20
"""Updates in which the learning rate of a round rises."""


class TableTraining:
    """A training that can be killed at any time and goes on from its last checkpoint to the same weights.

    Args:
        preset: How it learns.
        folder: For checkpoints and curves.
        seed: Of all random choices.
        vision: The frozen encoder; ``None`` where ``preset.shape.codes`` is not set.
        device: Where to compute.
        table: File of the outcome table, which several trainings may share.
        reward: ``"delta"``: what a step changes on the way that is gone; ``"additive"``: what it alone would do to the
            source picture.
    """

    def __init__(
        self,
        preset: TablePreset,
        folder: Path,
        seed: int = 0,
        vision: Vision | None = None,
        device: str = "cpu",
        table: Path | None = None,
        reward: str = "delta",
    ) -> None:
        if reward not in REWARDS:
            raise ImgEditError(f"reward: expected one of {REWARDS}; found {reward!r}")
        if any(one.episodes % preset.envs for one in preset.rounds) or preset.validation % preset.envs:
            raise ImgEditError(f"envs must divide the episodes of every round; found {preset.envs}")
        self.preset, self.folder, self.seed, self.reward = preset, folder, seed, reward
        folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device(device)
        self._arguments: dict[str, Any] = {"image_size": preset.image_size, "device": device}
        self.table = OutcomeTable(folder / TABLE if table is None else table)
        self.explorers = [
            Explorer(
                Engine(preset.envs, tasks={"id": "adverts", **knobs}, split="train", **self._arguments),
                self.table,
                preset.cells,
            )
            for knobs in preset.adverts
        ]
        self.engine = self.explorers[0].engine
        torch.manual_seed(seed)
        words = None if vision is None else vocabulary_words(vision, self.engine.vocabulary)
        network = Network(preset.shape, len(self.engine.tools), words).to(self.device)
        self.orchestrator = Orchestrator(network, self.engine.tool_ids, vision if preset.shape.codes else None)
        decayed = [p for p in network.parameters() if p.ndim > 1]
        plain = [p for p in network.parameters() if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}],
            preset.rate,
            betas=(0.9, 0.98),
        )
        eyes = vision.digest if vision is not None and preset.shape.codes else "none"
        self._settings = f"--method table --seed {seed} --reward {reward}, encoder {eyes}, {preset}"
        self.round = self.step = self.calls = 0
        self.seconds = 0.0
        self.lessons = Lessons(self.orchestrator, preset.sharpness)
        self._gathered = 0
        self._tell: Callable[[str], None] = lambda doing: None
        self._resume()

    # ------------------------------------------------------------------ the run

    def run(self) -> Orchestrator:
        """Learn; what is done already is not done again."""
        curve = Curve(self.folder, "table")
        began = time.process_time() - self.seconds
        total = sum(one.updates for one in self.preset.rounds)
        pace = Pace("table", "updates", total, self.step, self.seconds)
        self._tell = lambda doing: pace.tell(self.step, time.process_time() - began, doing)
        validation: Lessons | None = None
        while self.round < len(self.preset.rounds):
            if self._gathered == self.round:
                self._gather()
                curve.writer.add_scalar("cost/states", len(self.lessons), self.step)
                self.seconds = time.process_time() - began
                self._save()
            self._learn(curve, began)
            validation = validation or self._validation()
            self.round += 1
            self._measure(curve, validation)
            self._save()
        return self.orchestrator

    def _learn(self, curve: Curve, began: float) -> None:
        network, updates = self.orchestrator.network, [one.updates for one in self.preset.rounds]
        first, last = sum(updates[: self.round]), sum(updates[: self.round + 1])
        saved, paused, losses = time.monotonic(), time.perf_counter(), []
        while self.step < last:
            network.train()
            # drawn anew from seed and step, so that a run that was interrupted learns the same
            draw = np.random.default_rng((self.seed, 1, self.step))
            torch.manual_seed(self.seed * 1_000_003 + self.step)
            rows = draw.choice(len(self.lessons), self.preset.batch, replace=len(self.lessons) < self.preset.batch)
            loss = self.lessons.loss(network, rows.tolist(), self.device)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            scale = min(1.0, (self.step - first + 1) / WARM, max(0.05, (last - self.step) / (last - first) / 0.7))
            for group in self.optimizer.param_groups:
                group["lr"] = self.preset.rate * scale
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.step += 1
            losses.append(float(loss.detach()))
            self.seconds = time.process_time() - began
            self._tell("")
            if self.step % LOG_STEPS == 0:
                curve.writer.add_scalar("train/loss", float(np.mean(losses)), self.step)
                speed = len(losses) / (time.perf_counter() - paused)
                curve.writer.add_scalar("speed/updates_per_second", speed, self.step)
                paused, losses = time.perf_counter(), []
            if time.monotonic() - saved > SAVE_SECONDS:
                self._save()
                saved = time.monotonic()

    def _measure(self, curve: Curve, validation: Lessons) -> None:
        network = self.orchestrator.network
        values, episodes = measure(
            self.orchestrator, range(self.preset.validation), {**self._arguments, "split": "val"}, pictured=6
        )
        values |= validation.grade(network, self.device)
        crowded, _ = measure(
            self.orchestrator,
            range(self.preset.validation),
            {**self._arguments, "split": "val", "tasks": {"id": "adverts", **CROWDED}},
        )
        values |= {f"crowded/{name}": crowded[name] for name in ("score", "success") if name in crowded}
        values["states"] = len(self.lessons)
        curve.add(self.step, self.calls, self.seconds, values)
        curve.episodes(self.step, episodes)

    # ------------------------------------------------------------------ gathering

    def _gather(self) -> None:
        """Add the states of a round's episodes to the lessons."""
        before = self._asked
        done = sum(one.episodes for one in self.preset.rounds[: self.round])
        for start in range(0, self.preset.rounds[self.round].episodes, self.preset.envs):
            explorer = self.explorers[(done + start) // self.preset.envs % len(self.explorers)]
            first = self.seed * 10_000_019 + done + start
            self.lessons.add(self._play(explorer, first, follow_best=self.round == 0))
        self.calls += self._asked - before
        self._gathered = self.round + 1

    @property
    def _asked(self) -> int:
        """Outcomes asked for so far."""
        return sum(one.calls + one.known for one in self.explorers)

    def _validation(self) -> Lessons:
        """States on the table's best way through the split ``val``."""
        engine = Engine(self.preset.envs, split="val", **self._arguments)
        explorer, found = Explorer(engine, self.table, self.preset.cells), Lessons(self.orchestrator, 1.0)
        for first in range(0, self.preset.validation, self.preset.envs):
            found.add(self._play(explorer, first, follow_best=True))
        return found

    def _play(self, explorer: Explorer, first: int, follow_best: bool) -> list[Explored]:
        """Try everything along the way of a batch of episodes."""
        engine, found = explorer.engine, []
        engine.reset(range(engine.num_envs), range(first, first + engine.num_envs))
        if self.reward == "additive":
            for indices, rows in source_states(engine):
                found += _from_source(
                    explorer.at(engine.batch.images[rows], indices, rows, torch.zeros(len(rows)), True)
                )
            return found
        draw = np.random.default_rng((self.seed, 2, first))
        while True:
            rows = (engine.step_index < engine.plan_length).nonzero().flatten()
            if not len(rows):
                return found
            self._tell(f"trying actions from task {first} on")
            here = explorer.here(rows)
            found += here
            actions = torch.zeros(engine.num_envs, 2, dtype=torch.int64, device=engine.device)
            if follow_best:
                actions[rows] = torch.tensor([one.best() for one in here], device=engine.device)
            else:
                actions[rows] = self._sampled(engine, rows, draw)
            engine.step(actions, rows)

    def _sampled(self, engine: Engine, rows: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
        """Choices of the policy, each as often as it is likely."""
        choices = self.orchestrator.choices(engine.canvas[rows], engine.current_codes()[rows])
        chances = choices.log_probs(engine.tool_mask()[rows].to(self.device)).double().exp().flatten(1).cpu().numpy()
        chosen = [int(np.searchsorted(row.cumsum(), draw.random() * row.sum())) for row in chances]
        n_regions = choices.regions.shape[1]
        return torch.tensor([divmod(min(one, chances.shape[1] - 1), n_regions) for one in chosen], device=engine.device)

    # ------------------------------------------------------------------ checkpoints

    def _save(self) -> None:
        checkpoint(
            self.folder / CHECKPOINT,
            settings=self._settings,
            network=self.orchestrator.network.state_dict(),
            optimizer=self.optimizer.state_dict(),
            counts=(self.round, self.step, self.calls, self._gathered),
            seconds=self.seconds,
            states=[(one.state.key, one.before) for one in self.lessons.explored],
        )

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        state = read_checkpoint(path, self._settings)
        self.orchestrator.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.round, self.step, self.calls, self._gathered = state["counts"]
        self.seconds = state["seconds"]
        keys = [key for key, _ in state["states"]]
        versions, judge = tool_versions(self.engine.tools), judge_name(self.engine.judge)
        known = self.table.read(keys, versions, judge)
        stale = next((key for key in keys if key not in known), None)
        if stale is not None:
            raise ImgEditError(
                f"{self.table.path}: expected outcomes of today's tools and judge for the state {stale}; "
                "start in another folder"
            )
        self.lessons.add(
            [
                Explored(held, Table.make(known[held.key], self.engine.tool_ids), before)
                for held, (_, before) in zip(self.table.states(keys), state["states"], strict=True)
            ]
        )


def _from_source(explored: list[Explored]) -> list[Explored]:
    """Rewards that count from the source picture: from what skipping leaves."""
    for one in explored:
        one.before = float(one.table.scores[0, 0])
    return explored
