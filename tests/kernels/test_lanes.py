"""Several numbers at a time in C: what goes in comes out, whichever lane it takes."""

import pytest
import torch
import warp as wp

from imgedit_gym.kernels.lanes import LANES, LANES_CODE
from imgedit_gym.kernels.reduce import GRID, part_cells
from imgedit_gym.kernels.runtime import launch

CPU = torch.device("cpu")


@wp.func_native(
    LANES_CODE
    + """
    for (int i = 0; i < source.shape[0]; i += width) {
        lanes colors[3], turned[3];
        read_colors((const float*)source.data + 3 * i, colors);
        for (int k = 0; k < 3; ++k) turned[k] = limited(colors[(k + 1) % 3]);
        write_colors((float*)target.data + 3 * i, turned);
        write_whole(whole.data + i, read_bytes(bytes.data + i) + 1.0f);
    }
    float total = 0.0f, lowest = 1.0e9f;
    for (int i = 0; i < source.shape[0]; i += width) {
        total += sum(read((const float*)source.data + i));
        lowest = wp::min(lowest, least(read((const float*)source.data + i)));
    }
    found.data[0] = total;
    found.data[1] = lowest;
"""
)
def _turn(
    source: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    bytes: wp.array(dtype=wp.uint8),  # type: ignore[valid-type]
    target: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    whole: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    found: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
): ...


@wp.kernel
def _turn_all(
    source: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    bytes: wp.array(dtype=wp.uint8),  # type: ignore[valid-type]
    target: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    whole: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    found: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
):
    _turn(source, bytes, target, whole, found)


def test_colours_are_parted_and_joined():
    n = 3 * LANES
    random = torch.Generator().manual_seed(0)
    colors = torch.rand(n, 3, generator=random) * 300.0 - 20.0
    codes = torch.randint(0, 256, (n,), dtype=torch.uint8, generator=random)
    target, whole, found = torch.zeros(n, 3), torch.zeros(n, dtype=torch.int32), torch.zeros(2)
    launch(_turn_all, 1, [colors, codes, target, whole, found], CPU)
    assert torch.equal(target, colors[:, [1, 2, 0]].clamp(0.0, 255.0))
    assert torch.equal(whole, codes.int() + 1)
    assert found[0] == pytest.approx(float(colors.flatten()[:n].double().sum()), rel=1e-5)
    assert found[1] == colors.flatten()[:n].min()


@pytest.mark.parametrize("size", [64, 96, 128])
def test_two_values_keep_mean_variance_and_skewness(size):
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    images[0, :, : size // 2] = 77
    low, high = torch.zeros(2, GRID * GRID, 3), torch.zeros(2, GRID * GRID, 3)
    part_cells(images, torch.arange(2), low, high)
    edge = size // GRID
    pixels = images.double().unfold(1, edge, edge).unfold(2, edge, edge).flatten(4).permute(0, 1, 2, 4, 3).flatten(1, 2)
    mean = pixels.mean(2)
    lowest, highest = low.double(), high.double()
    assert ((lowest >= pixels.amin(2) - 1e-3) & (highest <= pixels.amax(2) + 1e-3)).all()
    share = torch.where(highest > lowest + 0.01, (mean - lowest) / (highest - lowest).clamp_min(1e-9), 0.5)
    for power in (1, 2, 3):
        kept = (1 - share) * lowest**power + share * highest**power
        torch.testing.assert_close(kept, (pixels**power).mean(2), rtol=1e-4, atol=1e-2)
