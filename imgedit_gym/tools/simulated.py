"""Tools that fail, are weak, or drift, on purpose: for curves of how robust agents are against their tools.

Each wraps another tool and keeps its id, so that agents use it as they would the other; its version tells them apart.
What is drawn hangs on the task and the plan step alone: the same episode meets the same failures, on any batch.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.arguments import is_number
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.core.rng import mix64
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import Vocabulary
from imgedit_gym.tools.base import Edited, Tool

_LARGEST_CAST = 0.15
"""Share of the brightness that a channel loses or gains at most in one edit, at drift 1."""


class Simulated(Tool):
    """Base of the wrappers; a subclass implements :meth:`spoil`.

    Args:
        stock: The stock of the task source.
        vocabulary: Codes of plan steps.
        tool: The tool to wrap: an id, a mapping with the key ``"id"``, or a finished one; a wrapper, too.
        seed: Other seeds draw other failures.

    Raises:
        ImgEditError: If an argument is not what is expected.
    """

    def __init__(self, stock: Stock, vocabulary: Vocabulary, *, tool: Any, seed: int = 0) -> None:
        super().__init__(stock, vocabulary)
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ImgEditError(f"seed must be a whole number of at least 0; found {seed!r}")
        self.tool = TOOLS.build(tool, stock=stock, vocabulary=vocabulary)
        self.seed = seed
        self._owned = self.tool is not tool
        self.id = self.tool.id
        for name in ("reach", "deterministic", "traced"):
            setattr(self, name, getattr(self.tool, name, getattr(Tool, name)))
        self.accepts = self.tool.accepts  # type: ignore[method-assign]

    def told(self) -> str:
        """What the wrapper does, for the version."""
        raise NotImplementedError

    def spoil(self, before: torch.Tensor, edited: Edited, regions: RegionBatch, draws: list[list[float]]) -> Edited:
        """Spoil edits.

        Args:
            before: The canvases, ``uint8 [n, S, S, 3]``.
            edited: What the tool made of them.
            regions: n regions.
            draws: Four numbers of each edit, uniform in [0, 1).
        """
        raise NotImplementedError

    @property
    def version(self) -> str:  # type: ignore[override]
        """The tool's own, and what is done to it."""
        return f"{getattr(self.tool, 'version', '1')}+{self.told()}" + (f",seed={self.seed}" if self.seed else "")

    @property
    def problems(self) -> tuple[str, ...]:  # type: ignore[override]
        """The tool's own messages; see :attr:`imgedit_gym.tools.base.Tool.problems`."""
        return tuple(self.tool.problems)

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """See :class:`imgedit_gym.tools.base.Tool`."""
        found: torch.Tensor = self.tool.check(regions, steps)
        return found

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> Edited:
        """See :class:`imgedit_gym.tools.base.Tool`."""
        edited = self.tool.apply(images, regions, steps)
        if not isinstance(edited, Edited):
            edited = Edited(edited, torch.zeros(len(images), dtype=torch.int64, device=images.device))
        return self.spoil(images, edited, regions, [self._draw(steps.noise(i)) for i in range(len(images))])

    def close(self) -> None:
        """Close the tool, if it was not handed over."""
        if self._owned and hasattr(self.tool, "close"):
            self.tool.close()

    def _draw(self, noise: int) -> list[float]:
        """Four numbers that hang on the edit, the wrapper and its seed alone."""
        kind = int.from_bytes(hashlib.sha256(f"{type(self).__name__} {self.id}".encode()).digest()[:8], "little")
        state = mix64(mix64(noise ^ kind) ^ self.seed)
        draws = []
        for _ in range(4):
            state = mix64(state)
            draws.append((state >> 11) / (1 << 53))
        return draws


class Flaky(Simulated):
    """Fails now and then: the canvas stays, and ``info["action_error"]`` says so.

    Args:
        rate: Share of the edits that fail, in [0, 1].
        **arguments: ``tool`` and ``seed``: see :class:`Simulated`.
    """

    def __init__(self, stock: Stock, vocabulary: Vocabulary, *, rate: float = 0.2, **arguments: Any) -> None:
        super().__init__(stock, vocabulary, **arguments)
        self.rate = _share("rate", rate)

    def told(self) -> str:
        """See :class:`Simulated`."""
        return f"flaky({self.rate:g})"

    @property
    def problems(self) -> tuple[str, ...]:  # type: ignore[override]
        """Its own message behind that of every code of the tool, so that no code changes its meaning."""
        first, *others = super().problems
        return (first, "failed, as it does now and then", *others)

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """See :class:`imgedit_gym.tools.base.Tool`."""
        return _shifted(super().check(regions, steps))

    def spoil(self, before: torch.Tensor, edited: Edited, regions: RegionBatch, draws: list[list[float]]) -> Edited:
        """See :class:`Simulated`."""
        fails = torch.tensor([draw[0] < self.rate for draw in draws], device=before.device)
        return Edited(edited.images, torch.where(fails, 1, _shifted(edited.problems)), edited.raw)


