"""How near an orchestrator comes to the best when the plan is the task's own.

``python -m baselines.orchestrator.measure [--weights DIR] [--split test] [--episodes 300]`` plays the oracle's plans
with regions and tools from different hands: learned, the oracle's, those of the frozen encoder alone, a fixed table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from baselines.agents import AGENTS
from baselines.agents.base import Agent
from baselines.agents.tables import table_tool
from baselines.cli import check_episodes, check_folder, run_command, write_results
from baselines.orchestrator.orchestrator import Orchestrator
from baselines.rollout import Episode, run_episodes
from baselines.statistics import mean_interval, normalised_interval
from baselines.vision.grounding import find_regions
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine, oracle_regions

_BATCH = 64
"""Episodes at a time."""

REGIONS = ("learned", "oracle", "seen")
TOOLS = ("learned", "table")


class OnOraclePlan(Agent):
    """Carries out the task's own plan.

    Args:
        orchestrator: The trained orchestrator.
        regions: ``"learned"``, the oracle's, or where the frozen encoder sees the step's target (``"seen"``).
        tools: ``"learned"``, or those of the fixed table.
    """

    privileged = True

    def __init__(self, orchestrator: Orchestrator, regions: str = "learned", tools: str = "learned") -> None:
        self._orchestrator, self._regions, self._tools = orchestrator, regions, tools

    def attach(self, engine: Engine) -> None:
        """Take the engine, which knows the oracle's regions."""
        self._where = [oracle_regions(engine, row) for row in range(engine.num_envs)]

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """Tool and region, each from its own hand."""
        rows = np.flatnonzero(infos["active"])
        images, steps = observations["image"][rows], observations["plan_step"][rows]
        words = [infos["plan"][row][infos["plan_index"][row]] for row in rows]
        orchestrator, ids = self._orchestrator, self.context.tool_ids
        tokens = orchestrator.tokens(images)
        there = torch.tensor([ids.index(id) for id in orchestrator.tool_ids])
        mask = torch.from_numpy(infos["tool_mask"][rows])[:, there].to(orchestrator.device)
        choices = orchestrator.choices(images, steps, tokens)
        best = choices.best(mask).cpu()
        if self._regions == "oracle":
            where = [self._where[row][infos["plan_index"][row]] for row in rows]
            best[:, 1] = torch.tensor(where)
        elif self._regions == "seen":
            assert orchestrator.vision is not None and tokens is not None
            best[:, 1] = find_regions(orchestrator.vision, tokens, words)
        if self._tools == "learned":
            at = torch.arange(len(rows))
            tools = choices.tools.cpu()[at, best[:, 1]].masked_fill(~mask.cpu(), -torch.inf)
            best[:, 0] = there[tools.argmax(-1)]
        else:
            best[:, 0] = torch.tensor([self.context.tool(table_tool(step)) for step in words])
        actions = np.zeros((len(infos["active"]), 2), dtype=np.int64)
        actions[rows] = best.numpy()
        return actions


def play(name: str, agent: Agent, seeds: Sequence[int], arguments: dict[str, Any], pictured: int = 0) -> list[Episode]:
    """Episodes of an agent, a batch at a time."""
    episodes: list[Episode] = []
    for start in range(0, len(seeds), _BATCH):
        part = list(seeds[start : start + _BATCH])
        episodes += run_episodes(name, agent, part, arguments, pictured=pictured if start == 0 else 0)
    return episodes


def measure(
    orchestrator: Orchestrator, seeds: Sequence[int], arguments: dict[str, Any], pictured: int = 0
) -> tuple[dict[str, float], list[Episode]]:
    """Means over tasks with the oracle's plan.

    Args:
        orchestrator: The orchestrator.
        seeds: One task each.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
        pictured: How many episodes keep their pictures.

    Returns:
        ``score``, ``success``, ``return``, ``execution``, ``preservation`` and ``quality`` of the episodes that could
        be judged, and ``invalid``, the number of the others; and the episodes.
    """
    episodes = play("learned", OnOraclePlan(orchestrator), seeds, arguments, pictured)
    judged = [one for one in episodes if one.valid]
    names = ("score", "success", "execution", "preservation", "quality")
    found = {name: float(np.mean([getattr(one, name) for one in judged])) for name in names if judged}
    if judged:
        found["return"] = float(np.mean([sum(step.reward for step in one.steps) for one in judged]))
    found["invalid"] = float(len(episodes) - len(judged))
    return found, episodes


def compare(orchestrator: Orchestrator, seeds: Sequence[int], arguments: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every pair of hands, between doing nothing and the oracle, with intervals over tasks."""
    runs = {name: play(name, AGENTS.build(name), seeds, arguments) for name in ("no-op", "oracle")}
    pairs = [(r, t) for r in REGIONS for t in TOOLS if r != "seen" or orchestrator.vision is not None]
    for regions, tools in pairs:
        agent = OnOraclePlan(orchestrator, regions, tools)
        runs[f"{regions} regions, {tools} tools"] = play("learned", agent, seeds, arguments)
    # tasks that could be judged for everybody
    fine = [at for at in range(len(seeds)) if all(episodes[at].valid for episodes in runs.values())]
    if not fine:
        raise ImgEditError(
            f"expected a judge that can judge these tasks; found none of {len(seeds)} judged for everybody"
        )
    scores = {name: [episodes[at].score for at in fine] for name, episodes in runs.items()}
    return {
        name: {
            "score": mean_interval(scores[name], 0),
            "normalised": normalised_interval(scores[name], scores["no-op"], scores["oracle"], 0),
            "success": mean_interval([float(episodes[at].success) for at in fine], 0),
        }
        for name, episodes in runs.items()
    }


def main(words: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        Exit status: 0, or 2 for bad input.
    """
    parser = argparse.ArgumentParser(
        "python -m baselines.orchestrator.measure",
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=None, help="folder of the orchestrator; the package's own")
    parser.add_argument("--vision", type=Path, default=None, help="folder of the image encoder; the package's own")
    parser.add_argument("--split", default="test", help="split of the tasks")
    parser.add_argument("--episodes", type=int, default=300, help="tasks")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first task")
    parser.add_argument("--image-size", type=int, default=128, help="edge of the pictures, 64 to 512")
    parser.add_argument("--out", type=Path, default=Path("runs/orchestrator"), help="folder for measured.json")
    return run_command(_run, parser.parse_args(sys.argv[1:] if words is None else words))


def _run(options: argparse.Namespace) -> None:
    from baselines.vision import Vision

    check_episodes(options, fewest=2)
    check_folder(options.out)
    if options.weights is not None and not options.weights.is_dir():
        raise ImgEditError(f"--weights: expected a folder, found nothing at {str(options.weights)!r}")
    vision = None if options.vision is None else Vision.load(options.vision)
    orchestrator = Orchestrator.load(options.weights, vision)
    seeds = range(options.seed, options.seed + options.episodes)
    found = compare(orchestrator, seeds, {"split": options.split, "image_size": options.image_size})
    path = write_results({"measured": found}, options, "measured.json")
    table = Table("regions and tools", "score", "normalised", "success")
    for name, row in found.items():
        table.add_row(
            name, *(f"{cell['mean']:.3f} [{cell['ci95'][0]:.3f}, {cell['ci95'][1]:.3f}]" for cell in row.values())
        )
    Console().print(table)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
