"""The editor behind a server: against a real one, on a real socket, failing in every way it can."""

import base64
import io
import json
import logging
import socket
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from imgedit_gym.core.errors import ImgEditError
from imgedit_gym.core.plan import PlanStep
from imgedit_gym.core.region import RegionBatch, box_masks
from imgedit_gym.core.registry import TOOLS
from imgedit_gym.core.rng import noise_seed
from imgedit_gym.core.steps import StepBatch
from imgedit_gym.tools.base import Edited
from tests.serving import KEY
from tests.tools.images_server import edited, file_of, pixels, sent, serving

SIZE = 128
SENT = 64
STEP = PlanStep.parse("replace the hamburger with the carrot")
MADE = ""
TIMEOUT = "no answer of the server within 0.3 s"
UNREACHABLE = "the server could not be reached"
BUSY = "the server is too busy, or broken"
REFUSED = "the server refused the edit"
MALFORMED = "the server's answer is no picture of the asked shape"


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def source(make_source):
    return make_source()


@pytest.fixture
def tool_of(server, source):
    made = []

    def make(**arguments):
        arguments = {"base_url": server.url, "size": SENT, "timeout": 5.0, "retries": 2} | arguments
        spec = {"id": "images-edits", "model": "small"} | arguments
        made.append(TOOLS.build(spec, stock=source.stock, vocabulary=source.vocabulary))
        return made[-1]

    yield make
    for tool in made:
        tool.close()


def boxed(*boxes) -> RegionBatch:
    edges = torch.tensor(boxes, dtype=torch.int32)
    return RegionBatch(box_masks(edges, SIZE), edges, edges)


def noise(n: int) -> torch.Tensor:
    """Pictures that are smooth enough to be resized and back."""
    generator = torch.Generator().manual_seed(n)
    small = torch.randint(0, 256, (n, 3, 5, 5), generator=generator).float()
    large = torch.nn.functional.interpolate(small, (SIZE, SIZE), mode="bicubic", align_corners=True)
    return large.clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def told(tool, *batch) -> list[str]:
    """What became of each edit, in words."""
    return [tool.problems[code] for code in tool.apply(*batch).problems.tolist()]


WHOLE, LEFT, CORNER = (0, 0, SIZE, SIZE), (40, 8, 80, 40), (100, 100, SIZE, SIZE)


@pytest.fixture
def batch(step_batch):
    steps = step_batch(STEP, STEP, STEP)
    return noise(3), boxed(WHOLE, LEFT, CORNER), StepBatch(steps.codes, steps.read, lambda i: noise_seed(7, i))


def inside_of(regions: RegionBatch, i: int, rim: int = 0) -> tuple[slice, slice]:
    top, left, bottom, right = regions.boxes[i].tolist()
    return slice(top + rim, bottom - rim), slice(left + rim, right - rim)


# ------------------------------------------------------------------ what is asked and answered


def test_the_region_becomes_what_the_server_makes_of_it(tool_of, batch):
    images, regions, steps = batch
    before = images.clone()
    result = tool_of().apply(images, regions, steps)
    assert isinstance(result, Edited) and not result.problems.any()
    assert torch.equal(images, before)
    for i in range(3):
        at = inside_of(regions, i, rim=8)
        expected = 255 - images[i][at].float()
        assert (result.images[i][at].float() - expected).abs().mean() < 4


def test_what_is_sent(server, tool_of, batch):
    tool_of(extra={"num_inference_steps": 8, "quality": "high"}).apply(*batch)
    assert set(server.paths) == {"/v1/images/edits"}
    for form in server.requests:
        expected = {"model": "small", "n": "1", "size": f"{SENT}x{SENT}", "response_format": "b64_json"}
        expected |= {"num_inference_steps": "8", "quality": "high"}
        assert expected.items() <= form.items()
        assert "hamburger" in form["prompt"] and "carrot" in form["prompt"]
        assert pixels(form["image"]).shape == (SENT, SENT, 3)
        assert 0 <= int(form["seed"]) < 2**31
    masks = [pixels(form["mask"]) for form in server.requests if "mask" in form]
    assert len(masks) == 2, "where the whole picture is the region there is nothing to keep"
    for mask in masks:
        assert mask.shape == (SENT, SENT, 4)
        assert mask[..., 3].min() == 0 and mask[..., 3].max() == 255


