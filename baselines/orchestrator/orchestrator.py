"""The learned orchestrator, ready for use: a trained network, with the encoder that it sees through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.orchestrator.network import Choices, Network, Shape, shrink
from baselines.vision.encoder import Vision
from imgedit_gym.core.errors import DataFileError, ImgEditError, first_line
from imgedit_gym.core.vocabulary import load_vocabulary

WEIGHTS = Path(__file__).parents[1] / "weights" / "orchestrator"
"""Folder of the weights that come with the package."""

MODEL, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
_CHUNK = 128
"""Pictures looked at at once; more only need more memory."""


class Orchestrator:
    """Chooses tool and region for batches of pictures and plan steps.

    Args:
        network: The network.
        tool_ids: Its tools in the order of its outputs; the first is ``skip``.
        vision: The encoder it sees through; ``None`` for one that has pixels alone.
    """

    def __init__(self, network: Network, tool_ids: Sequence[str], vision: Vision | None) -> None:
        self.network, self.tool_ids, self.vision = network, tuple(tool_ids), vision
        if network.shape.codes and vision is None:
            raise ImgEditError("this orchestrator sees through the image encoder: expected a Vision; found None")

    @classmethod
    def load(
        cls, folder: str | Path | None = None, vision: Vision | None = None, device: str | torch.device = "cpu"
    ) -> Orchestrator:
        """Read a folder that :meth:`save` wrote.

        Args:
            folder: Where it is; the weights of the package if none is named.
            vision: The encoder to see through; the package's own if none is given and one is needed.
            device: Where to compute.

        Raises:
            DataFileError: If the folder does not hold an orchestrator, or it was trained with other words or another
                encoder.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = WEIGHTS if folder is None else Path(folder)
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
            network = Network(Shape(**config["shape"]), len(config["tools"]))
            network.load_state_dict(load_file(path / MODEL))
            told = config["vocabulary"], config["vision"]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataFileError(f"{path}: expected a trained orchestrator; {first_line(error)}") from error
        if network.shape.codes and vision is None:
            vision = Vision.load(device=device)
        here = load_vocabulary().version, vision.digest if network.shape.codes and vision is not None else None
        for name, expected, found in zip(("vocabulary", "image encoder"), told, here, strict=True):
            if expected != found:
                raise DataFileError(f"{path}: trained with {name} {expected}; found {found}: train it anew")
        network = network.to(device).eval().requires_grad_(False)
        return cls(network, config["tools"], vision if network.shape.codes else None)

    def save(self, folder: Path, card: str = "", **facts: Any) -> None:
        """Write weights and configuration.

        Args:
            folder: Where to; made if it is missing.
            card: Text of the model card.
            **facts: Further entries of the configuration, JSON-able.
        """
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(state, folder / MODEL)
        config = {
            **self.network.describe(),
            "tools": list(self.tool_ids),
            "vocabulary": load_vocabulary().version,
            "vision": None if self.vision is None else self.vision.digest,
            **facts,
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        if card:
            (folder / CARD).write_text(card, encoding="utf-8")

    @property
    def device(self) -> torch.device:
        """Where the policy computes."""
        return self.network.position.device

    def tokens(self, images: Any) -> torch.Tensor | None:
        """The encoder's image tokens in half precision, to be kept; ``None`` where none are needed.

        Args:
            images: ``uint8 [n, H, W, 3]``.
        """
        return None if self.vision is None else self.vision.tokens(torch.as_tensor(images)).half()

    @torch.no_grad()
    def choices(self, images: Any, steps: Any, tokens: torch.Tensor | None = None) -> Choices:
        """The distribution over tools and regions, tools in the order of :attr:`tool_ids`.

        Args:
            images: The pictures as they are now, ``uint8 [n, H, W, 3]``, an array or a tensor.
            steps: Codes of the current plan steps, ``int [n, 3]``.
            tokens: What :meth:`tokens` gave for the pictures, if that is known.
        """
        images, steps = torch.as_tensor(images), torch.as_tensor(steps).to(self.device)
        if tokens is None:
            tokens = self.tokens(images)
        self.network.eval()
        parts = []
        for start in range(0, len(images), _CHUNK):
            part = slice(start, start + _CHUNK)
            seen = None if tokens is None else tokens[part].to(self.device)
            parts.append(self.network(shrink(images[part].to(self.device)), steps[part], seen))
        return Choices(*(torch.cat([getattr(part, name) for part in parts]) for name in ("regions", "tools", "state")))

    def act(
        self,
        images: Any,
        steps: Any,
        tool_mask: Any = None,
        tool_ids: Sequence[str] | None = None,
        tokens: torch.Tensor | None = None,
    ) -> np.ndarray:
        """The likeliest region of each plan step, and the likeliest tool there.

        Args:
            images: The pictures as they are now, ``uint8 [n, H, W, 3]``, an array or a tensor.
            steps: Codes of the current plan steps, ``int [n, 3]``, as observations have them in ``plan_step``.
            tool_mask: Which tools may be used, ``bool [n, len(tool_ids)]``: the first part of
                ``env.unwrapped.action_masks()``, or ``infos["tool_mask"]`` of an agent; all if it is not given.
            tool_ids: Tools of the environment in action order, ``env.unwrapped.tool_ids``; those of the policy if it is
                not given. Tools that the policy does not know are not used.
            tokens: What :meth:`tokens` gave for the pictures, if that is known.

        Returns:
            Tool, in the environment's order, and region, ``int64 [n, 2]``.

        Raises:
            ImgEditError: If the environment has tools beside ``skip`` and the policy knows none of them.
        """
        if not len(images):
            return np.zeros((0, 2), dtype=np.int64)
        ids = self.tool_ids if tool_ids is None else tuple(tool_ids)
        if len(ids) > 1 and not set(ids[1:]) & set(self.tool_ids):
            raise ImgEditError(f"expected some of the tools that were trained on, {self.tool_ids[1:]}; found {ids[1:]}")
        there = torch.tensor([ids.index(id) if id in ids else -1 for id in self.tool_ids])
        allowed = (
            torch.ones(len(images), len(ids), dtype=torch.bool) if tool_mask is None else torch.as_tensor(tool_mask)
        )
        mask = allowed.bool().cpu()[:, there.clamp_min(0)] & (there >= 0)
        best = self.choices(images, steps, tokens).best(mask.to(self.device)).cpu()
        return torch.stack([there[best[:, 0]].clamp_min(0), best[:, 1]], 1).numpy()
