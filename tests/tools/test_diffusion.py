"""Pipelines of diffusers as tools: every loading path on tiny pipelines, and all that may go wrong."""

from __future__ import annotations

import json
import shutil
import types

import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.engine import Engine
from imgedit_gym.models import pool
from imgedit_gym.tools import diffusion
from imgedit_gym.tools.pipeline_calls import CALLS, call_of
from tests.tools.tiny_pipelines import BUILDERS, SETTINGS

EDIT, PAINT, KONTEXT = "StableDiffusionInstructPix2PixPipeline", "StableDiffusionInpaintPipeline", "FluxKontextPipeline"
SIZE = 64
QUICK = (EDIT, PAINT, KONTEXT, "Flux2KleinPipeline")
SLOW = tuple(kind for kind in BUILDERS if kind not in QUICK)


@pytest.fixture(scope="module")
def build(tiny_pipeline, make_source):
    """An engine with a tiny pipeline behind ``skip``."""
    tasks = make_source(image_size=SIZE)

    def make(kind: str, n: int = 2, first: int = 0, **arguments) -> Engine:
        spec = {"id": "diffusers", "model": str(tiny_pipeline(kind)), **SETTINGS[kind], **arguments}
        engine = Engine(n, tasks=tasks, tools=["skip", spec], image_size=SIZE)
        engine.reset(range(n), range(first, first + n))
        return engine

    yield make
    pool.close()


def act(engine: Engine, region: int = 28) -> list[str]:
    """One step in every environment; why it failed."""
    result = engine.step(torch.tensor([[1, region]] * engine.num_envs))
    return [engine.problem_text(1, int(problem)) for problem in result.problems]


@pytest.mark.parametrize("kind", [*QUICK, *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)])
def test_every_pipeline_edits_its_region_and_nothing_else(build, small_conditions, kind: str) -> None:
    engine = build(kind, least=16)
    tool, rows = engine.tools[1], torch.arange(2)
    assert type(tool._pipeline.pipe).__name__ == kind
    regions = engine.regions.regions(rows, torch.tensor([28, 28]))
    before = engine.canvas.clone()
    edited = tool.apply(engine.canvas, regions, engine.current_steps())
    assert edited.problems.tolist() == [0, 0], tool.problems
    assert torch.equal(edited.images[~regions.masks], before[~regions.masks]), "exactly nothing outside the region"
    assert (edited.images != before).any(-1)[regions.masks].float().mean() > 0.8
    assert (edited.raw != before).any(-1)[~regions.masks].any(), "the pipeline by itself does not keep to it"
    assert act(engine) == ["", ""]
    assert torch.equal(engine.canvas, edited.images)


@pytest.mark.parametrize("kind", [EDIT, pytest.param(PAINT, marks=pytest.mark.slow)])
def test_one_at_a_time_an_edit_is_the_same_on_any_batch(build, kind: str) -> None:
    together = build(kind, 3, batch_size=1)
    assert together.tools[1].deterministic
    act(together)
    for row in (0, 2):
        alone = build(kind, 1, row, batch_size=1)
        act(alone)
        assert torch.equal(alone.canvas[0], together.canvas[row])


BATCHED = [kind for kind in BUILDERS if CALLS[kind].batch]


@pytest.mark.parametrize(
    "kind", [EDIT, *(pytest.param(kind, marks=pytest.mark.slow) for kind in BATCHED if kind != EDIT)]
)
def test_a_batched_call_makes_the_same_edits_up_to_rounding(build, kind: str) -> None:
    together, alone = build(kind, 3), build(kind, 3, batch_size=1)
    assert together.tools[1].batch_size == 8 and not together.tools[1].deterministic
    calls = counted(together.tools[1])
    act(together)
    act(alone)
    assert calls == [3]
    assert (together.canvas.int() - alone.canvas.int()).abs().max() <= 1


@pytest.mark.parametrize(
    "kind", ["Flux2KleinPipeline", pytest.param("QwenImageEditPlusPipeline", marks=pytest.mark.slow)]
)
def test_where_a_list_of_pictures_is_one_edit_each_is_a_call(build, small_conditions, kind: str) -> None:
    engine = build(kind, 2)
    calls = counted(engine.tools[1])
    assert act(engine) == ["", ""] and calls == [1, 1]


def counted(tool) -> list[int]:
    """Edits in each call of the pipeline."""
    calls: list[int] = []
    run = tool._run

    def watched(requests):
        calls.append(len(requests))
        return run(requests)

    tool._run = watched
    return calls


def test_half_precision(build) -> None:
    engine = build(EDIT, 1, dtype="bfloat16")
    assert engine.tools[1]._pipeline.pipe.unet.dtype == torch.bfloat16
    assert act(engine) == [""]


