"""What stands at each place of a picture, as codes that words share.

Made like the vision half of the small judge: a SigLIP-style tower and the projector behind it, trained with dense
labels of the renderer so that a word and the places that show what it names have a high product.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.training.judge.kinds import KIND, TINT, TONE, TYPE, WIDTH
from imgedit_gym.core.errors import DataFileError, ImgEditError, first_line
from imgedit_gym.core.region import LATTICE
from imgedit_gym.judges.vlm.mosaic import TILE, area_weights, mosaic

WEIGHTS = Path(__file__).parents[1] / "weights" / "vision"
"""Folder of the weights that come with the package."""

TOWER, PROJECTOR, CODES, SETTINGS = "model.safetensors", "projector.safetensors", "codes.safetensors", "vision.json"

WORD_PARTS = (KIND, TINT, TONE, TYPE)
"""Parts of an image token that a word can speak of; a word's vector holds them one after the other."""

WORD = sum(part.stop - part.start for part in WORD_PARTS)
"""Numbers in a word's vector."""

_CHUNK = 64
"""Pictures encoded at once; more only need more memory."""


@dataclass(eq=False)
class Vision:
    """A frozen encoder of pictures.

    Attributes:
        tower: A ``SiglipVisionModel``.
        projector: From the tower's last layer to image tokens.
        edge: Edge in pixels that pictures are reduced to.
        kinds: Names of everything that can stand at a place: objects, badges, backgrounds, headlines.
        types: 0 object or badge, 1 background, 2 headline; ``int64 [kinds]``.
        codes: Unit vector of each kind, ``float32 [kinds, 64]``.
        words: Row of each phrase in ``table``.
        table: Vectors of the phrases, ``float32 [phrases, WORD]``.
        digest: Names the weights; what was trained on other tokens does not go with them.
    """

    tower: Any
    projector: nn.Sequential
    edge: int
    kinds: tuple[str, ...]
    types: torch.Tensor
    codes: torch.Tensor
    words: dict[str, int]
    table: torch.Tensor
    digest: str

    @classmethod
    def load(cls, folder: str | Path | None = None, device: str | torch.device = "cpu") -> Vision:
        """Read weights that :func:`baselines.vision.export.export_vision` wrote.

        Args:
            folder: Where they are; those of the package if none is named.
            device: Where to compute.

        Raises:
            ImgEditError: If transformers is missing.
            DataFileError: If the folder does not hold such weights.
        """
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file
            from transformers import SiglipVisionConfig, SiglipVisionModel
        except ImportError as error:
            raise ImgEditError(
                f"the image encoder needs transformers: pip install 'imgedit-gym[models]'; found {error}"
            ) from error
        path = WEIGHTS if folder is None else Path(folder)
        try:
            settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
            codes, projector = load_file(path / CODES), load_file(path / PROJECTOR)
            tower: Any = SiglipVisionModel(SiglipVisionConfig.from_pretrained(path))
            tower.load_state_dict({name: value.float() for name, value in load_file(path / TOWER).items()})
            names = settings["kinds"], settings["words"]
            edge = int(settings["edge"])
            if [len(part) for part in names] != [len(codes["kinds"]), len(codes["words"])]:
                raise ValueError(f"{SETTINGS} names other things than {CODES} has codes for")
            last = make_projector(tower.config.hidden_size)
            last.load_state_dict({name: value.float() for name, value in projector.items()})
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataFileError(f"{path}: expected the weights of an image encoder; {first_line(error)}") from error
        return cls(
            tower.to(device).eval().requires_grad_(False),
            last.to(device).eval().requires_grad_(False),
            edge,
            tuple(names[0]),
            codes["types"],
            codes["kinds"].float(),
            {phrase: row for row, phrase in enumerate(names[1])},
            codes["words"].float(),
            digest_of(path),
        )

    @property
    def places(self) -> int:
        """Places along an edge of the picture."""
        return self.edge // TILE

    @cached_property
    def device(self) -> torch.device:
        """Where the encoder computes."""
        return next(self.tower.parameters()).device

    @torch.inference_mode()
    def tokens(self, images: Any, before: Any = None, hidden: bool = False) -> torch.Tensor:
        """Codes of what stands at each place.

        Args:
            images: ``uint8 [n, H, W, 3]``, an array or a tensor on any device.
            before: The pictures before an edit, of the same shape; without them nothing counts as changed.
            hidden: Whether to give the tower's last layer instead of the image tokens.

        Returns:
            ``float32 [n, places ** 2, WIDTH]``, places row by row; with ``hidden`` as wide as the tower.

        Raises:
            ImgEditError: If the pictures are of another shape or type.
        """
        images = self._checked(images)
        before = images if before is None else self._checked(before)
        found = [
            self._encode(before[start : start + _CHUNK], images[start : start + _CHUNK], hidden)
            for start in range(0, len(images), _CHUNK)
        ]
        width = self.tower.config.hidden_size if hidden else WIDTH
        return torch.cat(found) if found else torch.zeros(0, self.places**2, width, device=self.device)

    def _checked(self, images: Any) -> torch.Tensor:
        found = torch.as_tensor(images)
        if found.dtype != torch.uint8 or found.dim() != 4 or found.shape[-1] != 3:
            raise ImgEditError(f"expected pictures uint8 [n, H, W, 3]; found {found.dtype} {list(found.shape)}")
        return found.to(self.device)

    def _encode(self, before: torch.Tensor, after: torch.Tensor, hidden: bool) -> torch.Tensor:
        laid = mosaic(before, after, self.edge).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        # the projector reads what comes before the tower's last normalisation
        last = self.tower(pixel_values=laid, output_hidden_states=True).hidden_states[-1]
        return last if hidden else self.projector(last)

    def likeness(self, tokens: torch.Tensor) -> torch.Tensor:
        """Products of each place with the code of each kind: ``float32 [..., kinds]``, about 1 for what is seen."""
        return tokens[..., KIND].float() @ self.codes.to(tokens.device).T

    def seen(self, tokens: torch.Tensor) -> torch.Tensor:
        """What each place shows, an index of :attr:`kinds`: ``int64 [n, places ** 2]``."""
        return self.likeness(tokens).argmax(-1)

    def word(self, phrase: str) -> torch.Tensor:
        """Vector of a phrase, ``float32 [WORD]``; zeros for one that names nothing to be seen."""
        row = self.words.get(phrase.lower())
        return torch.zeros(WORD) if row is None else self.table[row]


def make_projector(width: int) -> nn.Sequential:
    """The projector of a Llava, from the tower's width to that of the image tokens."""
    return nn.Sequential(nn.Linear(width, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))


def word_parts(tokens: torch.Tensor) -> torch.Tensor:
    """The parts of image tokens that words speak of: ``[..., WIDTH]`` to ``[..., WORD]``."""
    return torch.cat([tokens[..., part] for part in WORD_PARTS], -1)


def to_lattice(tokens: torch.Tensor) -> torch.Tensor:
    """Resample what is known of places to the cells of the regions' lattice.

    Args:
        tokens: ``float [n, places ** 2, width]``.

    Returns:
        ``float32 [n, LATTICE ** 2, width]``, cells row by row.
    """
    places = round(tokens.shape[1] ** 0.5)
    weights = area_weights(places, LATTICE).to(tokens.device)
    square = tokens.float().unflatten(1, (places, places))
    return torch.einsum("ai,bj,nijw->nabw", weights, weights, square).flatten(1, 2)


def digest_of(folder: Path) -> str:
    """Names the weights in a folder."""
    found = hashlib.sha256()
    for name in (TOWER, PROJECTOR, CODES):
        found.update((folder / name).read_bytes())
    return found.hexdigest()[:16]
