"""Measures that compare pixels."""

import pytest
import torch
import torch.nn.functional as F

from imgedit_gym.core.checklist import Kind
from imgedit_gym.core.registry import JUDGES, PIXEL_TOOLS
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.pixels import WINDOW, PixelJudge, gray, similarity
from tests.judges.tiny import tiny_cases

N = 12


@pytest.fixture(scope="module")
def engine(started):
    return started(N, first=400)


def judged(cases_of, engine, canvas, **arguments):
    return PixelJudge(**arguments).judge(cases_of(engine, canvas))


def inside(engine):
    cases = Cases(engine.batch, engine.checklist, engine.batch.images, torch.zeros(N))
    labels, keep = engine.batch.segments.long(), engine.batch.keep > 0
    return PixelJudge()._inside(cases, labels, keep)


def test_where_something_is_to_be_added_is_inside():
    cases = tiny_cases(3)
    cases.batch.plan_cells[1, 0] = 8 * 3 + 4
    labels = cases.batch.segments.long()
    found = PixelJudge()._inside(cases, labels, cases.batch.keep > 0)
    expected = torch.zeros(3, 16, 16, dtype=torch.bool)
    expected[1, 4:10, 6:12] = True  # the cell of 2 x 2 pixels and those around it
    assert torch.equal(found, expected)


def look(engine):
    return (engine.batch.requirements[..., 0] == Kind.TONE).any(1)


def test_a_copy_has_kept_everything_and_done_nothing(engine, cases_of):
    verdict = judged(cases_of, engine, engine.batch.images.clone())
    assert (verdict.preservation > 0.9999).all() and (verdict.quality == 1).all() and (verdict.preserved == 1).all()
    assert not verdict.execution.any() and not verdict.score.any()
    assert not verdict.parts["l1"].any() and not verdict.parts["drift"].any() and not verdict.parts["change"].any()


def test_ssim_is_that_of_its_definition():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (2, 20, 24, 3), generator=generator, dtype=torch.uint8)
    y = torch.randint(0, 256, (2, 20, 24, 3), generator=generator, dtype=torch.uint8)
    ssim, structure = similarity(gray(x), gray(y))
    assert ssim.shape == structure.shape == (2, 7, 9)
    one, other = (z[1, 6 : 6 + WINDOW, 10 : 10 + WINDOW].double().mean(-1).flatten() for z in (x, y))
    both = torch.cov(torch.stack([one, other]))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * one.mean() * other.mean() + c1) / (one.mean() ** 2 + other.mean() ** 2 + c1)
    expected = light * (2 * both[0, 1] + c2) / (both[0, 0] + both[1, 1] + c2)
    assert ssim[1, 3, 5] == pytest.approx(float(expected), abs=1e-4)


def test_what_is_inside_does_not_count_as_lost(engine, cases_of):
    mask = inside(engine)
    assert mask.flatten(1).any(1).sum() >= N // 2, "tasks that concern part of the picture"
    canvas = torch.where(mask[..., None], 255 - engine.batch.images, engine.batch.images)
    verdict = judged(cases_of, engine, canvas)
    plain = ~look(engine)
    assert (verdict.preservation[plain] > 0.999).all() and (verdict.quality[plain] > 0.999).all()
    assert not verdict.parts["l1"].any()
    part = mask.flatten(1).any(1) & plain
    assert (verdict.parts["change"][part] > 0.6).all() and (verdict.execution[part] > 0).all()


