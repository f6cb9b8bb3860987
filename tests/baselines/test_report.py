"""The report of a run of the baselines: tables, gallery, page."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from baselines.report import EpisodeView, StepView, draw_gallery, print_table, table_markdown, write_page
from baselines.report import page as page_module
from baselines.report.files import write_whole
from baselines.report.gallery import BORDER, FAILURE, GAP, MARGIN, SUCCESS, TILE, shorten, wrap
from baselines.report.table import METRICS, by_magnitude
from imgedit_gym.core.errors import ImgEditError

MALICIOUS = "</script><img src=x onerror=alert(1)><!-- <script> \u2028 “naïve” 🍔"


def picture(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def episode(agent: str = "rules", task: str = "t0", **changes: Any) -> EpisodeView:
    source = picture(sum(task.encode()))
    values: dict[str, Any] = {
        "agent": agent,
        "task_id": task,
        "instruction": f"Make {task} greener.",
        "plan": ("remove the car", "add the tree", "rewrite the headline"),
        "frames": (source, picture(1000 + sum(agent.encode())), source),
        "steps": (
            StepView("remove the car", "fill_flat", 0, 0.25, ""),
            StepView("add the tree", "paste", 12, -0.125, "paste: nothing in the region changed"),
        ),
        "requirements": (("no car", 1.0), ("a tree", 0.5), ("headline", 0.49)),
        "score": 0.625,
        "execution": 0.7,
        "preservation": 0.9,
        "quality": 1.0,
        "success": agent == "oracle",
    }
    return EpisodeView(**(values | changes))


def entry(mean: float, low: float, high: float) -> dict[str, Any]:
    return {"mean": mean, "ci95": [low, high]}


def results(*agents: str) -> dict[str, Any]:
    every = {metric.key: entry(0.5, 0.375, 0.65) for metric in METRICS}
    return {
        "suite": "small",
        "seed": 3,
        "agents": {name: dict(every) for name in agents or ("rules", "oracle")},
    }


class Elements(HTMLParser):
    """Start tags in order, and the text of the data element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][1].get("id") == "data":
            self.data += data


def written(tmp_path: Path, *episodes: EpisodeView, numbers: dict[str, Any] | None = None) -> Elements:
    write_page(numbers or results(), episodes, tmp_path / "index.html")
    return Elements((tmp_path / "index.html").read_text(encoding="utf-8"))


def decode(url: str) -> np.ndarray:
    kind, _, content = url.partition(";base64,")
    assert kind == "data:image/webp"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


# ------------------------------------------------------------------ episodes


@pytest.mark.parametrize(
    "frames",
    [(picture(0),), (picture(0).astype(np.float32),) * 3, (picture(0)[..., 0],) * 3],
    ids=["too few", "float", "grey"],
)
def test_episode_refuses_wrong_frames(frames):
    with pytest.raises(ImgEditError, match="frames"):
        episode(frames=frames)


# ------------------------------------------------------------------ tables


def test_markdown_has_one_row_per_agent_and_its_values():
    numbers = results("rules", "a|b")
    numbers["agents"]["rules"] |= {
        "normalised": None,
        "tool_calls": entry(3, 2.25, 4),
        "seconds": entry(0.05, 0.04, 12),
    }
    lines = table_markdown(numbers).splitlines()
    assert len(lines) == 4
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[:3] == ["rules", "0.50 [0.38, 0.65]", "–"]
    assert cells[7] == "3.0 [2.2, 4.0]"
    assert cells[9] == "0.050 [0.040, 12.0]"
    assert lines[3].startswith("| a\\|b |")
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == len(METRICS) + 2


@pytest.mark.parametrize("value", [None, {"mean": float("nan"), "ci95": [0, 1]}, {"mean": None, "ci95": None}])
def test_a_missing_number_is_a_dash(value):
    numbers = results("rules")
    numbers["agents"]["rules"]["score"] = value
    assert table_markdown(numbers).splitlines()[2].startswith("| rules | – |")


def test_a_mean_without_interval_stands_alone():
    numbers = results("rules")
    numbers["agents"]["rules"]["score"] = {"mean": 0.5, "ci95": None}
    assert table_markdown(numbers).splitlines()[2].startswith("| rules | 0.50 |")


