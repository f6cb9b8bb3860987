"""Tests of the planners that need no rules: oracle, none and agent."""

import pytest
import torch

from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.registry import PLANNERS


@pytest.fixture(scope="module")
def world(sampled):
    return sampled(12)


@pytest.mark.parametrize("id", [id for id in PLANNERS.ids() if id != "language"])  # that one needs a model
def test_the_contract(world, id):
    source, batch = world
    planner = PLANNERS.build(id, tasks=source)
    assert planner.id == id and isinstance(planner.version, str)
    assert planner.follows_oracle == (id == "oracle")
    rows = torch.tensor([7, 2, 2])
    plans = planner.plan(batch, rows)
    if plans is None:
        assert planner.follows_oracle
        return
    assert len(plans) == 3
    for plan in plans:
        assert 1 <= len(plan) <= source.max_plan_steps
        assert all(isinstance(step, PlanStep) and step.verb for step in plan)
    if planner.deterministic:
        assert plans[1] == plans[2] and list(planner.plan(batch, rows)) == list(plans)


def test_the_oracle_leaves_the_batchs_plan(world):
    source, batch = world
    assert PLANNERS.build("oracle", tasks=source).plan(batch, torch.arange(3)) is None


@pytest.mark.parametrize("id", ["none", "agent"])
def test_the_instruction_is_the_only_step(world, id):
    source, batch = world
    plans = PLANNERS.build(id, tasks=source).plan(batch, torch.tensor([4, 0]))
    expected = [(PlanStep("edit", "picture", source.instruction(batch, row)),) for row in (4, 0)]
    assert list(plans) == expected


def test_under_no_plan_the_requirements_are_all_due(started):
    engine = started(3, planner="none")
    assert engine.plan_length.tolist() == [1, 1, 1]
    assert not engine.by_oracle.any()
    assert engine.current_step(1).value == engine.tasks.instruction(engine.batch, 1)


def test_agents_hand_their_plan_over(started):
    engine = started(3, planner="agent")
    plans = [engine.tasks.oracle_plan(engine.batch, row) for row in range(3)]
    engine.set_plans(range(3), plans)
    assert [engine.plan(row) for row in range(3)] == plans
    assert torch.equal(engine.plan_codes, engine.batch.plan)
