"""Sampling sprites from the premultiplied atlas."""

import warp as wp


@wp.func
def _bilinear(atlas: wp.array4d(dtype=wp.uint8), s: int, v: float, u: float) -> wp.vec4:
    edge = atlas.shape[1]
    y = v * float(edge) - 0.5
    x = u * float(edge) - 0.5
    y0 = int(wp.floor(y))
    x0 = int(wp.floor(x))
    fy = y - float(y0)
    fx = x - float(x0)
    total = wp.vec4(0.0, 0.0, 0.0, 0.0)
    for dy in range(2):
        for dx in range(2):
            yy = y0 + dy
            xx = x0 + dx
            if yy >= 0 and yy < edge and xx >= 0 and xx < edge:
                wy = fy * float(dy) + (1.0 - fy) * float(1 - dy)
                wx = fx * float(dx) + (1.0 - fx) * float(1 - dx)
                total += (wy * wx) * wp.vec4(
                    float(atlas[s, yy, xx, 0]),
                    float(atlas[s, yy, xx, 1]),
                    float(atlas[s, yy, xx, 2]),
                    float(atlas[s, yy, xx, 3]),
                )
    return total


@wp.func
def sample_sprite(atlas: wp.array4d(dtype=wp.uint8), s: int, v: float, u: float, step: float) -> wp.vec4:
    """Premultiplied red, green, blue and alpha in [0, 255] of a sprite.

    Args:
        atlas: ``[sprites, edge, edge, 4]``, premultiplied.
        s: Sprite.
        v: Row of the pixel's centre in the sprite's square, in [0, 1].
        u: Column likewise.
        step: Edge of a target pixel in the same units; a 2x2 grid inside it is averaged.
    """
    q = 0.25 * step
    return 0.25 * (
        _bilinear(atlas, s, v - q, u - q)
        + _bilinear(atlas, s, v - q, u + q)
        + _bilinear(atlas, s, v + q, u - q)
        + _bilinear(atlas, s, v + q, u + q)
    )
