"""Compositing sprites into pictures."""

import torch
import warp as wp

from imgedit_gym.kernels.color import read_color, write_color
from imgedit_gym.kernels.runtime import launch
from imgedit_gym.kernels.sprite import sample_sprite


@wp.kernel
def _paste(
    atlas: wp.array4d(dtype=wp.uint8),
    sprites: wp.array(dtype=wp.int32),
    places: wp.array2d(dtype=wp.float32),
    light: wp.array2d(dtype=wp.float32),
    out: wp.array4d(dtype=wp.uint8),
):
    n, y = wp.tid()
    s = sprites[n]
    if s < 0:
        return
    size = out.shape[1]
    edge = places[n, 2]
    v = (float(y) + 0.5 - places[n, 0]) / edge + 0.5
    if v < -0.02 or v > 1.02:
        return
    first = wp.max(int(places[n, 1] - 0.52 * edge) - 1, 0)
    last = wp.min(int(places[n, 1] + 0.52 * edge) + 2, size)
    for x in range(first, last):
        u = (float(x) + 0.5 - places[n, 1]) / edge + 0.5
        rgba = sample_sprite(atlas, s, v, u, 1.0 / edge)
        if rgba[3] > 0.5:
            own = wp.vec3(rgba[0] * light[n, 0], rgba[1] * light[n, 1], rgba[2] * light[n, 2])
            write_color(out, n, y, x, own + (1.0 - rgba[3] / 255.0) * read_color(out, n, y, x))


def paste_sprites(
    images: torch.Tensor,
    atlas: torch.Tensor,
    sprites: torch.Tensor,
    places: torch.Tensor,
    light: torch.Tensor,
) -> torch.Tensor:
    """Composite one sprite into each picture.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        atlas: ``uint8 [sprites, edge, edge, 4]``, premultiplied.
        sprites: ``int32 [n]``; -1 pastes nothing.
        places: Centre row, centre column and edge in pixels, ``float32 [n, 3]``.
        light: Multiplies the sprite's colours, ``float32 [n, 3]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    out = images.clone()
    inputs = [atlas, sprites, places.contiguous(), light.contiguous(), out]
    launch(_paste, (len(images), images.shape[1]), inputs, images.device)
    return out
