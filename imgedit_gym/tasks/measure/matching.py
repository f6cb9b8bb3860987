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

_SUMMED = 6400
"""Pixels around a box whose sums are kept while it is moved; without them each sample is added up again."""

Shortlist = wp.types.vector(length=SHORTLIST_LENGTH, dtype=wp.int32)

_AFFINE = """
    // each channel of a linear map of colours
    auto mapped = [](const wp::mat_t<3, 3, wp::float32>& map, int k, lanes red, lanes green, lanes blue) {
        return map.data[k][0] * red + map.data[k][1] * green + map.data[k][2] * blue;
    };
    // the map of a sprite's colours in its light, under the tone
    auto lit_by = [&](const wp::vec_t<3, wp::float32>& light) {
        wp::mat_t<3, 3, wp::float32> lit;
        for (int k = 0; k < 3; ++k)
            for (int j = 0; j < 3; ++j) lit.data[k][j] = tone.data[k][j] * light[j];
        return lit;
    };
    (void)mapped, (void)lit_by;
"""

_TAKE = f"""
    const int most = {CROP_EDGE};
    // mean colours of a rectangle of the picture and of the ground's plate
#if defined(__CUDA_ARCH__)
    typedef wp::vec_t<3, wp::float32> total;
    auto mean_of = [&](const unsigned char* pixels, int y0, int y1, int x0, int x1, float area) {{
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
    // four bytes at a time, but no byte behind the picture
    auto read_pixel = [&](const unsigned char* pixels, int y, int x) {{
        const int at = 3 * (y * size + x), behind = at + 4 > 3 * size * size;
        unsigned int four;
        __builtin_memcpy(&four, pixels + at - behind, 4);
        return behind ? four >> 8 : four;
    }};
    auto mean_of = [&](const unsigned char* pixels, int y0, int y1, int x0, int x1, float area) {{
        whole sums = (whole)0;
        for (int y = y0; y < y1; ++y)
            for (int x = x0; x < x1; ++x) {{
                const unsigned int four = read_pixel(pixels, y, x);
                bytes parts;
                __builtin_memcpy(&parts, &four, 4);
                sums += __builtin_convertvector(parts, whole);
            }}
        return __builtin_convertvector(sums, total) / area;
    }};
#endif
    auto look_at = [&](int y0, int y1, int x0, int x1, total* means) {{
        const float area = (float)((y1 - y0) * (x1 - x0));
        means[0] = mean_of(image.data, y0, y1, x0, x1, area);
        means[1] = mean_of(plate.data, y0, y1, x0, x1, area);
    }};
    // every step-th sample of a box
    auto take = [&](auto look, const float* box, int step, float* to, int length) {{
        const float height = (box[2] - box[0]) / (float)most, width_of = (box[3] - box[1]) / (float)most;
        int left[most], right[most];
        for (int j = 0; j < most; j += step) {{
            left[j] = wp::min(wp::max((int)floorf(box[1] + width_of * (float)j + 0.5f), 0), size - 1);
            right[j] = wp::min(wp::max((int)floorf(box[1] + width_of * (float)(j + 1) + 0.5f), left[j] + 1), size);
        }}
        int at = 0;
        for (int i = 0; i < most; i += step) {{
            const int top = wp::min(wp::max((int)floorf(box[0] + height * (float)i + 0.5f), 0), size - 1);
            const int bottom = wp::min(wp::max((int)floorf(box[0] + height * (float)(i + 1) + 0.5f), top + 1), size);
            for (int j = 0; j < most; j += step, ++at) {{
                total means[2];
                look(top, bottom, left[j], right[j], means);
                for (int c = 0; c < 3; ++c) {{
                    to[c * length + at] = means[0][c];
                    to[(3 + c) * length + at] = blank ? mean[c] : means[1][c];
                }}
            }}
        }}
        float* ground = to + 3 * length;
        for (int i = 0; i < length; i += width) {{
            const lanes red = read(ground + i), green = read(ground + length + i);
            const lanes blue = read(ground + 2 * length + i);
            for (int k = 0; k < 3; ++k)
                write(ground + k * length + i, limited(mapped(ground_tone, k, red, green, blue) + ground_offset[k]));
        }}
        for (int c = 0; c < {VIEW_ROWS}; ++c)
            for (int i = at; i < length; ++i) to[c * length + i] = 0.0f;
    }};
"""

_LIGHT = """
    auto likely_light = [&](const float* seen, const float* rgba, int length) {
        const float* ground = seen + 3 * length;
        lanes top[3], bottom[3];
        for (int k = 0; k < 3; ++k) top[k] = bottom[k] = (lanes)0.0f;
        for (int i = 0; i < length; i += width) {
            const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
            const lanes alpha = read(rgba + 3 * length + i);
            for (int k = 0; k < 3; ++k) {
                const lanes own = alpha > 0.1f ? mapped(tone, k, red, green, blue) : (lanes)0.0f;
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
    };
"""

