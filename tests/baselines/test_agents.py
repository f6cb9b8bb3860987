"""Tests of the baseline agents."""

import inspect

import numpy as np
import pytest
import torch

from baselines.agents import AGENTS
from baselines.agents.base import Agent, AgentContext
from baselines.agents.search import SearchAgent, distinct_regions
from baselines.agents.tables import table_tool
from baselines.rollout import run_episodes, with_tools
from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.names import TONES
from imgedit_gym.core.plan import VERBS, PlanStep
from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.core.registry import PIXEL_TOOLS
from imgedit_gym.engine import Engine
from imgedit_gym.orchestrators.agent import instructions, look
from imgedit_gym.regions.segments import SegmentRegions
from imgedit_gym.tasks.adverts.source import Adverts

ARGUMENTS = {"tasks": "adverts", "judge": "checklist", "image_size": 64, "split": "test", "device": "cpu"}
SEEDS = [3, 4, 5, 6]
SEARCHING = ("oracle", "search")
BROUGHT = {"single-step-diffusion": ("single_step_editor",)}
COMPETITORS = [name for name in AGENTS.ids() if name not in SEARCHING]


@pytest.fixture(scope="module")
def played():
    """Four episodes of each agent, run once."""
    runs = {}

    def get(name):
        if name not in runs:
            runs[name] = run_episodes(name, AGENTS.build(name), SEEDS, ARGUMENTS, pictured=2)
        return runs[name]

    return get


def story(episode) -> dict:
    told = {key: value for key, value in vars(episode).items() if key not in ("seconds", "frames")}
    return told | {"frames": [frame.tobytes() for frame in episode.frames]}


@pytest.mark.parametrize("name", AGENTS.ids())
def test_every_agent_plays(played, name):
    episodes = played(name)
    assert [episode.seed for episode in episodes] == SEEDS
    for row, episode in enumerate(episodes):
        assert episode.agent == name
        assert episode.plan_given != (name == "oracle")
        assert 1 <= len(episode.plan) == len(episode.steps) <= 8
        assert [step.text for step in episode.steps] == list(episode.plan)
        assert episode.task_id.startswith("adverts/test/") and episode.instruction
        for step in episode.steps:
            assert step.tool in (*PIXEL_TOOLS, *BROUGHT.get(name, ())) and 0 <= step.region < N_REGIONS
            assert np.isfinite(step.reward)
        assert episode.tool_calls == sum(step.tool != "skip" for step in episode.steps)
        edits = sum(step.tool != "skip" and not step.problem for step in episode.steps)
        assert episode.judge_calls == edits or (name in SEARCHING and episode.judge_calls > edits)
        for share in (episode.score, episode.execution, episode.preservation, episode.quality):
            assert 0.0 <= share <= 1.0
        assert episode.score == pytest.approx(
            episode.execution * (0.6 + 0.4 * episode.preservation) * (0.8 + 0.2 * episode.quality), abs=1e-5
        )
        assert sum(step.reward for step in episode.steps) == pytest.approx(episode.score, abs=0.02)
        assert episode.valid and episode.seconds > 0
        assert episode.requirements and all(text and 0 <= value <= 1 for text, value in episode.requirements)
        assert len(episode.frames) == (len(episode.steps) + 1 if row < 2 else 0)


@pytest.mark.parametrize("name", AGENTS.ids())
def test_the_same_seeds_tell_the_same_story(played, name):
    again = run_episodes(name, AGENTS.build(name), SEEDS, ARGUMENTS, pictured=2)
    assert [story(episode) for episode in again] == [story(episode) for episode in played(name)]


@pytest.mark.parametrize("name", [name for name in AGENTS.ids() if name != "random"])
def test_episodes_do_not_depend_on_their_company(played, name):
    alone = run_episodes(name, AGENTS.build(name), [SEEDS[2]], ARGUMENTS)[0]
    together = played(name)[2]
    assert (story(alone) | {"frames": []}) == (story(together) | {"frames": []})


def test_agents_play_the_same_tasks(played):
    tasks = [[episode.task_id for episode in played(name)] for name in AGENTS.ids()]
    assert all(ids == tasks[0] for ids in tasks)


