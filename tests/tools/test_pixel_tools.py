"""Tests that every pixel tool must pass, whatever it does."""

import pytest
import torch

from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import N_REGIONS, RegionBatch, box_masks
from imgedit_gym.core.registry import PIXEL_TOOLS, TOOLS
from imgedit_gym.engine import NO_CHANGE

SIZES = (64, 100, 512)
STEPS = (
    PlanStep("remove", "hamburger"),
    PlanStep("replace", "hamburger", "carrot"),
    PlanStep("add", "picture", "pumpkin"),
    PlanStep("recolor", "car", "green"),
    PlanStep("recolor", "background", "white"),
    PlanStep("set", "background", "beach"),
    PlanStep("rewrite", "headline", "FREE TEXT 7"),
    PlanStep("rewrite", "headline", ""),
    *(PlanStep("adjust", "picture", tone) for tone in ("brighter", "monochrome", "soft", "crisp")),
    PlanStep("edit", "picture", "make it nicer"),
    PlanStep("remove", "flux capacitor"),
    PlanStep("replace", "hamburger", "flux capacitor"),
    PlanStep(),
)
# region indices of the provider below
EMPTY, WHOLE, PIXEL, LAST_PIXEL, CORNER, LAST_CORNER, BLOCK, STRIPE, NEARLY_WHOLE = range(9)