_GAP = """
    auto gap_in = [&](const float* seen, const float* rgba, int length, const wp::vec_t<3, wp::float32>& light) {
        const wp::mat_t<3, 3, wp::float32> lit = lit_by(light);
        const float* ground = seen + 3 * length;
        lanes total = (lanes)0.0f, solid = (lanes)0.0f, shown[3], meant[3];
        for (int k = 0; k < 3; ++k) shown[k] = meant[k] = (lanes)0.0f;
        for (int i = 0; i < length; i += width) {
            const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
            const lanes alpha = read(rgba + 3 * length + i);
            lanes apart = (lanes)0.0f;
            for (int k = 0; k < 3; ++k) {
                const lanes color = read(seen + k * length + i);
                const lanes guess = limited(mapped(lit, k, red, green, blue) + alpha * offset[k]
                    + (1.0f - alpha) * read(ground + k * length + i));
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
    + _AFFINE.replace("tone", "ground_tone")
    + _TAKE
    + "take(look_at, &box.c[0], step, view.data, view.shape[1]);"
)
def take_view(
    image: wp.array3d(dtype=wp.uint8),
    plate: wp.array3d(dtype=wp.uint8),
    blank: bool,
    mean: wp.vec3,
    ground_tone: wp.mat33,
    ground_offset: wp.vec3,
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
        ground_tone: How the ground's colours have changed: matrix,
        ground_offset: and offset.
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


@wp.func_native(LANES_CODE + _AFFINE + _LIGHT + "return likely_light(view.data, sprite.data, view.shape[1]);")
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


@wp.func_native(LANES_CODE + _AFFINE + _GAP + "return gap_in(view.data, sprite.data, view.shape[1], light);")
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
    + _AFFINE
    + f"""
    const wp::mat_t<3, 3, wp::float32> lit = lit_by(light);
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
                apart += magnitude(seen[k][i] - limited(mapped(lit, k, red, green, blue) + bare));
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
    + _AFFINE
    + """
    const wp::mat_t<3, 3, wp::float32> lit = lit_by(light);
    const int length = view.shape[1];
    const float *seen = view.data, *ground = view.data + 3 * length, *rgba = sprite.data;
    lanes bare = (lanes)0.0f, cross = (lanes)0.0f, own = (lanes)0.0f, meant = (lanes)0.0f;
    for (int i = 0; i < length; i += width) {
        const lanes red = read(rgba + i), green = read(rgba + length + i), blue = read(rgba + 2 * length + i);
        const lanes alpha = read(rgba + 3 * length + i);
        lanes apart = (lanes)0.0f, off = (lanes)0.0f;
        for (int k = 0; k < 3; ++k) {
            const lanes color = read(seen + k * length + i), below = read(ground + k * length + i);
            const lanes guess = limited(mapped(lit, k, red, green, blue) + alpha * offset[k] + (1.0f - alpha) * below);
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


@wp.func_native(
    LANES_CODE
    + _AFFINE
    + _TAKE
    + _LIGHT
    + _GAP
    + f"""
    const int length = {HALF_LENGTH};
    float view[{VIEW_ROWS} * {HALF_LENGTH}];
    auto light_gap = [&](const wp::vec_t<3, wp::float32>& light, const wp::vec_t<3, wp::float32>& other) {{
        const float red = fabsf(light[0] - other[0]), green = fabsf(light[1] - other[1]);
        return (red + green + fabsf(light[2] - other[2])) / 3.0f;
    }};
    auto gap_of = [&](auto look, const float* box, float limit) {{
        take(look, box, 2, view, length);
        const wp::vec_t<3, wp::float32> light = likely_light(view, sprite.data, length);
        const wp::vec_t<2, wp::float32> off = gap_in(view, sprite.data, length, light);
        const float samples = {HALF_EDGE * HALF_EDGE}.0f, total = off[0] / scale;
        if (total > limit * samples) return 1.0e9f;
        const float shape = fabsf(wp::log(((box[3] - box[1]) / (box[2] - box[0])) / aspect));
        const float tint = 0.6f * wp::max(off[1] / scale - 4.0f, 0.0f), form = 14.0f * wp::max(shape - 0.08f, 0.0f);
        float apart = light_gap(light, usual);
        if (swapped) apart = wp::min(apart, light_gap(light, other_light));
        const float lit = 10.0f * apart, mean_gap = total / samples;
        const float shaped = mean_gap + tint + form;
        return shaped + lit;
    }};
    float best[4] = {{box[0], box[1], box[2], box[3]}};
    float reach = 0.12f * wp::max(box[2] - box[0], box[3] - box[1]), gap = gap_of(look_at, best, 1.0e9f);
    // a box moved as a whole, grown or shrunk about its middle, or with one side moved, if that brings it closer
    auto move_box = [&](auto look, int moves) {{
        for (int move = 0; move < moves; ++move) {{
            float moved[4] = {{best[0], best[1], best[2], best[3]}};
            const int what = move / 2;
            const float way = move % 2 ? reach : -reach;
            if (what < 2) {{
                moved[what] += way;
                moved[what + 2] += way;
            }} else if (what == 2) {{
                const float half = 0.5f * way, across = half * ((best[3] - best[1]) / (best[2] - best[0]));
                moved[0] -= half;
                moved[1] -= across;
                moved[2] += half;
                moved[3] += across;
            }} else {{
                moved[what - 3] += way;
            }}
            if (moved[2] - moved[0] <= 3.0f || moved[3] - moved[1] <= 3.0f) continue;
            const float other = gap_of(look, moved, gap);
            if (other < gap - 0.1f) {{
                gap = other;
                for (int k = 0; k < 4; ++k) best[k] = moved[k];
            }}
        }}
        reach = 0.5f * reach;
    }};
    // as a whole first, side by side later, as long as it may come close enough
    move_box(look_at, 6);
