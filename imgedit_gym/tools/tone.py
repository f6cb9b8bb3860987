"""Tone: exposure, contrast, saturation and temperature, each led by the tone the plan step asks for."""

from __future__ import annotations

from typing import ClassVar

import torch

from imgedit_gym.core.names import TONES
from imgedit_gym.core.region import RegionBatch
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.kernels.adjust import grade
from imgedit_gym.tools.base import Tool


class Grader(Tool):
    """Base of the tone tools: settings by tone, and one of their own for steps that ask for no tone.

    Attributes:
        settings: Gain of red, green and blue, pivot about which the gain works (0 to 255) and saturation, by tone;
            the empty tone is what the tool does by itself.
    """

    settings: ClassVar[dict[str, tuple[float, float, float, float, float]]]

    def __init__(self, stock, vocabulary) -> None:  # type: ignore[no-untyped-def]
        super().__init__(stock, vocabulary)
        own = self.settings[""]
        rows = [self.settings.get(tone, own) for tone in TONES] + [own]
        self._table = torch.tensor(rows, device=stock.device)

    def apply(self, images: torch.Tensor, regions: RegionBatch, steps: StepBatch) -> torch.Tensor:
        """Grade each picture as its step asks."""
        rows = self._table[self.lookup.tone[steps.values]]
        gain, pivot, saturation = rows[:, :3], rows[:, 3], rows[:, 4]
        return grade(images, regions.boxes, gain, pivot * (1.0 - gain[:, 0]), saturation)


class Exposure(Grader):
    """Brightens, or darkens where that is asked: right for both unless the picture is near white already."""

    id = "exposure"
    settings: ClassVar = {
        "": (1.3, 1.3, 1.3, 0.0, 1.0),
        "brighter": (1.3, 1.3, 1.3, 0.0, 1.0),
        "darker": (0.62, 0.62, 0.62, 0.0, 1.0),
    }


class Contrast(Grader):
    """Stretches about mid-grey; asked for brighter or darker it lowers contrast towards white or black.

    Right for a contrasty look, and for brightening pictures that exposure would clip.
    """

    id = "contrast"
    settings: ClassVar = {
        "": (1.45, 1.45, 1.45, 122.0, 1.0),
        "brighter": (0.66, 0.66, 0.66, 255.0, 1.0),
        "darker": (0.72, 0.72, 0.72, 0.0, 1.0),
        "soft": (0.8, 0.8, 0.8, 122.0, 1.0),
        "muted": (0.75, 0.75, 0.75, 128.0, 1.0),
    }


class Saturation(Grader):
    """Raises, lowers or removes colour: right for vivid, muted and monochrome looks."""

    id = "saturation"
    settings: ClassVar = {
        "": (1.0, 1.0, 1.0, 0.0, 1.5),
        "vivid": (1.0, 1.0, 1.0, 0.0, 1.5),
        "muted": (1.0, 1.0, 1.0, 0.0, 0.5),
        "monochrome": (1.0, 1.0, 1.0, 0.0, 0.0),
        "vintage": (1.0, 1.0, 1.0, 0.0, 0.4),
    }


class Temperature(Grader):
    """Warms or cools; for a vintage look it fades to sepia."""

    id = "temperature"
    settings: ClassVar = {
        "": (1.12, 1.0, 0.8, 0.0, 1.0),
        "warmer": (1.12, 1.0, 0.8, 0.0, 1.0),
        "cooler": (0.8, 0.98, 1.16, 0.0, 1.0),
        "vintage": (1.08, 0.95, 0.74, 0.0, 0.25),
    }
