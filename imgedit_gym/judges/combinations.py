"""Scores made of parts: which judge says how far the request was carried out, the rest kept, and nothing damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.registry import JUDGES
from imgedit_gym.core.verdict import Combine, Gated, Verdict, Weighted, combination
from imgedit_gym.judges.base import Cases, Judge, on_error_of
from imgedit_gym.judges.prompting import hash_of
from imgedit_gym.judges.weighing import weigh
from imgedit_gym.models import background
from imgedit_gym.models.store import Store

CHANNELS = ("execution", "preservation", "quality")


class Combination(Judge):
    """One judge for each of execution, preservation and quality; parts that are written alike are one, asked once.

    The verdict's parts are what each judge says of its channel, under the channel's name, and its own parts, under
    ``execution/...`` and so on.

    Args:
        execution: Judges how far the request was carried out.
        preservation: Judges how far the rest was kept; by default the same judge.
        quality: Judges how free of damage the picture is; by default the same judge as for execution.

    Raises:
        ImgEditError: If a part is not a judge.
    """

    def __init__(self, execution: Any = "checklist", preservation: Any = None, quality: Any = None) -> None:
        specs = {"execution": execution, "preservation": preservation, "quality": quality}
        built: list[tuple[Any, Judge]] = []
        self._judges: dict[str, Judge] = {}
        for channel, spec in specs.items():
            spec = execution if spec is None else spec
            known = [judge for other, judge in built if other is spec or other == spec]
            judge = known[0] if known else JUDGES.build(spec)
            if not known:
                built.append((spec, judge))
            self._judges[channel] = judge
        self.deterministic = all(judge.deterministic for judge in self._judges.values())
        self.waits = any(judge.waits for judge in self._judges.values())
        self.on_error = "raise" if any(on_error_of(one) == "raise" for one in self._judges.values()) else "invalid"
        self.version, self.prompt_hash, self.model = identity_of(self._judges)

    def judge(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`."""
        if self.waits:
            return background.run(self.judge_async(cases))
        asked = {id(judge): judge for judge in self._judges.values()}
        return self._join(cases, {key: judge.judge(cases) for key, judge in asked.items()})

    async def judge_async(self, cases: Cases) -> Verdict:
        """See :class:`imgedit_gym.judges.base.Judge`; the parts are asked at the same time."""
        asked = {id(judge): judge for judge in self._judges.values()}
        verdicts = await background.together(judge.judge_async(cases) for judge in asked.values())
        return self._join(cases, dict(zip(asked, verdicts, strict=True)))

    def _join(self, cases: Cases, verdicts: Mapping[int, Verdict]) -> Verdict:
        by_channel = {channel: verdicts[id(judge)] for channel, judge in self._judges.items()}
        done, kept, fine = by_channel.values()
        parts = {"execution": done.requirements, "preservation": kept.preservation, "quality": fine.quality}
        shown: set[int] = set()
        for channel, verdict in by_channel.items():
            if id(verdict) not in shown:
                shown.add(id(verdict))
                parts |= {f"{channel}/{name}": value for name, value in verdict.parts.items()}
        verdict = joined(verdicts.values())
        verdict.requirements = done.requirements
        verdict.preservation, verdict.preserved = kept.preservation, kept.preserved
        verdict.quality, verdict.parts = fine.quality, parts
        return weighed(verdict, cases, self.combine)

    def parts(self) -> Mapping[str, Judge]:
        """The judges by channel."""
        return self._judges

    def cached(self, store: Store) -> Judge:
        """Itself, with the answers of its parts kept."""
        kept = {id(judge): judge.cached(store) for judge in self._judges.values()}
        self._judges = {channel: kept[id(judge)] for channel, judge in self._judges.items()}
        return self


class Product(Combination):
    """``E * (0.6 + 0.4 P) * (0.8 + 0.2 Q)``: nothing is earned by preserving a picture that was not edited."""

    id = "product"
    combine = staticmethod(combination("product"))


