"""Tests of what the checklist sees, on adverts drawn for it and then drawn again with one thing changed."""

import pytest
import torch

from imgedit_gym.core.checklist import LABEL_HEADLINE, Kind
from imgedit_gym.core.names import BACKGROUNDS, COLORS, OBJECT_COLORS, TONES
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.core.verdict import combination
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.weighing import weigh
from imgedit_gym.tasks.adverts.scene import SceneBatch

SIZE = 128
BURGER, CAR, TREE, FREE = 0, 1, 2, 3
PLACES = [(0.45, 0.2, 0.24, 0.2), (0.45, 0.55, 0.24, 0.2), (0.8, 0.25, 0.24, 0.2), (0.8, 0.7, 0.24, 0.2)]
ROW = torch.tensor([0])


class Stage:
    """One advert on a plain ground with three objects and a headline, its requirements chosen by the test."""

    def __init__(self, source, batch):
        self.source, self.batch = source, batch
        catalogue = source.stock.catalogue
        car = next(
            i
            for i in range(source.stock.n_objects)
            if all(source.tables._takes_color(i, COLORS.index(color)) for color in ("green", "blue"))
            and float(source.stock.sprite_chroma[i]) > 60
        )
        self.car = catalogue.objects[car].name
        self.sprites = [catalogue.index("hamburger"), car, catalogue.index("pumpkin")]
        self.carrot = catalogue.index("carrot")
        # a category to count: the burger and one more of its kind
        self.kind = next(
            name
            for name in catalogue.categories
            if self.sprites[0] in catalogue.members(name)
            and not {car, self.carrot, self.sprites[2]} & set(catalogue.members(name))
            and len(catalogue.members(name)) > 1
        )
        self.second = next(i for i in catalogue.members(self.kind) if i != self.sprites[0])

    def set(self, *requirements, kind="plain", kept=(BURGER, CAR, TREE)):
        """Draw the source advert with these requirements: (kind, slot, arg, count)."""
        scene, batch = self.source.scene(self.batch), self.batch
        scene.kind[0], scene.variant[0] = BACKGROUNDS.index(kind), 0
        scene.palette[0] = torch.tensor([[205.0, 225.0, 240.0], [165.0, 190.0, 215.0]])
        scene.light[0] = 1.0
        scene.sprite[0], scene.tint[0] = -1, -1
        for slot, sprite in enumerate(self.sprites):
            scene.sprite[0, slot] = sprite
            scene.place[0, slot] = torch.tensor(PLACES[slot])
        height, width = self.source.stock.texts.shape[1:]
        left = (SIZE - width) // 2
        scene.text[0], scene.panel[0] = 0, 0
        scene.box[0] = torch.tensor([4, left, 4 + height, left + width])
        scene.ink[0] = torch.tensor([[28.0, 30.0, 46.0], [250.0, 250.0, 246.0]])
        batch.slots[0] = scene.sprite[0]
        batch.light[0], batch.background[0] = 1.0, scene.kind[0]
        batch.headline[0], batch.headline_panel[0], batch.headline_box[0] = 0, 0, scene.box[0]
        batch.keep[0] = 0
        batch.keep[0, [0, LABEL_HEADLINE, *(slot + 1 for slot in kept)]] = 1
        batch.requirements[0] = 0
        for index, (what, slot, arg, count) in enumerate(requirements):
            batch.requirements[0, index] = torch.tensor([int(what), 0, slot, arg, count], dtype=torch.int32)
        self.source.renderer.draw(scene, ROW, batch.images, batch.plates, batch.segments, batch.mattes)
        self.source.checklist(batch).refresh(ROW)
        return self

    def draw(self, change=None) -> torch.Tensor:
        """The advert drawn again after ``change(scene)``."""
        scene: SceneBatch = self.source.scene(self.batch).rows(ROW)
        if change is not None:
            change(scene)
        room = torch.zeros_like(self.batch.images), torch.zeros_like(self.batch.images)
        self.source.renderer.draw(
            scene, ROW, *room, torch.zeros_like(self.batch.segments), torch.zeros_like(self.batch.segments)
        )
        return room[0]

    def measure(self, picture=None):
        picture = self.draw() if picture is None else self.draw(picture) if callable(picture) else picture
        return self.source.checklist(self.batch).measure(picture.contiguous())

    def weigh(self, found, due: int = 99) -> tuple[float, bool]:
        """Execution and success while the requirements of the steps below ``due`` count."""
        execution, _, success = weigh(
            found, self.batch.requirements, torch.tensor([due], dtype=torch.int32), combination("product")
        )
        return float(execution[0]), bool(success[0])

    def values(self, picture=None) -> list[float]:
        return self.measure(picture).requirements[0].tolist()

    def members(self, name) -> int:
        """The set of an object or a category."""
        return self.source.tables.sets.named(name)


