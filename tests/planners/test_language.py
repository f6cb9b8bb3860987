"""Plans from language models that are told what is in the picture: one at hand, and one behind a server."""

import json
import os

import pytest
import torch

from baselines.agents.language import LanguageAgent
from imgedit_gym.core.errors import DataFileError, ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.orchestrators.agent import AgentContext
from imgedit_gym.planners import language
from imgedit_gym.planners.examples import EXAMPLES, LABELS, load_examples
from imgedit_gym.planners.language import JSON_FORM, LanguagePlanner, describe, rules_of
from imgedit_gym.planners.rules import look
from tests.judges.server import serving

PLAN = ["set the background to beach", "remove the car", "rewrite the headline as BIG SALE"]
STEPS = (
    PlanStep("set", "background", "beach"),
    PlanStep("remove", "car"),
    PlanStep("rewrite", "headline", "BIG SALE"),
)


def said(text):
    """What a server without eyes answers."""
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return lambda body: {"choices": [choice], "usage": {"total_tokens": 10}}


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture
def planner(server, make_source):
    made = LanguagePlanner(make_source(), "small", server.url, timeout=20.0, retries=2)
    yield made
    made.close()


def plans_of(planner, n=1):
    source = planner._tasks
    batch = source.allocate(n)
    source.sample(batch, torch.arange(n), torch.arange(n))
    return planner.plan(batch, torch.arange(n)), [source.instruction(batch, row) for row in range(n)], batch


def test_a_server_is_told_the_picture_and_asked_under_a_schema(server, planner):
    server.always = said(json.dumps({"plan": PLAN}))
    plans, requests, batch = plans_of(planner, 2)
    assert plans == [STEPS, STEPS] and not planner.notes
    scenes = look(batch.images, planner._tasks.stock)
    for body in server.requests:
        text = body["messages"][-1]["content"]
        (row,) = [row for row, request in enumerate(requests) if request in text]
        assert all(found.name in text for found in scenes[row].detections) and scenes[row].background in text
        form = body["response_format"]["json_schema"]
        assert form["strict"] and form["schema"]["properties"]["plan"]["maxItems"] == 8
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "bad",
    [
        "I cannot help with that.",
        json.dumps({"plan": []}),
        json.dumps({"plan": ["make it nicer"]}),
        json.dumps({"plan": [7]}),
        json.dumps({"steps": PLAN}),
        json.dumps({"plan": ["remove the car"] * 9}),
    ],
)
def test_a_bad_reply_is_asked_for_once_more(server, planner, bad):
    server.script = [said(bad), said(json.dumps({"plan": PLAN}))]
    plans, _, _ = plans_of(planner)
    assert plans == [STEPS] and len(server.requests) == 2 and not planner.notes


def test_two_bad_replies_leave_the_request_as_the_only_step(server, planner):
    server.script = [said("no"), said("no"), said(json.dumps({"plan": PLAN}))]
    plans, requests, batch = plans_of(planner)
    assert plans == [(PlanStep("edit", "picture", requests[0]),)]
    assert "JSON" in planner.notes[0] and len(server.requests) == 2
    assert planner.plan(batch, torch.arange(1)) == [STEPS] and not planner.notes


def test_a_model_at_hand_writes_under_the_grammar(tmp_path, make_source):
    pytest.importorskip("transformers")
    from tests.planners.tokenizers import syllables, tiny_model

    tokenizer = syllables()
    tokenizer.save_pretrained(tmp_path)
    tiny_model(tokenizer).save_pretrained(tmp_path)
    planner = LanguagePlanner(make_source(max_plan_steps=2), str(tmp_path))
    plans, _, _ = plans_of(planner, 2)
    assert all(1 <= len(plan) <= 2 and all(step.verb != "edit" for step in plan) for plan in plans)
    again, _, _ = plans_of(planner, 2)
    assert again == plans and planner.deterministic


def test_a_drawn_plan_does_not_hang_on_the_batch(tmp_path, make_source):
    pytest.importorskip("transformers")
    from tests.planners.tokenizers import syllables, tiny_model

    tokenizer = syllables()
    tokenizer.save_pretrained(tmp_path)
    tiny_model(tokenizer).save_pretrained(tmp_path)
    planner = LanguagePlanner(make_source(max_plan_steps=2), str(tmp_path), temperature=1.0)
    source = planner._tasks
    batch = source.allocate(4)
    source.sample(batch, torch.arange(4), torch.arange(4))
    together = planner.plan(batch, torch.arange(4))
    assert planner.plan(batch, torch.tensor([2, 0])) == [together[2], together[0]]
    assert len(set(together)) > 1


def test_a_server_gets_the_seed_of_the_task(server, planner):
    server.always = said(json.dumps({"plan": PLAN}))
    plans_of(planner, 2)
    first = {body["messages"][-1]["content"]: body["seed"] for body in server.requests}
    assert len(set(first.values())) == 2
    source = planner._tasks
    batch = source.allocate(2)
    source.sample(batch, torch.arange(2), torch.arange(2))
    planner.plan(batch, torch.tensor([1]))
    body = server.requests[-1]
    assert body["seed"] == first[body["messages"][-1]["content"]]


def test_what_is_told_names_everything_that_may_be_used(started):
    engine = started(1)
    stock = engine.tasks.stock
    (scene,) = look(engine.batch.images, stock)
    assert "Make it festive." in describe(scene, "Make it festive.")
    text = rules_of(stock, 5)
    assert "1 to 5 edits" in text
    assert all(item.name in text for item in stock.catalogue.objects)