@pytest.mark.parametrize("damage", ["noise", "shift", "blur", "repaint"])
def test_damage_outside_is_seen_and_more_of_it_is_worse(engine, cases_of, damage):
    image = engine.batch.images.float()
    generator = torch.Generator().manual_seed(1)

    def spoilt(strength):
        if damage == "noise":
            found = image + strength * 60 * torch.randn(image.shape, generator=generator)
        elif damage == "shift":
            found = image + strength * 40
        elif damage == "blur":
            width = 2 * int(1 + 3 * strength) + 1
            found = F.avg_pool2d(image.permute(0, 3, 1, 2), width, 1, width // 2).permute(0, 2, 3, 1)
        else:
            rows = int(64 * strength)
            found = image.clone()
            found[:, :rows] = 128.0
        return judged(cases_of, engine, found.clamp(0, 255).round().to(torch.uint8))

    little, much = spoilt(0.2), spoilt(0.9)
    rest = ~look(engine)
    total = [v.preservation[rest] * v.quality[rest] for v in (little, much)]
    assert (total[1] < total[0]).all() and (total[0] < 0.995).all()
    assert total[1].mean() < 0.55


def test_a_look_that_was_asked_for_is_no_damage(engine, cases_of):
    asked = engine.batch.requirements.clone()
    engine.batch.requirements[:, 0, 0] = int(Kind.TONE)
    try:
        darker = (engine.batch.images.float() * 0.7).to(torch.uint8)
        verdict = judged(cases_of, engine, darker)
        assert (verdict.preservation > 0.9).all() and (verdict.quality == 1).all() and (verdict.preserved == 1).all()
        scrambled = engine.batch.images.flip(1)
        assert judged(cases_of, engine, scrambled.contiguous()).preservation.mean() < 0.75
    finally:
        engine.batch.requirements.copy_(asked)


def test_a_batch_is_judged_as_its_pictures_are(engine, cases_of):
    canvas = engine.batch.images.clone()
    canvas[:, 10:30] //= 2
    whole = judged(cases_of, engine, canvas)
    for i in (0, N - 1):
        rows = torch.tensor([i])
        one = PixelJudge().judge(cases_of(engine, canvas[rows], rows))
        for name in ("preservation", "quality", "requirements", "score"):
            assert torch.allclose(getattr(one, name)[0], getattr(whole, name)[i], atol=1e-5)


def test_large_batches_are_judged_in_parts():
    cases = tiny_cases(300)
    verdict = PixelJudge().judge(cases)
    assert len(verdict.score) == 300
    part = PixelJudge().judge(cases.take(torch.arange(200, 216)))
    assert torch.allclose(part.preservation, verdict.preservation[200:216], atol=1e-5)
    # a row more of sixteen differs in each of 208 to 211
    assert (verdict.preservation[208:212].diff() < -0.05).all()


def test_a_step_is_confined_to_its_region(started):
    engine = started(4, judge={"id": "pixels", "region": "step"})
    assert (engine.verdict.preservation > 0.999).all(), "nothing was done yet"
    region = 1 + 8 * 3 + 3
    result = engine.step(torch.tensor([[PIXEL_TOOLS.index("blur"), region]] * 4))
    assert (result.verdict.preservation > 0.999).all() and not result.verdict.parts["l1"].any()
    assert (result.changed > 0).any()
    whole = engine.step(torch.tensor([[PIXEL_TOOLS.index("exposure"), 0]] * 4))
    assert (whole.verdict.preservation == 1).all(), "with the whole picture as region there is nothing to preserve"


def test_a_photograph_of_ones_own(started):
    engine = started(1, judge="pixels")
    generator = torch.Generator().manual_seed(0)
    photo = torch.randint(0, 256, (64, 64, 3), generator=generator, dtype=torch.uint8).numpy()
    engine.reset_user_task(
        0,
        {
            "image": photo,
            "instruction": "take the box away",
            "objects": [{"name": "box", "box": (8, 8, 40, 40)}],
            "checklist": [{"kind": "absent", "object": "box"}],
        },
    )
    engine.canvas[0, 8:40, 8:40] = 0
    verdict = engine.evaluate()
    assert verdict.preservation[0] > 0.999 and verdict.requirements[0, 0] > 0.95
    engine.canvas[0, 45:, :] = 0
    assert engine.evaluate().preservation[0] < 0.8


def test_unknown_region():
    from imgedit_gym.core.errors import ImgEditError

    with pytest.raises(ImgEditError, match="region must be one of"):
        JUDGES.build({"id": "pixels", "region": "all"})
