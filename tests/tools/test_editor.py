"""Tools that a model does the work of, with models that can be looked through."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
import torch

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.models import pool
from imgedit_gym.tools.editor import EditorTool, Failure, Request

B, SIZE = 4, 64


class Inverts(EditorTool):
    """Inverts all that it is shown, and draws a little noise; fails as it is told."""

    id = "inverts"

    def __init__(self, *arguments, fails=lambda request: None, **more) -> None:
        super().__init__(*arguments, **more)
        self.fails, self.asked = fails, []

    def edit(self, requests: list[Request]) -> list[torch.Tensor | Failure]:
        self.asked.append(requests)
        return [self._made(request) for request in requests]

    def _made(self, request: Request) -> torch.Tensor | Failure:
        failed = self.fails(request)
        if failed is not None:
            return failed
        noise = torch.randint(
            0, 8, request.picture.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(request.seed)
        )
        return (255 - request.picture) & 0xF8 | noise


@pytest.fixture
def build(make_source):
    """An engine with such a tool behind ``skip``."""
    tasks = make_source(image_size=SIZE)

    def make(num_envs: int = B, **arguments) -> tuple[Engine, Inverts]:
        tool = Inverts(tasks.stock, tasks.vocabulary, **arguments)
        engine = Engine(num_envs, tasks=tasks, tools=["skip", tool], image_size=SIZE)
        engine.reset(range(num_envs), range(num_envs))
        return engine, tool

    yield make
    pool.close()


def act(engine: Engine, region: int = 0):
    return engine.step(torch.tensor([[1, region]] * engine.num_envs))


@pytest.mark.parametrize("reach", ["mask", "box"])
@pytest.mark.parametrize("margin", [None, 0.25])
@pytest.mark.parametrize("size", [None, 48])
def test_the_tool_itself_changes_nothing_outside_its_region(build, reach, margin, size) -> None:
    engine, tool = build(reach=reach, margin=margin, size=size, least=16)
    rows = torch.arange(B)
    regions = engine.regions.regions(rows, torch.full((B,), 28))
    before = engine.canvas.clone()
    edited = tool.apply(engine.canvas, regions, engine.current_steps())
    allowed = regions.widened() if reach == "box" else regions
    assert torch.equal(engine.canvas, before) and edited.problems.eq(0).all()
    assert torch.equal(edited.images[~allowed.masks], before[~allowed.masks])
    assert (edited.images != before).any(-1)[allowed.masks].float().mean() > 0.9
    shown = tool.asked[0][0].picture.shape
    assert shown == ((size, size, 3) if size else (SIZE, SIZE, 3) if margin is None else shown)
    assert (edited.raw != before).any(-1).sum() > (edited.images != before).any(-1).sum()


def test_all_environments_are_one_call_with_their_own_words_and_noise(build) -> None:
    engine, tool = build(size=32)
    act(engine)
    (requests,) = tool.asked
    assert [request.prompt for request in requests] == [engine.plan(row)[0].text for row in range(B)]
    assert len({request.seed for request in requests}) == B
    assert all(request.mask.all() and request.picture.shape == (32, 32, 3) for request in requests)


def test_an_episode_is_the_same_on_any_batch_size(build) -> None:
    engine, _ = build()
    act(engine, 28)
    act(engine, 12)
    for row in range(B):
        alone, _ = build(1)
        alone.reset([0], [row])
        act(alone, 28)
        act(alone, 12)
        assert torch.equal(alone.canvas[0], engine.canvas[row])


def test_looking_ahead_draws_what_the_step_will_draw(build) -> None:
    engine, _ = build()
    actions = torch.tensor([[1, 28]] * B)
    ahead, _ = engine.imagine(engine.canvas, engine.step_index, actions, torch.arange(B))
    engine.step(actions)
    assert torch.equal(ahead, engine.canvas)


def test_failures_say_why_and_leave_the_canvas(build) -> None:
    engine, tool = build(fails=lambda request: Failure(f"no paint, {request.seed}") if request.seed % 2 else None)
    failed = [bool(engine.current_steps().noise(row) % 2) for row in range(B)]
    assert any(failed) and not all(failed)
    before = engine.canvas.clone()
    result = act(engine)
    for row in range(B):
        assert (int(result.problems[row]) > 0) == failed[row] == torch.equal(engine.canvas[row], before[row])
        text = engine.problem_text(1, int(result.problems[row]))
        assert text.startswith("inverts: no paint, ") if failed[row] else text == ""
    told = tool.problems
    act(engine)
    assert tool.problems[: len(told)] == told, "a code keeps its meaning"


def bomb() -> str:
    """A PNG file that claims 2.5 gigapixels, in base 64."""
    parts = [b"IHDR" + struct.pack(">2I5B", 50_000, 50_000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"\0")]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def raises(request: Request) -> None:
    raise ValueError("the model is\nill")


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        (raises, "ValueError: the model is"),
        (lambda request: Failure(" \n"), "failed, and did not say why"),
        (lambda request: request.picture[:30], "gave a picture of 64 x 30 pixels for one of 64 x 64"),
        (lambda request: request.picture.float(), "gave something that is no RGB picture"),
        (lambda request: request.picture[..., 0], "gave something that is no RGB picture"),
        (lambda request: torch.zeros(5000, 5000, 3, dtype=torch.uint8), "gave a picture of 5000 x 5000 pixels"),
    ],
)
def test_what_cannot_be_used_is_a_failure(build, fails, reason: str) -> None:
    engine, _ = build(1, fails=fails)
    before = engine.canvas.clone()
    result = act(engine)
    assert reason in engine.problem_text(1, int(result.problems[0]))
    assert torch.equal(engine.canvas, before)


def test_pictures_of_another_size_and_the_same_proportions_are_brought_back(build) -> None:
    engine, _ = build(1, fails=lambda request: torch.full((96, 96, 3), 200, dtype=torch.uint8))
    act(engine)
    assert engine.canvas.eq(200).all()


def test_failures_that_never_end_do_not_fill_the_memory(build) -> None:
    engine, tool = build(1)
    codes = [tool._code(f"failure {number}") for number in range(300)]
    assert len(tool.problems) == 100 and codes[-1] == codes[200] == 99


def test_a_step_or_region_it_is_not_meant_for_is_refused(build) -> None:
    engine, tool = build(verbs=["recolor"])
    result = act(engine)
    verbs = [engine.plan(row)[0].verb for row in range(B)]
    assert "recolor" not in verbs and not tool.asked
    fits = [engine.current_step(row).verb == "recolor" for row in range(B)]
    assert engine.tool_mask()[:, 1].tolist() == fits
    assert engine.problem_text(1, int(result.problems[0])) == "inverts: not meant for this plan step"


@pytest.mark.parametrize("file", [False, True])
def test_what_is_known_is_not_asked_again(build, tmp_path, file: bool) -> None:
    cache = str(tmp_path / "edits.sqlite") if file else True
    engine, tool = build(cache=cache)
    act(engine, 28)
    again, other = build(cache=cache)
    if file:
        pool.close()
        again, other = build(cache=cache)
    act(again, 28)
    assert len(tool.asked) == 1 and not other.asked
    assert torch.equal(again.canvas, engine.canvas)
    third, different = build(cache=cache, prompt="{text}, please")
    act(third, 28)
    assert len(different.asked[0]) == B
    engine.close()


def test_failures_are_not_kept(build) -> None:
    engine, tool = build(1, cache=True, fails=lambda request: Failure("not now"))
    act(engine)
    again, other = build(1, cache=True)
    act(again)
    assert len(other.asked) == 1 and again.latest()[0, 2] == 0


@pytest.mark.parametrize("text", ["no picture", bomb()], ids=["damaged", "bomb"])
def test_what_a_cache_holds_is_not_trusted(build, text: str) -> None:
    engine, tool = build(1, cache=True)
    act(engine)
    for key in list(tool.store._memory):
        tool.store._memory[key] = text
    again, other = build(1, cache=True)
    act(again)
    assert len(other.asked) == 1 and torch.equal(again.canvas, engine.canvas)


def test_equal_requests_of_a_batch_are_one(build) -> None:
    engine, tool = build(2, cache=True)
    rows = torch.tensor([0, 0])
    engine.imagine(engine.canvas[rows], engine.step_index[rows], torch.tensor([[1, 28]] * 2), rows)
    assert [len(requests) for requests in tool.asked] == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name must be text"),
        ({"size": 4}, "size must be a whole number from 8"),
        ({"margin": -1}, "margin must be a number"),
        ({"least": 0}, "least must be"),
        ({"feather": True}, "feather must be"),
        ({"reach": "all"}, "reach must be one of"),
        ({"seed": -1}, "seed must be"),
        ({"cache": 3}, "cache must be True, False or the path"),
        ({"verbs": "add"}, "verbs must be a list"),
        ({"verbs": ["paint"]}, "verbs must be a list"),
        ({"prompt": "{x}"}, "names some of"),
    ],
)
def test_arguments_are_checked(build, arguments, message: str) -> None:
    with pytest.raises(ImgEditError, match=message):
        build(1, **arguments)
