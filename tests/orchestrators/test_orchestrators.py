"""Orchestrators carry out any plan, for all environments at once."""

import numpy as np
import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import parse_plan
from imgedit_gym.core.registry import ORCHESTRATORS, PIXEL_TOOLS
from imgedit_gym.engine import oracle_regions
from imgedit_gym.orchestrators.agent import AgentContext, AgentOrchestrator
from imgedit_gym.orchestrators.base import carry_out
from imgedit_gym.orchestrators.oracle import CANDIDATES, OracleOrchestrator, plan_regions
from imgedit_gym.tools.base import Tool

N = 4


@pytest.fixture
def engine(started):
    """Engines that wait for plans, each with its task's own plan given."""
    engine = started(N, planner="agent", split="test")
    engine.set_plans(range(N), [engine.tasks.oracle_plan(engine.batch, row) for row in range(N)])
    return engine


def rows_of(engine):
    return torch.arange(engine.num_envs)


class Fixed:
    """Always the same action; keeps what it is given."""

    def __init__(self, tool=0, region=0):
        self.action, self.seen = (tool, region), []

    def begin(self, context):
        self.seen.append(context)

    def act(self, observations, infos):
        self.seen.append((observations, infos))
        return np.tile(self.action, (len(observations["image"]), 1))


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("make", [OracleOrchestrator, lambda: AgentOrchestrator(Fixed())], ids=["oracle", "agent"])
def test_plans_are_carried_out_to_their_ends(engine, make):
    orchestrator = make()
    assert isinstance(orchestrator.version, str)
    assert {type(orchestrator.deterministic), type(orchestrator.privileged)} == {bool}
    carry_out(engine, orchestrator, torch.tensor([0, 2]))
    assert (engine.step_index == engine.plan_length)[[0, 2]].all()
    assert (engine.step_index[[1, 3]] == 0).all()
    assert torch.equal(engine.canvas[1], engine.batch.images[1])


def test_they_are_built_by_name(engine):
    assert set(ORCHESTRATORS.ids()) >= {"oracle", "agent"}
    assert ORCHESTRATORS.build({"id": "oracle", "width": 2}).id == "oracle"
    with pytest.raises(ImgEditError, match="unknown orchestrator"):
        ORCHESTRATORS.build("oracel")


def test_actions_out_of_range_are_errors(engine):
    with pytest.raises(ImgEditError, match="expected a tool below"):
        carry_out(engine, AgentOrchestrator(Fixed(tool=999)), rows_of(engine))


# ------------------------------------------------------------------ the oracle


def test_the_oracle_makes_much_of_the_tasks_own_plan(engine):
    before = engine.score.clone()
    carry_out(engine, OracleOrchestrator(), rows_of(engine))
    assert (engine.verdict.execution > 0.9).all() and (engine.score > before + 0.5).all()


def test_its_regions_of_the_tasks_own_plan_are_those_of_the_task(engine):
    for row in range(N):
        report = engine.tasks.check_plan(engine.batch, row, engine.plan(row))
        assert plan_regions(engine, row, report) == oracle_regions(engine, row)


def test_it_carries_out_other_plans_at_what_they_name(engine):
    batch = engine.batch
    names = [engine.tasks.label_name(batch, 0, label) for label in range(1, 13)]
    label, name = next((at, name) for at, name in enumerate(names, 1) if name not in ("", "badge"))
    engine.set_plans(
        [0], [parse_plan(f"replace the {name} with the slice of pizza\nremove the unicorn\nadd the globe", 8)]
    )
    carry_out(engine, OracleOrchestrator(), torch.tensor([0]))
    (tool, region, *_), missing, *_ = engine.history(0)
    assert engine.tool_ids[tool] in CANDIDATES["replace"]
    assert region == engine.regions.find(0, label)
    assert missing[:2] == (0, 0)


def test_it_carries_out_what_does_harm(engine):
    row = 1
    keep = engine.batch.keep[row].nonzero().flatten().tolist()
    label = next(label for label in keep if 0 < label < 13)
    name = engine.tasks.label_name(engine.batch, row, label)
    engine.set_plans([row], [f"remove the {name}"])
    carry_out(engine, OracleOrchestrator(), torch.tensor([row]))
    assert engine.history(row)[0][0] > 0
    assert float(engine.verdict.preserved[row, label]) < 0.5


def test_it_does_not_depend_on_company(started):
    finals = []
    for rows in ([0, 1, 2, 3], [2]):
        engine = started(N, planner="agent", split="test-compose")
        engine.set_plans(range(N), [engine.tasks.oracle_plan(engine.batch, row) for row in range(N)])
        carry_out(engine, OracleOrchestrator(), torch.tensor(rows))
        finals.append((engine.canvas[2].clone(), engine.history(2)))
    assert torch.equal(finals[0][0], finals[1][0]) and finals[0][1] == finals[1][1]


