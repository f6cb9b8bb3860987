"""What the retouching tools share: settings by the word of the plan step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch

from imgedit_gym.art.stock import Stock
from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.retouching import DEGREES, WORDS, Wish, read_value
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.core.vocabulary import N_VALUES, Vocabulary
from imgedit_gym.kernels.retouch import apply_curves, mix_channels
from imgedit_gym.tools.base import Tool, by_value, is_empty

LEVELS = np.arange(256) / 255.0
LUMA = np.array([0.299, 0.587, 0.114])
_LED = [VERBS.index(verb) for verb in ("adjust", "edit")]


class Retoucher(Tool, ABC):
    """Base of the retouching tools. They need no art, only the words of their vocabulary.

    A step in words that the tool knows sets how strong it is; for any other it does what :attr:`own` says.

    Attributes:
        own: What the tool does by itself.
    """

    own: ClassVar[str]
    problems = ("", "the plan step asks for no adjustment", "the region is empty")

    def __init__(self, stock: Stock, vocabulary: Vocabulary) -> None:
        self.stock, self.vocabulary = stock, vocabulary
        own = read_value(self.own)
        assert own is not None
        wishes = [own]
        wishes += [Wish(*meant, degree) for meant in WORDS.values() for degree in range(len(DEGREES))]
        known = [wish for wish in wishes if self.setting(wish) is not None]
        rows = torch.zeros(N_VALUES, dtype=torch.int64)
        for code, word in enumerate(vocabulary.values):
            wish = read_value(word)
            if wish in known:
                rows[code] = known.index(wish)
        settings = np.stack([np.asarray(self.setting(wish)) for wish in known])
        self._rows = rows.to(stock.device)
        self._settings = torch.from_numpy(settings).to(stock.device)

    @abstractmethod
    def setting(self, wish: Wish) -> np.ndarray | float | None:
        """The tool's numbers for a wish; ``None`` for a wish that is not its business."""

    @by_value
    def accepts(self, steps: StepBatch) -> torch.Tensor:
        """Steps that adjust, and free text."""
        return (steps.verbs == _LED[0]) | (steps.verbs == _LED[1])

    def check(self, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Refuse other steps, and empty regions."""
        return torch.where(~self.accepts(steps), 1, torch.where(is_empty(regions), 2, 0))

    def settings(self, steps: StepBatch) -> torch.Tensor:
        """The numbers for each step, ``[n, ...]``."""
        return self._settings[self._rows[steps.values]]


class Curve(Retoucher):
    """Base of tools that map levels: settings are curves ``uint8 [3, 256]``."""

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Map the levels of each region."""
        return apply_curves(images, regions.boxes, self.settings(steps))


class Mixer(Retoucher):
    """Base of tools that mix channels: settings are weights and constant ``float32 [3, 4]``, levels in [0, 1]."""

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Mix the channels of each region."""
        return mix_channels(images, regions.boxes, self.settings(steps))


def curves(values: np.ndarray) -> np.ndarray:
    """Curves from new levels in [0, 1] by old ones, ``[256]`` or ``[3, 256]``, as ``uint8 [3, 256]``."""
    return np.broadcast_to(np.rint(np.clip(values, 0.0, 1.0) * 255.0), (3, 256)).astype(np.uint8)


def mix(weights: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """A mix from weights ``[3, 3]`` and a constant ``[3]`` for levels in [0, 1], as ``float32 [3, 4]`` for 0 to 255."""
    return np.concatenate([weights, 255.0 * constant[:, None]], 1).astype(np.float32)


def saturating(amount: float) -> np.ndarray:
    """Weights that multiply what colours differ from grey by, ``[3, 3]``."""
    return amount * np.eye(3) + (1.0 - amount) * LUMA
