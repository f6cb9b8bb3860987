"""Judgements kept, so that the same picture is not judged twice: in memory, and in a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import torch

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Verdict
from imgedit_gym.judges.base import Cases, Judge, ask, ask_async, on_error_of
from imgedit_gym.judges.combinations import weighed
from imgedit_gym.models.store import Store, picture_digest

_KEY_VERSION = "2"
_TAKEN_OVER = ("id", "version", "prompt_hash", "score_range", "deterministic", "combine", "waits", "model")
"""What a judge whose answers are kept has of the judge that gives them."""

_ROUNDED = 1.1e-4
"""How far rounding may carry a judge's number beyond [0, 1]."""


class CachedJudge(Judge):
    """A judge whose answers are kept; ids, combination and errors are the judge's own.

    Judges that ask a model keep each answer as soon as it has come, under a hash of the pictures shown, the instruction
    and requirement asked about, judge, model and prompts. Other judges keep each picture's judgement. A combination
    keeps what its parts say. Failed judgements are not kept.

    Args:
        judge: Whose answers to keep.
        path: SQLite file, which several processes may share; ``None`` keeps them in memory.
        size: Answers kept in memory at most.

    Raises:
        ImgEditError: If the file is no such cache.
    """

    id = "cache"

    def __init__(self, judge: Any, path: str | None = None, size: int = 100_000) -> None:
        self.store = Store(path, size)
        self._judge = JUDGES.build(judge).cached(self.store)
        for name in _TAKEN_OVER:
            setattr(self, name, getattr(self._judge, name))
        self.on_error = on_error_of(self._judge)

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        return self._judge.judge(cases)

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        return await self._judge.judge_async(cases)

    def cached(self, store: Store) -> Judge:
        """Itself: its answers are kept already."""
        return self

    def parts(self) -> Mapping[str, Judge]:
        """The judge whose answers are kept."""
        return {"judge": self._judge}

    def statistics(self) -> dict[str, Any]:
        """The judge's own, and of the cache ``hits``, ``misses`` and ``hit_rate``."""
        looked_up = self.store.hits + self.store.misses
        kept = {
            "hits": self.store.hits,
            "misses": self.store.misses,
            "hit_rate": self.store.hits / looked_up if looked_up else 0.0,
        }
        return self._judge.statistics() | {"cache": kept}

    def close(self) -> None:
        """Close the file and the judge."""
        super().close()
        self.store.close()