class Weak(Simulated):
    """Does only part of what it should: a mixture of the canvas and the edit.

    Args:
        strength: Share of the edit on average, in [0, 1]; that of each edit is up to a quarter of the way from there to
            0 or 1, whichever is nearer.
        **arguments: ``tool`` and ``seed``: see :class:`Simulated`.
    """

    def __init__(self, stock: Stock, vocabulary: Vocabulary, *, strength: float = 0.5, **arguments: Any) -> None:
        super().__init__(stock, vocabulary, **arguments)
        self.strength = _share("strength", strength)

    def told(self) -> str:
        """See :class:`Simulated`."""
        return f"weak({self.strength:g})"

    def spoil(self, before: torch.Tensor, edited: Edited, regions: RegionBatch, draws: list[list[float]]) -> Edited:
        """See :class:`Simulated`."""
        room = min(self.strength, 1.0 - self.strength) / 4.0
        shares = [self.strength + room * (2.0 * draw[0] - 1.0) for draw in draws]
        return _changed(edited, lambda images: _mixed(before, images, shares))


class Drifting(Simulated):
    """Loses detail and shifts colours in all it touches, as editors do that are used again and again.

    Sources: FreqEdit (arXiv 2512.01755) on the loss of high frequencies over rounds of editing.

    Args:
        amount: How much in one edit, in [0, 1]: 0 none; at 1 the region is blurred as a whole, and each channel gains
            or loses up to 15 % of its brightness.
        **arguments: ``tool`` and ``seed``: see :class:`Simulated`.
    """

    def __init__(self, stock: Stock, vocabulary: Vocabulary, *, amount: float = 0.2, **arguments: Any) -> None:
        super().__init__(stock, vocabulary, **arguments)
        self.amount = _share("amount", amount)

    def told(self) -> str:
        """See :class:`Simulated`."""
        return f"drifting({self.amount:g})"

    def spoil(self, before: torch.Tensor, edited: Edited, regions: RegionBatch, draws: list[list[float]]) -> Edited:
        """See :class:`Simulated`."""
        casts = torch.tensor([[2.0 * draw - 1.0 for draw in some[:3]] for some in draws], device=before.device)
        gains = 1.0 + self.amount * _LARGEST_CAST * casts

        def drift(images: torch.Tensor) -> torch.Tensor:
            soft = _mixed(images, blurred(images), [self.amount] * len(images))
            return (soft.float() * gains[:, None, None]).round().clamp(0, 255).to(torch.uint8)

        return _changed(edited, drift)


def blurred(images: torch.Tensor) -> torch.Tensor:
    """Pictures without their finest detail, ``uint8 [n, S, S, 3]``: the mean of 3 x 3 pixels."""
    planes = torch.nn.functional.pad(images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="replicate")
    return torch.nn.functional.avg_pool2d(planes, 3, 1).permute(0, 2, 3, 1).round().to(torch.uint8)


def _mixed(before: torch.Tensor, after: torch.Tensor, shares: list[float]) -> torch.Tensor:
    weight = torch.tensor(shares, device=before.device)[:, None, None, None]
    return (before.float() + weight * (after.float() - before.float())).round().clamp(0, 255).to(torch.uint8)


def _changed(edited: Edited, change: Any) -> Edited:
    raw = None if edited.raw is None else change(edited.raw)
    return Edited(change(edited.images), edited.problems, raw)


def _shifted(problems: torch.Tensor) -> torch.Tensor:
    """Codes with room for one at 1."""
    return torch.where(problems > 0, problems + 1, problems)


def _share(name: str, value: Any) -> float:
    if not is_number(value) or not 0.0 <= value <= 1.0:
        raise ImgEditError(f"{name} must be a number from 0 to 1; found {value!r}")
    return float(value)
