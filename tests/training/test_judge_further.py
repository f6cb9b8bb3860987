"""Tests of the judge's training: many wordings, pictures that are hard to judge, and models to begin with."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from baselines.training.judge.__main__ import main
from baselines.training.judge.asking import Asker, Shown, Wordings
from baselines.training.judge.kinds import Codes, Kinds
from baselines.training.judge.learn import Workshop, learn_further
from baselines.training.judge.measure import strange_wording
from baselines.training.judge.model import image_tokens, save
from baselines.training.judge.pairs import Recipe
from baselines.training.judge.plan import QUICK
from baselines.training.judge.spoiled import WAYS, Spoiler
from baselines.training.judge.taking import take_eyes, take_up
from baselines.training.judge.tooled import ASKED, UNTOLD, Balance, Bench
from baselines.training.judge.vocabulary import ANSWER, ASK, UNKNOWN, Words, unknown_words
from baselines.training.judge.wider import DISPENSABLE, FRAMES, RELATED, STRANGELY, WIDER, spelled
from baselines.training.judge.wording import FREELY, NUMBERS, SMALL_WORDS, TAUGHT
from baselines.training.judge.world import World
from benchmarks.audit.variants import WORDING
from benchmarks.checklist.definition import agrees
from imgedit_gym.core.checklist import COLUMNS, Kind
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import LONGEST_PLAN
from imgedit_gym.judges.base import Cases
from imgedit_gym.judges.checklist import ChecklistJudge
from imgedit_gym.judges.prompting import load_wording


@pytest.fixture(scope="module")
def words() -> Words:
    kinds = Kinds.load()
    return Words(kinds, Codes.make(kinds, steps=5), (TAUGHT, WIDER))


@pytest.fixture(scope="module")
def bench(words: Words) -> Bench:
    bench, dice = Bench(words, 6, size=96), random.Random(0)
    bench.begin(3)
    for _ in range(3):
        bench.play(dice)
    return bench


@pytest.fixture(scope="module")
def many(words: Words) -> Bench:
    """More tasks, without a step made in them."""
    bench = Bench(words, 24, size=96)
    bench.begin(5)
    return bench


# ------------------------------------------------------------------ words


def test_choices_are_spelled_out():
    assert spelled("a [b|c d|] e?") == ["a b e?", "a c d e?", "a e?"]
    assert spelled("plain {x}?") == ["plain {x}?"]


def test_what_is_measured_is_not_taught():
    taught = {text.lower() for table in (TAUGHT, WIDER) for pair in table.values() for texts in pair for text in texts}
    taught = {one for text in taught for one in spelled(text)}
    held = [text for pair in FREELY.values() for texts in pair for text in texts] + list(STRANGELY.values())
    assert not taught.intersection(text.lower() for text in held)

    def bare(texts: Iterable[str]) -> set[str]:
        return {re.sub(r"\{\w+\}", "_", text).lower() for text in texts}

    assert not bare(taught) & bare(load_wording("paraphrase.v2", WORDING).values())


def test_blanks_are_those_that_are_filled(words: Words):
    blanks = {"absent": "x", "kept": "x", "present": "nl", "any": "l", "count": "nl", "span": "mnl", "color": "xc"}
    blanks |= {"banned": "xl", "background": "l", "background_color": "c", "tone": "t", "quality": ""}
    for kind, pair in WIDER.items():
        for text in (one for texts in pair for choices in texts for one in spelled(choices)):
            found = sorted(letter for letter in "xlnmcqt" for _ in range(text.count(f"{{{letter}}}")))
            wanted = [["l"], ["q"]] if kind == "headline" else [sorted(blanks[kind])]
            assert found in wanted, text


def test_the_vocabulary_has_the_words_that_are_taught_and_not_those_held_out(words: Words):
    texts = [one for pair in WIDER.values() for texts in pair for choices in texts for one in spelled(choices)]
    assert unknown_words(words, [*texts, *FRAMES]) == []
    for kind, text in STRANGELY.items():
        assert unknown_words(words, [text]), kind
    narrow = Words(words.kinds, words.codes, (TAUGHT,))
    for new, old in RELATED.items():
        assert old in narrow.ids and new in words.ids and new not in narrow.ids, new
    assert not (SMALL_WORDS | DISPENSABLE) & {"no", "not", "none", "fewer", "more", "other", "or"}


def test_no_name_is_hidden_in_a_question(words: Words):
    tokenizer = words.tokenizer()
    for kind, pair in WIDER.items():
        for text in (choices for texts in pair for choices in texts):
            one = Wordings(words, {kind: ((spelled(text)[0],), ())}).put(
                kind, {letter: [] for letter in "xlnmcqt"}, True, random.Random(0)
            )
            bare = spelled(text)[0]
            for letter in "xlnmcqt":
                bare = bare.replace(f"{{{letter}}}", " ")
            assert tokenizer(f"{ASK}{bare}{ANSWER}", add_special_tokens=False)["input_ids"] == one.ids, text
            assert not bool(words.members[one.ids[1:-1]].any()), text


def test_rough_questions_keep_what_matters(words: Words):
    slots = {"x": words.encode("hamburger")}
    table = {"absent": (("Is there no {x} in the picture any more?",), ())}
    rough, unknown = Wordings(words, table, rough=1.0), words.ids[UNKNOWN]
    put = [rough.put("absent", slots, True, random.Random(seed)) for seed in range(60)]
    small = {words.ids[word] for word in SMALL_WORDS | DISPENSABLE if word in words.ids}
    kept = [i for i in Wordings(words, table).put("absent", slots, True, random.Random(0)).ids if i not in small]
    frames = {i for text in FRAMES for i in words.encode(text)}
    for one in put:
        rest = iter(one.ids)
        assert one.answer and all(i in rest for i in kept)
        assert set(one.ids) <= set(kept) | small | {unknown} | frames
    assert len({tuple(one.ids) for one in put}) > 30 and any(unknown in one.ids for one in put)


def test_strange_wordings_have_the_blanks_of_the_package():
    own = load_wording()
    for kind, text in strange_wording().items():
        assert ("{0}" in text, "{1}" in text) == ("{0}" in own[kind], "{1}" in own[kind]), kind


# ------------------------------------------------------------------ the model it begins with


def test_a_model_is_taken_up_with_more_words(tmp_path: Path):
    wide = Workshop.open(replace(QUICK, code_steps=5), tmp_path / "shop", 1)
    shop = replace(wide, words=Words(wide.kinds, wide.words.codes, (TAUGHT,)))
    first = shop.model()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save(first, shop.preset.shape, shop.words, tmp_path / "first")
    model = wide.model()
    take_up(model, wide.words, tmp_path / "first")
    table, known = (one.get_input_embeddings().weight.detach() for one in (model, first))
    known = known.half().float()
    old = list(shop.words.ids)
    assert torch.equal(table[[wide.words.ids[word] for word in old]], known[[shop.words.ids[word] for word in old]])
    for word, other in (("vanished", "disappear"), ("closely", UNKNOWN)):
        apart = table[wide.words.ids[word]] - known[shop.words.ids[other]]
        assert 0.0 < float(apart.norm()) < 0.6
    state = first.state_dict()
    for name, value in model.state_dict().items():
        if "embed_tokens" not in name and "lm_head" not in name:
            assert torch.equal(value, state[name].half().float()), name
    save(model, shop.preset.shape, wide.words, tmp_path / "wide")
    with pytest.raises(ImgEditError, match="are not known"):
        take_up(shop.model(), shop.words, tmp_path / "wide")
    other = replace(QUICK, code_steps=5, shape=replace(QUICK.shape, inner=QUICK.shape.inner * 2))
    large = Workshop.open(other, tmp_path / "large", 1)
    with pytest.raises(ImgEditError, match="this preset's sizes"):
        take_up(large.model(), large.words, tmp_path / "first")


@pytest.mark.parametrize("take", [take_up, take_eyes])
def test_a_tower_with_fewer_layers_is_taken_over(take: Callable[..., None], tmp_path: Path):
    low = Workshop.open(replace(QUICK, code_steps=5), tmp_path / "shop", 1)
    high = replace(low, preset=replace(QUICK, shape=replace(QUICK.shape, vision_layers=QUICK.shape.vision_layers + 2)))
    first, model, words = low.model(), high.model(), (low.words,) * (take is take_up)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save(first, QUICK.shape, low.words, tmp_path / "first")
    take(model, *words, tmp_path / "first")
    first.load_state_dict({name: value.half().float() for name, value in first.state_dict().items()})
    mosaics = torch.randint(0, 256, (2, 144, 144, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(image_tokens(model, mosaics), image_tokens(first, mosaics))
    # what the new layers add is learnt
    new = f".layers.{high.preset.shape.vision_layers - 1}."
    image_tokens(model, mosaics).square().sum().backward()
    added = [p for name, p in model.named_parameters() if new in name and name.endswith("fc2.weight")]
    assert len(added) == 1 and float(added[0].grad.abs().sum()) > 0.0
    save(model, high.preset.shape, high.words, tmp_path / "high")
    with pytest.raises(ImgEditError, match="expected a model"):
        take(low.model(), *words, tmp_path / "high")


def test_a_stage_goes_on_only_from_what_it_began_with(tmp_path: Path):
    with pytest.raises(ImgEditError, match="weights of a finished model"):
        learn_further(Workshop.open(replace(QUICK, code_steps=5), tmp_path, 1), tmp_path / "nothing")


# ------------------------------------------------------------------ pictures


def test_spoiled_pictures_repeat_and_differ(bench: Bench):
    spoiler = Spoiler(bench)

    def made(seed: int) -> torch.Tensor:
        return spoiler.make(8, random.Random(seed), torch.Generator().manual_seed(seed)).after

    assert torch.equal(made(1), made(1)) and not torch.equal(made(1), made(2))
    assert made(1).shape == (8, 96, 96, 3) and made(1).dtype == torch.uint8


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_makes_pictures_that_can_be_asked_about(bench: Bench, way: str, monkeypatch):
    monkeypatch.setattr("baselines.training.judge.spoiled.WAYS", {way: 1.0})
    made = Spoiler(bench).make(12, random.Random(4), torch.Generator().manual_seed(4))
    assert bool((made.before != made.after).flatten(1).any(1).float().mean() > 0.5)
    assert sum(map(len, made.asked)) > 20
    if way in ("blank", "speckle"):
        assert not any(answer for row in made.asked for kind, _, answer in row if kind == "present")


def test_what_the_numbers_of_a_drawing_contradict_is_not_asked(many: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("baselines.training.judge.spoiled.WAYS", {"drawn": 1.0})
    monkeypatch.setattr("baselines.training.judge.spoiled.MISHAP", 1.0)
    told: list[torch.Tensor] = []
    edited = many.edited

    def watched(canvas, rows, dice, known):
        told.append(known)
        return edited(canvas, rows, dice, known)

    monkeypatch.setattr(many, "edited", watched)
    made = Spoiler(many).make(72, random.Random(3), torch.Generator().manual_seed(3))
    exact = many.engine.checklist.measure(made.after, made.rows).requirements
    unlike = ~agrees(exact, told[0])
    assert int((told[0] == 1).sum()) > 60 and int((told[0] == 0).sum()) > 60
    assert 0 < int(unlike.sum()) < 0.2 * int((~told[0].isnan()).sum())
    assert torch.equal(made.found.requirements == UNTOLD, unlike)
    wanted = many.engine.batch.requirements[made.rows]
    gone = unlike & (wanted[..., COLUMNS.index("kind")] == Kind.ABSENT)
    assert bool(gone.any())
    for row, at in gone.nonzero().tolist():
        assert float(made.found.remains[row, wanted[row, at, COLUMNS.index("slot")]]) == UNTOLD


def test_blends_of_half_an_edit_are_asked_less_about_what_they_could_carry_out(
    many: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("baselines.training.judge.spoiled.WAYS", {"blended": 1.0})
    count: dict[tuple[float, float], Counter[bool]] = {}
    for share in (0.45, 0.65):
        monkeypatch.setattr("baselines.training.judge.spoiled.SHARES", (share, share))
        for fewer in (0.0, 1.0):
            monkeypatch.setattr("baselines.training.judge.spoiled.FEWER", fewer)
            made = Spoiler(many).make(48, random.Random(3), torch.Generator().manual_seed(3))
            count[share, fewer] = Counter(one[2] for row in made.asked for one in row if one[0] in ASKED)
    assert count[0.45, 0.0] == count[0.45, 1.0]
    assert 0 < count[0.65, 0.0][False] < count[0.65, 1.0][False] - 5
    assert count[0.65, 0.0][True] == count[0.65, 1.0][True] > 5


def test_spoiled_pictures_are_asked_about_both_ways(bench: Bench):
    assert isinstance(bench.engine.judge, ChecklistJudge)
    made = Spoiler(bench).make(60, random.Random(5), torch.Generator().manual_seed(5))
    answers = {(kind, answer) for row in made.asked for kind, _, answer in row}
    assert {(kind, answer) for kind in ("absent", "banned", "present") for answer in (True, False)} <= answers


def test_plans_are_carried_out_whole_beside_the_episodes(bench: Bench):
    engine, rows = bench.engine, torch.tensor([4, 1, 1, 0])
    canvas, steps = engine.canvas.clone(), engine.step_index.clone()
    done = bench.carried_out(rows, random.Random(0))
    assert torch.equal(engine.canvas, canvas) and torch.equal(engine.step_index, steps)
    assert done.shape == (4, 96, 96, 3) and done.dtype == torch.uint8
    wanted = engine.batch.requirements[rows][..., 0] > 0
    before, after = (
        engine.checklist.measure(pictures, rows).requirements[wanted] for pictures in (engine.batch.images[rows], done)
    )
    assert float((after >= 0.5).float().mean()) > 0.7 > 0.5 > float((before >= 0.5).float().mean())


def holding(bench: Bench) -> float:
    """Share of what spoiled pictures' tasks ask for that holds in them."""
    made = Spoiler(bench).make(120, random.Random(8), torch.Generator().manual_seed(8))
    answers = [answer for row in made.asked for kind, _, answer in row if kind in ("present", "banned")]
    assert len(answers) > 150
    return sum(answers) / len(answers)


