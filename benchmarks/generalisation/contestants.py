"""Who is compared: agents as they come, agents of one's own trainings, and those with a part exchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.agents import AGENTS
from baselines.agents.base import Agent
from baselines.agents.language import LanguageAgent
from baselines.agents.learned import LearnedAgent
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.models.store import picture_digest
from imgedit_gym.orchestrators.oracle import OracleOrchestrator
from imgedit_gym.planners.language import LanguageWriter, Written

STAGES = {"learned": ("loop", "self"), "imitation": ("imitation",)}
"""Agents that a training makes, and their folders in it: the first that is there counts."""

ALONE = "self-training alone"
"""The planner before it had any experience, with the orchestrator of the package."""

EXCHANGED = ("oracle's plan, learned hands", "learned plan, best tools")
"""The learned agent with a part of the oracle's."""


class OraclePlanAgent(LearnedAgent):
    """The learned orchestrator, given the task's own plan."""

    privileged = True
    given = "the task's own plan"

    def attach(self, engine: Engine) -> None:
        """Nothing is needed of the engine but its plan."""


class BestToolsAgent(LearnedAgent):
    """The learned planner, and the oracle orchestrator for its plans."""

    simulator = True
    given = "the judge and the task's regions, to carry out its plan"

    def attach(self, engine: Engine) -> None:
        """Take the engine, which the oracle orchestrator tries tools on."""
        self._engine, self._best = engine, OracleOrchestrator()
        self._begun = False

    def act(self, observations: dict[str, np.ndarray], infos: dict[str, Any]) -> np.ndarray:
        """The best tools for the learned plan."""
        if not self._begun:
            self._best.begin(self._engine, torch.arange(self._engine.num_envs, device=self._engine.device))
            self._begun = True
        rows = torch.from_numpy(np.flatnonzero(infos["active"])).to(self._engine.device)
        actions = np.zeros((self._engine.num_envs, 2), dtype=np.int64)
        actions[rows.cpu().numpy()] = self._best.act(self._engine, rows).cpu().numpy()
        return actions


class LanguageBestToolsAgent(BestToolsAgent, LanguageAgent):
    """A language model as planner, and the oracle orchestrator for its plans."""


LANGUAGE: dict[str, Any] = {"language": LanguageAgent, "language, best tools": LanguageBestToolsAgent}
"""What a language model takes part as."""


class PlansOnce(LanguageWriter):
    """Writes each plan once, so that all who take part with the model have the same plans.

    Args:
        model: See :class:`imgedit_gym.planners.language.LanguageWriter`.
        **options: What else it takes.

    Attributes:
        told: The arguments as text.
    """

    def __init__(self, model: str, **options: Any) -> None:
        super().__init__(model, **options)
        self.told = json.dumps({"model": model, **options}, sort_keys=True)
        self._known: dict[tuple[str, str, int], Written] = {}

    def write(self, images: torch.Tensor, requests: Sequence[str], stock: Any, longest: int) -> list[Written]:
        """See :class:`imgedit_gym.planners.language.LanguageWriter`."""
        keys = [(picture_digest(one), request, longest) for one, request in zip(images, requests, strict=True)]
        new = [at for at, key in enumerate(keys) if key not in self._known]
        written = super().write(images[new], [requests[at] for at in new], stock, longest) if new else []
        found = self._known | {keys[at]: one for at, one in zip(new, written, strict=True)}
        self._known = {key: one for key, one in found.items() if not one.unreached}
        return [found[key] for key in keys]


@dataclass(frozen=True)
class Contestant:
    """An agent, and how to make it once for every training.

    Attributes:
        name: Stands in the tables.
        make: A function for each training, by its folder.
    """

    name: str
    make: dict[str, Callable[[], Agent]]


def contestants(
    names: Sequence[str],
    runs: Sequence[Path],
    exchanged: bool,
    others: dict[str, Path],
    language: PlansOnce | None = None,
) -> list[Contestant]:
    """Who is compared.

    Args:
        names: Agents by name.
        runs: Folders of trainings (``--out`` of ``baselines.training.planner`` or ``loop``), one for each seed; the
            weights that come with the package if there are none.
        exchanged: Whether agents with a part of the oracle's take part.
        others: Folders of further trainings by the name that they get, such as one without experience.
        language: A language model that plans, too.

    Raises:
        ImgEditError: If an agent or a folder is not there, or two would have one name.
    """
    found: list[Contestant] = []
    for name in names:
        if name not in STAGES or not runs:
            AGENTS.factory(name)
            found.append(Contestant(name, {"": _built(name)}))
        else:
            found.append(_trained(name, AGENTS.factory(name), runs, STAGES[name]))
    if exchanged:
        if runs and _stage(runs, STAGES["learned"]) != "self":
            found.append(_trained(ALONE, LearnedAgent, runs, ("self",)))
        for name, kind in zip(EXCHANGED, (OraclePlanAgent, BestToolsAgent), strict=True):
            found.append(_trained(name, kind, runs, STAGES["learned"]) if runs else Contestant(name, {"": kind}))
    if language is not None:
        found += [Contestant(name, {language.told: partial(kind, language)}) for name, kind in LANGUAGE.items()]
    found += [_trained(name, LearnedAgent, [run], STAGES["learned"]) for name, run in others.items()]
    taken = [one.name for one in found]
    if len(set(taken)) < len(taken):
        raise ImgEditError(f"expected names that are taken once; found {', '.join(taken)}")
    return found


def _trained(name: str, kind: Any, runs: Sequence[Path], stages: Sequence[str]) -> Contestant:
    stage = _stage(runs, stages)
    return Contestant(name, {str(run): _of(kind, run / stage) for run in runs})


def _stage(runs: Sequence[Path], stages: Sequence[str]) -> str:
    """The first stage that any of some trainings has; all must have it."""
    stage = next((stage for stage in stages if any((run / stage / "planner").is_dir() for run in runs)), stages[0])
    for run in runs:
        if not (run / stage / "planner").is_dir():
            tried = " or ".join(stages)
            raise ImgEditError(
                f"expected a training with a planner in {run / stage}; found none ({tried}, of all alike)"
            )
    return stage


def _built(name: str) -> Callable[[], Agent]:
    return lambda: AGENTS.build(name)


def _of(kind: Any, folder: Path) -> Callable[[], Agent]:
    planner, hands = folder / "planner", folder / "orchestrator"
    # a loop whose orchestrator did not practise has none of its own
    return lambda: kind(planner, hands if hands.is_dir() else None)