@pytest.fixture(scope="module")
def stage(sampled):
    return Stage(*sampled(1, image_size=SIZE))


def put(slot, sprite=-1, place=None, tint=-1):
    def change(scene):
        scene.sprite[0, slot] = sprite
        scene.tint[0, slot] = tint
        if place is not None:
            scene.place[0, slot] = torch.tensor(place)

    return change


def both(*changes):
    def change(scene):
        for one in changes:
            one(scene)

    return change


def passes(value) -> bool:
    return value >= 0.5


# ------------------------------------------------------------------ requirement by requirement


def test_absent(stage):
    stage.set((Kind.ABSENT, BURGER, -1, 0), kept=(CAR, TREE))
    assert stage.values()[0] < 0.05
    gone = stage.measure(put(BURGER))
    assert passes(gone.requirements[0, 0]) and stage.weigh(gone)[1]
    assert passes(stage.values(put(BURGER, stage.carrot, PLACES[BURGER]))[0]), "another object may stand there"
    assert not passes(stage.values(put(CAR))[0]), "another object was removed"
    for level in (0, 200, 255):
        smeared = stage.draw()
        smeared[0][stage.batch.segments[0] == BURGER + 1] = level
        assert not passes(stage.values(smeared)[0]), "a blot is no background"


def test_what_is_there_is_recognised(stage):
    stage.set(kept=(CAR, TREE))

    def seen(picture=None) -> tuple[list[bool], set[int]]:
        found = stage.measure(picture)
        sure = found.find_quality[0] >= 0.5
        return (found.remains[0, :3] > 0.5).tolist(), set(found.finds[0, sure & (found.finds[0] >= 0)].tolist())

    assert seen() == ([True, True, True], set())
    assert seen(put(BURGER)) == ([False, True, True], set())
    assert seen(put(BURGER, stage.carrot, PLACES[BURGER])) == ([False, True, True], {stage.carrot})
    assert seen(put(FREE, stage.carrot, PLACES[FREE])) == ([True, True, True], {stage.carrot})


@pytest.mark.parametrize("slot", [BURGER, FREE])
def test_what_is_recognised_is_in_its_box(stage, slot):
    stage.set((Kind.ABSENT, BURGER, -1, 0))
    found = stage.measure(put(slot, stage.carrot, PLACES[slot]))
    ((top, left, bottom, right),) = found.find_boxes[0, found.finds[0] == stage.carrot].tolist()
    y, x, edge, _ = (SIZE * number for number in PLACES[slot])
    assert y - edge / 2 - 2 <= top < y < bottom <= y + edge / 2 + 2
    assert x - edge / 2 - 2 <= left < x < right <= x + edge / 2 + 2


def test_absent_and_not_back_elsewhere(stage):
    members = stage.members("hamburger")
    stage.set((Kind.ABSENT, BURGER, members, 0), kept=(CAR, TREE))
    assert passes(stage.values(put(BURGER))[0])
    moved = put(BURGER, stage.sprites[BURGER], PLACES[FREE])
    assert not passes(stage.values(moved)[0])