def test_a_wider_search_is_no_worse(started):
    scores = []
    for width in (1, 8):
        engine = started(12, planner="agent", split="test-overlap")
        engine.set_plans(range(12), [engine.tasks.oracle_plan(engine.batch, row) for row in range(12)])
        carry_out(engine, OracleOrchestrator(width), rows_of(engine))
        scores.append(float(engine.score.mean()))
    assert scores[1] >= scores[0]


def test_free_text_is_left_to_tools_that_are_not_known(started):
    class Invert(Tool):
        id = "invert"

        def apply(self, images, regions, steps):
            return 255 - images

    engine = started(1, planner="agent", tools=["skip", "fill_flat", {"id": "tint"}])
    engine.tools.append(Invert(engine.tasks.stock, engine.vocabulary))
    engine._limits = torch.tensor(engine.nvec)
    engine.set_plan(0, "make it look upside down")
    carry_out(engine, OracleOrchestrator(), rows_of(engine))
    assert engine.history(0)[0][:2] == (3, 0)


@pytest.mark.parametrize("width", [0, -1, 1.5, True, "8"])
def test_the_width_is_checked(width):
    with pytest.raises(ImgEditError, match="width must be a whole number"):
        OracleOrchestrator(width)


# ------------------------------------------------------------------ agents


def test_an_agent_sees_public_things_only(engine):
    agent = Fixed()
    carry_out(engine, AgentOrchestrator(agent, seed=7), torch.tensor([1, 3]))
    context, (observations, infos), *_ = agent.seen
    assert isinstance(context, AgentContext) and context.seed == 7 and context.tool_ids == PIXEL_TOOLS
    assert set(observations) == {"image", "plan_step", "progress"}
    assert observations["image"].shape == (N, 64, 64, 3)
    assert infos["active"].tolist() == [False, True, False, True]
    assert infos["plan"][1] == engine.plan(1)


def test_a_rule_based_agent_by_name(engine):
    orchestrator = ORCHESTRATORS.build({"id": "agent", "agent": "baselines.agents.rule_based:RuleBasedAgent"})
    assert not orchestrator.privileged
    before = engine.score.clone()
    carry_out(engine, orchestrator, rows_of(engine))
    assert float((engine.score - before).mean()) > 0.2


@pytest.mark.parametrize("agent", ["nowhere:Agent", "baselines.agents.no_op:Missing", "no_colon", object(), 3])
def test_what_does_not_act_is_an_error(agent):
    with pytest.raises(ImgEditError, match="agent: expected"):
        AgentOrchestrator(agent)


def test_actions_of_another_shape_are_errors(engine):
    agent = Fixed()
    agent.act = lambda observations, infos: np.zeros(2)
    with pytest.raises(ImgEditError, match=r"expected actions of the shape \(4, 2\)"):
        carry_out(engine, AgentOrchestrator(agent), rows_of(engine))


# ------------------------------------------------------------------ what could not be judged


def test_the_oracle_takes_what_could_be_judged(engine, monkeypatch):
    """A verdict that failed with a high score is passed over."""
    imagine = engine.imagine
    seen = []

    def failing(*arguments, **named):
        pictures, verdict = imagine(*arguments, **named)
        chosen = arguments[2][:, 0]
        verdict.valid[chosen == worst] = False
        verdict.score[chosen == worst] = 9.0
        seen.append(bool((chosen == worst).any()))
        return pictures, verdict

    worst = int(engine.tool_ids.index("fill_smooth"))
    monkeypatch.setattr(engine, "imagine", failing)
    orchestrator = OracleOrchestrator(width=1)
    orchestrator.begin(engine, rows_of(engine))
    taken = [tool for actions in orchestrator._chosen.values() for tool, _ in actions]
    assert any(seen) and worst not in taken


@pytest.mark.parametrize("actions", [np.full((N, 2), 0.5), np.full((N, 2), "a")])
def test_actions_are_integers(engine, actions):
    agent = Fixed()
    agent.act = lambda observations, infos: actions
    with pytest.raises(ImgEditError, match="integers"):
        carry_out(engine, AgentOrchestrator(agent), rows_of(engine))


def test_wrong_arguments_of_an_agent_are_told():
    with pytest.raises(ImgEditError, match="expected arguments of"):
        AgentOrchestrator("baselines.agents.no_op:NoOpAgent", {"strength": 3})
    with pytest.raises(ImgEditError, match="argument"):
        ORCHESTRATORS.build("agent")