@pytest.mark.parametrize("way", ["blended", "parted"])
def test_more_holds_in_pictures_whose_plan_was_carried_out_before(many: Bench, way: str, monkeypatch):
    monkeypatch.setattr("baselines.training.judge.spoiled.WAYS", {way: 1.0})
    usual = holding(many)
    monkeypatch.setattr("baselines.training.judge.spoiled.WHOLE", (0.0, 0.0))
    assert usual > 1.3 * holding(many)


def test_most_holds_where_plans_were_carried_out_whole(many: Bench, monkeypatch):
    monkeypatch.setattr("baselines.training.judge.spoiled.WAYS", {"planned": 1.0})
    assert holding(many) > 0.5


def test_only_what_there_are_words_for_is_asked(words: Words, bench: Bench):
    asked = bench.play(random.Random(1)).asked
    assert any(kind == "banned" for row in asked for kind, _, _ in row)
    balance, wordings, dice = Balance(), Wordings(words, TAUGHT), random.Random(0)
    put = [one for row in asked for one in balance.pick(row, 6, wordings, dice, 0.0)]
    assert put and all(one.kind in TAUGHT for one in put)


def test_spoiled_pictures_are_asked_about_as_the_exact_judge_sees_them(bench: Bench, monkeypatch):
    told, engine = [], bench.engine
    monkeypatch.setattr(bench, "questions", lambda *given: told.append(given) or [])
    made = Spoiler(bench).make(30, random.Random(6), torch.Generator().manual_seed(6))
    rows = torch.tensor([row for row, *_ in told])
    assert torch.equal(engine.batch.images[rows], made.before)
    due = torch.full((30,), LONGEST_PLAN + 1, dtype=torch.int32)
    exact = ChecklistJudge().judge(Cases(engine.batch, engine.checklist, made.after, due, rows))
    untold = 0
    for i, (_, values, preserved, quality, _) in enumerate(told):
        # beside what is known better by construction
        known = values == exact.requirements[i]
        assert (values[~known] == UNTOLD).all() and torch.equal(preserved, exact.preserved[i])
        assert quality == float(exact.quality[i])
        untold += int((~known).sum())
    assert 0 < untold < 0.1 * exact.requirements.numel()


