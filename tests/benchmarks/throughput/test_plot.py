from __future__ import annotations

import pytest

from benchmarks.throughput import plot
from benchmarks.throughput.measure import spread


def rate(value: float) -> dict:
    return {"steps_per_second": spread([value, 1.1 * value]), "segments": 2}


@pytest.mark.skipif(not plot.can_plot(), reason="matplotlib is not installed")
def test_pictures(tmp_path):
    points = [
        {
            "image_size": size,
            "num_envs": n,
            "worlds": {"vector": rate(100.0 * n), "sync": rate(90.0) if n == 1 else {"left_out": "slow"}},
        }
        for size in (64, 128)
        for n in (1, 16)
    ]
    plot.plot_points(points, tmp_path / "points.png")
    plot.plot_soak({"looks": [[0, 2**28, None], [10, 2**28, None]]}, tmp_path / "soak.png")
    for name in ("points.png", "soak.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
