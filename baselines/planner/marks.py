"""What a plan is to concern, read off the places of the picture before it is written.

A planner that reads the request before the picture knows, place by place, what there goes against it. The mark of a
place says so: it is learnt from which things the plans of the training edit. Of a thing that is due the plan must speak
before it may end, and of other objects it may not speak; how it edits them, and all else, is left to the words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from baselines.training.judge.kinds import KIND
from imgedit_gym.core.errors import DataFileError, first_line
from imgedit_gym.core.plan import VERBS

WEIGHTS = "marks.safetensors"
"""File of the marks beside the planner's weights."""

THRESHOLD = 0.5
"""A thing is due if it is edited with a greater chance than this."""

OBJECT_TYPE, BACKGROUND_TYPE, HEADLINE_TYPE = 0, 1, 2
"""Types of what can stand at a place, as in :class:`baselines.vision.Vision`."""


@dataclass(frozen=True)
class Places:
    """What can stand at a place of the picture.

    Attributes:
        kinds: Names of everything that can.
        types: Whether each is an object or badge, a background or a headline, ``int64 [kinds]``.
        codes: Unit vector of each, ``float32 [kinds, 64]``.
    """

    kinds: tuple[str, ...]
    types: torch.Tensor
    codes: torch.Tensor

    def seen(self, tokens: torch.Tensor) -> torch.Tensor:
        """What each place shows, an index of ``kinds``: image tokens ``[n, T, width]`` to ``int64 [n, T]``."""
        return (tokens[..., KIND].float() @ self.codes.to(tokens.device).T).argmax(-1)


class Marks(nn.Module):
    """Marks places with the verb of the step that concerns what they show.

    Args:
        places: What can stand at one.
        width: Of the language half.
        layer: After how many of its layers the marks are read, at least 1.
    """

    def __init__(self, places: Places, width: int, layer: int) -> None:
        super().__init__()
        self.places, self.layer = places, layer
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(VERBS))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Scores of each verb, the first for none: ``float32 [n, T, verbs]`` from states ``[n, T, width]``."""
        return self.head(self.norm(hidden)).float()

    @torch.inference_mode()
    def chances(self, model: Any, inputs: dict[str, Any], tokens: torch.Tensor) -> list[dict[str, float]]:
        """How likely it is that each object in some pictures is to be edited.

        Args:
            model: The planner's.
            inputs: What :func:`baselines.planner.model.prompt` gives.
            tokens: Image tokens, ``float [n, T, width]``.

        Returns:
            Chances in [0, 1] by name, one dictionary for each picture.
        """
        mask = inputs["attention_mask"]
        states = model.model.language_model(
            inputs_embeds=inputs["inputs_embeds"],
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp_min(0),
            use_cache=False,
            output_hidden_states=True,
        ).hidden_states[self.layer]
        # the picture's places come last but one, before the token after which the plan is written
        edited = 1.0 - self(states[:, -1 - tokens.shape[1] : -1].to(self.head.weight.dtype)).softmax(-1)[..., 0]
        found = []
        for shown, chance in zip(self.places.seen(tokens).cpu(), edited.cpu(), strict=True):
            things = [kind for kind in set(shown.tolist()) if self.places.types[kind] == OBJECT_TYPE]
            found.append({self.places.kinds[kind]: float(chance[shown == kind].mean()) for kind in sorted(things)})
        return found

    def save(self, folder: Path, vision: str) -> None:
        """Write them beside a planner's weights, in half precision.

        Args:
            folder: Where.
            vision: Digest of the image encoder whose codes they know.
        """
        from safetensors.torch import save_file

        tensors = {name: value.detach().half().contiguous() for name, value in self.state_dict().items()}
        tensors |= {"codes": self.places.codes.half().contiguous(), "types": self.places.types.to(torch.uint8)}
        told = {"kinds": "\n".join(self.places.kinds), "layer": str(self.layer), "vision": vision}
        save_file(tensors, folder / WEIGHTS, told)

    @classmethod
    def load(cls, folder: Path, width: int, layers: int, vision: str) -> Marks | None:
        """Read those beside a planner's weights.

        Args:
            folder: Where.
            width: Numbers in a state of the planner's language half.
            layers: How many layers that half has.
            vision: Digest of the planner's image encoder.

        Returns:
            The marks, or ``None`` for a planner that has none.

        Raises:
            DataFileError: If the file holds something else.
        """
        path = folder / WEIGHTS
        if not path.is_file():
            return None
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                told = file.metadata() or {}
                tensors = {name: file.get_tensor(name).float() for name in sorted(file.keys())}
            kinds, layer = tuple(told["kinds"].split("\n")), int(told["layer"])
            codes, types = tensors.pop("codes"), tensors.pop("types").long()
            if codes.shape != (len(kinds), KIND.stop - KIND.start) or types.shape != codes.shape[:1]:
                raise ValueError(f"codes {tuple(codes.shape)} and types {tuple(types.shape)} for {len(kinds)} kinds")
            if not 1 <= layer <= layers:
                raise ValueError(f"layer {layer} of {layers}")
            if told["vision"] != vision:
                raise ValueError(f"marks for the encoder {told['vision']}, where the planner has {vision}")
            if not all(bool(value.isfinite().all()) for value in (codes, *tensors.values())):
                raise ValueError("numbers that are not finite")
            marks = cls(Places(kinds, types, codes), width, layer)
            marks.load_state_dict(tensors)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise DataFileError(f"{path}: expected a planner's marks; {first_line(error)}") from error
        return marks.eval().requires_grad_(False)


def due_of(chances: dict[str, float], temperature: float = 0.0, seed: Any = None) -> list[str]:
    """Which things are due.

    Args:
        chances: By name, as :meth:`Marks.chances` gives them.
        temperature: 0 for those above :data:`THRESHOLD`; above 0 chance decides, the more the higher it is.
        seed: A whole number or several, where chance decides.
    """
    if temperature <= 0:
        return [name for name, chance in chances.items() if chance > THRESHOLD]
    # a stream apart from the one that draws the words
    dice = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    noise, cut = temperature * dice.logistic(size=len(chances)), _logit(THRESHOLD)
    return [name for (name, chance), luck in zip(chances.items(), noise, strict=True) if _logit(chance) + luck > cut]


def _logit(chance: float) -> float:
    chance = min(max(chance, 1e-6), 1.0 - 1e-6)
    return math.log(chance / (1.0 - chance))
