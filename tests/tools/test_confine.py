"""What a model is shown, and how what it gives back is pasted."""

from __future__ import annotations

import pytest
import torch

from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.tools.confine import Window, feather, paste_back, resize, resize_mask, windows

SIZE = 64


def regions(*boxes: tuple[int, int, int, int]) -> RegionBatch:
    told = torch.tensor(boxes, dtype=torch.int32)
    return RegionBatch(box_masks(told, SIZE), told, torch.zeros_like(told))


@pytest.mark.parametrize(
    ("box", "margin", "least", "expected"),
    [
        ((20, 20, 40, 40), 0.25, 8, Window(15, 15, 30)),
        ((20, 20, 40, 30), 0.0, 8, Window(20, 15, 20)),
        ((0, 0, 10, 10), 0.5, 8, Window(0, 0, 20)),
        ((54, 60, 64, 64), 0.5, 8, Window(44, 44, 20)),
        ((30, 30, 32, 32), 0.25, 32, Window(15, 15, 32)),
        ((0, 0, 64, 64), 0.25, 8, Window(0, 0, 64)),
        ((30, 30, 32, 32), 0.25, 256, Window(0, 0, 64)),
    ],
)
def test_a_window_holds_its_region_and_lies_in_the_picture(box, margin, least, expected) -> None:
    (window,) = windows(regions(box), margin, least)
    assert window == expected


def test_a_window_is_a_view() -> None:
    picture = torch.zeros(SIZE, SIZE, 3, dtype=torch.uint8)
    Window(2, 3, 5).of(picture).fill_(9)
    assert picture[2:7, 3:8].eq(9).all() and int(picture.sum()) == 9 * 25 * 3


def test_pictures_come_back_from_another_size_nearly_as_they_were() -> None:
    ramp = torch.linspace(0, 255, 48).round().to(torch.uint8)
    picture = ramp[:, None, None].expand(48, 48, 3).contiguous()
    there = resize(picture, 96, 96)
    assert there.shape == (96, 96, 3) and there.dtype == torch.uint8
    assert (resize(there, 48, 48).int() - picture.int()).abs().max() <= 2
    assert resize(picture, 48, 48) is picture


def test_a_resized_mask_covers_what_it_covered() -> None:
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[10, 10] = True
    small = resize_mask(mask, 16, 16)
    assert small[2, 2] and small.sum() <= 9
    large = resize_mask(mask, 128, 128)
    assert large[20:22, 20:22].all() and large.sum() <= 36


def test_weights_rise_inside_and_are_exactly_zero_outside() -> None:
    masks = regions((16, 16, 48, 48), (0, 0, 20, 64)).masks
    weights = feather(masks, 4)
    assert weights[~masks].eq(0).all() and weights[masks].gt(0).all() and weights.le(1).all()
    torch.testing.assert_close(weights[0, 32, 15:21], torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 1.0]))
    assert weights[1, 0, 0] == 1.0, "the edge of the picture is no edge of the region"
    assert torch.equal(feather(masks, 1), masks.float())


def test_thin_masks_are_edited_whole() -> None:
    line = regions((30, 10, 32, 50)).masks
    assert feather(line, 8).max() == 1.0
    assert feather(torch.zeros_like(line), 8).eq(0).all()


def test_nothing_outside_the_region_changes() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
    some = regions((5, 5, 25, 35), (40, 40, 64, 64), (8, 8, 16, 16))
    places = windows(some, 0.25, 16)
    patches = [255 - window.of(image) for image, window in zip(images, places, strict=True)]
    kept = images.clone()
    pasted = paste_back(images, [*patches[:2], None], places, feather(some.masks, 3))
    assert torch.equal(images, kept)
    assert torch.equal(pasted[~some.masks], images[~some.masks])
    assert torch.equal(pasted[2], images[2])
    assert torch.equal(pasted[0, 15, 20], 255 - images[0, 15, 20]), "the middle is the model's"
    rim = images[0, 5, 5].float() + (255 - 2 * images[0, 5, 5].float()) / 3
    assert (pasted[0, 5, 5].float() - rim).abs().max() <= 0.5