def test_the_mask_lies_on_the_region(server, tool_of, batch):
    images, regions, steps = batch
    images = images.clone()
    images[regions.masks] = 255
    for mask in ("transparent", "white"):
        server.requests.clear()
        tool_of(mask=mask, concurrency=1).apply(images, regions, steps)
        for form in server.requests[1:]:
            white = (pixels(form["image"]) > 250).all(-1)
            found = pixels(form["mask_image"]) if mask == "white" else 255 - pixels(form["mask"])[..., 3]
            assert ((found > 127) == white).mean() > 0.9 and (found > 127)[white].all()
            assert ("mask" in form) == (mask == "transparent")
    server.requests.clear()
    tool_of(mask=None).apply(images, regions, steps)
    assert not any("mask" in form or "mask_image" in form for form in server.requests)


def test_any_batch_gets_the_same_requests_and_edits(server, tool_of, batch):
    images, regions, steps = batch
    tool = tool_of(concurrency=1)
    together = tool.apply(images, regions, steps).images
    first = list(server.requests)
    server.requests.clear()
    for i in (2, 0, 1):
        at = torch.tensor([i])
        alone = tool.apply(images[at], regions.rows(at), steps.rows(at)).images
        assert torch.equal(alone[0], together[i])
    assert [server.requests[1], server.requests[2], server.requests[0]] == first
    assert len({form["seed"] for form in first}) == 3
    server.requests.clear()
    tool_of(seed=1).apply(images, regions, steps)
    assert not {form["seed"] for form in server.requests} & {form["seed"] for form in first}


def test_servers_that_take_neither_seed_nor_format(server, tool_of, batch):
    tool_of(seed=None, response_format=None).apply(*batch)
    assert not any({"seed", "response_format"} & set(form) for form in server.requests)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "RGBA", "L", "P", "larger", "not quite square"])
def test_pictures_in_other_forms(server, tool_of, batch, kind):
    images, regions, steps = batch

    def answer(form):
        picture = Image.fromarray(255 - pixels(form["image"]))
        if kind in ("JPEG", "WEBP"):
            return sent(file_of(picture, kind, quality=95))
        if kind in ("larger", "not quite square"):
            return sent(file_of(picture.resize((SENT * 2, SENT * 2 - (2 if kind.startswith("not") else 0)))))
        return sent(file_of(picture.convert(kind)))

    server.always = answer
    result = tool_of().apply(images, regions, steps)
    assert not result.problems.any()
    expected = 255 - images[0].float()
    found = result.images[0].float()
    if kind == "L":
        expected, found = expected.mean(-1), found.mean(-1)
    assert (found - expected).abs().mean() < 16


def test_steps_and_regions_that_are_refused(tool_of, step_batch):
    tool = tool_of()
    steps = step_batch(STEP, PlanStep(), PlanStep("edit", "picture", "make it dreamy"))
    assert tool.accepts(steps).tolist() == [True, False, True]
    assert tool.check(boxed((0, 0, 0, 0), WHOLE, WHOLE), steps).tolist() == [2, 1, 0]
    assert tool_of(verbs=["replace"]).accepts(steps).tolist() == [True, False, False]


def test_what_it_says_of_itself(server, tool_of):
    tool = tool_of(base_url=server.url.replace("//", "//me:word@") + "?key=word", seed=7)
    assert tool.id == "images-edits" and tool.version == "1" and not tool.deterministic
    named = json.dumps(tool.identity())
    assert server.url in named and "small" in named and "word" not in named
    assert tool_of(name="mine").id == "mine"


