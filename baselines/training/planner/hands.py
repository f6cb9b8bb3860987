"""Hands that imitate: an orchestrator learns a teacher's tools and regions, whatever they led to."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from baselines.orchestrator.network import Network, Shape, shrink, vocabulary_words
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.training.planner.learn import Desk
from baselines.training.stage import Stage
from imgedit_gym.core.vocabulary import load_vocabulary
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.oracle import OracleOrchestrator

NAME = "hands"
_ENVS = 32
"""Episodes at a time."""

_WIDTH = 1
"""The teacher looks one step ahead."""


@dataclass
class Shown:
    """What the teacher did.

    Attributes:
        pictures: ``uint8 [n, 3, EDGE, EDGE]``.
        tokens: Image tokens, ``float16 [n, T, WIDTH]``.
        steps: Codes of the plan steps, ``int64 [n, 3]``.
        actions: Tool and region, ``int64 [n, 2]``.
    """

    pictures: torch.Tensor
    tokens: torch.Tensor
    steps: torch.Tensor
    actions: torch.Tensor


def watch(desk: Desk, episodes: int) -> tuple[Shown, tuple[str, ...]]:
    """Have the teacher carry out the oracle's plans, with mistakes.

    With half the rate it takes another tool that accepts the step, with half the rate another region.

    Returns:
        What was done, and the tools by number.
    """
    dice = random.Random(desk.seed)
    parts: list[Shown] = []
    teacher = OracleOrchestrator(width=_WIDTH)
    engine = Engine(_ENVS, split="train", device=desk.device)
    for start in range(0, episodes, _ENVS):
        rows = list(range(_ENVS))
        engine.reset(rows, [10_000_019 * (50 + desk.seed) + start + row for row in rows])
        engine.set_plans(rows, [engine.plan(row) for row in rows])
        teacher.begin(engine, torch.tensor(rows))
        while bool((active := engine.step_index < engine.plan_length).any()):
            at = active.nonzero().flatten()
            actions = torch.zeros(_ENVS, 2, dtype=torch.int64, device=engine.device)
            actions[at] = teacher.act(engine, at).to(engine.device)
            mask = engine.tool_mask()
            for row in at.tolist():
                if dice.random() < 0.5 * desk.noise:
                    actions[row, 0] = dice.choice(mask[row].nonzero().flatten().tolist())
                if dice.random() < 0.5 * desk.noise:
                    actions[row, 1] = dice.randrange(engine.nvec[1])
            canvas = engine.canvas[at]
            tokens, steps = desk.vision.tokens(canvas).half(), engine.current_codes()[at].long()
            parts.append(Shown(*(part.cpu() for part in (shrink(canvas), tokens, steps, actions[at]))))
            engine.step(actions, at)
    names = ("pictures", "tokens", "steps", "actions")
    return Shown(*(torch.cat([getattr(part, name) for part in parts]) for name in names)), engine.tool_ids


def imitate_hands(desk: Desk, folder: Path) -> Orchestrator:
    """Learn the teacher's choices, and write the orchestrator.

    Args:
        desk: What the stages share.
        folder: Where the finished orchestrator goes.
    """
    course = desk.preset.hands
    shown, tools = watch(desk, desk.preset.shown)
    torch.manual_seed(desk.seed)
    network = Network(Shape(), len(tools), vocabulary_words(desk.vision, load_vocabulary())).to(desk.device)
    stage = Stage(desk.folder, course, NAME, {"network": network}, lambda _: True, desk.settings)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        dice = random.Random(f"{desk.seed} {NAME} {step}")
        rows = torch.tensor([dice.randrange(len(shown.steps)) for _ in range(course.batch)])
        pictures, tokens, steps, actions = (
            part[rows].to(desk.device) for part in (shown.pictures, shown.tokens, shown.steps, shown.actions)
        )
        choices = network(pictures, steps, tokens.float())
        at = torch.arange(len(rows), device=actions.device)
        tool, region = actions.unbind(1)
        loss = F.cross_entropy(choices.regions, region) + F.cross_entropy(choices.tools[at, region], tool)
        right = (choices.tools[at, region].argmax(-1) == tool).float().mean()
        return loss, {"right tool": float(right)}

    network.train()
    stage.run(loss_of)
    made = Orchestrator(network.eval(), tools, desk.vision)
    made.save(
        folder,
        f"# Hands that imitate\n\nTeacher's noise {desk.noise}, {desk.preset.shown} episodes, seed {desk.seed}.\n",
    )
    return made