def test_present(stage):
    stage.set((Kind.PRESENT, 0, stage.members("carrot"), 1))
    assert stage.values()[0] < 0.05
    added = put(FREE, stage.carrot, PLACES[FREE])
    assert passes(stage.values(added)[0])
    assert not passes(stage.values(put(FREE, stage.sprites[BURGER], PLACES[FREE]))[0]), "another object"
    blot = stage.draw()
    blot[0, 90:120, 75:105] = torch.tensor([240, 128, 32])
    assert not passes(stage.values(blot)[0]), "a blot of the right colour"


def test_present_several(stage):
    stage.set((Kind.PRESENT, 0, stage.members(stage.kind), 2))
    assert stage.values()[0] < 0.05
    added = put(FREE, stage.second, PLACES[FREE])
    assert passes(stage.values(added)[0])
    assert not passes(stage.values(both(added, put(BURGER)))[0])


@pytest.mark.parametrize("color", ["green", "blue"])
def test_color(stage, color):
    stage.set((Kind.COLOR, CAR, COLORS.index(color), 0), kept=(BURGER, TREE))
    assert not passes(stage.values()[0])
    for other in OBJECT_COLORS:
        tinted = put(CAR, stage.sprites[CAR], tint=COLORS.index(other))
        assert passes(stage.values(tinted)[0]) == (other == color), other
    assert not passes(stage.values(put(CAR))[0]), "it is gone"