# ------------------------------------------------------------------ failures


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be huge."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def animated() -> bytes:
    frames = [Image.new("RGB", (SENT, SENT), color) for color in ("red", "blue")]
    return file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def reply(**fields):
    return lambda form: {"data": [fields]}


def cut_off(form):
    file = base64.b64decode(edited(form)["data"][0]["b64_json"])
    return sent(file[: len(file) // 2])


PASSING = {
    429: BUSY,
    500: BUSY,
    503: BUSY,
    408: BUSY,
    (429, 0): BUSY,
    (503, 0.05): BUSY,
    "hang up": UNREACHABLE,
    "break off": UNREACHABLE,
}
MALFORMED_REPLIES = {
    "no JSON": "no json",
    "a list": lambda form: ["a list"],
    "an error in a 200": lambda form: {"error": {"message": "no"}},
    "no data": lambda form: {"data": []},
    "two pictures": lambda form: {"data": edited(form)["data"] * 2},
    "a text": lambda form: {"data": ["picture"]},
    "a link": reply(url="http://127.0.0.1:1/picture.png"),
    "a link to a file": reply(url="file:///etc/passwd"),
    "nothing": reply(b64_json=None, revised_prompt="I cannot do that"),
    "no base64": reply(b64_json="not base64!"),
    "no ASCII": reply(b64_json="bild·"),
    "no picture": lambda form: sent(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "empty": lambda form: sent(b""),
    "another format": lambda form: sent(file_of(np.zeros((SENT, SENT, 3), np.uint8), "GIF")),
    "cut off": cut_off,
    "another shape": lambda form: sent(file_of(np.zeros((SENT, SENT * 3 // 2, 3), np.uint8))),
    "a bomb": lambda form: sent(bomb(5000)),
    "a larger bomb": lambda form: sent(bomb(12_000)),
    "the largest bomb": lambda form: sent(bomb(100_000)),
    "animated": lambda form: sent(animated()),
}


@pytest.mark.parametrize("action", PASSING, ids=str)
def test_what_can_pass_is_tried_again(server, tool_of, batch, action):
    server.script = [action]
    assert told(tool_of(concurrency=1), *batch) == [MADE] * 3
    assert len(server.requests) == 4


@pytest.mark.parametrize("action", PASSING, ids=str)
def test_what_does_not_pass_is_a_failed_edit(server, tool_of, batch, action):
    server.always = action
    assert told(tool_of(retries=1), *batch) == [PASSING[action]] * 3
    assert len(server.requests) == 6


@pytest.mark.parametrize("action", MALFORMED_REPLIES.values(), ids=MALFORMED_REPLIES.keys())
def test_what_is_no_picture_is_tried_again_once(server, tool_of, batch, action):
    images, regions, steps = (part.rows(torch.tensor([1])) if hasattr(part, "rows") else part[1:2] for part in batch)
    server.script = [action]
    assert told(tool_of(), images, regions, steps) == [MADE]
    server.requests.clear()
    server.always = action
    assert told(tool_of(retries=5), images, regions, steps) == [MALFORMED]
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refusals_are_final(server, tool_of, batch, status):
    server.always = status
    assert told(tool_of(), *batch) == [REFUSED] * 3
    assert len(server.requests) == 3


def test_an_endless_reply_is_cut_off(server, tool_of, batch, monkeypatch):
    monkeypatch.setattr("imgedit_gym.tools.images_edits.ImagesServer.longest_reply", 100_000)
    server.always = lambda form: {"data": [{"b64_json": "A" * 300_000}]}
    assert told(tool_of(retries=0), *batch) == [MALFORMED] * 3


@pytest.mark.parametrize("slow", [2.0, "drip"])
def test_a_time_out(server, tool_of, batch, slow):
    server.always = slow
    assert told(tool_of(timeout=0.3, retries=0), *batch) == [TIMEOUT] * 3


def test_a_refused_connection(tool_of, batch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    tool = tool_of(base_url=f"http://127.0.0.1:{port}/v1", retries=0)
    assert told(tool, *batch) == [UNREACHABLE] * 3


def test_one_failure_among_edits(server, tool_of, batch, caplog):
    images, regions, steps = batch
    server.script = [400]
    tool = tool_of(concurrency=1)
    result = tool.apply(images, regions, steps)
    assert [tool.problems[code] for code in result.problems.tolist()] == [REFUSED, MADE, MADE]
    assert torch.equal(result.images[0], images[0]) and not torch.equal(result.images[1], images[1])
    assert "images-edits: 1 of 3 edits failed; the first: HTTP 400" in caplog.text


def test_what_is_cached_is_not_asked_for_again(server, tool_of, batch, tmp_path):
    path = str(tmp_path / "edits.sqlite")
    first = tool_of(cache=path).apply(*batch)
    assert len(server.requests) == 3
    again = tool_of(cache=path).apply(*batch)
    assert len(server.requests) == 3 and torch.equal(first.images, again.images)
    tool_of(cache=path, model="large").apply(*batch)
    assert len(server.requests) == 6


def test_concurrency_is_limited(server, tool_of, step_batch):
    server.delay = 0.05
    tool_of(concurrency=2).apply(noise(6), boxed(*[WHOLE] * 6), step_batch(*[STEP] * 6))
    assert server.most == 2


def test_the_key_comes_from_the_environment_and_is_told_to_nobody(server, tool_of, batch, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("A_KEY", KEY)
    tool = tool_of(api_key_env="A_KEY", retries=0)
    tool.apply(*batch)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in server.headers)
    server.always = 401
    tool.apply(*batch)
    assert "your key is Bearer ***" in caplog.text
    assert not any(KEY in text for text in (caplog.text, repr(vars(tool)), str(tool.identity()), str(tool.problems)))
    server.headers.clear()
    tool_of(api_key_env="NO_SUCH_KEY").apply(*batch)
    assert not any("Authorization" in headers for headers in server.headers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model must be the name"),
        ({"base_url": "localhost"}, "base_url must begin with"),
        ({"mask": "black"}, "mask must be one of"),
        ({"size": 4}, "size must be a whole number from 8 to 4096; found 4"),
        ({"size": None}, "size must be a whole number"),
        ({"size": 512.0}, "size must be"),
        ({"seed": -1}, "seed must be"),
        ({"response_format": 1}, "response_format must be"),
        ({"extra": [1]}, "extra must be a mapping"),
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1"),
        ({"timeout": 0}, "timeout must be a number above 0"),
        ({"margin": -1}, "margin must be"),
        ({"api_key": "sk"}, "does not take these arguments"),
    ],
)
def test_arguments_are_checked(tool_of, arguments, message):
    with pytest.raises(ImgEditError, match=message):
        tool_of(**arguments)


def test_an_environment_with_an_editor_behind_a_server(server):
    import gymnasium as gym

    import imgedit_gym  # noqa: F401

    spec = {"id": "images-edits", "model": "small", "base_url": server.url, "size": SENT, "retries": 0}
    env = gym.make_vec(
        "ImageEdit-v0", num_envs=3, vectorization_mode="vector_entry_point", image_size=64, tools=["pixel", spec]
    )
    env.reset(seed=0)
    at = env.unwrapped.engine.tool_ids.index("images-edits")
    before = env.unwrapped.engine.canvas.clone()
    server.always = lambda form: edited(form) if form["prompt"] else 1 / 0
    server.script = [403]
    env.step([[at, 0]] * 3)
    same = (env.unwrapped.engine.canvas == before).flatten(1).all(1)
    assert same.sum() == 1
    problem = int(env.unwrapped.engine.latest()[same, 2])
    assert env.unwrapped.engine.problem_text(at, problem) == "images-edits: the server refused the edit"
    tool = env.unwrapped.engine.tools[at]
    assert tool._server._connection is not None
    env.close()
    assert tool._server._connection is None


def test_the_bomb_of_these_tests_is_one():
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(bomb(100_000)))