def test_the_denoiser_is_compiled_on_request(build) -> None:
    for wanted in (False, True):
        unet = build(EDIT, 1, compile=wanted).tools[1]._pipeline.pipe.unet
        assert (unet._compiled_call_impl is not None) == wanted


def test_a_model_is_loaded_once_and_let_go(build) -> None:
    pool.close()
    first, second = build(EDIT, 1), build(EDIT, 2, guidance_scale=3.0)
    assert first.tools[1]._pipeline is second.tools[1]._pipeline
    assert len([key for key in pool.held() if key[0] == "diffusers"]) == 1
    pool.close()
    assert not pool.held()


def test_what_it_is_shown_has_the_size_it_was_made_for(build) -> None:
    assert build(EDIT, 1, size=None).tools[1].size == 64
    assert build(KONTEXT, 1, size=32).tools[1].size == 32


def test_results_are_kept_by_content(build, tmp_path) -> None:
    cache = str(tmp_path / "edits.sqlite")
    first = build(EDIT, 2, cache=cache)
    act(first)
    again = build(EDIT, 2, cache=cache)
    calls = counted(again.tools[1])
    act(again)
    assert calls == [] and torch.equal(first.canvas, again.canvas)
    other = build(EDIT, 2, cache=cache, guidance_scale=3.0)
    calls = counted(other.tools[1])
    act(other)
    assert calls == [2]


def test_what_is_kept_is_named_by_all_that_changes_pixels(build, monkeypatch) -> None:
    def named(**arguments) -> str:
        return json.dumps(build(EDIT, 1, **arguments).tools[1].identity())

    usual = named()
    for same in ({"batch_size": 3}, {"timeout": 60.0}, {"device": "cpu"}, {"dtype": "float32"}):
        assert named(**same) == usual, same
    for other in ({"batch_size": 1}, {"dtype": "bfloat16"}, {"compile": True}, {"steps": 3}):
        assert named(**other) != usual, other
    monkeypatch.setattr(diffusion, "_processor", lambda device: "another processor")
    assert named() != usual


def test_sets_of_weights_are_told_apart(build, changed) -> None:
    folder = changed()
    for weights in folder.glob("*/*.safetensors"):
        shutil.copy(weights, weights.with_suffix(".fp16.safetensors"))
    one, other = (build(EDIT, 1, model=str(folder), variant=name).tools[1] for name in (None, "fp16"))
    assert one.identity() != other.identity()


# ---------------------------------------------------------------------- failures


class Fragile:
    """Stands in for a pipeline: inverts pictures, and fails as it is told."""

    vae_scale_factor = 2

    def __init__(self, most: int = 100, error: Exception | None = None, refused: bool = False, seconds: float = 0.0):
        self.most, self.error, self.refused, self.seconds = most, error, refused, seconds
        self.calls: list[int] = []

    def __call__(self, prompt=None, image=None, generator=None, output_type="pil", callback_on_step_end=None):
        images = image if isinstance(image, list) else [image]
        self.calls.append(len(images))
        if len(images) > self.most:
            raise self.error
        if callback_on_step_end is not None:
            callback_on_step_end(self, 0, 0, {})
        done = [Image.eval(one, lambda value: 255 - value) for one in images]
        return types.SimpleNamespace(images=done, nsfw_content_detected=[self.refused] * len(done))


@pytest.fixture
def fragile(build):
    """An engine whose pipeline fails as it is told."""

    def make(n: int = 4, batch_size: int = 4, timeout: float | None = None, **arguments):
        engine, pipe = build(EDIT, n, batch_size=batch_size), Fragile(**arguments)
        tool = engine.tools[1]
        tool._pipeline = types.SimpleNamespace(pipe=pipe, lock=tool._pipeline.lock, device=torch.device("cpu"))
        tool._takes, tool._settings, tool.timeout = CALLABLE, {}, timeout
        return engine, pipe

    return make


CALLABLE = ("prompt", "image", "generator", "output_type", "callback_on_step_end")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_halves_the_batch_and_goes_on(fragile, error) -> None:
    engine, pipe = fragile(most=1, error=error)
    assert act(engine) == [""] * 4
    assert pipe.calls == [4, 2, 1, 1, 1, 1] and engine.tools[1].batch_size == 1
    act(engine)
    assert set(pipe.calls[6:]) == {1}


def test_out_of_memory_alone_is_told(fragile) -> None:
    engine, _ = fragile(most=0, error=torch.OutOfMemoryError("CUDA out of memory"))
    before = engine.canvas.clone()
    assert act(engine) == ["diffusers: out of memory"] * 4
    assert torch.equal(engine.canvas, before)


