"""Fills the outcome table: runs every admissible tool in every region at a plan step, each distinct call once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from baselines.orchestrator.outcomes import (
    COLUMNS,
    REFUSED,
    UNTRIED,
    Outcome,
    OutcomeTable,
    State,
    Table,
    judge_name,
    tool_versions,
)
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.engine import LONGEST_PLAN, Engine

_STATES = 16
"""States whose regions are drawn at once; more only need more memory."""

_CALLS = 128
"""Tool calls made at once."""

NO_LIMIT = N_REGIONS


@dataclass
class Explored:
    """A state and what is known of it.

    Attributes:
        state: The state.
        table: What every tool does in every region.
        before: Score before the step.
    """

    state: State
    table: Table
    before: float

    @property
    def rewards(self) -> np.ndarray:
        """Change of the score, ``float32 [n_tools, N_REGIONS]``; nan where a pair is refused or untried."""
        return self.table.scores - self.before

    def best(self) -> tuple[int, int]:
        """The pair of tool and region that is worth most, the first of equals."""
        tool, region = np.unravel_index(np.nanargmax(self.table.worth), self.table.worth.shape)
        return int(tool), int(region)


@dataclass
class Explorer:
    """Runs what the table does not know yet.

    Attributes:
        engine: Whose environments, tools and judge.
        table: The table.
        cells: Of the regions whose masks are equal and large, so that only the cell that was named tells them apart, at
            most so many are tried of each tool that puts something new there; which ones depends on the state.
        calls: Tool calls made so far.
        known: Outcomes that the table knew already.
    """

    engine: Engine
    table: OutcomeTable
    cells: int = NO_LIMIT
    calls: int = field(default=0, init=False)
    known: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._versions = tool_versions(self.engine.tools)
        self._judge = judge_name(self.engine.judge)

    def here(self, rows: torch.Tensor) -> list[Explored]:
        """The current plan step of some environments, ``int64 [k]``."""
        engine = self.engine
        return self.at(engine.canvas[rows], engine.step_index[rows], rows, engine.score[rows])

    def at(
        self, canvas: torch.Tensor, indices: torch.Tensor, rows: torch.Tensor, before: torch.Tensor, alone: bool = False
    ) -> list[Explored]:
        """Plan steps on pictures of one's own.

        Args:
            canvas: ``uint8 [k, S, S, 3]``.
            indices: Which plan step each is about, ``int [k]``.
            rows: Whose task each belongs to, ``int64 [k]``.
            before: Score that rewards count from, ``float32 [k]``.
            alone: Whether each step is judged by itself, as for the additive reward.
        """
        found: list[Explored] = []
        for start in range(0, len(rows), _STATES):
            part = slice(start, start + _STATES)
            found += self._some(canvas[part], indices[part].long(), rows[part], before[part], alone)
        return found

    def _some(
        self, canvas: torch.Tensor, indices: torch.Tensor, rows: torch.Tensor, before: torch.Tensor, alone: bool
    ) -> list[Explored]:
        engine, k = self.engine, len(rows)
        every = torch.arange(N_REGIONS, device=engine.device)
        codes = engine.plan_codes[rows, indices]
        words = [engine.plan(row)[index] for row, index in zip(rows.tolist(), indices.tolist(), strict=True)]
        steps = StepBatch(codes, lambda i: words[i])
        each = steps.rows(torch.arange(k, device=engine.device).repeat_interleave(N_REGIONS))
        regions = engine.regions.regions(rows.repeat_interleave(N_REGIONS), every.repeat(k), each)
        allowed = torch.zeros(k, len(engine.tools), N_REGIONS, dtype=torch.bool, device=engine.device)
        for number, tool in enumerate(engine.tools[1:], 1):
            fine = (engine.check(number, regions, each) == 0).view(k, N_REGIONS)
            allowed[:, number] = fine & tool.accepts(steps)[:, None]
        allowed[:, 0, 0] = True
        by_mask = _digests(regions.masks, k)
        # what a large region names by its cell matters to tools that put something new there
        large = ~regions.small().view(k, N_REGIONS).cpu().numpy()
        states = self._states(canvas, indices, rows, words, codes, by_mask, alone)
        keys = [state.key for state in states]
        known = self.table.read(keys, self._versions, self._judge)
        wanted = allowed.cpu().numpy()
        plans = [
            {
                tool.id: _Plan.make(
                    wanted[i, number],
                    by_mask[i],
                    large[i] if getattr(tool, "reach", "mask") == "box" else None,
                    self.cells,
                    state.key + tool.id,
                    known.get(state.key, {}).get(tool.id),
                )
                for number, tool in enumerate(engine.tools)
                if wanted[i, number].any()
            }
            for i, state in enumerate(states)
        ]
        self._run(canvas, indices, rows, plans, alone)
        explored = []
        for i, (state, plan) in enumerate(zip(states, plans, strict=True)):
            outcomes = {id: one.outcome() for id, one in plan.items()}
            fresh = {id: outcomes[id] for id, one in plan.items() if one.missing}
            self.calls += sum(len(one.missing) for one in plan.values())
            self.known += sum(one.held for one in plan.values())
            if fresh:
                self.table.write(state, fresh, self._versions, self._judge)
            explored.append(Explored(state, Table.make(outcomes, engine.tool_ids), float(before[i])))
        return explored

    def _run(
        self,
        canvas: torch.Tensor,
        indices: torch.Tensor,
        rows: torch.Tensor,
        plans: list[dict[str, _Plan]],
        alone: bool,
    ) -> None:
        """Make the calls that are missing."""
        engine = self.engine
        number = {id: at for at, id in enumerate(engine.tool_ids)}
        calls = [
            (i, number[id], region, one)
            for i, plan in enumerate(plans)
            for id, one in plan.items()
            for region in one.missing
        ]
        for start in range(0, len(calls), _CALLS):
            some = calls[start : start + _CALLS]
            at = torch.tensor([i for i, *_ in some], device=engine.device)
            actions = torch.tensor([(tool, region) for _, tool, region, _ in some], device=engine.device)
            _, verdict = engine.imagine(canvas[at], indices[at].to(torch.int32), actions, rows[at], alone)
            values = torch.stack([getattr(verdict, name) for name in COLUMNS], 1).cpu().numpy()
            for (_, _, region, one), row, valid in zip(some, values, verdict.valid.tolist(), strict=True):
                if valid:
                    one.results[region] = row

    def _states(
        self,
        canvas: torch.Tensor,
        indices: torch.Tensor,
        rows: torch.Tensor,
        words: list[PlanStep],
        codes: torch.Tensor,
        by_mask: list[list[bytes]],
        alone: bool,
    ) -> list[State]:
        engine = self.engine
        due = torch.where(engine.by_oracle[rows], -1 - indices if alone else indices + 1, LONGEST_PLAN + 1).tolist()
        pictures, sources = canvas.cpu().numpy(), engine.batch.images[rows].cpu().numpy()
        asked = engine.batch.requirements[rows].cpu().numpy()
        made = []
        for i, row in enumerate(rows.tolist()):
            digest = hashlib.sha256()
            for part in (pictures[i], sources[i], asked[i]):
                digest.update(np.ascontiguousarray(part).tobytes())
            digest.update(b"".join(by_mask[i]))
            digest.update(f"{due[i]} {words[i].verb}|{words[i].target}|{words[i].value}".encode())
            task = engine.tasks.task_id(engine.batch, row)
            made.append(
                State(
                    digest.hexdigest()[:32],
                    task,
                    int(indices[i]),
                    words[i].text,
                    codes[i].cpu().numpy().astype(np.int32),
                    pictures[i],
                )
            )
        return made


@dataclass
class _Plan:
    """What is to be run of one tool at one state.

    Attributes:
        groups: For each region the first one that is the same to this tool; -1 where the tool refuses it.
        results: Outcomes by the first region of a group.
        missing: First regions of the groups that have to be run.
        held: Groups whose outcome was known.
    """

    groups: np.ndarray
    results: dict[int, np.ndarray]
    missing: list[int]
    held: int

    @classmethod
    def make(
        cls,
        allowed: np.ndarray,
        masks: list[bytes],
        large: np.ndarray | None,
        cells: int,
        salt: str,
        known: Outcome | None,
    ) -> _Plan:
        groups = np.full(N_REGIONS, -1)
        first: dict[Any, int] = {}
        alike: dict[bytes, list[int]] = {}
        for region in np.flatnonzero(allowed).tolist():
            apart = large is not None and bool(large[region])
            key = (masks[region], region) if apart else masks[region]
            groups[region] = first.setdefault(key, region)
            if apart and groups[region] == region:
                alike.setdefault(masks[region], []).append(region)
        dropped: set[int] = set()
        for members in alike.values():
            if len(members) > cells:
                draw = np.random.default_rng(np.frombuffer(hashlib.sha256(salt.encode()).digest()[:16], np.uint64))
                dropped |= set(members) - set(draw.choice(members, cells, replace=False).tolist())
        results = {}
        if known is not None:
            for region in set(groups[groups >= 0].tolist()):
                if known.places[region] < UNTRIED:
                    results[region] = known.found[known.places[region]]
        missing = sorted(set(groups[groups >= 0].tolist()) - set(results) - dropped)
        return cls(groups, results, missing, len(results))

    def outcome(self) -> Outcome:
        order = sorted(self.results)
        row = {region: at for at, region in enumerate(order)}
        places = [REFUSED if group < 0 else row.get(group, UNTRIED) for group in self.groups.tolist()]
        found = np.stack([self.results[region] for region in order]) if order else np.zeros((0, len(COLUMNS)))
        return Outcome(np.array(places, np.uint8), found.astype(np.float32))


def _digests(masks: torch.Tensor, k: int) -> list[list[bytes]]:
    """A digest of each region's mask, by state."""
    packed = np.packbits(masks.flatten(1).cpu().numpy(), axis=1)
    found = [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for row in packed]
    return [found[start : start + N_REGIONS] for start in range(0, k * N_REGIONS, N_REGIONS)]


def source_states(engine: Engine) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every plan step of every environment, as if it were the first: index and environment of each, by plan step."""
    for index in range(int(engine.plan_length.max())):
        rows = (engine.plan_length > index).nonzero().flatten()
        yield torch.full_like(rows, index), rows
