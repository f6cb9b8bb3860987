"""The audit itself: batches of tasks, in one process or several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from baselines.agents.oracle import OracleAgent
from baselines.rollout import Episode, run_episodes
from benchmarks.checklist.attacks import judge_attacks, summarise_attacks
from benchmarks.checklist.drawings import Judgement, judge_drawings, summarise_drawings
from benchmarks.checklist.oracle import summarise_oracle
from benchmarks.checklist.tally import Tally
from benchmarks.tasks import batches
from imgedit_gym.engine import Engine

PARTS = ("oracle", "attacks", "requirements")

Batches = Callable[[Callable[[Sequence[int]], "Audit"], list[list[int]]], "Iterator[Audit]"]
"""Does the work on every batch and gives the results in the order of the batches."""


@dataclass
class Audit:
    """What was played and judged, task by task."""

    episodes: list[Episode] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    judgements: list[Judgement] = field(default_factory=list)

    def add(self, other: Audit) -> None:
        """Take in another audit's tasks."""
        self.episodes += other.episodes
        self.judgements += other.judgements
        for name, tally in other.tallies.items():
            self.tallies.setdefault(name, Tally()).add(tally)

    def summary(self, parts: Sequence[str], seed: int) -> dict[str, Any]:
        """One entry a part; the seed is the resampling's."""
        made: dict[str, Callable[[], dict[str, Any]]] = {
            "oracle": lambda: summarise_oracle(self.episodes, seed),
            "attacks": lambda: summarise_attacks(self.tallies, seed),
            "requirements": lambda: summarise_drawings(self.judgements),
        }
        return {part: made[part]() for part in PARTS if part in parts}


def audit(
    seeds: Sequence[int],
    arguments: dict[str, Any],
    parts: Sequence[str] = PARTS,
    repeats: int = 1,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> Audit:
    """Play and judge the tasks of some seeds.

    Args:
        seeds: One task each.
        arguments: Keyword arguments of :class:`imgedit_gym.engine.Engine`.
        parts: Some of :data:`PARTS`.
        repeats: Pairs of drawings for each requirement.
        jobs: Processes; the results are the same for any number.
        progress: Told how many more tasks are done.
    """
    whole = Audit()
    work = partial(audit_batch, arguments=arguments, parts=parts, repeats=repeats)
    split = batches(seeds)
    with _workers(min(jobs, len(split))) as do:
        for batch, found in zip(split, do(work, split), strict=True):
            whole.add(found)
            progress(len(batch))
    return whole


def audit_batch(seeds: Sequence[int], arguments: dict[str, Any], parts: Sequence[str], repeats: int) -> Audit:
    """Play and judge one batch; its random choices hang on its first seed."""
    found = Audit()
    finals = None
    if "oracle" in parts:
        found.episodes = run_episodes("oracle", OracleAgent(), list(seeds), arguments, pictured=len(seeds))
        finals = torch.from_numpy(np.stack([episode.frames[-1] for episode in found.episodes]))
        for episode in found.episodes:
            episode.frames = []
    engine = Engine(len(seeds), **arguments)
    engine.reset(range(len(seeds)), seeds)
    if "attacks" in parts:
        judge_attacks(engine, finals, seeds[0], found.tallies)
    if "requirements" in parts:
        found.judgements = judge_drawings(engine, seeds, seeds[0], repeats)
    return found


@contextmanager
def _workers(jobs: int) -> Iterator[Batches]:
    if jobs == 1:
        yield map
        return
    # A fork would share the locks of torch's threads and of Warp.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool.map