def test_objects_are_counted_as_the_exact_judge_counts_them(words: Words, bench: Bench):
    made = Spoiler(bench).make(40, random.Random(7), torch.Generator().manual_seed(7))
    asker = Asker(
        words,
        World(words.kinds, 72, 9, pool=16).takes,
        {kind: TAUGHT[kind] for kind in ("present", "any", "count", "span")},
        drop=0.0,
    )
    answers = Counter()
    for row, shown in enumerate(made.shown):
        # what the task itself asks for is answered alike
        for kind, slots, answer in made.asked[row]:
            if kind == "present":
                members = words.members[slots["l"]].any(0)
                unclear = any(bool(members[j]) for j in shown.unclear)
                number = int(words.tokens[slots["n"][0]]) if words.tokens[slots["n"][0]].isdigit() else None
                if number is not None and not unclear:
                    have = sum(bool(members[j]) for j in shown.sure)
                    answers["same" if (have >= number) == answer else "other"] += 1
        for kind, slots, answer in asker.count(shown, 3, random.Random(row)):
            members = words.members[slots["l"]].any(0)
            have = sum(bool(members[j]) for j in shown.sure)
            least, most = (number_of(words, slots.get(blank)) for blank in ("m", "n"))
            wanted = {"present": have >= most, "any": have > 0, "count": have <= most, "span": least <= have <= most}
            assert answer == wanted[kind] and not any(bool(members[j]) for j in shown.unclear)
            answers[kind] += 1
    assert answers["same"] > 30 and answers["other"] <= 1
    assert min(answers[kind] for kind in ("present", "any", "count", "span")) >= 3


