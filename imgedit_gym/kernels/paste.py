"""Compositing sprites into pictures."""

import torch
import warp as wp

from imgedit_gym.kernels.color import read_color, write_color
from imgedit_gym.kernels.lines import edit_lines
from imgedit_gym.kernels.sprite import RUN, sample_run


@wp.kernel
def _paste(
    first: int,
    atlas: wp.array4d(dtype=wp.uint8),
    sprites: wp.array(dtype=wp.int32),
    places: wp.array(dtype=wp.vec3),
    light: wp.array(dtype=wp.vec3),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    s = sprites[n]
    if s < 0:
        return
    size = out.shape[1]
    place = places[n]
    edge = place[2]
    top = wp.max(int(place[0] - 0.52 * edge) - 1, 0)
    bottom = wp.min(int(place[0] + 0.52 * edge) + 2, size)
    left = wp.max(int(place[1] - 0.52 * edge) - 1, 0)
    right = wp.min(int(place[1] + 0.52 * edge) + 2, size)
    for y in range(top + lane, bottom, lanes):
        v = (float(y) + 0.5 - place[0]) / edge + 0.5
        if v >= -0.02 and v <= 1.02:
            for x in range(left, right, RUN):
                run = sample_run(atlas, s, v, x, 1.0, place[1], edge, 1.0 / edge)
                for k in range(wp.min(right - x, RUN)):
                    if run[3, k] > 0.5:
                        own = wp.cw_mul(wp.vec3(run[0, k], run[1, k], run[2, k]), light[n])
                        below = (1.0 - run[3, k] / 255.0) * read_color(out, n, y, x + k)
                        write_color(out, n, y, x + k, own + below)


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
    return edit_lines(_paste, images.contiguous(), atlas, sprites, places.contiguous(), light.contiguous())
