# mypy: disable-error-code="empty-body"
"""Colours in and around regions.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
"""

import torch
import warp as wp

from imgedit_gym.kernels.reduce import LARGEST
from imgedit_gym.kernels.runtime import lanes_of, launch

_COUNTS = """
    int counts[3][256], total = 0;
    for (int c = 0; c < 3; ++c)
        for (int level = 0; level < 256; ++level) counts[c][level] = 0;
    auto count = [&](int i) {
        for (int c = 0; c < 3; ++c) ++counts[c][image.data[3 * i + c]];
        ++total;
    };
    // the level that a number of the counted ones do not exceed
    auto level_of = [&](int c, int number) {
        int passed = 0, level = -1;
        do passed += counts[c][++level]; while (level < 255 && passed < number);
        return (float)level;
    };
"""


@wp.func_native(
    _COUNTS
    + """
    for (int y = box[0]; y < box[2]; ++y)
        for (int x = box[1]; x < box[3]; ++x)
            if (mask.data[y * size + x]) count(y * size + x);
    wp::vec_t<3, wp::float32> median;
    for (int c = 0; c < 3; ++c) median[c] = level_of(c, (total + 1) / 2);
    return median;
"""
)
def _median_inside(
    image: wp.array3d(dtype=wp.uint8), mask: wp.array2d(dtype=wp.uint8), size: int, box: wp.vec4i
) -> wp.vec3: ...


@wp.func_native(
    _COUNTS
    + f"""
    const int reach = 2;
    const int top = wp::max(box[0] - reach, 0), bottom = wp::min(box[2] + reach, size);
    const int left = wp::max(box[1] - reach, 0), right = wp::min(box[3] + reach, size);
    // what the lines around hold, with a margin on both sides
    unsigned char near[{LARGEST} + 4], ring[{LARGEST}];
    for (int x = 0; x < size + 2 * reach; ++x) near[x] = 0;
    for (int y = top; y < bottom; ++y) {{
        const unsigned char* line = mask.data + y * size;
        for (int x = left; x < right; ++x) near[x + reach] = line[x];
        for (int dy = -reach; dy <= reach; ++dy)
            if (y + dy >= 0 && y + dy < size)
                for (int x = left; x < right; ++x) near[x + reach] |= line[dy * size + x];
        for (int x = left; x < right; ++x)
            ring[x] = (near[x] | near[x + 1] | near[x + 2] | near[x + 3] | near[x + 4]) & (line[x] == 0);
        for (int x = left; x < right; ++x)
            if (ring[x]) count(y * size + x);
    }}
    wp::vec_t<3, wp::float32> median;
    for (int c = 0; c < 3; ++c) median[c] = level_of(c, (total + 1) / 2);
    return median;
"""
)
def _median_around(
    image: wp.array3d(dtype=wp.uint8), mask: wp.array2d(dtype=wp.uint8), size: int, box: wp.vec4i
) -> wp.vec3: ...


@wp.kernel
def _find_medians(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    around: bool,
    medians: wp.array(dtype=wp.vec3),
):
    n = first + wp.tid()
    if around:
        medians[n] = _median_around(images[n], masks[n], images.shape[1], boxes[n])
    else:
        medians[n] = _median_inside(images[n], masks[n], images.shape[1], boxes[n])


def region_median(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Median colour, channel by channel, inside each mask.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.

    Returns:
        ``float32 [n, 3]``, the lower of two middle levels; black where a mask is empty.
    """
    return _medians(images, masks, boxes, around=False)


def ring_median(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Median colour, channel by channel, of the pixels up to two away from each mask.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.

    Returns:
        ``float32 [n, 3]``, the lower of two middle levels; black where a mask has no surroundings.
    """
    return _medians(images, masks, boxes, around=True)


def _medians(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, around: bool) -> torch.Tensor:
    medians = torch.empty(len(images), 3, device=images.device)
    launch(_find_medians, len(images), [images.contiguous(), masks.contiguous(), boxes, around, medians], images.device)
    return medians


@wp.func_native("""
    int red = 0, green = 0, blue = 0;
    for (int x = left; x < right; ++x) {
        const bool inside = mask.data[x] != 0;
        red += inside ? line.data[3 * x] : 0;
        green += inside ? line.data[3 * x + 1] : 0;
        blue += inside ? line.data[3 * x + 2] : 0;
    }
    return wp::vec_t<3, wp::int32>(red, green, blue);
""")
def _sum_line(line: wp.array2d(dtype=wp.uint8), mask: wp.array(dtype=wp.uint8), left: int, right: int) -> wp.vec3i: ...


@wp.kernel
def _sum_regions(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    masks: wp.array3d(dtype=wp.uint8),
    boxes: wp.array(dtype=wp.vec4i),
    lanes: int,
    sums: wp.array2d(dtype=wp.int32),
):
    i, lane = wp.tid()
    n = first + i
    box = boxes[n]
    total = wp.vec3i(0, 0, 0)
    for y in range(box[0] + lane, box[2], lanes):
        total += _sum_line(images[n, y], masks[n, y], box[1], box[3])
    for c in range(3):
        wp.atomic_add(sums, n, c, total[c])


def region_mean(images: torch.Tensor, masks: torch.Tensor, boxes: torch.Tensor, areas: torch.Tensor) -> torch.Tensor:
    """Mean colour inside each mask.

    Args:
        images: ``uint8 [n, S, S, 3]``.
        masks: ``bool [n, S, S]``.
        boxes: ``int32 [n, 4]``, boxes that hold the masks.
        areas: Pixels of the masks, ``int32 [n]``.

    Returns:
        ``float32 [n, 3]``; black where a mask is empty.
    """
    sums = torch.zeros(len(images), 3, dtype=torch.int32, device=images.device)
    lanes = lanes_of(images.device, images.shape[1])
    inputs = [images.contiguous(), masks.contiguous(), boxes, lanes, sums]
    launch(_sum_regions, (len(images), lanes), inputs, images.device)
    return sums / areas.clamp_min(1)[:, None]
