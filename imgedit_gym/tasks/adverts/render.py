"""Drawing adverts from their numbers."""

from __future__ import annotations

from typing import Any

import torch

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import PALE_CHROMA, Stock, hues
from imgedit_gym.core.names import PATTERNS
from imgedit_gym.kernels.runtime import lanes_of, launch, struct_of
from imgedit_gym.kernels.sprite import sprite_spans
from imgedit_gym.tasks.adverts.render_kernels import Art, draw_objects, draw_plates
from imgedit_gym.tasks.adverts.scene import SceneBatch


class Renderer:
    """Draws batches of adverts with one stock of art.

    Args:
        stock: The pictures to draw with; its size is the size of what is drawn.
    """

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self._art: Any = struct_of(
            Art,
            {
                "sprites": stock.sprites,
                "spans": sprite_spans(stock.sprites),
                "boxes": stock.sprite_boxes,
                "hues": stock.sprite_hues,
                "chroma": stock.sprite_chroma,
                "plates": stock.plates,
                "patterns": stock.patterns,
                "colors": stock.colors,
                "color_hues": hues(stock.colors),
                "texts": stock.texts,
            },
            n_patterns=len(PATTERNS),
            variants=VARIANTS,
            pale=PALE_CHROMA,
        )

    def draw(
        self,
        scene: SceneBatch,
        rows: torch.Tensor,
        images: torch.Tensor,
        plates: torch.Tensor,
        segments: torch.Tensor,
        mattes: torch.Tensor,
    ) -> None:
        """Draw some adverts of a batch in place.

        Args:
            scene: N adverts.
            rows: ``int64 [n]``, which of them.
            images: ``uint8 [N, S, S, 3]``, receives the pictures.
            plates: ``uint8 [N, S, S, 3]``, receives the backgrounds alone.
            segments: ``uint8 [N, S, S]``, receives the labels.
            mattes: ``uint8 [N, S, S]``, receives how much of the background shows through.
        """
        arrays, device = scene.arrays, self.stock.device
        lanes = lanes_of(device, self.stock.size)
        dim = (len(rows), lanes)
        launch(draw_plates, dim, [rows, arrays, self._art, lanes, images, plates, segments, mattes], device)
        launch(draw_objects, dim, [rows, arrays, self._art, lanes, images, segments, mattes], device)