class OddRegions:
    """Regions no task would have: region i is shape i modulo nine."""

    id = "odd"

    def attach(self, batch):
        s = batch.size
        boxes = [
            (0, 0, 0, 0),
            (0, 0, s, s),
            (s // 2, s // 3, s // 2 + 1, s // 3 + 1),
            (s - 1, s - 1, s, s),
            (0, 0, s // 5, s // 4),
            (s - s // 6, s - s // 5, s, s),
            (s // 3, s // 4, s // 2, s // 2),
            (s // 2, 0, s // 2 + 2, s),
            (1, 1, s, s),
        ]
        self._boxes = torch.tensor(boxes, dtype=torch.int32)
        self._masks = box_masks(self._boxes, s)

    def refresh(self, rows):
        pass

    def prepare(self, rows, index, steps):
        pass

    def regions(self, rows, index, steps=None):
        at = index % len(self._boxes)
        return RegionBatch(self._masks[at], self._boxes[at], self._boxes[index * 0 + BLOCK])

    def find(self, row, label, cell=-1):
        return BLOCK


@pytest.fixture(scope="module", params=SIZES)
def world(request, make_engine):
    """An engine with one environment for each odd region and plan step, every tool, and plans of one step."""
    n = 9 * len(STEPS) if request.param == 64 else 9
    engine = make_engine(n, regions=OddRegions(), image_size=request.param, planner="agent")
    return engine


def plans_of(engine):
    """Region and step of each environment."""
    n = engine.num_envs
    return [i % 9 for i in range(n)], [STEPS[(i // 9) % len(STEPS)] for i in range(n)]


def begin(engine, steps) -> None:
    engine.reset(range(engine.num_envs), range(engine.num_envs))
    for row, step in enumerate(steps):
        if step.verb:
            engine._write_plans([row], [(step,)])


@pytest.mark.parametrize("id", PIXEL_TOOLS)
def test_edits_through_the_engine(world, id):
    engine = world
    tool = engine.tool_ids.index(id)
    used = engine.tools[tool]
    regions, steps = plans_of(engine)
    if engine.num_envs == 9:
        fitting = [step for step in STEPS if bool(used.accepts(one_step(engine, step))[0])]
        steps = [fitting[0]] * engine.num_envs
    begin(engine, steps)
    before = engine.canvas.clone()
    actions = torch.tensor([[tool, region] for region in regions])
    result = engine.step(actions)
    found = engine.regions.regions(torch.arange(engine.num_envs), actions[:, 1])
    allowed = (found.widened() if used.reach == "box" else found).masks & (actions[:, 1] != EMPTY)[:, None, None]
    different = (engine.canvas != before).any(-1)
    assert not (different & ~allowed).any(), "written outside the region"
    assert torch.equal(different.sum((1, 2)).to(torch.int32), result.changed)
    for row in range(engine.num_envs):
        problem, text = int(result.problems[row]), engine.problem_text(tool, int(result.problems[row]))
        if id == "skip":
            assert (problem, text, int(result.changed[row])) == (0, "", 0)
        elif problem == 0:
            assert text == "" and result.changed[row] > 0
        else:
            assert text.startswith(f"{id}: ") and "\n" not in text and len(text) > len(id) + 5
            assert result.changed[row] == 0
    if id != "skip":
        assert all(problem != 0 for problem in result.problems[actions[:, 1] == EMPTY].tolist())
        block = result.changed[actions[:, 1] == BLOCK]
        assert (block > 0).any(), "the tool does nothing to a plain block under any step"
    assert torch.isfinite(result.reward).all()

    # once more: bit for bit the same
    after = engine.canvas.clone()
    begin(engine, steps)
    again = engine.step(actions)
    assert torch.equal(engine.canvas, after)
    assert torch.equal(again.problems, result.problems)


def one_step(engine, step):
    from imgedit_gym.core.steps import StepBatch

    codes = torch.tensor([engine.vocabulary.encode(step)], dtype=torch.int32)
    return StepBatch(codes, lambda index: step)


@pytest.fixture(scope="module", params=(64,))
def bench(request, started, step_batch):
    """Pictures, odd regions and steps, and a way to build tools."""
    n = 9 * len(STEPS)
    engine = started(n, image_size=request.param)
    provider = OddRegions()
    provider.attach(engine.batch)
    regions = provider.regions(torch.arange(n), torch.arange(n) % 9)
    steps = [STEPS[i // 9] for i in range(n)]
    return engine, regions, step_batch(*steps), steps


@pytest.mark.parametrize("id", PIXEL_TOOLS)
def test_accepting_agrees_with_checking(bench, id):
    engine, regions, batch, _ = bench
    tool = TOOLS.build(id, stock=engine.tasks.stock, vocabulary=engine.vocabulary)
    accepts, problem = tool.accepts(batch), tool.check(regions, batch)
    assert accepts.shape == problem.shape == (len(batch),)
    assert accepts.dtype == torch.bool
    kinds = torch.arange(len(batch)) % 9
    ordinary = (kinds == BLOCK) | (kinds == PIXEL) | (kinds == CORNER) | (kinds == STRIPE)
    assert torch.equal((problem == 0)[ordinary], accepts[ordinary])
    assert (problem[~accepts] != 0).all()
    assert all(tool.problems[code] for code in problem.unique().tolist() if code)
    assert tool.problems[0] == ""


@pytest.mark.parametrize("id", PIXEL_TOOLS)
def test_a_batch_is_many_batches_of_one(bench, step_batch, id):
    engine, regions, batch, steps = bench
    tool = TOOLS.build(id, stock=engine.tasks.stock, vocabulary=engine.vocabulary)
    fine = (tool.check(regions, batch) == 0).nonzero().flatten()
    # one of each kind of region is enough
    fine = torch.stack([rows[len(rows) // 2] for kind in range(9) if len(rows := fine[fine % 9 == kind])])
    images = engine.canvas[fine].clone()
    held = images.clone()
    edited = tool.apply(images, regions.rows(fine), batch.rows(fine))
    assert torch.equal(images, held), "the input was changed"
    assert edited.dtype == torch.uint8 and edited.shape == images.shape
    assert edited.data_ptr() != images.data_ptr()
    for at, row in enumerate(fine.tolist()):
        alone = tool.apply(images[at : at + 1], regions.rows(fine[at : at + 1]), step_batch(steps[row]))
        assert torch.equal(alone[0], edited[at])


def test_the_action_mask_is_what_tools_accept(started):
    engine = started(16, first=100)
    mask = engine.tool_mask()
    assert mask.shape == (16, len(PIXEL_TOOLS)) and mask[:, 0].all()
    steps = [engine.current_step(row) for row in range(16)]
    paste, swap = engine.tool_ids.index("paste"), engine.tool_ids.index("swap_background")
    for row, step in enumerate(steps):
        assert bool(mask[row, paste]) == (step.verb in ("replace", "add"))
        assert bool(mask[row, swap]) == (step.verb == "set")


def test_an_edit_without_effect_is_told(started):
    engine = started(1, regions=OddRegions())
    engine.set_plan(0, ["add the pumpkin"] * 2)
    flat = engine.tool_ids.index("fill_flat")
    engine.step(torch.tensor([[flat, BLOCK]]))
    again = engine.step(torch.tensor([[flat, BLOCK]]))
    assert again.problems.tolist() == [NO_CHANGE]
    assert engine.problem_text(flat, NO_CHANGE) == "fill_flat: nothing in the region changed"


def test_region_counts():
    assert N_REGIONS > NEARLY_WHOLE