@pytest.mark.parametrize("kind", ["beach", "night city", "stripes"])
def test_background(stage, kind):
    mask = 1 << BACKGROUNDS.index(kind) | 1 << BACKGROUNDS.index("forest")
    stage.set((Kind.BACKGROUND, 0, mask, 0))
    stage.batch.keep[0, 0] = 0
    assert stage.values()[0] < 0.05

    def swapped(to):
        plate = stage.source.stock.plates[BACKGROUNDS.index(to) * len(stage.source.stock.plates) // len(BACKGROUNDS)]
        canvas = stage.draw()
        free = stage.batch.segments[0] == 0
        canvas[0][free] = plate[free]
        return canvas

    assert passes(stage.values(swapped(kind))[0])
    assert passes(stage.values(swapped("forest"))[0])
    assert not passes(stage.values(swapped("underwater"))[0])


@pytest.mark.parametrize("kind", ["plain", "stripes"])
def test_background_color(stage, kind):
    stage.set((Kind.BACKGROUND_COLOR, 0, COLORS.index("green"), 0), kind=kind)
    stage.batch.keep[0, 0] = 0

    def dyed(name):
        def change(scene):
            base = stage.source.stock.colors[COLORS.index(name)]
            scene.palette[0] = torch.stack([base + 12.0, base - 18.0]).clamp(0, 255)

        return change

    assert stage.values()[0] < 0.05
    assert passes(stage.values(dyed("green"))[0])
    assert not passes(stage.values(dyed("red"))[0])


def test_a_patterned_ground_keeps_its_pattern(stage):
    stage.set((Kind.BACKGROUND_COLOR, 0, COLORS.index("green"), 0), kind="checks")
    flat = stage.draw()
    flat[0][stage.batch.segments[0] == 0] = torch.tensor([62, 160, 72], dtype=torch.uint8)
    assert not passes(stage.values(flat)[0])


def headline(row):
    def change(scene):
        scene.text[0] = row

    return change


def test_headline(stage):
    stage.set((Kind.HEADLINE, 0, 5, 3))
    stage.batch.keep[0, LABEL_HEADLINE] = 0
    assert stage.values()[0] < 0.3
    for row in (5, 6, 7):
        assert passes(stage.values(headline(row))[0])
    for row in (1, 4, 8, 20, -1):
        assert not passes(stage.values(headline(row))[0]), row


def test_a_headline_of_a_users_own(stage):
    row = stage.source.stock.text_row("MY VERY OWN")
    stage.set((Kind.HEADLINE, 0, row, 1))
    assert not passes(stage.values()[0])
    assert passes(stage.values(headline(row))[0])


def test_count(stage):
    # at most one of the kind, and no fewer than one
    stage.sprites[TREE], held = stage.second, stage.sprites[TREE]
    stage.set((Kind.COUNT, 1, stage.members(stage.kind), 1), kept=(CAR,))
    stage.sprites[TREE] = held
    assert stage.values()[0] == 0.0
    assert stage.values(put(BURGER))[0] == 1.0
    assert stage.values(put(TREE))[0] == 1.0
    assert stage.values(both(put(BURGER), put(TREE)))[0] == 0.0
    assert stage.values(both(put(BURGER), put(FREE, stage.sprites[BURGER], PLACES[FREE])))[0] == 0.0


TOOL_OF = {
    "brighter": "exposure",
    "darker": "exposure",
    "warmer": "temperature",
    "cooler": "temperature",
    "vivid": "saturation",
    "muted": "saturation",
    "monochrome": "saturation",
    "vintage": "temperature",
    "contrasty": "contrast",
    "soft": "blur",
    "crisp": "sharpen",
}
OPPOSITE = {
    "brighter": "darker",
    "darker": "brighter",
    "warmer": "cooler",
    "cooler": "warmer",
    "vivid": "muted",
    "muted": "vivid",
    "monochrome": "vivid",
    "vintage": "cooler",
    "contrasty": "muted",
    "soft": "crisp",
    "crisp": "soft",
}


@pytest.mark.parametrize("tone", TONES)
def test_tone(stage, step_batch, tone):
    # a picture with room in every direction
    stage.set((Kind.TONE, 0, TONES.index(tone), 0), kind="stripes")

    def toned(name, box=(0, 0, SIZE, SIZE)):
        tool = TOOLS.build(TOOL_OF[name], stock=stage.source.stock, vocabulary=stage.source.vocabulary)
        boxes = torch.tensor([box], dtype=torch.int32)
        masks = box_masks(boxes, SIZE)
        edited = tool.apply(
            stage.draw(), RegionBatch(masks, boxes, boxes), step_batch(PlanStep("adjust", "picture", name))
        )
        return torch.where(masks[..., None], edited, stage.draw())

    assert stage.values()[0] < 0.5
    assert passes(stage.values(toned(tone))[0])
    assert not passes(stage.values(toned(OPPOSITE[tone]))[0])
    assert not passes(stage.values(toned(tone, (0, 0, SIZE // 6, SIZE)))[0]), "only a part was changed"


# ------------------------------------------------------------------ the axes


def test_requirements_count_from_their_step_on(stage):
    stage.set((Kind.ABSENT, BURGER, -1, 0), (Kind.PRESENT, 0, stage.members("carrot"), 1), kept=(CAR, TREE))
    stage.batch.requirements[0, 1, 1] = 1
    done = stage.draw(put(BURGER, stage.carrot, PLACES[BURGER]))
    found = stage.measure(done)
    assert passes(found.requirements[0, 0]) and passes(found.requirements[0, 1])
    shares, successes = zip(*(stage.weigh(found, due) for due in (0, 1, 2)), strict=True)
    assert shares[0] == 0.0 and 0.2 < shares[1] <= 0.5 < shares[2]
    assert successes == (False, False, True)


def test_what_must_stay_is_missed(stage):
    stage.set((Kind.ABSENT, BURGER, -1, 0), kept=(CAR, TREE))
    done = stage.measure(put(BURGER))
    assert done.preservation[0] > 0.95 and done.quality[0] > 0.95
    without_car = stage.measure(both(put(BURGER), put(CAR)))
    assert without_car.preserved[0, CAR + 1] < 0.5
    assert without_car.preservation[0] < done.preservation[0] - 0.1
    other_text = stage.measure(both(put(BURGER), headline(9)))
    assert other_text.preserved[0, LABEL_HEADLINE] < 0.5
    assert not stage.measure(both(put(BURGER), put(CAR, stage.sprites[CAR], PLACES[FREE]))).preserved[0, CAR + 1] > 0.5

    def other_ground(scene):
        scene.kind[0] = BACKGROUNDS.index("forest")

    assert stage.measure(both(put(BURGER), other_ground)).preserved[0, 0] < 0.5


def test_damage_lowers_quality(stage):
    stage.set((Kind.ABSENT, BURGER, -1, 0), kept=(CAR, TREE))
    noise = torch.randint(0, 256, (1, SIZE, SIZE, 3), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    qualities = []
    for share in (0.0, 0.2, 0.5, 1.0):
        canvas = stage.draw(put(BURGER))
        rows = round(share * SIZE)
        if rows:
            canvas[:, -rows:] = noise[:, -rows:]
        qualities.append(float(stage.measure(canvas).quality[0]))
    assert qualities[0] > 0.95 > qualities[1] > qualities[2] + 0.1
    assert max(qualities[2:]) < 0.5


# ------------------------------------------------------------------ pictures that are no answer


@pytest.fixture(scope="module")
def adverts(started):
    return started(100, first=500, split="test-compose")


def pictures(engine) -> dict[str, torch.Tensor]:
    source = engine.batch.images
    generator = torch.Generator().manual_seed(9)
    rolled = source.roll(1, 0)
    return {
        "black": torch.zeros_like(source),
        "white": torch.full_like(source, 255),
        "grey": torch.full_like(source, 128),
        "noise": torch.randint(0, 256, source.shape, generator=generator).to(torch.uint8),
        "inverted": 255 - source,
        "upside down": source.flip(1),
        "another task": rolled,
    }


@pytest.mark.parametrize("name", ["black", "white", "grey", "noise", "inverted", "upside down", "another task"])
def test_no_answer_earns_little(adverts, name):
    canvas = pictures(adverts)[name].contiguous()
    due = torch.full((100,), 99, dtype=torch.int32)
    verdict = adverts.judge.judge(Cases(adverts.batch, adverts.checklist, canvas, due))
    for axis in ("execution", "preservation", "quality", "score", "requirements"):
        values = getattr(verdict, axis)
        assert torch.isfinite(values).all()
        assert values.min() >= 0.0 and values.max() <= 1.0
    assert not verdict.success.any()
    # where the background is a busy scenery, "no hamburger" is granted to a blank one; little else is
    assert verdict.score.mean() < 0.2
    assert (verdict.score < 0.5).float().mean() > 0.9
    assert verdict.preservation.mean() < 0.3 and verdict.quality.mean() < 0.5


@pytest.mark.parametrize("split", ["train", "test-goals", "test-overlap"])
def test_measurements_are_finite_shares(started, split):
    engine = started(60, split=split)
    for canvas in pictures(engine).values():
        found = engine.checklist.measure(canvas.contiguous())
        for name in ("requirements", "preserved", "preservation", "quality", "remains", "find_quality"):
            values = getattr(found, name)
            assert torch.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0, name
        used = engine.batch.requirements[..., 0] > 0
        assert not found.requirements[~used].any()


def test_measuring_is_independent_of_company_and_history(adverts):
    canvas = adverts.batch.images.clone()
    canvas[:, 20:40] = 128
    whole = adverts.checklist.measure(canvas)
    adverts.checklist.measure((255 - canvas).contiguous())
    rows = torch.tensor([7, 3, 3, 99])
    part = adverts.checklist.measure(canvas[rows], rows)
    again = adverts.checklist.measure(canvas)
    for name in ("requirements", "preserved", "preservation", "quality", "finds", "remains"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[rows])
        assert torch.equal(getattr(again, name), getattr(whole, name))
    there = whole.finds >= 0
    assert bool(there.any())
    for name in ("find_quality", "find_boxes"):
        assert torch.equal(getattr(part, name)[there[rows]], getattr(whole, name)[rows][there[rows]])
        assert torch.equal(getattr(again, name)[there], getattr(whole, name)[there])
    whole.quality[:] = 5.0
    assert again.quality.max() <= 1.0, "results are fresh"
