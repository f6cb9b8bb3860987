"""Tests that each tool does what its name says, on pictures made for it."""

import pytest
import torch

from imgedit_gym.art.stock import hues
from imgedit_gym.core.names import COLOR_RGB, TONES
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.tools.base import covers_all
from imgedit_gym.tools.paste import FREE_EDGE, WHITE, places, scene_light

SIZE = 64


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


@pytest.fixture(scope="module")
def use(source, step_batch):
    """Applies a tool to one picture, region and step."""

    def run(id, image, box, step, cell=None):
        tool = TOOLS.build(id, stock=source.stock, vocabulary=source.vocabulary)
        boxes = torch.tensor([box], dtype=torch.int32)
        cells = boxes if cell is None else torch.tensor([cell], dtype=torch.int32)
        regions = RegionBatch(box_masks(boxes, SIZE), boxes, cells)
        steps = step_batch(step)
        assert tool.check(regions, steps).tolist() == [0]
        return tool.apply(image[None], regions, steps)[0]

    return run


def plain(*color: int) -> torch.Tensor:
    return torch.tensor(color, dtype=torch.uint8).expand(SIZE, SIZE, 3).clone()


BOX = (20, 20, 40, 40)
INSIDE = box_masks(torch.tensor([BOX]), SIZE)[0]
REMOVE = PlanStep("remove", "hamburger")
WHOLE = (0, 0, SIZE, SIZE)


@pytest.mark.parametrize("id", ["fill_flat", "fill_smooth", "fill_rows", "fill_columns", "fill_clone"])
def test_erasers_restore_a_flat_ground(use, id):
    image = plain(90, 120, 200)
    image[INSIDE] = 255
    assert torch.equal(use(id, image, BOX, REMOVE), plain(90, 120, 200))


@pytest.mark.parametrize("id", ["paste", "paste_over", "paste_clone", "paste_blend"])
def test_pasting_shows_the_object(use, source, id):
    item = source.stock.catalogue.index("pumpkin")
    out = use(id, plain(250, 250, 250), BOX, PlanStep("add", "picture", "pumpkin"))
    drawn = (out != 250).any(-1)
    assert drawn[INSIDE].float().mean() > 0.3
    sprite = source.stock.sprites[item].float()
    third = len(sprite) // 3
    middle = sprite[third:-third, third:-third, :3].mean((0, 1))
    assert (out[27:33, 27:33].float().mean((0, 1)) - middle).abs().max() < 15
    assert (out[~INSIDE] == 250).all(-1).float().mean() > 0.99


@pytest.mark.parametrize("id", ["paste_over", "paste_clone", "paste_blend"])
def test_replacing_clears_what_stood_there(use, id):
    image = plain(250, 250, 250)
    image[INSIDE] = torch.tensor([255, 0, 255], dtype=torch.uint8)
    out = use(id, image, BOX, PlanStep("replace", "hamburger", "pumpkin"))
    assert not (out == torch.tensor([255, 0, 255])).all(-1).any()
    over = use("paste", image, BOX, PlanStep("replace", "hamburger", "pumpkin"))
    assert (over == torch.tensor([255, 0, 255])).all(-1).any()


def test_a_large_region_gives_only_the_place(use):
    cell = (8, 48, 16, 56)
    out = use("paste", plain(250, 250, 250), WHOLE, PlanStep("add", "picture", "pumpkin"), cell)
    where = (out != 250).any(-1).nonzero().float()
    assert (where.mean(0) - torch.tensor([12.0, 52.0])).abs().max() < 4
    assert where[:, 0].max() - where[:, 0].min() <= FREE_EDGE * SIZE + 3


def test_places_stay_inside_the_picture():
    boxes = torch.tensor([[0, 0, 8, 8], [60, 60, 64, 64], [0, 0, 1, 1], [0, 30, 64, 34]], dtype=torch.int32)
    where, small = places(RegionBatch(box_masks(boxes, SIZE), boxes, boxes))
    assert small.all()
    for y, x, edge in where.tolist():
        assert 6.0 <= edge <= 0.6 * SIZE + 1e-4
        assert edge / 2 - 1e-4 <= min(y, x) and max(y, x) <= SIZE - edge / 2 + 1e-4


def test_scene_light_is_the_colour_of_a_grey_world(source):
    lights = source.stock.lights
    for light in torch.unique(lights, dim=0):
        shaded = plain(*(WHITE * light).round().to(torch.uint8).tolist())
        assert torch.equal(scene_light(shaded[None], lights), light[None])
    assert scene_light(plain(240, 240, 240)[None], lights).tolist() == [[1.0, 1.0, 1.0]]


def test_a_coloured_ground_misleads_blending_and_nothing_else(use, source):
    item = source.stock.catalogue.index("pumpkin")
    sprite = source.stock.sprites[item].float()
    third = len(sprite) // 3
    middle = sprite[third:-third, third:-third, :3].mean((0, 1))
    step = PlanStep("add", "picture", "pumpkin")
    off = {
        id: (use(id, plain(50, 104, 205), BOX, step)[27:33, 27:33].float().mean((0, 1)) - middle).abs().max()
        for id in ("paste", "paste_over", "paste_clone", "paste_blend")
    }
    assert max(off["paste"], off["paste_over"], off["paste_clone"]) < 15
    assert off["paste_blend"] > 40


@pytest.mark.parametrize(
    ("id", "start"),
    [("hue_shift", (200, 30, 30)), ("tint", (245, 245, 245)), ("paint", (9, 99, 9)), ("color_shift", (180, 170, 160))],
)
@pytest.mark.parametrize("color", ["green", "blue", "yellow"])
def test_recolouring_gives_the_colour(use, id, start, color):
    image = plain(140, 140, 140)
    image[INSIDE] = torch.tensor(start, dtype=torch.uint8)
    out = use(id, image, BOX, PlanStep("recolor", "car", color))
    wanted = torch.tensor([COLOR_RGB[color]], dtype=torch.float32)
    gap = abs(float(hues(out[INSIDE].float()[:1])) - float(hues(wanted)))
    assert min(gap, 6 - gap) < 0.3