def test_the_order_of_the_agents():
    seeds = list(range(40, 56))
    means = {
        name: np.mean([episode.score for episode in run_episodes(name, AGENTS.build(name), seeds, ARGUMENTS)])
        for name in AGENTS.ids()
    }
    assert means["no-op"] < 0.05
    assert means["oracle"] > 0.5
    assert means["oracle"] > means["rule-based"] > means["single-step"] > means["random"]
    assert means["text-overlay"] < 0.2


def test_doing_nothing_changes_nothing(played):
    for episode in played("no-op"):
        assert episode.tool_calls == 0 and not episode.success
        assert all(np.array_equal(frame, episode.frames[0]) for frame in episode.frames)


def test_one_step_is_one_step(played):
    assert all(len(episode.plan) == 1 for episode in played("single-step"))


# ------------------------------------------------------------------ what competitors may know


@pytest.mark.parametrize("name", COMPETITORS)
def test_competitors_get_pictures_and_words_only(name):
    """A run in which everything given is recorded: arrays, texts and public plans, never the engine or the task."""
    given = []

    class Watched(AGENTS.factory(name)):
        def begin(self, context):
            assert type(context) is AgentContext
            super().begin(context)

        def plan(self, images, instructions):
            given.append((images, instructions))
            return super().plan(images, instructions)

        def act(self, observations, infos):
            given.append((observations, infos))
            return super().act(observations, infos)

        def attach(self, engine):
            raise AssertionError("a competitor is never handed the engine")

    run_episodes(name, Watched(), SEEDS[:2], ARGUMENTS)
    images, instructions = given[0]
    assert images.dtype == np.uint8 and images.shape == (2, 64, 64, 3)
    assert all(type(text) is str for text in instructions)
    assert len(given) >= 2
    for observations, infos in given[1:]:
        assert {key: type(value) for key, value in observations.items()} == dict.fromkeys(
            ("image", "plan_step", "progress"), np.ndarray
        )
        assert set(infos) == {"instruction", "plan", "plan_step", "plan_index", "tool_mask", "active"}
        assert infos["instruction"] == list(instructions)


@pytest.mark.parametrize("name", COMPETITORS)
def test_signatures(name):
    factory = AGENTS.factory(name)
    assert issubclass(factory, Agent) and not factory.privileged and not factory.simulator and not factory.given
    assert list(inspect.signature(factory.plan).parameters) == ["self", "images", "instructions"]
    assert list(inspect.signature(factory.act).parameters) == ["self", "observations", "infos"]
    assert not hasattr(factory, "attach")


@pytest.mark.parametrize("name", COMPETITORS)
def test_competitors_cannot_reach_back_into_the_engine(name):
    """What an agent scribbles on its observations does not touch the episode."""

    class Scribbler(AGENTS.factory(name)):
        def plan(self, images, instructions):
            plans = super().plan(images.copy(), instructions)
            images[:] = 0
            return plans

        def act(self, observations, infos):
            copies = {key: value.copy() for key, value in observations.items()}
            actions = super().act(copies, infos)
            for value in observations.values():
                value[:] = 0
            return actions

    scribbled = run_episodes(name, Scribbler(), SEEDS, ARGUMENTS)
    plain = run_episodes(name, AGENTS.build(name), SEEDS, ARGUMENTS)
    assert [story(episode) for episode in scribbled] == [story(episode) for episode in plain]


def test_who_is_given_more():
    factories = {name: AGENTS.factory(name) for name in AGENTS.ids()}
    assert [name for name, factory in factories.items() if factory.privileged] == ["oracle"]
    assert [name for name, factory in factories.items() if factory.simulator] == ["search"]
    assert tuple(name for name, factory in factories.items() if factory.given) == SEARCHING


# ------------------------------------------------------------------ search


def test_the_search_keeps_within_its_budget():
    seeds = list(range(40, 46))
    rules = run_episodes("rule-based", AGENTS.build("rule-based"), seeds, ARGUMENTS)
    scores = []
    for budget in (1, 30, 200):
        episodes = run_episodes("search", SearchAgent(budget), seeds, ARGUMENTS)
        # what is carried out in the end is judged as well
        assert all(episode.judge_calls <= budget + len(episode.steps) for episode in episodes)
        assert [episode.plan for episode in episodes] == [episode.plan for episode in rules]
        scores.append(np.mean([episode.score for episode in episodes]))
    assert scores[0] <= scores[1] <= scores[2] and scores[2] > scores[0]
    assert scores[2] > np.mean([episode.score for episode in rules])


