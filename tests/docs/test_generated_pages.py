"""The pages that are made from the code: complete, and true to it."""

from __future__ import annotations

import pkgutil

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import imgedit_docs
import imgedit_gym
from imgedit_docs import (
    api,
    commands,
    docstrings,
    drawings,
    environments,
    extras,
    formats,
    photographs,
    registries,
    wrapper_pages,
)
from imgedit_docs.files import Pages
from imgedit_docs.pictures import Album, code_digest
from imgedit_gym import wrappers
from imgedit_gym.core.registry import PIXEL_TOOLS, RETOUCH_TOOLS, TOOLS
from tests.docs.snippets import ROOT


class Undrawn:
    """An album whose pictures are not looked at."""

    def __init__(self):
        self.names = []

    def get(self, name, draw, **how):
        self.names.append(name)
        own = {"tools/style.png": 26, "tools/upscale.png": [24.0, 28.0], "regions/blocks.png": [1, 64]}
        own["tools/cutout.png"] = ["a step"]
        if name in own:
            return own[name]
        return {"step": "a step", "verbs": ["add"], "instruction": "a request", "plan": ["a step"], 0: "a request"}


@pytest.mark.parametrize("kind", registries.ROOMS)
def test_everything_registered_has_a_section(kind):
    album = Undrawn()
    page = registries.page(kind, album)
    for id in registries.ROOMS[kind].registry.ids():
        assert f"## `{id}`" in page or f"| `{id}` | could not be imported" in page, id
    assert "## `" in page and "|  |\n|  |" not in page
    if kind == "tools":
        by_models = [id for id in photographs.NEEDED if photographs.can_draw(id)]
        assert set(album.names) == {f"tools/{id}.png" for id in (*PIXEL_TOOLS, *RETOUCH_TOOLS, *by_models)}
    if kind == "tasks":
        assert {"tasks/photos-faults.png", "tasks/photos-test-long.png", "tasks/adverts-train.png"} <= set(album.names)
        assert "vultilion" in page


def test_a_new_tool_appears(monkeypatch):
    monkeypatch.setattr(TOOLS, "_entries", dict(TOOLS._entries))

    @TOOLS.register("posterise")
    class Posterise:
        """Leaves few colours.

        Args:
            levels: How many of each channel.
        """

        version = "3"
        deterministic = True
        problems = ("", "there is no picture")

        def __init__(self, stock, vocabulary, levels: int = 4):
            pass

    page = registries.page("tools", Undrawn())
    section = page[page.index("## `posterise`") :]
    assert "Leaves few colours." in section and "version: 3" in section and "“there is no picture”" in section
    assert "| `levels` | `4` | How many of each channel. |" in section and "stock" not in section
    assert "`**kwargs`" not in registries.page("regions", Undrawn())


def test_environments_tell_their_live_spaces():
    assert environments.ids() == ["ImageEdit-v0", "ImagePlan-v0"]
    page = environments.page("ImageEdit-v0", Undrawn())
    env = gym.make("ImageEdit-v0")
    assert repr(env.action_space) in page and "Discrete([ 12 272 528])" in page and "max_episode_steps=10" in page
    env.close()
    assert "## Rewards" in page and "episode.webp" in page


def test_all_wrappers_are_there():
    page = wrapper_pages.page(Undrawn())
    for name in wrappers.__all__:
        assert name in page
    assert "numbered_regions" in page and "Discrete(1625)" in page


def test_all_commands_are_there():
    found = commands.modules()
    assert {"baselines.run", "benchmarks.audit", "imgedit_gym.tasks.adverts.vocabulary"} <= set(found)
    page = commands.page()
    for module in found:
        assert f"### `python -m {module}`" in page
    assert "| `--episodes` | `100` |" in page and "| `--seed` | `0` |" in page
    assert "**`season open`**" in page and "*required*" in page


def test_every_room_has_a_page_and_a_place_in_the_drawing():
    rooms = {f"imgedit_gym.{part.name}" for part in pkgutil.iter_modules(imgedit_gym.__path__)}
    pages = "".join(api.page(name) for name in api.ROOMS)
    for room in rooms - {"imgedit_gym.kernels"}:
        assert f"`{room}" in pages, room
    drawing = (ROOT / "docs" / "explanations" / "architecture.svg").read_text()
    for room in rooms | {"baselines", "benchmarks"}:
        assert room.rpartition(".")[2] in drawing, room


def test_formats_name_every_key():
    from imgedit_gym.trajectory import _NAMES

    page = formats.page(ROOT)
    for key in _NAMES:
        assert f"| `{key}` |" in page
    assert "| `training` | string | yes |" in page and "- `states`: One row" in page


