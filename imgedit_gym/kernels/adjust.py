"""Pixel-wise colour changes and small filters, inside boxes.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
"""

import torch
import warp as wp

from imgedit_gym.kernels.color import chroma, clamp_color, read_color, rotate_hue, write_color
from imgedit_gym.kernels.lines import edit_lines
from imgedit_gym.kernels.runtime import launch


@wp.func_native("""
    for (int x = left; x < right; ++x) {
        const float color[3] = {(float)line.data[3 * x], (float)line.data[3 * x + 1], (float)line.data[3 * x + 2]};
        const float r = 0.299f * color[0], g = 0.587f * color[1], b = 0.114f * color[2];
        const float rg = r + g;
        const float grey = rg + b;
        for (int c = 0; c < 3; ++c) {
            const float off = color[c] - grey;
            const float part = saturation * off;
            const float bent = grey + part;
            const float scaled = bent * gain[c];
            const float level = scaled + offset;
            out.data[3 * x + c] = (unsigned char)(int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
        }
    }
""")
def _grade_line(
    line: wp.array2d(dtype=wp.uint8),
    left: int,
    right: int,
    gain: wp.vec3,
    offset: float,
    saturation: float,
    out: wp.array2d(dtype=wp.uint8),
): ...


@wp.kernel
def _grade(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    gain: wp.array(dtype=wp.vec3),
    offset: wp.array(dtype=wp.float32),
    saturation: wp.array(dtype=wp.float32),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _grade_line(images[n, y], box[1], box[3], gain[n], offset[n], saturation[n], out[n, y])


def grade(
    images: torch.Tensor, boxes: torch.Tensor, gain: torch.Tensor, offset: torch.Tensor, saturation: torch.Tensor
) -> torch.Tensor:
    """Saturation about luma, then gain by channel, then offset.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        gain: ``float32 [n, 3]``.
        offset: ``float32 [n]``, in levels of 255.
        saturation: ``float32 [n]``; 1 leaves it, 0 is grey.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_grade, images, images, boxes, gain.contiguous(), offset.contiguous(), saturation.contiguous())


@wp.func
def _is_ground(color: wp.vec3, ground: wp.vec3) -> bool:
    """Whether a colour is the ground's own, in light or shade."""
    return wp.dot(color, ground) > 0.992 * wp.length(color) * wp.length(ground)


@wp.kernel
def _turn_hue(
    first: int,
    image: wp.array4d(dtype=wp.uint8),
    mask: wp.array3d(dtype=wp.uint8),
    boxes: wp.array2d(dtype=wp.int32),
    ground: wp.array2d(dtype=wp.float32),
    hue: wp.array(dtype=wp.float32),
    out: wp.array4d(dtype=wp.uint8),
):
    n = first + wp.tid()
    around = wp.vec3(ground[n, 0], ground[n, 1], ground[n, 2])
    # the dominant hue of the region: direction of the summed chroma, shadows on the ground apart
    own = wp.vec2(0.0, 0.0)
    shade = wp.vec2(0.0, 0.0)
    n_own = float(0.0)
    n_shade = float(0.0)
    for y in range(boxes[n, 0], boxes[n, 2]):
        for x in range(boxes[n, 1], boxes[n, 3]):
            if mask[n, y, x] != wp.uint8(0):
                color = read_color(image, n, y, x)
                part = wp.vec2(color[0] - 0.5 * (color[1] + color[2]), 0.8660254 * (color[1] - color[2]))
                if _is_ground(color, around):
                    shade += part
                    n_shade += 1.0
                else:
                    own += part
                    n_own += 1.0
    mixed = n_own < 0.3 * (n_own + n_shade)
    if mixed:
        own += shade
    turn = hue[n] - wp.atan2(own[1], own[0]) / 1.0471975512
    turn = turn - 6.0 * wp.floor(turn / 6.0)
    for y in range(boxes[n, 0], boxes[n, 2]):
        for x in range(boxes[n, 1], boxes[n, 3]):
            if mask[n, y, x] != wp.uint8(0):
                color = read_color(image, n, y, x)
                if chroma(color) > 12.0 and (mixed or not _is_ground(color, around)):
                    write_color(out, n, y, x, clamp_color(rotate_hue(color, turn)))


def turn_hue(
    images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, ground: torch.Tensor, hue: torch.Tensor
) -> torch.Tensor:
    """Turn the colours of each region until its dominant hue is the one given; greys and shadows stay.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        ground: Colour around each region, ``float32 [n, 3]``.
        hue: ``float32 [n]`` in [0, 6).

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    out = images.clone()
    launch(_turn_hue, len(images), [images, masks, boxes, ground, hue.contiguous(), out], images.device)
    return out


@wp.func_native("""
    for (int x = left; x < right; ++x)
        for (int c = 0; c < 3; ++c) {
            const float scaled = (float)line.data[3 * x + c] * ink[c];
            const float level = scaled / 255.0f;
            out.data[3 * x + c] = (unsigned char)(int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
        }
""")
def _tint_line(
    line: wp.array2d(dtype=wp.uint8), left: int, right: int, ink: wp.vec3, out: wp.array2d(dtype=wp.uint8)
): ...


@wp.kernel
def _tint(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    ink: wp.array(dtype=wp.vec3),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _tint_line(images[n, y], box[1], box[3], ink[n], out[n, y])


def tint(images: torch.Tensor, boxes: torch.Tensor, ink: torch.Tensor) -> torch.Tensor:
    """Multiply each picture by a colour, as a transparent ink would.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        ink: ``float32 [n, 3]`` in [0, 255].

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_tint, images, images, boxes, ink.contiguous())


@wp.func_native("""
    for (int x = left; x < right; ++x)
        for (int c = 0; c < 3; ++c) {
            const float level = rintf((float)line.data[3 * x + c] + shift[c]);
            out.data[3 * x + c] = (unsigned char)(int)wp::min(wp::max(level, 0.0f), 255.0f);
        }
""")
def _shift_line(
    line: wp.array2d(dtype=wp.uint8), left: int, right: int, shift: wp.vec3, out: wp.array2d(dtype=wp.uint8)
): ...


@wp.kernel
def _shift(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    amount: wp.array(dtype=wp.vec3),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _shift_line(images[n, y], box[1], box[3], amount[n], out[n, y])


def shift(images: torch.Tensor, boxes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Add the same amount to every pixel.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        amount: ``float32 [n, 3]``.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_shift, images, images, boxes, amount.contiguous())


@wp.func_native("""
    unsigned char fresh[3];
    for (int c = 0; c < 3; ++c) fresh[c] = (unsigned char)(int)color[c];
    for (int x = left; x < right; ++x) {
        const unsigned char inside = mask.data[x] ? 255 : 0;
        for (int c = 0; c < 3; ++c) {
            const unsigned char old = out.data[3 * x + c];
            out.data[3 * x + c] = old ^ ((old ^ fresh[c]) & inside);
        }
    }
""")
def _paint_line(
    mask: wp.array(dtype=wp.uint8), left: int, right: int, color: wp.vec3, out: wp.array2d(dtype=wp.uint8)
): ...


@wp.kernel
def _paint(
    first: int,
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    colors: wp.array(dtype=wp.vec3),
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _paint_line(masks[n, y], box[1], box[3], colors[n], out[n, y])


def paint(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Paint each mask in one colour.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        colors: ``float32 [n, 3]`` in [0, 255].

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    return edit_lines(_paint, images.contiguous(), masks.contiguous(), boxes, colors.round().clamp(0, 255))


@wp.func_native("""
    const float count = (float)((2 * reach + 1) * (2 * reach + 1));
    const unsigned char* lines = image.data;
    auto write = [&](int at, int total) __attribute__((always_inline)) {
        const float own = (float)lines[y * size * 3 + at];
        const float mean = (float)total / count;
        const float apart = own - mean;
        const float part = amount * apart;
        const float level = own + part;
        out.data[at] = (unsigned char)(int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
    };
    auto border = [&](int x) {
        for (int c = 0; c < 3; ++c) {
            int total = 0;
            for (int dy = -reach; dy <= reach; ++dy)
                for (int dx = -reach; dx <= reach; ++dx) {
                    const int yy = wp::min(wp::max(y + dy, 0), size - 1);
                    const int xx = wp::min(wp::max(x + dx, 0), size - 1);
                    total += lines[(yy * size + xx) * 3 + c];
                }
            write(3 * x + c, total);
        }
    };
    const int inner = wp::max(left, reach), outer = wp::min(right, size - reach);
    for (int x = left; x < wp::min(inner, right); ++x) border(x);
    for (int x = wp::max(outer, inner); x < right; ++x) border(x);
    const int above = wp::max(y - 1, 0) * size * 3, here = y * size * 3, below = wp::min(y + 1, size - 1) * size * 3;
    if (reach == 1)
        for (int at = 3 * inner; at < 3 * outer; ++at) {
            const int upper = lines[above + at - 3] + lines[above + at] + lines[above + at + 3];
            const int middle = lines[here + at - 3] + lines[here + at] + lines[here + at + 3];
            const int lower = lines[below + at - 3] + lines[below + at] + lines[below + at + 3];
            write(at, upper + middle + lower);
        }
    else
        for (int at = 3 * inner; at < 3 * outer; ++at) {
            int total = 0;
            for (int dy = -reach; dy <= reach; ++dy) {
                const int line = wp::min(wp::max(y + dy, 0), size - 1) * size * 3;
                for (int dx = -reach; dx <= reach; ++dx) total += lines[line + at + 3 * dx];
            }
            write(at, total);
        }
""")
def _change_detail_line(
    image: wp.array3d(dtype=wp.uint8),
    y: int,
    size: int,
    left: int,
    right: int,
    reach: int,
    amount: float,
    out: wp.array2d(dtype=wp.uint8),
): ...


@wp.kernel
def _change_detail(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    reach: int,
    amount: float,
    lanes: int,
    out: wp.array4d(dtype=wp.uint8),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    for y in range(box[0] + lane, box[2], lanes):
        _change_detail_line(images[n], y, images.shape[1], box[1], box[3], reach, amount, out[n, y])


def change_detail(images: torch.Tensor, boxes: torch.Tensor, amount: float) -> torch.Tensor:
    """Blur or sharpen by unsharp masking with a box about one 128th of the picture wide.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        boxes: ``int32 [n, 4]``; outside, the pictures stay as they are.
        amount: -1 blurs fully, 0 leaves the picture, above 0 sharpens.

    Returns:
        ``uint8 [n, S, S, 3]``, fresh.
    """
    images = images.contiguous()
    return edit_lines(_change_detail, images, images, boxes, max(1, images.shape[1] // 128), amount)
