"""Drawing adverts from their numbers."""

from __future__ import annotations

from typing import Any

import torch

from imgedit_gym.art.backgrounds import VARIANTS
from imgedit_gym.art.stock import PALE_CHROMA, Stock, hues
from imgedit_gym.core.names import PATTERNS
from imgedit_gym.kernels.runtime import launch, struct_of
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
    ) -> None:
        """Draw some adverts of a batch in place.

        Args:
            scene: N adverts.
            rows: ``int64 [n]``, which of them.
            images: ``uint8 [N, S, S, 3]``, receives the pictures.
            plates: ``uint8 [N, S, S, 3]``, receives the backgrounds alone.
            segments: ``uint8 [N, S, S]``, receives the labels.
        """
        arrays = scene.arrays()
        lines = (len(rows), self.stock.size)
        launch(draw_plates, lines, [rows, arrays, self._art, images, plates, segments], self.stock.device)
        launch(draw_objects, lines, [rows, arrays, self._art, images, segments], self.stock.device)