def test_an_error_costs_only_the_edit_that_raises_it(fragile, monkeypatch) -> None:
    engine, pipe = fragile()
    words = engine.current_step(2).text

    def call(self, prompt=None, image=None, **more):
        if words in (prompt if isinstance(prompt, list) else [prompt]):
            raise ValueError("I do not like these words")
        return Fragile.inner(self, prompt=prompt, image=image, **more)

    monkeypatch.setattr(Fragile, "inner", Fragile.__call__, raising=False)
    monkeypatch.setattr(Fragile, "__call__", call)
    assert act(engine) == ["", "", "diffusers: ValueError: I do not like these words", ""]


def test_a_safety_filter_is_told(fragile) -> None:
    engine, _ = fragile(refused=True)
    before = engine.canvas.clone()
    assert act(engine) == ["diffusers: the safety filter refused the result"] * 4
    assert torch.equal(engine.canvas, before)


def test_a_call_that_takes_too_long_is_given_up(fragile) -> None:
    engine, pipe = fragile(timeout=1e-9)
    assert act(engine) == ["diffusers: took longer than 1e-09 s"] * 4
    assert pipe.calls == [4]


def test_a_real_pipeline_stops_between_two_steps(build) -> None:
    engine = build(EDIT, 2, timeout=1e-9)
    before = engine.canvas.clone()
    assert act(engine) == ["diffusers: took longer than 1e-09 s"] * 2
    assert torch.equal(engine.canvas, before)
    engine.tools[1].timeout = None
    engine.reset(range(2), range(2))
    assert act(engine) == ["", ""], "the pipeline can be called again"


# ---------------------------------------------------------------------- what is refused


def test_a_pipeline_class_that_is_not_in_the_table_is_called_by_its_signature() -> None:
    class Mine:
        vae_scale_factor = 8

        def __call__(self, prompt, image, mask_image, height=None, width=None):
            """Call."""

    found = call_of(Mine())
    assert found.mask == "mask_image" and found.sized and not found.batch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model must be"),
        ({"model": "/nowhere/at/all"}, "expected a folder or hub id of a diffusers pipeline"),
        ({"offload": "model"}, "expected a GPU"),
        ({"offload": "disk"}, "offload must be one of"),
        ({"dtype": "int8"}, "dtype must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"steps": 1.5}, "steps must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"size": 33}, "size must be a multiple of 2"),
        ({"strength": 0.5}, "does not take \\['strength'\\]"),
        ({"call": {"magic": 1}}, "does not take \\['magic'\\]; it takes .*image_guidance_scale"),
        ({"call": {"prompt": "x"}}, "given by the tool itself"),
        ({"call": 3}, "call must hold"),
        ({"pipeline": "json:loads"}, "pipeline must be"),
        ({"pipeline": "no.such.module:Class"}, "cannot be imported"),
        ({"pipeline": "diffusers:FluxKontextPipeline"}, "expected a pipeline of the class FluxKontextPipeline"),
        ({"brush": 3}, "does not take these arguments"),
    ],
)
def test_arguments_are_checked(build, arguments, message: str) -> None:
    with pytest.raises(ImgEditError, match=message):
        build(EDIT, 1, **arguments)


@pytest.fixture
def changed(tiny_pipeline, tmp_path):
    """A copy of a tiny pipeline whose index is another."""

    def make(**entries):
        folder = tmp_path / "changed"
        shutil.copytree(tiny_pipeline(EDIT), folder)
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps({**index, **entries}))
        return folder

    return make


EVIL = "import pathlib\npathlib.Path({path!r}).write_text('ran')\n"


@pytest.mark.parametrize("entry", [{"_class_name": ["evil", "Evil"]}, {"unet": ["evil", "Evil"]}])
def test_code_in_a_folder_is_not_run(build, changed, tmp_path, entry) -> None:
    folder, ran = changed(**entry), tmp_path / "ran"
    for place in (folder, folder / "unet"):
        (place / "evil.py").write_text(EVIL.format(path=str(ran)))
    with pytest.raises(ImgEditError, match="set trust=True"):
        build(EDIT, 1, model=str(folder))
    assert not ran.exists()


@pytest.mark.parametrize("name", ["os", "subprocess", ""])
def test_parts_come_from_known_libraries(build, changed, name: str) -> None:
    with pytest.raises(ImgEditError, match="expected scheduler to come from"):
        build(EDIT, 1, model=str(changed(scheduler=[name or 3, "PNDMScheduler"])))


def test_what_is_no_index_is_told(build, changed) -> None:
    folder = changed()
    (folder / "model_index.json").write_text("[")
    with pytest.raises(ImgEditError, match="expected the index of a diffusers pipeline"):
        build(EDIT, 1, model=str(folder))