class WeightedSum(Combination):
    """A weighted sum of E, P and Q. It pays for a copy of the input: P and Q are full where nothing was done.

    Args:
        weights: Weight of each channel, none below 0, with the sum 1.
        **parts: Judges by channel; see :class:`Combination`.
    """

    id = "sum"

    def __init__(self, weights: Mapping[str, float] | None = None, **parts: Any) -> None:
        super().__init__(**parts)
        weights = {"execution": 0.5, "preservation": 0.3, "quality": 0.2} if weights is None else weights
        fine = isinstance(weights, Mapping) and set(weights) == set(CHANNELS) and all(map(is_number, weights.values()))
        if not fine or min(weights.values()) < 0 or abs(sum(weights.values()) - 1) > 1e-6:
            raise ImgEditError(f"weights: expected {CHANNELS}, none below 0, with the sum 1; found {weights!r}")
        self.combine: Combine = Weighted(*(float(weights[channel]) for channel in CHANNELS))


class GeometricMean(Combination):
    """Cube root of ``E P Q``."""

    id = "geometric"
    combine = staticmethod(combination("geometric"))


class Minimum(Combination):
    """The smallest of E, P and Q."""

    id = "minimum"
    combine = staticmethod(combination("minimum"))


class Gate(Combination):
    """E where P and Q pass, and nothing elsewhere.

    Args:
        least_preservation: Lowest P that passes, in [0, 1].
        least_quality: Lowest Q that passes, in [0, 1].
        **parts: Judges by channel; see :class:`Combination`.
    """

    id = "gate"

    def __init__(self, least_preservation: float = 0.8, least_quality: float = 0.5, **parts: Any) -> None:
        super().__init__(**parts)
        for name, value in (("least_preservation", least_preservation), ("least_quality", least_quality)):
            if not is_number(value) or not 0.0 <= value <= 1.0:
                raise ImgEditError(f"{name} must be in [0, 1]; found {value!r}")
        self.combine: Combine = Gated(least_preservation, least_quality)


def identity_of(judges: Mapping[str, Judge]) -> tuple[str, str, str]:
    """Version, prompt hash and model of a judge that is made of others."""
    named = {f"{name}={judge.id}": judge for name, judge in judges.items()}
    version = "1(" + ",".join(f"{name}:{judge.version}" for name, judge in named.items()) + ")"
    hashes = [f"{name}:{judge.prompt_hash}" for name, judge in named.items() if judge.prompt_hash]
    models = [f"{name}:{judge.model}" for name, judge in named.items() if getattr(judge, "model", "")]
    return version, hash_of(*hashes) if hashes else "", ",".join(models)


def joined(verdicts: Any) -> Verdict:
    """A verdict that is valid where all are, and costs what all cost; what it says is still to be filled in."""
    verdicts = list(verdicts)
    first = verdicts[0]

    def cost(name: str) -> torch.Tensor:
        given = [getattr(one, name) for one in verdicts if getattr(one, name) is not None]
        return torch.stack(given).sum(0) if given else torch.zeros_like(first.calls)

    reasons: dict[int, str] = {}
    for one in verdicts:
        for index, reason in one.reasons.items():
            reasons.setdefault(index, reason)
    return Verdict(
        execution=first.execution.clone(),
        preservation=first.preservation,
        quality=first.quality,
        score=first.score.clone(),
        requirements=first.requirements,
        success=first.success.clone(),
        valid=torch.stack([one.valid for one in verdicts]).all(0),
        calls=cost("calls"),
        reasons=reasons,
        tokens=cost("tokens"),
        seconds=cost("seconds"),
    )


def weighed(verdict: Verdict, cases: Cases, combine: Combine) -> Verdict:
    """The verdict with E, score and success made of what was found; see :func:`imgedit_gym.judges.weighing.weigh`."""
    verdict.execution, verdict.score, success = weigh(verdict, cases.wanted, cases.due, combine)
    verdict.success = success & verdict.valid
    return verdict
