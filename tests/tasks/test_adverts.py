"""Tests of the advert world: tasks follow from their keys, and splits keep what they promise."""

import gc
import weakref
from pathlib import Path

import pytest
import torch

from imgedit_gym.art.sprites import default_font
from imgedit_gym.core.checklist import LABEL_HEADLINE, LABEL_PICTURE, MAX_OBJECTS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import BACKGROUNDS
from imgedit_gym.core.plan import VERBS, PlanStep
from imgedit_gym.core.region import LATTICE
from imgedit_gym.core.rng import KEY_BITS
from imgedit_gym.judges.base import Cases
from imgedit_gym.tasks.adverts.splits import SPLITS

NOTO = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
OTHER_FONT = str(NOTO if NOTO.is_file() else default_font())
FONTLESS = [name for name, split in SPLITS.items() if not split.own_font]
N = 300


@pytest.fixture(scope="module")
def by_split(sampled):
    """A source and 300 tasks of each split that needs no font."""
    made = {}

    def get(split):
        if split not in made:
            made[split] = sampled(N, split=split)
        return made[split]

    return get


def equal_rows(first, row, second, other) -> bool:
    return all(torch.equal(tensor[row], second.tensors()[name][other]) for name, tensor in first.tensors().items())


def object_counts(source, batch) -> torch.Tensor:
    return ((batch.slots >= 0) & (batch.slots < source.stock.n_objects)).sum(1)


# ------------------------------------------------------------------ one key, one advert


@pytest.mark.parametrize("size", [64, 100])
def test_the_same_key_gives_the_same_advert_in_any_batch(make_source, keys_of, size):
    source = make_source(image_size=size)
    whole = source.allocate(24)
    keys = keys_of(source, range(24))
    source.sample(whole, torch.arange(24), keys)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    shuffled = source.allocate(24)
    source.sample(shuffled, torch.arange(24), keys[order])
    single, other_source = source.allocate(1), make_source(image_size=size)
    foreign = other_source.allocate(30)
    other_source.sample(foreign, torch.arange(29, 5, -1), keys)
    for row in range(24):
        assert equal_rows(whole, int(order[row]), shuffled, row)
        assert equal_rows(whole, row, foreign, 29 - row)
        source.sample(single, torch.tensor([0]), keys[row : row + 1])
        assert equal_rows(whole, row, single, 0)
        assert source.instruction(whole, row) == source.instruction(single, 0)
        assert source.oracle_plan(whole, row) == source.oracle_plan(single, 0)
        assert source.requirements(whole, row) == source.requirements(single, 0)


def test_sampling_some_rows_leaves_the_others(sampled, keys_of):
    source, batch = sampled(6)
    held = {name: tensor.clone() for name, tensor in batch.tensors().items()}
    source.sample(batch, torch.tensor([4, 1]), keys_of(source, [77, 78]))
    for name, tensor in batch.tensors().items():
        for row in (0, 2, 3, 5):
            assert torch.equal(tensor[row], held[name][row])
    assert not torch.equal(batch.images[4], held["images"][4])


def test_the_scene_is_the_same_at_every_size(sampled):
    plans = []
    for size in (64, 100, 128):
        source, batch = sampled(12, image_size=size)
        plans.append([(source.instruction(batch, row), source.oracle_plan(batch, row)) for row in range(12)])
        assert batch.images.shape == (12, size, size, 3)
        assert batch.segments.max() <= LABEL_HEADLINE
    assert plans[0] == plans[1] == plans[2]


@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 333, 512])
def test_large_pictures(sampled, size):
    source, batch = sampled(2, image_size=size)
    small_source, small = sampled(2)
    assert batch.images.shape == (2, size, size, 3)
    assert source.oracle_plan(batch, 1) == small_source.oracle_plan(small, 1)
    # so coarse that the stripes of a pattern, which need not fall on the same pixels, average out
    shrunk, of_small = (
        torch.nn.functional.interpolate(images.permute(0, 3, 1, 2).float(), 16, mode="area")
        for images in (batch.images, small.images)
    )
    assert (shrunk - of_small).abs().mean() < 15


# ------------------------------------------------------------------ splits


def test_splits_share_no_key(by_split):
    assert len({split.stream for split in SPLITS.values()}) == len(SPLITS)
    keys = [set(by_split(split)[1].keys.tolist()) for split in FONTLESS]
    assert len(set().union(*keys)) == len(FONTLESS) * N
    for split in FONTLESS:
        assert {key >> KEY_BITS for key in by_split(split)[1].keys.tolist()} == {SPLITS[split].stream}


