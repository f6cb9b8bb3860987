"""Totals over a suite's tasks, always computed from the episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.submission.records import AXES, DONE, FAILED, EpisodeRecord, rounded
from benchmarks.suites import Suite, SuiteTask

Values = dict[str, np.ndarray]


def values_of(suite: Suite, records: Mapping[str, EpisodeRecord], tasks: Sequence[SuiteTask] | None = None) -> Values:
    """Numbers by name, ``float64 [tasks]`` each; whatever is not done counts as 0.

    Args:
        suite: Which tasks there are.
        records: Episodes by task.
        tasks: Some of the suite's tasks; ``None`` for all.
    """
    chosen = [records.get(task.id) or EpisodeRecord(task.id) for task in (suite.tasks if tasks is None else tasks)]
    names = [*AXES, "success"]
    found = {name: [0.0 if one.scores is None else getattr(one.scores, name) for one in chosen] for name in names}
    for name in ("tool_calls", "judge_calls", "seconds"):
        found[name] = [getattr(one.costs, name) for one in chosen]
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


def totals(suite: Suite, records: Mapping[str, EpisodeRecord]) -> dict[str, float]:
    """Means over all tasks of the suite, and how many were played."""
    means = {name: rounded(values.mean()) for name, values in values_of(suite, records).items()}
    states = [records[task.id].status if task.id in records else "" for task in suite.tasks]
    done, failed = states.count(DONE), states.count(FAILED)
    return {**means, "tasks": len(states), "done": done, "failed": failed, "missing": len(states) - done - failed}
