"""The orchestrator's share of the loop: it tries everything at the steps of plans that went well."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from baselines.orchestrator.explore import Explorer
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.orchestrator.outcomes import OutcomeTable
from baselines.training.loop.experience import Kept
from baselines.training.orchestrator.lessons import Lessons
from baselines.training.planner.plan import Course
from baselines.training.stage import Stage, finished
from imgedit_gym.engine import Engine

SHARPNESS = 0.03
"""How much less reward makes a choice e times less wanted, in score."""

CELLS = 4
"""Of the cells that only their place tells apart so many are tried; see the explorer."""

TABLE = "outcomes.sqlite"


@dataclass
class Practice:
    """Teaches an orchestrator, in place.

    Attributes:
        trained: The orchestrator.
        folder: For checkpoints and the outcome table.
        plans: Plans of each round that are practised at most.
        course: How what was tried is learnt.
        seed: Of all random choices.
        settings: What the whole loop depends on, as text.
    """

    trained: Orchestrator
    folder: Path
    plans: int
    course: Course
    seed: int
    settings: str

    def learn(self, number: int, kept: Sequence[Kept]) -> None:
        """Learn from the plans kept in a round, from where an earlier run was left.

        Args:
            number: Of the round.
            kept: Tasks, with plans that went well; not needed where all was learnt.
        """
        name = f"hands-{number}"
        network = self.trained.network.requires_grad_(True)
        lessons = Lessons(self.trained, SHARPNESS)
        if not finished(self.folder / f"{name}.pt", self.course, self.settings):
            dice = random.Random(f"{self.seed} {name}")
            self._try_out(lessons, dice.sample(list(kept), min(self.plans, len(kept))))
        stage = Stage(self.folder, self.course, name, {"network": network}, lambda _: True, self.settings)

        def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
            torch.manual_seed(self.seed * 1_000_003 + step)
            dice = random.Random(f"{self.seed} {name} {step}")
            rows = [dice.randrange(len(lessons)) for _ in range(self.course.batch)]
            return lessons.loss(network, rows, self.trained.device), {}

        network.train()
        if not stage.done and len(lessons):
            stage.run(loss_of)
        network.eval().requires_grad_(False)

    def _try_out(self, lessons: Lessons, kept: Sequence[Kept]) -> None:
        """Try every choice at each step on the orchestrator's way through some plans."""
        table = OutcomeTable(self.folder / TABLE)
        for one in kept:
            engine = Engine(1, tasks=one.spec, split=one.split)
            engine.reset([0], [one.seed])
            engine.set_plans([0], [one.plan])
            explorer, row = Explorer(engine, table, CELLS), torch.tensor([0])
            while int(engine.step_index[0]) < int(engine.plan_length[0]):
                lessons.add(explorer.here(row))
                codes, mask = engine.current_codes(), engine.tool_mask()
                action = self.trained.act(engine.canvas, codes, mask, engine.tool_ids)
                engine.step(torch.from_numpy(action))
