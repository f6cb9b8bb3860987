import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from baselines.training.at_once import learn_at_once
from baselines.training.judge.asking import Asked, pack
from baselines.training.judge.kinds import FILL, KIND, TERMS, WIDE, WIDTH, Kinds
from baselines.training.judge.learn import Workshop, learn_language, learn_vision
from baselines.training.judge.losses import Aids, Letters, _names, letter_spans, true_tokens
from baselines.training.judge.measure import free_wording
from baselines.training.judge.model import image_tokens, save
from baselines.training.judge.optimizer import Muon
from baselines.training.judge.pairs import Recipe
from baselines.training.judge.plan import QUICK, Course
from baselines.training.judge.taking import take_eyes
from baselines.training.judge.vocabulary import ASK
from baselines.training.judge.world import World
from baselines.training.stage import Stage
from imgedit_gym.core.errors import ImgEditError


def test_muon_makes_updates_orthogonal():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(24, 4, 3, 3))
    weight.grad = torch.randn(24, 4, 3, 3)
    Muon([weight], lr=1.0, weight_decay=0.0, steps=8).step()
    sizes = torch.linalg.svdvals(weight.detach().flatten(1) / (0.2 * 36**0.5))
    assert bool((sizes > 0.6).all()) and bool((sizes < 1.35).all())


def test_rates_fall_in_every_round():
    course = Course(((100, 1.0, 0.5), (50, 0.4, 1.0)), 1, (1.0, 1.0), Recipe())
    assert course.steps == 150
    assert course.scale(0) < course.scale(39) == course.scale(50) == 1.0
    assert course.scale(99) < 0.05 < course.scale(75) < 1.0
    assert course.scale(100) < 0.02 and 0.0 < course.scale(140) < course.scale(139) < 0.4
    assert course.scale(150) == 0.0


def test_letters_stand_where_they_are_drawn():
    from imgedit_gym.art.sprites import draw_text
    from imgedit_gym.art.stock import HEADLINE_HEIGHT, HEADLINE_WIDTH

    edge = 512
    drawn = draw_text("BIG SALE", round(HEADLINE_HEIGHT * edge), round(HEADLINE_WIDTH * edge))
    columns = drawn.max(0) > 128
    inked = torch.zeros(edge, dtype=torch.bool)
    left = (edge - drawn.shape[1]) // 2
    inked[left : left + drawn.shape[1]] = torch.from_numpy(columns)
    for letter, start, end in letter_spans("BIG SALE"):
        middle = inked[round(start * edge) + 2 : round(end * edge) - 2]
        assert bool(middle.any()) == (letter != " ")


def test_letters_table_covers_every_headline(shop: Workshop):
    table = Letters(shop.words, 9).table
    assert table.shape[0] == len(shop.kinds.book.headlines) and bool((table.sum((1, 2)) > 0).all())


def test_true_tokens_hold_the_codes(shop: Workshop):
    world = World(shop.kinds, 72, 9, pool=16)
    pairs = world.pairs(6, torch.Generator().manual_seed(0), Recipe())
    tokens = true_tokens(pairs, shop.words)
    nearest = (tokens[..., KIND] @ shop.words.codes.kinds.T).argmax(-1)
    assert torch.equal(nearest, pairs.kind)
    assert torch.equal(tokens[..., TERMS] > 0.25, shop.kinds.within[pairs.kind] > 0)
    # as long for what is in many sets as for what is in none
    length = (tokens[..., TERMS] ** 2).sum(-1) + tokens[..., FILL] ** 2
    assert float(length.max() - length.min()) < 1e-5


@torch.no_grad()
def test_heads_find_what_words_name(shop: Workshop):
    """Before any training: head 2 of the first layer looks from a set's name at the middles of its members."""
    world = World(shop.kinds, 72, 9, pool=64)
    pairs = world.pairs(64, torch.Generator().manual_seed(1), Recipe(few=1.0, half=0.0))
    model, words = shop.model(), shop.words
    layer, width = model.model.language_model.layers[0], shop.preset.shape.head
    tokens = layer.input_layernorm(true_tokens(pairs, words))
    begin, asked = (layer.input_layernorm(model.get_input_embeddings().weight[words.ids[w]]) for w in (ASK, "food"))
    rows = slice(2 * width, 3 * width)
    query, key = layer.self_attn.q_proj.weight[rows] @ asked, layer.self_attn.k_proj.weight[rows]
    found, floor = tokens @ key.T @ query, float(key @ begin @ query)
    members = words.members[words.ids["food"]][pairs.kind] & pairs.centre
    assert 40 < int(members.sum()) < int(pairs.centre.sum()) - 40
    assert float(found[members].min()) > max(float(found[~members].max()), floor)


def test_lists_are_joined_and_other_things_are_not(shop: Workshop):
    words = shop.words
    texts = ("hamburger and no new meat or fish or , cat", "dog", "fruit or vegetables")
    ids = [[i for part in text.split() for i in words.encode(part)] for text in texts]
    packed = pack([[Asked("any", one, True) for one in ids]])
    names = _names(Aids(words), packed)
    listed = [set(row.nonzero().flatten().tolist()) for row in names.listed]
    own = [
        set(words.members[words.ids[name]].nonzero().flatten().tolist())
        for name in ("hamburger", "meat", "fish", "cat", "dog", "fruit", "vegetables")
    ]
    assert listed == [own[0], own[1], own[1] | own[2], own[1] | own[2] | own[3], own[4], own[5], own[5] | own[6]]
    assert names.is_set.tolist() == [False, True, True, False, False, True, True]