def number_of(words: Words, ids: list[int] | None) -> int:
    """A number as tokens; 0 for none."""
    token = words.tokens[ids[0]] if ids else "0"
    return int(token) if token.isdigit() else NUMBERS.index(token) + 1


def test_doubtful_things_are_neither_there_nor_gone():
    shown = Shown.of([4, 5, -1, 6, 7, 8], [1.0, 0.65, 1.0, 0.5, 0.3, 0.0], 0.3, 0.65)
    assert (shown.sure, shown.unclear) == ([4, 5], {6})


def test_one_side_is_edited(bench: Bench):
    from baselines.training.judge.spoiled import _side

    source, base = torch.zeros(32, 32, 3, dtype=torch.uint8), torch.full((32, 32, 3), 9, dtype=torch.uint8)
    for seed in range(8):
        share = float(_side(source, base, random.Random(seed)).float().mean())
        assert 0.15 < share < 0.85


def test_balance_asks_some_kinds_more_often(words: Words):
    balance, dice = Balance({"absent": 3.0}), random.Random(0)
    asked = [(kind, {"x": [9]}, answer) for kind in ("absent", "kept") for answer in (True, False)] * 4
    wordings = Wordings(words, TAUGHT)
    put = [one.kind for _ in range(200) for one in balance.pick(asked, 4, wordings, dice, 0.0)]
    assert 2.2 < put.count("absent") / put.count("kept") < 4.0


