"""Tests of colour changes and small filters."""

import pytest
import torch

from imgedit_gym.art.stock import hues
from imgedit_gym.core.names import COLOR_RGB, OBJECT_COLORS
from imgedit_gym.core.region import box_masks
from imgedit_gym.kernels.adjust import change_detail, grade, paint, shift, tint, turn_hue

SIZE = 64
BOX = torch.tensor([[16, 20, 40, 50]], dtype=torch.int32)
MASK = box_masks(BOX, SIZE)
GREY = torch.tensor([[140.0, 140.0, 140.0]])
WHOLE = torch.tensor([[0, 0, SIZE, SIZE]], dtype=torch.int32)


def noise(n: int = 1, low: int = 0, high: int = 256) -> torch.Tensor:
    return torch.randint(low, high, (n, SIZE, SIZE, 3), generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def patch(color) -> torch.Tensor:
    image = torch.full((1, SIZE, SIZE, 3), 140, dtype=torch.uint8)
    image[MASK] = torch.tensor(color, dtype=torch.uint8)
    return image


def hue_gap(a: float, b: float) -> float:
    return min(abs(a - b), 6 - abs(a - b))


@pytest.mark.parametrize("name", OBJECT_COLORS)
@pytest.mark.parametrize("color", [(200, 30, 30), (30, 200, 60), (40, 60, 220), (230, 210, 20)])
def test_a_saturated_patch_takes_the_hue(color, name):
    target = hues(torch.tensor([COLOR_RGB[name]], dtype=torch.float32))
    turned = turn_hue(patch(color), MASK, BOX, GREY, target)
    result = turned[MASK].float()
    # the dominant hue is the direction of the summed chroma, which for other than primary colours
    # lies a little beside the hexagon's hue
    assert hue_gap(float(hues(result[:1])), float(target)) < 0.2
    assert torch.equal(turned[~MASK], patch(color)[~MASK])
    # value and saturation stay
    assert float(result[0].max()) == pytest.approx(max(color), abs=1)
    assert float(result[0].min()) == pytest.approx(min(color), abs=1)


def test_greys_and_shades_of_the_ground_have_no_hue_to_turn():
    image = patch((90, 92, 95))
    assert torch.equal(turn_hue(image, MASK, BOX, GREY, torch.tensor([0.0])), image)
    # a shadow on a coloured ground stays; the thing beside it turns
    ground = torch.tensor([[160.0, 120.0, 40.0]])
    image = patch((80, 60, 20))
    thing = box_masks(torch.tensor([[20, 25, 36, 45]]), SIZE)
    image[thing] = torch.tensor([30, 200, 60], dtype=torch.uint8)
    turned = turn_hue(image, MASK, BOX, ground, hues(torch.tensor([[50.0, 104.0, 205.0]])))
    assert torch.equal(turned[~thing], image[~thing])
    assert not (turned[thing] == image[thing]).all(-1).any()


def test_neutral_grading_is_the_identity():
    image = noise(2)
    assert torch.equal(grade(image, WHOLE.expand(2, -1), torch.ones(2, 3), torch.zeros(2), torch.ones(2)), image)


def test_grading_is_saturation_then_gain_then_offset():
    image = noise(1)
    gain, offset, saturation = torch.tensor([[1.2, 0.9, 0.7]]), torch.tensor([5.0]), torch.tensor([0.4])
    color = image.double()
    grey = (color * torch.tensor([0.299, 0.587, 0.114], dtype=torch.double)).sum(-1, keepdim=True)
    expected = ((grey + 0.4 * (color - grey)) * gain.double() + 5.0).clamp(0, 255)
    assert (grade(image, WHOLE, gain, offset, saturation).double() - expected).abs().max() <= 0.51


def test_no_saturation_is_grey():
    graded = grade(noise(), WHOLE, torch.ones(1, 3), torch.zeros(1), torch.zeros(1)).int()
    assert (graded.amax(-1) - graded.amin(-1)).max() == 0


def test_tint_multiplies():
    image = noise()
    assert torch.equal(tint(image, WHOLE, torch.full((1, 3), 255.0)), image)
    assert not tint(image, WHOLE, torch.zeros(1, 3)).any()
    half = tint(image, WHOLE, torch.tensor([[127.5, 255.0, 0.0]]))
    assert (half[..., 0].float() - image[..., 0] / 2).abs().max() <= 0.51
    assert torch.equal(half[..., 1], image[..., 1]) and not half[..., 2].any()


def test_detail_goes_the_way_it_is_asked():
    image = noise(1, 60, 200)
    assert torch.equal(change_detail(image, WHOLE, 0.0), image)
    spread = [float(change_detail(image, WHOLE, amount).float().std()) for amount in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert spread == sorted(spread) and len(set(spread)) == 5


def test_detail_leaves_flat_pictures():
    flat = torch.full((1, SIZE, SIZE, 3), 99, dtype=torch.uint8)
    for amount in (-1.0, 0.8):
        assert torch.equal(change_detail(flat, WHOLE, amount), flat)


def test_full_blur_is_the_box_mean():
    image = noise()
    padded = torch.nn.functional.pad(image.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="replicate")
    mean = torch.nn.functional.avg_pool2d(padded, 3, stride=1).permute(0, 2, 3, 1)
    assert (change_detail(image, WHOLE, -1.0).float() - mean).abs().max() <= 0.51


@pytest.mark.parametrize(("size", "reach"), [(64, 1), (100, 1), (256, 2), (300, 2)])
def test_the_box_of_detail_grows_with_the_picture(size, reach):
    image = torch.randint(0, 256, (1, size, size, 3), generator=torch.Generator().manual_seed(7)).to(torch.uint8)
    box = torch.tensor([[0, 0, size, size]], dtype=torch.int32)
    padded = torch.nn.functional.pad(image.permute(0, 3, 1, 2).double(), (reach,) * 4, mode="replicate")
    mean = torch.nn.functional.avg_pool2d(padded, 2 * reach + 1, stride=1).permute(0, 2, 3, 1)
    assert (change_detail(image, box, -1.0).double() - mean).abs().max() <= 0.51


EDITS = {
    "grade": lambda image, boxes: grade(
        image, boxes, torch.full((2, 3), 0.5), torch.full((2,), 9.0), torch.full((2,), 0.3)
    ),
    "tint": lambda image, boxes: tint(image, boxes, torch.full((2, 3), 60.0)),
    "shift": lambda image, boxes: shift(image, boxes, torch.full((2, 3), 31.4)),
    "detail": lambda image, boxes: change_detail(image, boxes, 0.7),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits_stay_in_their_boxes_and_depend_on_nothing_else(name):
    image, held = noise(2), noise(2)
    boxes = torch.tensor([[3, 5, 40, 17], [0, 60, 64, 64]], dtype=torch.int32)
    edited, whole = EDITS[name](image, boxes), EDITS[name](image, WHOLE.expand(2, -1))
    inside = box_masks(boxes, SIZE)
    assert torch.equal(image, held)
    assert torch.equal(edited, torch.where(inside[..., None], whole, image))
    assert (edited != image).any(-1)[inside].float().mean() > 0.8
    assert torch.equal(EDITS[name](image, torch.zeros(2, 4, dtype=torch.int32)), image)


def test_shift_adds_rounds_and_clamps():
    image = torch.tensor([[0, 100, 250]], dtype=torch.uint8).expand(1, 2, 2, 3).contiguous()
    box = torch.tensor([[0, 0, 2, 2]], dtype=torch.int32)
    assert shift(image, box, torch.tensor([[-4.0, 0.5, 7.6]]))[0, 1, 1].tolist() == [0, 100, 255]
    assert shift(image, box, torch.tensor([[1.6, 1.5, -9.4]]))[0, 0, 0].tolist() == [2, 102, 241]


def test_paint_rounds_and_clamps():
    image = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    mask, box = torch.tensor([[[True, False], [False, True]]]), torch.tensor([[0, 0, 2, 2]], dtype=torch.int32)
    painted = paint(image, mask, box, torch.tensor([[-5.0, 99.6, 300.0]]))
    assert painted[0, 0, 0].tolist() == [0, 100, 255]
    assert painted[0, 1, 1].tolist() == [0, 100, 255]
    assert painted[0, 0, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", EDITS)
def test_the_layout_in_memory_does_not_matter(name):
    image, boxes = noise(2), torch.tensor([[3, 5, 40, 17], [0, 60, 64, 64]], dtype=torch.int32)
    planes = image.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not planes.is_contiguous()
    assert torch.equal(EDITS[name](planes, boxes), EDITS[name](image, boxes))