def test_vision_goes_on_with_narrower_eyes(shop: Workshop, tmp_path: Path):
    small = shop.narrow()
    first = small.model()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    save(first, small.preset.shape, small.words, tmp_path)
    model, mosaics = shop.model(), torch.randint(0, 256, (2, 144, 144, 3), dtype=torch.uint8)
    take_eyes(model, tmp_path)
    with torch.no_grad():
        held, known = image_tokens(model, mosaics), image_tokens(first, mosaics)
    assert held.shape[-1] == WIDE and known.shape[-1] == WIDTH
    assert float((held[..., :WIDTH] - known).abs().max()) < 0.3 * float(known.abs().max())
    deeper = replace(shop, preset=replace(shop.preset, shape=replace(shop.preset.shape, vision_width=64)))
    with pytest.raises(ImgEditError, match="this preset's vision half"):
        take_eyes(deeper.model(), tmp_path)
    save(model, shop.preset.shape, shop.words, tmp_path / "wide")
    with pytest.raises(ImgEditError, match=r"found \[320, 96\]|found \[320\]"):
        take_eyes(first, tmp_path / "wide")
    # a stage that begins so
    course = Course(((2, 0.5, 1.0),), 3, (1e-3, 1e-3), Recipe())
    going = replace(shop, preset=replace(shop.preset, courses=shop.preset.courses | {"refit": course}), folder=tmp_path)
    seen, begun = learn_vision(going, tmp_path).state_dict(), model.state_dict()
    (tower,) = (name for name in seen if name.endswith("patch_embedding.weight"))
    assert not torch.equal(seen[tower], begun[tower]) and torch.allclose(seen[tower], begun[tower], atol=0.05)
    with pytest.raises(ImgEditError, match="expected a run with"):
        learn_vision(going)


def test_free_wordings_have_the_blanks_of_the_package():
    from imgedit_gym.judges.prompting import load_wording

    own = load_wording()
    for which in (0, 1):
        for kind, text in free_wording(which).items():
            assert text.count("{0}") == own[kind].count("{0}") == 1, kind
            assert ("{1}" in text) == ("{1}" in own[kind]), kind


SHORT = replace(QUICK, courses=QUICK.courses | {"language": Course(((6, 1.0, 0.5),), 3, (1e-3, 1e-3), Recipe(), 4)})


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workshop:
    return Workshop.open(replace(SHORT, code_steps=20), tmp_path_factory.mktemp("shop"), 3)


def test_a_killed_stage_goes_on_to_the_same_weights(shop: Workshop, tmp_path: Path, monkeypatch):
    def weights(folder: Path) -> dict[str, torch.Tensor]:
        (folder / "codes.pt").exists() or (folder / "codes.pt").write_bytes((shop.folder / "codes.pt").read_bytes())
        model, _ = learn_language(replace(shop, folder=folder))
        return model.state_dict()

    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    whole = weights(folders[0])

    plain, steps = Stage.save, []

    class Killed(Exception):
        pass

    def stop(self: Stage) -> None:
        plain(self)
        steps.append(self.step)
        if len(steps) == 3:
            raise Killed

    monkeypatch.setattr("baselines.training.stage.SAVE_SECONDS", -1.0)
    monkeypatch.setattr(Stage, "save", stop)
    with pytest.raises(Killed):
        weights(folders[1])
    monkeypatch.setattr(Stage, "save", plain)
    again = weights(folders[1])
    assert steps == [1, 2, 3]
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_losses_at_once_leave_the_gradient_of_their_sum():
    first, second, third = (torch.nn.Parameter(torch.randn(5)) for _ in range(3))
    losses = (lambda step: ((first * second).sum() * step, {"one": 1.0}), lambda step: ((first**2).sum(), {"two": 2.0}))
    with ThreadPoolExecutor(2) as threads:
        loss, values = learn_at_once(threads, [first, second, third], losses, 3)
    wanted = torch.autograd.grad(3 * (first * second).sum() + (first**2).sum(), [first, second])
    assert torch.allclose(first.grad, wanted[0]) and torch.allclose(second.grad, wanted[1]) and third.grad is None
    assert values == {"one": 1.0, "two": 2.0} and not loss.requires_grad
    assert torch.allclose(loss, 3 * (first * second).sum() + (first**2).sum())


@pytest.mark.slow
def test_the_command_makes_a_judge(tmp_path: Path):
    command = [sys.executable, "-m", "baselines.training.judge", "--preset", "quick", "--out", str(tmp_path)]
    subprocess.run([*command, "--episodes", "2"], check=True)
    from imgedit_gym.judges.vlm.judge import VlmJudge

    model = tmp_path / "model"
    assert VlmJudge(str(model)).model.startswith("model@")
    card = (model / "README.md").read_text()
    assert "| kind/ABSENT |" in card and (model / "curves.png").stat().st_size > 10_000
    # everything is there already
    done = subprocess.run([*command, "--stage", "joint"], check=True, capture_output=True, text=True)
    assert "joint 20/20" not in done.stdout


def test_kinds_are_those_of_the_world():
    kinds = Kinds.load()
    assert len(kinds) == kinds.first_headline + len(kinds.book.headlines)
    assert kinds.types.tolist() == sorted(kinds.types.tolist())