def test_what_is_banned_in_the_place_of_a_thing_is_asked_about(words: Words):
    world, forms = World(words.kinds, 72, 9, pool=32), {"banned": (("{x}: {l}",), ())}
    asker, reasons = Asker(words, world.takes, forms, drop=0.0, shares={"banned": 1.0}), Counter()
    pairs = world.pairs(96, torch.Generator().manual_seed(0), Recipe(few=0.3))
    colon = words.ids[":"]
    for row, questions in enumerate(asker.ask(pairs, 6, random.Random(0))):
        was, now = ({j for j in side if j >= 0} for side in pairs.sprite[row].tolist())
        for one in questions:
            at = one.ids.index(colon)
            thing, banned = (
                set(words.members[ids].any(0).nonzero().flatten().tolist())
                for ids in (one.ids[1:at], one.ids[at + 1 : -1])
            )
            halves = {
                was for was, half in zip(pairs.sprite[row, 0].tolist(), pairs.half[row].tolist(), strict=True) if half
            }
            new = {
                j for j, came in zip(pairs.sprite[row, 1].tolist(), pairs.came[row].tolist(), strict=True) if came == 1
            }
            there, came = bool(thing & (now | halves)), bool(banned & new)
            assert one.answer == (not there and not came), [words.tokens[token] for token in one.ids]
            reasons[one.answer, there] += 1
    assert reasons[True, False] > 100 and min(reasons[False, True], reasons[False, False]) > 50


def test_a_model_to_begin_with_goes_with_stages_that_go_on(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["judge", "--stage", "joint", "--start", "somewhere"])
    with pytest.raises(SystemExit):
        main()
    assert "--start goes with --stage further, vision, eyes or all; found --stage joint" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["judge", "--stage", "further"])
    with pytest.raises(SystemExit):
        main()
    assert "name its folder with --start" in capsys.readouterr().err