def test_the_search_does_not_ask_the_task(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the search asked for an answer")

    for name in ("oracle_plan", "check_plan", "label_name", "requirements"):
        monkeypatch.setattr(Adverts, name, refuse)
    monkeypatch.setattr(SegmentRegions, "find", refuse)
    engine = Engine(2, **ARGUMENTS, planner="agent")
    engine.reset(range(2), SEEDS[:2])
    agent = SearchAgent(40)
    agent.begin(AgentContext.of(engine, 0))
    agent.attach(engine)
    engine.set_plans(range(2), agent.plan(engine.batch.images.numpy().copy(), instructions(engine)))
    observations, infos = look(engine, np.ones(2, dtype=bool))
    assert agent.act(observations, infos).shape == (2, 2)


def test_regions_of_equal_masks_are_tried_once():
    engine = Engine(1, **ARGUMENTS)
    engine.reset([0], [SEEDS[0]])
    first, cells = distinct_regions(engine, 0)
    labels = engine.batch.segments[0].unique().tolist()
    assert first[0] == 0 and 2 < len(first) <= 1 + len(labels)
    masks = engine.regions.regions(torch.zeros(len(first), dtype=torch.int64), torch.tensor(first)).masks
    assert len(torch.unique(masks.flatten(1), dim=0)) == len(first)
    middles = [engine.batch.segments[0, (cell - 1) // 8 * 8 + 4, (cell - 1) % 8 * 8 + 4] for cell in cells]
    assert len(cells) > 10 and float((torch.stack(middles[:5]) == 0).float().mean()) == 1.0


@pytest.mark.parametrize("arguments", [{"budget": 0}, {"width": 1.5}, {"budget": True}])
def test_the_searchs_arguments_are_checked(arguments):
    with pytest.raises(ImgEditError, match="must be a whole number of at least 1"):
        SearchAgent(**arguments)


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize("verb", VERBS)
def test_the_table_knows_every_verb(verb):
    for value in (*TONES, "carrot", ""):
        assert table_tool(PlanStep(verb, "picture", value)) in PIXEL_TOOLS
    if verb not in ("", "edit", "adjust"):
        assert table_tool(PlanStep(verb, "car", "green")) != "skip"
    if verb == "adjust":
        assert all(table_tool(PlanStep(verb, "picture", tone)) != "skip" for tone in TONES)


def test_context_names_tools():
    context = AgentContext(PIXEL_TOOLS, N_REGIONS, 8, 64, None, 0)
    assert context.tool("skip") == 0
    assert PIXEL_TOOLS[context.tool("paste")] == "paste"
    assert context.tool("no such tool") == 0


# ------------------------------------------------------------------ agents that bring tools along


def test_tools_that_are_brought_along_come_last():
    agent = AGENTS.build("single-step-diffusion")
    for given, expected in ((None, ["pixel"]), ("pixel", ["pixel"]), (["skip", "exposure"], ["skip", "exposure"])):
        arguments = {} if given is None else {"tools": given}
        found = with_tools(arguments, agent)["tools"]
        assert found[:-1] == expected and found[-1]["name"] == "single_step_editor"
    assert with_tools({"tools": "pixel"}, AGENTS.build("no-op")) == {"tools": "pixel"}


def test_the_editor_is_needed_and_used_once(played, tmp_path):
    agent = AGENTS.build("single-step-diffusion")
    with pytest.raises(ImgEditError, match="single_step_editor"):
        agent.begin(AgentContext.of(Engine(1, image_size=64), 0))
    with pytest.raises(ImgEditError, match=r"baselines\.training\.single_step"):
        type(agent)(model=tmp_path)
    for episode in played("single-step-diffusion"):
        assert [(step.tool, step.region, step.problem) for step in episode.steps] == [("single_step_editor", 0, "")]
        assert episode.plan == (episode.instruction,)


def test_suites_are_for_agents_that_make_do_with_their_tools(tmp_path):
    from benchmarks.evaluate import evaluate

    with pytest.raises(ImgEditError, match="brings its own"):
        evaluate(None, "single-step-diffusion", tmp_path)  # type: ignore[arg-type]
