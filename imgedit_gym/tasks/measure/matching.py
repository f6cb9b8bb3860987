# mypy: disable-error-code="empty-body"
"""A box of a picture as a few samples, and how far sprites are from it.

Samples are kept channel by channel, padded with zeros to whole lanes: red, green and blue of what the box shows, then
those of what the bare ground would show there. Sprites are kept alike: premultiplied red, green and blue, and alpha.
"""

import torch
import torch.nn.functional as F
import warp as wp

from imgedit_gym.kernels.lanes import LANES, LANES_CODE
from imgedit_gym.tasks.measure.constants import COARSE_EDGE, CROP_EDGE, SHORTLIST_LENGTH

HALF_EDGE = CROP_EDGE // 2
"""Side of the still smaller picture for quick looks: every second sample both ways."""

FINE_LENGTH = -(-(CROP_EDGE**2) // LANES) * LANES
HALF_LENGTH = -(-(HALF_EDGE**2) // LANES) * LANES
"""Samples of a view, in whole lanes."""

VIEW_ROWS = 6

Shortlist = wp.types.vector(length=SHORTLIST_LENGTH, dtype=wp.int32)

_AFFINE = """
    // each channel of a linear map of colours
    auto mapped = [&](int k, lanes red, lanes green, lanes blue) {
        return tone.data[k][0] * red + tone.data[k][1] * green + tone.data[k][2] * blue;
    };
"""

_LIT = """
    // each channel of a sprite's sample in its light, under the tone
    wp::mat_t<3, 3, wp::float32> lit;
    for (int k = 0; k < 3; ++k)
        for (int j = 0; j < 3; ++j) lit.data[k][j] = tone.data[k][j] * light[j];
    auto mapped = [&](int k, lanes red, lanes green, lanes blue) {
        return lit.data[k][0] * red + lit.data[k][1] * green + lit.data[k][2] * blue;
    };
"""


def padded(samples: torch.Tensor, length: int) -> torch.Tensor:
    """Samples channel by channel, zeros behind them: ``[..., n, c]`` becomes ``[..., c, length]``."""
    return F.pad(samples.transpose(-1, -2), (0, length - samples.shape[-2])).contiguous()


def halved(crops: torch.Tensor) -> torch.Tensor:
    """Every second sample both ways of ``[..., CROP_EDGE**2, c]``."""
    return crops.unflatten(-2, (CROP_EDGE, CROP_EDGE))[..., ::2, ::2, :].flatten(-3, -2)


def side_by_side(coarse: torch.Tensor) -> torch.Tensor:
    """Coarse sprites sample by sample, ``[2, n, samples, 4]`` to ``[2, samples, 4, n]``, n in whole lanes."""
    across = coarse.permute(0, 2, 3, 1)
    return F.pad(across, (0, -across.shape[-1] % LANES)).contiguous()


@wp.func_native(
    LANES_CODE
    + _AFFINE
    + f"""
    const int most = {CROP_EDGE}, length = view.shape[1];
    // mean colour of a rectangle
#if defined(__CUDA_ARCH__)
    typedef wp::vec_t<3, wp::float32> total;
    auto add = [&](const unsigned char* pixels, int y0, int y1, int x0, int x1, float area) {{
        int sums[3] = {{0, 0, 0}};
        for (int y = y0; y < y1; ++y)
            for (int x = x0; x < x1; ++x)
                for (int c = 0; c < 3; ++c) sums[c] += pixels[3 * (y * size + x) + c];
        return total((float)sums[0] / area, (float)sums[1] / area, (float)sums[2] / area);
    }};
#else
    typedef unsigned char bytes __attribute__((ext_vector_type(4)));
    typedef int whole __attribute__((ext_vector_type(4)));
    typedef float total __attribute__((ext_vector_type(4)));
    auto add = [&](const unsigned char* pixels, int y0, int y1, int x0, int x1, float area) {{
        whole sums = (whole)0;
        for (int y = y0; y < y1; ++y)
            for (int x = x0; x < x1; ++x) {{
                // four bytes at a time, but no byte behind the picture
                const int at = 3 * (y * size + x), behind = at + 4 > 3 * size * size;
                unsigned int four;
                __builtin_memcpy(&four, pixels + at - behind, 4);
                four = behind ? four >> 8 : four;
                bytes parts;
                __builtin_memcpy(&parts, &four, 4);
                sums += __builtin_convertvector(parts, whole);
            }}
        return __builtin_convertvector(sums, total) / area;
    }};
#endif
    const float height = (box[2] - box[0]) / (float)most, width_of = (box[3] - box[1]) / (float)most;
    int left[most], right[most];
    for (int j = 0; j < most; j += step) {{
        left[j] = wp::min(wp::max((int)floorf(box[1] + width_of * (float)j + 0.5f), 0), size - 1);
        right[j] = wp::min(wp::max((int)floorf(box[1] + width_of * (float)(j + 1) + 0.5f), left[j] + 1), size);
    }}
    float* to = view.data;
    int at = 0;
    for (int i = 0; i < most; i += step) {{
        const int top = wp::min(wp::max((int)floorf(box[0] + height * (float)i + 0.5f), 0), size - 1);
        const int bottom = wp::min(wp::max((int)floorf(box[0] + height * (float)(i + 1) + 0.5f), top + 1), size);
        for (int j = 0; j < most; j += step, ++at) {{
            const float area = (float)((bottom - top) * (right[j] - left[j]));
            total seen = add(image.data, top, bottom, left[j], right[j], area);
            total bare = add(plate.data, top, bottom, left[j], right[j], area);
            for (int c = 0; c < 3; ++c) {{
                to[c * length + at] = seen[c];
                to[(3 + c) * length + at] = blank ? mean[c] : bare[c];
            }}
        }}
    }}
    float* ground = to + 3 * length;
    for (int i = 0; i < length; i += width) {{
        const lanes red = read(ground + i), green = read(ground + length + i), blue = read(ground + 2 * length + i);
        for (int k = 0; k < 3; ++k)
            write(ground + k * length + i, limited(mapped(k, red, green, blue) + offset[k]));
    }}
    for (int c = 0; c < {VIEW_ROWS}; ++c)
        for (int i = at; i < length; ++i) to[c * length + i] = 0.0f;
"""
)
def take_view(
    image: wp.array3d(dtype=wp.uint8),
    plate: wp.array3d(dtype=wp.uint8),
    blank: bool,
    mean: wp.vec3,
    tone: wp.mat33,
    offset: wp.vec3,
    size: int,
    box: wp.vec4,
    step: int,
    view: wp.array2d(dtype=wp.float32),
):
    """Write what a box shows, and what the bare ground would show there: every ``step``-th of CROP x CROP samples.

    Args:
        image: The picture.
        plate: The ground's own picture.
        blank: Whether the ground has one colour instead, ``mean``.
        mean: That colour.
        tone: How the ground's colours have changed: matrix,
        offset: and offset.
        size: Edge of the picture.
        box: Top, left, bottom and right in pixels.
        step: 1 or 2.
        view: ``[6, length]``, written.
    """
    ...


@wp.func_native(
    LANES_CODE
    + """
    const int length = view.shape[1];
    const float *seen = view.data, *ground = view.data + 3 * length;
    lanes count = (lanes)0.0f, total[3], squares[3];
    for (int c = 0; c < 3; ++c) total[c] = squares[c] = (lanes)0.0f;
    for (int i = 0; i < length; i += width) {
        lanes color[3], apart = (lanes)0.0f;
        for (int c = 0; c < 3; ++c) {
            color[c] = read(seen + c * length + i);
            apart += magnitude(color[c] - read(ground + c * length + i));
        }
        const lanes w = apart / 3.0f > 16.0f ? (lanes)1.0f : (lanes)0.0f;
        for (int c = 0; c < 3; ++c) {
            total[c] += w * color[c];
            squares[c] += w * color[c] * color[c];
        }
        count += w;
    }
    const float n = sum(count) + 1.0e-3f;
    float spread = 0.0f;
    for (int c = 0; c < 3; ++c) {
        const float mean = sum(total[c]) / n;
        spread += sum(squares[c]) / n - mean * mean;
    }
    return spread;
"""
)
def spread_of(view: wp.array2d(dtype=wp.float32)) -> float:
    """Variance of the colours that set a view apart from the ground, summed over the channels."""
    ...


@wp.func_native(
    LANES_CODE
    + _AFFINE
    + """
    const int length = view.shape[1];
    const float *seen = view.data, *ground = view.data + 3 * length, *rgba = sprite.data;
    lanes top[3], bottom[3];
    for (int k = 0; k < 3; ++k) top[k] = bottom[k] = (lanes)0.0f;
    for (int i = 0; i < length; i += width) {
        const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
        const lanes alpha = read(rgba + 3 * length + i);
        for (int k = 0; k < 3; ++k) {
            const lanes own = alpha > 0.1f ? mapped(k, red, green, blue) : (lanes)0.0f;
            const lanes rest = read(seen + k * length + i) - alpha * offset[k]
                - (1.0f - alpha) * read(ground + k * length + i);
            top[k] += own * rest;
            bottom[k] += own * own;
        }
    }
    wp::vec_t<3, wp::float32> light;
    for (int k = 0; k < 3; ++k) {
        const float known = 1.0f + sum(bottom[k]);
        const float likely = (sum(top[k]) + held * known * usual[k]) / ((1.0f + held) * known);
        light[k] = wp::min(wp::max(likely, 0.3f), 1.15f);
    }
    return light;
"""
)
def light_on(
    view: wp.array2d(dtype=wp.float32),
    sprite: wp.array2d(dtype=wp.float32),
    tone: wp.mat33,
    offset: wp.vec3,
    usual: wp.vec3,
    held: float,
) -> wp.vec3:
    """The light in which a sprite comes closest to a view, held to the usual one where the view tells little."""
    ...


@wp.func_native(
    LANES_CODE
    + _LIT
    + """
    const int length = view.shape[1];
    const float *seen = view.data, *ground = view.data + 3 * length, *rgba = sprite.data;
    lanes total = (lanes)0.0f, solid = (lanes)0.0f, shown[3], meant[3];
    for (int k = 0; k < 3; ++k) shown[k] = meant[k] = (lanes)0.0f;
    for (int i = 0; i < length; i += width) {
        const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
        const lanes alpha = read(rgba + 3 * length + i);
        lanes apart = (lanes)0.0f;
        for (int k = 0; k < 3; ++k) {
            const lanes color = read(seen + k * length + i);
            const lanes guess = limited(
                mapped(k, red, green, blue) + alpha * offset[k] + (1.0f - alpha) * read(ground + k * length + i));
            apart += magnitude(color - guess);
            shown[k] += alpha * color;
            meant[k] += alpha * guess;
        }
        total += apart;
        solid += alpha;
    }
    const float all = wp::max(sum(solid), 1.0f);
    float tint = 0.0f;
    for (int k = 0; k < 3; ++k) tint += fabsf(sum(shown[k]) - sum(meant[k]));
    return wp::vec_t<2, wp::float32>(sum(total) / 3.0f, tint / 3.0f / all);
"""
)
def gap_to(
    view: wp.array2d(dtype=wp.float32),
    sprite: wp.array2d(dtype=wp.float32),
    tone: wp.mat33,
    offset: wp.vec3,
    light: wp.vec3,
) -> wp.vec2:
    """Sum of the distances of a view's samples to a sprite's in some light, and the distance of the mean colours."""
    ...


@wp.func_native(
    LANES_CODE
    + _LIT
    + f"""
    const int edge = {COARSE_EDGE}, block = {CROP_EDGE} / {COARSE_EDGE}, length = view.shape[1], n = sprites.shape[2];
    const float each = share / 3.0f;
    // what the view shows coarsely
    float seen[3][edge * edge], ground[3][edge * edge];
    for (int c = 0; c < 3; ++c)
        for (int i = 0; i < edge * edge; ++i) {{
            float color = 0.0f, bare = 0.0f;
            for (int j = 0; j < block * block; ++j) {{
                const int at = ((i / edge) * block + j / block) * {CROP_EDGE} + (i % edge) * block + j % block;
                color += view.data[c * length + at];
                bare += view.data[(3 + c) * length + at];
            }}
            seen[c][i] = color / (float)(block * block);
            ground[c][i] = bare / (float)(block * block);
        }}
    wp::vec_t<{SHORTLIST_LENGTH}, wp::int32> names;
    float gaps[{SHORTLIST_LENGTH}], worst_kept = 1.0e9f;
    for (int k = 0; k < {SHORTLIST_LENGTH}; ++k) names[k] = -1, gaps[k] = 1.0e9f;
    for (int first = 0; first < n; first += width) {{
        const lanes form = 10.0f * magnitude(shape - read(shapes.data + first));
        lanes gap = (lanes)0.0f;
        bool hopeless = false;
        for (int j = 0; j < edge * edge && !hopeless; ++j) {{
            // the middle tells sprites apart sooner than the corners
            const int i = (j + 2 * edge - 2) % (edge * edge);
            const float* rgba = sprites.data + (4 * i) * n + first;
            const lanes red = read(rgba), green = read(rgba + n), blue = read(rgba + 2 * n);
            const lanes alpha = read(rgba + 3 * n);
            lanes apart = (lanes)0.0f;
            for (int k = 0; k < 3; ++k) {{
                const lanes bare = ground[k][i] + alpha * (offset[k] - ground[k][i]);
                apart += magnitude(seen[k][i] - limited(mapped(k, red, green, blue) + bare));
            }}
            gap += apart;
            hopeless = j % 4 == 3 && !(least(form + gap * each) < worst_kept);
        }}
        if (hopeless) continue;
        gap = form + gap * each;
        float found[width];
        write(found, gap);
        for (int at = 0; at < width && first + at < count; ++at) {{
            if (!(found[at] < worst_kept)) continue;
            int worst = 0;
            for (int k = 1; k < {SHORTLIST_LENGTH}; ++k)
                if (gaps[k] > gaps[worst]) worst = k;
            gaps[worst] = found[at];
            names[worst] = first + at;
            worst_kept = 0.0f;
            for (int k = 0; k < {SHORTLIST_LENGTH}; ++k) worst_kept = wp::max(worst_kept, gaps[k]);
        }}
    }}
    return names;
"""
)
def pick(
    view: wp.array2d(dtype=wp.float32),
    sprites: wp.array3d(dtype=wp.float32),
    shapes: wp.array(dtype=wp.float32),
    count: int,
    shape: float,
    tone: wp.mat33,
    offset: wp.vec3,
    light: wp.vec3,
    share: float,
) -> Shortlist:
    """The sprites that are nearest to a view when both are coarsely seen; -1 where there are no more.

    Args:
        view: With all samples.
        sprites: See :func:`side_by_side`.
        shapes: Logarithm of each one's width over its height, in whole lanes.
        count: How many sprites there are.
        shape: The same of the box.
        tone: The picture's: matrix,
        offset: and offset.
        light: Light in which the thing may stand.
        share: What the distance of one sample weighs.
    """
    ...


@wp.func_native(
    LANES_CODE
    + _LIT
    + """
    const int length = view.shape[1];
    const float *seen = view.data, *ground = view.data + 3 * length, *rgba = sprite.data;
    lanes bare = (lanes)0.0f, cross = (lanes)0.0f, own = (lanes)0.0f, meant = (lanes)0.0f;
    for (int i = 0; i < length; i += width) {
        const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
        const lanes alpha = read(rgba + 3 * length + i);
        lanes apart = (lanes)0.0f, off = (lanes)0.0f;
        for (int k = 0; k < 3; ++k) {
            const lanes color = read(seen + k * length + i), below = read(ground + k * length + i);
            const lanes guess = limited(mapped(k, red, green, blue) + alpha * offset[k] + (1.0f - alpha) * below);
            const lanes c = color - below, g = guess - below;
            off += magnitude(color - guess);
            apart += magnitude(c);
            cross += c * g;
            own += c * c;
            meant += g * g;
        }
        bare += apart;
        write(residual.data + i, off / 3.0f);
    }
    const float both = (sum(own) + 1.0e-3f) * (sum(meant) + 1.0e-3f);
    return wp::vec_t<2, wp::float32>(sum(bare) / 3.0f, sum(cross) / sqrtf(both));
"""
)
def likeness_to(
    view: wp.array2d(dtype=wp.float32),
    sprite: wp.array2d(dtype=wp.float32),
    tone: wp.mat33,
    offset: wp.vec3,
    light: wp.vec3,
    residual: wp.array(dtype=wp.float32),
) -> wp.vec2:
    """How far a view is from the ground, summed, and how alike what sets it and a sprite apart from it is, in [-1, 1].

    The distance that remains of each sample is written to ``residual``.
    """
    ...
