"""How often a model's answers are right: on honest edits of tasks it never saw, by kind, by editor, by wording."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.training.judge.tooled import ASKED
from baselines.training.judge.wider import STRANGELY
from baselines.training.judge.wording import FREELY
from benchmarks.audit.edits import honest_edits, make_reference
from benchmarks.checklist.definition import agrees
from benchmarks.checklist.judging import finished_cases
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.verdict import MET
from imgedit_gym.engine import Engine
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.judges.vlm.judge import VlmJudge

CHUNK = 50
SOUGHT = 256
"""Tasks that are drawn at once to find some that ask for one thing."""

PLAYED = ("oracle", "agents")
"""Editors whose edits were not trained on, though their tools and tasks of the same world were."""

_FREE_BLANKS = {kind: blanks for kind, blanks in ASKED.items() if kind in FREELY} | {"headline": "q", "kept": "x"}
"""Blanks of the free wordings; a headline is quoted."""


def free_wording(which: int = 0) -> dict[str, str]:
    """Sentences that the judge never learned, by kind of requirement.

    Args:
        which: Which of the wordings of a kind, if it has so many.
    """
    return _numbered({kind: FREELY[kind][0][which % len(FREELY[kind][0])] for kind in _FREE_BLANKS})


def strange_wording() -> dict[str, str]:
    """Sentences with words that the judge does not know, by kind of requirement."""
    return _numbered(STRANGELY)


def _numbered(texts: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for kind, blanks in _FREE_BLANKS.items():
        text = texts[kind]
        for index, blank in enumerate(blanks):
            text = re.sub(rf"\{{{blank}\}}", f"{{{index}}}", text)
        found[kind] = text
    return found


class Tally:
    """Right and wrong answers by group."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, 2)))

    def add(self, groups: Sequence[str], said: bool, holds: bool) -> None:
        """Count one answer in some groups."""
        for group in groups:
            self._counts[group][int(holds), int(said)] += 1

    def table(self) -> dict[str, dict[str, Any]]:
        """Answers, and shares in % that are right where it holds, where it does not, and on average."""
        found = {}
        for group, counts in sorted(self._counts.items()):
            totals = counts.sum(1)
            rates = [counts[i, i] / totals[i] if totals[i] else None for i in (0, 1)]
            known = [rate for rate in rates if rate is not None]
            found[group] = {
                "answers": int(totals.sum()),
                "hold": int(totals[1]),
                "right_where_not": _percent(rates[0]),
                "right_where_holds": _percent(rates[1]),
                "balanced_accuracy": _percent(float(np.mean(known)) if len(known) == 2 else None),
            }
        return found


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100.0 * share, 2)


def measure(
    model: Path | None,
    episodes: int,
    seed: int,
    split: str = "test",
    font: str | None = None,
    image_size: int = 128,
    wording: Mapping[str, str] | None = None,
    lots: Sequence[str] | None = None,
    about: Kind | None = None,
) -> dict[str, Any]:
    """Ask a model about honest edits of tasks, and compare with the exact judge.

    Where the exact judge contradicts what is known by construction, or nobody can tell, the answer is left out.

    Args:
        model: Folder of the model; ``None`` for the package's own.
        episodes: Tasks.
        seed: Of the first of them.
        split: Of the advert world.
        font: Path of another emoji font, for ``test-art``.
        image_size: Edge of the pictures in pixels.
        wording: Questions by kind of requirement in other words.
        lots: Names of the kinds of edits to use; by default all.
        about: Of the tasks from this seed on the first that ask for this are used, and only answers about it count; by
            default about all.

    Returns:
        Table by group (``"all"``, ``"kind/..."``, ``"edit/..."``), and judgements a second.
    """
    judge = VlmJudge(None if model is None else str(model), quality="pixels", on_error="invalid")
    if wording is not None:
        judge.questioner.wording = judge.questioner.wording | dict(wording)
    exact_judge, tally = ChecklistJudge(), Tally()
    seconds, judged, asked = 0.0, 0, 0
    tasks: Any = "adverts" if font is None else {"id": "adverts", "font": font}
    arguments = {"tasks": tasks, "split": split, "image_size": image_size}
    chosen = _seeds(seed, episodes, arguments, about)
    for start in range(0, episodes, CHUNK):
        seeds = chosen[start : start + CHUNK]
        engine = Engine(len(seeds), **arguments)
        engine.reset(range(len(seeds)), seeds)
        reference = make_reference(engine, seeds, arguments, seeds[0])
        for lot in honest_edits(engine, seeds, arguments, reference, seeds[0]):
            if lots is not None and not any(lot.name.startswith(name) for name in lots):
                continue
            cases = finished_cases(engine, lot.canvas, lot.rows)
            exact = exact_judge.judge(cases).requirements.clone()
            began = time.perf_counter()
            verdict = judge.judge(cases)
            seconds += time.perf_counter() - began
            judged += len(cases)
            kinds = cases.wanted[..., 0]
            asked += int((kinds > 0).sum())
            counted = kinds if about is None else torch.where(kinds == about, kinds, 0)
            _count(tally, lot.name, lot.origin, counted, verdict, exact, lot.known)
    speed: dict[str, float] = {
        "judgements_per_second": round(judged / seconds, 1),
        "questions_per_second": round(asked / seconds, 1),
    }
    speed["threads"] = torch.get_num_threads()
    return {"split": split, "episodes": episodes, "seed": seed, "table": tally.table(), **speed}


def _seeds(first: int, count: int, arguments: dict[str, Any], about: Kind | None) -> list[int]:
    """Seeds of so many tasks, of those that ask for something if it is named."""
    if about is None:
        return list(range(first, first + count))
    found: list[int] = []
    engine = Engine(SOUGHT, **arguments)
    for start in range(first, first + 100 * count, SOUGHT):
        engine.reset(range(SOUGHT), range(start, start + SOUGHT))
        asks = (engine.batch.requirements[..., COLUMNS.index("kind")] == about).any(1)
        found += [start + i for i in asks.nonzero().flatten().tolist()]
        if len(found) >= count:
            return found[:count]
    raise ImgEditError(f"expected {count} tasks that ask for {about.name}; found {len(found)} in {100 * count}")


def _count(
    tally: Tally,
    name: str,
    origin: str,
    kinds: torch.Tensor,
    verdict: Any,
    exact: torch.Tensor,
    known: torch.Tensor,
) -> None:
    for row, at in ((kinds > 0) & verdict.valid[:, None] & agrees(exact, known)).nonzero().tolist():
        holds = bool(exact[row, at] >= MET)
        kind = Kind(int(kinds[row, at])).name
        groups = ["all", f"kind/{kind}", f"edit/{name}", f"editor/{origin}"]
        if origin in PLAYED:
            groups += ["played by agents and plans"]
        tally.add(groups, bool(verdict.requirements[row, at] >= MET), holds)