@pytest.mark.parametrize("split", FONTLESS)
def test_plan_lengths_and_object_counts(by_split, split):
    source, batch = by_split(split)
    (shortest, longest), (fewest, most) = SPLITS[split].steps, SPLITS[split].objects
    lengths, counts = batch.plan_length, object_counts(source, batch)
    assert lengths.min() >= 1 and lengths.max() <= longest
    # a goal can run out of things to ask for, and what it wants or leaves can be a few objects more than were drawn
    assert (lengths >= shortest).float().mean() > 0.95
    assert len(lengths.unique()) >= longest - shortest
    assert counts.min() >= fewest and counts.max() <= min(most + 3, 9)
    assert (counts <= most).float().mean() > 0.9
    assert {fewest, most} <= set(counts.tolist())


@pytest.mark.parametrize("split", FONTLESS)
def test_goals(by_split, split):
    source, batch = by_split(split)
    seen = {i for i, goal in enumerate(source.book.goals) if goal.seen}
    first, second = (set(column.tolist()) for column in batch.goals.unbind(1))
    if split == "test-goals":
        assert first.isdisjoint(seen) and second == {-1}
    elif split == "test-compose":
        assert first | second <= seen and -1 not in second
        assert all(a != b for a, b in batch.goals.tolist())
    else:
        assert first <= seen and second == {-1}
    assert len(first) >= 0.8 * len(source.book.unseen if split == "test-goals" else seen) - 3
    for row in range(20):
        names = source.goal_names(batch, row)
        assert len(names) == (2 if split == "test-compose" else 1)
        assert source.instruction(batch, row).count(" Also: ") == len(names) - 1


def crowded(source, batch) -> float:
    """Share of objects whose circle reaches far into another's."""
    scene = source.scene(batch)
    reaches = total = 0
    for row in range(len(batch)):
        place = scene.place[row][(batch.slots[row] >= 0)]
        apart = torch.cdist(place[:, :2], place[:, :2])
        limit = 0.4 * (place[:, None, 2] + place[None, :, 2])
        near = (apart < limit) & ~torch.eye(len(place), dtype=torch.bool)
        reaches += int(near.any(1).sum())
        total += len(place)
    return reaches / total


def test_only_the_overlap_split_overlaps(by_split):
    assert crowded(*by_split("train")) == 0.0
    assert crowded(*by_split("test-overlap")) > 0.4


@pytest.mark.parametrize("split", FONTLESS)
def test_what_stands_where(by_split, split):
    source, batch = by_split(split)
    hidden = 0
    for row in range(N):
        labels = set(batch.segments[row].unique().tolist())
        standing = {slot + 1 for slot in range(MAX_OBJECTS) if batch.slots[row, slot] >= 0}
        assert labels <= standing | {0, LABEL_HEADLINE}
        assert {0, LABEL_HEADLINE} <= labels
        hidden += len(standing - labels)
        # outside everything that stands there, the picture is its clean plate
    free = batch.segments == 0
    off = (batch.images.int() - batch.plates.int()).abs().amax(-1)[free]
    assert (off > 90).float().mean() < 0.01
    assert hidden <= 0.01 * N
    assert (batch.background >= 0).all() and (batch.background < len(BACKGROUNDS)).all()


@pytest.mark.parametrize("split", ["train", "test-compose", "test-long"])
def test_plans_serve_the_requirements(by_split, split):
    source, batch = by_split(split)
    for row in range(N):
        plan, wanted = source.oracle_plan(batch, row), source.requirements(batch, row)
        assert len(plan) == int(batch.plan_length[row]) and wanted
        assert {requirement.step for requirement in wanted} == set(range(len(plan)))
        for requirement in wanted:
            assert requirement.text.strip() and "  " not in requirement.text and "<" not in requirement.text
            assert requirement.kind is not Kind.NONE
            # what may not stand in its place is said, too
            assert (requirement.kind is Kind.ABSENT) == (" and no new " in requirement.text)
        for index, step in enumerate(plan):
            assert step.verb in VERBS[2:]
            assert PlanStep.parse(step.text) == step
            label = int(batch.plan_labels[row, index])
            if step.verb in ("remove", "replace") or (step.verb == "recolor" and step.target != "background"):
                assert source.label_name(batch, row, label) == step.target
            if step.verb == "adjust":
                assert label == LABEL_PICTURE
            cell = int(batch.plan_cells[row, index])
            assert (0 <= cell < LATTICE**2) if step.verb == "add" else cell == -1
        used = batch.requirements[row, :, 0] > 0
        assert int(used.sum()) == len(wanted) and used[: len(wanted)].all()


@pytest.mark.parametrize("longest", range(1, 9))
def test_plans_fit_any_longest_plan(sampled, longest):
    for split in ("train", "test-long"):
        source, batch = sampled(100, split=split, max_plan_steps=longest)
        assert batch.plan.shape[1] == longest
        assert batch.plan_length.min() >= 1 and batch.plan_length.max() <= longest
        used = batch.requirements[..., 0] > 0
        assert (batch.requirements[..., 1][used] < batch.plan_length[:, None].expand(used.shape)[used]).all()
        if longest <= 3 and split == "test-long":
            assert (batch.plan_length == longest).all()