def test_worked_examples_come_first(server, make_source):
    server.always = said(json.dumps({"plan": PLAN}))
    for count in (0, 1, 2):
        planner = LanguagePlanner(make_source(), "small", server.url, examples=count)
        _, (request,), _ = plans_of(planner)
        planner.close()
        messages = server.requests[-1]["messages"]
        assert [one["role"] for one in messages] == ["system"] + ["user", "assistant"] * count + ["user"]
        asked = [one["content"] for one in messages if one["role"] == "user"]
        assert "Write a plan of" in asked[0] and not any("Write a plan of" in text for text in asked[1:])
        assert request in asked[-1] and all(text.endswith(JSON_FORM) for text in asked)
        answers = [json.loads(one["content"]) for one in messages if one["role"] == "assistant"]
        assert answers == [{"plan": [step.text for step in one.plan]} for one in load_examples()[:count]]


def test_examples_that_are_longer_than_a_plan_may_be_are_left_out(server, make_source):
    server.always = said(json.dumps({"plan": PLAN[:1]}))
    for longest, count in ((1, 0), (2, 1), (3, 2)):
        planner = LanguagePlanner(make_source(max_plan_steps=longest), "small", server.url)
        plans_of(planner)
        planner.close()
        assert [one["role"] for one in server.requests[-1]["messages"]].count("assistant") == count


def test_worked_examples_are_oracle_plans_of_train_tasks(started):
    engine = started(24, split="train", image_size=128, planner="oracle")
    for row, example in zip((12, 23), load_examples(), strict=True):
        (scene,) = look(engine.batch.images[row : row + 1], engine.tasks.stock)
        assert example.things == ", ".join(found.name for found in scene.detections)
        assert (example.background, example.headline) == (f"{scene.background}, {scene.color}", scene.headline)
        assert example.request == engine.tasks.instruction(engine.batch, row)
        assert example.plan == engine.plan(row)


@pytest.mark.parametrize("label", [*LABELS, "replace", "adjust"])
def test_examples_that_are_not_in_their_form_are_told(tmp_path, label):
    path = tmp_path / "examples.txt"
    lines = [line for line in EXAMPLES.read_text(encoding="utf-8").splitlines() if not line.startswith(label)]
    path.write_text("\n".join([*lines, "improve it"]), encoding="utf-8")
    with pytest.raises(DataFileError, match="improve it" if label in ("replace", "adjust") else f"'{label}: ...'"):
        load_examples(path)
    with pytest.raises(DataFileError, match="expected a file"):
        load_examples(tmp_path / "nowhere.txt")


def test_a_model_without_a_template_is_prompted_the_same_way_each_time(tmp_path, make_source, monkeypatch):
    pytest.importorskip("transformers")
    from tests.planners.tokenizers import syllables, tiny_model

    tokenizer = syllables()
    tokenizer.save_pretrained(tmp_path)
    tiny_model(tokenizer).save_pretrained(tmp_path)
    planner, told = LanguagePlanner(make_source(), str(tmp_path)), []
    plain = language._prompt
    monkeypatch.setattr(language, "_prompt", lambda *arguments: told.append(plain(*arguments)) or told[-1])
    plans_of(planner)
    (text,) = told
    assert "\n\n" not in text
    parts = text.split("Plan:\n")
    assert len(parts) == 4 and parts[-1] == "" and text.startswith(language.SYSTEM)
    assert [part.count("Request: ") for part in parts] == [1, 1, 1, 0]
    assert parts[1].startswith("\n".join(step.text for step in load_examples()[0].plan) + "\n")


def test_the_agent_tells_a_server_that_does_not_answer_from_a_reply_that_is_no_plan(server, started, request):
    engine = started(1)
    images = engine.batch.images.numpy()
    agent = LanguageAgent("small", server.url, timeout=5.0, retries=0)
    request.addfinalizer(agent.close)
    agent.begin(AgentContext.of(engine, 0))
    server.always = said(json.dumps({"plan": PLAN}))
    assert agent.plan(images, ["Make it festive."]) == [STEPS]
    server.always = said("no")
    assert agent.plan(images, ["Make it festive."]) == [(PlanStep("edit", "picture", "Make it festive."),)]
    server.always = 500
    with pytest.raises(ImgEditError, match="Make it festive"):
        agent.plan(images, ["Make it festive."])


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": ""},
        {"model": "m", "temperature": -1.0},
        {"model": "m", "retries": 3},
        *({"model": "m", "base_url": "http://localhost:1/v1", "examples": count} for count in (3, -1, True, "2")),
    ],
)
def test_wrong_arguments_are_told(make_source, arguments):
    with pytest.raises(ImgEditError):
        LanguagePlanner(make_source(), **arguments)


def test_a_missing_model_is_told(make_source, tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(ImgEditError, match="language model"):
        LanguagePlanner(make_source(), str(tmp_path))


@pytest.mark.slow
@pytest.mark.network
def test_a_real_language_model_plans(make_source):
    """IMGEDIT_LANGUAGE_MODEL names a folder or hub id, such as HuggingFaceTB/SmolLM2-135M-Instruct."""
    model = os.environ.get("IMGEDIT_LANGUAGE_MODEL")
    if not model:
        pytest.skip("IMGEDIT_LANGUAGE_MODEL names no model")
    planner = LanguagePlanner(make_source(), model)
    plans, _, _ = plans_of(planner, 4)
    assert all(step.verb != "edit" for plan in plans for step in plan)
    assert plans_of(planner, 4)[0] == plans
