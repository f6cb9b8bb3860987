"""Sampling sprites from the premultiplied atlas, a run of pixels at a time.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
"""

import torch
import warp as wp

RUN_LENGTH = 16
"""Pixels of a line that are sampled together."""

RUN = wp.constant(RUN_LENGTH)

SpriteRun = wp.types.matrix(shape=(4, RUN_LENGTH), dtype=wp.float32)
"""Red, green, blue and alpha of a run of pixels."""


@wp.func_native(f"""
    const int edge = atlas.shape[1];
    const unsigned int* sprite = (const unsigned int*)atlas.data + (size_t)s * edge * edge;
    const float scale = (float)edge, quarter = 0.25f * step;
    // the lines of the sprite above and below both samples, and their weights; what lies outside weighs nothing
    int line[4];
    float weight[4];
    for (int k = 0; k < 2; ++k) {{
        const float at = k ? v + quarter : v - quarter;
        const float scaled = at * scale;
        const float row = scaled - 0.5f;
        const float whole = floorf(row), part = row - whole;
        const int top = (int)whole;
        weight[2 * k] = top >= 0 && top < edge ? 1.0f - part : 0.0f;
        weight[2 * k + 1] = top + 1 >= 0 && top + 1 < edge ? part : 0.0f;
        line[2 * k] = wp::min(wp::max(top, 0), edge - 1) * edge;
        line[2 * k + 1] = wp::min(wp::max(top + 1, 0), edge - 1) * edge;
    }}
    wp::mat_t<4, {RUN_LENGTH}, float> run;
    for (int i = 0; i < {RUN_LENGTH}; ++i) {{
        const float column = (float)(x + i) + 0.5f;
        const float share = column / size;
        const float off = share - centre;
        const float inside = off / width;
        const float u = inside + 0.5f;
        float red = 0.0f, green = 0.0f, blue = 0.0f, alpha = 0.0f;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {{
            const float at = k & 1 ? u + quarter : u - quarter;
            const float scaled = at * scale;
            const float place = scaled - 0.5f;
            const float whole = floorf(place), part = place - whole;
            const int left = (int)whole;
            const float before = left >= 0 && left < edge ? 1.0f - part : 0.0f;
            const float after = left + 1 >= 0 && left + 1 < edge ? part : 0.0f;
            const int first = wp::min(wp::max(left, 0), edge - 1);
            const int second = wp::min(wp::max(left + 1, 0), edge - 1);
            float r = 0.0f, g = 0.0f, b = 0.0f, a = 0.0f;
            #pragma unroll
            for (int t = 0; t < 4; ++t) {{
                const int which = 2 * (k >> 1) + (t >> 1);
                const unsigned int texel = sprite[line[which] + (t & 1 ? second : first)];
                const float w = weight[which] * (t & 1 ? after : before);
                const float wr = w * (float)(int)(texel & 255), wg = w * (float)(int)(texel >> 8 & 255);
                const float wb = w * (float)(int)(texel >> 16 & 255), wa = w * (float)(int)(texel >> 24);
                r += wr;
                g += wg;
                b += wb;
                a += wa;
            }}
            red += r;
            green += g;
            blue += b;
            alpha += a;
        }}
        run.data[0][i] = 0.25f * red;
        run.data[1][i] = 0.25f * green;
        run.data[2][i] = 0.25f * blue;
        run.data[3][i] = 0.25f * alpha;
    }}
    return run;
""")
def sample_run(
    atlas: wp.array4d(dtype=wp.uint8),
    s: int,
    v: float,
    x: int,
    size: float,
    centre: float,
    width: float,
    step: float,
) -> SpriteRun:
    """A run of pixels of a sprite, premultiplied, in [0, 255]; each averages a 2x2 grid of bilinear samples inside it.

    Args:
        atlas: ``[sprites, edge, edge, 4]``, premultiplied, little-endian.
        s: Sprite.
        v: Row of the pixels' centres in the sprite's square, in [0, 1].
        x: First pixel of the run.
        size: Pixels along one unit in which ``centre`` and ``width`` are given.
        centre: Middle of the sprite's square along the line.
        width: Width of the square.
        step: Edge of a target pixel in units of the square.
    """
    ...


@wp.func_native(f"""
    wp::mat_t<4, {RUN_LENGTH}, float> straight;
    for (int i = 0; i < {RUN_LENGTH}; ++i) {{
        const float alpha = run.data[3][i] / 255.0f;
        for (int c = 0; c < 3; ++c) straight.data[c][i] = alpha > 0.0f ? run.data[c][i] / alpha : 0.0f;
        straight.data[3][i] = alpha;
    }}
    return straight;
""")
def straighten(run: SpriteRun) -> SpriteRun:
    """A premultiplied run with its colours undone, in [0, 255], and alpha in [0, 1]."""
    ...


@wp.func
def seen_part(spans: wp.array3d(dtype=wp.int32), s: int, v: float, centre: float, width: float, step: float) -> wp.vec2:
    """Ends of what a line of a sprite shows, in the units of ``centre``; the second is less where it is nothing.

    Args:
        spans: See :func:`sprite_spans`.
        s: Sprite.
        v: Row of the pixels' centres in the sprite's square, in [0, 1].
        centre: Middle of the square along the line.
        width: Width of the square.
        step: Edge of a target pixel in units of the square.
    """
    edge = spans.shape[1]
    scale = float(edge)
    top = wp.clamp(int(wp.floor((v - 0.25 * step) * scale - 0.5)), 0, edge - 1)
    bottom = wp.clamp(int(wp.floor((v + 0.25 * step) * scale - 0.5)) + 1, 0, edge - 1)
    first = int(edge)
    last = int(0)
    for row in range(top, bottom + 1):
        first = wp.min(first, spans[s, row, 0])
        last = wp.max(last, spans[s, row, 1])
    if first >= last:
        return wp.vec2(centre, centre - 2.0 * width)
    left = centre + width * ((float(first) - 0.5) / scale - 0.25 * step - 0.5)
    right = centre + width * ((float(last) + 0.5) / scale + 0.25 * step - 0.5)
    return wp.vec2(left, right)


def sprite_spans(sprites: torch.Tensor) -> torch.Tensor:
    """First column and one past the last that each line of each sprite shows anything in.

    Args:
        sprites: ``uint8 [n, edge, edge, 4]``.

    Returns:
        ``int32 [n, edge, 2]``; equal where a line is empty.
    """
    seen = sprites[..., 3] > 0
    edge = seen.shape[2]
    columns = torch.arange(edge, device=sprites.device)
    last = torch.where(seen, columns + 1, 0).amax(2)
    first = torch.where(seen, columns, edge).amin(2)
    return torch.stack([torch.minimum(first, last), last], 2).to(torch.int32)
