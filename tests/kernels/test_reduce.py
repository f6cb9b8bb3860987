"""Tests of reducing pictures to cells."""

import pytest
import torch

from imgedit_gym.core.checklist import LABEL_HEADLINE
from imgedit_gym.kernels.reduce import GRID, LARGEST, reduce_cells, reduce_labels

SIZES = (64, 100, 128, LARGEST)


def edges(size: int) -> list[tuple[int, int]]:
    return [(k * size // GRID, (k + 1) * size // GRID) for k in range(GRID)]


def noise(n: int, size: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, size, size, 3), generator=torch.Generator().manual_seed(size)).to(torch.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_means_and_detail_of_cells(size):
    images = noise(3, size)
    means, detail = torch.full((3, GRID**2, 3), -1.0), torch.full((3, GRID**2), -1.0)
    reduce_cells(images, torch.tensor([2, 0]), means, detail)
    assert (means[1] == -1).all() and (detail[1] == -1).all()
    luma = images.double() @ torch.tensor([0.299, 0.587, 0.114], dtype=torch.double)
    right = torch.cat([luma[:, :, 1:], luma[:, :, -1:]], 2)
    below = torch.cat([luma[:, 1:], luma[:, -1:]], 1)
    steps = 0.5 * ((right - luma).abs() + (below - luma).abs())
    for b in (0, 2):
        for gy, (y0, y1) in enumerate(edges(size)):
            for gx, (x0, x1) in enumerate(edges(size)):
                cell = gy * GRID + gx
                expected = images[b, y0:y1, x0:x1].double().mean((0, 1))
                assert torch.allclose(means[b, cell].double(), expected, atol=1e-4)
                assert float(detail[b, cell]) == pytest.approx(float(steps[b, y0:y1, x0:x1].mean()), abs=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_labels_of_cells(size):
    draw = torch.Generator().manual_seed(size)
    # patches of one label, with noise here and there
    coarse = torch.randint(0, LABEL_HEADLINE + 1, (2, 1, 9, 9), generator=draw).float()
    segments = torch.nn.functional.interpolate(coarse, (size, size))[:, 0].to(torch.uint8)
    loose = torch.rand(2, size, size, generator=draw) < 0.2
    segments[loose] = torch.randint(0, 14, (int(loose.sum()),), generator=draw).to(torch.uint8)
    mattes = torch.randint(0, 256, (2, size, size), generator=draw).to(torch.uint8)
    boxes = torch.tensor([[3, 5, 20, 60], [0, 0, 0, 0]], dtype=torch.int32)
    labels = torch.zeros(2, GRID**2, dtype=torch.uint8)
    purity, background, clear = (torch.zeros(2, GRID**2) for _ in range(3))
    reduce_labels(segments, mattes, torch.tensor([0, 1]), boxes, LABEL_HEADLINE, labels, purity, background, clear)
    for b in range(2):
        top, left, bottom, right = boxes[b].tolist()
        for gy, (y0, y1) in enumerate(edges(size)):
            for gx, (x0, x1) in enumerate(edges(size)):
                inside = segments[b, y0:y1, x0:x1].flatten().long()
                counts = torch.bincount(inside, minlength=16)
                # of equally common labels the smallest
                label = int((counts == counts.max()).nonzero()[0])
                share, plain = float(counts.max()) / len(inside), float(counts[0]) / len(inside)
                touched = y1 > top and y0 < bottom and x1 > left and x0 < right
                if label == LABEL_HEADLINE or (label == 0 and touched):
                    label, share, plain = LABEL_HEADLINE, 1.0, 0.0
                cell = gy * GRID + gx
                found = int(labels[b, cell]), float(purity[b, cell]), float(background[b, cell])
                assert found == (label, pytest.approx(share), pytest.approx(plain))
                shown = float(mattes[b, y0:y1, x0:x1].double().mean() / 255.0)
                assert float(clear[b, cell]) == pytest.approx(shown, abs=1e-5)