#if !defined(__CUDA_ARCH__)
    // sums of all that is above and left of each pixel, in 16 bits: their differences are right modulo 65,536
    typedef unsigned char pair __attribute__((ext_vector_type(8)));
    typedef unsigned short sums __attribute__((ext_vector_type(8)));
    typedef float means_of_both __attribute__((ext_vector_type(8)));
    const int margin = (int)(2.0f * reach) + 2;
    const int top = wp::max((int)best[0] - margin, 0), bottom = wp::min((int)best[2] + margin, size);
    const int left = wp::max((int)best[1] - margin, 0), right = wp::min((int)best[3] + margin, size);
    const int across = right - left + 1;
    sums table[{_SUMMED}];
    auto look_up = [&](int y0, int y1, int x0, int x1, total* means) {{
        const int area = (y1 - y0) * (x1 - x0);
        if (y0 < top || y1 > bottom || x0 < left || x1 > right || area > 257) return look_at(y0, y1, x0, x1, means);
        const sums *above = table + (y0 - top) * across - left, *below = table + (y1 - top) * across - left;
        const sums held = below[x1] - below[x0] - above[x1] + above[x0];
        const means_of_both both = __builtin_convertvector(held, means_of_both) / (float)area;
        means[0] = both.lo;
        means[1] = both.hi;
    }};
    if (gap <= 50.0f && bottom > top && right > left && (bottom - top + 1) * across <= {_SUMMED}) {{
        for (int x = 0; x < across; ++x) table[x] = (sums)0;
        for (int y = top; y < bottom; ++y) {{
            const sums* above = table + (y - top) * across;
            sums *line = table + (y - top + 1) * across, row = (sums)0;
            line[0] = row;
            for (int x = left; x < right; ++x) {{
                const unsigned int pixels[2] = {{read_pixel(image.data, y, x), read_pixel(plate.data, y, x)}};
                pair parts;
                __builtin_memcpy(&parts, pixels, 8);
                row += __builtin_convertvector(parts, sums);
                line[x - left + 1] = above[x - left + 1] + row;
            }}
        }}
        move_box(look_up, 14);
        if (gap <= 42.0f) move_box(look_up, 14);
        return wp::vec_t<4, wp::float32>(best[0], best[1], best[2], best[3]);
    }}
#endif
    if (gap <= 50.0f) move_box(look_at, 14);
    if (gap <= 42.0f) move_box(look_at, 14);
    return wp::vec_t<4, wp::float32>(best[0], best[1], best[2], best[3]);
"""
)
def settle_box(
    image: wp.array3d(dtype=wp.uint8),
    plate: wp.array3d(dtype=wp.uint8),
    blank: bool,
    mean: wp.vec3,
    ground_tone: wp.mat33,
    ground_offset: wp.vec3,
    size: int,
    sprite: wp.array2d(dtype=wp.float32),
    aspect: float,
    tone: wp.mat33,
    offset: wp.vec3,
    scale: float,
    usual: wp.vec3,
    swapped: bool,
    other_light: wp.vec3,
    held: float,
    box: wp.vec4,
) -> wp.vec4:
    """The box near another in which a sprite comes closest to the picture, by every second sample both ways.

    Args:
        image: The picture.
        plate: The ground's own picture.
        blank: Whether the ground has one colour instead, ``mean``.
        mean: That colour.
        ground_tone: How the ground's colours have changed: matrix,
        ground_offset: and offset.
        size: Edge of the picture.
        sprite: Every second sample both ways of the sprite.
        aspect: Width over height of the sprite.
        tone: How the picture's colours have changed: matrix,
        offset: and offset.
        scale: How far apart colours are under the tone.
        usual: Light that the picture's objects stand in.
        swapped: Whether the background shows another plate, whose light is as likely.
        other_light: That light.
        held: How much the light is held to the usual one.
        box: Top, left, bottom and right in pixels, to begin with.
    """
    ...