@pytest.mark.parametrize(("width", "interval"), [(160, "[0.38, 0.65]"), (80, "±0.15")])
def test_console_table_fits_and_names_everything(width, interval):
    console = Console(width=width, record=True, file=io.StringIO())
    print_table(results("no-op", "[bold]odd", "oracle"), console)
    text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    assert text.count(interval) >= 3 * 6
    for word in ("no-op", "[bold]odd", "oracle", "normalised", "seconds"):
        assert word in text


def test_durations_keep_their_digits():
    assert [by_magnitude(v) for v in (0.00042, 0.042, 4.2, 42.0, 420.0)] == [
        "0.00042",
        "0.042",
        "4.20",
        "42.0",
        "420",
    ]


# ------------------------------------------------------------------ gallery


def test_gallery_size_and_borders(tmp_path):
    episodes = [episode(agent, task) for task in ("t0", "t1", "t2") for agent in ("rules", "oracle")]
    draw_gallery(episodes, tmp_path / "gallery.png", max_tasks=2)
    sheet = opened(tmp_path / "gallery.png")
    outer = TILE + 2 * BORDER
    assert sheet.width == 2 * MARGIN + 3 * outer + 2 * GAP
    assert 2 * outer < sheet.height < 4 * outer
    row = [sheet.getpixel((x, MARGIN + 120)) for x in (MARGIN + outer + GAP + 1, MARGIN + 2 * (outer + GAP) + 1)]
    assert ["#{:02x}{:02x}{:02x}".format(*pixel) for pixel in row] == [FAILURE, SUCCESS]
    assert os.listdir(tmp_path) == ["gallery.png"]


def test_gallery_shows_final_pictures_whole_factors_exact(tmp_path):
    final = np.zeros((96, 96, 3), np.uint8)
    final[::2] = (10, 200, 30)
    draw_gallery([episode(frames=(picture(0, 96), picture(1, 96), final))], tmp_path / "gallery.png")
    sheet = np.asarray(opened(tmp_path / "gallery.png"))
    left = MARGIN + TILE + 2 * BORDER + GAP + BORDER
    column = sheet[:, left + 5]
    assert (column == (10, 200, 30)).all(1).sum() == TILE // 2


def test_gallery_without_some_episodes_and_with_long_words(tmp_path):
    odd = episode("oracle", "t1", instruction="word " * 80 + "x" * 400)
    draw_gallery([episode("a" * 80, "t0"), odd], tmp_path / "gallery.png")
    assert opened(tmp_path / "gallery.png").height > 2 * TILE


def test_gallery_needs_an_episode(tmp_path):
    with pytest.raises(ImgEditError, match="at least one"):
        draw_gallery([], tmp_path / "gallery.png")
    assert not list(tmp_path.iterdir())


class Fixed:
    """A font of letters 10 pixels wide."""

    def getlength(self, text: str) -> float:
        return 10.0 * len(text)


def test_wrap_and_shorten():
    assert wrap("ab cd efghijk", Fixed(), 50) == ["ab cd", "efghi", "jk"]
    assert wrap("", Fixed(), 50) == [""]
    assert shorten("abc", Fixed(), 30) == "abc"
    assert shorten("abcdef", Fixed(), 40) == "abc…"


# ------------------------------------------------------------------ page