def test_a_colour_shift_keeps_texture_and_paint_does_not(use):
    image = plain(140, 140, 140)
    image[::2, ::2] = 170
    step = PlanStep("recolor", "background", "blue")
    shifted, painted = (use(id, image, BOX, step)[INSIDE].float() for id in ("color_shift", "paint"))
    assert shifted.std(0).max() > 5
    assert painted.std(0).max() == 0
    assert (shifted.mean(0) - torch.tensor(COLOR_RGB["blue"])).abs().max() < 12


def test_only_colours_with_a_hue_can_be_turned_to(source, step_batch):
    tool = TOOLS.build("hue_shift", stock=source.stock, vocabulary=source.vocabulary)
    colors = list(COLOR_RGB)
    accepted = tool.accepts(step_batch(*(PlanStep("recolor", "car", color) for color in colors)))
    assert [color for color, fine in zip(colors, accepted.tolist(), strict=True) if fine] == colors[:7]


@pytest.mark.parametrize("tone", TONES)
def test_tone_tools_go_the_way_they_are_asked(use, tone):
    generator = torch.Generator().manual_seed(5)
    image = torch.randint(60, 200, (SIZE, SIZE, 3), generator=generator).to(torch.uint8)
    by_tone = {
        "brighter": "exposure",
        "darker": "exposure",
        "soft": "blur",
        "crisp": "sharpen",
        "contrasty": "contrast",
    }
    by_tone |= {"warmer": "temperature", "cooler": "temperature", "vintage": "temperature"}
    out = use(by_tone.get(tone, "saturation"), image, WHOLE, PlanStep("adjust", "picture", tone)).float()
    image = image.float()

    def warmth(picture):
        return float((picture[..., 0] - picture[..., 2]).mean())

    def chroma(picture):
        return float((picture.amax(-1) - picture.amin(-1)).mean())

    assert {
        "brighter": out.mean() > image.mean() + 20,
        "darker": out.mean() < image.mean() - 20,
        "warmer": warmth(out) > warmth(image) + 20,
        "cooler": warmth(out) < warmth(image) - 20,
        "vivid": chroma(out) > 1.2 * chroma(image),
        "muted": chroma(out) < 0.7 * chroma(image),
        "monochrome": chroma(out) == 0,
        "vintage": chroma(out) < chroma(image) and warmth(out) > warmth(image),
        "contrasty": out.std() > 1.2 * image.std(),
        "soft": out.std() < 0.8 * image.std(),
        "crisp": out.std() > 1.2 * image.std(),
    }[tone]


def test_swapping_the_background_shows_the_stock(use, source):
    from imgedit_gym.art.backgrounds import VARIANTS
    from imgedit_gym.core.names import BACKGROUNDS

    out = use("swap_background", plain(9, 9, 9), WHOLE, PlanStep("set", "background", "beach"))
    assert torch.equal(out, source.stock.plates[BACKGROUNDS.index("beach") * VARIANTS])


def lettered() -> torch.Tensor:
    image = plain(240, 240, 240)
    image[28:32, 10:50:3] = 20
    return image


TEXT_BOX = (24, 5, 36, 59)


def test_erasing_text_leaves_the_ground(use):
    assert torch.equal(use("erase_text", lettered(), TEXT_BOX, REMOVE), plain(240, 240, 240))


@pytest.mark.parametrize("id", ["rewrite_fill", "rewrite_clone", "rewrite_panel"])
def test_rewriting_writes_the_text(use, source, id):
    from imgedit_gym.art.sprites import draw_text

    out = use(id, lettered(), TEXT_BOX, PlanStep("rewrite", "headline", "HELLO"))
    other = use(id, lettered(), TEXT_BOX, PlanStep("rewrite", "headline", "WORLD"))
    assert not torch.equal(out, other)
    ink = draw_text("HELLO", *source.stock.texts.shape[1:])
    top, left = 30 - ink.shape[0] // 2, 32 - ink.shape[1] // 2
    seen = 240.0 - out[top : top + ink.shape[0], left : left + ink.shape[1]].float().mean(-1)
    both = torch.stack([seen.flatten(), torch.from_numpy(ink).float().flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.9


def test_a_headline_of_the_stock_and_the_same_free_text_look_alike(use, source):
    text = source.stock.headlines[0]
    tool = TOOLS.build("rewrite_panel", stock=source.stock, vocabulary=source.vocabulary)
    assert source.vocabulary.value_code(text) < len(source.vocabulary.values)
    known = use("rewrite_panel", lettered(), TEXT_BOX, PlanStep("rewrite", "headline", text))
    drawn = tool.stock.texts[0]
    tool.stock.texts[0] = 0
    try:
        blank = use("rewrite_panel", lettered(), TEXT_BOX, PlanStep("rewrite", "headline", text))
    finally:
        from imgedit_gym.art.sprites import draw_text

        tool.stock.texts[0] = torch.from_numpy(draw_text(text, *drawn.shape))
    assert not torch.equal(known, blank)
    assert torch.equal(use("rewrite_panel", lettered(), TEXT_BOX, PlanStep("rewrite", "headline", text)), known)


def test_covering_all():
    boxes = torch.tensor([[0, 0, 64, 64], [0, 0, 60, 60], [0, 0, 50, 64]], dtype=torch.int32)
    assert covers_all(RegionBatch(box_masks(boxes, 64), boxes, boxes)).tolist() == [True, True, False]
