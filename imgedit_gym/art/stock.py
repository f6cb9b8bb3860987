"""The stock of pictures at one image size: sprites, background plates and headlines, on one device."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from imgedit_gym.art.backgrounds import LIGHT, VARIANTS, pattern, scenery
from imgedit_gym.art.catalogue import Catalogue, load_catalogue
from imgedit_gym.art.sprites import draw_sprites, draw_text
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS, COLOR_RGB, COLORS, PATTERNS, SCENERY

HEADLINE_HEIGHT, HEADLINE_WIDTH = 0.13, 0.84
"""Extent of a headline's box as shares of the picture."""

MAX_EXTRA_TEXTS = 512
STOCK_PALETTE = ((240, 236, 226), (206, 214, 226))
"""The two colours in which a pattern stands in the stock of backgrounds."""

PALE_CHROMA = 34.0
SATURATED_CHROMA = 40.0
"""Mean chroma below which a sprite counts as pale, and above which as saturated; in between neither."""


def hues(colors: torch.Tensor) -> torch.Tensor:
    """Hue in [0, 6) of each colour.

    Args:
        colors: ``float32 [n, 3]``.

    Returns:
        ``float32 [n]``; 0 for greys.
    """
    high, low = colors.max(-1).values, colors.min(-1).values
    spread = (high - low).clamp_min(1e-6)
    red, green, blue = colors.unbind(-1)
    sector = torch.where(
        high == red,
        (green - blue) / spread,
        torch.where(high == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
    )
    return torch.remainder(sector, 6.0).contiguous()


@dataclass(eq=False)
class Stock:
    """Pictures that tasks are composed of and tools paste from.

    Attributes:
        size: Edge of the environment's pictures in pixels.
        sprites: ``uint8 [n, edge, edge, 4]``, premultiplied; objects of the catalogue, then badges.
        sprite_boxes: ``float32 [n, 4]``, top, left, bottom, right of what is drawn, as shares of the square.
        sprite_means: ``float32 [n, 3]``, mean colour of what is drawn.
        sprite_hues: ``float32 [n]``, dominant hue in [0, 6).
        sprite_chroma: ``float32 [n]``, mean chroma in [0, 255].
        sprite_unity: ``float32 [n]`` in [0, 1], how far a sprite's colours share one hue.
        plates: ``uint8 [kinds * VARIANTS, size, size, 3]``, every background as the stock shows it.
        patterns: ``uint8 [patterns * VARIANTS, size, size]``, mixing share of the second palette colour.
        plate_means: ``float32 [kinds * VARIANTS, 3]``.
        lights: ``float32 [kinds, 3]``, ambient light by background kind.
        colors: ``float32 [colours, 3]``, the named colours.
        texts: ``uint8 [rows, height, width]``, coverage of each headline; spare rows take users' own texts.
    """

    size: int
    device: torch.device
    catalogue: Catalogue
    headlines: tuple[str, ...]
    badges: tuple[str, ...]
    sprites: torch.Tensor
    sprite_boxes: torch.Tensor
    sprite_means: torch.Tensor
    sprite_hues: torch.Tensor
    sprite_chroma: torch.Tensor
    sprite_unity: torch.Tensor
    plates: torch.Tensor
    patterns: torch.Tensor
    plate_means: torch.Tensor
    lights: torch.Tensor
    colors: torch.Tensor
    texts: torch.Tensor
    _rows: dict[str, int] = field(default_factory=dict)

    @property
    def n_objects(self) -> int:
        """Sprites that are objects; the rest are badges."""
        return len(self.catalogue.objects)

    def sprite_name(self, sprite: int) -> str:
        """Name of an object, or ``badge``."""
        return self.catalogue.objects[sprite].name if sprite < self.n_objects else "badge"

    def text_row(self, text: str) -> int:
        """Row of a headline in :attr:`texts`; a text of a user's own is drawn into a spare row.

        Raises:
            ImgEditError: If more than :data:`MAX_EXTRA_TEXTS` texts of users' own are in use.
        """
        row = self._rows.get(text)
        if row is None:
            row = len(self._rows)
            if row >= len(self.texts):
                raise ImgEditError(f"at most {MAX_EXTRA_TEXTS} headlines of your own fit in one process")
            self._rows[text] = row
            self.texts[row] = torch.from_numpy(draw_text(text, *self.texts.shape[1:])).to(self.device)
        return row

    def headline(self, row: int) -> str:
        """The text of a row; empty for -1."""
        if row < 0:
            return ""
        return self.headlines[row] if row < len(self.headlines) else list(self._rows)[row]


def _sprite_statistics(sprites: np.ndarray) -> dict[str, np.ndarray]:
    """The per-sprite attributes of :class:`Stock` by name."""
    rgb = sprites[..., :3].astype(np.float32)
    weight = sprites[..., 3].astype(np.float32) / 255.0
    total = weight.sum((1, 2)).clip(1e-3)
    means = (rgb * weight[..., None]).sum((1, 2)) / total[:, None]
    spread = rgb.max(-1) - rgb.min(-1)
    chroma = (spread * weight).sum((1, 2)) / total
    tilt = np.stack([rgb[..., 0] - 0.5 * (rgb[..., 1] + rgb[..., 2]), np.sqrt(3) / 2 * (rgb[..., 1] - rgb[..., 2])], -1)
    vector = (tilt * weight[..., None]).sum((1, 2))
    length = np.hypot(tilt[..., 0], tilt[..., 1])
    unity = np.hypot(vector[:, 0], vector[:, 1]) / (length * weight).sum((1, 2)).clip(1e-3)
    dominant = np.mod(np.arctan2(vector[:, 1], vector[:, 0]) / (np.pi / 3), 6.0).clip(0, 5.9999)
    boxes = np.empty((len(sprites), 4), np.float32)
    for index, alpha in enumerate(weight > 0.1):
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        boxes[index] = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    return {
        "sprite_boxes": boxes / sprites.shape[1],
        "sprite_means": means.astype(np.float32),
        "sprite_hues": dominant.astype(np.float32),
        "sprite_chroma": chroma.astype(np.float32),
        "sprite_unity": unity.astype(np.float32),
    }


def _premultiply(sprites: np.ndarray) -> np.ndarray:
    alpha = sprites[..., 3:].astype(np.float32) / 255.0
    return np.concatenate([np.round(sprites[..., :3] * alpha).astype(np.uint8), sprites[..., 3:]], -1)


class StockOnDemand:
    """A stock that is drawn when something of it is first asked for: tasks that need no art do not wait for it.

    Args:
        size: Edge of the pictures in pixels, 64 to 512.
        device: Where the tensors go.
        headlines: Phrases of the stock, in row order.
        badges: Short texts for badges.
    """

    def __init__(self, size: int, device: torch.device, headlines: tuple[str, ...], badges: tuple[str, ...]) -> None:
        self.size, self.device, self.headlines, self.badges = size, device, headlines, badges

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(load_stock(self.size, self.device, self.headlines, self.badges), name)


@lru_cache(maxsize=8)
def load_stock(
    size: int,
    device: torch.device,
    headlines: tuple[str, ...],
    badges: tuple[str, ...],
    font: str | None = None,
) -> Stock:
    """Draw the stock; built once per process and setting, and shared.

    Args:
        size: Edge of the pictures in pixels, 64 to 512.
        device: Where the tensors go.
        headlines: Phrases of the stock, in row order.
        badges: Short texts for badges.
        font: Path of another colour-emoji font; ``None`` for OpenMoji.

    Raises:
        ImgEditError: If the font cannot be used.
    """
    catalogue = load_catalogue()
    edge = max(24, -(-int(0.34 * size) // 8) * 8)
    sprites = draw_sprites(tuple(item.emoji for item in catalogue.objects), badges, edge, font)
    fields = np.stack([pattern(kind, v, size) for kind in PATTERNS for v in range(VARIANTS)])
    first, second = (np.asarray(color, np.float32) for color in STOCK_PALETTE)
    painted = first + (second - first) * fields[..., None]
    drawn = np.stack([scenery(kind, v, size) for kind in SCENERY for v in range(VARIANTS)])
    plates = np.concatenate([np.round(painted).astype(np.uint8), drawn])
    texts = np.zeros(
        (len(headlines) + MAX_EXTRA_TEXTS, round(HEADLINE_HEIGHT * size), round(HEADLINE_WIDTH * size)), np.uint8
    )
    for row, text in enumerate(headlines):
        texts[row] = draw_text(text, *texts.shape[1:])

    def put(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return Stock(
        size=size,
        device=device,
        catalogue=catalogue,
        headlines=headlines,
        badges=badges,
        sprites=put(_premultiply(sprites)),
        **{name: put(array) for name, array in _sprite_statistics(sprites).items()},
        plates=put(plates),
        patterns=put(np.round(fields * 255).astype(np.uint8)),
        plate_means=put(plates.reshape(len(plates), -1, 3).mean(1).astype(np.float32)),
        lights=put(np.asarray([LIGHT.get(kind, (1.0, 1.0, 1.0)) for kind in BACKGROUNDS], np.float32)),
        colors=put(np.asarray([COLOR_RGB[name] for name in COLORS], np.float32)),
        texts=put(texts),
        _rows={text: row for row, text in enumerate(headlines)},
    )