# ------------------------------------------------------------------ the untouched picture


def test_nothing_is_done_yet(started):
    engine = started(N, image_size=128)
    everything = torch.full((N,), 99, dtype=torch.int32)
    verdict = engine.judge.judge(Cases(engine.batch, engine.checklist, engine.batch.images, everything))
    assert (verdict.execution < 0.05).float().mean() >= 0.99
    assert (verdict.preservation > 0.999).float().mean() >= 0.99 and verdict.preservation.min() > 0.85
    assert (verdict.quality > 0.999).all()
    assert not verdict.success.any()


# ------------------------------------------------------------------ names and knobs


@pytest.mark.parametrize("split", ["train", "test-overlap"])
def test_task_ids_name_their_task(by_split, keys_of, split):
    source, batch = by_split(split)
    ids = [source.task_id(batch, row) for row in range(N)]
    assert len(set(ids)) == N
    assert [source.key_of(id) for id in ids] == batch.keys.tolist()
    assert ids[0].startswith(f"adverts/{split}/") and len(ids[0].rpartition("/")[2]) == 12


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "adverts/test/1",
        "adverts/train/",
        "adverts/train/xyz",
        "adverts/train/-1",
        "adverts/train/1000000000000",
        "adverts/train/1/2",
        "cats/train/1",
    ],
)
def test_foreign_task_ids(by_split, task_id):
    with pytest.raises(ImgEditError, match="task_id: expected adverts/train/ and up to 12 hexadecimal digits; found"):
        by_split("train")[0].key_of(task_id)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"overlap": -0.1}, r"overlap must be in \[0, 1\]; found -0.1"),
        ({"overlap": 1.5}, r"overlap must be in \[0, 1\]; found 1.5"),
        ({"overlap": "0.5"}, r"overlap must be in \[0, 1\]; found '0.5'"),
        ({"overlap": float("nan")}, r"overlap must be in \[0, 1\]; found nan"),
        ({"objects": (0, 3)}, "objects must be two whole numbers, 1 <= fewest <= most <= 9; found"),
        ({"objects": (4, 3)}, "objects must be two whole numbers"),
        ({"objects": (1, 10)}, "objects must be two whole numbers"),
        ({"objects": 4}, "objects must be two whole numbers"),
        ({"objects": (1.0, 2)}, "objects must be two whole numbers"),
        ({"objects": (1, 2, 3)}, "objects must be two whole numbers"),
        ({"steps": (1, 9)}, "steps must be two whole numbers, 1 <= fewest <= most <= 8; found"),
        ({"steps": "12"}, "steps must be two whole numbers"),
        ({"split": "trian"}, "unknown split 'trian'; expected one of: train, val"),
    ],
)
def test_wrong_knobs(make_source, knobs, message):
    with pytest.raises(ImgEditError, match=message) as caught:
        make_source(**knobs)
    assert "\n" not in str(caught.value)


def test_a_batch_that_nobody_holds_is_let_go(make_source):
    source = make_source(image_size=64)
    batch = source.allocate(2)
    assert source.checklist(batch).batch is batch and len(source.scene(batch)) == 2
    images = weakref.ref(batch.images)
    del batch
    gc.collect()
    assert images() is None


def test_knobs_turn(sampled):
    source, batch = sampled(100, overlap=1.0, objects=[7, 8], steps=(2, 2))
    counts = object_counts(source, batch)
    assert crowded(source, batch) > 0.5
    assert counts.min() >= 7 and (counts <= 8).float().mean() > 0.9
    assert (batch.plan_length == 2).float().mean() > 0.9 and batch.plan_length.max() == 2


def test_art_never_seen_needs_a_font(make_source):
    with pytest.raises(ImgEditError, match="split 'test-art' needs another colour-emoji font.*'font': PATH") as caught:
        make_source(split="test-art")
    assert "\n" not in str(caught.value)
    with pytest.raises(ImgEditError, match="found nothing at '/no/such.ttf'"):
        make_source(split="test-art", font="/no/such.ttf")


def test_art_never_seen(sampled):
    source, batch = sampled(12, split="test-art", font=OTHER_FONT)
    plain, _ = sampled(1)
    assert source.stock.sprites.shape == plain.stock.sprites.shape
    assert (str(default_font()) == OTHER_FONT) == torch.equal(source.stock.sprites, plain.stock.sprites)
    assert batch.plan_length.min() >= 1
    assert {key >> KEY_BITS for key in batch.keys.tolist()} == {SPLITS["test-art"].stream}


def test_a_file_that_is_no_font(make_source, tmp_path):
    path = tmp_path / "font.ttf"
    path.write_bytes(b"no font")
    with pytest.raises(ImgEditError, match="expected a scalable or bitmap colour font"):
        make_source(split="test-art", font=str(path))