def test_all_extras_are_there():
    page = extras.page(ROOT)
    assert "| `lora` | larger planners by adapters | peft |" in page and "| `all` |" in page


# ---------------------------------------------------------------------- pieces


def test_docstrings_become_markdown():
    args = "Args:\n    x: One,\n        and more.\n    **rest: Others."
    doc = docstrings.parse(f"A ``thing`` of :class:`a.B`.\n\nMore.\n\n{args}\n\nSource: me.")
    assert doc.summary == "A `thing` of {py:class}`a.B`."
    assert doc.sections["Args"] == {"x": "One, and more.", "**rest": "Others."} and doc.text.endswith("Source: me.")


def test_a_class_does_not_inherit_its_description():
    child = type("Child", (Pages,), {})
    assert docstrings.read(child).text == ""


def test_pictures_are_kept_until_the_code_changes(tmp_path):
    drawn = []

    def draw():
        drawn.append(1)
        return [Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "white")], {"n": len(drawn)}

    assert Album(tmp_path, "a").get("x/y.webp", draw, duration=100) == {"n": 1}
    again = Album(tmp_path, "a")
    assert again.get("x/y.webp", draw, duration=100) == {"n": 1} and again.drawn == []
    assert Album(tmp_path, "a").get("x/y.webp", draw, duration=200) == {"n": 2}
    changed = Album(tmp_path, "b")
    assert changed.get("x/y.webp", draw, duration=200) == {"n": 3} and changed.drawn == ["x/y.webp"]
    with Image.open(tmp_path / "x" / "y.webp") as image:
        assert image.n_frames == 2
    Album(tmp_path, "b").tidy()
    assert not (tmp_path / "x" / "y.webp").exists()


def test_the_code_is_what_pictures_hang_on(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "a.py").write_text("1")
    before = code_digest.__wrapped__(tmp_path)
    (tmp_path / "weights" / "b.py").write_text("1")
    assert code_digest.__wrapped__(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert code_digest.__wrapped__(tmp_path) != before


def test_files_change_only_with_their_content(tmp_path):
    first = Pages(tmp_path)
    first.write("a/b.md", "x")
    first.write("c.md", "x")
    before = (tmp_path / "c.md").stat().st_mtime_ns
    second = Pages(tmp_path)
    second.write("c.md", "x")
    second.tidy()
    assert (tmp_path / "c.md").stat().st_mtime_ns == before and not (tmp_path / "a").exists()


def test_a_tool_is_shown_at_work(monkeypatch):
    trials = drawings.Trials(6)
    monkeypatch.setattr(drawings, "_trials", lambda world: trials)
    frames, said = drawings.tool("paste_over")
    pixels = np.array(frames[0])
    half = pixels.shape[1] // 2
    assert pixels.shape == (256, 520, 4) and (pixels[:, : half - 4] != pixels[:, half + 4 :]).any()
    assert said["verbs"] == ["add", "replace"] and said["step"].split()[0] in said["verbs"]
    assert drawings.tool("fill_flat")[1]["verbs"] == ["all"]


def test_a_retouching_tool_is_shown_where_its_fault_is(monkeypatch):
    tools = ("saturate", "unfade")
    world = drawings.WORLDS["photos"] | {"image_size": 64}
    trials = drawings.Trials(24, tools, **world)
    monkeypatch.setattr(drawings, "_trials", lambda world: trials)
    frames, said = drawings.tool("saturate")
    assert said["step"].endswith("richer") and said["verbs"] == ["adjust"]
    pixels = np.array(frames[0]).astype(int)
    spread = np.ptp(pixels[..., :3], axis=2)[4:-4]  # the outline is a colour, too
    assert spread[:, -200:-4].mean() > spread[:, 4:200].mean() + 5


def test_blocks_and_photographs_are_shown_with_their_originals():
    frames, shown = photographs.regions("blocks")
    assert shown == [1, 21, 37, 64] and frames[0].size == (4 * 192 + 3 * 8, 192)
    frames, said = photographs.tasks("test", columns=2)
    pixels = np.array(frames[0])
    assert pixels.shape == (264, 264, 4) and (pixels[:128] != pixels[-128:]).any() and said[0]


@pytest.mark.slow  # as documentation is built before the slow tests, which brings docutils
def test_no_page_tells_where_the_repository_lies(tmp_path):
    nodes = pytest.importorskip("docutils.nodes")
    app = type("App", (), {"srcdir": tmp_path / "docs"})
    tree = nodes.paragraph("", "", nodes.literal("", f"{tmp_path}/baselines/weights"))
    imgedit_docs._hide_folder(app, tree)
    assert tree.astext() == "baselines/weights"