def test_page_needs_nothing_else(tmp_path):
    page = written(tmp_path, episode())
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)
    assert [tag for tag, _ in page.tags].count("script") == 2
    for tag, attributes in page.tags:
        assert tag not in ("iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert (attributes.get("href") or "data:").startswith("data:")
    policy = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv")]
    assert policy[0].startswith("default-src 'none'")
    assert os.listdir(tmp_path) == ["index.html"]


def test_page_inserts_texts_only_as_text(tmp_path):
    text = (Path(page_module.__file__).with_name("page.html")).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", text)
    assert text.count(page_module.PLACEHOLDER) == 1


def test_page_controls_are_labelled(tmp_path):
    page = written(tmp_path, episode())
    ids = {attributes["id"]: attributes for _, attributes in page.tags if attributes.get("id")}
    assert ids["status"]["aria-live"] == "polite"
    for control in ("slider", "back", "forth"):
        assert ids[control]["aria-label"]
    used = set(re.findall(r'\$\("([a-z]+)"\)', (tmp_path / "index.html").read_text(encoding="utf-8")))
    assert used <= set(ids)


def test_malicious_texts_stay_data(tmp_path):
    plain = written(tmp_path, episode())
    steps = (StepView(MALICIOUS, MALICIOUS, 1, 0.0, MALICIOUS),) * 2
    bad = episode(
        MALICIOUS,
        MALICIOUS,
        instruction=MALICIOUS,
        plan=(MALICIOUS,),
        steps=steps,
        requirements=((MALICIOUS, 1.0),),
    )
    page = written(tmp_path, bad, numbers=results(MALICIOUS) | {"note": MALICIOUS})
    assert page.tags == plain.tags
    data = json.loads(page.data)
    found = data["episodes"][0]
    assert {found["agent"], found["task"], found["instruction"], found["plan"][0]} == {MALICIOUS}
    assert found["requirements"][0][0] == found["steps"][0]["problem"] == data["rows"][0]["agent"] == MALICIOUS


def test_a_text_that_looks_like_the_placeholder_stays(tmp_path):
    page = written(tmp_path, episode(instruction=page_module.PLACEHOLDER))
    assert json.loads(page.data)["episodes"][0]["instruction"] == page_module.PLACEHOLDER


def test_page_data_round_trip(tmp_path):
    first, second = episode("rules"), episode("oracle")
    numbers = results()
    numbers["agents"]["rules"]["normalised"] = None
    data = json.loads(written(tmp_path, first, second, numbers=numbers).data)
    assert data["details"] == [["suite", "small"], ["seed", "3"]]
    assert [column["label"] for column in data["columns"]][:3] == ["score", "normalised", "success"]
    assert data["rows"][0]["cells"][0] == [0.5, 0.375, 0.65, "0.50", "[0.38, 0.65]"]
    assert data["rows"][0]["cells"][1] == [None, None, None, "–", ""]
    assert (data["agents"], data["tasks"]) == (["rules", "oracle"], ["t0"])
    found = data["episodes"][0]
    assert found["instruction"] == first.instruction
    assert found["plan"] == list(first.plan)
    assert found["steps"][1] == {
        "text": "add the tree",
        "tool": "paste",
        "region": 12,
        "reward": -0.125,
        "problem": "paste: nothing in the region changed",
    }
    assert found["requirements"] == [["no car", 1.0, True], ["a tree", 0.5, True], ["headline", 0.49, False]]
    assert [found[key] for key in ("score", "execution", "preservation", "quality")] == [0.625, 0.7, 0.9, 1.0]
    assert [found["success"] for found in data["episodes"]] == [False, True]
    assert data["lossless"]
    for view, entry_ in zip((first, second), data["episodes"], strict=True):
        for frame, index in zip(view.frames, entry_["frames"], strict=True):
            assert np.array_equal(decode(data["pictures"][index]), frame)


def test_identical_pictures_are_stored_once(tmp_path):
    data = json.loads(written(tmp_path, episode("rules"), episode("oracle")).data)
    assert len(data["pictures"]) == 3
    assert data["episodes"][0]["frames"] == [0, 1, 0]
    assert data["episodes"][1]["frames"] == [0, 2, 0]


def test_pictures_over_the_budget_are_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "BUDGET", 1000)
    data = json.loads(written(tmp_path, episode()).data)
    assert not data["lossless"]
    assert [decode(url).shape for url in data["pictures"]] == [(32, 32, 3)] * 2


def test_not_a_number_becomes_null(tmp_path):
    steps = (StepView("a", "skip", 0, float("nan"), ""),) * 2
    found = json.loads(written(tmp_path, episode(score=float("inf"), steps=steps)).data)["episodes"][0]
    assert found["score"] is None
    assert found["steps"][0]["reward"] is None


def test_numpy_numbers_are_taken(tmp_path):
    steps = (StepView("a", "skip", np.int64(3), np.float32(0.5), ""),) * 2  # type: ignore[arg-type]
    view = episode(score=np.float32(0.5), success=np.bool_(True), steps=steps, requirements=(("r", np.float32(1)),))
    found = json.loads(written(tmp_path, view).data)["episodes"][0]
    assert (found["score"], found["success"], found["requirements"]) == (0.5, True, [["r", 1.0, True]])


def test_page_without_episodes(tmp_path):
    data = json.loads(written(tmp_path).data)
    assert (data["episodes"], data["pictures"], len(data["rows"])) == ([], [], 2)


# ------------------------------------------------------------------ files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "new folder" / "report.html"
    write_whole(target, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(target.parent) == ["report.html"]
