"""The learned planner: its words, its model, and its plans."""

import random
from dataclasses import replace

import pytest
import torch

pytest.importorskip("transformers")

from baselines.agents.learned import LearnedAgent
from baselines.planner import Planner
from baselines.planner.execution import execute
from baselines.planner.joining import joined, plan_apart, plan_seen_apart
from baselines.planner.marks import THRESHOLD, Marks, due_of
from baselines.planner.model import prompt, save
from baselines.training.planner.joining import Joiner
from baselines.training.planner.learn import Desk, plan_loss
from baselines.training.planner.lessons import Item, Lessons, draw
from baselines.training.planner.marking import in_order_of_picture, marked
from baselines.training.planner.mending import assembled, mended
from baselines.training.planner.plan import QUICK, Course
from baselines.training.planner.teacher import Teacher
from baselines.training.stage import Stage
from baselines.vision import Vision
from imgedit_gym.art.goals import load_goals
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.plan import VERBS, PlanStep
from imgedit_gym.core.registry import ORCHESTRATORS

PLAN = (
    PlanStep("recolor", "background", "green"),
    PlanStep("replace", "hamburger", "carrot"),
    PlanStep("rewrite", "headline", "GO VEGGIE"),
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(QUICK, tmp_path_factory.mktemp("planner"), 0, 0.2, Vision.load())


@pytest.fixture(scope="module")
def planner(desk):
    made = desk.planner()
    made.model.eval()
    return made


@pytest.fixture
def seen(started):
    """Pictures and requests."""
    engine = started(3, image_size=128)
    return engine.batch.images, [engine.tasks.instruction(engine.batch, row) for row in range(3)]


def test_any_request_can_be_read(desk, planner):
    tokenizer = planner.processor.tokenizer
    for goal in load_goals().goals:
        for text in goal.phrasings:
            tokens = tokenizer.tokenize(text)
            assert "<unk>" not in tokens
            if goal.seen and text.isascii():
                assert not any(token.startswith("##") for token in tokens)
    assert tokenizer.tokenize("Xylophones, please!") == [*"x", *(f"##{c}" for c in "ylophones"), ",", "please", "!"]


def test_names_are_one_token_and_begin_with_their_codes(desk, planner):
    words = desk.words
    table = words.embeddings()
    for name in ("four-leaf clover", "carrot", "GO VEGGIE", "fast food"):
        token = words.ids[name]
        assert planner.processor.tokenizer(name, add_special_tokens=False)["input_ids"] == [token]
        code = desk.vision.word(name)[:64]
        assert torch.nn.functional.cosine_similarity(table[token, :64], code, dim=0) > 0.99


def test_plans_are_written_as_their_text(planner):
    ids = planner.grammar.write(PLAN)
    text = "\n".join(step.text for step in PLAN)
    assert planner.processor.tokenizer(text, add_special_tokens=False)["input_ids"] == ids[:-1]
    assert planner.grammar.read(ids) == PLAN


def test_a_saved_planner_writes_the_same_plans(desk, planner, seen, tmp_path):
    save(planner.model, desk.vision, desk.words, desk.preset.layers, tmp_path, planner.own_marks)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < 20e6 and not list(tmp_path.glob("*.bin"))
    loaded = Planner.load(tmp_path)
    assert loaded.vision == desk.vision.digest
    assert torch.allclose(loaded.look(seen[0]), desk.vision.tokens(seen[0]), atol=0.02)
    assert loaded.plan(*seen) == planner.plan(*seen)


def test_transformers_reads_it_with_its_own_processor(desk, planner, seen, tmp_path):
    """The model of the hub's classes gives the logits that the planner uses."""
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from imgedit_gym.judges.vlm.mosaic import mosaic

    save(planner.model, desk.vision, desk.words, desk.preset.layers, tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(tmp_path)
    images, requests = seen
    content = [{"type": "image"}, {"type": "text", "text": requests[0]}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    laid = Image.fromarray(mosaic(images[:1], images[:1], desk.vision.edge)[0].numpy())
    inputs = processor(text=[text], images=[[laid]], return_tensors="pt")
    asked = planner.processor.tokenizer([requests[0]], add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        theirs = model(**inputs).logits[0, -1]
        own = model.model.language_model(
            **prompt(model, desk.words.ids, planner.look(images[:1]), asked)
        ).last_hidden_state
        ours = (own @ model.get_input_embeddings().weight.T)[0, -1]
    assert torch.allclose(theirs, ours, atol=1e-3)


def test_drawn_plans_depend_on_their_seeds_alone(planner, seen):
    images, requests = seen
    drawn = planner.plan(images, requests, 1.0, (4, 5, 6))
    assert planner.plan(images[1:2], requests[1:2], 1.0, (5,)) == drawn[1:2]
    assert planner.plan(images, requests, 1.0, (7, 8, 9)) != drawn
    assert all(1 <= len(plan) <= 8 for plan in drawn)


def test_padding_changes_nothing(desk, planner, seen):
    images, requests = seen
    tokens = planner.look(images)
    asked = planner.processor.tokenizer(requests, add_special_tokens=False)["input_ids"]
    plans = [planner.grammar.write(PLAN[:count]) for count in (1, 2, 3)]
    with torch.no_grad():
        apart = [
            plan_loss(planner, desk.words, tokens[i : i + 1], asked[i : i + 1], plans[i : i + 1])[0] for i in range(3)
        ]
        together, _ = plan_loss(planner, desk.words, tokens, asked, plans)
    lengths = torch.tensor([len(plan) for plan in plans])
    expected = (torch.stack(apart) * lengths).sum() / lengths.sum()
    assert float(together) == pytest.approx(float(expected), abs=1e-4)


def test_a_planner_learns_a_plan_by_heart(desk, seen):
    planner, words = desk.planner(), desk.words
    tokens = planner.look(seen[0])
    asked = planner.processor.tokenizer(seen[1], add_special_tokens=False)["input_ids"]
    shown = planner.own_marks.places.seen(tokens)
    things = [[name for name in named(planner, row) if name in planner.grammar.things] for row in shown]
    plans = [
        (PLAN[0], PlanStep("replace", things[0][0], "carrot"), PLAN[2]),
        (PlanStep("remove", things[1][0]), PlanStep("remove", things[1][1])),
        PLAN[2:],
    ]
    truth = marked(plans, shown, planner.own_marks.places)
    parts = [*planner.model.model.language_model.parameters(), *planner.own_marks.parameters()]
    optimizer = torch.optim.Adam(parts, 3e-3)
    for _ in range(50):
        loss, _ = plan_loss(planner, words, tokens, asked, [planner.grammar.write(plan) for plan in plans], truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert planner.plan(*seen) == plans
    for row, chances in enumerate(chances_of(planner, seen, tokens)):
        assert {name for name, chance in chances.items() if chance > 0.8} == {step.target for step in plans[row]} & set(
            things[row]
        )


def named(planner, row):
    """Names of what the places of a picture show, each once, in their order."""
    return list(dict.fromkeys(planner.own_marks.places.kinds[kind] for kind in row.tolist()))


def prompt_of(planner, seen, tokens):
    """What the language half reads of pictures and requests."""
    asked = planner.processor.tokenizer(seen[1], add_special_tokens=False)["input_ids"]
    return prompt(planner.model, planner.processor.tokenizer.get_vocab(), tokens, asked)


def chances_of(planner, seen, tokens):
    """How likely the things in pictures are to be edited."""
    return planner.own_marks.chances(planner.model, prompt_of(planner, seen, tokens), tokens)


# ------------------------------------------------------------------ marks


def test_marks_are_those_of_the_steps_that_concern_a_thing(desk, seen):
    places = desk.planner().own_marks.places
    tokens = desk.vision.tokens(seen[0])
    shown = places.seen(tokens)
    assert torch.equal(shown, desk.vision.seen(tokens))
    objects = [places.kinds[kind] for kind in shown[0].tolist() if places.types[kind] == 0]
    plan = (PLAN[0], PlanStep("replace", objects[0], "carrot"), PlanStep("remove", "no such thing"), PLAN[2])
    truth = marked([plan, (PlanStep("add", "picture", "carrot"),), PLAN[2:]], shown, places)
    kinds = [places.kinds[kind] for kind in shown[0].tolist()]
    for kind, name, verb in zip(shown[0].tolist(), kinds, truth.verbs[0].tolist(), strict=True):
        step = "replace" if name == objects[0] else {1: "recolor", 2: "rewrite"}.get(int(places.types[kind]), "")
        assert VERBS[verb] == step
    assert not bool(truth.verbs[1].any()) and {VERBS[verb] for verb in truth.verbs[2].tolist()} == {"", "rewrite"}


def test_steps_follow_the_picture(desk, seen):
    places = desk.planner().own_marks.places
    row = places.seen(desk.vision.tokens(seen[0]))[0].tolist()
    objects = list(dict.fromkeys(places.kinds[kind] for kind in row if places.types[kind] == 0))
    first, second = objects[0], objects[1]
    taking = (
        PlanStep("replace", second, "carrot"),
        PLAN[0],
        PlanStep("remove", "elsewhere"),
        PlanStep("remove", first),
    )
    found = in_order_of_picture(taking, row, places)
    assert found == (taking[3], PLAN[0], taking[0], taking[2])
    twice = (PlanStep("remove", second), PlanStep("remove", first), PlanStep("remove", second))
    assert in_order_of_picture(twice, row, places) == twice


def test_due_is_what_is_likely_or_what_chance_says():
    chances = {"carrot": 0.9, "car": THRESHOLD, "sun": 0.01, "dog": THRESHOLD + 0.01}
    assert due_of(chances) == ["carrot", "dog"]
    drawn = [due_of(chances, 1.0, seed) for seed in range(400)]
    assert drawn[:5] == [due_of(chances, 1.0, seed) for seed in range(5)]
    shares = {name: sum(name in one for one in drawn) / 400 for name in chances}
    assert shares["carrot"] > 0.85 and 0.4 < shares["car"] < 0.6 and shares["sun"] < 0.05


def test_marks_are_kept_beside_the_planner(desk, planner, seen, tmp_path):
    digest = desk.vision.digest
    planner.own_marks.save(tmp_path, digest)
    # marks of other weights do not stay behind
    save(planner.model, desk.vision, desk.words, desk.preset.layers, tmp_path)
    assert Planner.load(tmp_path).marks is None
    with pytest.raises(ImgEditError, match="expected one with marks"):
        _ = Planner.load(tmp_path).own_marks
    planner.own_marks.save(tmp_path, digest)
    loaded = Planner.load(tmp_path)
    tokens = planner.look(seen[0])
    inputs = prompt_of(planner, seen, tokens)
    ours, theirs = (one.own_marks.chances(planner.model, inputs, tokens) for one in (planner, loaded))
    for own, its in zip(ours, theirs, strict=True):
        assert own.keys() == its.keys() and all(abs(own[name] - its[name]) < 5e-3 for name in own)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"layer": 9}, "layer 9 of 3"),
        ({"head": float("nan")}, "not finite"),
        ({"vision": "0123"}, "marks for the encoder 0123"),
        ({"bytes": b"no marks"}, ""),
    ],
)
def test_other_marks_are_refused(desk, planner, tmp_path, wrong, told):
    save(planner.model, desk.vision, desk.words, desk.preset.layers, tmp_path)
    marks = Marks(planner.own_marks.places, 192, wrong.get("layer", 1))
    with torch.no_grad():
        marks.head.bias += wrong.get("head", 0.0)
    marks.save(tmp_path, wrong.get("vision", desk.vision.digest))
    if "bytes" in wrong:
        (tmp_path / "marks.safetensors").write_bytes(wrong["bytes"])
    with pytest.raises(DataFileError, match=f"expected a planner's marks; .*{told}"):
        Planner.load(tmp_path)


def test_plans_are_about_what_is_due_alone(planner, seen, monkeypatch):
    images, requests = seen
    tokens = planner.look(images)
    shown = [set(chances) & planner.grammar.things for chances in chances_of(planner, seen, tokens)]
    wanted = [set(sorted(things)[:count]) for things, count in zip(shown, (0, 1, 2), strict=True)]

    def chances(model, inputs, part):
        assert len(part) == 3
        return [{name: float(name in due) for name in things} for things, due in zip(shown, wanted, strict=True)]

    monkeypatch.setattr(planner.own_marks, "chances", chances)
    for plans in (planner.plan_seen(tokens, requests), planner.plan_seen(tokens, requests, 1.0, (1, 2, 3))):
        for plan, due in zip(plans, wanted, strict=True):
            assert {step.target for step in plan if step.verb != "add"} & planner.grammar.things == due


def test_marks_are_left_out_where_words_are_spelled(planner, seen, monkeypatch):
    images, requests = seen
    plain = replace(planner, marks=None)
    everything = [dict.fromkeys(chances, 1.0) for chances in chances_of(planner, seen, planner.look(images))]
    monkeypatch.setattr(planner.own_marks, "chances", lambda *given: everything)
    strange = [requests[0], "Xylophones, please!", requests[2]]
    assert planner.plan(images, strange)[1] == plain.plan(images, strange)[1]
    assert planner.plan(images, strange)[0] != plain.plan(images, strange)[0]


def test_drawn_plans_need_their_seeds(planner, seen):
    with pytest.raises(ImgEditError, match="expected a seed for each of 3 requests; found 1"):
        planner.plan(*seen, 1.0, (4,))


# ------------------------------------------------------------------ what is learnt from


def test_a_teacher_without_noise_gives_the_right_plan():
    teacher = Teacher(0.0, ["carrot"])
    assert teacher.plan(PLAN, ["hamburger", "car"], random.Random(0), 8) == PLAN


def test_a_teacher_errs_as_often_as_is_told():
    teacher, dice = Teacher(0.4, ["carrot", "tent"]), random.Random(0)
    plans = [teacher.plan(PLAN, ["hamburger", "car"], dice, 8) for _ in range(2000)]
    kept = sum(step in plan for plan in plans for step in (PLAN[0], PLAN[2])) / 4000
    wrong = sum(PlanStep("replace", "car", "carrot") in plan for plan in plans) / 2000
    assert kept == pytest.approx(0.8, abs=0.03)
    # by confusion, or as a superfluous step
    assert wrong == pytest.approx(0.8 * 0.2 + 0.4 / 16, abs=0.04)
    assert all(1 <= len(plan) <= 8 for plan in plans)
    with pytest.raises(ImgEditError):
        Teacher(1.5, [])


def test_lessons_are_the_same_for_a_seed_and_can_be_played(desk, make_engine):
    def collect(seed):
        chunks = draw(desk.vision.tokens, 10, seed)
        return Lessons.collect(
            chunks, lambda chunk: [Item(1, chunk.requests[1], chunk.tasks.oracle_plan(chunk.batch, 1))]
        )

    first, again, other = collect(3), collect(3), collect(4)
    assert torch.equal(first.tokens, again.tokens) and first.items == again.items
    assert first.items != other.items
    assert [item.row for item in first.items] == [0, 1, 2] and len(first.tokens) == 3  # one of each kind of tasks
    for chunk in draw(desk.vision.tokens, 10, 3):
        engine = make_engine(1, image_size=128, tasks=chunk.spec)
        engine.reset([0], chunk.seeds[:1])
        assert torch.equal(engine.batch.images[0], chunk.batch.images[0])


def test_plans_are_assembled_from_the_steps_that_help(desk, make_engine):
    (chunk,) = list(draw(desk.vision.tokens, 12, 3, mixture=((1.0, {"steps": (3, 4)}),)))
    assembled_any = 0
    for row in range(len(chunk.requests)):
        right = chunk.tasks.oracle_plan(chunk.batch, row)
        halves = [(*right[:1], PlanStep("remove", "unicorn"), *right[1:2]), right[2:], right[1:]]
        found = assembled(chunk, row, halves, 8)
        assembled_any += bool(found)
        if found:
            assert chunk.tasks.check_plan(chunk.batch, row, found).flawless
            assert PlanStep("remove", "unicorn") not in found
    assert assembled_any >= 9
    assert assembled(chunk, 0, [(PlanStep("remove", "unicorn"),)], 8) == ()
    assert mended(chunk, 0, (PlanStep("remove", "unicorn"),)) == ()


def test_lessons_are_kept_and_belong_to_their_settings(desk, tmp_path):
    chunks = draw(desk.vision.tokens, 10, 3)
    made = Lessons.collect(chunks, lambda chunk: [Item(1, chunk.requests[1], chunk.tasks.oracle_plan(chunk.batch, 1))])
    made.facts = {"kept": 0.5}
    made.save(tmp_path / "a.lessons.pt", "--seed 0")
    read = Lessons.load(tmp_path / "a.lessons.pt", "--seed 0")
    assert read.items == made.items and torch.equal(read.tokens, made.tokens) and read.facts == made.facts
    both = Lessons.joined([read, made])
    assert [item.row for item in both.items] == [0, 1, 2, 3, 4, 5] and torch.equal(both.tokens[3:], made.tokens)
    with pytest.raises(ImgEditError, match="expected a run with --seed 1; found one with --seed 0"):
        Lessons.load(tmp_path / "a.lessons.pt", "--seed 1")


def test_a_training_of_other_settings_is_refused(desk, tmp_path):
    course = Course(2, 4)
    first = Stage(tmp_path, course, "x", {"net": torch.nn.Linear(2, 2)}, lambda _: True, "--noise 0.2")
    first.save()
    assert Stage(tmp_path, course, "x", {"net": torch.nn.Linear(2, 2)}, lambda _: True, "--noise 0.2").step == 0
    with pytest.raises(ImgEditError, match=r"--noise 0\.3; found one with --noise 0\.2"):
        Stage(tmp_path, course, "x", {"net": torch.nn.Linear(2, 2)}, lambda _: True, "--noise 0.3")


def test_what_could_not_be_judged_is_marked():
    from tests.judges.test_combinations import Fixed

    plans = [None, None]
    judged = execute([0, 1], plans, ORCHESTRATORS.build("oracle"), {"split": "train"})
    assert all(one.valid and one.before < 0.2 < one.score for one in judged)
    failed = execute([0, 1], plans, ORCHESTRATORS.build({"id": "oracle", "width": 1}), {"judge": Fixed(fails=(0,))})
    assert not failed[0].valid


# ------------------------------------------------------------------ agents


def test_missing_weights_are_told_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(ImgEditError, match=r"python -m baselines\.training\.planner"):
        LearnedAgent(planner=tmp_path)


def test_broken_settings_are_told(tmp_path):
    (tmp_path / "planner.json").write_text('{"edge": "wide"}')
    with pytest.raises(ImgEditError, match=r"planner\.json: expected edge and vision"):
        Planner.load(tmp_path)


def test_two_plans_are_joined_in_an_order_that_spoils_nothing():
    first = (
        PlanStep("set", "background", "beach"),
        PlanStep("replace", "hamburger", "carrot"),
        PlanStep("rewrite", "headline", "GO VEGGIE"),
    )
    second = (
        PlanStep("recolor", "background", "red"),
        PlanStep("recolor", "car", "red"),
        PlanStep("remove", "hamburger"),
        PlanStep("remove", "sun"),
        PlanStep("add", "picture", "carrot"),
        PlanStep("add", "picture", "tent"),
        PlanStep("rewrite", "headline", "BE MINE"),
        PlanStep("adjust", "picture", "soft"),
    )
    assert joined(first, second) == (second[1], first[0], first[1], second[3], second[5], first[2], second[7])
    # who is content with the headline keeps it
    assert joined(first[:2], second)[-1] == second[7] and first[2] not in joined(first, second[:5])


def test_two_requests_are_planned_for_one_after_the_other(planner, seen):
    images, requests = seen
    asked = [requests[0], " Also: ".join(requests[1:]), requests[2]]
    alone = planner.plan(images[[0, 1, 1, 2]], [requests[0], *requests[1:], requests[2]])
    steps = planner.grammar.max_steps
    assert plan_apart(planner, images, asked) == [alone[0], joined(alone[1], alone[2])[:steps], alone[3]]
    assert plan_seen_apart(planner, planner.look(images), asked) == plan_apart(planner, images, asked)


def test_joined_requests_are_no_test_pairs(desk, planner):
    book = load_goals()
    pairs = {frozenset(pair) for pair in book.compatible_pairs()}
    of_text = {text: index for index, goal in enumerate(book.goals) for text in goal.phrasings}
    joiner = Joiner(planner, book, 0)
    count = 0
    for chunk in draw(desk.vision.tokens, 20, 5):
        items = [Item(row, text, PLAN[:1]) for row, text in enumerate(chunk.requests)]
        for item in joiner.join(chunk, items):
            goals = [of_text[text] for text in item.request.split(" Also: ")]
            assert len(goals) == 2 and int(chunk.batch.goals[item.row, 0]) in goals
            assert frozenset(goals) not in pairs
            count += 1
    assert count > 5