class StoredVerdicts(Judge):
    """Keeps whole judgements, of judges that know no smaller unit.

    Args:
        judge: Whose judgements to keep.
        store: Where to.
    """

    def __init__(self, judge: Judge, store: Store) -> None:
        self._judge, self._store = judge, store
        for name in _TAKEN_OVER:
            setattr(self, name, getattr(judge, name))
        self.on_error = on_error_of(judge)

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        keys, known, missing = self._look_up(cases)
        fresh = ask(self._judge, cases.take(missing), partial=True) if len(missing) else None
        return self._join(cases, keys, known, missing, fresh)

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        keys, known, missing = self._look_up(cases)
        fresh = await ask_async(self._judge, cases.take(missing), partial=True) if len(missing) else None
        return self._join(cases, keys, known, missing, fresh)

    def _look_up(self, cases: Cases) -> tuple[list[str], dict[str, dict[str, Any]], torch.Tensor]:
        keys = [self._key(cases, i) for i in range(len(cases))]
        read = self._store.read(dict.fromkeys(keys))
        known = {key: one for key, text in read.items() if (one := _verdict_of(text)) is not None}
        self._store.forget({key: text for key, text in read.items() if key not in known})
        missing = [i for i, key in enumerate(keys) if key not in known]
        return keys, known, torch.tensor(missing, dtype=torch.int64, device=cases.canvas.device)

    def _join(
        self,
        cases: Cases,
        keys: list[str],
        known: dict[str, dict[str, Any]],
        missing: torch.Tensor,
        fresh: Verdict | None,
    ) -> Verdict:
        n, device = len(cases), cases.canvas.device
        at = {int(case): index for index, case in enumerate(missing.tolist())}
        valid, costs, reasons = [True] * n, torch.zeros(3, n, device=device), {}
        if fresh is not None:
            fresh_valid = fresh.valid.tolist()
            for case, index in at.items():
                valid[case] = fresh_valid[index]
                known[f"{case}"] = _as_dict(fresh, index, cases.wanted[case, :, 0] > 0)
                if fresh_valid[index]:
                    self._store.write(keys[case], json.dumps(known[f"{case}"]))
                elif index in fresh.reasons:
                    reasons[case] = fresh.reasons[index]
            for row, cost in enumerate((fresh.calls, fresh.tokens, fresh.seconds)):
                if cost is not None:
                    costs[row, missing] = cost
        found = [known[f"{case}" if case in at else keys[case]] for case in range(n)]

        def column(name: str) -> torch.Tensor:
            return torch.tensor([one[name] for one in found], dtype=torch.float32, device=device)

        told = [one["preserved"] is not None for one in found]
        preserved = None
        if any(told):
            preserved = torch.ones(n, N_LABELS, device=device)
            for case, one in enumerate(found):
                if told[case]:
                    preserved[case] = torch.tensor(one["preserved"], device=device)
        parts: dict[str, torch.Tensor] = {}
        for name in dict.fromkeys(name for one in found for name in one["parts"]):
            shape = (MAX_REQUIREMENTS,) if any(isinstance(one["parts"].get(name), list) for one in found) else ()
            parts[name] = torch.zeros(n, *shape, device=device)
            for case, one in enumerate(found):
                parts[name][case] = torch.tensor(one["parts"].get(name, 0.0), device=device)
        empty = torch.zeros(n, device=device)
        verdict = Verdict(
            execution=empty,
            preservation=column("preservation"),
            quality=column("quality"),
            score=empty,
            requirements=column("requirements"),
            success=torch.zeros(n, dtype=torch.bool, device=device),
            valid=torch.tensor(valid, device=device),
            calls=costs[0],
            preserved=preserved,
            reasons=reasons,
            tokens=costs[1],
            seconds=costs[2],
            parts=parts,
        )
        return weighed(verdict, cases, self.combine)

    def _key(self, cases: Cases, i: int) -> str:
        """Names everything that a judge is shown of a picture."""
        step = cases.step(i)
        region = None
        if cases.moves is not None and step is not None:
            mask = cases.moves.regions(torch.tensor([i], device=cases.canvas.device)).masks[0]
            region = picture_digest(mask)
        row = cases.row(i)
        told = [
            [_KEY_VERSION, self.id, self.version, self.model, self.prompt_hash, str(cases.sample)],
            [picture_digest(cases.source[i]), picture_digest(cases.canvas[i])],
            # of the class itself: to look up what is known of words is not to read them
            [Cases.instruction(cases, i), [[one.kind.name, one.text] for one in Cases.requirements(cases, i)]],
            [sorted(cases.kept(i).items()), cases.batch.headline_box[row].tolist()],
            [cases.batch.requirements[row].tolist(), cases.batch.keep[row].tolist()],
            [picture_digest(cases.batch.segments[row]), cases.batch.plan_cells[row].tolist()],
            [None if step is None else step.text, region],
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def parts(self) -> Mapping[str, Judge]:
        """The judge whose judgements are kept."""
        return {"judge": self._judge}

    def statistics(self) -> dict[str, Any]:
        """The judge's own."""
        return self._judge.statistics()


def _verdict_of(text: str) -> dict[str, Any] | None:
    """A stored judgement; ``None`` if it is not one."""
    try:
        one = json.loads(text)
        requirements, preserved = one["requirements"], one["preserved"]
        numbers = [one["preservation"], one["quality"], *([] if preserved is None else preserved)]
        judged = [value for value in requirements if not math.isnan(value)]
        bounded = all(-_ROUNDED <= value <= 1.0 + _ROUNDED for value in (*numbers, *judged))
        lengths = len(requirements) == MAX_REQUIREMENTS and (preserved is None or len(preserved) == N_LABELS)
    except (ValueError, KeyError, TypeError):
        return None
    return one if bounded and lengths and isinstance(one.get("parts"), dict) else None


def _as_dict(verdict: Verdict, i: int, asked: torch.Tensor) -> dict[str, Any]:
    return {
        "requirements": torch.where(asked, verdict.requirements[i], 0.0).tolist(),
        "preservation": float(verdict.preservation[i]),
        "quality": float(verdict.quality[i]),
        "preserved": None if verdict.preserved is None else verdict.preserved[i].tolist(),
        "parts": {name: value[i].tolist() for name, value in verdict.parts.items()},
    }
